"""From the scores of a grid to the fitted model.

One of the values is chosen by its score, and the regressor fitted with it to all the data, and
certified there. The estimator is composed with its regressor, which alone states the problem.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from .._solution import Solution, levels_to_the_user
from ..linear.base import BaseRegularized, LinearPredictor, cast
from .choosing import SELECTIONS, is_better
from .path_problem import PathProblem, PathSolution
from .scores import Scores

BEYOND = np.array([10.0, 1000.0])  # ratios to the end of a grid at which more is looked for


@dataclass(frozen=True)
class Search:
    """The problem along the grid `values` (m,) as it is solved, and on the rows if there are any.

    `dtype` is the float type of X, which the coefficients take.
    """

    path: PathProblem
    on_rows: PathProblem
    values: NDArray
    dtype: Any


class BaseSearch(LinearPredictor):
    """Choose the strength of `_regressor` from the grid that `_grid_parameter` names."""

    _regressor: ClassVar[type[BaseRegularized]]
    _grid_parameter: ClassVar[str]
    per_target: bool = False  # of an estimator that has no such parameter

    @property
    def coef_path_(self):
        """The coefficients of all data at every value."""
        coefs = self._coef_path.coefs()
        coefs[self._chosen] = self.coef_
        return cast(coefs, self.coef_.dtype, "coefficients")

    @property
    def intercept_path_(self):
        """The intercepts that go with `coef_path_`."""
        coefs = self._coef_path.coefs()
        at_zero, mean = self._intercept_path
        intercepts = at_zero - coefs @ mean
        intercepts[self._chosen] = self.intercept_
        return cast(intercepts, self.coef_.dtype, "intercepts")

    def _search(self, path: PathProblem, on_rows: PathProblem, dtype: Any) -> Search:
        """Return the problem with its grid, the user's or an automatic one."""
        given = getattr(self, self._grid_parameter)
        if isinstance(given, Integral):
            values = path.parameter.grid(path.problem, path.unit, int(given), self.eps)
        else:
            values = path.parameter.checked(given, self._grid_parameter)
        return Search(path, on_rows, values, dtype)

    def _model(self) -> BaseRegularized:
        """Return the regressor, at whichever strength."""
        names = vars(self._regressor()).keys() & vars(self).keys() - {"verbose"}
        return self._regressor(**{name: getattr(self, name) for name in names})

    def _finish(self, search: Search, scores: Scores, score: Callable[..., Scores]) -> None:
        """Choose, fit the model at the chosen value, and warn of what the user should know."""
        for name in list(vars(self)):
            if name.endswith("_") and name not in ("n_features_in_", "feature_names_in_"):
                delattr(self, name)  # not every fit sets the same attributes
        index = self._choose(search, scores)
        gap = self._refit(search, index)
        gap = max(gap, scores.attributes.get("max_fold_gap_", 0.0))
        if gap > self.tol:
            warnings.warn(
                "A fit along the path did not converge: the largest duality gap of them, relative "
                f"to the null model, is {gap:.3g} > tol={self.tol:.3g}. Increase max_iter, or "
                "rescale the columns of X.",
                ConvergenceWarning,
                stacklevel=levels_to_the_user(),
            )
        if "max_fold_gap_" not in scores.attributes:
            self._warn_of_closed_form(search, index)
        if not self.per_target:
            self._warn_at_edge(search, scores, int(index), score)

    def _choose(self, search: Search, scores: Scores) -> NDArray:
        """Set what the scores say of the values; return the index of the chosen one (...)."""
        loss, se = scores.loss, scores.se
        if self.per_target and scores.by_target is not None:
            loss, se = scores.by_target
        chosen = {"min": _each_target(SELECTIONS["min"], loss, loss)}
        if se is not None:
            chosen["1se"] = _each_target(SELECTIONS["1se"], loss, se)
        if self.selection not in chosen:
            raise ValueError("selection='1se' needs the standard error of at least two folds.")
        found = {f"{self._grid_parameter}_": search.values, **scores.attributes}
        for selection, index in chosen.items():
            found[f"{self._grid_parameter[:-1]}_{selection}_"] = search.values[index]
        found[f"{self._regressor._path_parameter}_"] = search.values[chosen[self.selection]]
        for name, value in found.items():
            setattr(self, name, value)
        return chosen[self.selection]

    def _refit(self, search: Search, index: NDArray) -> float:
        """Set the model at the value of an index (...), certified on the data.

        Return the largest relative gap of the path.
        """
        path, rows = search.path, search.on_rows
        self._coef_path, found = path.held(search.values, lambda: rows)
        coef = np.zeros(path.problem.coef_shape)
        dual_gap, n_iter = np.zeros(coef.shape[:-1]), 0
        for k in np.unique(index):
            solution = self._certified(search, k, found)
            mine = np.broadcast_to(index == k, dual_gap.shape)
            coef[mine], dual_gap[mine] = solution.coef[mine], np.asarray(solution.dual_gap)[mine]
            n_iter = max(n_iter, solution.n_iter)
            self.solver_ = solution.solver
        self.coef_ = cast(coef, search.dtype, "coefficients")
        self.intercept_ = cast(rows.problem.intercept(coef), search.dtype, "intercept")[()]
        self.dual_gap_, self.n_iter_ = dual_gap[()], n_iter
        several = (np.arange(len(dual_gap)),) if index.ndim else ()
        self._chosen = (index, *several)
        mean = rows.problem.mean if self.fit_intercept else np.zeros(coef.shape[-1])
        self._intercept_path = rows.problem.intercept(np.zeros_like(coef)), mean
        gap = Solution(coef, dual_gap, 1).relative_gap(rows.problem.target_norm2)
        norm2 = path.problem.target_norm2
        return gap if found is None else max(gap, found.relative_gap(norm2))

    def _certified(self, search: Search, k: int, found: PathSolution | None) -> Solution:
        """Return the solution at value number k, certified on the data."""
        rows, value = search.on_rows, search.values[k]
        if found is None:
            solution = search.path.trace(search.values[k : k + 1], lambda: rows)[0]
        else:
            solution = found[k]
        gap = rows.gaps(search.values[k : k + 1], solution.coef[None])[0]
        # Without a penalty the answer is one of minimum norm, to which the gap is blind.
        if value > 0 and np.all(gap <= self.tol * 0.5 * rows.problem.target_norm2):
            return replace(solution, dual_gap=gap)
        return rows.trace(search.values[k : k + 1])[0]

    def _warn_of_closed_form(self, search: Search, index: NDArray) -> None:
        """Warn if the errors at a chosen value come from factors that have lost its digits."""
        ts, spectrum = search.path.parameter.strength(search.values[index]), search.path.spectrum
        if spectrum is not None and not np.all(spectrum.resolves(np.ravel(ts))):
            warnings.warn(
                "X is too ill-conditioned for the closed form at the chosen value: its error, and "
                f"with it the choice, may be wrong. Use cv=5, or larger `{self._grid_parameter}`.",
                ConvergenceWarning,
                stacklevel=levels_to_the_user(),
            )

    def _warn_at_edge(
        self, search: Search, scores: Scores, index: int, score: Callable[..., Scores]
    ) -> None:
        """Warn if the chosen value is at an end of the grid, and a value beyond it is better."""
        values, parameter = search.values, search.path.parameter
        name = self._regressor._path_parameter
        varying = (search.path.unit.l1 > 0) | (search.path.unit.ridge > 0)
        at_top = index == 0 and np.any(self.coef_[..., varying])
        at_bottom = index == len(values) - 1 and values[-1] > 0
        if len(values) == 1 or not (at_top or at_bottom):
            return
        factors = 1.0 / BEYOND if at_bottom else BEYOND
        with np.errstate(over="ignore"):
            ts = parameter.strength(values[index]) * factors
        beyond = parameter.value(ts[np.isfinite(ts)])
        # The paths of a table go on where they have ended; others begin again, once for both.
        parts = beyond[:, None] if search.path.follows_table else [np.sort(beyond)[::-1]]
        losses = (score(part).loss for part in parts)  # the second only if the first is no help
        if not any(
            is_better(scores.loss, scores.se, index, loss, scores.margin) for loss in losses
        ):
            return
        end, further = ("smallest", "smaller") if at_bottom else ("largest", "larger")
        remedy = f"Give {further} values in `{self._grid_parameter}`."
        if at_bottom and isinstance(getattr(self, self._grid_parameter), Integral):
            remedy = "Use a smaller `eps`" + ", or standardize=True" * (not self.standardize) + "."
        warnings.warn(
            f"The chosen {name}={values[index]:.3g} is the {end} of the grid, and beyond it "
            f"there are better ones. {remedy}",
            UserWarning,
            stacklevel=levels_to_the_user(),
        )


def _each_target(select: Callable[..., int], loss: NDArray, se: NDArray) -> NDArray:
    """Return the indices (...) that `select` takes for losses and standard errors (m, ...)."""
    index = np.empty(loss.shape[1:], dtype=np.intp)
    for k in np.ndindex(index.shape):
        index[k] = select(loss[(slice(None), *k)], se[(slice(None), *k)])
    return index
