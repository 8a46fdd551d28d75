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

from .. import solvers
from .._linalg import EPS
from .._objective import Penalty
from ..problem.validation import as_floats

ANY_TOP = 1.0  # where every strength gives the same fit
LARGEST_RATE, SMALLEST_RATE = 0.99, 0.001
MOST = 1e300  # to start a grid at, if a penalty weight is so small that no number were enough
LEAST = 1e-300  # to start it at, or to end it: products with less vanish
STEPS = 1000  # of Newton's method for the features without an L1 weight


def lambda_max(view: Any, unit: Penalty) -> float:
    """Return the least t at which t * unit.l1 keeps all it weighs at zero, for every target."""
    weighed = (unit.l1 > 0) & ~unit.excluded
    others = unit.exclude(weighed)
    if others.excluded.all():
        pull = unit.directed(view.evaluate(np.zeros(view.coef_shape))[0])
    else:
        settings = solvers.Settings(tol=EPS, max_iter=STEPS)
        solution, _ = solvers.minimise(view, others, "auto", None, settings)
        pull = unit.directed(view.evaluate(solution.coef)[0])
        pull = np.where(pull > view.rounding(), pull, 0.0)  # the others may fit y to rounding
    with np.errstate(over="ignore"):
        return float(np.max(pull[..., weighed] / unit.l1[weighed], initial=0.0))


def ridge_max(view: Any, unit: Penalty) -> float:
    """Return the trace of A V^-1 A' for the ridge weights V = diag(unit.ridge)."""
    weighed = (unit.ridge > 0) & ~unit.excluded
    moments = view.second_moments("mean" if view.fit_intercept else "zero")
    with np.errstate(over="ignore"):
        return float(np.sum(moments[weighed] / unit.ridge[weighed]))


def odds(rate: NDArray | float) -> Any:
    """Return q / (1 - q), the ridge weight of dropout at rate q."""
    return rate / (1.0 - rate)


def _rate(strength: NDArray) -> NDArray:
    """Return the dropout rates of odds (m,)."""
    return strength / (1.0 + strength)


def _same(values: NDArray) -> NDArray:
    """Return the values (m,): they are their own strengths."""
    return values


@dataclass(frozen=True)
class Axis:
    """A path parameter: its `strength` and back (`value`), and its automatic grid.

    `top` gives the strength where the grid starts, from the view and the penalty at strength 1, and
    `eps` the ratio of the last to it. Values are below `limit`.
    """

    strength: Callable[[Any], Any]
    value: Callable[[NDArray], NDArray]
    top: Callable[[Any, Penalty], float]
    eps: float
    limit: float = np.inf


AXES = {
    "l1_lambda": Axis(_same, _same, lambda_max, 1e-3),
    "l2_lambda": Axis(_same, _same, ridge_max, 1e-6),
    "dropout_rate": Axis(
        odds,
        _rate,
        lambda view, unit: odds(LARGEST_RATE),
        odds(SMALLEST_RATE) / odds(LARGEST_RATE),
        limit=1.0,
    ),
}
"""Every path parameter by its name."""


def automatic(
    axis: Axis, view: Any, unit: Penalty, n_values: int, eps: float | None = None
) -> NDArray:
    """Return a grid (n_values,), descending, geometric in the strength from 1 to eps of the top."""
    top = axis.top(view, unit)
    top = min(top, MOST) if top > LEAST else ANY_TOP
    bottom = max(top * (axis.eps if eps is None else eps), LEAST)
    return axis.value(np.geomspace(top, bottom, n_values))


def check_size(n_values: Any, eps: Any) -> None:
    """Raise TypeError or ValueError for what cannot be the length and the depth of a grid."""
    check_scalar(n_values, "n_values", Integral, min_val=1)
    if eps is not None:
        check_scalar(eps, "eps", Real, min_val=0, max_val=1, include_boundaries="neither")


def checked(axis: Axis, values: Any, name: str) -> NDArray:
    """Return the user's values (m,), descending and each once."""
    values = as_floats(values, name, ensure_min_samples=0)
    if values.size == 0:
        raise ValueError(f"{name} must hold one value or more.")
    if values.ndim != 1:
        raise ValueError(f"{name} must be a 1D array; got an array of {values.ndim} dimensions.")
    if np.any((values < 0) | (values >= axis.limit)):
        raise ValueError(f"{name} must be in [0, {axis.limit:g}).")
    return np.unique(values)[::-1]
