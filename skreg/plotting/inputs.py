"""What the displays check of their arguments, and what they read off estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from ..model_selection.cv import BaseCV
from ..model_selection.grids import PARAMETERS
from ..model_selection.path import RegularizationPath


def check_strengths(
    parameter: str, values: ArrayLike, chosen: Mapping[str, float] | None
) -> tuple[NDArray, NDArray]:
    """Return the values (m,) from strong to weak, and the order (m,) that sorts them."""
    if parameter not in PARAMETERS:
        raise ValueError(f"parameter must be one of {list(PARAMETERS)}; got {parameter!r}.")
    PARAMETERS[parameter].checked(values, "values")
    if chosen:
        PARAMETERS[parameter].checked(list(chosen.values()), "chosen")
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    return values[order], order


def check_features(features: int | str | Sequence[int | str], names: list[str]) -> list[int]:
    """Return the columns of features given by column or by name, each once."""
    columns: dict[int, None] = {}
    for feature in [features] if isinstance(features, str | Integral) else features:
        column = names.index(feature) if feature in names else feature
        if column not in range(len(names)):
            raise ValueError(
                f"features contains {feature!r}, which is neither a feature's name nor a column "
                f"from 0 to {len(names) - 1}."
            )
        columns[column] = None
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


def path_of(cv: BaseCV) -> RegularizationPath:
    """Return the path of a fitted search, which keeps no gaps and no iterations: they are NaN."""
    check_is_fitted(cv)
    values = getattr(cv, f"{cv._grid_parameter}_")
    unknown, names = np.full(len(values), np.nan), getattr(cv, "feature_names_in_", None)
    coefs, intercepts = cv.coef_path_, cv.intercept_path_
    parameter = cv._regressor._path_parameter
    return RegularizationPath(parameter, values, coefs, intercepts, unknown, unknown, names)


def chosen_by(cv: BaseCV, target: int | None) -> dict[str, float]:
    """Return the strengths that a fitted search chose, by name.

    Those that were chosen for each target are left out if `target` is None.
    """
    grid = cv._grid_parameter[:-1]
    best = "best" if hasattr(cv, "score_path_") else "min"
    attributes = {best: f"{grid}_min_", "1-SE": f"{grid}_1se_"}
    if cv.criterion is not None:
        attributes = {cv.criterion.upper(): f"{cv._regressor._path_parameter}_"}
    chosen = {}
    for name, attribute in attributes.items():
        values = np.ravel(getattr(cv, attribute, []))  # one, or one for each target
        if len(values) == 1 or (len(values) and target is not None):
            chosen[name] = float(values[min(target or 0, len(values) - 1)])
    return chosen
