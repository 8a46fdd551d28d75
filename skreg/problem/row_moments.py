"""The first and second moments of rows in memory: one look at each row, and BLAS.

For rows x_i of shares r_i^2 (sum 1), any `origin` o and z_i = x_i - o,

    offset = sum r_i^2 z_i,    mean = o + offset,    gram = sum r_i^2 z_i z_i' - offset offset'

of which the difference loses the digits by which offset^2 exceeds the variance. The origin is
therefore the mean of a few rows where that lies far from 0 for their spread, and 0 elsewhere, so
that columns near 0 are multiplied as they are. If the few rows deceived, all are gone through once
more about the mean. Dense rows are multiplied by one symmetric product (syrk) per block of rows,
sparse ones by a sparse product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .._linalg import EPS
from ..problem import inspection, sizes
from ..problem.rows import Rows

BLOCK_BYTES, BLOCK_ROWS = 2**20, 256  # what stays in the cache if p is small, at least so many
SAMPLE = 64  # rows that choose the origin
FAR, TOO_FAR = 4.0, 16.0  # squared mean over variance: to be shifted, and to be done again
FAINT = 1e-300  # what a variance is at least, unless nothing varies


def row_moments(X: Any, y: NDArray, weights: NDArray | None) -> dict[str, NDArray]:
    """Return the means and centred moments of X (n, p), y (n,) or (n, t), and weights (n,)."""
    share = None
    if weights is not None:
        share = weights / weights.max()  # whose sum does not overflow
        share /= share.sum()
    target, target_mean, target_mean_rest = _centred(y.T.astype(np.float64), share)
    products = _sparse_products if sparse.issparse(X) else _dense_products
    origin, offset, gram, cross = products(X, np.atleast_2d(target), share)
    mean, mean_rest = two_sum(origin, offset)
    constant, values = _constant(X, mean, gram.diagonal(), share)
    if len(constant):
        mean[constant], mean_rest[constant] = values, 0.0
        gram[constant] = gram[:, constant] = cross[:, constant] = 0.0
    np.fill_diagonal(gram, lifted(gram.diagonal(), _faint(X, mean, gram.diagonal(), share)))
    counted = target if share is None else target[..., share > 0]
    return {
        "mean": mean,
        "target_mean": target_mean,
        "gram": gram,
        "cross": cross.reshape(*target.shape[:-1], X.shape[1]),
        "target_norm2": lifted(_average(target * target, share), counted.any(axis=-1)),
        "mean_rest": mean_rest,
        "target_mean_rest": target_mean_rest,
    }


def two_sum(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    """Return a + b, rounded, and the rounding error, exactly (Knuth)."""
    total = a + b
    b_kept = total - a
    return total, (a - (total - b_kept)) + (b - b_kept)


def lifted(variances: NDArray, varies: NDArray) -> NDArray:
    """Return variances (...), at least FAINT where something `varies` (...).

    A variance whose squares vanish would say that there is nothing.
    """
    return np.where(varies, np.maximum(variances, FAINT), variances)[()]


def _average(values: NDArray, share: NDArray | None) -> NDArray:
    """Return the weighted mean (...) of values (..., n)."""
    return values.mean(axis=-1) if share is None else values @ share


def _centred(y: NDArray, share: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """Return y (..., n) about its mean, and the mean (...) as the sum of two numbers.

    Of a constant target rounding leaves nothing, so that parts that agree in it merge to one.
    """
    sizes.check_target_size(y)
    mean = _average(y, share)
    target = y - np.expand_dims(mean, -1)
    offset = _average(target, share)
    target -= np.expand_dims(offset, -1)
    mean, rest = two_sum(mean, offset)
    constant = np.max(np.abs(target), axis=-1) <= 4 * EPS * np.abs(mean)
    target[constant] = 0.0
    some = y[..., 0 if share is None else np.argmax(share)]
    return target, np.where(constant, some, mean)[()], np.where(constant, 0.0, rest)[()]


def _constant(
    X: Any, mean: NDArray, variances: NDArray, share: NDArray | None
) -> tuple[NDArray, NDArray]:
    """Return which columns of X (n, p) are constant, but not zero, and their values (k,).

    So parts that agree in them merge to a column that is constant too. The variances (p,) raise the
    suspicion, the columns decide.
    """
    suspects = np.flatnonzero((variances <= (10 * EPS * mean) ** 2) & (mean != 0))
    if not len(suspects):
        return suspects, mean[suspects]
    columns = X[:, suspects].toarray() if sparse.issparse(X) else X[:, suspects]
    if share is not None:
        columns = columns[share > 0]
    same = inspection.spread(columns) == 0
    return suspects[same], columns[0, same].astype(np.float64)


def _faint(X: Any, mean: NDArray, variances: NDArray, share: NDArray | None) -> NDArray:
    """Return the mask (p,) of the columns of X (n, p) that seem to be zero, but are not."""
    mask = (mean == 0) & (variances < FAINT)
    suspects = np.flatnonzero(mask)
    if len(suspects):
        columns = X[:, suspects] if share is None else X[:, suspects][share > 0]
        mask[suspects] = sizes.vanishing(columns, mean[suspects])
    return mask


def _sparse_products(
    X: Any, target: NDArray, share: NDArray | None
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return origin (p,), offset (p,), gram (p, p) and cross (t, p) of a CSC X (n, p)."""
    size = np.max(np.abs(target), axis=1, keepdims=True)
    size[size == 0] = 1.0  # so scaled, no target is too small for `Rows`
    rows = Rows.from_data(X, (target / size).T, share, fit_intercept=True)
    gram, cross = rows.block(np.arange(X.shape[1])), rows.correlation(rows.target) * size
    constant = rows.constant()  # whose products hold rounding errors only
    gram[constant] = gram[:, constant] = cross[:, constant] = 0.0
    return rows.shift, rows.overlap[0], gram, cross


def _dense_products(
    X: NDArray, target: NDArray, share: NDArray | None
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return origin (p,), offset (p,), gram (p, p) and cross (t, p) of a dense X (n, p)."""
    root = None if share is None else np.sqrt(share)
    origin = _origin(X, root)
    offset, gram, cross = _about(origin, X, target, root)
    square = offset * offset
    far = square > TOO_FAR * (gram.diagonal() - square)
    far &= square > (SAMPLE * EPS * origin) ** 2  # else a constant column, up to rounding
    if far.any():
        origin = origin + np.where(far, offset, 0.0)
        offset, gram, cross = _about(origin, X, target, root)
    gram -= np.outer(offset, offset)
    return origin, offset, gram, cross


def _origin(X: NDArray, root: NDArray | None) -> NDArray:
    """Return an origin (p,) for the columns of X (n, p) from some of its rows."""
    some = slice(None, None, max(1, len(X) // SAMPLE))
    sample = X[some].astype(np.float64)
    share = np.ones(len(sample)) if root is None else root[some] ** 2
    share = share / share.sum() if share.any() else np.full(len(sample), 1.0 / len(sample))
    mean = share @ sample
    variance = share @ (sample - mean) ** 2
    return np.where(mean * mean > FAR * variance, mean, 0.0)


def _about(
    origin: NDArray, X: NDArray, target: NDArray, root: NDArray | None
) -> tuple[NDArray, NDArray, NDArray]:
    """Return offset (p,) and gram (p, p), about `origin`, and cross (t, p)."""
    n, p = X.shape
    # In no fewer rows than columns, or adding up would take its time.
    step = min(n, max(p, BLOCK_ROWS, BLOCK_BYTES // (8 * p)))
    as_blas_reads = X.dtype == np.float64 and X.itemsize in X.strides and min(X.strides) > 0
    as_it_is = root is None and as_blas_reads and not origin.any()
    buffer, ones = None if as_it_is else np.empty((step, p)), np.ones(step)
    gram = np.zeros((p, p))
    offset, cross = np.zeros(p), np.zeros((len(target), p))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        table, mass, weighted = X[rows], ones[: n - start], target[:, rows]
        if not as_it_is:
            table = np.subtract(table, origin, out=buffer[: n - start])
        if root is not None:
            mass = root[rows]
            table *= mass[:, None]
            weighted = mass * weighted
        gram += table.T @ table
        offset += mass @ table
        cross += weighted @ table
    total = n if root is None else 1.0
    gram /= total
    return offset / total, gram, cross / total
