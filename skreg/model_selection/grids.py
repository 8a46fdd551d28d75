"""The values a path runs over: what its parameter means, where it starts, how it descends.

Each estimator has one path parameter, and its penalty is linear in the strength t of it:

    l1_lambda, l2_lambda: t is the value;    dropout_rate q: t = q / (1 - q).

An automatic grid is geometric in t, from the top downwards. The top of the lasso is lambda_max, the
least t at which all coefficients with an L1 weight are zero: the optimality conditions ask for
|A_j'r| <= t v_j, with the residual r of the features that have none, fitted alone. The ridge has no
such end: its grid starts at t = trace(A V^-1 A'), where every part of the fit is shrunk to half or
less, and that of dropout at a rate of 0.99.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from .._objective import Penalty
from .._solution import Settings
from ..problem.protocol import Problem
from ..problem.validation import as_floats
from ..solvers import certified

ANY_TOP = 1.0  # a strength to start at where every strength gives the same fit
LARGEST_RATE, SMALLEST_RATE = 0.99, 0.001
ROUNDING = 1e-14  # of |A_j| |b|: a correlation of that size is a rounding error
EXACT = Settings(tol=1e-15, max_iter=1000)


def lambda_max(problem: Problem, unit: Penalty) -> float:
    """Return the least t at which t * unit.l1 keeps all it weighs at zero, for every target."""
    weighed = unit.l1 > 0
    others = unit.exclude(weighed)
    pull = unit.directed(problem.cross)
    if not others.excluded.all():
        solution = certified.solve(problem, others, "auto", None, EXACT)
        pull = unit.directed(problem.evaluate(solution.coef)[0])
        size = np.sqrt(problem.column_norms2 * np.expand_dims(problem.target_norm2, -1))
        pull = np.where(pull > ROUNDING * size, pull + ROUNDING * size, 0.0)  # rounded up
    return float(np.max(pull[..., weighed] / unit.l1[weighed], initial=0.0))


def ridge_max(problem: Problem, unit: Penalty) -> float:
    """Return the trace of A V^-1 A' for the ridge weights V = diag(unit.ridge)."""
    weighed = unit.ridge > 0
    return float(np.sum(problem.column_norms2[weighed] / unit.ridge[weighed]))


def odds_max(problem: Problem, unit: Penalty) -> float:
    """Return the odds of the largest dropout rate."""
    return float(odds(LARGEST_RATE))


def odds(rate: Any) -> Any:
    """Return q / (1 - q), the ridge weight of dropout at rates q (...)."""
    return rate / (1.0 - rate)


def rate_of(odds: Any) -> Any:
    """Return the dropout rates of odds (...)."""
    return odds / (1.0 + odds)


def identity(values: Any) -> Any:
    """Return the values (...), which are their own strengths."""
    return values


@dataclass(frozen=True)
class PathParameter:
    """A path parameter: its `strength` and back (`value`), and its automatic grid.

    `top` gives the strength where the grid starts, from the problem and the penalty at strength 1,
    and `eps` the ratio of the last to it. Values are below `limit`. `is_of_data` says that the
    penalty at a strength depends on the data.
    """

    strength: Callable[[Any], Any]
    value: Callable[[Any], Any]
    top: Callable[[Problem, Penalty], float]
    eps: float
    limit: float = np.inf
    is_of_data: bool = False

    def grid(self, problem: Problem, unit: Penalty, n_values: int, eps: float | None) -> NDArray:
        """Return a grid (n_values,), geometric in the strength from the top to eps times that."""
        top = self.top(problem, unit)
        if not 0 < top < np.inf:
            top = ANY_TOP
        return self.value(np.geomspace(top, top * (self.eps if eps is None else eps), n_values))

    def checked(self, values: Any, name: str) -> NDArray:
        """Return the user's values (m,), descending and each once."""
        values = as_floats(values, name, ensure_min_samples=0)
        if values.size == 0:
            raise ValueError(f"{name} must hold one value or more.")
        if values.ndim != 1:
            raise ValueError(
                f"{name} must be a 1D array; got an array of {values.ndim} dimensions."
            )
        if np.any((values < 0) | (values >= self.limit)):
            raise ValueError(f"{name} must be in [0, {self.limit:g}).")
        return np.unique(values)[::-1]


PARAMETERS = {
    "l1_lambda": PathParameter(identity, identity, lambda_max, 1e-3),
    "l2_lambda": PathParameter(identity, identity, ridge_max, 1e-6),
    "dropout_rate": PathParameter(
        odds, rate_of, odds_max, odds(SMALLEST_RATE) / odds(LARGEST_RATE), 1.0, is_of_data=True
    ),
}
"""Every path parameter by its name."""


def check_size(n_values: Any, eps: Any) -> None:
    """Raise TypeError or ValueError for what cannot be the length and the depth of a grid."""
    check_scalar(n_values, "n_values", Integral, min_val=1)
    if eps is not None:
        check_scalar(eps, "eps", Real, min_val=0, max_val=1, include_boundaries="neither")
