"""Scores of the values of a grid on rows that their fits have not seen: by folds, or one by one.

The mean squared error is weighted by the sample weights within a fold, and averaged plainly over
folds, as scikit-learn's estimators do, and over targets. With a scorer of the user's, its negative
is the loss to choose by. Of rows left out one by one, each is a fold of its weight, and a scorer
gets the predictions of all of them at once, as in scikit-learn's `RidgeCV`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from .._solution import Solution
from .callbacks import Watch
from .choosing import fold_statistics
from .family import Family
from .folds import CHUNK_BYTES, Data, Fold, SharingRows, TrainingViews
from .loo import left_out_errors

WORST = 1e70  # an error that none is worse than: beyond, the spread of the squares overflows


@dataclass(frozen=True)
class Scores:
    """The loss (m,) of the values, to be minimised, its standard error (m,) if it has one.

    `attributes` are what the fitted estimator shows of them, by their names; `gap` is the largest
    relative duality gap of the fits.
    """

    loss: NDArray
    se: NDArray | None
    attributes: dict[str, NDArray] = field(default_factory=dict)
    gap: float = 0.0


class HeldOut(RegressorMixin, BaseEstimator):
    """What a scorer is given: it predicts the predictions that are its X."""

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        """Return X."""
        return X


@dataclass(frozen=True)
class Scorer:
    """The user's scorer with its metadata, `score(estimator, X, y, **params)`; n rows in all."""

    score: Callable[..., float]
    params: dict[str, Any]
    n: int

    def __call__(self, y: NDArray, predictions: NDArray, rows: NDArray) -> float:
        """Return the score of predictions (..., k) of y (k, ...) on the rows (k,)."""
        per_row = {
            name: np.asarray(value)[rows] if np.shape(value)[:1] == (self.n,) else value
            for name, value in self.params.items()
        }
        return self.score(HeldOut(), predictions.T, y, **per_row)


def by_folds(
    model: Any,
    views: TrainingViews,
    values: NDArray,
    scorer: Scorer | None,
    n_jobs: int | None,
    watch: Watch,
) -> Scores:
    """Score the values (m,) of the path of `model` on each of the folds."""
    jobs = (
        delayed(_score_fold)(model, views.data, view, fold, values, scorer, watch, k)
        for k, (view, fold) in enumerate(zip(views, views.folds, strict=True))
    )
    with warnings.catch_warnings():
        # Coordinate descent silences this itself, but filters are not the threads' own.
        warnings.filterwarnings("ignore", "Objective did not converge", ConvergenceWarning)
        with watch.folds():
            results = Parallel(n_jobs=n_jobs, prefer="threads")(jobs)
    errors, scores, gaps = zip(*results, strict=True)
    mse_path = np.array(errors).T
    mean, se = fold_statistics(mse_path)
    attributes = {"mse_path_": mse_path, "mse_mean_": mean, "mse_se_": se}
    if scorer is not None:
        attributes["score_path_"] = np.array(scores).T
        mean, se = fold_statistics(-attributes["score_path_"])
    return Scores(mean, se if len(views.folds) > 1 else None, attributes, max(gaps))


def _score_fold(
    model: Any,
    data: Data,
    view: Any,
    fold: Fold,
    values: NDArray,
    scorer: Scorer | None,
    watch: Watch,
    k: int,
) -> tuple[NDArray, list[float], float]:
    """Return the mean squared errors (m,) and scores of a fold, and the largest relative gap."""
    weights = None if data.weights is None else _of_largest(data.weights[fold.test])
    y, errors, scores, gap = data.y[fold.test], [], [], 0.0
    with watch.fold(k):
        solutions = Family(model, view).certified(
            values, lambda: Family(model, data.view(fold.counts), view)
        )
        for some in _chunks(solutions, data.size_of(fold.test)):
            coefs = np.array([solution.coef for solution in some])
            with np.errstate(over="ignore", invalid="ignore"):  # of the worst
                predictions = data.predictions(fold.test, coefs, view.intercept(coefs))
            errors.extend(np.average(_squares(y.T - predictions), axis=-1, weights=weights))
            gaps = np.array([solution.dual_gap for solution in some])
            gap = max(gap, Solution(coefs, gaps, 1).relative_gap(view.target_norm2))
            if scorer is not None:
                scores.extend(scorer(y, held_out, fold.test) for held_out in predictions)
    return np.array(errors), scores, gap


def by_leaving_one_out(
    family: Family,
    data: Data,
    rows: SharingRows,
    values: NDArray,
    scorer: Scorer | None,
    path: tuple[NDArray, NDArray],
) -> Scores:
    """Score the values (m,) by the errors on rows left out; one score of the user's is of all rows.

    `path` are the coefs (m, ..., p) and intercepts (m, ...): what predicts rows of weight zero.
    """
    n = len(data.y)
    weights = np.ones(n) if data.weights is None else _of_largest(data.weights)
    statistics, scores = _Running(len(values)), []
    size = len(values) if scorer is None else max(1, CHUNK_BYTES // data.size_of(data.y))
    for start in range(0, len(values), size):
        chunk = slice(start, start + size)
        every, held_out = np.arange(n), None
        if scorer is not None:
            without = np.flatnonzero(weights == 0)
            held_out = np.empty((len(values[chunk]), *path[1].shape[1:], n))
            held_out[..., without] = data.predictions(without, *(part[chunk] for part in path))
        for ks, some, errors in left_out_errors(family, data, rows, values[chunk]):
            statistics.add(start + ks, _squares(errors), weights[some])
            if scorer is not None:
                for k, error in zip(ks, errors, strict=True):
                    held_out[k][..., some] = data.y[some].T - error
        if scorer is not None:
            scores.extend(scorer(data.y, predictions, every) for predictions in held_out)
    mean, se = statistics.mean, statistics.standard_error(data.n_counted)
    attributes = {"mse_path_": mean[:, None], "mse_mean_": mean, "mse_se_": se}
    if scorer is None:
        return Scores(mean, se, attributes)
    attributes["score_path_"] = np.array(scores)[:, None]
    return Scores(-np.array(scores), None, attributes)


class _Running:
    """Weighted means of m quantities and their spread, of rows that come in blocks."""

    def __init__(self, m: int) -> None:
        self.weight, self.mean, self.spread = np.zeros((3, m))

    def add(self, ks: NDArray, values: NDArray, weights: NDArray) -> None:
        """Take in the values (k, r) of the quantities ks (k,) on rows of weights (r,)."""
        own = weights.sum()
        mean = values @ weights / own
        deviation = values - mean[:, None]
        spread = np.square(deviation, out=deviation) @ weights
        delta, total = mean - self.mean[ks], self.weight[ks] + own
        self.spread[ks] += spread + delta**2 * (self.weight[ks] * own / total)
        self.mean[ks] += delta * (own / total)
        self.weight[ks] = total

    def standard_error(self, n: int) -> NDArray:
        """Return the standard errors (m,) of the means of n rows."""
        return np.sqrt(self.spread / self.weight / (n - 1))


def _of_largest(weights: NDArray) -> NDArray:
    """Return weights (n,) as shares of the largest, whose products with squares do not overflow."""
    return weights / weights.max()


def _squares(errors: NDArray) -> NDArray:
    """Return the squares (m, r) of errors (m, ..., r), averaged over targets."""
    squares = np.square(np.clip(np.nan_to_num(errors, nan=WORST), -WORST, WORST))
    return squares if squares.ndim == 2 else squares.mean(axis=1)


def _chunks(solutions: Iterator[tuple[Solution, str]], each: int) -> Iterator[list[Solution]]:
    """Yield the solutions in lists of CHUNK_BYTES, at `each` bytes."""
    size = max(1, CHUNK_BYTES // each)
    while some := [solution for solution, _ in islice(solutions, size)]:
        yield some
