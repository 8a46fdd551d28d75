"""Closed forms: for L2 and dropout the optimum is one linear system.

    H w = A'b,        H = A'A + diag(ridge),        ridge_j >= 0, and 0 for a free feature

"cholesky" factors H (p x p). "dual" serves p > n: for M = diag(ridge) of the penalised features it
factors K = A M^-1 A' + I (n x n), solves K u = b and returns w = M^-1 A'u. Both refine their answer
once, by the residual on the data, if the condition number asks for it. They raise LinAlgError where
it is so large that the coefficients would be wrong; the duality gap would not show that.

"svd" is right there too: singular values within rounding of zero do not count, so that at strength
0 the answer is least squares of minimum norm, and at small strengths close to it. "cg", conjugate
gradients, needs no factor. "dual" and "svd" take the free features first, as an intercept: their
span is projected out of the rest, and their coefficients fit what the rest has left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as conjugate_gradients

from .._objective import TINY, Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..problem.gram import EPS
from ..problem.protocol import ALL, Design, Features, Problem

# A ridge t leaves dependent columns, relative to their size, a condition of 1 / t and coefficients
# wrong by EPS / t, as measured at t of 1e-6 to 1e-20: 8 digits are right up to this condition. What
# independent columns lose is restored by refinements up to 1e13, measured against 60 digits.
LARGEST_CONDITION = 1e8
# Error of a column, in units of EPS |mean|: it was rounded where it lies. Of two columns 1e3
# deviations from zero that differ by 1e-13 of one, coefficients of 1e13 were fitted to that.
ROUNDED = 8.0
RELATIVE_ERROR = 1e-12  # of the coefficients, from which on a refinement pays
# Of each of two runs, the second on the residual of the first. A third would solve for rounding.
CG_RTOL = 1e-6


def cholesky(
    problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings
) -> Solution:
    """Factor the p x p side."""
    S: Features = np.flatnonzero(~penalty.excluded) if penalty.excluded.any() else ALL
    ridge = penalty.ridge[S]
    factor = _Factor(add_to_diagonal(problem.gram(S), ridge))
    w = np.zeros(problem.coef_shape)

    def residual(part: NDArray) -> NDArray:
        w[..., S] = part
        return problem.evaluate(w)[0][..., S] - ridge * part

    part, n_iter = factor.refined(problem.cross[..., S], residual, settings.max_iter)
    w[..., S] = part
    return Solution(w, n_iter=n_iter)


def dual(design: Design, penalty: Penalty, start: NDArray | None, settings: Settings) -> Solution:
    """Factor the n x n side."""
    strength, inverse = relative(penalty.ridge)
    free = FreeFeatures.of(design, penalty)
    kernel = free.without(free.without(design.kernel(np.sqrt(inverse))).T)
    # The kernel is zero along what is fitted without a penalty, and so is what it is solved for: a
    # number of its own size there spares it a condition number that means nothing.
    unpenalised = free.basis
    if design.fit_intercept:
        unpenalised = np.column_stack([unpenalised, design.root])
    kernel += (np.trace(kernel) / len(kernel) * unpenalised) @ unpenalised.T
    factor = _Factor(add_to_diagonal(kernel, strength))
    target = free.without(design.target)

    def expand(rows: NDArray) -> NDArray:
        return inverse * design.correlation(free.without(rows))

    def residual(rows: NDArray) -> NDArray:
        return target - free.without(design.product(expand(rows))) - strength * rows

    rows, n_iter = factor.refined(target, residual, settings.max_iter)
    w = expand(rows)
    w[..., free.features] = free.fit(design.target - design.product(w))
    return Solution(w, n_iter=n_iter)


def svd(design: Design, penalty: Penalty, start: NDArray | None, settings: Settings) -> Solution:
    """Take the singular values of the columns."""
    S: Features = np.flatnonzero(~penalty.excluded) if penalty.excluded.any() else ALL
    w = np.zeros(design.coef_shape)
    error = ROUNDED * EPS * np.abs(design.mean[S])
    w[..., S] = least_squares(design.columns(S), design.target, penalty.ridge[S], error)
    return Solution(w)


def cg(problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings) -> Solution:
    """Iterate on the data, in coordinates in which H has a unit diagonal.

    Free features share one scale: from zero, the iterates have the minimum norm then.
    """
    kept, ridge = ~penalty.excluded, penalty.ridge
    norms2 = np.where(penalty.free, np.max(problem.column_norms2, initial=0.0), ridge)
    norms2 += np.where(ridge > 0, problem.column_norms2, 0.0)
    scale = np.sqrt(np.divide(1.0, norms2, where=kept & (norms2 > 0), out=np.zeros_like(norms2)))
    coefs = np.zeros(problem.coef_shape).reshape(-1, problem.n_features)
    n_iter = 1
    for k, w in enumerate(coefs):
        one = problem if len(problem.coef_shape) == 1 else problem.select_target(k)

        def product(u: NDArray, one: Problem = one) -> NDArray:
            """Return H u in the coordinates of `scale`."""
            v = scale * u.ravel()
            return scale * (one.cross - one.evaluate(v)[0] + ridge * v)

        n_steps = 0

        def count(_: NDArray) -> None:
            nonlocal n_steps
            n_steps += 1

        system = LinearOperator((len(w), len(w)), matvec=product, dtype=np.float64)
        size = np.linalg.norm(scale * one.cross)
        for _ in range(2):
            slope = scale * (one.evaluate(w)[0] - ridge * w)
            length, enough = np.linalg.norm(slope), CG_RTOL**2 * size
            if length <= enough or n_steps >= settings.max_iter:
                break
            # In units of A'b, so that the products do not drown in it.
            unit = size / length
            step, _ = conjugate_gradients(
                system,
                slope * unit,
                rtol=CG_RTOL,
                atol=enough * unit,
                maxiter=settings.max_iter - n_steps,
                callback=count,
            )
            w += scale * step / unit
        n_iter = max(n_iter, n_steps)
    return Solution(coefs.reshape(problem.coef_shape), n_iter=n_iter)


def relative(ridge: NDArray) -> tuple[float, NDArray]:
    """Return a strength t, and t / ridge (p,), or 0 where there is no ridge."""
    strength = float(np.max(ridge, initial=0.0)) or 1.0
    return strength, np.divide(strength, ridge, where=ridge > 0, out=np.zeros_like(ridge))


class _Factor:
    """The Cholesky factor of a positive definite matrix (k, k), scaled to a unit diagonal."""

    def __init__(self, matrix: NDArray) -> None:
        """Factor the matrix in its place; raise LinAlgError if its condition is too large."""
        diagonal = np.diagonal(matrix)
        if not np.all(diagonal > 0):
            raise linalg.LinAlgError("A column without a penalty is zero.")
        self._scale = 1.0 / np.sqrt(diagonal)
        matrix *= self._scale
        matrix *= self._scale[:, None]
        norm = np.max(np.sum(np.abs(matrix), axis=0), initial=0.0)
        # Symmetric, so that the transpose is what LAPACK wants and nothing is copied.
        self._factor, info = lapack.dpotrf(matrix.T, overwrite_a=True, clean=False)
        reciprocal = lapack.dpocon(self._factor, norm)[0] if info == 0 and len(matrix) else 0.0
        self._error = EPS / max(reciprocal, EPS) if len(matrix) else 0.0
        if not self._error <= EPS * LARGEST_CONDITION:
            raise linalg.LinAlgError("The system is too ill-conditioned for a Cholesky factor.")

    def solve(self, q: NDArray) -> NDArray:
        """Return the solution (..., k) for the right-hand sides q (..., k)."""
        if q.size == 0:
            return np.zeros_like(q)
        solved = lapack.dpotrs(self._factor, (q * self._scale).T)[0]
        return solved.T.reshape(q.shape) * self._scale

    def refined(
        self, q: NDArray, residual: Callable[[NDArray], NDArray], max_iter: int
    ) -> tuple[NDArray, int]:
        """Return the solution (..., k) for q (..., k), and how many solves it took.

        As long as it pays, the `residual` of the solution, taken on the data, is solved for.
        """
        x, n_iter, error, last = self.solve(q), 1, self._error, 1.0
        while error > RELATIVE_ERROR and n_iter < max_iter:
            step = self.solve(residual(x))
            share = float(np.max(np.abs(step)) / max(np.max(np.abs(x)), TINY))
            if share > 0.5 * last:
                if n_iter == 1:
                    raise linalg.LinAlgError("Rounding leaves no digit of the solution.")
                break  # the rounding of the residual is all that is left
            x, n_iter, error, last = x + step, n_iter + 1, share * share, share
        return x, n_iter


def _resolved(s: NDArray, Vt: NDArray, noise: float, error: NDArray) -> NDArray:
    """Return the mask (k,) of what is above the rounding of the svd and of the columns (p,)."""
    return s > np.maximum(noise, np.linalg.norm(error * Vt, axis=1))


@dataclass(frozen=True)
class FreeFeatures:
    """Least squares of minimum norm on the free columns A_F = U S V'.

    `features` F (f,), the orthonormal `basis` U (n, r), and `back` = S^-1 V' (r, f).
    """

    features: NDArray
    basis: NDArray
    back: NDArray

    @classmethod
    def of(cls, design: Design, penalty: Penalty) -> FreeFeatures:
        """Return the factors of the free columns of a design."""
        free = np.flatnonzero(penalty.free)
        return cls.of_columns(free, design.columns(free))

    @classmethod
    def of_columns(
        cls, features: NDArray, columns: NDArray, error: NDArray | float = 0.0
    ) -> FreeFeatures:
        """Factor the columns (n, f), of errors (f,)."""
        if not len(features):
            return cls(features, np.zeros((len(columns), 0)), np.zeros((0, 0)))
        U, s, Vt = linalg.svd(columns, full_matrices=False, check_finite=False)
        kept = _resolved(s, Vt, max(columns.shape) * EPS * s[0], np.asarray(error))
        return cls(features, U[:, kept], Vt[kept] / s[kept, None])

    def without(self, rows: NDArray) -> NDArray:
        """Return what the free columns cannot fit of rows (..., n)."""
        return rows - (rows @ self.basis) @ self.basis.T if len(self.features) else rows

    def fit(self, rows: NDArray) -> NDArray:
        """Return the coefficients (..., f) that fit rows (..., n)."""
        return (rows @ self.basis) @ self.back


def least_squares(A: NDArray, b: NDArray, ridge: NDArray, error: NDArray | float = 0.0) -> NDArray:
    """Return argmin_w |b - A w|^2 + sum_j ridge_j w_j^2 (..., k), of minimum norm.

    A is (n, k), which may be overwritten, b (..., n) and ridge (k,). What is no more than the
    errors of the columns, `error` (k,), counts as zero.
    """
    error = np.broadcast_to(error, ridge.shape)
    if A.shape[0] > A.shape[1] > 0:  # the singular values of a triangle are cheaper
        b, A = linalg.qr_multiply(A, b, mode="right", overwrite_a=True)
    is_free = ridge == 0
    free = FreeFeatures.of_columns(np.flatnonzero(is_free), A[:, is_free], error[is_free])
    w, penalised = np.zeros((*b.shape[:-1], len(ridge))), ridge > 0
    if penalised.any():
        strength, inverse = relative(ridge)
        scale = np.sqrt(inverse[penalised])
        B = A[:, penalised] * scale
        size = np.sqrt(np.max(np.einsum("ij,ij->j", B, B)))
        U, s, Vt = linalg.svd(free.without(B.T).T, full_matrices=False, check_finite=False)
        noise = max(B.shape) * EPS * max(size, s[0])
        kept = _resolved(s, Vt, noise, error[penalised] * scale)
        U, s, Vt = U[:, kept], s[kept], Vt[kept]
        w[..., penalised] = ((free.without(b) @ U) / (s + strength / s)) @ Vt * scale
    w[..., free.features] = free.fit(b - w @ A.T)
    return w
