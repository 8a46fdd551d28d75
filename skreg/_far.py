"""Columns that lie far from zero for their spread: they are shifted before anything is summed.

Centring after a product loses the digits in which the mean exceeds the spread. Whether a column is
far, or constant, a few rows suggest and all rows decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FAR = 10.0  # mean over range; beyond it, centring after the product loses too many digits


def far_columns(X: Any, mean: NDArray, counted: NDArray) -> NDArray:
    """Return the mask (p,) of columns of X (n, p) that lie far from zero for their spread.

    Some of the rows `counted` (n,) raise the suspicion, all of them decide. Of a sparse X a column
    with a zero is near.
    """
    n = X.shape[0]
    if sparse.issparse(X):
        suspects = np.flatnonzero(np.diff(X.indptr) == n)
    else:
        suspects = np.flatnonzero(np.abs(mean) > FAR * spread(sample(X, counted)))
    far = np.zeros(len(mean), dtype=bool)
    if len(suspects):
        columns = X[:, suspects].toarray() if sparse.issparse(X) else X[:, suspects]
        extent = spread(columns[counted])
        far[suspects] = (np.abs(mean[suspects]) > FAR * extent) & (extent > 0)
    return far


def shifted(X: Any, far: NDArray, mean: NDArray) -> tuple[Any, NDArray]:
    """Return X (n, p) with the means of its `far` columns subtracted, and what was subtracted."""
    if not sparse.issparse(X):
        return X - mean, mean
    X, shift = X.astype(np.float64), np.where(far, mean, 0.0)  # a far column has no zeros to lose
    X.data -= np.repeat(shift, np.diff(X.indptr))
    return X, shift


def sample(X: NDArray, counted: NDArray) -> NDArray:
    """Return some of the rows of X (n, p) in the mask `counted` (n,)."""
    rows = np.flatnonzero(counted)
    return X[rows[:: max(1, len(rows) // 64)]]


def spread(X: NDArray) -> NDArray:
    """Return largest minus smallest of each column of X (n, p)."""
    return X.max(axis=0) - X.min(axis=0)
