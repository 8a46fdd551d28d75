"""The certificate: the duality gap of any coefficients, evaluated on the data.

For it the residual is made orthogonal to the features without a penalty (`free`) by one
least-squares step in their coefficients, which is taken if it improves the objective. What a
correlation misses by its own rounding error is no violation. What moments do not resolve of the
free features is added to the gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from ..problem.design import EPS
from ..problem.protocol import Problem

# In units of |A_j| |b|: to so much the solvers meet the conditions of optimality, and so much of a
# correlation is rounding. On 4,000 random problems of ten kinds the largest was 2e-13.
ACCURACY = 1e3 * EPS


@dataclass(frozen=True)
class Certificate:
    """Coefficients `w` (..., p), A'(b - A w) (..., p), |b - A w|^2 (...), and the gap (...)."""

    w: NDArray
    correlation: NDArray
    residual_norm2: NDArray
    gap: NDArray


def certify(problem: Problem, penalty: Penalty, w: NDArray, tol: float) -> Certificate:
    """Return the certificate of w (..., p), with free coefficients by least squares.

    Rounding is allowed for where the gap is otherwise above `tol` times |b|^2 / 2.
    """
    correlation, norm2 = problem.evaluate(w)
    free_gap: NDArray | float = 0.0
    if penalty.free.any():
        w, correlation, norm2, free_gap = _fit_free(problem, penalty, w, correlation, norm2)
    gap = penalty.dual_gap(w, correlation, norm2)
    if np.any(gap > tol * 0.5 * problem.target_norm2):
        size = np.sqrt(problem.column_norms2 * np.expand_dims(problem.target_norm2, -1))
        gap = penalty.dual_gap(w, correlation, norm2, ACCURACY * size)
    return Certificate(w, correlation, norm2, gap + free_gap)


def _fit_free(
    problem: Problem, penalty: Penalty, w: NDArray, correlation: NDArray, norm2: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return w, A'r (..., p) and |r|^2 (...) after the least-squares step in the free features.

    And what another such step would gain (...), with what moments do not resolve.
    """
    free = np.flatnonzero(penalty.free)
    gram = problem.gram(free)

    def newton_step(slope: NDArray) -> NDArray:
        return np.linalg.lstsq(gram, slope.T, rcond=None)[0].T

    moved = w.copy()
    moved[..., free] += newton_step(correlation[..., free])
    at_moved, norm2_moved = problem.evaluate(moved)
    better = norm2_moved < norm2  # else the step is of rounding errors
    w = np.where(better[..., None], moved, w)
    correlation = np.where(better[..., None], at_moved, correlation)
    slope = correlation[..., free]
    left = 0.5 * np.maximum(np.sum(slope * newton_step(slope), axis=-1), 0.0)
    correlation[..., free] = 0.0
    return w, correlation, np.minimum(norm2_moved, norm2), left + problem.unresolved(w, free)
