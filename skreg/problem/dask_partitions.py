"""Dask collections: what is computed where the partitions are, and what travels.

A fold maps a function over the partitions of X, y and the weights, each where it lives, and merges
the results in a tree. All that runs on the workers are functions, so that a worker that dies costs
the repetition of what it held. Dask is imported only once a collection was passed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .validation import FLOATS, located

FAN_IN = 8  # results that one task merges
NO_Y = "no_validation"  # tells validate_data not to look at y


def is_collection(X: Any) -> bool:
    """Return whether X is a Dask array, dataframe or the like."""
    return hasattr(X, "__dask_graph__")


def check_header(estimator: BaseEstimator, X: Any, y: Any = NO_Y, *, reset: bool) -> None:
    """Check number and names of the features, or note them if `reset`; and that y is not None."""
    if getattr(X, "ndim", None) != 2 or not hasattr(X, "to_delayed"):
        raise ValueError(f"Expected a Dask array or dataframe of 2 dimensions; got {X!r}.")
    header: Any = np.zeros((1, X.shape[1]))
    if hasattr(X, "columns"):
        import pandas as pd

        header = pd.DataFrame(header, columns=X.columns)
    validate_data(estimator, header, None if y is None else NO_Y, reset=reset)


def lengths(X: Any) -> NDArray:
    """Return the lengths of the partitions, NaN where they are not known."""
    return np.array(X.chunks[0] if hasattr(X, "chunks") else [np.nan] * X.npartitions, dtype=float)


def fold(
    make: Callable, merge: Callable, X: Any, y: Any, sample_weight: Any, each: list | None = None
) -> Any:
    """Return the results of `make(X, y, sample_weight)` on every partition with rows, merged.

    The entry of the partition in `each`, if that is given, is passed as one more argument.
    """
    import dask

    is_frame = hasattr(X, "columns")
    X = X if is_frame else _whole_rows(X)
    arrays = [X, _alongside(X, y, "y"), _alongside(X, sample_weight, "sample_weight")]
    run = partial(_on_partition, make, X.shape[1], each)
    results = (_over_frames if is_frame else _over_arrays)(run, *arrays).to_delayed()
    (result,) = dask.compute(_tree(merge, list(np.ravel(np.array(results, dtype=object)))))
    if result is None:
        raise ValueError("Found array with 0 sample(s): no partition of X has rows.")
    return result


def predict(X: Any, coef: NDArray, intercept: Any) -> Any:
    """Return the Dask array (n,) or (n, targets) of predictions for coef (..., p), not computed."""
    import dask.array as da

    table = X if isinstance(X, da.Array) else X.to_dask_array()
    table = table.rechunk({1: -1})
    single = table.dtype == np.float32 and coef.dtype == np.float32
    empty = np.empty((0,) * coef.ndim, np.float32 if single else np.float64)
    shape = {"drop_axis": 1} if coef.ndim == 1 else {"chunks": (table.chunks[0], (len(coef),))}
    return table.map_blocks(_predict_block, coef, intercept, dtype=empty.dtype, meta=empty, **shape)


def predicted(X: Any, coef: NDArray, intercept: Any) -> NDArray:
    """Return the predictions for the rows of one partition, which may have none."""
    X = check_array(
        X, accept_sparse=["csr", "csc"], dtype=FLOATS, input_name="X", ensure_min_samples=0
    )
    return X @ coef.T + intercept


def _predict_block(
    X: Any, coef: NDArray, intercept: Any, block_info: dict[int, Any] | None = None
) -> NDArray:
    """Return the predictions for one partition, or raise an error that names it."""
    number = block_info[0]["chunk-location"][0] if block_info else 0
    with located(f"Partition {number}"):
        return predicted(X, coef, intercept)


def _over_arrays(run: Callable, X: Any, *others: Any) -> Any:
    """Return a Dask array of `run(k, X, *others)` of each partition k."""
    import dask.array as da

    # Each argument is followed by its axes: rows, and one more of which there is one block.
    arguments = [da.arange(X.numblocks[0], chunks=1), "i"]
    for array in (X, *others):
        arguments += [array, "ij"[: array.ndim] if is_collection(array) else None]
    nothing = np.empty((0, 0), object)
    return da.blockwise(run, "ij", *arguments, dtype=object, meta=nothing, align_arrays=False)


def _over_frames(run: Callable, X: Any, *others: Any) -> Any:
    """Return a Dask series of `run(k, X, *others)` of each partition k."""
    options = {"meta": ("moments", object), "enforce_metadata": False, "clear_divisions": True}
    return X.map_partitions(_on_numbered, *others, run=run, **options)


def _on_numbered(*parts: Any, run: Callable, partition_info: Any = None) -> Any:
    """Return `run(k, *parts)` where Dask says which partition this is."""
    return run([partition_info["number"]], *parts)


def _on_partition(
    make: Callable, n_features: int, each: list | None, number: Any, *parts: Any
) -> Any:
    """Return `make(X, y, sample_weight)` of a partition, or None if it has no rows.

    An error names the partition, which is number[0].
    """
    X, k = parts[0], number[0]
    with located(f"Partition {k}"):
        if X.shape[1] != n_features:
            raise ValueError(f"X has {X.shape[1]} features; expected {n_features}.")
        if X.shape[0] == 0:
            check_consistent_length(*(part for part in parts if np.ndim(part)))
            return None
        return make(*parts) if each is None else make(*parts, each[k])


def _tree(merge: Callable, results: list[Any]) -> Any:
    """Return the results of all partitions, merged a few at a time, delayed."""
    import dask

    groups = [results[k : k + FAN_IN] for k in range(0, len(results), FAN_IN)]
    merged = [dask.delayed(_merged, pure=False)(merge, group) for group in groups]
    return merged[0] if len(merged) == 1 else _tree(merge, merged)


def _merged(merge: Callable, results: list[Any]) -> Any:
    """Return the results merged, without those of partitions that have no rows."""
    present = [result for result in results if result is not None]
    return reduce(merge, present) if present else None


def _whole_rows(array: Any) -> Any:
    """Return a Dask array whose partitions have all columns."""
    return array.rechunk(dict.fromkeys(range(1, array.ndim), -1))


def _alongside(X: Any, array: Any, name: str) -> Any:
    """Return y or the weights as a collection of X's kind, in its partitions.

    None, or one weight for all, stays what it is.
    """
    if not is_collection(array) and np.ndim(array) == 0:
        return array
    known = not np.isnan(lengths(X)).any()
    if not is_collection(array):
        if not known:
            raise TypeError(
                f"{name} must be a Dask collection as X is, for the lengths of X's partitions are "
                "not known."
            )
        import dask.array as da

        array = da.from_array(np.asarray(array), chunks=-1)
    if hasattr(array, "chunks"):
        array = _whole_rows(array)
        if known and not np.isnan(lengths(array)).any():
            check_consistent_length(X, array)
            array = array.rechunk({0: X.chunks[0]})
    if array.npartitions != X.npartitions:
        raise ValueError(
            f"X has {X.npartitions} partitions and {name} has {array.npartitions}; repartition "
            "them alike."
        )
    is_frame = hasattr(X, "columns")
    if is_frame and hasattr(array, "chunks"):
        import dask.dataframe as dd

        return dd.from_dask_array(array)
    return array if is_frame or hasattr(array, "chunks") else array.to_dask_array()
