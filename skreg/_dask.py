"""Dask collections: what is computed where the partitions are, and what travels.

A fold maps a function over the partitions of X, y and the weights, each where it lives, and merges
the results in a tree. All that runs on the workers are functions; a worker that dies costs the
repetition of what it held. Dask is imported only once a collection was passed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from ._validation import FLOATS, located

FAN_IN = 8  # results that one task merges


def is_collection(X: Any) -> bool:
    """Return whether X is a Dask array, dataframe or the like."""
    return hasattr(X, "__dask_graph__")


def check_features(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Check the number and the names of the features, or note them if `reset`."""
    if getattr(X, "ndim", None) != 2:
        raise ValueError(f"Expected a Dask array or dataframe of 2 dimensions; got {X!r}.")
    header = np.zeros((1, X.shape[1]))
    if hasattr(X, "columns"):
        import pandas as pd

        header = pd.DataFrame(header, columns=X.columns)
    validate_data(estimator, header, reset=reset)


def fold(make: Callable, merge: Callable, X: Any, y: Any, sample_weight: Any) -> Any:
    """Return the results of `make(X, y, sample_weight)` on every partition, merged."""
    import dask

    others = {"y": y, "sample_weight": sample_weight}
    named = {"X": X, **{name: _alongside(X, array, name) for name, array in others.items()}}
    expected = {name: _dtypes(array) for name, array in named.items()}
    results = [
        dask.delayed(_on_partition)(make, k, X.shape[1], expected, *part)
        for k, part in enumerate(_partitions(named))
    ]
    while len(results) > 1:
        groups = [results[k : k + FAN_IN] for k in range(0, len(results), FAN_IN)]
        results = [dask.delayed(reduce)(merge, group) for group in groups]
    return dask.compute(results[0])[0]


def predict(X: Any, coef: NDArray, intercept: Any) -> Any:
    """Return the Dask array (n,) or (n, targets) of predictions for coef (..., p), not computed."""
    import dask.array as da

    table = X if isinstance(X, da.Array) else X.to_dask_array()
    table = table.rechunk({1: -1})
    single = table.dtype == np.float32 and coef.dtype == np.float32
    empty = np.empty((0,) * coef.ndim, np.float32 if single else np.float64)
    shape = {"drop_axis": 1} if coef.ndim == 1 else {"chunks": (table.chunks[0], (len(coef),))}
    return table.map_blocks(_predicted, coef, intercept, dtype=empty.dtype, meta=empty, **shape)


def _predicted(X: Any, coef: NDArray, intercept: Any) -> NDArray:
    """Return the predictions for one partition."""
    X = check_array(X, accept_sparse=["csr", "csc"], dtype=FLOATS, input_name="X")
    return X @ coef.T + intercept


def _on_partition(
    make: Callable, k: int, n_features: int, expected: dict[str, list], X: Any, *others: Any
) -> Any:
    """Return `make(X, *others)` of partition k, or raise an error that names it."""
    with located(f"Partition {k}"):
        if X.shape[1] != n_features:
            raise ValueError(f"X has {X.shape[1]} features; expected {n_features}.")
        for (name, dtypes), array in zip(expected.items(), (X, *others), strict=True):
            found = _dtypes(array)
            if found != dtypes:
                raise ValueError(f"{name} has dtype {_text(found)}; expected {_text(dtypes)}.")
        return make(X, *others)


def _dtypes(array: Any) -> list[Any]:
    """Return the dtypes of the columns of a dataframe; there is one of an array, None of others."""
    is_frame = getattr(array, "ndim", 0) == 2 and hasattr(array, "dtypes")
    return list(array.dtypes) if is_frame else [getattr(array, "dtype", None)]


def _text(dtypes: list[Any]) -> str:
    """Return dtypes for a message, each once."""
    return ", ".join(dict.fromkeys(map(str, dtypes)))


def _partitions(named: dict[str, Any]) -> list[tuple]:
    """Return (X, y, sample_weight) of every partition, those of collections as delayed objects."""
    n_parts, columns = len(_delayed(named["X"])), []
    for name, array in named.items():
        column = _delayed(array) if is_collection(array) else [array] * n_parts
        if len(column) != n_parts:
            raise ValueError(
                f"X has {n_parts} partitions and {name} has {len(column)}; repartition them alike."
            )
        columns.append(column)
    return list(zip(*columns, strict=True))


def _delayed(array: Any) -> list[Any]:
    """Return the partitions of a collection, each with all its columns."""
    if not hasattr(array, "chunks"):
        return array.to_delayed()
    whole = dict.fromkeys(range(1, array.ndim), -1)  # all columns in every partition
    return array.rechunk(whole).to_delayed().ravel().tolist()


def _alongside(X: Any, array: Any, name: str) -> Any:
    """Return y or the weights in the row partitions of X, where their lengths are known.

    None, or one weight for all, stays what it is.
    """
    if np.ndim(array) == 0:
        return array
    lengths = X.chunks[0] if hasattr(X, "chunks") else (np.nan,)
    if np.isnan(lengths).any():
        if is_collection(array):
            return array
        raise TypeError(
            f"{name} must be a Dask collection as X is, for the lengths of X's partitions are "
            "not known."
        )
    if not is_collection(array):
        import dask.array as da

        array = da.from_array(np.asarray(array), chunks=-1)
    if not hasattr(array, "chunks") or np.isnan(array.shape[0]):
        return array
    check_consistent_length(X, array)
    return array.rechunk({0: lengths})
