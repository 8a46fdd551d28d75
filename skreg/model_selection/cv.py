"""From data to the scores of a grid: what the three cross-validating estimators share.

The values are scored by folds, by leaving one row out or by a criterion; on rows, or, where these
are elsewhere, on the moments of folds. What comes of the scores is in `search.py`.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ..linear.base import (
    SHARED_CONSTRAINTS,
    unchanged_on_error,
)
from ..problem import dask_partitions as partitions
from ..problem.design import RowDesign
from ..problem.moments import Moments
from ..problem.protocol import Problem
from ..problem.validation import OVERFLOW
from ..solvers.table import LARGE_SIDE
from .callbacks import CallbackSupportMixin, FoldProgress, NoContext
from .choosing import SELECTIONS
from .criteria import by_gcv
from .cv_moments import checked_moments, folds_of_partitions
from .folds import (
    Data,
    Fold,
    FoldProblem,
    checked_folds,
    fold_problems,
    reduced,
    without_each,
)
from .path_problem import PathProblem
from .scores import FoldScores, Scorer, Scores, by_leaving_one_out
from .search import BaseSearch, Search

N_FOLDS = 5  # where cv=None means folds, as in scikit-learn
GRID: list = [Interval(Integral, 1, None, closed="left"), "array-like"]
CV_CONSTRAINTS: dict[str, list] = {
    **{
        name: SHARED_CONSTRAINTS[name]
        for name in (
            "fit_intercept",
            "positive",
            "penalty_weights",
            "standardize",
            "max_iter",
            "tol",
            "verbose",
        )
    },
    "eps": [Interval(Real, 0, 1, closed="neither")],
    "cv": ["cv_object"],
    "selection": [StrOptions(set(SELECTIONS))],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "n_jobs": [Integral, None],
}


class BaseCV(CallbackSupportMixin, BaseSearch):
    """Choose the strength by scores: on folds, on rows left out, or by a criterion.

    A subclass says whether its penalty is quadratic, and may score by a criterion.
    """

    criterion: str | None = None  # of an estimator that has none

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
            if not isinstance(X, np.ndarray) and partitions.is_collection(X):
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
            self.__dict__.pop("feature_names_in_", None)
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
    def _is_quadratic(self) -> bool:
        """Whether the penalty is quadratic: leaving one out has a closed form."""
        raise NotImplementedError

    def _by_criterion(self, search: Search, design: RowDesign) -> Scores:
        """Return the scores of the values by `criterion`, which is "gcv" for quadratic ones."""
        return by_gcv(search.path, design, search.values)

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
        problem: Problem = reduced(design) if whole is None else whole
        if not np.all(np.isfinite(problem.column_norms2)):
            raise ValueError(OVERFLOW)
        path = PathProblem(model, problem)
        on_rows = path.posed_on(design)
        search = self._search(path, on_rows, data.X.dtype)
        scorer = None
        if self.scoring is not None:
            by = check_scoring(self, scoring=self.scoring)
            scorer = Scorer.of(by, routed["scorer"], len(data.y))

        if folds:
            self._choose_by_folds(search, FoldScores(path, problems, scorer, self.n_jobs), context)
            return

        def score(values: NDArray) -> Scores:
            """Return the scores of values (m,)."""
            if self.criterion is None:
                return by_leaving_one_out(path, design, data, values, scorer)
            return self._by_criterion(replace(search, values=values), design)

        self._finish(search, score(search.values), score)

    def _choose_by_folds(self, search: Search, folds: FoldScores, context: Any) -> None:
        """Choose by the scores on folds, and fit."""
        progress = FoldProgress(self, context, len(folds.folds), self.verbose)
        self._finish(search, folds.score(search.values, progress), folds.score)

    def _fit_moments(self, folds: list[Moments], context: Any) -> None:
        """Choose and fit from the moments of folds."""
        model, whole = self._model(), sum(folds[1:], folds[0])
        if whole.feature_names is not None:
            self.feature_names_in_ = whole.feature_names
        path = PathProblem(model, whole.problem(self.fit_intercept))
        search = self._search(path, path, whole.dtype)
        problems = []
        for train, test in zip(without_each(folds, 0), folds, strict=True):
            problems.append(FoldProblem(train.problem(self.fit_intercept), test.problem(True)))
        self._choose_by_folds(search, FoldScores(path, problems), context)

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
