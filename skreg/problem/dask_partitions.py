"""Dask collections: what is computed where the partitions are, and what travels.

A fold maps a function over the partitions of X, y and the weights, each where it lives, and merges
the results in a tree. All that runs on the workers are functions; a worker that dies costs the
repetition of what it held. Dask is imported only once a collection was passed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import count
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .validation import FLOATS, located

FAN_IN = 8  # results that one task merges
UNSEEN = "no_validation"  # validate_data for what it need not look at


def is_collection(X: Any) -> bool:
    """Return whether X is a Dask array, dataframe or the like."""
    return hasattr(X, "__dask_graph__")


def check_header(estimator: BaseEstimator, X: Any, y: Any = UNSEEN, *, reset: bool) -> None:
    """Check number and names of the features, or note them if `reset`; and that y is not None."""
    if getattr(X, "ndim", None) != 2 or not hasattr(X, "to_delayed"):
        raise ValueError(f"Expected a Dask array or dataframe of 2 dimensions; got {X!r}.")
    header = np.zeros((1, X.shape[1]))
    if hasattr(X, "columns"):
        import pandas as pd

        header = pd.DataFrame(header, columns=X.columns)
    validate_data(estimator, header, None if y is None else UNSEEN, reset=reset)


def lengths(X: Any) -> NDArray:
    """Return the lengths of the partitions, NaN where they are not known."""
    return np.array(X.chunks[0] if hasattr(X, "chunks") else [np.nan] * X.npartitions, dtype=float)


def fold(
    make: Callable, merge: Callable, X: Any, y: Any, sample_weight: Any, each: list | None = None
) -> Any:
    """Return the results of `make(X, y, sample_weight)` on every partition, merged.

    Of `each`, if given, the entry of the partition is one more argument.
    """
    import dask

    is_frame = hasattr(X, "columns")
    named = {"X": X if is_frame else _whole_rows(X)}
    for name, array in {"y": y, "sample_weight": sample_weight}.items():
        named[name] = _alongside(named["X"], array, name)
    expected = {name: _dtypes(array) for name, array in named.items()}
    run = partial(_on_partition, make, X.shape[1], expected, each)
    results = (_over_frames if is_frame else _over_arrays)(run, *named.values())
    # Before they are merged, for what is delayed is not fused.
    results = results.optimize() if is_frame else dask.optimize(results)[0]
    return dask.compute(_tree(results, merge))[0]


def _tree(results: Any, merge: Callable) -> Any:
    """Return the results that are the partitions of a collection, merged, delayed."""
    from dask.core import flatten
    from dask.delayed import Delayed
    from dask.highlevelgraph import HighLevelGraph

    name, graph, keys = f"merge-{uuid4().hex}", {}, list(flatten(results.__dask_keys__()))
    for level in count():
        groups = [keys[k : k + FAN_IN] for k in range(0, len(keys), FAN_IN)]
        keys = [(name, level, k) for k in range(len(groups))]
        graph.update((key, (reduce, merge, group)) for key, group in zip(keys, groups, strict=True))
        if len(keys) == 1:
            whole = HighLevelGraph.from_collections(name, graph, dependencies=[results])
            return Delayed(keys[0], whole, layer=name)


def predict(X: Any, coef: NDArray, intercept: Any) -> Any:
    """Return the Dask array (n,) or (n, targets) of predictions for coef (..., p), not computed."""
    import dask.array as da

    table = X if isinstance(X, da.Array) else X.to_dask_array()
    table = table.rechunk({1: -1})
    single = table.dtype == np.float32 and coef.dtype == np.float32
    empty = np.empty((0,) * coef.ndim, np.float32 if single else np.float64)
    shape = {"drop_axis": 1} if coef.ndim == 1 else {"chunks": (table.chunks[0], (len(coef),))}
    return table.map_blocks(predicted, coef, intercept, dtype=empty.dtype, meta=empty, **shape)


def predicted(X: Any, coef: NDArray, intercept: Any) -> NDArray:
    """Return the predictions for one partition."""
    X = check_array(X, accept_sparse=["csr", "csc"], dtype=FLOATS, input_name="X")
    return X @ coef.T + intercept


def _over_arrays(run: Callable, X: Any, *others: Any) -> Any:
    """Return a collection of `run(k, X, *others)` of each partition, to be one task with it."""
    import dask.array as da

    # Each argument with its axes: rows, and one more of which there is one block.
    arguments = [da.arange(X.numblocks[0], chunks=1), "i"]
    for array in (X, *others):
        arguments += [array, "ij"[: array.ndim] if is_collection(array) else None]
    nothing = np.empty((0, 0), object)
    return da.blockwise(run, "ij", *arguments, dtype=object, meta=nothing, align_arrays=False)


def _over_frames(run: Callable, X: Any, *others: Any) -> Any:
    """Return a collection of `run(k, X, *others)` of each partition, to be one task with it."""
    options = {"meta": ("moments", object), "enforce_metadata": False, "clear_divisions": True}
    return X.map_partitions(_on_numbered, *others, run=run, **options)


def _on_numbered(*parts: Any, run: Callable, partition_info: Any = None) -> Any:
    """Return `run(k, *parts)` where Dask says which partition this is."""
    return run([partition_info["number"]], *parts)


def _on_partition(
    make: Callable,
    n_features: int,
    expected: dict[str, list],
    each: list | None,
    number: Any,
    *parts: Any,
) -> Any:
    """Return `make(X, y, sample_weight)` of a partition, or raise an error that names it."""
    own = [] if each is None else [each[number[0]]]
    with located(f"Partition {number[0]}"):
        if parts[0].shape[1] != n_features:
            raise ValueError(f"X has {parts[0].shape[1]} features; expected {n_features}.")
        for (name, dtypes), part in zip(expected.items(), parts, strict=True):
            found = _dtypes(part)
            if found != dtypes:
                raise ValueError(f"{name} has dtype {_text(found)}; expected {_text(dtypes)}.")
        return make(*parts, *own)


def _dtypes(array: Any) -> list[Any]:
    """Return the dtypes of the columns of a dataframe; there is one of an array, None of others."""
    is_frame = getattr(array, "ndim", 0) == 2 and hasattr(array, "dtypes")
    return list(array.dtypes) if is_frame else [getattr(array, "dtype", None)]


def _text(dtypes: list[Any]) -> str:
    """Return dtypes for a message, each once."""
    return ", ".join(dict.fromkeys(map(str, dtypes)))


def _whole_rows(array: Any) -> Any:
    """Return a Dask array whose partitions have all columns."""
    return array.rechunk(dict.fromkeys(range(1, array.ndim), -1))


def _alongside(X: Any, array: Any, name: str) -> Any:
    """Return y or the weights as a collection of X's kind, in its partitions.

    None, or one weight for all, stays what it is.
    """
    if not is_collection(array) and np.ndim(array) == 0:
        return array
    is_frame = hasattr(X, "columns")
    lengths = (np.nan,) if is_frame else X.chunks[0]
    if not is_collection(array):
        if np.isnan(lengths).any():
            raise TypeError(
                f"{name} must be a Dask collection as X is, for the lengths of X's partitions are "
                "not known."
            )
        import dask.array as da

        array = da.from_array(np.asarray(array), chunks=-1)
    if hasattr(array, "chunks"):
        array = _whole_rows(array)
        if not (np.isnan(lengths).any() or np.isnan(array.shape[0])):
            check_consistent_length(X, array)
            array = array.rechunk({0: lengths})
    if array.npartitions != X.npartitions:
        raise ValueError(
            f"X has {X.npartitions} partitions and {name} has {array.npartitions}; repartition "
            "them alike."
        )
    if is_frame and hasattr(array, "chunks"):
        import dask.dataframe as dd

        return dd.from_dask_array(array)
    return array if is_frame or hasattr(array, "chunks") else array.to_dask_array()
