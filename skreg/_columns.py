"""Looking at columns: which are constant, and which lie so far from zero that centring comes first.

A X - mean computed after the product A X loses the digits by which the mean exceeds the spread, so
columns whose mean is many times their spread are shifted once, before all products.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FAR = 10.0  # mean over range; beyond it, centring after the product loses too many digits
SAMPLE = 8  # rows at either end that raise the suspicion of a constant or far column


def far(X: Any, mean: NDArray, counted: NDArray) -> NDArray:
    """Return the mask (p,) of columns of X (n, p) that lie far from zero for their spread.

    Some of the rows `counted` (n,) raise the suspicion, all of them decide. Of a sparse X a column
    with a zero is near.
    """
    n = X.shape[0]
    if sparse.issparse(X):
        suspects = np.flatnonzero(np.diff(X.indptr) == n)
    else:
        suspects = np.flatnonzero(np.abs(mean) > FAR * spread(sample(X, counted)))
    mask = np.zeros(len(mean), dtype=bool)
    if len(suspects):
        columns = X[:, suspects].toarray() if sparse.issparse(X) else X[:, suspects]
        width = spread(columns[counted])
        mask[suspects] = (np.abs(mean[suspects]) > FAR * width) & (width > 0)
    return mask


def shifted(X: Any, far: NDArray, mean: NDArray) -> tuple[Any, NDArray]:
    """Return X (n, p) with the means of its `far` columns subtracted, and what was subtracted."""
    if not sparse.issparse(X):
        return X - mean, mean
    X, shift = X.astype(np.float64), np.where(far, mean, 0.0)  # a far column has no zeros to lose
    X.data -= np.repeat(shift, np.diff(X.indptr))
    return X, shift


def sample(X: NDArray, counted: NDArray) -> NDArray:
    """Return the first and last rows of X (n, p) in the mask `counted` (n,): few cache lines."""
    rows = np.flatnonzero(counted)
    return X[rows[np.arange(-SAMPLE, SAMPLE) % len(rows)]]


def spread(X: NDArray) -> NDArray:
    """Return largest minus smallest of each column of X (n, p)."""
    return X.max(axis=0) - X.min(axis=0)
