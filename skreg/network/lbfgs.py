"""L-BFGS on all rows: a deterministic objective, products in the float type of the data.

An L1 penalty makes every weight the difference of two nonnegative ones, w = u - v, with the
linear cost l1 (u + v). L-BFGS-B keeps such bounds exactly, so that zeros are zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .objective import Data, Objective, Parameters
from .settings import Settings

MEMORY = 10  # pairs that approximate the Hessian


def minimise(
    objective: Objective, theta: Parameters, data: Data, settings: Settings
) -> list[float]:
    """Move theta to a minimum; return the objective after each iteration. `data` are X, Y, s."""
    split = len(theta.weights) if objective.l1 else 0
    slope = theta.like(np.empty_like(theta.vector))
    curve: list[float] = []

    def value_and_gradient(x: NDArray) -> tuple[float, NDArray]:
        theta.vector[:] = joined(x)
        value = objective.evaluate(theta, *data, slope)
        gradient = slope.vector.astype(np.float64)
        by_part = [objective.l1 + gradient[:split], objective.l1 - gradient[:split]]
        return value, np.concatenate([*by_part, gradient[split:]]) if split else gradient

    def joined(x: NDArray) -> NDArray:
        u, v, others = np.split(x, [split, 2 * split])
        return np.concatenate([u - v, others]) if split else x

    def note(intermediate_result: Any) -> None:
        curve.append(float(intermediate_result.fun))
        if settings.verbose and len(curve) % settings.verbose == 0:
            print(f"iteration {len(curve)}: objective {curve[-1]:.6g}")

    weights, others = np.split(theta.vector, [split])
    start = np.concatenate([np.maximum(weights, 0.0), np.maximum(-weights, 0.0), others])
    bounds = [(0.0, None)] * (2 * split) + [(None, None)] * len(others)
    result = minimize(
        value_and_gradient,
        start.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        bounds=bounds if split else None,
        callback=note,
        options={
            "maxiter": settings.max_iter,
            "maxcor": MEMORY,
            "ftol": 0.0,
            "gtol": settings.tol,
        },
    )
    theta.vector[:] = joined(result.x)
    return curve or [float(result.fun)]
