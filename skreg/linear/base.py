"""Fit, predict and validation, the same for every estimator.

An estimator states its penalty (`_penalty`). This module turns X, y and the weights into a problem,
has the certified solver minimise the objective on it, and keeps the result with its certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Private by its name only: scikit-learn asks developers of estimators to use it for parameter
# validation, and offers no other way to `_parameter_constraints`.
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._objective import Penalty
from .._solution import Settings, Solution, warn_not_converged
from ..problem import dask_partitions as partitions
from ..problem import row_slices
from ..problem.design import RowDesign
from ..problem.moments import Moments, collect
from ..problem.protocol import Problem
from ..problem.validation import (
    as_floats,
    check_data,
    check_features,
    check_fit_weights,
    without_dispatch,
)
from ..solvers import certified, table

SHARED_CONSTRAINTS: dict[str, list] = {
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "penalty_weights": ["array-like", None],
    "standardize": ["boolean"],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}
STRENGTH = [Interval(Real, 0, None, closed="left")]
NO_SPREAD = 1e-13  # of a mean: a smaller deviation is rounding (of its square, if not centred)


class LinearPredictor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Validation, and prediction by `coef_` and `intercept_`."""

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design.

        Returns
        -------
        y : ndarray or Dask array of shape (n_samples,) or (n_samples, n_targets)
            `X @ coef_.T + intercept_`; for a Dask collection a Dask array, not yet computed.
        """
        check_is_fitted(self, "coef_")
        if partitions.is_collection(X):
            partitions.check_header(self, X, reset=False)
            return partitions.predict(X, self.coef_, self.intercept_)
        if row_slices.is_source(X):
            return np.concatenate([self.predict(block) for _, (block,) in row_slices.slices(X)])
        X = check_features(self, X)
        return X @ self.coef_.T + self.intercept_

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination R^2 of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design.
        y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            The row weights.

        Returns
        -------
        score : float
            `1 - sum s_i (y_i - prediction_i)^2 / sum s_i (y_i - mean y)^2`, averaged over targets.
        """
        if not partitions.is_collection(X):
            with without_dispatch():
                return super().score(X, y, sample_weight)
        check_is_fitted(self, "coef_")
        partitions.check_header(self, X, reset=False)
        errors = partial(_error_moments, self.coef_, self.intercept_)
        moments = partitions.fold(errors, add, X, y, sample_weight)
        error = moments.gram.diagonal() + moments.mean**2
        total = np.atleast_1d(moments.target_norm2)
        # The rule of `r2_score` for a constant target: 1 if it is predicted without error, else 0.
        ratio = np.divide(error, total, where=total > 0, out=(error > 0).astype(float))
        return float(np.mean(1.0 - ratio))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        row = table.SOLVERS.get(getattr(self, "solver", "auto"))
        tags.input_tags.sparse = row is None or row.sparse
        return tags

    def _check_data(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, NDArray, Any]:
        """Return X (n, p), y (n,) or (n, targets) and the weights (n,) or None, all validated."""
        # NaN in X shows in the means, but not that of rows without weight.
        X, y = check_data(self, X, y, finite=sample_weight is not None)
        return X, y, check_fit_weights(sample_weight, X)


class BaseRegularized(LinearPredictor):
    """Fit for a penalty that the subclass states."""

    _path_parameter: str

    def _penalty(self, problem: Problem) -> Penalty:
        """Return the penalty on the features of a problem."""
        raise NotImplementedError

    def _weights(self, problem: Problem) -> NDArray:
        """Return the penalty weights v (p,)."""
        p, weights = problem.n_features, self.penalty_weights
        if weights is None:
            return np.ones(p)
        return per_feature(weights, p, "penalty_weights", infinite=True)

    def _units(self, problem: Problem) -> NDArray | float:
        """Return the units (p,) of the columns in the penalty: 1, or their standard deviations.

        A column whose spread is only rounding keeps its own unit, as in `StandardScaler`.
        """
        if not self.standardize:
            return 1.0
        deviation = np.sqrt(problem.second_moments("mean"))
        # Without an intercept the variance is a difference of mean squares, with their rounding.
        rounding = NO_SPREAD if problem.fit_intercept else np.sqrt(NO_SPREAD)
        return np.where(deviation <= rounding * np.abs(problem.mean), 1.0, deviation)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_init=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design. float64 and float32 are kept, everything else becomes float64. A Dask
            collection is fitted from its `Moments`. So is an array that reads rows when it is
            sliced (of h5py, zarr), in slices of rows, if there are at least as many rows as
            features and the solver takes moments. A `np.memmap` is fitted as the array it is.
        y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights; a row of weight 2 counts as two rows. None weighs all alike.
        coef_init : array-like of shape (n_features,) or (n_targets, n_features), default=None
            Where "newton" and the loops start, on the scale of `coef_`. None: at zero, at the
            previous `coef_` if `warm_start`, or at random for `solver="mask"`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For NaN, infinite or masked values, shapes that do not agree, weights that are negative
            or all zero, and a solver that cannot take the penalty or the data. For values of X or
            y whose squares overflow float64, and for coefficients that the float type of X cannot
            hold. For data that are read in parts the message names the rows or the partition.
        TypeError
            For a sparse y, and for sparse X with a solver that cannot take it.
        NotEnoughMemoryError
            If the n_features x n_features matrices of the moments exceed the memory (a MemoryError
            and a ValueError).

        Warns
        -----
        ConvergenceWarning
            If the duality gap, relative to that of the null model's loss, is above `tol`.
        """
        with unchanged_on_error(self):
            self.__dict__.pop("moments_", None)
            if not isinstance(X, np.ndarray) and self._is_read_in_parts(X):
                table.check_without_rows(self.solver)
                moments = collect(self, X, y, sample_weight)
                return self._solve_moments(moments, coef_init, self.warm_start)
            X, y, weights = self._check_data(X, y, sample_weight)
            problem = RowDesign.from_data(X, y, weights, self.fit_intercept)
            return self._solve(problem, X.dtype, coef_init, self.warm_start)

    def _is_read_in_parts(self, X: Any) -> bool:
        """Whether a fit of X goes by its moments, part by part."""
        if partitions.is_collection(X):
            return True
        return row_slices.is_source(X) and X.shape[0] >= X.shape[1] and self._needs_no_rows()

    def _needs_no_rows(self) -> bool:
        """Whether the solver can do with moments."""
        row = table.SOLVERS.get(self.solver)
        return row is None or not row.rows

    def _solve_moments(self, moments: Moments, coef_init: Any, warm: bool) -> Any:
        """Minimise the objective on moments, and keep them; return self."""
        if moments.weight == 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        self.moments_ = moments
        problem = moments.problem(self.fit_intercept)
        return self._solve(problem, moments.dtype, coef_init, warm)

    def _solve(self, problem: Problem, dtype: Any, coef_init: Any, warm: bool) -> Any:
        """Minimise the objective on a problem and set the fitted attributes, in `dtype`."""
        penalty, start = self._penalty(problem), None
        if self.solver != "auto":
            table.check(self.solver, problem, penalty)
        if warm or coef_init is not None:
            start = self._start(coef_init, problem.coef_shape, warm)
        settings = Settings(self.tol, self.max_iter, self.verbose, **self._loop_settings())
        solution = certified.solve(problem, penalty, self.solver, start, settings)

        self.coef_ = cast(solution.coef, dtype, "coefficients")
        self.intercept_ = cast(problem.intercept(self.coef_), dtype, "intercept")[()]
        self.dual_gap_ = np.asarray(solution.dual_gap)[()]
        if dtype != np.float64:
            self.dual_gap_ = self.dual_gap_ + self._cast_loss(problem, penalty, solution)
        self.n_iter_ = solution.n_iter
        self.solver_ = solution.solver
        self.__dict__.pop("loss_curve_", None)
        if solution.loss_curve is not None:
            self.loss_curve_ = solution.loss_curve
        runs_all_epochs = self.tol == 0 and not table.SOLVERS[self.solver_].exact
        if not (runs_all_epochs or solution.is_within(self.tol, problem.target_norm2)):
            remedy = table.remedy(self.solver_, problem)
            warn_not_converged(solution, problem.target_norm2, self.tol, remedy)
        return self

    def _cast_loss(self, problem: Problem, penalty: Penalty, solution: Solution) -> NDArray:
        """Return what rounding `coef_` and `intercept_` to float32 adds to the objective (...)."""
        coef = self.coef_.astype(np.float64)
        rounded, exact = (
            0.5 * problem.evaluate(w)[1] + penalty.value(w) for w in (coef, solution.coef)
        )
        offset = problem.intercept(coef) - self.intercept_
        return np.maximum(rounded - exact, 0.0) + 0.5 * offset * offset

    def _loop_settings(self) -> dict[str, Any]:
        """Return the settings of the family's own loop."""
        return {"learning_rate": self.learning_rate}

    def _start(self, coef_init: Any, shape: tuple[int, ...], warm: bool) -> NDArray | None:
        """Return the start (..., p): `coef_init`, or the last `coef_` if `warm`; else None."""
        if coef_init is not None:
            start = as_floats(coef_init, "coef_init", ensure_min_samples=0, copy=True)
            if start.shape != shape:
                raise ValueError(f"coef_init has shape {start.shape}; expected {shape}.")
            return start
        if warm and getattr(self, "coef_", np.empty(0)).shape == shape:
            return self.coef_.astype(np.float64)
        return None


def per_feature(values: Any, n_features: int, name: str, *, infinite: bool = False) -> NDArray:
    """Return nonnegative `values` as an array (p,)."""
    values = as_floats(values, name, ensure_all_finite=not infinite)
    if values.shape != (n_features,):
        raise ValueError(f"{name} has shape {values.shape}; expected ({n_features},).")
    if not np.all(values >= 0):
        raise ValueError(f"{name} must be nonnegative and not NaN.")
    return values


def cast(values: NDArray, dtype: Any, name: str) -> NDArray:
    """Return finite `values` in `dtype`, or raise ValueError where it cannot hold them."""
    if values.dtype != dtype:
        with np.errstate(over="ignore"):
            values = values.astype(dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"The {name} overflow {dtype}, the float type of X. Rescale X or y.")
    return values


def _error_moments(coef: NDArray, intercept: Any, X: Any, y: Any, weights: Any) -> Moments:
    """Return the moments of the errors (n, targets), and of y, in one partition."""
    errors = np.asarray(y) - partitions.predicted(X, coef, intercept)
    return Moments.from_data(errors.reshape(len(errors), -1), y, weights)


@contextmanager
def unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give a fitted estimator its attributes back if the fit fails or is interrupted."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
