"""The problems of one estimator at many strengths, on one view of the data.

The penalty at a strength is whatever the estimator says it is there. If all are ridges that share a
factorisation, that solves them (`solvers/spectral.py`); otherwise each value is solved by itself,
started from the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .. import solvers
from .._objective import Penalty
from .._solution import Solution
from ..linear.base import BaseRegularized
from ..solvers.elimination import Elimination
from ..solvers.spectral import Spectrum, chunks, spectrum, stack
from . import grids

MOMENTS_MOST = 2000  # features up to which their p x p moments are worth forming


def moments_suffice(shape: tuple[int, int]) -> bool:
    """Return whether X (n, p) is better solved on its moments than on its rows."""
    n, p = shape
    return p <= min(n, MOMENTS_MOST)


class Family:
    """The problems of a validated estimator on a view, along its path parameter.

    Nothing here depends on the strength that the estimator was given, nor changes the estimator.
    The penalty is that on `source`, another view of the same data, if one is given.
    """

    def __init__(self, estimator: BaseRegularized, view: Any, source: Any = None) -> None:
        self.view = view
        self.source = view if source is None else source
        self.axis = grids.AXES[estimator._path_parameter]
        self.solver = estimator.solver
        self.settings = solvers.Settings(estimator.tol, estimator.max_iter, estimator.verbose)
        self._model = clone(estimator)
        self._constant = self.source.constant() & view.fit_intercept

    def penalty(self, value: float) -> Penalty:
        """Return the penalty at a value of the path parameter."""
        setattr(self._model, self._model._path_parameter, float(value))
        return self._model._penalty(self.source).exclude(self._constant)

    @cached_property
    def unit(self) -> Penalty:
        """The penalty at strength 1."""
        return self.penalty(self.axis.value(1.0))

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """The factors that all strengths share, if they do."""
        fixed, unit = self.penalty(0.0).finite[1], self.unit.finite[1]
        return spectrum(self.view, self.unit, fixed, unit - fixed)

    def grid(self, n_values: int, eps: float | None = None) -> NDArray:
        """Return the automatic grid (n_values,), descending."""
        return grids.automatic(self.axis, self.source, self.unit, n_values, eps)

    def solve(self, value: float, start: NDArray | None = None) -> tuple[Solution, str]:
        """Return the solution at one value, from a start (..., p), and the name of its solver."""
        return solvers.minimise(self.view, self.penalty(value), self.solver, start, self.settings)

    def solutions(self, values: NDArray) -> Iterator[tuple[Solution, str]]:
        """Yield the solution at each of the values (m,), descending, and the name of its solver."""
        if self.solver == "auto" and self.spectrum is not None:
            for some in chunks(self.view, len(values)):
                yield from self._shared(values[some])
        else:
            penalties = map(self.penalty, values)
            yield from solvers.follow(self.view, penalties, self.solver, None, self.settings)

    def certified(
        self, values: NDArray, on_rows: Callable[[], Family]
    ) -> Iterator[tuple[Solution, str]]:
        """Yield as `solutions`, from the rows of the same data where moments are not enough."""
        if self.view.has_rows:
            yield from self.solutions(values)
            return
        rows = None
        for value, (solution, name) in zip(values, self.solutions(values), strict=True):
            if solution.is_within(self.settings.tol, self.view.target_norm2):
                yield solution, name
            else:
                rows = rows or on_rows()
                yield rows.solve(value, solution.coef)

    def gaps(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the gaps (m, ...) on this view of coefs (m, ..., p) at the values (m,)."""
        penalties = [self.penalty(value) for value in values]
        gaps = np.zeros(coefs.shape[:-1])
        for _, group in groupby(range(len(values)), lambda k: penalties[k].free.tobytes()):
            some = list(group)
            problem = Elimination(self.view, penalties[some[0]])
            penalty = stack([penalties[k] for k in some], coefs.ndim - 1)
            gaps[some] = problem.gaps(coefs[some], penalty)
            if np.any(gaps[some] > self.settings.tol * 0.5 * self.view.target_norm2):
                gaps[some] = problem.gaps(coefs[some], penalty, self.view.rounding())
        return gaps

    def _shared(self, values: NDArray) -> Iterator[tuple[Solution, str]]:
        """Yield the solutions at values (m,) from the shared factors, where they are within tol."""
        penalties = [self.penalty(value) for value in values]
        covered = [np.array_equal(penalty.free, self.unit.free) for penalty in penalties]
        some = np.flatnonzero(covered)
        strengths = self.axis.strength(values[some])
        found = iter(())
        if len(some):
            shared = [penalties[k] for k in some]
            found = iter(self.spectrum.solve(strengths, shared, self.settings.tol))
        for value, is_covered in zip(values, covered, strict=True):
            solution = next(found) if is_covered else None
            if is_covered and solution.is_within(self.settings.tol, self.view.target_norm2):
                yield solution, "spectral"
            else:
                yield self.solve(value)
