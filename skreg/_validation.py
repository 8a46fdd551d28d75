"""Checks of what users pass beyond scikit-learn's: errors that name the argument."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array


def as_floats(values: Any, name: str, **options: Any) -> NDArray:
    """Return `values` (...) as an array of float64; `options` are those of `check_array`."""
    refuse_masked(**{name: values})
    try:
        return check_array(values, dtype=np.float64, ensure_2d=False, input_name=name, **options)
    except (TypeError, ValueError, OverflowError) as error:
        if name in str(error):
            raise
        raise ValueError(f"{name} must be an array of numbers: {error}") from error


def refuse_masked(**arrays: Any) -> None:
    """Raise ValueError for an array with masked entries, which scikit-learn would lay bare."""
    for name, values in arrays.items():
        if np.ma.is_masked(values):
            raise ValueError(f"{name} has masked entries. Impute them, or leave their rows out.")


def refuse_odd_numbers(params: dict[str, Any]) -> None:
    """Raise for numbers among the parameters that float64 cannot hold, such as 10**400."""
    for name, value in params.items():
        if not isinstance(value, Real):
            continue
        if not isinstance(value, int | float | np.number | np.bool_):
            raise TypeError(f"{name} must not be a {type(value).__name__}; got {value!r}.")
        try:
            float(value)
        except OverflowError:
            raise ValueError(f"{name} must be a number that float64 holds.") from None
