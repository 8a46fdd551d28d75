"""L-BFGS on all rows: a deterministic objective, products in the float type of the data.

An L1 penalty makes every weight the difference of two nonnegative ones, w = u - v, with the
linear cost l1 (u + v): bounds, which L-BFGS-B keeps exactly, so that zeros are zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .objective import Objective

MEMORY = 10  # pairs that approximate the Hessian


def train(
    objective: Objective,
    theta: NDArray,
    data: tuple[NDArray, NDArray, NDArray],
    l1: float,
    l2: float,
    max_iter: int,
    tol: float,
    report: Callable[[int, float], None],
) -> tuple[NDArray, list[float]]:
    """Return the parameters (P,) in float64 and the objective after each iteration."""
    split, dtype = objective.n_weights if l1 else 0, data[0].dtype
    gradient32 = np.empty(len(theta), dtype)

    def value_and_gradient(x: NDArray) -> tuple[float, NDArray]:
        full = _joined(x, split)
        value = objective.evaluate(full.astype(dtype), *data, gradient32)
        gradient, weights = gradient32.astype(np.float64), full[: objective.n_weights]
        value += 0.5 * l2 * float(weights @ weights)
        gradient[: objective.n_weights] += l2 * weights
        if split:
            value += l1 * float(x[: 2 * split].sum())
            slope = gradient[:split]
            gradient = np.concatenate([l1 + slope, l1 - slope, gradient[split:]])
        return value, gradient

    curve: list[float] = []

    def note(intermediate_result: object) -> None:
        curve.append(float(intermediate_result.fun))  # type: ignore[attr-defined]
        report(len(curve), curve[-1])

    start = np.concatenate([theta[:split], -theta[:split], theta[split:]])
    bounds = None
    if split:
        start[: 2 * split] = np.maximum(start[: 2 * split], 0.0)
        free = len(theta) - split
        bounds = [(0.0, None)] * (2 * split) + [(None, None)] * free
    options = {"maxiter": max_iter, "maxcor": MEMORY, "maxfun": 2 * max_iter + 20}
    result = minimize(
        value_and_gradient,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds,
        callback=note,
        options={**options, "ftol": 0.0, "gtol": tol},
    )
    return _joined(result.x, split), curve or [float(result.fun)]


def _joined(x: NDArray, split: int) -> NDArray:
    """Return w (P,) of its positive and negative parts, which the first `split` weights have."""
    return np.concatenate([x[:split] - x[split : 2 * split], x[2 * split :]]) if split else x
