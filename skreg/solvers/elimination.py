"""Features without any penalty are least squares on what the others leave.

The free columns are projected out of the design and the target, as the intercept is; the rest is
solved on that view, where a column of which only rounding is left has the coefficient 0; then the
free coefficients follow, of minimum norm if they are not unique.
The same projection certifies any coefficients: the free part of the residual's correlations, q_F,
adds |U'r|^2 / 2 to the gap of the rest, for the orthonormal basis U = A_F T of the free columns.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from .._solution import Solution

REFINEMENTS = 3


class Elimination:
    """The problem (view, penalty), and what is left of it without its free features."""

    def __init__(self, view: Any, penalty: Penalty) -> None:
        self.view, self.penalty = view, penalty
        self.free = np.flatnonzero(penalty.free)

    @cached_property
    def factors(self) -> Any:
        """The least-squares factors of the free columns."""
        return self.view.factor(self.free)

    @cached_property
    def rest_view(self) -> Any:
        """The view without the free features."""
        return self.view.project_out(self.free, self.factors) if len(self.free) else self.view

    @cached_property
    def spanned(self) -> NDArray:
        """The mask (p,) of the features of which the free ones leave nothing but rounding."""
        if not len(self.free):
            return np.zeros(self.view.n_features, bool)
        return self.view.spanned(self.free, self.factors, self.rest_view)

    @property
    def rest(self) -> tuple[Any, Penalty]:
        """The view and the penalty of what the free features leave."""
        return self.rest_view, self.penalty.exclude(self.penalty.free | self.spanned)

    def at(self, penalty: Penalty) -> Elimination:
        """Return the problem at another penalty; what the same free features share is kept."""
        if not np.array_equal(penalty.free, self.penalty.free):
            return Elimination(self.view, penalty)
        other = copy(self)
        other.penalty = penalty
        return other

    @property
    def rank(self) -> int:
        """Return the rank of the free columns."""
        return self.factors.to_basis.shape[1] if len(self.free) else 0

    @property
    def is_all(self) -> bool:
        """Whether nothing is left to penalise."""
        return bool(np.all(self.penalty.free | self.penalty.excluded))

    @property
    def is_solved(self) -> bool:
        """Whether the free features leave nothing: no other, or no residual for others to meet."""
        if self.is_all:
            return True
        if not len(self.free):
            return False
        return self.rank == self.view.dimension or self.rest[1].excluded.all()

    def complete(self, solution: Solution) -> Solution:
        """Return the solution of the rest with the free coefficients, and the gap of the whole."""
        if not len(self.free):
            return solution
        w = solution.coef
        missed = self._missed(w)
        for _ in range(REFINEMENTS):
            w, missed = self._refined(w, missed)
        return replace(solution, coef=w, dual_gap=solution.dual_gap + _half_norm2(missed))

    def _refined(self, w: NDArray, missed: NDArray) -> tuple[NDArray, NDArray]:
        """Return w (..., p) after a least-squares step in its free part, and what that misses.

        Of factors without a right digit steps lead away: where nothing is gained, w stays.
        """
        stepped = w.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            stepped[..., self.free] += missed @ self.factors.back.T
            left = self._missed(stepped)
            gained = (_half_norm2(left) < _half_norm2(missed))[..., None]
        return np.where(gained, stepped, w), np.where(gained, left, missed)

    def certify(self, solution: Solution, rounding: NDArray | float = 0.0) -> Solution:
        """Return the solution with the gap of its coefficients, whichever way they were found.

        `rounding` (..., p) is the error of the correlations A'r to overlook.
        """
        return replace(solution, dual_gap=self.gaps(solution.coef, self.penalty, rounding))

    def gaps(self, w: NDArray, penalty: Penalty, rounding: NDArray | float = 0.0) -> NDArray:
        """Return the gap (...) of any w (..., p) under a penalty with the same free features.

        The weights of the penalty may have leading axes too, such as one for several strengths.
        """
        free_gap = np.zeros(w.shape[:-1])
        if len(self.free):
            free_gap = _half_norm2(self._missed(w))
            w = w.copy()
            w[..., self.free] = 0.0
        if self.is_all:
            return free_gap
        penalty = penalty.exclude(self.penalty.free)
        correlation, residual_norm2 = self.rest_view.evaluate(w)
        correlation[..., self.spanned] = 0.0
        unseen = 0.0
        if np.any(rounding):
            settled = penalty.settle(w, correlation, rounding)
            unseen = self._unseen(settled - correlation)
            correlation = settled
        return free_gap + unseen + penalty.dual_gap(w, correlation, residual_norm2)

    def _unseen(self, overlooked: NDArray) -> NDArray:
        """Return what could be gained (...) by what was overlooked of the correlations (..., p).

        Feature by feature: next to nothing, unless of a large column little is left.
        """
        some = np.flatnonzero(overlooked.reshape(-1, overlooked.shape[-1]).any(axis=0))
        part, norms = overlooked[..., some], np.sqrt(self.rest_view.norms2(some))
        with np.errstate(over="ignore"):  # next to nothing left: no bound
            shares = np.divide(part, norms, where=norms > 0, out=np.zeros_like(part))
            return _half_norm2(shares)

    def _missed(self, w: NDArray) -> NDArray:
        """Return U'r (..., rank), zero where the free part of w (..., p) is right."""
        if self.factors.basis is None:
            return self.view.evaluate(w)[0][..., self.free] @ self.factors.to_basis
        # Not by the correlations A'r: T may multiply their rounding errors without bound.
        return (self.view.target - self.view.product(w)) @ self.factors.basis


def _half_norm2(missed: NDArray) -> NDArray:
    """Return |U'r|^2 / 2 (...)."""
    return 0.5 * np.sum(missed * missed, axis=-1)
