"""Blocks of rows of an array that is larger than memory.

A source of blocks is what has two dimensions and a dtype and reads rows when it is sliced: a
`np.memmap`, a dataset of h5py, an array of zarr. A block is as large as the p x p matrix that comes
of it, or 64 MB: then merging costs little beside the products, and memory holds no more than that.
While one block of a memory map is worked on, the system is asked to fetch the next.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_consistent_length

BLOCK_BYTES = 2**26
IN_MEMORY = ("__array_namespace__", "__dlpack__", "__dataframe__", "iloc")  # of other libraries


def is_source(X: Any) -> bool:
    """Return whether X is a table to be read in blocks."""
    return _reads_slices(X) and len(X.shape) == 2 and 0 not in X.shape


def blocks(X: Any, *others: Any) -> Iterator[tuple[slice, list[Any]]]:
    """Yield slices of rows, with those rows of the source X and of others; what is one, whole."""
    arrays = [X, *(other if _reads_slices(other) else _in_memory(other) for other in others)]
    check_consistent_length(*filter(_has_rows, arrays))
    n, p = X.shape
    step = max(p, BLOCK_BYTES // (np.dtype(X.dtype).itemsize * p))
    _fetch(X, slice(0, step))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        _fetch(X, slice(rows.stop, rows.stop + step))
        yield rows, [np.asarray(a[rows]) if _has_rows(a) else a for a in arrays]
        for array in arrays:
            _release(array)


def _has_rows(array: Any) -> bool:
    """Return whether this is more than None, or one number for all rows."""
    return bool(getattr(array, "shape", ()))


def _reads_slices(array: Any) -> bool:
    """Return whether an array of any dimensions is read when it is sliced."""
    if isinstance(array, np.ndarray):
        return _mapping(array) is not None
    needed = ("shape", "dtype", "__getitem__")
    return (
        all(hasattr(array, name) for name in needed)
        and not any(hasattr(array, name) for name in IN_MEMORY)
        and not sparse.issparse(array)
    )


def _in_memory(array: Any) -> Any:
    """Return a vector or matrix as an array; None, or one number for all rows, stays."""
    return np.asarray(array) if np.ndim(array) else array


def _fetch(array: Any, rows: slice) -> None:
    """Ask the system to read these rows of a memory map ahead, if they lie in one piece."""
    mapping = _mapping(array)
    if mapping is None or not hasattr(mmap, "MADV_WILLNEED"):
        return
    block = array[rows]
    if block.size and block.flags.c_contiguous:
        begin = _address(block) - _address(np.frombuffer(mapping, np.uint8))
        page = begin // mmap.PAGESIZE * mmap.PAGESIZE
        mapping.madvise(mmap.MADV_WILLNEED, page, begin - page + block.nbytes)


def _address(array: NDArray) -> int:
    """Return where in memory an array begins."""
    return array.__array_interface__["data"][0]


def _release(array: Any) -> None:
    """Give back the pages of a memory map that have been read, unless they hold changes."""
    mapping = _mapping(array)
    if mapping is not None and array.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: Any) -> mmap.mmap | None:
    """Return the memory map of a `np.memmap`, if there still is one under it."""
    base = array if isinstance(array, np.memmap) else None
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
