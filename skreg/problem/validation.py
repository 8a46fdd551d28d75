"""Checks of what users pass: scikit-learn's words, and errors that name the argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

FLOATS = [np.float64, np.float32]
OVERFLOW = "X or y holds values whose squares overflow float64. Rescale them."


def check_data(
    estimator: BaseEstimator, X: Any, y: Any, *, reset: bool = True, finite: bool = True
) -> tuple[Any, NDArray]:
    """Return X (n, p), an array or CSC, and y (n,) or (n, targets); note the features if `reset`.

    Without `finite`, NaN and infinity in X are left to be found by `check_finite`.
    """
    if np.ma.MaskedArray in (type(X), type(y)):
        refuse_masked(X=X, y=y)
    kind = getattr(getattr(y, "dtype", None), "kind", "")
    if kind in ("m", "M") and np.any(y != y):  # the conversion would make -2^63 of a missing time
        raise ValueError("Input y contains NaT.")
    # Sums that overflow, in looking for NaN, warn otherwise.
    with without_dispatch(), np.errstate(invalid="ignore"):
        X, y = validate_data(
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
    if sparse.issparse(y):
        raise TypeError("Sparse y is not supported; use y.toarray().")
    if X.dtype not in FLOATS:  # a sparse dataframe
        X = check_array(X, accept_sparse="csc", dtype=FLOATS, input_name="X")
    # scikit-learn looks for NaN before it makes numbers of objects: None and "nan" become NaN then.
    if y.dtype not in FLOATS or not np.isfinite(y.sum()):
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    return X, y


def check_features(estimator: BaseEstimator, X: Any) -> Any:
    """Return X (n, p) for a prediction, an array, CSR or CSC, with the features of the fit."""
    refuse_masked(X=X)
    with without_dispatch():
        X = validate_data(estimator, X, accept_sparse=["csr", "csc"], dtype=FLOATS, reset=False)
    if X.dtype not in FLOATS:  # a sparse dataframe
        X = check_array(X, accept_sparse=["csr", "csc"], dtype=FLOATS, input_name="X")
    return X


def without_dispatch() -> AbstractContextManager:
    """Return a context in which scikit-learn makes NumPy arrays of those of other libraries.

    They are what the solvers and the scores need, also where a user has enabled the dispatch.
    """
    if get_config()["array_api_dispatch"]:
        return config_context(array_api_dispatch=False)
    return nullcontext()


def check_finite(X: Any) -> None:
    """Raise the ValueError for NaN or infinity in X (n, p)."""
    check_array(X, accept_sparse=True, dtype=FLOATS, input_name="X")


def raise_not_finite(X: Any) -> NoReturn:
    """Raise the ValueError for moments of X (n, p) and a finite y that are not finite."""
    check_finite(X)
    raise ValueError(OVERFLOW)


def check_fit_weights(sample_weight: Any, X: Any) -> NDArray | None:
    """Return the row weights (n,) of a fit in float64, or None if all rows weigh the same."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        if not 0 < float(sample_weight) < np.inf:
            raise ValueError(f"sample_weight must be positive and finite; got {sample_weight}.")
        return None
    weights = check_weights(sample_weight, X.shape[0])
    if weights is not None and not np.any(weights > 0):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def check_weights(sample_weight: Any, n_rows: int) -> NDArray | None:
    """Return the nonnegative row weights (n,) in float64, or None if none were given."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, sample_weight, dtype=np.float64)
    weights = as_floats(sample_weight, "sample_weight")
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    if np.any(weights < 0):
        raise ValueError("Negative values in data passed to `sample_weight`.")
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError("The sum of sample_weight overflows float64. Rescale the weights.")
    return weights


def as_floats(values: Any, name: str, **options: Any) -> NDArray:
    """Return `values` (...) as an array of float64; `options` are those of `check_array`."""
    refuse_masked(**{name: values})
    try:
        with without_dispatch():
            return check_array(
                values, dtype=np.float64, ensure_2d=False, input_name=name, **options
            )
    except (TypeError, ValueError, OverflowError) as error:
        if name in str(error):
            raise
        raise ValueError(f"{name} must be an array of numbers: {error}") from error


def refuse_masked(**arrays: Any) -> None:
    """Raise ValueError for an array with masked entries, which scikit-learn would lay bare."""
    for name, values in arrays.items():
        if np.ma.is_masked(values):
            raise ValueError(f"{name} has masked entries. Impute them, or leave their rows out.")


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say in which part of the data a ValueError or TypeError arose."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{where}: {error}") from error
