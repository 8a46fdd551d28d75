"""The certificate: the duality gap of any coefficients, evaluated on the data.

For it the residual is made orthogonal to the features without a penalty (`free`) by one
least-squares step in their coefficients; what the step gains is a part of the gap. What a
correlation misses by its own rounding error is no violation. What moments cannot resolve is added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from ..problem.design import EPS
from ..problem.protocol import Design, Problem, is_design

# In units of |A_j| |b|: solvers meet the conditions of optimality to this accuracy, and smaller
# violations count as rounding. On 4,000 random problems of ten kinds the largest was 2e-13.
ACCURACY = 1e3 * EPS
CANCELLED = 8 * EPS  # in units of |A_j| sum_k |A_k w_k|: the rounding of what cancels in A w


@dataclass(frozen=True)
class Certificate:
    """Coefficients `w` (..., p), A'(b - A w) (..., p), |b - A w|^2 (...), and the gap (...)."""

    w: NDArray
    correlation: NDArray
    residual_norm2: NDArray
    gap: NDArray


def certify(
    problem: Problem,
    penalty: Penalty,
    w: NDArray,
    tol: float,
    is_direct: bool = False,
) -> Certificate:
    """Return the certificate of w (..., p).

    Rounding is allowed for where the gap is otherwise above `tol` times |b|^2 / 2. `is_direct` says
    that w comes from a factorisation, which leaves rounding errors alone; an iteration may stop
    anywhere.
    """
    correlation, norm2 = problem.evaluate(w)
    z, z_norm2 = correlation, norm2
    free_gap: NDArray | float = 0.0
    if penalty.free.any():
        free_gap, z, z_norm2 = _without_free(problem, penalty, w, correlation, norm2)
    gap = penalty.dual_gap(w, z, z_norm2)
    beyond = gap > tol * 0.5 * problem.target_norm2
    if beyond.any():
        rounding = rounding_errors(problem, w)
        allowed = penalty.dual_gap(w, z, z_norm2, rounding)
        if not is_direct:
            # What is overlooked counts with the size of the coefficient.
            overlooked = np.minimum(np.abs(penalty.violation(w, z)), rounding)
            allowed = allowed + np.sum(overlooked * np.abs(w), axis=-1)
        gap = np.where(beyond, allowed, gap)
    worse_than_zero = 0.5 * (norm2 - problem.target_norm2) + penalty.value(w)
    gap = np.maximum(gap + free_gap, worse_than_zero)
    if not problem.has_rows:
        gap = gap + problem.unresolved(w, penalty)
    return Certificate(w, correlation, norm2, gap)


def rounding_errors(problem: Problem, w: NDArray) -> NDArray:
    """Return what rounding may leave of the correlations (..., p) at w (..., p)."""
    norms = np.sqrt(problem.column_norms2)
    size = ACCURACY * np.sqrt(problem.target_norm2) + CANCELLED * (np.abs(w) @ norms)
    return np.expand_dims(size, -1) * norms


def bound_from_moments(moments: Problem, design: Design, penalty: Penalty, w: NDArray) -> NDArray:
    """Return bounds (...) on the gaps of w (..., p) on the rows of a design, from their moments.

    A sum of n products has a relative error of about sqrt(n) EPS (Higham & Mary, 2019, SIAM J. Sci.
    Comput. 41), and so have the moments, before centring. The bound takes the worst correlations.
    """
    noise = np.sqrt(design.shape[0]) * EPS
    norms = np.sqrt(moments.column_norms2 + design.centre**2)
    total = np.sqrt(moments.target_norm2) + np.abs(w) @ norms
    errors = noise * np.multiply.outer(total, norms)
    correlation, norm2 = moments.evaluate(w)
    worst = correlation + (errors if penalty.positive else np.copysign(errors, correlation))
    hidden = noise * total * total
    return penalty.dual_gap(w, worst, norm2 + hidden) + 2.0 * hidden


def _without_free(
    problem: Problem, penalty: Penalty, w: NDArray, correlation: NDArray, norm2: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the gain (...) of a step in the free features, and A'r (..., p), |r|^2 (...) after."""
    free, gain = np.flatnonzero(penalty.free), np.zeros(w.shape[:-1])
    z = correlation.copy()
    if np.any((np.abs(z) > rounding_errors(problem, w)) & penalty.free):
        moved, before = w.copy(), norm2
        moved[..., free] += _newton_step(problem, free, z)
        z, norm2 = problem.evaluate(moved)
        left = np.sum(z[..., free] * _newton_step(problem, free, z), axis=-1)
        gain = 0.5 * (np.maximum(before - norm2, 0.0) + np.maximum(left, 0.0))
    z[..., free] = 0.0
    return gain, z, norm2


def _newton_step(problem: Problem, free: NDArray, correlation: NDArray) -> NDArray:
    """Return the least-squares step (..., f) in the free features for correlations (..., p)."""
    slope = correlation[..., free]
    if not is_design(problem) or len(free) <= problem.shape[0]:
        gram = problem.gram(free)
        # With columns of norm 1, a large one does not hide a small one.
        scale = 1.0 / np.sqrt(np.where(gram.diagonal() > 0, gram.diagonal(), 1.0))
        scaled = np.linalg.lstsq(gram * np.outer(scale, scale), (scale * slope).T, rcond=None)[0]
        return scale * scaled.T
    # With more columns F than rows by their kernel K: (A_F'A_F)^+ = A_F' K^+ K^+ A_F.
    among = np.zeros(problem.n_features)
    among[free] = 1.0
    inverse = np.linalg.pinv(problem.kernel(among), hermitian=True)
    return problem.correlation(problem.product(among * correlation) @ inverse @ inverse)[..., free]
