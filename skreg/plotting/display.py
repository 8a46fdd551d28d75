"""`RegularizationPathDisplay` and `CVDisplay`: pictures of paths and of their cross-validation.

They keep scikit-learn's convention: the constructor stores what is drawn, `from_path` and
`from_estimator` collect it and draw it, `plot` draws it again elsewhere. Strengths run from strong
at the left to weak at the right. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length, check_scalar

from ..model_selection.path import RegularizationPath
from . import plotting


class RegularizationPathDisplay:
    """Picture of a regularisation path: every coefficient against the strength.

    The strength runs on a logarithmic axis, a dropout rate q by the logarithm of q / (1 - q), from
    the most regularised at the left to the least at the right. The lines of the largest features
    are in colour, with their names at the ends; the others are thin and grey. On top stands the
    number of nonzero coefficients, where it changes along the path.

    Coefficients of features in different units cannot be compared: standardise the columns first.

    Use :meth:`from_path` or :meth:`from_estimator` to create one. All parameters are stored as
    attributes.

    Parameters
    ----------
    parameter : {"l1_lambda", "l2_lambda", "dropout_rate"}
        What the values are values of.
    values : array-like of shape (n_values,)
        The strengths.
    coefs : array-like of shape (n_values, n_features)
        The coefficients at each of them, of one target.
    feature_names : array-like of shape (n_features,), default=None
        The names of the features. None: "x0", "x1", ...
    chosen : dict of str to float, default=None
        Values to mark, under these names, by vertical lines. None: none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.
    lines_ : list of matplotlib Line2D
        The lines of the named features, in the order of the columns.
    other_lines_ : matplotlib LineCollection
        The lines of the others, those that are zero throughout left out.
    names_ : list of matplotlib Annotation
        The names of the features.
    chosen_lines_ : list of matplotlib Line2D
        The vertical lines, from strong to weak.
    chosen_names_ : list of matplotlib Annotation
        Their names.
    top_ax_ : matplotlib Axes or None
        Those of the numbers of nonzero coefficients; None where these are all the same.

    See Also
    --------
    regularization_path : Computes a path.
    CVDisplay : The error along a path.

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

    def __init__(self, *, parameter, values, coefs, feature_names=None, chosen=None):
        self.parameter = parameter
        self.values = values
        self.coefs = coefs
        self.feature_names = feature_names
        self.chosen = chosen

    def plot(self, ax=None, *, features=None, n_labels=10, line_kw=None, chosen_kw=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: on a new figure.
        features : array-like of {int, str}, default=None
            The features to draw in colour and name, by column or by name, as far as there is room.
            None: the largest `n_labels`.
        n_labels : int, default=10
            How many of the largest features to draw in colour and name, as far as there is room:
            those with the largest absolute coefficients at the least regularised of the chosen
            values, or, where these are 0 or none is chosen, anywhere on the path.
        line_kw : dict, default=None
            Properties of the coloured lines, for `matplotlib.axes.Axes.plot`.
        chosen_kw : dict, default=None
            Properties of the vertical lines, for `matplotlib.axes.Axes.axvline`.

        Returns
        -------
        display : RegularizationPathDisplay
            The object itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, a value is not one the parameter can have, or a feature is
            not there.
        """
        plotting.require_matplotlib(f"{type(self).__name__}.plot")
        check_scalar(n_labels, "n_labels", Integral, min_val=0)
        values, order = plotting.check_values(self.parameter, self.values)
        coefs = check_array(self.coefs, dtype=np.float64, input_name="coefs")
        check_consistent_length(values, coefs)
        coefs = coefs[order]
        names = plotting.check_names(self.feature_names, coefs.shape[1])
        chosen = plotting.check_chosen(self.parameter, self.chosen)
        marks = np.unique(list(chosen.values()))
        if features is None:
            ranked = _largest(values, coefs, marks)[:n_labels]
        else:
            ranked = plotting.check_features(features, names)
        from . import drawing

        ax, scale = plotting.start_axes(ax, self.parameter, np.append(values, marks))
        self.top_ax_ = plotting.draw_nonzeros(ax, scale, values, np.count_nonzero(coefs, axis=1))
        ax.plot(values[[0, -1]], [0, 0], color="black", linewidth=0.6)

        ax.set_ylabel("Coefficient (units of y per unit of the feature)")
        drawing.fit_labels(ax, {ax.xaxis: self.parameter, ax.yaxis: "Coefficient"})
        # In the order of the columns, so that a feature looks alike in pictures of several paths.
        named = np.sort(ranked[: drawing.names_that_fit(ax, len(marks))])
        self.lines_, self.other_lines_ = drawing.draw_paths(ax, values, coefs, named, line_kw)
        self.names_ = drawing.write_names(ax, self.lines_, [names[feature] for feature in named])
        ax.set_xlim(*scale.limits(drawing.names_width(ax, self.names_)))
        self.chosen_lines_, self.chosen_names_, top = drawing.draw_marks(ax, chosen, chosen_kw)
        drawing.set_heights(ax, np.append(coefs, 0), top)
        drawing.place_names(ax, self.names_, top)

        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    def from_path(
        cls,
        path,
        *,
        target=None,
        feature_names=None,
        chosen=None,
        ax=None,
        features=None,
        n_labels=10,
        line_kw=None,
        chosen_kw=None,
    ):
        """Draw what :func:`regularization_path` returned.

        Parameters
        ----------
        path : RegularizationPath
            The path.
        target : int, default=None
            Which target to draw, counted from 0. It must be given where there are several.
        feature_names : array-like of shape (n_features,), default=None
            The names of the features. None: those in the path, or "x0", "x1", ...
        chosen : dict of str to float, default=None
            Values to mark, under these names, by vertical lines. None: none.
        ax : matplotlib Axes, default=None
            Where to draw. None: on a new figure.
        features, n_labels, line_kw, chosen_kw : optional
            See :meth:`plot`.

        Returns
        -------
        display : RegularizationPathDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `path` is not a RegularizationPath.
        ValueError
            If there are several targets and none is chosen, or as in :meth:`plot`.
        """
        plotting.require_matplotlib(f"{cls.__name__}.from_path")
        if not isinstance(path, RegularizationPath):
            raise TypeError(
                f"path must be an instance of RegularizationPath, not {type(path).__name__}."
            )
        display = cls(
            parameter=path.parameter,
            values=path.values,
            coefs=_of_target(path.coefs, target),
            feature_names=path.feature_names if feature_names is None else feature_names,
            chosen=chosen,
        )
        return display.plot(
            ax, features=features, n_labels=n_labels, line_kw=line_kw, chosen_kw=chosen_kw
        )

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
        ax=None,
        features=None,
        n_labels=10,
        line_kw=None,
        chosen_kw=None,
    ):
        """Draw the path of a cross-validated estimator, or compute that of a regressor and draw it.

        Parameters
        ----------
        estimator : estimator instance
            A fitted L1RegressorCV, L2RegressorCV or DropoutRegressorCV, whose path is at hand; or
            an L1Regressor, L2Regressor or DropoutRegressor, fitted or not, whose path on X and y is
            computed by :func:`regularization_path`. Or a :class:`~sklearn.pipeline.Pipeline` that
            ends in one of them, its other steps fitted.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            The design. Needed for a regressor, ignored for a cross-validated estimator, as are all
            down to `eps`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            The weights of the rows.
        values : array-like of shape (n_values,), default=None
            The strengths. None: an automatic grid.
        n_values : int, default=100
            How many values an automatic grid has.
        eps : float, default=None
            How far down an automatic grid goes, see :func:`regularization_path`.
        target : int, default=None
            Which target to draw, counted from 0. It must be given where there are several.
        feature_names : array-like of shape (n_features,), default=None
            The names of the features. None: those that the estimator saw, or "x0", "x1", ...
        chosen : dict of str to float, default=None
            Values to mark, under these names, by vertical lines. None: those that cross-validation
            chose, or the regressor's own strength if it lies on the path.
        ax : matplotlib Axes, default=None
            Where to draw. None: on a new figure.
        features, n_labels, line_kw, chosen_kw : optional
            See :meth:`plot`.

        Returns
        -------
        display : RegularizationPathDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `estimator` is not one of this package.
        NotFittedError
            If a cross-validated estimator, or a step of a pipeline before it, is not fitted.
        ValueError
            As in :meth:`from_path` and :func:`regularization_path`.
        """
        plotting.require_matplotlib(f"{cls.__name__}.from_estimator")
        if plotting.is_cv(estimator):
            parameter, values, coefs, names, marks = plotting.path_of_cv(estimator)
        else:
            grid = {"values": values, "n_values": n_values, "eps": eps}
            parameter, values, coefs, names, marks = plotting.path_of_regressor(
                estimator, X, y, sample_weight=sample_weight, **grid
            )
        display = cls(
            parameter=parameter,
            values=values,
            coefs=_of_target(coefs, target),
            feature_names=names if feature_names is None else feature_names,
            chosen=marks if chosen is None else chosen,
        )
        return display.plot(
            ax, features=features, n_labels=n_labels, line_kw=line_kw, chosen_kw=chosen_kw
        )


def _of_target(coefs: NDArray, target: int | None) -> NDArray:
    """Return the coefficients (m, p) of one target out of coefs (m, [targets,] p)."""
    coefs = coefs.reshape(len(coefs), -1, coefs.shape[-1])
    n_targets = coefs.shape[1]
    if target is None and n_targets > 1:
        raise ValueError(
            f"The path is of {n_targets} targets; choose one by `target`, 0 to {n_targets - 1}."
        )
    target = 0 if target is None else target
    check_scalar(target, "target", Integral, min_val=0, max_val=n_targets - 1)
    return coefs[:, target]


def _largest(values: NDArray, coefs: NDArray, marks: NDArray) -> NDArray:
    """Return the features (p,), the one of the largest coef (m, p) at the least mark first."""
    anywhere = np.abs(coefs).max(axis=0)
    there = (
        coefs[np.argmin(np.abs(values - marks.min()))] if len(marks) else np.zeros(len(anywhere))
    )
    return np.lexsort([-anywhere, -np.abs(there)])
