"""Folds of a cross-validation without rows: lists of moments, and pieces of Dask collections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem import dask_partitions as partitions
from ..problem.moments import Moments, check_side, moments_of_pieces


def checked_moments(moments: Any) -> list[Moments]:
    """Return the moments of the folds, each of which has weight."""
    folds: list[Any] = list(moments) if isinstance(moments, Iterable) else [None]
    if not all(isinstance(fold, Moments) for fold in folds):
        raise TypeError(
            "moments must be a list of skreg.Moments, one per fold; got an object of type "
            f"{type(moments).__name__}, or with other entries."
        )
    if len(folds) < 2:
        raise ValueError(f"moments must be those of two folds or more; got {len(folds)}.")
    for k, fold in enumerate(folds):
        if fold.weight == 0:
            raise ValueError(f"Fold {k} has no row of positive weight.")
    return folds


def folds_of_partitions(X: Any, y: Any, sample_weight: Any, n_folds: int) -> list[Moments]:
    """Return the moments of folds of consecutive rows of Dask collections, in one pass."""
    check_side(X.shape[1])
    pieces = _pieces(partitions.lengths(X), n_folds)
    folds = partitions.fold(moments_of_pieces, _merge, X, y, sample_weight, pieces)
    if len(folds) < n_folds:
        raise ValueError(f"Fold {min(set(range(n_folds)) - set(folds))} has no row.")
    return checked_moments([folds[k] for k in range(n_folds)])


def _pieces(lengths: NDArray, n_folds: int) -> list[list[tuple[int, int, int | None]]]:
    """Return for each partition its (fold, first row, row after the last).

    Where the lengths (k,) are known the folds are those of scikit-learn's `KFold`. Where they are
    not, they are whole partitions.
    """
    if np.isnan(lengths).any():
        if len(lengths) < n_folds:
            raise ValueError(
                f"{n_folds} folds need as many partitions where their lengths are not known; X has "
                f"{len(lengths)}."
            )
        folds = np.repeat(np.arange(n_folds), [len(s) for s in np.array_split(lengths, n_folds)])
        return [[(int(fold), 0, None)] for fold in folds]
    ends = np.cumsum(lengths.astype(int))
    n = int(ends[-1])
    if n_folds > n:
        raise ValueError(
            f"Cannot have number of splits n_splits={n_folds} greater than the number of samples: "
            f"n_samples={n}."
        )
    edges = np.cumsum([0, *(len(s) for s in np.array_split(np.broadcast_to(0, n), n_folds))])
    return [
        [
            (k, max(int(edges[k]) - start, 0), min(int(edges[k + 1]), end) - start)
            for k in range(n_folds)
            if edges[k] < end and edges[k + 1] > start
        ]
        for start, end in zip(ends - lengths.astype(int), ends, strict=True)
    ]


def _merge(first: dict[int, Moments], second: dict[int, Moments]) -> dict[int, Moments]:
    """Return the moments by fold of the rows of both."""
    merged = dict(first)
    for k, moments in second.items():
        merged[k] = merged[k] + moments if k in merged else moments
    return merged
