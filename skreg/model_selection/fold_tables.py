"""The folds of a table all at once, where their paths are those of the lasso, of one target.

On a table of moments a step of a path takes a few microseconds, less than the calls of NumPy that
ask for it. So the moments of all folds are stacked: their paths are followed side by side
(`solvers/pivoting.py`), and the duality gaps and the errors at all values are products of stacked
matrices. A fold whose gap is above the tolerance, or whose errors are too small for moments, is
left to `scores.py`, which takes one fold at a time; so are all of them where a feature has no
penalty, where a path does not end, and where the coefficients would take too much memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from ..problem.gram import GramProblem, residual_moments
from ..solvers.pivoting import LassoPaths
from .folds import FoldProblem
from .path_problem import CACHE_BYTES, PathProblem, PathSolution

TABLEAUX_BYTES = 2**26  # that the tableaux of paths followed side by side may take
COEFS_BYTES = 2**26  # that the coefficients of all folds and values may take

FoldScore: TypeAlias = tuple[NDArray, float]
"""The mean squared errors (m,) of one fold, and the largest relative gap of its fits."""


class FoldTables:
    """The paths of all rows and of k folds, and the scores of the folds.

    `problems` are those of the moments `whole` of all rows and, after it, of each fold's training
    rows. So are the stacks (k + 1, ...) of moments and weights; those of test rows are (k, ...).
    """

    def __init__(
        self, problems: Sequence[PathProblem], whole: GramProblem, folds: Sequence[FoldProblem]
    ) -> None:
        self.problems, self.folds, self.positive = problems, folds, problems[0].unit.positive
        trains, tests = [fold.train for fold in folds], [fold.test for fold in folds]
        units = [each.unit for each in problems]
        matrix, cross, self.norm2 = _moments([whole, *trains])
        self.limit, ridge = _stacked(units, "limit"), _stacked(units, "ridge")
        G, diagonal = matrix.copy(), np.arange(matrix.shape[1])
        G[:, diagonal, diagonal] += ridge
        self.paths = LassoPaths(G, cross, self.limit, self.positive)
        self.matrix, self.cross, self.ridge = matrix, cross[:, None], ridge[:, None]
        self.tests = _moments(tests)
        self.mean, self.target_mean = _stacked(tests, "mean"), _stacked(tests, "target_mean")
        if whole.fit_intercept:
            self.mean = self.mean - _stacked(trains, "mean")
            self.target_mean = self.target_mean - _stacked(trains, "target_mean")

    @classmethod
    def of(
        cls, path: PathProblem, tables: Sequence[PathProblem], folds: Sequence[FoldProblem]
    ) -> FoldTables | None:
        """Return those of the folds, None where there are no such paths, or too many."""
        problem, problems = path.problem, [path, *tables]
        size = 8 * problem.n_features**2 * len(problems)
        if not (tables and isinstance(problem, GramProblem) and problem.cross.ndim == 1):
            return None
        if size > TABLEAUX_BYTES or not all(each.follows_table for each in problems):
            return None
        return cls(problems, problem, folds)

    def follow(self, end: float) -> None:
        """Follow all paths down to the strength `end`, and hand them to the problems."""
        self.paths.follow(end)
        for each, path in zip(self.problems, self.paths.paths(end), strict=True):
            each.paths = None if path is None else [path]

    def scores(self, values: NDArray, tol: float) -> list[FoldScore | None]:
        """Return the scores of the folds at values (m,), None where a gap is above `tol`."""
        found: list[FoldScore | None] = [None] * len(self.folds)
        if 8 * self.limit.size * len(values) > COEFS_BYTES:
            return found
        coefs = np.zeros((len(self.limit), len(values), self.limit.shape[1]))
        for row, each in zip(coefs, self.problems, strict=True):
            if each.paths is None or each.unit.free.any():
                return found
            row[:] = each.paths[0].at(values)
        gaps, errors = self._gaps(values, coefs), self._errors(coefs[1:])
        largest = gaps.max(axis=1) / np.maximum(0.5 * self.norm2, np.finfo(float).tiny)
        whole = self.problems[0]
        if whole.paths is not None and largest[0] <= whole.settings.tol:
            n_iters = np.maximum(np.searchsorted(-whole.paths[0].knots, -values), 1)
            names, alone = ["pivoting"] * len(values), np.zeros(len(values), dtype=bool)
            own = coefs[0].copy()  # which does not keep those of the folds in memory
            whole.solved = values, PathSolution(own, gaps[0].copy(), n_iters, names, alone)
        for k, gap in enumerate(largest[1:].tolist()):
            if gap <= tol and self.folds[k].resolves(errors[k]):
                found[k] = errors[k], gap
        return found

    def _gaps(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the gaps (k + 1, m) at values (m,) of all rows' and the folds' coefs."""
        gaps = np.empty(coefs.shape[:2])
        step = max(1, CACHE_BYTES // (8 * self.limit.size))
        for start in range(0, len(values), step):
            some = slice(start, start + step)
            penalty = Penalty(values[some, None] * self.limit[:, None], self.ridge, self.positive)
            terms = residual_moments(self.matrix, self.cross, self.norm2[:, None], coefs[:, some])
            gaps[:, some] = penalty.dual_gap(coefs[:, some], *terms)
        return gaps

    def _errors(self, coefs: NDArray) -> NDArray:
        """Return the mean squared errors (k, m) of coefs (k, m, p) on the test rows."""
        matrix, cross, norm2 = self.tests
        about_means = residual_moments(matrix, cross[:, None], norm2[:, None], coefs)[1]
        distances = self.target_mean[:, None] - (coefs @ self.mean[:, :, None])[..., 0]
        return about_means + distances * distances


def _moments(problems: Sequence[GramProblem | None]) -> tuple[NDArray, NDArray, NDArray]:
    """Return the moments A'A (k, p, p), A'b (k, p) and |b|^2 (k,) of k problems."""
    stacks = _stacked(problems, "matrix"), _stacked(problems, "cross")
    return *stacks, _stacked(problems, "target_norm2")


def _stacked(parts: Sequence[object], name: str) -> NDArray:
    """Return an attribute of all parts, stacked."""
    return np.array([getattr(part, name) for part in parts])
