"""Choosing the strength: what the three cross-validating estimators share.

The values of the grid are scored, by folds, by leaving one row out or by a criterion; one of them
is chosen by its score; and the regressor fitted with it on all the data, certified there. The
estimator is composed with its regressor, which alone states the problem.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from . import _grid
from ._base import SHARED_CONSTRAINTS, BaseRegularized, LinearPredictor, unchanged_on_error
from ._callbacks import CallbackSupportMixin, Watch
from ._family import Family
from ._folds import Data, Fold, SharingRows, TrainingViews, checked_folds
from ._rows import Rows
from ._scores import Scorer, Scores, by_folds, by_leaving_one_out
from ._selection import SELECTIONS
from ._solution import Solution, levels_to_the_user
from .solvers.ridge import LARGE_SIDE

N_FOLDS = 5  # where cv=None means folds, as in scikit-learn
GRID: list = [Interval(Integral, 1, None, closed="left"), "array-like"]
CV_CONSTRAINTS: dict[str, list] = {
    **{
        name: SHARED_CONSTRAINTS[name]
        for name in ("fit_intercept", "positive", "penalty_weights", "max_iter", "tol", "verbose")
    },
    "eps": [Interval(Real, 0, 1, closed="neither")],
    "cv": ["cv_object"],
    "selection": [StrOptions(set(SELECTIONS))],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "n_jobs": [Integral, None],
}


@dataclass(frozen=True)
class Search:
    """The data, its folds, the problem of `model` on all of it, and the path along the values.

    `on_data` poses the problem on the rows, `family` on what the path was solved on.
    """

    model: BaseRegularized
    data: Data
    rows: SharingRows
    views: TrainingViews
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


class BaseCV(CallbackSupportMixin, LinearPredictor):
    """Choose the strength of `_regressor` from the grid that the parameter `_grid_parameter` gives.

    A subclass says whether its penalty is quadratic, and may score by a criterion.
    """

    _regressor: ClassVar[type[BaseRegularized]]
    _grid_parameter: ClassVar[str]
    criterion: str | None = None  # where an estimator has none

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose the strength and fit the model with it.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The design. float64 and float32 are kept, everything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets, which share one strength.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights, in the fits and in the scores of the folds. None weighs all
            alike.
        **params : dict
            Passed to the splitter and the scorer, such as `groups`. Only with scikit-learn's
            metadata routing enabled.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For NaN or infinite values, shapes that do not agree, weights that are negative or all
            zero (also within a fold), and parameters that do not go together.

        Warns
        -----
        UserWarning
            If the chosen value is the first or the last of a grid that could go on.
        ConvergenceWarning
            If the duality gap of a fit is above `tol`.
        """
        context = self._init_callback_context(max_subtasks=1)
        with unchanged_on_error(self):
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            self._check_parameters()
            X, y, weights = self._check_data(X, y, sample_weight)
            routed = self._route(weights, params)
            self._forget()
            search = self._search(X, y, weights, routed["splitter"])
            scores = self._scores(search, self._scorer(routed["scorer"], len(y)), context)
            index = self._choose(search, scores)
            gap = self._refit(search, index, X.dtype)
            self._warn_of_gap(max(gap, scores.gap))
            self._warn_at_edge(search, index)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return self

    def get_metadata_routing(self):
        """Return how metadata such as `groups` reaches the splitter and the scorer.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
            The routing of `fit`.
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        splits = MethodMapping().add(caller="fit", callee="split")
        router.add(splitter=self._splitter(), method_mapping=splits)
        if self.scoring is not None:
            scores = MethodMapping().add(caller="fit", callee="score")
            scorer = check_scoring(self, scoring=self.scoring)
            router.add(scorer=scorer, method_mapping=scores)
        return router

    @property
    def _is_quadratic(self) -> bool:
        """Whether the penalty is quadratic: leaving one out has a closed form."""
        raise NotImplementedError

    def _by_criterion(self, search: Search) -> Scores:
        """Return the scores of the values by `criterion`."""
        raise NotImplementedError

    @property
    def _leaves_one_out(self) -> bool:
        """Whether rows are left out one by one, in closed form."""
        return self.criterion is None and self.cv is None and self._is_quadratic

    def _check_parameters(self) -> None:
        """Raise ValueError for parameters that do not go together."""
        if self.criterion is not None and not (
            self.cv is None and self.scoring is None and self.selection == "min"
        ):
            raise ValueError(
                f"criterion={self.criterion!r} chooses without folds and scores: it needs "
                "cv=None, scoring=None and selection='min'."
            )
        if self.selection == "1se" and self._leaves_one_out and self.scoring is not None:
            raise ValueError(
                "selection='1se' needs the standard error of the score, which leaving one out "
                "(cv=None) does not have with `scoring`. Use scoring=None, or folds such as cv=5."
            )

    def _route(self, weights: NDArray | None, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the metadata for the splitter and for the scorer; weights are (n,)."""
        extra = set(params)
        if weights is not None:
            params = {**params, "sample_weight": weights}
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            scored = routed.scorer.score if self.scoring is not None else {}
            return {"splitter": routed.splitter.split, "scorer": scored}
        if extra:
            raise ValueError(
                f"Passing extra keyword arguments to {type(self).__name__}.fit is only supported "
                "if enable_metadata_routing=True, which you can set using `sklearn.set_config`. "
                f"Extra parameters passed are: {extra}"
            )
        return {"splitter": {}, "scorer": params}

    def _splitter(self) -> Any:
        """Return the splitter of the folds."""
        return check_cv(N_FOLDS if self.cv is None else self.cv)

    def _scorer(self, params: dict[str, Any], n: int) -> Scorer | None:
        """Return the user's scorer for n rows, or None."""
        if self.scoring is None:
            return None
        return Scorer(check_scoring(self, scoring=self.scoring), params, n)

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
        return _grid.checked(_grid.AXES[parameter], given, self._grid_parameter)

    def _folds(self, X: Any, data: Data, params: dict[str, Any]) -> list[Fold]:
        """Return the folds, none where there is a closed form or a criterion."""
        if self.criterion is None and not self._leaves_one_out:
            return checked_folds(self._splitter().split(X, data.y, **params), data)
        if self._leaves_one_out and data.n_counted < 2:
            raise ValueError(
                "Leaving one out needs two rows of positive weight; got n_samples=1. Use `cv`."
            )
        if self._is_quadratic and data.is_large_and_sparse:
            raise ValueError(
                f"A closed form takes a dense matrix of the smaller side of X, {data.X.shape}; for "
                f"sparse X it may be {LARGE_SIDE}. Use folds, such as cv=5."
            )
        return []

    def _search(self, X: Any, y: NDArray, weights: NDArray | None, params: dict) -> Search:
        """Return the grid, the folds, and the path of all data along the grid."""
        values, model = self._given_values(), self._model()
        rows = Rows.from_data(X, y, weights, self.fit_intercept)
        data = Data.of(X, y, weights, rows)
        views = TrainingViews(data, rows, self._folds(X, data, params))
        family = Family(model, views.whole)
        on_data = Family(model, views.rows, views.whole) if views.uses_moments else family
        if values is None:
            values = family.grid(getattr(self, self._grid_parameter), self.eps)
        path = list(family.certified(values, lambda: on_data))
        return Search(model, data, views.rows, views, on_data, family, values, path)

    def _scores(self, search: Search, scorer: Scorer | None, context: Any) -> Scores:
        """Return the scores of the values."""
        if self.criterion is not None:
            return self._by_criterion(search)
        data, values = search.data, search.values
        if self._leaves_one_out:
            path = search.coefs, search.intercepts
            return by_leaving_one_out(search.family, data, search.rows, values, scorer, path)
        watch = Watch(self, context, len(search.views.folds), self.verbose)
        return by_folds(search.model, search.views, values, scorer, self.n_jobs, watch)

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
        self.coef_ = solution.coef.astype(dtype)
        self.intercept_ = dtype.type(search.rows.intercept(solution.coef))
        self.coef_path_ = search.coefs.astype(dtype)
        self.intercept_path_ = search.intercepts.astype(dtype)
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
