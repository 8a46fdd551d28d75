"""`RegularizationPathDisplay`: the coefficients along a path of strengths.

Below it is what both displays check of their arguments, and read off estimators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from ..linear.base import BaseRegularized
from ..model_selection.cv import BaseCV
from ..model_selection.grids import PARAMETERS
from ..model_selection.path import RegularizationPath, regularization_path


class RegularizationPathDisplay:
    """Picture of a regularisation path: every coefficient against the strength.

    Strengths run from the most regularised at the left to the least at the right, on a logarithmic
    axis (logit for dropout rates); with a strength of 0 on the path, the axis is linear below the
    least positive one (all along for dropout rates). The largest features are in colour and named.
    On top stands the number of nonzero coefficients, if it changes. Ticks on the line of zeros mark
    the knots, where a feature enters or leaves. Coefficients of features in different units cannot
    be compared: standardise the columns first.

    Parameters
    ----------
    parameter : {"l1_lambda", "l2_lambda", "dropout_rate"}
        The parameter that varies.
    values : array-like of shape (n_values,)
        The strengths, in any order.
    coefs : array-like of shape (n_values, n_features)
        The coefficients of one target at each strength.
    feature_names : array-like of shape (n_features,), default=None
        The names of the features. None: "x0", "x1", ...
    chosen : dict of str to float, default=None
        Strengths to mark by vertical lines, and their names in the legend.
    knots : array-like of shape (n_knots,), default=None
        Strengths at which a feature enters or leaves. None if they are not known.

    Attributes
    ----------
    ax_, figure_, top_ax_ : matplotlib Axes, Figure, and Axes or None
        Where the path is drawn, and the axis of the numbers on top.
    lines_, names_ : list of matplotlib Line2D and of Annotation
        The named features, in the order of the columns.
    other_lines_ : matplotlib LineCollection
        The other features, without those that are zero throughout.
    chosen_lines_ : list of matplotlib Line2D
        The marked strengths, from weak to strong, with the labels in the legend.
    knots_line_ : matplotlib Line2D or None
        The ticks at the knots.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L1Regressor, RegularizationPathDisplay, regularization_path
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> path = regularization_path(L1Regressor(), X, y)
    >>> display = RegularizationPathDisplay.from_path(path, n_labels=3)
    >>> [name.get_text() for name in display.names_]
    ['bmi', 's1', 's5']
    """

    def __init__(self, *, parameter, values, coefs, feature_names=None, chosen=None, knots=None):
        self.parameter = parameter
        self.values = values
        self.coefs = coefs
        self.feature_names = feature_names
        self.chosen = chosen
        self.knots = knots

    def plot(self, ax=None, *, features=None, n_labels=10, line_kw=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: those of a new figure.
        features : int, str or array-like of them, default=None
            The features to draw in colour and name, by column or by name, as far as there is room.
        n_labels : int, default=10
            How many to name if `features` is None: those with the largest absolute coefficients at
            the weakest of the chosen strengths and, where these are 0 or nothing is chosen,
            anywhere on the path.
        line_kw : dict, default=None
            Properties of the coloured lines, see `matplotlib.lines.Line2D`.

        Returns
        -------
        display : RegularizationPathDisplay
            The object itself.

        Raises
        ------
        ValueError
            If shapes do not agree, or a value or a feature is not possible.
        """
        from . import drawing

        check_scalar(n_labels, "n_labels", Integral, min_val=0)
        values, order = check_strengths(self.parameter, self.values, self.chosen)
        coefs = check_array(self.coefs, dtype=np.float64, input_name="coefs")
        check_consistent_length(values, coefs)
        coefs, names = coefs[order], [f"x{column}" for column in range(coefs.shape[1])]
        if self.feature_names is not None:
            names = [str(name) for name in self.feature_names]
            if len(names) != coefs.shape[1]:
                raise ValueError(f"feature_names has {len(names)} names, not {coefs.shape[1]}.")
        if features is None:
            anywhere = there = np.abs(coefs).max(axis=0)
            if self.chosen:
                weakest = np.argmin(np.abs(values - min(self.chosen.values())))
                there = np.abs(coefs[weakest])
            features = np.lexsort([-anywhere, -there])[:n_labels]
        columns = check_features(features, names)

        ax = drawing.strength_axes(ax, self.parameter, values, self.chosen)
        ax.set_ylabel("Coefficient")
        ax.plot(values[[0, -1]], [0, 0], color="black", linewidth=0.6)
        self.top_ax_ = drawing.draw_counts(ax, values, np.count_nonzero(coefs, axis=1))
        # In the order of the columns, so that a feature looks alike in pictures of several paths.
        columns = sorted(columns[: drawing.lines_that_fit(ax)])
        self.lines_, self.other_lines_ = drawing.draw_paths(ax, values, coefs, columns, line_kw)
        self.knots_line_ = None
        if self.knots is not None:
            knots = np.asarray(self.knots, dtype=np.float64)
            knots = knots[knots >= values[-1]]
            (self.knots_line_,) = ax.plot(knots, 0 * knots, "|", color=drawing.DARK_GREY, zorder=4)
            self.knots_line_.set(markersize=5, markeredgewidth=0.8)
        self.chosen_lines_ = drawing.draw_marks(ax, self.chosen, 1 - drawing.NAMES_MOST)
        self.names_ = drawing.name_ends(ax, self.lines_, [names[column] for column in columns])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_path(cls, path, *, target=None, feature_names=None, chosen=None, **plot_options):
        """Draw what :func:`regularization_path` returned.

        Parameters
        ----------
        path : RegularizationPath
            The path.
        target : int, default=None
            The target to draw, counted from 0. Required if there are several.
        feature_names, chosen : optional
            See the class. None: the names in the path, and no marks.
        **plot_options : optional
            See :meth:`plot`, also for the errors raised.

        Returns
        -------
        display : RegularizationPathDisplay
            The display that was drawn.
        """
        if not isinstance(path, RegularizationPath):
            raise TypeError(f"path must be a RegularizationPath, not {type(path).__name__}.")
        coefs, knots = one_target(path.coefs, path.knots, target)
        display = cls(
            parameter=path.parameter,
            values=path.values,
            coefs=coefs,
            feature_names=path.feature_names if feature_names is None else feature_names,
            chosen=chosen,
            knots=knots,
        )
        return display.plot(**plot_options)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        sample_weight=None,
        values=None,
        n_values=100,
        eps=None,
        target=None,
        feature_names=None,
        chosen=None,
        **plot_options,
    ):
        """Draw the path of a cross-validated estimator, or compute that of a regressor and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted L1RegressorCV, L2RegressorCV or DropoutRegressorCV, which holds its path; or an
            L1Regressor, L2Regressor or DropoutRegressor, fitted or not, whose path is computed. Or
            a :class:`~sklearn.pipeline.Pipeline` that ends in one, with its other steps fitted.
        X, y, sample_weight, values, n_values, eps : optional
            See :func:`regularization_path`. A regressor requires X and y; a cross-validated
            estimator ignores all of these.
        target : int, default=None
            The target to draw, counted from 0. Required if there are several.
        feature_names, chosen : optional
            See the class. None: the names that the estimator saw; the strengths that
            cross-validation chose, or the regressor's own strength if it lies on the path.
        **plot_options : optional
            See :meth:`plot`, also for the errors raised.

        Returns
        -------
        display : RegularizationPathDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If `estimator` is not one of this package.
        NotFittedError
            If a cross-validated estimator, or a step of a pipeline before it, is not fitted.
        """
        model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        steps = estimator[:-1] if model is not estimator and len(estimator) > 1 else None
        if isinstance(model, BaseCV):
            path = path_of(model)
            own_chosen = chosen_by(model, target)
        elif not isinstance(model, BaseRegularized):
            raise TypeError(
                "estimator must be one of skreg's regressors, or a Pipeline that ends in one, not "
                f"{type(model).__name__}."
            )
        elif X is None or y is None:
            raise ValueError(f"X and y are needed to compute the path of {type(model).__name__}.")
        else:
            X = X if steps is None else steps.transform(X)
            path = regularization_path(model, X, y, values, n_values, eps, sample_weight)
            own = getattr(model, path.parameter)
            is_on_path = np.ndim(own) == 0 and path.values[-1] <= own <= path.values[0]
            own_chosen = {path.parameter: own} if is_on_path else {}
        if steps is not None and feature_names is None:
            with suppress(AttributeError):  # a step does not name its features
                feature_names = steps.get_feature_names_out()
        chosen = own_chosen if chosen is None else chosen
        return cls.from_path(
            path, target=target, feature_names=feature_names, chosen=chosen, **plot_options
        )


def check_strengths(
    parameter: str, values: ArrayLike, chosen: Mapping[str, float] | None
) -> tuple[NDArray, NDArray]:
    """Return the values (m,) from strong to weak, and the order (m,) that sorts them."""
    if parameter not in PARAMETERS:
        raise ValueError(f"parameter must be one of {list(PARAMETERS)}; got {parameter!r}.")
    PARAMETERS[parameter].checked(values, "values")
    if chosen:
        PARAMETERS[parameter].checked(list(chosen.values()), "chosen")
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    return values[order], order


def check_features(features: int | str | Sequence[int | str], names: list[str]) -> list[int]:
    """Return the columns of features given by column or by name, each once."""
    columns: dict[int, None] = {}
    for feature in [features] if isinstance(features, (str, int, np.integer)) else features:
        column = names.index(feature) if isinstance(feature, str) and feature in names else feature
        is_whole = isinstance(column, (int, np.integer)) and not isinstance(column, bool)
        if isinstance(column, str) or not is_whole or column not in range(len(names)):
            raise ValueError(f"features has {feature!r}, neither a feature's name nor a column.")
        columns[column] = None
    return list(columns)


def one_target(
    coefs: NDArray, knots: NDArray | list[NDArray] | None, target: int | None
) -> tuple[NDArray, NDArray | None]:
    """Return the coefficients (m, p) and knots (k,) of a target out of coefs (m, [targets,] p)."""
    coefs = coefs.reshape(len(coefs), -1, coefs.shape[-1])
    last = coefs.shape[1] - 1
    if target is None and last > 0:
        raise ValueError(f"The path is of {last + 1} targets; choose one by `target`, 0 to {last}.")
    target = 0 if target is None else target
    check_scalar(target, "target", Integral, min_val=0, max_val=last)
    return coefs[:, target], knots[target] if isinstance(knots, list) else knots


def path_of(cv: BaseCV) -> RegularizationPath:
    """Return the path of a fitted search, which keeps no gaps and no iterations: they are NaN."""
    check_is_fitted(cv)
    values = getattr(cv, f"{cv._grid_parameter}_")
    unknown, names = np.full(len(values), np.nan), getattr(cv, "feature_names_in_", None)
    coefs, intercepts = cv.coef_path_, cv.intercept_path_
    parameter = cv._regressor._path_parameter
    return RegularizationPath(parameter, values, coefs, intercepts, unknown, unknown, names)


def chosen_by(cv: BaseCV, target: int | None) -> dict[str, float]:
    """Return what a fitted search chose, by name; without a target, only what all of them share."""
    grid = cv._grid_parameter[:-1]
    best = "best" if hasattr(cv, "score_path_") else "min"
    attributes = {best: f"{grid}_min_", "1-SE": f"{grid}_1se_"}
    if cv.criterion is not None:
        attributes = {cv.criterion.upper(): f"{cv._regressor._path_parameter}_"}
    chosen = {}
    for name, attribute in attributes.items():
        values = np.ravel(getattr(cv, attribute, []))  # one, or one for each target
        if len(values) == 1 or (len(values) and target is not None):
            chosen[name] = float(values[min(target or 0, len(values) - 1)])
    return chosen
