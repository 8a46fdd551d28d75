"""What the displays ask of their arguments, and read off estimators, before they draw."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..linear.base import BaseRegularized
from ..model_selection import grids
from ..model_selection.cv import BaseCV
from ..model_selection.path import regularization_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .strength_axis import StrengthScale


def require_matplotlib(caller: str) -> None:
    """Raise ImportError, in scikit-learn's words, where there is no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install matplotlib with "
            "`pip install matplotlib`"
        ) from error


def start_axes(ax: Axes | None, parameter: str, values: NDArray) -> tuple[Axes, StrengthScale]:
    """Return the axes given, or new ones, with the strengths of all values (m,) along x."""
    from .strength_axis import StrengthScale, draw_strengths

    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    scale = StrengthScale(parameter, values)
    draw_strengths(ax, scale, parameter)
    return ax, scale


def draw_nonzeros(ax: Axes, scale: StrengthScale, values: NDArray, counts: NDArray) -> Axes | None:
    """Write the numbers of nonzero coefficients (m,) above `ax`, unless all are the same."""
    from .strength_axis import draw_counts

    if np.ptp(counts) == 0:
        return None
    return draw_counts(ax, scale, values, counts, "Number of nonzero coefficients")


def check_values(parameter: str, values: Any) -> tuple[NDArray, NDArray]:
    """Return values (m,), the strongest first, and the order (m,) that made them so."""
    if parameter not in grids.AXES:
        raise ValueError(f"parameter must be one of {list(grids.AXES)}; got {parameter!r}.")
    grids.checked(grids.AXES[parameter], values, "values")
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    return values[order], order


def check_chosen(parameter: str, chosen: Any) -> dict[str, float]:
    """Return the values to mark by their names."""
    if chosen is None:
        return {}
    if not isinstance(chosen, Mapping):
        raise TypeError(f"chosen must be an instance of dict, not {type(chosen).__name__}.")
    if chosen:
        grids.checked(grids.AXES[parameter], list(chosen.values()), "chosen")
    return {str(name): float(value) for name, value in chosen.items()}


def check_names(names: Any, n_features: int) -> list[str]:
    """Return a name for each of the features."""
    if names is None:
        return [f"x{feature}" for feature in range(n_features)]
    names = np.asarray(names)
    if names.shape != (n_features,):
        raise ValueError(f"feature_names has shape {names.shape}; expected ({n_features},).")
    return [str(name) for name in names]


def check_features(features: Any, names: list[str]) -> NDArray:
    """Return the columns of features given by column or by name, each once."""
    columns: dict[int, None] = {}
    for feature in features:
        if feature in names:
            feature = names.index(feature)
        if not isinstance(feature, Integral) or not 0 <= feature < len(names):
            raise ValueError(
                f"features contains {feature!r}, which is neither a feature's name nor a column "
                f"from 0 to {len(names) - 1}."
            )
        columns[int(feature)] = None
    return np.array(list(columns), dtype=int)


class PathData(NamedTuple):
    """What there is to draw: strengths (m,), coefficients (m, [targets,] p), names, marks."""

    parameter: str
    values: NDArray
    coefs: NDArray
    names: NDArray | None
    chosen: dict[str, float]


def last_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, or any other estimator as it is."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def is_cv(estimator: Any) -> bool:
    """Return whether an estimator is, or ends in, a cross-validated one of this package."""
    return isinstance(last_step(estimator), BaseCV)


def fitted_cv(estimator: Any) -> BaseCV:
    """Return the fitted cross-validated estimator that an estimator is or ends in."""
    cv = last_step(estimator)
    if not is_cv(cv):
        raise TypeError(
            "estimator must be an L1RegressorCV, L2RegressorCV or DropoutRegressorCV, or a "
            f"Pipeline that ends in one, not {type(cv).__name__}."
        )
    check_is_fitted(cv)
    return cv


def grid(cv: BaseCV) -> tuple[str, NDArray]:
    """Return the parameter that a cross-validated estimator chose, and the values (m,) it tried."""
    return cv._regressor._path_parameter, getattr(cv, f"{cv._grid_parameter}_")


def choices(cv: BaseCV) -> dict[str, float]:
    """Return the values that a cross-validated estimator chose, each by what it is called."""
    if hasattr(cv, "criterion_path_"):
        return {cv.criterion.upper(): getattr(cv, f"{cv._regressor._path_parameter}_")}
    stem = cv._grid_parameter.removesuffix("s")
    least = "best" if hasattr(cv, "score_path_") else "min"
    names = {least: f"{stem}_min_", "1-SE": f"{stem}_1se_"}
    return {name: getattr(cv, own) for name, own in names.items() if hasattr(cv, own)}


def path_of_cv(estimator: Any) -> PathData:
    """Return the path of a fitted cross-validated estimator, with the values it chose."""
    cv = fitted_cv(estimator)
    names = _names_passed_on(estimator, getattr(cv, "feature_names_in_", None))
    return PathData(*grid(cv), cv.coef_path_, names, choices(cv))


def path_of_regressor(estimator: Any, X: Any, y: Any, **options: Any) -> PathData:
    """Return the path of a regressor on X and y, with its own strength where that is on it."""
    model = last_step(estimator)
    if not isinstance(model, BaseRegularized):
        raise TypeError(
            "estimator must be one of skreg's regressors, or a Pipeline that ends in one, not "
            f"{type(model).__name__}."
        )
    if X is None or y is None:
        raise ValueError(f"X and y are needed to compute the path of {type(model).__name__}.")
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    path = regularization_path(model, X, y, **options)
    own = getattr(model, path.parameter)
    on_path = np.ndim(own) == 0 and path.values.min() <= own <= path.values.max()
    names = _names_passed_on(estimator, path.feature_names)
    return PathData(
        path.parameter, path.values, path.coefs, names, {f"{own:.3g}": own} if on_path else {}
    )


def _names_passed_on(estimator: Any, own: NDArray | None) -> NDArray | None:
    """Return the names that the steps of a pipeline give its last one, or those it has seen."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return own
    try:
        return estimator[:-1].get_feature_names_out()
    except AttributeError:  # a step does not say what it makes
        return own
