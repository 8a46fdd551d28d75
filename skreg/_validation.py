"""Checks of X, y and weights, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

FLOATS = [np.float64, np.float32]


def check_data(
    estimator: BaseEstimator, X: Any, y: Any, *, reset: bool = True, finite: bool = True
) -> tuple[Any, NDArray]:
    """Return X (n, p), an array or CSC, and y (n,) or (n, targets); note the features if `reset`.

    Without `finite`, NaN and infinity in X are left to be found by `check_finite`.
    """
    return validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse="csc",
        dtype=FLOATS,
        ensure_all_finite=finite,
        multi_output=True,
        y_numeric=True,
    )


def check_finite(X: Any) -> None:
    """Raise the ValueError for NaN or infinity in X (n, p)."""
    check_array(X, accept_sparse=True, dtype=FLOATS, input_name="X")


def check_fit_weights(sample_weight: Any, X: Any) -> NDArray | None:
    """Return the row weights (n,) of a fit in float64, or None if all rows weigh the same."""
    if isinstance(sample_weight, Real):
        if not 0 < sample_weight < np.inf:
            raise ValueError(f"sample_weight must be positive and finite; got {sample_weight}.")
        return None
    weights = check_weights(sample_weight, X.shape[0])
    if weights is not None and not np.any(weights > 0):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def check_weights(sample_weight: Any, n_rows: int) -> NDArray | None:
    """Return the nonnegative row weights (n,) in float64, or None if each is 1."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, sample_weight, dtype=np.float64)
    weights = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    if np.any(weights < 0):
        raise ValueError("Negative values in data passed to `sample_weight`.")
    return weights


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say in which part of the data a ValueError or TypeError arose."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{where}: {error}") from error
