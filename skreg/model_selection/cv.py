"""Choosing the strength by scores: what the three cross-validating estimators share.

The values of a grid are scored by folds, by leaving one row out or by a criterion; one of them is
chosen, and the regressor fitted with it to all the data is certified there. The estimator is
composed with its regressor, which alone states the problem.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from .._solution import Solution, levels_to_the_user
from ..linear.base import (
    SHARED_CONSTRAINTS,
    BaseRegularized,
    LinearPredictor,
    cast,
    unchanged_on_error,
)
from ..problem import dask_partitions as partitions
from ..problem.design import RowDesign
from ..problem.gram import intercept_of
from ..problem.moments import Moments
from ..problem.protocol import Problem
from ..problem.validation import OVERFLOW
from ..solvers.table import LARGE_SIDE
from .callbacks import CallbackSupportMixin, FoldProgress, NoContext
from .choosing import SELECTIONS, is_better
from .cv_moments import checked_moments, folds_of_partitions
from .folds import (
    MOMENTS_SIDE,
    Data,
    Fold,
    FoldProblem,
    checked_folds,
    fold_problems,
    without_each,
)
from .path_problem import PathProblem
from .scores import Scorer, Scores, by_folds, by_leaving_one_out

N_FOLDS = 5  # where cv=None means folds, as in scikit-learn
BEYOND = np.array([10.0, 1000.0])  # ratios to the end of a grid at which more is looked for
ROUGHLY = 1e-4  # a tolerance of fits whose losses are only compared with a standard error
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
    """The problem along the grid `values` (m,) as it is solved, and on the rows if there are any.

    `dtype` is the float type of X, which the coefficients take.
    """

    path: PathProblem
    on_rows: PathProblem
    values: NDArray
    dtype: Any


class BaseCV(CallbackSupportMixin, LinearPredictor):
    """Choose the strength of `_regressor` from the grid that `_grid_parameter` names.

    A subclass says whether its penalty is quadratic, and may score by a criterion.
    """

    _regressor: ClassVar[type[BaseRegularized]]
    _grid_parameter: ClassVar[str]
    criterion: str | None = None  # of an estimator that has none
    per_target: bool = False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose the strength and fit the model with it.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design. float64 and float32 are kept, everything else becomes float64. Dask
            collections are read once, for the moments of all folds: `cv` must be an integer, or
            None for 5, and the folds are consecutive rows (whole partitions of a dataframe).
        y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_targets)
            The targets, which share one strength unless `per_target`.
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
            If the chosen value is the first or the last of the grid, and of those 10 and 1000 times
            beyond it one is better by more than a standard error.
        ConvergenceWarning
            If the duality gap of a fit is above `tol`.
        """
        context = self._init_callback_context(max_subtasks=1)
        with unchanged_on_error(self):
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            self._check_parameters()
            if partitions.is_collection(X):
                partitions.check_header(self, X, y, reset=True)
                n_folds = self._check_for_moments("Dask collections", params)
                folds = folds_of_partitions(X, y, sample_weight, n_folds)
                self._fit_moments(folds, context)
            else:
                X, y, weights = self._check_data(X, y, sample_weight)
                routed = self._route(weights, params)
                data = Data(X, y, weights, RowDesign.from_data(X, y, weights, self.fit_intercept))
                with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
                    self._fit_rows(data, routed, context)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_moments(self, moments):
        """Choose the strength from the moments of folds, and fit the model to those of all.

        Each fold is scored by the model of all the others: the moments of folds of rows, in the
        order of the folds, choose as those rows would.

        Parameters
        ----------
        moments : sequence of Moments
            Those of each fold, two or more.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `moments` are not a sequence of `Moments`.
        ValueError
            For fewer than two folds, folds without weight or of other features, and for `scoring`
            and `criterion`, which need rows.

        Warns
        -----
        UserWarning, ConvergenceWarning
            As `fit`.
        """
        with unchanged_on_error(self):
            self._check_parameters()
            n_folds = self._check_for_moments("moments", {})
            folds = checked_moments(moments)
            if self.cv is not None and n_folds != len(folds):
                raise ValueError(
                    f"cv={self.cv} does not go with the moments of {len(folds)} folds; the list "
                    "says what the folds are: leave cv at None."
                )
            self.n_features_in_ = folds[0].n_features
            vars(self).pop("feature_names_in_", None)
            self._fit_moments(folds, NoContext())
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
    def coef_path_(self):
        """The coefficients of all data at every value."""
        coefs = self._coef_path.coefs()
        coefs[self._chosen] = self.coef_
        return cast(coefs, self.coef_.dtype, "coefficients")

    @property
    def intercept_path_(self):
        """The intercepts that go with `coef_path_`."""
        coefs = self._coef_path.coefs()
        intercepts = intercept_of(*self._means, coefs, self.fit_intercept)
        intercepts[self._chosen] = self.intercept_
        return cast(intercepts, self.coef_.dtype, "intercepts")

    @property
    def _is_quadratic(self) -> bool:
        """Whether the penalty is quadratic: leaving one out has a closed form."""
        raise NotImplementedError

    def _by_criterion(self, search: Search, design: RowDesign) -> Scores:
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
        if self.criterion == "gcv" and not self._is_quadratic:
            raise ValueError(
                "criterion='gcv' needs a quadratic penalty: it does not support positive=True or "
                "an L1 penalty. Use cv=5."
            )
        if self.per_target and not (
            self._is_quadratic and self.cv is None and self.scoring is None
        ):
            raise ValueError(
                "per_target=True is for closed forms: it needs cv=None, scoring=None, and a "
                "penalty that is quadratic."
            )

    def _check_for_moments(self, what: str, params: dict[str, Any]) -> int:
        """Return the number of folds; raise ValueError for parameters that need rows."""
        refused = {
            "scoring": self.scoring is not None,
            "criterion": self.criterion is not None,
            **dict.fromkeys(params, True),
        }
        for name, is_given in refused.items():
            if is_given:
                raise ValueError(f"`{name}` needs rows in memory; it does not go with {what}.")
        if not (self.cv is None or isinstance(self.cv, Integral)):
            raise ValueError(f"cv must be an integer or None to go with {what}; got {self.cv!r}.")
        return N_FOLDS if self.cv is None else int(self.cv)

    def _fit_rows(self, data: Data, routed: dict[str, dict[str, Any]], context: Any) -> None:
        """Choose and fit from rows."""
        model, design = self._model(), data.whole
        folds = self._folds(data, routed["splitter"])
        problems, whole = fold_problems(folds, data) if folds else ([], None)
        if whole is not None:
            problem: Problem = whole
        elif design.n_features <= min(design.shape[0], MOMENTS_SIDE):
            problem = design.moments()
        else:
            problem = design
        if not np.all(np.isfinite(problem.column_norms2)):
            raise ValueError(OVERFLOW)
        path = PathProblem(model, problem)
        on_rows = path.posed_on(design)
        search = self._search(path, on_rows, data.X.dtype)
        scorer = self._scorer(routed["scorer"], len(data.y))

        def score(values: NDArray, progress: FoldProgress | None = None) -> Scores:
            """Return the scores of values (m,)."""
            if folds:
                parts, estimator = problems, model
                if progress is None:  # what lies beyond the grid is only looked at
                    estimator = _roughly(model)
                    parts = (
                        problems if isinstance(problems, list) else fold_problems(folds, data)[0]
                    )
                return by_folds(estimator, parts, values, scorer, self.n_jobs, progress)
            if self.criterion is None:
                return by_leaving_one_out(path, design, data, values, scorer)
            return self._by_criterion(replace(search, values=values), design)

        progress = FoldProgress(self, context, len(folds), self.verbose) if folds else None
        self._finish(search, score(search.values, progress), score)

    def _fit_moments(self, folds: list[Moments], context: Any) -> None:
        """Choose and fit from the moments of folds."""
        model, whole = self._model(), sum(folds[1:], folds[0])
        if whole.feature_names is not None:
            self.feature_names_in_ = whole.feature_names
        path = PathProblem(model, whole.problem(self.fit_intercept))
        search = self._search(path, path, whole.dtype)

        def score(values: NDArray, progress: FoldProgress | None = None) -> Scores:
            """Return the scores of values (m,)."""
            intercept = self.fit_intercept
            parts = (
                FoldProblem(train.problem(intercept), test.problem(True))
                for train, test in zip(without_each(folds, 0), folds, strict=True)
            )
            estimator = _roughly(model) if progress is None else model
            return by_folds(estimator, parts, values, None, None, progress)

        progress = FoldProgress(self, context, len(folds), self.verbose)
        self._finish(search, score(search.values, progress), score)

    def _search(self, path: PathProblem, on_rows: PathProblem, dtype: Any) -> Search:
        """Return the problem with its grid, the user's or an automatic one."""
        given = getattr(self, self._grid_parameter)
        if isinstance(given, Integral):
            values = path.grid(given, self.eps)
        else:
            values = path.parameter.checked(given, self._grid_parameter)
        return Search(path, on_rows, values, dtype)

    def _model(self) -> BaseRegularized:
        """Return the regressor, at whichever strength."""
        own = self.get_params(deep=False)
        names = self._regressor().get_params(deep=False).keys() & own.keys() - {"verbose"}
        return self._regressor(**{name: own[name] for name in names})

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
        return Scorer.of(check_scoring(self, scoring=self.scoring), params, n)

    def _folds(self, data: Data, params: dict[str, Any]) -> list[Fold]:
        """Return the folds, none where there is a closed form or a criterion."""
        if self.criterion is None and not self._leaves_one_out:
            return checked_folds(self._splitter().split(data.X, data.y, **params), data)
        if self._leaves_one_out and np.count_nonzero(data.counted) < 2:
            raise ValueError(
                "Leaving one out needs two rows of positive weight; got n_samples=1. Use `cv`."
            )
        if self._is_quadratic and issparse(data.X) and min(data.X.shape) > LARGE_SIDE:
            raise ValueError(
                f"A closed form takes a dense matrix of the smaller side of X, {data.X.shape}; for "
                f"sparse X it may be {LARGE_SIDE}. Use folds, such as cv=5."
            )
        return []

    def _finish(self, search: Search, scores: Scores, score: Callable[..., Scores]) -> None:
        """Choose, fit the model at the chosen value, and warn of what the user should know."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            if name not in ("n_features_in_", "feature_names_in_"):
                delattr(self, name)  # not every fit sets the same attributes
        index = self._choose(search, scores)
        gap = self._refit(search, index)
        self._warn_of_gap(max(gap, scores.attributes.get("max_fold_gap_", 0.0)))
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
        vars(self).update(found)
        return chosen[self.selection]

    def _refit(self, search: Search, index: NDArray) -> float:
        """Set the model at the value of an index (...), certified on the data.

        Return the largest relative gap of the path.
        """
        path, rows = search.path, search.on_rows
        self._coef_path, gap = path.held(search.values, lambda: rows)
        coef = np.zeros(path.problem.coef_shape)
        dual_gap, n_iter = np.zeros(coef.shape[:-1]), 0
        for k in np.unique(index):
            solution = self._certified(search, k)
            mine = np.broadcast_to(index == k, dual_gap.shape)
            coef[mine], dual_gap[mine] = solution.coef[mine], solution.dual_gap[mine]
            n_iter = max(n_iter, solution.n_iter)
            self.solver_ = solution.solver
        self.coef_ = cast(coef, search.dtype, "coefficients")
        self.intercept_ = cast(rows.problem.intercept(coef), search.dtype, "intercept")[()]
        self.dual_gap_, self.n_iter_ = dual_gap[()], n_iter
        several = (np.arange(len(dual_gap)),) if index.ndim else ()
        self._chosen = (index, *several)
        self._means = rows.problem.mean, rows.problem.target_mean
        return max(gap, Solution(coef, dual_gap, 1).relative_gap(rows.problem.target_norm2))

    def _certified(self, search: Search, k: int) -> Solution:
        """Return the solution at value number k, certified on the data."""
        path, rows, value = search.path, search.on_rows, search.values[k]
        solution = path.trace(search.values[k : k + 1], lambda: rows)[0]
        gap = rows.gaps(search.values[k : k + 1], solution.coef[None])[0]
        # Without a penalty the answer is one of minimum norm, to which the gap is blind.
        if value > 0 and np.all(gap <= self.tol * 0.5 * rows.problem.target_norm2):
            return replace(solution, dual_gap=gap)
        return rows.trace(search.values[k : k + 1])[0]

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

    def _warn_at_edge(
        self, search: Search, scores: Scores, index: int, score: Callable[..., Scores]
    ) -> None:
        """Warn if the chosen value is at an end of the grid, and a value beyond it is better."""
        values, parameter = search.values, search.path.parameter
        name = self._regressor._path_parameter
        at_top = index == 0 and np.any(self.coef_)
        at_bottom = index == len(values) - 1 and values[-1] > 0
        if len(values) == 1 or not (at_top or at_bottom):
            return
        factors = 1.0 / BEYOND if at_bottom else BEYOND[::-1]
        with np.errstate(over="ignore"):
            ts = parameter.strength(values[index]) * factors
        beyond = parameter.value(ts[np.isfinite(ts)])
        if not is_better(scores.loss, scores.se, index, score(beyond).loss):
            return
        end, further = ("smallest", "smaller") if at_bottom else ("largest", "larger")
        remedy = f"Give {further} values in `{self._grid_parameter}`."
        if at_bottom and isinstance(getattr(self, self._grid_parameter), Integral):
            remedy = "Use a smaller `eps`."
        warnings.warn(
            f"The chosen {name}={values[index]:.3g} is the {end} of the grid, and beyond it "
            f"there are better ones. {remedy}",
            UserWarning,
            stacklevel=levels_to_the_user(),
        )


def _roughly(model: BaseRegularized) -> BaseRegularized:
    """Return the model with a tolerance that tells losses apart, and no more."""
    return clone(model).set_params(tol=max(model.tol, ROUGHLY))


def _each_target(select: Callable[..., int], loss: NDArray, se: NDArray) -> NDArray:
    """Return the indices (...) that `select` takes for losses and standard errors (m, ...)."""
    index = np.empty(loss.shape[1:], dtype=np.intp)
    for k in np.ndindex(index.shape):
        index[k] = select(loss[(slice(None), *k)], se[(slice(None), *k)])
    return index
