"""What the displays check of their arguments, and what they read off estimators."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from ..model_selection.cv import BaseCV

SCALES = {"l1_lambda": "log", "l2_lambda": "log", "dropout_rate": "logit"}
"""The parameters of paths, and the matplotlib scales of their axes."""


def check_strengths(parameter: str, values: ArrayLike, name: str) -> NDArray:
    """Return values (m,) of the parameter as floats, in the order given."""
    if parameter not in SCALES:
        raise ValueError(f"parameter must be one of {list(SCALES)}; got {parameter!r}.")
    checked = check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
    limit = 1.0 if SCALES[parameter] == "logit" else np.inf
    if checked.ndim != 1 or np.any((checked < 0) | (checked >= limit)):
        raise ValueError(f"{name} must be a 1D array of numbers in [0, {limit:g}).")
    return checked


def check_features(features: int | str | Sequence[int | str], names: list[str]) -> list[int]:
    """Return the columns of features given by column or by name, each once."""
    columns: dict[int, None] = {}
    for feature in [features] if isinstance(features, (str, int, np.integer)) else features:
        column = names.index(str(feature)) if feature in names else feature
        if not isinstance(column, (int, np.integer)) or not 0 <= column < len(names):
            raise ValueError(
                f"features contains {feature!r}, which is neither a feature's name nor a column "
                f"from 0 to {len(names) - 1}."
            )
        columns[int(column)] = None
    return list(columns)


def one_target(
    coefs: NDArray, knots: NDArray | list[NDArray] | None, target: int | None
) -> tuple[NDArray, NDArray | None]:
    """Return the coefficients (m, p) and knots (k,) of a target out of coefs (m, [targets,] p)."""
    coefs = coefs.reshape(len(coefs), -1, coefs.shape[-1])
    last = coefs.shape[1] - 1
    if target is None and last > 0:
        raise ValueError(f"The path is of {last + 1} targets; choose one by `target`, 0 to {last}.")
    target = 0 if target is None else target
    check_scalar(target, "target", Integral, min_val=0, max_val=last)
    return coefs[:, target], knots[target] if isinstance(knots, list) else knots


def split_pipeline(estimator: BaseEstimator) -> tuple[Pipeline | None, BaseEstimator]:
    """Return the steps before the last of a pipeline, if any, and the estimator it ends in."""
    if not isinstance(estimator, Pipeline):
        return None, estimator
    return (estimator[:-1] if len(estimator) > 1 else None), estimator[-1]


def grid_of(cv: BaseCV, target: int | None) -> tuple[str, NDArray, dict[str, float]]:
    """Return the parameter that was chosen, the values (m,) tried, and the chosen ones by name.

    Values that were chosen for each target are left out if `target` is None.
    """
    check_is_fitted(cv)
    parameter, grid = cv._regressor._path_parameter, cv._grid_parameter
    best = "best" if hasattr(cv, "score_path_") else "min"
    attributes = {best: f"{grid[:-1]}_min_", "1-SE": f"{grid[:-1]}_1se_"}
    if cv.criterion is not None:
        attributes = {cv.criterion.upper(): f"{parameter}_"}
    chosen = {}
    for name, own in attributes.items():
        values = np.ravel(getattr(cv, own, []))  # one, or one for each target
        if len(values) == 1 or (len(values) and target is not None):
            chosen[name] = float(values[min(target or 0, len(values) - 1)])
    return parameter, getattr(cv, f"{grid}_"), chosen
