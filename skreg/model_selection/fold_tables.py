"""The folds of a table all at once, where their paths are those of the lasso.

On a table of moments a step of a path takes a few microseconds, less than the calls of NumPy that
ask for it. So the moments of all folds are stacked: their paths are followed side by side
(`solvers/pivoting.py`), and the duality gaps and the errors at all values are products of stacked
matrices. A fold whose gap is above the tolerance, or whose errors are too small for moments, is
left to `scores.py`, which takes one fold at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from ..problem.gram import residual_moments
from ..problem.protocol import ALL, Problem
from ..solvers.pivoting import LassoPaths
from .folds import FoldProblem
from .path_problem import CACHE_BYTES, PathProblem

TABLEAUX_BYTES = 2**27  # that the tableaux of paths followed side by side may take
DIGITS = 1e-6  # of the target's variance: errors below it lose digits in moments, not on rows

Stack: TypeAlias = tuple[NDArray, NDArray, NDArray]
"""The moments A'A (k, p, p), A'b (k, 1, p) and |b|^2 (k, 1) of k problems with one target each."""


class FoldTables:
    """The lasso paths of a table and of its folds, and the scores of the folds.

    `whole` is the problem of all rows and `tables` are those of the folds' training rows. A problem
    with several targets stands in the stack once for each of them.
    """

    def __init__(
        self, whole: PathProblem, tables: Sequence[PathProblem], folds: Sequence[FoldProblem]
    ) -> None:
        self.problems, self.folds = [whole, *tables], folds
        self.n_targets = whole.problem.cross.size // whole.problem.n_features
        matrix, cross, _ = self.train = _stack([each.problem for each in self.problems])
        l1, ridge = (
            np.repeat([getattr(each.unit, name) for each in self.problems], self.n_targets, axis=0)
            for name in ("l1", "ridge")
        )
        self.l1, self.ridge, self.positive = l1[:, None], ridge[:, None], whole.unit.positive
        diagonal = np.arange(whole.problem.n_features)
        G = matrix.copy()
        G[:, diagonal, diagonal] += np.where(np.isfinite(ridge), ridge, 0.0)
        self.paths = LassoPaths(G, cross[:, 0], l1, self.positive)

    @classmethod
    def of(
        cls, whole: PathProblem, tables: Sequence[PathProblem], folds: Sequence[FoldProblem]
    ) -> FoldTables | None:
        """Return those of the folds, None where there are no such paths, or too many."""
        if not tables or not all(each.follows_table for each in [whole, *tables]):
            return None
        size = whole.problem.n_features * whole.problem.cross.size * (1 + len(tables))
        return cls(whole, tables, folds) if 8 * size <= TABLEAUX_BYTES else None

    def follow(self, end: float) -> None:
        """Follow all paths down to the strength `end`, and hand them to the problems."""
        self.paths.follow(end)
        rows = iter(range(len(self.l1)))
        for each in self.problems:
            found = [self.paths.path(next(rows), end) for _ in range(self.n_targets)]
            ended = [path for path in found if path is not None]
            each.paths = ended if len(ended) == len(found) else None

    def scores(self, values: NDArray, tol: float) -> list[tuple[NDArray, float] | None]:
        """Return the errors (m,) of each fold at values (m,), and its largest relative gap.

        None for a fold that has to be taken by itself.
        """
        nothing: list[tuple[NDArray, float] | None] = [None] * len(self.folds)
        if any(each.paths is None or each.unit.free.any() for each in self.problems):
            return nothing
        followed = [path for each in self.problems[1:] for path in each.paths or []]
        coefs = np.array([path.at(values) for path in followed])
        gaps = self._relative_gaps(values, coefs).reshape(len(self.folds), -1).max(axis=1)
        errors, norms2 = self._errors(coefs)
        found = nothing
        for k, (fold, gap) in enumerate(zip(self.folds, gaps.tolist(), strict=True)):
            if gap <= tol and (fold.data is None or np.min(errors[k]) > DIGITS * norms2[k]):
                found[k] = errors[k].mean(axis=0), gap
        return found

    def _relative_gaps(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the gaps (k, m) at values (m,) of the folds' coefs (k, m, p)."""
        folds = slice(self.n_targets, None)  # the first are those of all rows
        matrix, cross, norm2 = (part[folds] for part in self.train)
        l1, ridge = self.l1[folds], self.ridge[folds]
        gaps = np.empty(coefs.shape[:2])
        step = max(1, CACHE_BYTES // (8 * l1.size))
        for start in range(0, len(values), step):
            some = slice(start, start + step)
            penalty = Penalty(values[some, None] * l1, ridge, self.positive)
            terms = residual_moments(matrix, cross, norm2, coefs[:, some])
            gaps[:, some] = penalty.dual_gap(coefs[:, some], *terms)
        return gaps / np.maximum(0.5 * norm2, np.finfo(float).tiny)

    def _errors(self, coefs: NDArray) -> tuple[NDArray, NDArray]:
        """Return the errors (n_folds, n_targets, m) of coefs (k, m, p), the scales (n_folds,)."""
        tests, shifts = [], []
        for fold in self.folds:
            assert fold.train is not None
            assert fold.test is not None
            tests.append(fold.test)
            shifts.append(fold.shift)
        moments = _stack(tests)
        mean, target_mean = (np.array(part) for part in zip(*shifts, strict=True))
        mean = np.repeat(mean, self.n_targets, axis=0)[:, :, None]
        target_mean = target_mean.reshape(-1, 1)
        squares = residual_moments(*moments, coefs)[1] + (target_mean - (coefs @ mean)[..., 0]) ** 2
        shape = len(self.folds), self.n_targets, -1
        return squares.reshape(shape), moments[2].reshape(shape[:2]).max(axis=1)


def _stack(problems: Sequence[Problem]) -> Stack:
    """Return the moments of problems with several targets each, target by target."""
    p = problems[0].n_features
    cross = np.concatenate([each.cross.reshape(-1, 1, p) for each in problems])
    matrix = np.array([each.gram(ALL) for each in problems])
    norm2 = np.array([each.target_norm2 for each in problems]).reshape(-1, 1)
    return np.repeat(matrix, len(cross) // len(matrix), axis=0), cross, norm2
