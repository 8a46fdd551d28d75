"""Least squares without a penalty, where rank matters: bases, and minimum-norm solutions.

For a block of columns A (n, f) of norms D, the singular values of A D^-1 decide the rank, so that
columns of any scale count alike. With A D^-1 = U S V' (S > 0 only, rank r), U = A T is a basis for
T = D^-1 V S^-1, and B U'b is the least-squares solution of minimum norm, where B is T itself at
full rank, else Q R^-T S^-1 for the factors D V = Q R.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

EPS = np.finfo(np.float64).eps
ROUNDING = 64 * EPS
FEW = 32  # rows or columns of a matrix; a smaller one rounds no less


def norm2(residual: NDArray) -> NDArray:
    """Return the squared norms (...) of residuals (..., n)."""
    return np.einsum("...i,...i->...", residual, residual)


def rounding(moments: NDArray, target_norm2: NDArray, reach: NDArray | float) -> NDArray:
    """Return about the rounding error (..., p) of A'r, for r = b - A w.

    The terms of r are as large as |b| (...) and the `reach` of w (...). `moments` (p,) are those of
    the columns before centring, at whose size centring rounds.
    """
    error = ROUNDING * np.sqrt(target_norm2) + 4 * EPS * reach
    return np.expand_dims(error, -1) * np.sqrt(moments)


def intercept_rounding(w: NDArray, mean: NDArray) -> NDArray:
    """Return about half the square (...) of the rounding error of w @ mean, for w (..., p).

    Predictions round at the size of the data, not of what centring leaves of them. That is nothing
    unless coefficients are huge that all but cancel.
    """
    return 0.5 * (EPS * (np.abs(w) @ np.abs(mean))) ** 2


def projection_rounding(norms: NDArray, among: NDArray, shares: NDArray) -> NDArray:
    """Return about the rounding error (k,) of what projecting others out leaves of columns.

    The columns have norms (k,), the others have norms `among` (f,), and the projections of the
    columns are combinations of the others with coefficients `shares` (f, k).
    """
    return ROUNDING * (norms + among @ np.abs(shares))


@dataclass(frozen=True)
class LeastSquares:
    """The factors of one block of columns: T (f, r), B (f, r) and, if it was formed, U (n, r)."""

    to_basis: NDArray
    back: NDArray
    basis: NDArray | None = None


def from_columns(A: NDArray, most: int, origin: NDArray | float = 0.0) -> LeastSquares:
    """Factor A (n, f), of rank `most` at most, by its singular value decomposition.

    `origin` (f,) is how far each column was from zero before it was centred: it was rounded there.
    """
    norms = _safe_norms(np.sqrt(np.einsum("ij,ij->j", A, A)))
    U, s, Vt = np.linalg.svd(A / norms, full_matrices=False)
    noise = np.sqrt(Vt**2 @ np.broadcast_to((origin / norms) ** 2, A.shape[1]))
    tolerance = max(*A.shape, FEW) * EPS * np.maximum(s[:1], noise[: len(s)])
    rank = min(_leading(s > tolerance), most)
    return replace(_factors(norms, s[:rank], Vt[:rank].T), basis=U[:, :rank])


def from_gram(G: NDArray, most: int, noise: float = 1.0) -> LeastSquares:
    """Factor the columns of Gram matrix G (f, f), of rank `most` at most, by its eigenvalues.

    `noise` is the rounding error of G in units of its diagonal's.
    """
    norms = _safe_norms(np.sqrt(np.maximum(np.diag(G), 0.0)))
    eigenvalues, V = np.linalg.eigh(G / np.outer(norms, norms))
    order = np.argsort(eigenvalues)[::-1]
    tolerance = 10 * len(G) * EPS * noise * eigenvalues[order[:1]]
    rank = min(_leading(eigenvalues[order] > tolerance), most)
    kept = order[:rank]
    return _factors(norms, np.sqrt(eigenvalues[kept]), V[:, kept])


def _safe_norms(norms: NDArray) -> NDArray:
    """Return norms (f,) with 1 for the columns that are zero."""
    return np.where(norms > 0, norms, 1.0)


def _leading(mask: NDArray) -> int:
    """Return how many of the first entries of the mask (f,) are true."""
    return int(np.cumprod(mask).sum())


def _factors(norms: NDArray, s: NDArray, V: NDArray) -> LeastSquares:
    """Return T and B from the norms D (f,), singular values (r,) and right vectors V (f, r)."""
    to_basis = V / s / norms[:, None]
    if len(s) in (0, len(V)):  # of rank 0 LAPACK wants to hear nothing
        return LeastSquares(to_basis, to_basis)
    # Sorted and pivoted, the factors of D V are right to the last row, however small D there.
    order = np.argsort(norms)[::-1]
    DV = norms[order, None] * V[order]
    Q, R, pivots = linalg.qr(DV, mode="economic", pivoting=True, check_finite=False)
    inverse = linalg.solve_triangular(R, np.diag(1.0 / s)[pivots], trans="T", check_finite=False)
    back = np.empty_like(V)
    back[order] = Q @ inverse
    return LeastSquares(to_basis, back)
