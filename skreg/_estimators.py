"""The three public estimators: their parameters, their formulas, their penalties."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from . import solvers
from ._base import SHARED_CONSTRAINTS, STRENGTH, BaseRegularized, per_feature
from ._objective import Penalty, dropout_ridge


class L1Regressor(BaseRegularized):
    _family = "l1"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "l1_lambda": STRENGTH,
        "l2_lambda": STRENGTH,
        "solver": [StrOptions(set(solvers.names("l1")))],
        "average": ["boolean"],
    }

    def __init__(
        self,
        l1_lambda=0.1,
        *,
        l2_lambda=0.0,
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        solver="auto",
        learning_rate="auto",
        average=True,
        max_iter=1000,
        tol=1e-10,
        warm_start=False,
        verbose=0,
    ):
        self.l1_lambda = l1_lambda
        self.l2_lambda = l2_lambda
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.solver = solver
        self.learning_rate = learning_rate
        self.average = average
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _penalty(self, view: Any) -> Penalty:
        return Penalty.weighted(
            self._weights(view), self.l1_lambda, self.l2_lambda, positive=self.positive
        )

    def _loop_settings(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "average": self.average}


class L2Regressor(BaseRegularized):
    _family = "l2"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "l2_lambda": STRENGTH,
        "solver": [StrOptions(set(solvers.names("l2")))],
    }

    def __init__(
        self,
        l2_lambda=0.1,
        *,
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        solver="auto",
        learning_rate="auto",
        max_iter=1000,
        tol=1e-10,
        warm_start=False,
        verbose=0,
    ):
        self.l2_lambda = l2_lambda
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.solver = solver
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _penalty(self, view: Any) -> Penalty:
        return Penalty.weighted(self._weights(view), 0.0, self.l2_lambda, positive=self.positive)


class DropoutRegressor(BaseRegularized):
    _family = "dropout"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "dropout_rate": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "l1_lambda": STRENGTH,
        "l2_lambda": STRENGTH,
        "drop_to": [StrOptions({"mean", "zero"})],
        "solver": [StrOptions(set(solvers.names("dropout")))],
        "average": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        dropout_rate=0.5,
        *,
        l1_lambda=0.0,
        l2_lambda=0.0,
        drop_to="mean",
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        solver="auto",
        learning_rate="auto",
        average=True,
        max_iter=1000,
        tol=1e-10,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.dropout_rate = dropout_rate
        self.l1_lambda = l1_lambda
        self.l2_lambda = l2_lambda
        self.drop_to = drop_to
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.solver = solver
        self.learning_rate = learning_rate
        self.average = average
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _penalty(self, view: Any) -> Penalty:
        dropout = dropout_ridge(self._rate(view.n_features), view.second_moments(self.drop_to))
        return Penalty.weighted(
            self._weights(view), self.l1_lambda, self.l2_lambda, dropout, positive=self.positive
        )

    def _rate(self, n_features: int) -> Any:
        """Return the dropout rate of each feature (p,)."""
        if isinstance(self.dropout_rate, Real):
            return np.full(n_features, float(self.dropout_rate))
        rate = per_feature(self.dropout_rate, n_features, "dropout_rate")
        if np.any(rate >= 1):
            raise ValueError("dropout_rate must be in [0, 1) for every feature.")
        return rate

    def _loop_settings(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "average": self.average,
            "random_state": check_random_state(self.random_state),
            "dropout_rate": self._rate(self.n_features_in_),
            "drop_to": self.drop_to,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.solver == "mask":
            tags.input_tags.sparse = self.drop_to == "zero"
        return tags
