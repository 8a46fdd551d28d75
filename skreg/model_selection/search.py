"""From the scores of a grid to the fitted model: what a search found, and what becomes of it.

One of the values is chosen by its score, and the regressor fitted with it to all the data, and
certified there. The estimator is composed with its regressor, which alone states the problem.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from .._solution import Solution, levels_to_the_user
from ..linear.base import BaseRegularized, LinearPredictor, cast
from ..problem.moments_view import MomentsView
from . import grids
from .choosing import SELECTIONS
from .family import Family
from .folds import Data, SharingRows, TrainingViews
from .scores import Scores


@dataclass(frozen=True)
class Search:
    """The data, its folds, the problem of `model` on all of it, and the path along the values.

    `on_data` poses the problem on the rows, `family` on what the path was solved on. Where there
    are only moments, they are in the rows' place.
    """

    model: BaseRegularized
    data: Data | None
    rows: SharingRows | MomentsView
    views: TrainingViews | None
    on_data: Family
    family: Family
    values: NDArray
    path: list[tuple[Solution, str]]

    @cached_property
    def coefs(self) -> NDArray:
        """The coefficients (m, ..., p)."""
        return np.array([solution.coef for solution, _ in self.path])

    @cached_property
    def intercepts(self) -> NDArray:
        """The intercepts (m, ...)."""
        return self.rows.intercept(self.coefs)


class BaseSearch(LinearPredictor):
    """Choose the strength of `_regressor` from the grid that `_grid_parameter` names."""

    _regressor: ClassVar[type[BaseRegularized]]
    _grid_parameter: ClassVar[str]

    def _finish(self, search: Search, scores: Scores, dtype: Any) -> None:
        """Set what was found, in `dtype`, and warn of what the user should know."""
        self._forget()
        index = self._choose(search, scores)
        gap = self._refit(search, index, dtype)
        self._warn_of_gap(max(gap, scores.gap))
        self._warn_at_edge(search, index)

    def _forget(self) -> None:
        """Delete what an earlier fit chose: not every fit sets the same attributes."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            if name not in ("n_features_in_", "feature_names_in_"):
                delattr(self, name)

    def _model(self) -> BaseRegularized:
        """Return the regressor, at whichever strength."""
        own = self.get_params(deep=False)
        names = self._regressor().get_params(deep=False).keys() & own.keys() - {"verbose"}
        return self._regressor(**{name: own[name] for name in names})

    def _given_values(self) -> NDArray | None:
        """Return the user's grid (m,), descending, or None if it is to be automatic."""
        given, parameter = getattr(self, self._grid_parameter), self._regressor._path_parameter
        if isinstance(given, Integral):
            return None
        return grids.checked(grids.AXES[parameter], given, self._grid_parameter)

    def _choose(self, search: Search, scores: Scores) -> int:
        """Set what the scores say of the values, and return the index of the chosen one."""
        chosen = {"min": SELECTIONS["min"](scores.loss, scores.se)}
        if scores.se is not None:
            chosen["1se"] = SELECTIONS["1se"](scores.loss, scores.se)
        if self.selection not in chosen:
            raise ValueError("selection='1se' needs the standard error of at least two folds.")
        found = {f"{self._grid_parameter}_": search.values, **scores.attributes}
        for selection, index in chosen.items():
            found[f"{self._grid_parameter[:-1]}_{selection}_"] = search.values[index]
        found[f"{self._regressor._path_parameter}_"] = search.values[chosen[self.selection]]
        vars(self).update(found)
        return chosen[self.selection]

    def _refit(self, search: Search, index: int, dtype: Any) -> float:
        """Set the path of all data and the model at one value, certified there.

        Return the largest relative gap.
        """
        value, (solution, name) = search.values[index], search.path[index]
        gap = search.on_data.gaps(search.values[index : index + 1], solution.coef[None])[0]
        solution = replace(solution, dual_gap=gap)
        norm2 = search.rows.target_norm2
        # Without a penalty the answer is one of minimum norm, to which the gap is blind.
        if value == 0 or not solution.is_within(self.tol, norm2):
            solution, name = search.on_data.solve(value, solution.coef)
        self.coef_ = cast(solution.coef, dtype, "coefficients")
        self.intercept_ = cast(search.rows.intercept(solution.coef), dtype, "intercept")[()]
        self.coef_path_ = cast(search.coefs, dtype, "coefficients")
        self.intercept_path_ = cast(search.intercepts, dtype, "intercepts")
        self.coef_path_[index], self.intercept_path_[index] = self.coef_, self.intercept_
        self.dual_gap_ = solution.dual_gap[()]
        self.n_iter_ = solution.n_iter
        self.solver_ = name
        gaps = np.array([other.dual_gap for other, _ in search.path])
        gaps[index] = solution.dual_gap
        return Solution(search.coefs, gaps, 1).relative_gap(norm2)

    def _warn_of_gap(self, gap: float) -> None:
        """Warn if a fit of the folds or of all data did not converge."""
        if gap > self.tol:
            warnings.warn(
                "A fit along the path did not converge: the largest duality gap of them, relative "
                f"to the null model, is {gap:.3g} > tol={self.tol:.3g}. Increase max_iter, or "
                "rescale the columns of X.",
                ConvergenceWarning,
                stacklevel=levels_to_the_user(),
            )

    def _warn_at_edge(self, search: Search, index: int) -> None:
        """Warn if the chosen value is at an end of a grid that could go on there."""
        values, name = search.values, self._regressor._path_parameter
        at_top = index == 0 and search.coefs[0].any()
        at_bottom = index == len(values) - 1 and values[-1] > 0
        if len(values) > 1 and (at_top or at_bottom):
            end, further = ("largest", "larger") if at_top else ("smallest", "smaller")
            remedy = f"Give {further} values in `{self._grid_parameter}`."
            if at_bottom and isinstance(getattr(self, self._grid_parameter), Integral):
                remedy = "Use a smaller `eps`."
            warnings.warn(
                f"The chosen {name}={values[index]:.3g} is the {end} of the grid: what lies beyond "
                f"may be better. {remedy}",
                UserWarning,
                stacklevel=levels_to_the_user(),
            )
