"""Scores of the values of a grid on rows that their fits have not seen: by folds, or one by one.

The mean squared error is weighted by the sample weights within a fold, and averaged plainly over
folds, as scikit-learn's estimators do, and over targets. From the moments of a fold's test rows it
is, for coefficients w and the distances of their means from those of the training rows,

    mse(w) = |b - A w|^2 about their own means + (distance of y - distance of X . w)^2.

A scorer of the user's is given the fitted regressor and the rows; its negative is the loss to
choose by. When rows are left out one by one, each is a fold of its weight, and a scorer gets the
predictions of all of them at once, as in scikit-learn's `RidgeCV`.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from ..linear.base import cast
from ..problem.design import RowDesign
from ..problem.protocol import Problem
from .callbacks import FoldProgress
from .choosing import fold_statistics
from .fold_paths import FoldPaths
from .folds import Data, FoldProblem
from .leave_one_out import left_out, left_out_errors
from .path_problem import PathProblem, PathSolution

CHUNK_BYTES = 2**25  # of coefficients and predictions held at a time
ROUGHLY = 1e-4  # a tolerance of fits whose losses are only compared with a standard error


@dataclass(frozen=True)
class Scores:
    """The loss (m,) of the values, to be minimised, its standard error (m,) if it has one.

    `attributes` are what the fitted estimator shows of them, by their names, and `by_target` are
    loss and standard error (m, n_targets) where each target may choose for itself. Smaller
    differences than `margin` are none; None: than the standard error, or a share of the loss.
    """

    loss: NDArray
    se: NDArray | None
    attributes: dict[str, Any] = field(default_factory=dict)
    by_target: tuple[NDArray, NDArray | None] | None = None
    margin: float | None = None


class HeldOut(RegressorMixin, BaseEstimator):
    """What a scorer is given for rows left out one by one: it predicts its X."""

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

    @classmethod
    def of(cls, score: Callable[..., float], params: dict[str, Any], n: int) -> Scorer:
        """Return the scorer, without weights if it takes none."""
        # What scikit-learn makes of a metric takes any weights; whether the metric takes them it
        # only says in its private attribute.
        function = getattr(score, "_score_func", score)
        taken = inspect.signature(function).parameters.values()
        if not any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in taken):
            params = {name: value for name, value in params.items() if name != "sample_weight"}
        return cls(score, params, n)

    def __call__(self, estimator: BaseEstimator, X: Any, y: NDArray, rows: NDArray) -> float:
        """Return the score of a fitted estimator on X (k, ...) and y (k, ...), the rows (k,)."""
        per_row = {
            name: np.asarray(value)[rows] if np.shape(value)[:1] == (self.n,) else value
            for name, value in self.params.items()
        }
        return self.score(estimator, X, y, **per_row)


class FoldScores:
    """Scores by folds; the paths of folds followed side by side go on when more is asked for."""

    def __init__(
        self,
        path: PathProblem,
        folds: Sequence[FoldProblem],
        scorer: Scorer | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.path, self.folds, self.scorer, self.n_jobs = path, folds, scorer, n_jobs
        self.tables = [path.of_fold(fold.train) for fold in folds if fold.train is not None]
        self.paths = FoldPaths.of([path, *self.tables]) if self.tables else None

    def score(self, values: NDArray, progress: FoldProgress | None = None) -> Scores:
        """Score the values (m,) on each of the folds; without `progress` only roughly."""
        n_folds = len(self.folds)
        tol = self.path.settings.tol if progress else max(self.path.settings.tol, ROUGHLY)
        with warnings.catch_warnings(), progress.folds() if progress else nullcontext():
            if self.paths is not None and np.any(values > 0):
                self.paths.follow(float(values[values > 0].min()))
            # Coordinate descent silences this itself, but filters are not the threads' own.
            warnings.filterwarnings("ignore", "Objective did not converge", ConvergenceWarning)
            if effective_n_jobs(self.n_jobs) == 1:
                found = [self._score_fold(k, values, tol, progress) for k in range(n_folds)]
            else:
                found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                    delayed(self._score_fold)(k, values, tol, progress) for k in range(n_folds)
                )
        errors, scores, gaps = zip(*found, strict=True)
        mse_path = np.array(errors).T
        mean, se = fold_statistics(mse_path)
        attributes: dict[str, Any] = {"mse_path_": mse_path, "mse_mean_": mean, "mse_se_": se}
        attributes["max_fold_gap_"] = max(gaps)
        if self.scorer is not None:
            attributes["score_path_"] = np.array(scores).T
            mean, se = fold_statistics(-attributes["score_path_"])
        return Scores(mean, se if len(found) > 1 else None, attributes)

    def _score_fold(
        self, k: int, values: NDArray, tol: float, progress: FoldProgress | None
    ) -> tuple[NDArray, list[float], float]:
        """Return the errors (m,) of the values (m,) on fold k, the user's scores, and the gap."""
        fold = self.folds[k]
        errors, gap = [], 0.0
        scores: list[float] = []
        with progress.fold(k) if progress else nullcontext():
            path = self.tables[k] if self.tables else self.path.of_fold(fold.on_rows())
            path.settings = replace(path.settings, tol=tol)
            has_others = fold.train is not None and fold.data is not None

            def on_rows() -> PathProblem:
                """Return the problem on the rows that the moments are of."""
                return path.posed_on(fold.on_rows())

            step = max(1, CHUNK_BYTES // (8 * int(np.prod(path.problem.coef_shape))))
            for start in range(0, len(values), step):
                some = values[start : start + step]
                found = path.trace(some, on_rows if has_others else None)
                gap = max(gap, found.relative_gap(path.problem.target_norm2))
                errors.append(_errors(fold, path.problem, found.coefs))
                if self.scorer is not None:
                    scores += _user_scores(path, fold, some, found, self.scorer)
        return np.concatenate(errors), scores, gap


def _errors(fold: FoldProblem, problem: Problem, coefs: NDArray) -> NDArray:
    """Return the mean squared errors (m,) on the test rows of coefs (m, ..., p)."""
    train, held_out = fold.train, fold.test
    if train is not None and held_out is not None:
        mean, target_mean = held_out.mean, held_out.target_mean
        if train.fit_intercept:
            mean, target_mean = mean - train.mean, target_mean - train.target_mean
        errors = held_out.evaluate(coefs)[1] + np.square(target_mean - coefs @ mean)
        if fold.resolves(errors):
            return errors.reshape(len(errors), -1).mean(axis=1)
    assert fold.data is not None
    assert fold.fold is not None
    data, test = fold.data, fold.fold.test
    test = test[data.counted[test]]  # the values of others may overflow, and 0 times inf is NaN
    predictions = data.predictions(test, coefs, problem.intercept(coefs))
    squares = np.square(data.y[test].T - predictions)
    weights = None if data.weights is None else data.weights[test]
    errors = squares.mean(axis=-1) if weights is None else squares @ (weights / weights.sum())
    return errors.reshape(len(errors), -1).mean(axis=1)


def _user_scores(
    path: PathProblem, fold: FoldProblem, values: NDArray, found: PathSolution, scorer: Scorer
) -> list[float]:
    """Return the user's scores, on the test rows, of the solutions at the values (m,)."""
    assert fold.data is not None
    assert fold.fold is not None
    test = fold.fold.test
    X, y = fold.data.X[test], fold.data.y[test]
    scores = []
    intercepts = path.problem.intercept(found.coefs)
    for k, value in enumerate(values):
        fitted = copy(path.estimator)
        setattr(fitted, fitted._path_parameter, float(value))
        fitted.coef_ = cast(found.coefs[k], X.dtype, "coefficients")
        fitted.intercept_ = cast(intercepts[k], X.dtype, "intercept")[()]
        fitted.dual_gap_, fitted.n_iter_ = found.dual_gaps[k], int(found.n_iters[k])
        fitted.solver_, fitted.n_features_in_ = found.solvers[k], X.shape[1]
        scores.append(scorer(fitted, X, y, test))
    return scores


def by_leaving_one_out(
    path: PathProblem, design: RowDesign, data: Data, values: NDArray, scorer: Scorer | None
) -> Scores:
    """Score the values (m,) by the errors on rows left out; one score of the user's is of all rows.

    A row of weight zero, which no fit has seen, is predicted by the fit to all others.
    """
    ts = path.parameter.strength(values)
    found = left_out(design, path.ridge_path, ts, path.spectrum)
    attributes = {"mse_path_": found.mean[:, None], "mse_mean_": found.mean, "mse_se_": found.se}
    if scorer is None:
        by_target = (found.mse, found.mse_se) if found.mse.ndim > 1 else None
        return Scores(found.mean, found.se, attributes, by_target)
    counted, every = np.flatnonzero(data.counted), np.arange(len(data.y))
    none = np.flatnonzero(~data.counted)
    scores = np.empty(len(values))
    step = max(1, CHUNK_BYTES // (8 * max(data.y.size, int(np.prod(design.coef_shape)))))
    for start in range(0, len(values), step):
        some = slice(start, start + step)
        held_out = np.empty((len(ts[some]), *design.coef_shape[:-1], len(data.y)))
        found_errors = left_out_errors(design, path.ridge_path, ts[some], path.spectrum)
        for ks, rows, errors in found_errors:
            for k, error in zip(ks, errors, strict=True):
                held_out[k][..., counted[rows]] = data.y[counted[rows]].T - error
        if len(none):
            coefs = path.trace(values[some]).coefs
            held_out[..., none] = data.predictions(none, coefs, design.intercept(coefs))
        for k, predictions in enumerate(held_out):
            scores[start + k] = scorer(HeldOut(), predictions.T, data.y, every)
    attributes["score_path_"] = scores[:, None]
    return Scores(-scores, None, attributes)
