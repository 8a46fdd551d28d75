"""Closed forms: L2 and dropout are one linear system, (A'A + diag(ridge)) w = A'b.

In u = sqrt(ridge) w it reads (B'B + I) u = B'b with B = A / sqrt(ridge), and one factorisation
serves every target: of the p x p side ("cholesky"), of the n x n side ("dual", for p > n), by
singular values ("svd"), or none ("cg", conjugate gradients on the data). Each is here a function
that makes a step, from w and A'(b - A w) towards the solution; repeated with the residual taken on
the data (iterative refinement), the steps lead to the exact one, which the duality gap certifies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as conjugate_gradients

from .._linalg import EPS, ROUNDING
from .._objective import Penalty
from .._solution import Solution
from .threads import factoring

Step = Callable[[NDArray, NDArray], NDArray]
"""Takes w (..., p) and A'(b - A w) (..., p) to a better w."""

LARGE_SIDE = 5000  # the smaller side from which sparse designs are iterated on, not factored
CG_RTOL = 1e-6  # of one step; two of them are right to the last digits, not just to a small gap


@dataclass(frozen=True)
class _Point:
    """w (..., p), A'(b - A w) (..., p), the objective summed over targets, and the gap (...)."""

    w: NDArray
    correlation: NDArray
    objective: float
    gap: NDArray

    def improves_on(self, other: _Point) -> bool:
        """Whether the objective is lower, or the same to rounding and the gap clearly lower."""
        slack = ROUNDING * other.objective
        lower = self.objective < other.objective - slack
        same = self.objective <= other.objective + slack
        return lower or (same and np.max(self.gap) < 0.9 * np.max(other.gap))


def _null_model(view: Any, zeros: NDArray) -> _Point:
    """Return what the data say of w = 0 (..., p); its objective bounds its gap."""
    correlation, residual_norm2 = view.evaluate(zeros)
    objective = 0.5 * residual_norm2
    return _Point(zeros, correlation, float(np.sum(objective)), objective)


def _evaluate(view: Any, penalty: Penalty, w: NDArray) -> _Point:
    """Return what the data say of w (..., p)."""
    correlation, residual_norm2 = view.evaluate(w)
    objective = float(np.sum(0.5 * residual_norm2 + penalty.value(w)))
    return _Point(w, correlation, objective, penalty.dual_gap(w, correlation, residual_norm2))


def refine(make_step: Callable[..., Step]) -> Callable[..., Solution]:
    """Return the solver that repeats the step that `make_step` makes.

    A step that overflows is just no improvement.
    """

    @np.errstate(over="ignore", invalid="ignore")
    def solve(view: Any, penalty: Penalty, start: NDArray, settings: Any) -> Solution:
        kept = np.flatnonzero(~penalty.excluded)
        enough = min(settings.tol, EPS) * 0.5 * view.target_norm2
        best, last = _null_model(view, np.zeros_like(start)), None
        try:
            step = make_step(view, kept, penalty.ridge[kept], settings)
        except linalg.LinAlgError:  # the identity drowned in rounding: the gap will tell
            return Solution(best.w, best.gap, 1)
        n_iter = 0
        while n_iter < settings.max_iter and (last is None or best is last):
            n_iter += 1
            last = _evaluate(view, penalty, step(best.w, best.correlation))
            best = last if last.improves_on(best) else best
            if np.all(best.gap <= enough):
                break
        return Solution(best.w, best.gap, n_iter)

    return solve


def _by_inverse(inverse: Callable, kept: NDArray, ridge: NDArray) -> Step:
    """Return the step of an approximate inverse (..., k) -> (..., k) of B'B + I."""
    scale = 1.0 / np.sqrt(ridge)

    def step(w: NDArray, correlation: NDArray) -> NDArray:
        w = w.copy()
        descent = correlation[..., kept] - ridge * w[..., kept]
        w[..., kept] += inverse(descent * scale) * scale
        return w

    return step


def _factor_with_identity(side: NDArray) -> tuple[NDArray, bool]:
    """Return the Cholesky factor of `side` (k, k) + I, in its place."""
    side.flat[:: len(side) + 1] += 1.0
    with factoring(len(side)):
        return linalg.cho_factor(side, overwrite_a=True, check_finite=False)


def cholesky(view: Any, kept: NDArray, ridge: NDArray, settings: Any) -> Step:
    """Factor the p x p side."""
    scale = 1.0 / np.sqrt(ridge)
    side = view.block(kept)
    side *= scale
    side *= scale[:, None]
    factor = _factor_with_identity(side)
    return _by_inverse(lambda q: linalg.cho_solve(factor, q.T, check_finite=False).T, kept, ridge)


def dual(view: Any, kept: NDArray, ridge: NDArray, settings: Any) -> Step:
    """Factor the n x n side; (B'B + I)^-1 = I - B'(BB' + I)^-1 B."""
    scale = np.zeros(view.n_features)
    scale[kept] = 1.0 / np.sqrt(ridge)
    side = view.kernel(scale)
    factor = _factor_with_identity(side)

    def inverse(q: NDArray) -> NDArray:
        full = np.zeros((*q.shape[:-1], len(scale)))
        full[..., kept] = q * scale[kept]
        rows = linalg.cho_solve(factor, view.product(full).T, check_finite=False).T
        return q - view.correlation(view.project(rows))[..., kept] * scale[kept]

    return _by_inverse(inverse, kept, ridge)


def svd(view: Any, kept: NDArray, ridge: NDArray, settings: Any) -> Step:
    """Take the singular values of B; from zero, steps never leave the span of its rows."""
    columns = view.columns(kept) / np.sqrt(ridge)
    _, s, Vt = linalg.svd(columns, full_matrices=False, overwrite_a=True, check_finite=False)
    return _by_inverse(lambda q: (q @ Vt.T / (1.0 + s * s)) @ Vt, kept, ridge)


def cg(view: Any, kept: NDArray, ridge: NDArray, settings: Any) -> Step:
    """Iterate on the data."""
    scale = 1.0 / np.sqrt(ridge)

    def product(u: NDArray) -> NDArray:
        w = np.zeros(view.n_features)
        w[kept] = scale * u.ravel()
        return view.curvature(w)[kept] * scale + u.ravel()

    system = LinearOperator((len(kept),) * 2, matvec=product, dtype=np.float64)

    def inverse(q: NDArray) -> NDArray:
        targets = q.reshape(-1, q.shape[-1])
        solved = [
            conjugate_gradients(system, t, rtol=CG_RTOL, maxiter=settings.max_iter)[0]
            for t in targets
        ]
        return np.array(solved).reshape(q.shape)

    return _by_inverse(inverse, kept, ridge)
