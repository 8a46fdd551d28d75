"""`CVDisplay`: the error along a path of strengths, and the strengths chosen by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length

from ..model_selection.cv import BaseCV
from .display import check_strengths, chosen_by, path_of

MSE = "Mean squared error"
LARGE_RATIO = 10.0  # between two errors; above it, they are drawn on a logarithmic axis


class CVDisplay:
    """Picture of a cross-validation: the mean error against the strength, and what was chosen.

    Strengths run along the same axis as in :class:`RegularizationPathDisplay`. The band reaches one
    standard error of the mean to both sides. Errors that differ by more than a factor of 10 are
    drawn on a logarithmic axis. On top stands the number of nonzero coefficients, if it changes.

    Parameters
    ----------
    parameter : {"l1_lambda", "l2_lambda", "dropout_rate"}
        The parameter that varies.
    values : array-like of shape (n_values,)
        The strengths, in any order.
    mean : array-like of shape (n_values,)
        The mean error or score at each strength. Values that are not finite are not drawn.
    se : array-like of shape (n_values,), default=None
        The standard error of the mean. None if it is not known: there is no band.
    n_nonzeros : array-like of shape (n_values,), default=None
        The number of nonzero coefficients at each strength. None: it is not shown.
    chosen : dict of str to float, default=None
        Strengths to mark by vertical lines, and their names in the legend.
    score_name : str, default="Mean squared error"
        The label of the y axis.

    Attributes
    ----------
    ax_, figure_, top_ax_ : matplotlib Axes, Figure, and Axes or None
        Where the curve is drawn, and the axis of the numbers on top.
    line_, fill_between_ : matplotlib Line2D, and PolyCollection or None
        The mean, and the band of one standard error.
    chosen_lines_ : list of matplotlib Line2D
        The marked strengths, from weak to strong, with the labels in the legend.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import CVDisplay, L1RegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = CVDisplay.from_estimator(L1RegressorCV().fit(X, y))
    >>> [line.get_label() for line in display.chosen_lines_]
    ['min: 0.00375', '1-SE: 0.187']
    """

    def __init__(
        self, *, parameter, values, mean, se=None, n_nonzeros=None, chosen=None, score_name=MSE
    ):
        self.parameter = parameter
        self.values = values
        self.mean = mean
        self.se = se
        self.n_nonzeros = n_nonzeros
        self.chosen = chosen
        self.score_name = score_name

    def plot(self, ax=None, *, line_kw=None, fill_between_kw=None):
        """Draw the mean error, its band and the chosen strengths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: those of a new figure.
        line_kw, fill_between_kw : dict, default=None
            Properties of the mean (`matplotlib.lines.Line2D`) and of the band
            (`matplotlib.collections.PolyCollection`).

        Returns
        -------
        display : CVDisplay
            The object itself.

        Raises
        ------
        ValueError
            If lengths do not agree, or a value is not possible.
        """
        from . import drawing

        values, order = check_strengths(self.parameter, self.values, self.chosen)
        check_consistent_length(values, self.mean, self.se, self.n_nonzeros)
        mean = np.asarray(self.mean, dtype=np.float64)[order]
        ax = drawing.strength_axes(ax, self.parameter, values, self.chosen)
        finite = mean[np.isfinite(mean)]
        if 0 < LARGE_RATIO * finite.min(initial=np.inf) < finite.max(initial=0.0):
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:g}")
        color, marker = drawing.COLORS[0], "." if len(values) <= 20 else ""
        (self.line_,) = ax.plot(values, mean, color=color, marker=marker, linewidth=1.6, zorder=3)
        self.line_.set(**(line_kw or {}))
        label, self.fill_between_ = self.score_name, None
        if self.se is not None:
            label, se = f"{label}\nmean \u00b1 standard error", np.asarray(self.se)[order]
            self.fill_between_ = ax.fill_between(values, mean - se, mean + se, color=color)
            self.fill_between_.set(alpha=0.25, linewidth=0, zorder=1.5)
            self.fill_between_.set(**(fill_between_kw or {}))
        ax.set_ylabel(label)
        counts = np.zeros(len(values)) if self.n_nonzeros is None else np.asarray(self.n_nonzeros)
        self.top_ax_ = drawing.draw_counts(ax, values, counts[order])
        self.chosen_lines_ = drawing.draw_marks(ax, self.chosen)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **plot_options):
        """Draw the errors by which a cross-validated estimator chose its strength.

        Parameters
        ----------
        estimator : estimator instance
            A fitted L1RegressorCV, L2RegressorCV or DropoutRegressorCV, or a fitted
            :class:`~sklearn.pipeline.Pipeline` that ends in one. The picture shows what it chose
            by: the mean squared error, the score it was given, or the criterion.
        ax, **plot_options : optional
            See :meth:`plot`, also for the errors raised.

        Returns
        -------
        display : CVDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If `estimator` is not a cross-validated estimator of this package.
        NotFittedError
            If it is not fitted.
        """
        cv = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        if not isinstance(cv, BaseCV):
            raise TypeError(
                "estimator must be an L1RegressorCV, L2RegressorCV or DropoutRegressorCV, or a "
                f"Pipeline that ends in one, not {type(cv).__name__}."
            )
        path = path_of(cv)
        mean, se, name = _scores_of(cv)
        coefs = path.coefs.reshape(len(path.values), -1, path.coefs.shape[-1])
        display = cls(
            parameter=path.parameter,
            values=path.values,
            mean=mean,
            se=se,
            n_nonzeros=coefs.any(axis=1).sum(axis=1),  # features that any of the targets uses
            chosen=chosen_by(cv, None),
            score_name=name,
        )
        return display.plot(ax, **plot_options)


def _scores_of(cv: BaseCV) -> tuple[NDArray, NDArray | None, str]:
    """Return the means (m,) that an estimator chose by, their standard errors, and their name."""
    if cv.criterion is not None:
        return cv.criterion_path_, None, cv.criterion.upper()
    if not hasattr(cv, "score_path_"):
        return cv.mse_mean_, None if np.isnan(cv.mse_se_).all() else cv.mse_se_, MSE
    scores, n_folds = cv.score_path_, cv.score_path_.shape[1]
    se = scores.std(axis=1, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else None
    name = cv.scoring if isinstance(cv.scoring, str) else getattr(cv.scoring, "__name__", "score")
    return scores.mean(axis=1), se, name.replace("neg_", "negative ").replace("_", " ").capitalize()
