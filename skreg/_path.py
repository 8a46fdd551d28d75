"""`regularization_path`: the coefficients at every strength, each certified on the data.

A lasso path goes down from lambda_max, each value started from the one before. A path of L2
strengths or of dropout rates is one eigendecomposition, see `solvers/spectral.py`. Where the
features are few, either is solved on the moments of the data, so that a value costs p^2; what comes
out is certified on the data, and solved again there where the moments were not accurate enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from . import _grid, solvers
from ._base import BaseRegularized
from ._moments import Moments
from ._objective import Penalty
from ._rows import Rows
from ._solution import Solution
from .solvers.elimination import Elimination
from .solvers.spectral import Spectrum, spectrum, stack

MOMENTS_MOST = 2000  # features up to which their p x p moments are worth forming


@dataclass(frozen=True)
class RegularizationPath:
    """The coefficients along a path, the most regularised first."""

    parameter: str
    values: NDArray
    coefs: NDArray
    intercepts: NDArray
    dual_gaps: NDArray
    n_iters: NDArray
    feature_names: NDArray | None = None


def moments_suffice(shape: tuple[int, int]) -> bool:
    """Return whether X (n, p) is better solved on its moments than on its rows."""
    n, p = shape
    return p <= min(n, MOMENTS_MOST)


class Family:
    """The problems of an estimator on a view, along its path parameter."""

    def __init__(self, estimator: BaseRegularized, view: Any) -> None:
        self.estimator, self.view = clone(estimator), view
        self.axis = _grid.AXES[estimator._path_parameter]
        self.settings = solvers.Settings(estimator.tol, estimator.max_iter, estimator.verbose)
        self.constant = view.constant() if view.fit_intercept else np.zeros(view.n_features, bool)

    def penalty(self, value: float) -> Penalty:
        """Return the penalty at a value of the path parameter."""
        setattr(self.estimator, self.estimator._path_parameter, value)
        return self.estimator._penalty(self.view).exclude(self.constant)

    @cached_property
    def unit(self) -> Penalty:
        """The penalty at strength 1."""
        return self.penalty(float(self.axis.value(np.float64(1.0))))

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """The factors that all strengths share, if they do."""
        fixed = self.penalty(0.0).finite[1]
        return spectrum(self.view, self.unit, fixed, self.unit.finite[1] - fixed)

    def grid(self, n_values: int, eps: float | None = None) -> NDArray:
        """Return the automatic grid (n_values,), descending."""
        return _grid.automatic(self.axis, self.view, self.unit, n_values, eps)

    def solutions(self, values: NDArray) -> Iterator[tuple[Solution, str]]:
        """Yield the solution at each of the values (m,), descending, and who found it."""
        solver = self.estimator.solver
        if solver == "auto" and self.spectrum is not None:
            yield from self._spectral_solutions(values)
        else:
            penalties = map(self.penalty, values)
            yield from solvers.follow(self.view, penalties, solver, None, self.settings)

    def solve(self, value: float, start: NDArray | None) -> tuple[Solution, str]:
        """Return the solution at one value from a start (..., p), and who found it."""
        return solvers.minimise(
            self.view, self.penalty(value), self.estimator.solver, start, self.settings
        )

    def gaps(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the duality gaps (m, ...) on the view of coefs (m, ..., p) at the values (m,)."""
        penalties = [self.penalty(value) for value in values]
        gaps = []
        for _, some in groupby(range(len(values)), lambda k: penalties[k].free.tobytes()):
            some = list(some)
            problem = Elimination(self.view, penalties[some[0]])
            penalty = stack([penalties[k] for k in some], len(self.view.coef_shape))
            gaps.append(problem.gaps(coefs[some], penalty))
        return np.concatenate(gaps)

    def _spectral_solutions(self, values: NDArray) -> Iterator[tuple[Solution, str]]:
        """Yield the solutions at the values (m,), by the shared factors where they serve."""
        penalties = [self.penalty(value) for value in values]
        serves = [np.array_equal(penalty.free, self.unit.free) for penalty in penalties]
        ts = self.axis.strength(values[serves])
        covered = [penalty for penalty, yes in zip(penalties, serves, strict=True) if yes]
        found = self.spectrum.solutions(ts, covered, self.settings.tol)
        for value, yes in zip(values, serves, strict=True):
            solution = next(found) if yes else None
            if yes and solution.is_within(self.settings.tol, self.view.target_norm2):
                yield solution, "spectral"
            else:
                yield self.solve(value, None)


def regularization_path(estimator, X, y, values=None, n_values=100, eps=None, sample_weight=None):
    """Return the coefficients of an estimator along its path parameter."""
    model = clone(estimator)
    model._validate_params()
    X, y, weights = model._check_data(X, y, sample_weight)
    rows = Rows.from_data(X, y, weights, model.fit_intercept)
    on_data = Family(model, rows)
    if values is None:
        values = on_data.grid(n_values, eps)
    else:
        values = _grid.checked(on_data.axis, values, "values")
    if moments_suffice(rows.shape):
        found = Family(model, Moments.from_rows(rows, np.nan)).solutions(values)
    else:
        found = on_data.solutions(values)
    found = [solution for solution, _ in found]
    coefs = np.array([solution.coef for solution in found])
    gaps = on_data.gaps(values, coefs)
    return RegularizationPath(
        parameter=model._path_parameter,
        values=values,
        coefs=coefs.astype(X.dtype),
        intercepts=rows.intercept(coefs).astype(X.dtype),
        dual_gaps=gaps,
        n_iters=np.array([solution.n_iter for solution in found]),
        feature_names=getattr(model, "feature_names_in_", None),
    )
