"""Closed forms for many strengths: one eigendecomposition serves all ridges fixed + t * varying.

For M = diag(varying), the coefficients at strength t are

    w(t) = w_0 + V (L + t)^-1 V'A'b,    V = M^-1/2 Q,    M^-1/2 (A'A + diag(fixed)) M^-1/2 = Q L Q'

on the p x p side ("primal"). The features that t does not weigh, such as unpenalised ones, are
minimised over first: that takes a Schur complement of A'A, w_0 is their fit alone, and V has
entries for them too, so that the formula stays. With more features than rows and nothing fixed, the
n x n side ("dual") gives

    w(t) = M^-1 A'U (L + t)^-1 U'b,                  A M^-1 A' = U L U'.

A further strength costs one product with the eigenvectors. The same factors give the trace of the
hat matrix A (A'A + diag(fixed) + t M)^-1 A' (degrees of freedom) and the errors on rows left out
(`model_selection/leave_one_out.py`). Eigenvalues within rounding of zero do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._objective import TINY, Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..problem.gram import EPS
from ..problem.protocol import ALL, Design, Problem
from .ridge import LARGEST_CONDITION, FreeFeatures

FEW = 32  # features; the products of fewer round no less


@dataclass(frozen=True)
class RidgePath:
    """The penalties whose ridge weights are fixed + t * varying (p,) at strength t >= 0.

    `excluded` (p,) is the mask of the features without a coefficient, whose weights here are 0.
    """

    fixed: NDArray
    varying: NDArray
    excluded: NDArray

    @classmethod
    def between(cls, at_zero: Penalty, at_one: Penalty) -> RidgePath:
        """Return the path through the penalties at t = 0 and at t = 1."""
        return cls(at_zero.ridge, at_one.ridge - at_zero.ridge, at_one.excluded)

    def ridge(self, t: float) -> NDArray:
        """Return the ridge weights (p,) at a strength, 0 for the excluded features."""
        return self.fixed + t * self.varying

    def at(self, t: float) -> RidgePath:
        """Return the path that is at t = 1 what this one is at t, with nothing fixed."""
        return RidgePath(np.zeros_like(self.fixed), self.ridge(t), self.excluded)

    def at_zero(self) -> RidgePath:
        """Return the path that stays at t = 0."""
        return RidgePath(self.fixed, np.zeros_like(self.varying), self.excluded)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues L (k,), and the target in the terms of their vectors: `image` (..., k).

    `counts` (k,) is the mask of the vectors that are more than rounding, at any strength.
    """

    eigenvalues: NDArray
    image: NDArray
    counts: NDArray

    @property
    def noise(self) -> float:
        """The rounding error of the eigenvalues."""
        return noise_of(self.eigenvalues)

    def inverse(self, ts: NDArray) -> NDArray:
        """Return 1 / (L + t) (m, k) for strengths (m,), and 0 for what is only rounding."""
        shifted = self.eigenvalues + ts[:, None]
        some = self.counts & (shifted > self.noise)
        return np.divide(1.0, shifted, where=some, out=np.zeros_like(shifted))

    def resolves(self, ts: NDArray) -> NDArray:
        """Return the mask (m,) of the strengths at which `coefs` has 8 digits."""
        inverse = self.inverse(ts)
        largest = np.max(self.eigenvalues, initial=0.0) + ts
        return largest * np.max(inverse, axis=1, initial=0.0) <= LARGEST_CONDITION

    def coefs(self, ts: NDArray) -> NDArray:
        """Return the coefficients (m, ..., p) at strengths (m,)."""
        return self.expand(self.image * between_targets(self.inverse(ts), self.image.ndim + 1))

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,); the intercept is not counted."""
        raise NotImplementedError

    def expand(self, z: NDArray) -> NDArray:
        """Return the coefficients (..., p) for coordinates z (..., k) in the eigenvectors."""
        raise NotImplementedError


@dataclass(frozen=True)
class Primal(Spectrum):
    """The p x p side.

    `vectors` V (p, k), `explained` (k,) the diagonal of V'A'A V, and of the features that t does
    not weigh: the coefficients w_0 `alone` (..., p), and `basis` T (p, r) with T T' their part of
    the inverse of A'A + diag(fixed), which adds `freedom` to the trace; `back` (p, r) takes T'q to
    the solution of minimum norm.
    """

    vectors: NDArray
    explained: NDArray
    alone: NDArray
    basis: NDArray
    back: NDArray
    freedom: float

    @classmethod
    def of(cls, problem: Problem, path: RidgePath) -> Primal:
        """Factor the p x p side of a problem."""
        p = problem.n_features
        S, F = (np.flatnonzero(~path.excluded & part) for part in weighed(path))
        scale = 1.0 / np.sqrt(path.varying[S])
        whole = len(S) == p  # whose Gram matrix a problem keeps
        side = add_to_diagonal(problem.gram(ALL if whole else S), path.fixed[S])
        basis, back, alone = np.zeros((p, 0)), np.zeros((p, 0)), np.zeros(problem.coef_shape)
        shares, freedom = np.zeros((0, len(S))), 0.0
        if len(F):
            gram = problem.gram(F)
            T, B = inverse_factors(add_to_diagonal(gram.copy(), path.fixed[F]))
            basis, back = np.zeros((2, p, T.shape[1]))
            basis[F], back[F] = T, B
            alone = (problem.cross @ basis) @ back.T
            freedom = float(np.sum(T * (gram @ T)))
            mixed = problem.gram(F, S)
            shares = B @ (T.T @ mixed)
            side -= mixed.T @ shares
        side *= scale
        side *= scale[:, None]
        L, Q = np.linalg.eigh(side) if len(S) else (np.zeros(0), side)
        vectors = np.zeros((p, len(S)))
        vectors[S] = scale[:, None] * Q
        vectors[F] = -shares @ vectors[S]
        # V'(A'A + diag(fixed)) V = L.
        explained = np.maximum(L - path.fixed @ np.square(vectors), 0.0)
        image = problem.cross @ vectors
        # Along a combination of columns that is zero, A'b is zero but for its own rounding.
        size = np.sqrt(np.outer(problem.target_norm2, problem.column_norms2)) @ np.abs(vectors)
        seen = np.any(np.abs(image.reshape(size.shape)) > max(p, FEW) * EPS * size, axis=0)
        L = np.maximum(L, 0.0)
        counts = seen | (noise_of(L) < L)
        return cls(L, image, counts, vectors, explained, alone, basis, back, freedom)

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,); the intercept is not counted."""
        return self.freedom + self.inverse(ts) @ self.explained

    def expand(self, z: NDArray) -> NDArray:
        """Return the coefficients (..., p) for coordinates z (..., k) in the eigenvectors."""
        return self.alone + z @ self.vectors.T


@dataclass(frozen=True)
class Dual(Spectrum):
    """The n x n side of a `design`, with nothing fixed.

    `vectors` U (n, n) are orthogonal to what is fitted without a penalty: the `free` features and
    the intercept. `scale` (p,) is 1 / varying, 0 for the excluded and the free.
    """

    design: Design
    vectors: NDArray
    scale: NDArray
    free: FreeFeatures

    @classmethod
    def of(cls, design: Design, path: RidgePath) -> Dual:
        """Factor the n x n side of a design."""
        some, none = weighed(path)
        scale = np.divide(1.0, path.varying, where=some, out=np.zeros_like(path.varying))
        F = np.flatnonzero(none & ~path.excluded)
        free = FreeFeatures.of_columns(F, design.columns(F))
        kernel = free.without(free.without(design.kernel(np.sqrt(scale))).T)
        L, U = np.linalg.eigh(kernel)
        # Rounding may have mixed what is fitted without a penalty into the eigenvectors of 0.
        if design.fit_intercept:
            U -= np.outer(design.root, design.root @ U)
        U = free.without(U.T).T
        L = np.maximum(L, 0.0)
        counts = noise_of(L) < L
        if not counts.all():
            # A small one is zero if its vector is orthogonal to the columns but for rounding.
            small = np.sqrt(scale) * design.correlation(U[:, ~counts].T)
            size = max(design.shape) * EPS * np.sqrt(max(np.trace(kernel), 0.0))
            counts[~counts] = np.linalg.norm(small, axis=1) > size
        return cls(L, design.target @ U, counts, design, U, scale, free)

    def degrees_of_freedom(self, ts: NDArray) -> NDArray:
        """Return the trace of the hat matrix (m,); the intercept is not counted."""
        return self.free.basis.shape[1] + self.inverse(ts) @ self.eigenvalues

    def expand(self, z: NDArray) -> NDArray:
        """Return the coefficients (..., p) for coordinates z (..., k) in the eigenvectors."""
        w = self.scale * self.design.correlation(z @ self.vectors.T)
        if len(self.free.features):
            left = self.design.target - self.design.product(w)
            w[..., self.free.features] = self.free.fit(left)
        return w


def spectrum(problem: Problem, path: RidgePath) -> Primal | Dual | None:
    """Return the factors that all strengths t > 0 share, or None if they share none."""
    if not is_wide(problem, path):
        return Primal.of(problem, path)
    return None if path.fixed.any() else Dual.of(problem, path)


def solve(
    problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings
) -> Solution:
    """Solve for one penalty by the eigenvalues of the smaller side, refined once on the data."""
    ridge, once = penalty.ridge, np.ones(1)
    path = RidgePath(np.zeros_like(ridge), ridge, penalty.excluded)
    found: Primal | Dual = (
        Dual.of(problem, path) if is_wide(problem, path) else Primal.of(problem, path)
    )
    inverse = found.inverse(once)[0]
    z = found.image * inverse
    w = found.expand(z)
    if isinstance(found, Dual):
        rows = found.design.target - found.design.product(w) - z @ found.vectors.T
        w = found.expand(z + (rows @ found.vectors) * inverse)
    else:
        slope = problem.evaluate(w)[0] - ridge * w
        w += ((slope @ found.vectors) * inverse) @ found.vectors.T
        w += (slope @ found.basis) @ found.back.T
    return Solution(w, n_iter=2)


def noise_of(eigenvalues: NDArray) -> float:
    """Return the rounding error of eigenvalues (k,)."""
    error = len(eigenvalues) * EPS * float(np.max(eigenvalues, initial=0.0))
    return max(error, TINY)


def weighed(path: RidgePath) -> tuple[NDArray, NDArray]:
    """Return the masks (p,) of the features that the strength weighs, and of the others."""
    return path.varying > 0, path.varying == 0


def is_wide(problem: Problem, path: RidgePath) -> TypeGuard[Design]:
    """Return whether a problem has rows, and no more degrees of freedom there than features."""
    freedom = problem.shape[0] - problem.fit_intercept
    return problem.has_rows and bool(freedom <= np.count_nonzero(~path.excluded))


def inverse_factors(gram: NDArray) -> tuple[NDArray, NDArray]:
    """Return T and B (f, r) such that T T' inverts a Gram matrix (f, f) on its range.

    B T'c is the solution for c of minimum norm. The rank is that of the columns scaled to unit
    norms, so that a large column does not hide a small one.
    """
    norms = np.sqrt(np.diagonal(gram))
    scale = np.divide(1.0, norms, where=norms > 0, out=np.ones_like(norms))
    L, Q = np.linalg.eigh(gram * np.outer(scale, scale))
    Q *= scale[:, None]
    kept = len(L) * EPS * L[-1] < L
    T = Q[:, kept] / np.sqrt(L[kept])
    if kept.all():
        return T, T
    null = linalg.qr(Q[:, ~kept], mode="economic")[0]
    return T, T - null @ (null.T @ T)


def between_targets(values: NDArray, ndim: int) -> NDArray:
    """Return values (m, k) as (m, 1, ..., k), of as many axes."""
    return values.reshape(len(values), *(1,) * (ndim - 2), -1)
