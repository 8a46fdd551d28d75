"""Closed forms for many strengths: one eigendecomposition serves all ridges fixed + t * varying.

With M = diag(varying), the coefficients at strength t are

    w(t) = V (L + t)^-1 V'A'b,      V = M^-1/2 Q,    M^-1/2 (A'A + diag(fixed)) M^-1/2 = Q L Q',

or, with more features than rows and nothing fixed, from the n x n side,

    w(t) = M^-1 A'U (L + t)^-1 U'b,                  A M^-1 A' = U L U'.

A further strength costs two products with the eigenvectors. From the same factors come the trace of
the hat matrix A (A'A + diag(fixed) + t M)^-1 A' (degrees of freedom) and the errors on rows left
out (`model_selection/loo.py`). Where rounding shows, one refinement with the residual taken on the data
corrects it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution
from ..problem import sizes
from . import ridge
from .elimination import Elimination

CHUNK_BYTES = 2**24  # of the coefficients, and of the residuals, that are worked on at a time


@dataclass(frozen=True)
class Factors:
    """Eigenvalues L (k,), vectors V or U, and `image` (..., k): the target in their terms."""

    view: Any
    eigenvalues: NDArray
    vectors: NDArray
    image: NDArray

    def first(self, t: NDArray) -> NDArray:
        """Return w (..., p) at strengths t (..., 1)."""
        return self.expand(self.image * self.inverse(t))

    def solve(self, q: NDArray, t: NDArray) -> NDArray:
        """Return (A'A + fixed + t M)^-1 q (..., p) for q (..., p) in the range of A'."""
        return self.expand(self.project(q) * self.inverse(t))

    def inverse(self, t: NDArray) -> NDArray:
        """Return 1 / (L + t) (..., k), and 0 where that is nothing but rounding."""
        shifted = self.eigenvalues + t
        return np.divide(1.0, shifted, where=shifted > self.noise, out=np.zeros_like(shifted))

    @property
    def noise(self) -> float:
        """Return the rounding error of the eigenvalues, at least what can be divided by."""
        error = len(self.eigenvalues) * EPS * float(np.max(self.eigenvalues, initial=0.0))
        return max(error, float(np.finfo(float).tiny))


@dataclass(frozen=True)
class Primal(Factors):
    """The p x p side; `vectors` V (p, k), and `explained` (k,), the diagonal of V'A'A V."""

    explained: NDArray

    @classmethod
    def of(cls, view: Any, kept: NDArray, fixed: NDArray, varying: NDArray) -> Primal:
        """Factor the features `kept` (k,), whose ridge is fixed + t * varying (k,)."""
        scale = 1.0 / np.sqrt(varying)
        offset = fixed / varying
        side = view.block(kept) * np.outer(scale, scale)
        side.flat[:: len(side) + 1] += offset
        eigenvalues, Q = _eigh(side)
        vectors = np.zeros((view.n_features, len(kept)))
        vectors[kept] = scale[:, None] * Q
        image = view.evaluate(np.zeros(view.coef_shape))[0] @ vectors
        return cls(view, eigenvalues, vectors, image, np.maximum(eigenvalues - offset @ Q**2, 0.0))

    def project(self, q: NDArray) -> NDArray:
        """Return V'q (..., k)."""
        return q @ self.vectors

    def expand(self, z: NDArray) -> NDArray:
        """Return V z (..., p)."""
        return z @ self.vectors.T

    def trace(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,)."""
        return self.inverse(ts[:, None]) @ self.explained


@dataclass(frozen=True)
class Dual(Factors):
    """The n x n side, of the k rows that count.

    `vectors` U (n, k), and `scale` (p,) = 1 / varying, 0 for the excluded.
    """

    scale: NDArray

    @classmethod
    def of(cls, view: Any, kept: NDArray, fixed: NDArray, varying: NDArray) -> Dual:
        """Factor for the features `kept` (k,), whose ridge is t * varying (k,)."""
        scale = np.zeros(view.n_features)
        scale[kept] = 1.0 / varying
        kernel, counted = view.kernel(np.sqrt(scale)), np.flatnonzero(view.counted)
        if len(counted) < len(kernel):
            kernel = kernel[counted[:, None], counted]
        eigenvalues, vectors = _eigh(kernel)
        U = np.zeros((len(view.counted), len(counted)))
        U[counted] = vectors
        U = view.project(U.T).T  # the basis is of eigenvalue 0; keep rounding from mixing it in
        return cls(view, eigenvalues, U, view.target @ U, scale)

    def project(self, q: NDArray) -> NDArray:
        """Return U'r (..., n) for q = A'r (..., p)."""
        # A M^-1 A' r = U L U'r. What L annihilates, A' does too.
        return self.view.product(self.scale * q) @ self.vectors * self.inverse(np.zeros(1))

    def expand(self, z: NDArray) -> NDArray:
        """Return M^-1 A'U z (..., p)."""
        return self.scale * self.view.correlation(z @ self.vectors.T)

    def trace(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,)."""
        return self._shares(ts).sum(axis=1)

    def _shares(self, ts: NDArray) -> NDArray:
        """Return L / (L + t) (m, n)."""
        return self.eigenvalues * self.inverse(ts[:, None])


class Spectrum:
    """The ridge problems at every strength t > 0, from one factorisation.

    `problem` eliminates the free features, and of the others `kept` (k,) have a coefficient, whose
    ridge is fixed + t * varying (k,).
    """

    def __init__(self, problem: Elimination, kept: NDArray, fixed: NDArray, varying: NDArray):
        self.problem = problem
        self.view = problem.rest[0]
        side = Dual if _is_wide(self.view, kept) else Primal
        self.factors = side.of(self.view, kept, fixed, varying)

    def coefs(self, ts: NDArray) -> NDArray:
        """Return the coefficients (m, ..., p) at strengths (m,), neither refined nor certified."""
        w = self.factors.first(self._as_column(ts))
        return self.problem.complete(Solution(w, np.zeros(w.shape[:-1]), 1)).coef

    def solve(self, ts: NDArray, penalties: list[Penalty], tol: float) -> list[Solution]:
        """Return the solutions at strengths (m,), given the penalties there; refined if needed.

        Where steps overflow, the gap says so.
        """
        t, penalty = self._as_column(ts), stack(penalties, len(self.view.coef_shape))
        penalty = penalty.exclude(self.problem.rest[1].excluded)
        enough = min(tol, EPS) * 0.5 * self.view.target_norm2
        with np.errstate(over="ignore", invalid="ignore"):
            w, n_iter = self.factors.first(t), 1
            correlation, norm2 = self.view.evaluate(w)
            gap = penalty.dual_gap(w, correlation, norm2)
            if np.any(gap > enough):
                n_iter = 2
                refined = w + self.factors.solve(correlation - penalty.finite[1] * w, t)
                refined_gap = penalty.dual_gap(refined, *self.view.evaluate(refined))
                better = refined_gap < gap
                w = np.where(better[..., None], refined, w)
                gap = np.where(better, refined_gap, gap)
        whole = self.problem.complete(Solution(w, gap, n_iter))
        return [
            replace(whole, coef=coef, dual_gap=dual_gap)
            for coef, dual_gap in zip(whole.coef, whole.dual_gap, strict=True)
        ]

    def rest(self, rows: Any) -> Any:
        """Return the `Rows` view of the same data with the free features projected out."""
        if rows is self.problem.view:
            return self.view
        return Elimination(rows, self.problem.penalty).rest[0]

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,), free features included, the intercept not."""
        return self.problem.rank + self.factors.trace(ts)

    def _as_column(self, ts: NDArray) -> NDArray:
        """Return strengths (m,) with the axes of coefficients (m, ..., p)."""
        return ts.reshape(-1, *(1 for _ in self.view.coef_shape))


def spectrum(view: Any, unit: Penalty, fixed: NDArray, varying: NDArray) -> Spectrum | None:
    """Return the factors shared by ridge(t) = fixed + t * varying (p,), None if there are none.

    `unit` is the penalty at t = 1.
    """
    sparse = view.is_sparse and min(view.shape) > ridge.LARGE_SIDE
    if unit.positive or unit.has_l1 or sparse or np.any(unit.free & view.vanishing):
        return None
    problem = Elimination(view, unit)
    if problem.is_solved:
        return None
    kept = np.flatnonzero(~problem.rest[1].excluded)
    fixed, varying = fixed[kept], varying[kept]
    extreme = np.any((varying < sizes.SMALLEST**2) | (varying > sizes.LARGEST**2))
    if extreme or (_is_wide(view, kept) and np.any(fixed > 0)):
        return None
    return Spectrum(problem, kept, fixed, varying)


def stack(penalties: list[Penalty], n_axes: int) -> Penalty:
    """Return several penalties as one, whose weights have the axes (m, ..., p): 1 + n_axes."""
    shape = (len(penalties), *(1 for _ in range(n_axes - 1)), -1)
    l1 = np.array([penalty.l1 for penalty in penalties]).reshape(shape)
    ridge = np.array([penalty.ridge for penalty in penalties]).reshape(shape)
    return replace(penalties[0], l1=l1, ridge=ridge)


def chunks(view: Any, m: int) -> Iterator[slice]:
    """Yield slices of m strengths, few enough for their coefficients and residuals to be formed."""
    longest = max(view.shape) if view.has_rows else view.n_features
    step = max(1, CHUNK_BYTES // (8 * longest * int(np.prod(view.coef_shape[:-1]))))
    for start in range(0, m, step):
        yield slice(start, min(m, start + step))


def _eigh(side: NDArray) -> tuple[NDArray, NDArray]:
    """Return the eigenvalues (k,), at least zero, and the eigenvectors of a Gram matrix (k, k)."""
    eigenvalues, vectors = np.linalg.eigh(side)
    return np.maximum(eigenvalues, 0.0), vectors


def _is_wide(view: Any, kept: NDArray) -> bool:
    """Return whether the view has fewer rows than features `kept` (k,)."""
    return view.has_rows and view.shape[0] < len(kept)
