"""Closed forms: L2 and dropout are one linear system, (A'A + diag(ridge)) w = A'b.

In u = sqrt(ridge) w it reads (B'B + I) u = B'b with B = A / sqrt(ridge), and one factorisation
serves every target: of the p x p side ("cholesky"), of the n x n side ("dual", for p > n), by
singular values ("svd"), or none ("cg", conjugate gradients on the data). Each is here a function
that makes an approximate inverse of B'B + I; iterative refinement, with the residual taken on the
data, turns it into the exact one, and the duality gap certifies the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as conjugate_gradients

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution

Inverse = Callable[[NDArray], NDArray]
"""Takes (..., k) to (B'B + I)^-1 of it."""

CG_RTOL = 1e-4  # of one refinement step; the refinement does the rest


def refine(make_inverse: Callable[..., Inverse]) -> Callable[..., Solution]:
    """Return the solver that refines with the inverse that `make_inverse` makes."""

    def solve(view: Any, penalty: Penalty, start: NDArray, settings: Any) -> Solution:
        kept = np.flatnonzero(~penalty.excluded)
        ridge = penalty.ridge[kept]
        scale = 1.0 / np.sqrt(np.where(ridge > 0, ridge, 1.0))
        target_gap = min(settings.tol, EPS) * 0.5 * np.max(view.target_norm2)

        w = np.zeros_like(start)
        correlation, residual_norm2 = view.evaluate(w)
        gap = penalty.dual_gap(w, correlation, residual_norm2)
        n_iter = 0
        try:
            inverse = make_inverse(view, kept, scale, ridge > 0, settings)
        except linalg.LinAlgError:  # the identity drowned in rounding: the gap will tell
            return Solution(w, gap, 1)
        while n_iter < settings.max_iter:
            n_iter += 1
            trial = w.copy()
            gradient = correlation[..., kept] - ridge * w[..., kept]
            trial[..., kept] += inverse(gradient * scale) * scale
            correlation, residual_norm2 = view.evaluate(trial)
            trial_gap = penalty.dual_gap(trial, correlation, residual_norm2)
            stalled = np.max(trial_gap) > 0.5 * np.max(gap)
            if np.max(trial_gap) < np.max(gap) or n_iter == 1:
                w, gap = trial, trial_gap
            if stalled or np.max(gap) <= target_gap:
                break
        return Solution(w, gap, n_iter)

    return solve


def cholesky(view: Any, kept: NDArray, scale: NDArray, *_: Any) -> Inverse:
    """Factor the p x p side."""
    side = view.block(kept) * np.outer(scale, scale)
    side[np.diag_indices_from(side)] += 1.0
    factor = linalg.cho_factor(side, overwrite_a=True, check_finite=False)
    return lambda q: linalg.cho_solve(factor, q.T, check_finite=False).T


def dual(view: Any, kept: NDArray, scale: NDArray, *_: Any) -> Inverse:
    """Factor the n x n side; (B'B + I)^-1 = I - B'(BB' + I)^-1 B."""
    everywhere = np.zeros(view.shape[1])
    everywhere[kept] = scale
    side = view.kernel(everywhere)
    side[np.diag_indices_from(side)] += 1.0
    factor = linalg.cho_factor(side, overwrite_a=True, check_finite=False)

    def inverse(q: NDArray) -> NDArray:
        full = np.zeros(q.shape[:-1] + everywhere.shape)
        full[..., kept] = q * scale
        rows = linalg.cho_solve(factor, view.product(full).T, check_finite=False).T
        return q - view.correlation(rows)[..., kept] * scale

    return inverse


def svd(view: Any, kept: NDArray, scale: NDArray, *_: Any) -> Inverse:
    """Take the singular values of B; refinement from zero never leaves the span of its rows."""
    columns = view.columns(kept) * scale
    _, s, Vt = linalg.svd(columns, full_matrices=False, overwrite_a=True, check_finite=False)
    return lambda q: (q @ Vt.T / (1.0 + s * s)) @ Vt


def cg(view: Any, kept: NDArray, scale: NDArray, penalised: NDArray, settings: Any) -> Inverse:
    """Iterate on the data; the features that are not `penalised` (k,) have no identity beside."""
    everywhere = np.zeros(len(kept))

    def product(u: NDArray) -> NDArray:
        w = np.zeros(view.n_features)
        w[kept] = scale * u.ravel()
        return view.curvature(w)[kept] * scale + penalised * u.ravel()

    system = LinearOperator((len(everywhere),) * 2, matvec=product, dtype=np.float64)

    def inverse(q: NDArray) -> NDArray:
        targets = q.reshape(-1, q.shape[-1])
        solved = [
            conjugate_gradients(system, t, rtol=CG_RTOL, maxiter=settings.max_iter)[0]
            for t in targets
        ]
        return np.array(solved).reshape(q.shape)

    return inverse
