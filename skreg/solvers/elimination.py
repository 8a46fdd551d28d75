"""Features without any penalty are least squares on what the others leave.

The free columns are projected out of the design and the target, as the intercept is; the rest is
solved on that view; then the free coefficients follow, of minimum norm if they are not unique.
The same projection certifies any coefficients: the free part of the residual's correlations, q_F,
adds |U'r|^2 / 2 to the gap of the rest, for the orthonormal basis U = A_F T of the free columns.
"""

from __future__ import annotations

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
    def rest(self) -> tuple[Any, Penalty]:
        """The view and the penalty without the free features."""
        if not len(self.free):
            return self.view, self.penalty
        return self.view.project_out(self.free, self.factors), self.penalty.exclude(
            self.penalty.free
        )

    @property
    def rank(self) -> int:
        """Return the rank of the free columns."""
        return self.factors.to_basis.shape[1] if len(self.free) else 0

    @property
    def is_all(self) -> bool:
        """Whether nothing is left to penalise."""
        return bool(np.all(self.penalty.free | self.penalty.excluded))

    def complete(self, solution: Solution) -> Solution:
        """Return the solution of the rest with the free coefficients, and the gap of the whole."""
        if not len(self.free):
            return solution
        w = solution.coef.copy()
        for _ in range(REFINEMENTS):
            w[..., self.free] += self._basis_residual(w) @ self.factors.back.T
        return replace(solution, coef=w, dual_gap=solution.dual_gap + self._free_gap(w))

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
            free_gap = self._free_gap(w)
            w = w.copy()
            w[..., self.free] = 0.0
        if self.is_all:
            return free_gap
        penalty = penalty.exclude(self.penalty.free)
        correlation, residual_norm2 = self.rest[0].evaluate(w)
        if np.any(rounding):
            correlation = penalty.settle(w, correlation, rounding)
        return free_gap + penalty.dual_gap(w, correlation, residual_norm2)

    def _basis_residual(self, w: NDArray) -> NDArray:
        """Return U'r (..., rank)."""
        return self.view.evaluate(w)[0][..., self.free] @ self.factors.to_basis

    def _free_gap(self, w: NDArray) -> NDArray:
        """Return |U'r|^2 / 2 (...)."""
        return 0.5 * np.sum(self._basis_residual(w) ** 2, axis=-1)
