"""`CVDisplay`: the error along a path of strengths, and the strengths chosen by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from ..model_selection.choosing import fold_statistics
from ..model_selection.cv import BaseCV
from . import plotting

LARGE_RATIO = 10  # between two errors; above it, they are drawn on a logarithmic axis
SQUARED_ERROR = "Mean squared error (squared units of y)"


class CVDisplay:
    """Picture of a cross-validation: the mean error against the strength, and what was chosen.

    The strength runs on a logarithmic axis, a dropout rate q by the logarithm of q / (1 - q), from
    the most regularised at the left to the least at the right. The band reaches one standard error
    of the mean to both sides. Errors that differ by more than a factor of 10 are drawn on a
    logarithmic axis too. On top stands the number of nonzero coefficients of the fits to all
    data, where it changes along the path.

    Use :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    parameter : {"l1_lambda", "l2_lambda", "dropout_rate"}
        What the values are values of.
    values : array-like of shape (n_values,)
        The strengths.
    mean : array-like of shape (n_values,)
        The mean error or score at each of them. Where it is not finite, nothing is drawn.
    se : array-like of shape (n_values,), default=None
        Its standard error. None: not known, there is no band.
    n_nonzeros : array-like of shape (n_values,), default=None
        The number of nonzero coefficients at each value. None: not shown.
    chosen : dict of str to float, default=None
        Values to mark, under these names, by vertical lines. None: none.
    score_name : str, default="Mean squared error (squared units of y)"
        What is drawn: the label of the y axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.
    line_ : matplotlib Line2D
        The mean.
    fill_between_ : matplotlib PolyCollection or None
        The band of one standard error, if it is known.
    chosen_lines_ : list of matplotlib Line2D
        The vertical lines, from strong to weak.
    chosen_names_ : list of matplotlib Annotation
        Their names.
    top_ax_ : matplotlib Axes or None
        Those of the numbers of nonzero coefficients, where these are drawn.

    See Also
    --------
    RegularizationPathDisplay : The coefficients along the path.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import CVDisplay, L1RegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = CVDisplay.from_estimator(L1RegressorCV().fit(X, y))
    >>> [name.get_text() for name in display.chosen_names_]
    ['1-SE', 'min']
    """

    def __init__(
        self,
        *,
        parameter,
        values,
        mean,
        se=None,
        n_nonzeros=None,
        chosen=None,
        score_name=SQUARED_ERROR,
    ):
        self.parameter = parameter
        self.values = values
        self.mean = mean
        self.se = se
        self.n_nonzeros = n_nonzeros
        self.chosen = chosen
        self.score_name = score_name

    def plot(self, ax=None, *, score_name=None, line_kw=None, fill_between_kw=None, chosen_kw=None):
        """Draw the mean error, its band and the chosen values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: on a new figure.
        score_name : str, default=None
            The label of the y axis. None: that of the constructor.
        line_kw : dict, default=None
            Properties of the line, for `matplotlib.axes.Axes.plot`.
        fill_between_kw : dict, default=None
            Properties of the band, for `matplotlib.axes.Axes.fill_between`.
        chosen_kw : dict, default=None
            Properties of the vertical lines, for `matplotlib.axes.Axes.axvline`.

        Returns
        -------
        display : CVDisplay
            The object itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, or a value is not one the parameter can have.
        """
        plotting.require_matplotlib(f"{type(self).__name__}.plot")
        values, order = plotting.check_values(self.parameter, self.values)
        mean = _curve("mean", self.mean, values)[order]
        se = None if self.se is None else _curve("se", self.se, values)[order]
        counts = self.n_nonzeros
        counts = None if counts is None else _curve("n_nonzeros", counts, values)[order].astype(int)
        chosen = plotting.check_chosen(self.parameter, self.chosen)
        from . import drawing

        ax, scale = plotting.start_axes(
            ax, self.parameter, np.append(values, list(chosen.values()))
        )
        self.top_ax_ = None if counts is None else plotting.draw_nonzeros(ax, scale, values, counts)
        self.line_, self.fill_between_ = drawing.draw_mean(
            ax, values, mean, se, line_kw, fill_between_kw
        )
        name = self.score_name if score_name is None else score_name
        band = "" if se is None else "\nmean \N{PLUS-MINUS SIGN} standard error"
        ax.set_ylabel(f"{name}{band}")
        drawing.fit_labels(ax, {ax.xaxis: self.parameter, ax.yaxis: name.partition(" (")[0]})
        heights = mean if se is None else np.concatenate([mean - se, mean, mean + se])
        heights = heights[np.isfinite(heights)]
        lowest = np.nanmin(mean)
        if 0 < LARGE_RATIO * lowest < heights.max():
            drawing.set_logarithmic(ax, heights.max() / lowest)
            heights = heights[heights > 0]
        self.chosen_lines_, self.chosen_names_, top = drawing.draw_marks(ax, chosen, chosen_kw)
        drawing.set_heights(ax, heights, top)

        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        ax=None,
        score_name=None,
        line_kw=None,
        fill_between_kw=None,
        chosen_kw=None,
    ):
        """Draw what the folds of a cross-validated estimator said.

        Parameters
        ----------
        estimator : estimator instance
            A fitted L1RegressorCV, L2RegressorCV or DropoutRegressorCV, or a fitted
            :class:`~sklearn.pipeline.Pipeline` that ends in one. What it chose by is drawn: the
            mean squared error, the score it was given, or the criterion.
        ax : matplotlib Axes, default=None
            Where to draw. None: on a new figure.
        score_name : str, default=None
            The label of the y axis. None: what is drawn.
        line_kw, fill_between_kw, chosen_kw : dict, default=None
            See :meth:`plot`.

        Returns
        -------
        display : CVDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `estimator` is not a cross-validated estimator of this package.
        NotFittedError
            If it is not fitted.
        """
        plotting.require_matplotlib(f"{cls.__name__}.from_estimator")
        cv = plotting.fitted_cv(estimator)
        parameter, values = plotting.grid(cv)
        mean, se, name = _chosen_by(cv)
        used = np.asarray(cv.coef_path_ != 0)
        display = cls(
            parameter=parameter,
            values=values,
            mean=mean,
            se=se,
            # of several targets, the features that any of them uses
            n_nonzeros=used.reshape(len(used), -1, used.shape[-1]).any(axis=1).sum(axis=1),
            chosen=plotting.choices(cv),
            score_name=name if score_name is None else score_name,
        )
        return display.plot(
            ax, line_kw=line_kw, fill_between_kw=fill_between_kw, chosen_kw=chosen_kw
        )


def _curve(name: str, numbers: Any, values: Any) -> NDArray:
    """Return numbers that belong to values (m,); some, not all, may be NaN or infinite."""
    numbers = check_array(
        numbers, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, input_name=name
    )
    if numbers.shape != values.shape:
        raise ValueError(f"{name} has shape {numbers.shape}; expected {values.shape}.")
    if not np.isfinite(numbers).any():
        raise ValueError(f"{name} must contain at least one finite number.")
    return numbers


def _chosen_by(cv: BaseCV) -> tuple[NDArray, NDArray | None, str]:
    """Return what an estimator chose by (m,), its standard error if it is known, and its name."""
    if hasattr(cv, "criterion_path_"):
        return cv.criterion_path_, None, cv.criterion.upper()
    if hasattr(cv, "score_path_"):
        (mean, se), name = fold_statistics(cv.score_path_), _score_name(cv.scoring)
    else:
        mean, se, name = cv.mse_mean_, cv.mse_se_, SQUARED_ERROR
    return mean, None if np.isnan(se).all() else se, name


def _score_name(scoring: Any) -> str:
    """Return the name of a score in words, as in scikit-learn's displays."""
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    sign = "negative " if name.startswith("neg_") else ""
    return (sign + name.removeprefix("neg_").replace("_", " ")).capitalize()
