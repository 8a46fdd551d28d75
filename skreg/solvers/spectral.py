"""Closed forms for many strengths: one eigendecomposition serves all ridges fixed + t * varying.

With M = diag(varying) and B = A M^-1/2, the coefficients at strength t are

    w(t) = M^-1/2 Q (L + t)^-1 Q' M^-1/2 A'b,      Q L Q' = B'B + M^-1/2 diag(fixed) M^-1/2,

and where there are more features than rows and nothing is fixed, with the n x n side in its place,

    w(t) = M^-1 A' U (L + t)^-1 U'b,               U L U' = BB'.

A further strength costs two products with the eigenvectors. The diagonal of the hat matrix
A (A'A + fixed + t M)^-1 A' (leverages) and its trace (degrees of freedom) come from the same
factors. One refinement with the residual taken on the data corrects rounding where it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution
from .elimination import Elimination

BLOCK_BYTES = 2**25


@dataclass(frozen=True)
class Primal:
    """B'B + fixed in eigenvalues L (k,) and vectors M^-1/2 Q (p, k); zeros where excluded."""

    eigenvalues: NDArray
    vectors: NDArray
    explained: NDArray  # the diagonal of Q'B'B Q (k,)

    @classmethod
    def of(cls, view: Any, kept: NDArray, fixed: NDArray, varying: NDArray) -> Primal:
        """Factor the kept features of the view."""
        scale = 1.0 / np.sqrt(varying)
        side = view.block(kept) * np.outer(scale, scale)
        offset = fixed * scale * scale
        side.flat[:: len(side) + 1] += offset
        eigenvalues, Q = linalg.eigh(side, overwrite_a=True, check_finite=False, driver="evd")
        explained = np.maximum(eigenvalues - offset @ (Q * Q), 0.0)
        vectors = np.zeros((view.n_features, len(kept)))
        vectors[kept] = scale[:, None] * Q
        return cls(np.maximum(eigenvalues, 0.0), vectors, explained)

    def solve(self, q: NDArray, t: NDArray) -> NDArray:
        """Return (A'A + fixed + t M)^-1 q for q (..., p) and t (..., 1)."""
        return (q @ self.vectors / (self.eigenvalues + t)) @ self.vectors.T

    def leverages(self, rows: Any, ts: NDArray) -> Iterator[tuple[slice, NDArray]]:
        """Yield slices of the rows and their leverages (m, |slice|)."""
        inverse = 1.0 / (self.eigenvalues + ts[:, None])
        for some, image in rows.images(self.vectors):
            yield some, inverse @ np.square(image, out=image).T

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,)."""
        return np.sum(self.explained / (self.eigenvalues + ts[:, None]), axis=1)


@dataclass(frozen=True)
class Dual:
    """BB' in eigenvalues L (n,) and vectors U (n, n); `scale` is 1 / varying (p,), 0 if excluded."""

    view: Any
    eigenvalues: NDArray
    vectors: NDArray
    scale: NDArray

    @classmethod
    def of(cls, view: Any, kept: NDArray, fixed: NDArray, varying: NDArray) -> Dual:
        """Factor the rows of the view."""
        scale = np.zeros(view.n_features)
        scale[kept] = 1.0 / varying
        kernel = view.kernel(np.sqrt(scale))
        eigenvalues, U = linalg.eigh(kernel, overwrite_a=True, check_finite=False, driver="evd")
        return cls(view, np.maximum(eigenvalues, 0.0), U, scale)

    def solve(self, q: NDArray, t: NDArray) -> NDArray:
        """Return (A'A + t M)^-1 q for q (..., p) and t (..., 1)."""
        z = self.scale * q
        rows = (self.view.product(z) @ self.vectors / (self.eigenvalues + t)) @ self.vectors.T
        return (z - self.scale * self.view.correlation(rows)) / t

    def leverages(self, rows: Any, ts: NDArray) -> Iterator[tuple[slice, NDArray]]:
        """Yield slices of the rows and their leverages (m, |slice|)."""
        inverse = self.eigenvalues / (self.eigenvalues + ts[:, None])
        yield slice(0, len(self.vectors)), inverse @ (self.vectors**2).T

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,)."""
        return np.sum(self.eigenvalues / (self.eigenvalues + ts[:, None]), axis=1)


class Spectrum:
    """The ridge problems of `problem` (free features eliminated) at every strength t > 0."""

    def __init__(self, problem: Elimination, fixed: NDArray, varying: NDArray) -> None:
        self.problem = problem
        self.view, penalty = problem.rest
        kept = np.flatnonzero(~penalty.excluded)
        side = Dual if _wide(self.view) else Primal
        self.factors = side.of(self.view, kept, fixed[kept], varying[kept])

    def coefs(self, ts: NDArray) -> NDArray:
        """Return the coefficients (m, ..., p) at strengths t > 0 (m,), not refined."""
        zeros = np.zeros(self.view.coef_shape)
        w = self.factors.solve(self.view.evaluate(zeros)[0], self._broadcast(ts))
        return self.problem.complete(Solution(w, np.zeros(w.shape[:-1]), 1)).coef

    def solutions(self, ts: NDArray, penalties: list[Penalty], tol: float) -> Iterator[Solution]:
        """Yield the solution at each of the strengths (m,), whose penalties are given."""
        for some in self._chunks(len(ts)):
            yield from self._solve(ts[some], penalties[some], tol)

    def rest(self, rows: Any) -> Any:
        """Return the view `rows` of the same data with the free features projected out."""
        if rows is self.problem.view:
            return self.view
        return Elimination(rows, self.problem.penalty).rest[0]

    def leverages(self, rows: Any, ts: NDArray) -> Iterator[tuple[slice, NDArray]]:
        """Yield slices of the rows and the leverages (m, |slice|) in A, without its basis.

        `rows` is the `Rows` view; the basis of `rest(rows)` spans the intercept and free features.
        """
        return self.factors.leverages(self.rest(rows), ts)

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,), free features included, the intercept not."""
        rank = self.problem.factors.to_basis.shape[1] if len(self.problem.free) else 0
        return rank + self.factors.degrees_of_freedom(ts)

    def _solve(self, ts: NDArray, penalties: list[Penalty], tol: float) -> Iterator[Solution]:
        """Yield the solution at each of some strengths (m,), refined once if that helps."""
        penalty = stack(penalties, len(self.view.coef_shape)).exclude(self.problem.penalty.free)
        t, ridge = self._broadcast(ts), penalty.finite[1]
        enough = min(tol, EPS) * 0.5 * self.view.target_norm2
        w = self.factors.solve(self.view.evaluate(np.zeros(self.view.coef_shape))[0], t)
        correlation, norm2 = self.view.evaluate(w)
        gap, n_iter = penalty.dual_gap(w, correlation, norm2), 1
        if np.any(gap > enough):
            refined = w + self.factors.solve(correlation - ridge * w, t)
            refined_gap = penalty.dual_gap(refined, *self.view.evaluate(refined))
            better = refined_gap < gap
            w, gap = np.where(better[..., None], refined, w), np.where(better, refined_gap, gap)
            n_iter = 2
        whole = self.problem.complete(Solution(w, gap, n_iter))
        for coef, dual_gap in zip(whole.coef, whole.dual_gap, strict=True):
            yield Solution(coef, dual_gap, n_iter)

    def _broadcast(self, ts: NDArray) -> NDArray:
        """Return strengths (m,) with the axes of coefficients (m, ..., p)."""
        return ts.reshape(-1, *(1 for _ in self.view.coef_shape))

    def _chunks(self, m: int) -> Iterator[slice]:
        """Yield slices of m strengths whose coefficients and residuals are of BLOCK_BYTES."""
        longest = max(self.view.shape) if self.view.has_rows else self.view.n_features
        each = 8 * longest * int(np.prod(self.view.coef_shape[:-1]))
        step = max(1, BLOCK_BYTES // each)
        for start in range(0, m, step):
            yield slice(start, start + step)


def spectrum(view: Any, unit: Penalty, fixed: NDArray, varying: NDArray) -> Spectrum | None:
    """Return the shared factors for ridge(t) = fixed + t * varying, or None if there are none.

    `unit` is the penalty at t = 1; `fixed` and `varying` (p,) are finite.
    """
    problem = Elimination(view, unit)
    kept = ~(unit.excluded | unit.free)
    shared = np.all(varying[kept] > 0) and not (_wide(view) and np.any(fixed[kept] > 0))
    if unit.positive or unit.has_l1 or problem.is_all or not shared:
        return None
    return Spectrum(problem, fixed, varying)


def stack(penalties: list[Penalty], n_axes: int) -> Penalty:
    """Return several penalties as one, of weights (m, ..., p) with as many axes after the first."""
    shape = (len(penalties), *(1 for _ in range(n_axes - 1)), -1)
    l1 = np.array([penalty.l1 for penalty in penalties]).reshape(shape)
    ridge = np.array([penalty.ridge for penalty in penalties]).reshape(shape)
    return replace(penalties[0], l1=l1, ridge=ridge)


def _wide(view: Any) -> bool:
    """Return whether the view has fewer rows than features."""
    return view.has_rows and view.shape[0] < view.shape[1]
