"""Fit, predict and validation, the same for every estimator.

An estimator states its penalty (`_penalty`) and the family of solvers it takes (`_family`); this
module turns X, y and weights into a view of the data, has the table of solvers minimise the
objective on it, and keeps the result with its certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# Private by its name only: scikit-learn asks developers of estimators to use it for parameter
# validation, and offers no other way to `_parameter_constraints`.
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _range, solvers
from ._objective import Penalty
from ._rows import Rows
from ._solution import warn_not_converged
from ._validation import as_floats, refuse_masked, refuse_odd_numbers

FLOATS = [np.float64, np.float32]
SHARED_CONSTRAINTS: dict[str, list] = {
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "penalty_weights": ["array-like", None],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}
FAR_REMEDY = "Centre X: its columns lie so far from zero that predictions lose their digits."
STRENGTH = [Interval(Real, 0, None, closed="left")]


class BaseRegularized(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Fit and predict for a penalty that the subclass states."""

    _family: str

    def _penalty(self, view: Any) -> Penalty:
        """Return the penalty on the features of `view`."""
        raise NotImplementedError

    def _weights(self, view: Any) -> NDArray:
        """Return the penalty weights v (p,)."""
        if self.penalty_weights is None:
            return np.ones(view.n_features)
        return per_feature(self.penalty_weights, view.n_features, "penalty_weights", infinite=True)

    def _validate_params(self):
        """Check the parameters, first for what scikit-learn's own check stumbles over."""
        refuse_odd_numbers({name: getattr(self, name) for name in self._parameter_constraints})
        super()._validate_params()

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_init=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The design. float64 and float32 are kept, everything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights; a row of weight 2 counts as two rows. None weighs all alike.
            One below 1e-100 of the largest counts as 0.
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
            or all zero, and a solver that cannot take the penalty or the data. For X or y above
            1e50, whose products overflow in float64; for a target, or a column that no penalty
            makes negligible, below 1e-50; for coefficients that the float type of X cannot hold.
        TypeError
            For a sparse y, and for sparse X with a solver that cannot take it.

        Warns
        -----
        ConvergenceWarning
            If the duality gap, relative to that of the null model's loss, is above `tol`.
        """
        refuse_masked(X=X, y=y)
        with _unchanged_on_error(self):
            with np.errstate(invalid="ignore"):  # of sums that overflow, in looking for NaN
                X, y = validate_data(
                    self,
                    X,
                    y,
                    accept_sparse="csc",
                    dtype=FLOATS,
                    multi_output=True,
                    y_numeric=True,
                )
            if sparse.issparse(y):
                raise TypeError("Sparse y is not supported; use y.toarray().")
            weights = _check_weights(sample_weight, X)
            view = Rows.from_data(X, y, weights, self.fit_intercept)
            return self._solve(view, X.dtype, coef_init)

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The design.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            `X @ coef_.T + intercept_`.
        """
        check_is_fitted(self)
        refuse_masked(X=X)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=FLOATS, reset=False)
        return X @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        row = solvers.SOLVERS.get(self.solver)
        tags.input_tags.sparse = row is None or row.sparse
        return tags

    def _solve(self, view: Any, dtype: Any, coef_init: Any) -> Any:
        """Minimise the objective on `view`; set the fitted attributes, in `dtype`; return self."""
        penalty = self._penalty(view)
        solvers.check(self.solver, penalty, view)
        if view.fit_intercept:
            penalty = penalty.exclude(view.constant())
        start = self._start(coef_init, view)
        settings = solvers.Settings(self.tol, self.max_iter, self.verbose, **self._loop_settings())
        solution, name = solvers.minimise(view, penalty, self.solver, start, settings)

        self.coef_ = _cast(solution.coef, dtype, "coefficients")
        coef = self.coef_.astype(np.float64)
        self.intercept_ = _cast(view.intercept(coef), dtype, "intercept")[()]
        row = solvers.SOLVERS[name]
        runs_all_epochs = not row.exact and self.tol == 0
        if not (runs_all_epochs or solution.is_within(self.tol, view.target_norm2)):
            far = np.any(2 * view.intercept_rounding(solution.coef) > solution.dual_gap)
            remedy = FAR_REMEDY if far else row.remedy
            warn_not_converged(solution, view.target_norm2, self.tol, name, remedy)
        self.dual_gap_ = solution.dual_gap[()]
        if dtype != np.float64:
            worse = _objective(view, penalty, coef) - _objective(view, penalty, solution.coef)
            offset = view.intercept(coef) - self.intercept_
            self.dual_gap_ = self.dual_gap_ + np.maximum(worse, 0.0) + 0.5 * offset * offset
        self.n_iter_ = solution.n_iter
        self.solver_ = name
        vars(self).pop("loss_curve_", None)
        if solution.loss_curve is not None:
            self.loss_curve_ = solution.loss_curve
        return self

    def _loop_settings(self) -> dict[str, Any]:
        """Return the settings of the family's own loop."""
        return {"learning_rate": self.learning_rate}

    def _start(self, coef_init: Any, view: Any) -> NDArray | None:
        """Return where to start (..., p), or None where nobody said."""
        shape = view.coef_shape
        if coef_init is not None:
            start = as_floats(coef_init, "coef_init", ensure_min_samples=0, copy=True)
            if start.shape != shape:
                raise ValueError(f"coef_init has shape {start.shape}; expected {shape}.")
            if _overflows(view, start):
                raise ValueError("coef_init is so large that its predictions overflow.")
            return start
        if self.warm_start and getattr(self, "coef_", np.empty(0)).shape == shape:
            start = self.coef_.astype(np.float64)
            return None if _overflows(view, start) else start
        return None


def per_feature(values: Any, n_features: int, name: str, *, infinite: bool = False) -> NDArray:
    """Return nonnegative `values` as an array (p,)."""
    values = as_floats(values, name, ensure_all_finite=not infinite)
    if values.shape != (n_features,):
        raise ValueError(f"{name} has shape {values.shape}; expected ({n_features},).")
    if not np.all(values >= 0):
        raise ValueError(f"{name} must be nonnegative and not NaN.")
    return values


def _objective(view: Any, penalty: Penalty, w: NDArray) -> NDArray:
    """Return the objective (...) at w (..., p) and the intercept that goes with it."""
    return 0.5 * view.evaluate(w)[1] + penalty.value(w)


def _overflows(view: Any, w: NDArray) -> bool:
    """Return whether w (..., p) is so large that the curvature of the loss at it overflows."""
    if np.max(np.abs(w), initial=0.0) < 1 / np.sqrt(_range.SMALLEST):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.all(np.isfinite(np.sum(w * view.curvature(w), axis=-1)))


def _cast(values: NDArray, dtype: Any, name: str) -> NDArray:
    """Return finite `values` in `dtype`, or raise ValueError where it cannot hold them."""
    with np.errstate(over="ignore"):
        values = np.asarray(values).astype(dtype)
    if not np.all(np.isfinite(values)):
        raise ValueError(f"The {name} overflow {dtype}, the float type of X. Rescale X or y.")
    return values


def _check_weights(sample_weight: Any, X: Any) -> NDArray | None:
    """Return the row weights (n,) in float64, or None if all rows weigh the same."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        if not 0 < sample_weight < np.inf:
            raise ValueError(f"sample_weight must be positive and finite; got {sample_weight}.")
        return None
    weights = as_floats(sample_weight, "sample_weight")
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (X.shape[0],):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    if np.any(weights < 0):
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if not np.any(weights > 0):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


@contextmanager
def _unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give a fitted estimator its attributes back if the fit fails or is interrupted."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
