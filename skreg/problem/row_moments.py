"""The first and second moments of rows in memory.

With shares r_i = s_i / S of the total weight S, and any point o near the means,

    offset = sum_i r_i (x_i - o),    mean = o + offset,
    gram = sum_i r_i (x_i - o)(x_i - o)' - offset offset'.

The subtraction loses the digits by which offset^2 exceeds the variance. float64 rows without
weights are multiplied as they are, with o = 0, if the columns lie near zero: that is one symmetric
product. All other dense rows are centred in blocks that stay in the cache, with o = the mean, so
that no float64 copy of X is made. A sparse X is multiplied as it is; only a column without a zero
can lie far from zero, and such columns are centred first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

EPS = np.finfo(np.float64).eps
FAR = 10.0  # |mean| over standard deviation from which columns are centred before the product
SAMPLE = 64  # rows that predict whether columns lie far from zero
BLOCK_BYTES = 2**20  # of rows that are centred at a time: a block stays in the cache


@dataclass(frozen=True)
class RowMoments:
    """Weighted means and centred second moments of X and y, with divisor S.

    `mean` (p,), `target_mean` (...), `gram` (p, p), `cross` (..., p) and `target_norm2` (...).
    """

    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    target_norm2: NDArray

    @property
    def is_finite(self) -> bool:
        """Whether X and y were finite, and their squares did not overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.trace(self.gram) + np.sum(self.target_norm2) + np.sum(self.mean**2)
            return bool(np.isfinite(squares))

    def with_exact_constants(self) -> RowMoments:
        """Return the moments with exactly 0 where constant columns and targets left rounding.

        `gram` and `cross` are changed in place.
        """
        gram, cross, norm2 = self.gram, self.cross, self.target_norm2
        columns = _is_rounding(gram.diagonal(), self.mean)
        if columns.any():
            gram[columns] = gram[:, columns] = cross[..., columns] = 0.0
        targets = _is_rounding(norm2, self.target_mean)
        if targets.any():
            cross[targets] = 0.0
            return replace(self, target_norm2=np.where(targets, 0.0, norm2)[()])
        return self

    def merged(self, other: RowMoments, share: float) -> RowMoments:
        """Return the moments of both, where `other` has this share of the weight."""
        rest = 1.0 - share
        delta, target_delta = other.mean - self.mean, other.target_mean - self.target_mean
        between = np.sqrt(share * rest)  # the means of both scatter by this times their distance
        spread, target_spread = between * delta, between * target_delta
        return RowMoments(
            self.mean + share * delta,
            self.target_mean + share * target_delta,
            _mixed(self.gram, other.gram, share, np.outer(spread, spread)),
            _mixed(self.cross, other.cross, share, np.multiply.outer(target_spread, spread)),
            _mixed(self.target_norm2, other.target_norm2, share, target_spread * target_spread),
        ).with_exact_constants()


def _is_rounding(variance: NDArray, mean: NDArray) -> NDArray:
    """Return the mask (...) of variances (...) which are no more than the rounding of means."""
    return np.sqrt(np.abs(variance)) <= 10 * EPS * np.abs(mean)


@np.errstate(over="ignore", invalid="ignore")
def row_moments(X: Any, y: NDArray, weights: NDArray | None = None) -> RowMoments:
    """Return the moments of X (n, p), dense or CSC, y (n,) or (n, t), and weights (n,).

    Values that are not finite in X, or that overflow, give moments that are not finite.
    """
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    target = np.atleast_2d(y.T).astype(np.float64)
    target_mean = np.zeros(len(target))
    for _ in range(2):  # the second time removes the rounding error of the first mean
        offset = target @ share
        target -= offset[:, None]
        target_mean += offset
    products = _sparse_products if sparse.issparse(X) else _dense_products
    mean, gram, cross = products(X, target, share, weights is None)
    shape = y.shape[1:]
    moments = RowMoments(
        mean,
        target_mean.reshape(shape)[()],
        gram,
        cross.reshape(*shape, len(mean)),
        ((target * target) @ share).reshape(shape)[()],
    )
    return moments.with_exact_constants()


def _mixed(first: NDArray, second: NDArray, share: float, spread: NDArray) -> NDArray:
    """Return the average of two arrays (...), plus `spread` (...), which is overwritten."""
    spread += share * second
    spread += (1.0 - share) * first
    return spread


def _dense_products(
    X: NDArray, target: NDArray, share: NDArray, uniform: bool
) -> tuple[NDArray, NDArray, NDArray]:
    """Return mean (p,), gram (p, p) and cross (t, p) of a dense X (n, p)."""
    n, p = X.shape
    mean = np.zeros(p)
    for rows in _blocks(n, p):
        mean += share[rows] @ X[rows]
    if uniform and X.dtype == np.float64:
        sample = X[:: 1 + n // SAMPLE] - mean
        if not _is_far(mean, (sample * sample).sum(axis=0) / len(sample)):
            gram = np.dot(X.T, X)  # unlike @, it copies an array with strides that BLAS cannot read
            gram /= n
            gram -= np.outer(mean, mean)
            if not _is_far(mean, gram.diagonal()):
                return mean, gram, np.dot(target, X) / n
    return _centred_products(X, mean, target, share)


def _is_far(mean: NDArray, variance: NDArray) -> bool:
    """Whether a column of mean (p,) and variance (p,) lies so far from zero that digits are lost.

    Raw products lose the digits of mean^2 / variance, of which FAR^2 leaves all but two.
    """
    return bool((mean * mean > FAR * FAR * variance).any())


def _centred_products(
    X: NDArray, mean: NDArray, target: NDArray, share: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Return mean (p,), gram (p, p) and cross (t, p) of X (n, p), centred about `mean` (p,)."""
    n, p = X.shape
    offset, gram, cross = np.zeros(p), np.zeros((p, p)), np.zeros((len(target), p))
    root, weighted = np.sqrt(share), share * target
    buffer = np.empty((min(n, _block_rows(p)), p))
    for rows in _blocks(n, p):
        centred = np.subtract(X[rows], mean, out=buffer[: n - rows.start])
        offset += share[rows] @ centred
        cross += weighted[:, rows] @ centred
        centred *= root[rows, None]
        gram += centred.T @ centred
    gram -= np.outer(offset, offset)
    return mean + offset, gram, cross


def _blocks(n: int, p: int) -> Iterator[slice]:
    """Yield slices of n rows of p numbers."""
    step = _block_rows(p)
    for start in range(0, n, step):
        yield slice(start, start + step)


def _block_rows(p: int) -> int:
    """Return the rows of a block; fewer than p of them would spend their time on adding up."""
    return max(p, BLOCK_BYTES // (8 * p), 1)


def _sparse_products(
    X: Any, target: NDArray, share: NDArray, uniform: bool
) -> tuple[NDArray, NDArray, NDArray]:
    """Return mean (p,), gram (p, p) and cross (t, p) of a CSC X (n, p)."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    stored = np.diff(X.indptr)
    shift = np.where(stored == len(share), X.T @ share, 0.0)
    values = X.data - np.repeat(shift, stored)
    centred = sparse.csc_array((values, X.indices, X.indptr), shape=X.shape)
    offset, cross = centred.T @ share, (centred.T @ (share * target).T).T
    centred.data *= np.sqrt(share)[X.indices]
    gram = (centred.T @ centred).toarray()
    gram -= np.outer(offset, offset)
    return shift + offset, gram, np.ascontiguousarray(cross)
