"""Looking at columns: which are constant, and which lie so far from zero that centring comes first.

A X - mean computed after the product A X loses the digits by which the mean exceeds the spread, so
columns whose mean is many times their spread are shifted once, before all products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FAR = 10.0  # mean over deviation; beyond it, centring after the product loses too many digits
SAMPLE = 8  # rows at either end that raise the suspicion of a constant or far column


def far(X: Any, mean: NDArray, root: NDArray) -> NDArray:
    """Return the mask (p,) of columns of X (n, p) that lie far from zero for their spread.

    Rows count by their weight, `root` (n,) squared. Some of them raise the suspicion, all of them
    decide. Of a sparse X a column with a zero is near.
    """
    n = X.shape[0]
    counted = root > 0
    root = root / root.max()
    if sparse.issparse(X):
        suspects = np.flatnonzero(np.diff(X.indptr) == n)
    else:
        rows = sample(counted)
        suspects = np.flatnonzero(np.abs(mean) > FAR * _deviation(X[rows], mean, root[rows]))
    mask = np.zeros(len(mean), dtype=bool)
    if len(suspects):
        columns = X[:, suspects].toarray() if sparse.issparse(X) else X[:, suspects]
        near = np.abs(mean[suspects]) <= FAR * _deviation(columns, mean[suspects], root)
        mask[suspects] = ~near & (spread(columns[counted]) > 0)
    return mask


def _deviation(X: NDArray, mean: NDArray, root: NDArray) -> NDArray:
    """Return the largest weighted distance of each column of X (n, p) from its mean (p,)."""
    return np.max(np.abs(X - mean) * root[:, None], axis=0)


def shifted(X: Any, far: NDArray, mean: NDArray) -> tuple[Any, NDArray]:
    """Return X (n, p) with the means of its `far` columns subtracted, and what was subtracted."""
    if not sparse.issparse(X):
        return X - mean, mean
    X, shift = X.astype(np.float64), np.where(far, mean, 0.0)  # a far column has no zeros to lose
    X.data -= np.repeat(shift, np.diff(X.indptr))
    return X, shift


def constant(X: Any, counted: NDArray) -> NDArray:
    """Return the mask (p,) of the columns of X (n, p) that are the same in all rows `counted` (n,).

    A sparse X stores no zeros, and all its rows count.
    """
    if not sparse.issparse(X):
        mask = spread(X[sample(counted)]) == 0
        _leave_out_varying(X, counted, mask)
        return mask
    stored = np.diff(X.indptr)
    mask = stored == 0
    full = np.flatnonzero(stored == X.shape[0])
    if len(full):
        mask[full] = spread(X[:, full].toarray()) == 0
    return mask


def _leave_out_varying(X: NDArray, counted: NDArray, mask: NDArray) -> None:
    """Clear in the mask (p,) the columns of X (n, p) that vary in the rows `counted` (n,).

    Most show it early: the rows are looked at in ever longer blocks, in the columns still masked.
    """
    first = X[np.argmax(counted)]
    start, length = 0, SAMPLE
    while start < len(X) and mask.any():
        some = np.flatnonzero(mask)
        rows = slice(start, start + length)
        varies = (X[rows][:, some] != first[some]) & counted[rows, None]
        mask[some[varies.any(axis=0)]] = False
        start, length = start + length, 2 * length


def sample(counted: NDArray) -> NDArray:
    """Return the first and last rows of a mask (n,), which lie in few cache lines of a column."""
    rows = np.flatnonzero(counted)
    return rows[np.arange(-SAMPLE, SAMPLE) % len(rows)]


def blocks(counted: NDArray, n_each: int, most: int) -> Iterator[slice | NDArray]:
    """Yield the rows of a mask (n,), as slices where they can be.

    In parts of `most` bytes with `n_each` numbers per row.
    """
    step = max(1, most // (8 * n_each))
    for start in range(0, len(counted), step):
        rows = slice(start, start + step)
        some = counted[rows]
        if some.all():
            yield rows
        elif some.any():
            yield start + np.flatnonzero(some)


def spread(X: NDArray) -> NDArray:
    """Return largest minus smallest of each column of X (n, p)."""
    return X.max(axis=0).astype(np.float64) - X.min(axis=0)


def target_mean(y: NDArray, share: NDArray) -> NDArray:
    """Return the means (...) of y (..., n), exactly its value where all that counts is the same."""
    first = y[..., np.argmax(share > 0)]
    varies = np.any((y != first[..., None]) & (share > 0), axis=-1)
    return np.where(varies, y @ share, first)[()]
