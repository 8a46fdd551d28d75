"""Leave-one-out in closed form, for the penalties that are quadratic.

The penalty of the whole fit is kept beside the squared errors of the other rows. The error on the
row i left out is then

    e_i = r_i / (1 - h_i)

for its residual r_i and its leverage h_i in the whole fit, the diagonal of the hat matrix. What is
fitted without a penalty (the intercept, the free features) adds the squared row norms of its
orthonormal basis to h; the rest comes from the factors of `solvers/spectral.py`. On the p x p side,
with Z = A V,

    r(t) = b - A w_0 - Z (L + t)^-1 V'A'b,          h_i(t) = h_i0 + sum_k Z_ik^2 / (L_k + t);

on the n x n side, where 1 - h would cancel,

    r_i(t) = t sum_k U_ik (U'b)_k / (L_k + t),      1 - h_i(t) = t sum_k U_ik^2 / (L_k + t).

A row with h_i = 1 is alone in determining some coefficient: it is left out by a fit without it.

What a search needs: `left_out(design, path, strengths)` gives the mean squared errors and their
standard errors, `left_out_errors` the errors themselves for a scorer, `degrees_of_freedom` those of
generalised cross-validation. `path` is a `RidgePath` (fixed + t * varying), `strengths` (m,) are
its values t, and `shared` is `spectral.spectrum(problem, path)` of the same data, or of their
moments, where that is known already. None of them forms the coefficients of all strengths. The rows
are those of the design, which does not hold rows of weight zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from ..problem.gram import EPS
from ..problem.protocol import Design
from ..solvers.ridge import least_squares
from ..solvers.spectral import Dual, Primal, RidgePath, between_targets, is_wide

SATURATED = 1e-10  # of 1 - h: at less than that, rounding decides
BLOCK = 2**16  # numbers in an array worked on at a time: with its copies it stays in the cache
MIN_ROWS = 32  # worked on at a time, for many targets
MOST_NUMBERS = 2**22  # in the coefficients of the strengths worked on at a time
MANY_EIGENVALUES = 32  # from which on the strengths are mixed from a few

Errors = Iterator[tuple[slice, NDArray, NDArray]]


@dataclass(frozen=True)
class LeftOut:
    """The mean squared errors on rows left out (m, ...), and their standard errors (m, ...).

    `mean` and `se` (m,) are those of the squared errors averaged over targets.
    """

    mse: NDArray
    mse_se: NDArray
    mean: NDArray
    se: NDArray


def left_out(
    design: Design, path: RidgePath, strengths: NDArray, shared: Primal | Dual | None = None
) -> LeftOut:
    """Return the mean squared errors at strengths (m,), each row a fold of its weight."""
    shape = (len(strengths), *design.coef_shape[:-1])
    first, second = np.zeros((2, *shape))  # weighted sums of e^2 and e^4, of each target
    mean, square = np.zeros((2, len(strengths)))  # and of the targets' averages
    for ks, rows, errors in left_out_errors(design, path, strengths, shared):
        share = design.root[rows] ** 2
        squares = np.square(errors, out=errors)
        if len(shape) > 1:
            averaged = squares.mean(axis=1)
            mean[ks] += averaged @ share
            square[ks] += np.square(averaged, out=averaged) @ share
        first[ks] += squares @ share
        second[ks] += np.square(squares, out=squares) @ share
    if len(shape) == 1:
        mean, square = first, second
    others = max(len(design.root) - 1, 1)
    mse_se, se = (
        np.sqrt(np.maximum(fourth - second * second, 0.0) / others)
        for second, fourth in ((first, second), (mean, square))
    )
    return LeftOut(first, mse_se, mean, se)


def left_out_errors(
    design: Design, path: RidgePath, strengths: NDArray, shared: Primal | Dual | None = None
) -> Iterator[tuple[NDArray, slice, NDArray]]:
    """Yield indices of strengths (k,), a slice of rows, and their errors when left out (k, ..., r).

    The arrays are the caller's to overwrite, and hold until the next is asked for.
    """
    refit = _Refit(design, path)
    numbers = max(1, int(np.prod(design.coef_shape)))
    for ks, factors, ts in factorisations(design, path, strengths, shared):
        for start in range(0, len(ks), max(1, MOST_NUMBERS // numbers)):
            some = slice(start, start + max(1, MOST_NUMBERS // numbers))
            if isinstance(factors, Dual):
                found = _dual(factors, design, ts[some])
            else:
                found = _primal(factors, design, ts[some])
            for rows, errors, left in found:
                if np.min(left[np.argmin(ts[some]) % len(left)]) <= SATURATED:  # the least of all
                    refit.replace(errors, left, rows, strengths[ks[some]])
                yield ks[some], rows, errors


def degrees_of_freedom(
    design: Design, path: RidgePath, strengths: NDArray, shared: Primal | Dual | None = None
) -> NDArray:
    """Return the trace of the hat matrix at strengths (m,); the intercept is not counted."""
    degrees = np.empty(len(strengths))
    for ks, factors, ts in factorisations(design, path, strengths, shared):
        degrees[ks] = factors.degrees_of_freedom(ts)
    return degrees


def factorisations(
    design: Design, path: RidgePath, strengths: NDArray, shared: Primal | Dual | None = None
) -> Iterator[tuple[NDArray, Primal | Dual, NDArray]]:
    """Yield indices of strengths (k,) that share factors, these, and the strengths (k,) there."""
    wide, zero = is_wide(design, path), strengths == 0
    if wide and path.fixed.any():  # every strength has factors of its own
        for k, t in enumerate(strengths):
            yield np.array([k]), Dual.of(design, path.at(t)), np.ones(1)
        return
    if not zero.all():
        side = Dual if wide else Primal
        found = shared if isinstance(shared, side) else side.of(design, path)
        yield np.flatnonzero(~zero), found, strengths[~zero]
    if zero.any():
        # Least squares is of minimum norm: on the n x n side it is the limit of even weights.
        even = replace(path, varying=np.where(path.excluded, 0.0, 1.0))
        found = Dual.of(design, even) if wide else Primal.of(design, path.at_zero())
        yield np.flatnonzero(zero), found, np.zeros(np.count_nonzero(zero))


def _primal(factors: Primal, design: Design, ts: NDArray) -> Errors:
    """Yield rows, errors (m, ..., r) and 1 - h (m, r) from the p x p side.

    The strengths are mixtures (m, l) of a few diagonals (l, k) in place of (L + t)^-1.
    """
    mixing, vectors, image = factors.inverse(ts), factors.vectors, factors.image
    p, k = vectors.shape
    few = np.eye(k)
    if k >= MANY_EIGENVALUES:  # in the terms of columns of Z of like size
        size = factors.eigenvalues + max(ts.min(), factors.noise)
        mixing, few = _low_rank(mixing * size)
        vectors, image = vectors / np.sqrt(size), image / np.sqrt(size)
    weights = np.reshape(image * between_targets(few, image.ndim + 1), (-1, k)) if k else few
    alone = factors.alone.reshape(-1, p)
    last, n_targets, n = k + factors.basis.shape[1], len(alone), len(design.root)
    both = np.concatenate([vectors.T, factors.basis.T, alone])
    offset = (both @ design.centre)[:, None]
    X = sparse.csr_array(design.X) if design.is_sparse else design.X
    step = min(n, max(MIN_ROWS, BLOCK // max(len(both), len(ts) * n_targets)))
    # Kept, since the system would clear the pages of new ones for as long as the products take.
    products, lefts = np.empty((len(both), step)), np.empty((len(ts), step))
    all_errors = np.empty((len(ts), n_targets * step))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        root, r = design.root[rows], rows.stop - start
        block = X[rows].T  # of rows that are not weighted
        product = both @ block if design.is_sparse else np.matmul(both, block, out=products[:, :r])
        product -= offset
        rest = design.target[..., rows] / root
        rest -= product[last:].reshape(rest.shape)
        fits = (weights @ product[:k]).reshape(len(few), n_targets * r)
        errors = np.matmul(mixing, fits, out=all_errors[:, : n_targets * r])
        errors = errors.reshape(len(ts), *rest.shape)
        np.subtract(rest, errors, out=errors)
        squares = np.square(product[:last], out=product[:last])
        room = 1.0 - root * root * (design.fit_intercept + squares[k:].sum(axis=0))
        left = np.matmul(mixing, (few @ squares[:k]) * (root * root), out=lefts[:, :r])
        np.subtract(room, left, out=left)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # to be refitted
            errors /= between_targets(left, errors.ndim)
        yield rows, errors, left


def _low_rank(shares: NDArray) -> tuple[NDArray, NDArray]:
    """Return factors (m, l) and (l, k) of an array (m, k) of numbers up to 1, to rounding."""
    Q, R, order = linalg.qr(shares, mode="economic", pivoting=True, check_finite=False)
    size = np.abs(np.diag(R))
    rank = max(1, int(np.count_nonzero(size > EPS * size[0])))
    few = np.empty((rank, shares.shape[1]))
    few[:, order] = R[:rank]
    return Q[:, :rank], few


def _dual(factors: Dual, design: Design, ts: NDArray) -> Errors:
    """Yield all rows, their errors (m, ..., n) and what is left of 1 - h (1, n) from n x n."""
    U = factors.vectors.T
    null = factors.eigenvalues <= factors.noise
    L = np.where(null, 0.0, factors.eigenvalues)
    ndim = factors.image.ndim + 1

    def ratio(weights: NDArray) -> tuple[NDArray, NDArray]:
        """Return r / (1 - h) (m, ..., n), and 1 - h (m, n) up to a factor of each strength."""
        left = weights @ np.square(U)
        residual = (factors.image * between_targets(weights, ndim)) @ U
        return residual / between_targets(left, ndim), left

    basis = factors.free.basis
    room = 1.0 - design.fit_intercept * design.root**2 - np.sum(np.square(basis), axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # to be refitted
        if ts.all():
            errors, _ = ratio((L.min() + ts[:, None]) / (L + ts[:, None]))
        else:  # in the limit t = 0 what the kernel does not reach outweighs all else
            outside, beyond = ratio(null[None, :].astype(float))
            inside, _ = ratio(np.divide(1.0, L, where=~null, out=np.zeros_like(L))[None, :])
            errors = np.where(between_targets(beyond > SATURATED, ndim), outside, inside)
            errors = np.repeat(errors, len(ts), axis=0)
        errors /= design.root
    yield slice(0, len(design.root)), errors, room[None, :]


class _Refit:
    """Errors on rows of fits without them, which the closed form cannot give."""

    def __init__(self, design: Design, path: RidgePath) -> None:
        self._design, self._path = design, path
        self._kept = np.flatnonzero(~path.excluded)

    @cached_property
    def _columns(self) -> NDArray:
        """The columns (n, k) that have a coefficient."""
        return self._design.columns(self._kept)

    def replace(self, errors: NDArray, left: NDArray, rows: slice, strengths: NDArray) -> None:
        """Replace the errors (m, ..., r) at strengths (m,) where nothing is left of 1 - h."""
        left = np.broadcast_to(left, (len(errors), left.shape[1]))
        for k, i in np.argwhere(left <= SATURATED):
            errors[k, ..., i] = self._error(rows.start + i, self._path.ridge(strengths[k]))

    def _error(self, row: int, ridge: NDArray) -> NDArray:
        """Return the error (...) on a row of a fit without it, with ridge weights (p,)."""
        design, others = self._design, np.arange(len(self._design.root)) != row
        A, b, root = self._columns[others], design.target[..., others], design.root[others]
        A_mean, b_mean = np.zeros(A.shape[1]), np.zeros(b.shape[:-1])
        if design.fit_intercept:
            A_mean, b_mean = (root @ A) / (root @ root), (b @ root) / (root @ root)
            norms2 = np.sum(A * A, axis=0)
            A, b = A - np.outer(root, A_mean), b - np.multiply.outer(b_mean, root)
            A[:, np.sum(A * A, axis=0) <= (10 * EPS) ** 2 * norms2] = 0.0  # constant without it
        w = least_squares(A, b, ridge[self._kept])
        own = self._columns[row] / design.root[row] - A_mean
        return design.target[..., row] / design.root[row] - b_mean - w @ own
