"""Slices of rows of an array that is larger than memory.

A source of rows has two dimensions and a dtype, and reads rows when it is sliced: a dataset of
h5py, an array of zarr. A slice is as large as the p x p matrix that is made of it, or 64 MB: then
merging costs little beside the products, and memory holds no more than that. A `np.memmap` is an
array in memory for a fit, because joblib hands every larger array to its workers as one; only
where moments are asked for is it read in slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

SLICE_BYTES = 2**26
IN_MEMORY = ("__array_namespace__", "__dlpack__", "__dataframe__", "iloc")  # of other libraries


def is_source(X: Any) -> bool:
    """Return whether X is a table that is read in slices, and no array in memory."""
    return _is_table(X) and _reads_slices(X)


def is_on_disk(X: Any) -> bool:
    """Return whether X is a table on disk: a source of rows, or a memory map."""
    return _is_table(X) and (isinstance(X, np.memmap) or _reads_slices(X))


def slices(X: Any, *others: Any) -> Iterator[tuple[slice, list[Any]]]:
    """Yield slices of rows, with those rows of the table X and of others.

    None, or one number for all rows, is yielded as it is.
    """
    arrays = [X, *(other if _reads_slices(other) else _in_memory(other) for other in others)]
    check_consistent_length(*filter(_has_rows, arrays))
    n, p = X.shape
    step = max(p, SLICE_BYTES // (np.dtype(X.dtype).itemsize * p))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        yield rows, [np.asarray(a[rows]) if _has_rows(a) else a for a in arrays]


def _is_table(X: Any) -> bool:
    """Return whether X has two dimensions, rows and columns."""
    return len(getattr(X, "shape", ())) == 2 and 0 not in X.shape


def _reads_slices(array: Any) -> bool:
    """Return whether an array of any dimensions is no NumPy array, but read when it is sliced."""
    return (
        not isinstance(array, np.ndarray)
        and all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__"))
        and not any(hasattr(array, name) for name in IN_MEMORY)
        and not sparse.issparse(array)
    )


def _has_rows(array: Any) -> bool:
    """Return whether this is more than None, or one number for all rows."""
    return bool(getattr(array, "shape", ()))


def _in_memory(array: Any) -> Any:
    """Return a vector or matrix as an array; None, or one number for all rows, stays."""
    return np.asarray(array) if np.ndim(array) else array
