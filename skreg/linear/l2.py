"""`L2Regressor`: ridge regression."""

from __future__ import annotations

from typing import ClassVar

from sklearn.utils._param_validation import StrOptions

from .._objective import Penalty
from ..problem.protocol import Problem
from ..solvers import table
from .base import SHARED_CONSTRAINTS, STRENGTH
from .incremental import IncrementalRegressor


class L2Regressor(IncrementalRegressor):
    """Linear regression with an L2 penalty (ridge).

    Minimises, over the coefficients w and the intercept b::

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + l2_lambda/2 sum_j v_j w_j^2

    for sample weights s_i of sum S and penalty weights v_j. At `l2_lambda=0` this is least squares,
    of minimum norm where the solution is not unique.

    Parameters
    ----------
    l2_lambda : float, default=0.1
        Strength of the L2 penalty, in units of a squared column of X; S times it is scikit-learn's
        `Ridge(alpha)`, S being the sum of the sample weights (n_samples without).
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative. Of the solvers, "pivoting" and
        "newton" can.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of the penalty, in the order of the columns. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance: v_j is multiplied by the weighted
        variance of column j (divisor S). The fit is that after a `StandardScaler`, with the
        coefficients in the units of X, which is neither scaled nor copied.
    solver : {"auto", "cholesky", "dual", "svd", "cg", "pivoting", "newton", "gradient"}, \
            default="auto"
        All but the last are exact.

        - "cholesky" factors the p x p side, "dual" the n x n side, for n samples and p features.
        - "svd" takes the singular values of a dense X: for strengths close to 0.
        - "cg" is conjugate gradients on the data: for sparse X too large for a factorisation.
        - "pivoting" and "newton" serve `positive=True`, as in `L1Regressor`.
        - "gradient" is plain gradient descent from zero,
          `w -= learning_rate * (X'(X w - y) / n + l2_lambda * w)`.
        - "auto" chooses by the shape and the type of X.
    learning_rate : float or "auto", default="auto"
        Step of `solver="gradient"`. "auto": the inverse of the largest curvature.
    max_iter : int, default=1000
        Largest number of epochs of `solver="gradient"`, or of steps of the other iterative solvers.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged. With `tol=0` the loop `"gradient"` runs all its epochs and
        does not warn.
    warm_start : bool, default=False
        Whether "newton" and "gradient" start at the previous `coef_`. The others need no start.
    verbose : int, default=0
        Print the progress of "newton" and "gradient" if positive.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        The coefficients, in the float type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept, 0 if `fit_intercept=False`.
    dual_gap_ : float or ndarray of shape (n_targets,)
        The certificate: a bound on how far the objective is above its minimum, in its units.
        Evaluated on the data in float64, for whichever solver, up to the rounding error of the
        correlations with the residual. Of a float32 X it includes what
        rounding the coefficients and the intercept to float32 costs, of which no warning is given.
    n_iter_ : int
        Epochs, kinks of the path, rounds and Newton steps, steps of conjugate gradients, or solves
        with one factor; the largest number of all targets.
    solver_ : str
        The solver that was used.
    loss_curve_ : ndarray of shape (`n_iter_`,) or (`n_iter_`, n_targets)
        The objective at the iterate before each epoch. Only of `solver="gradient"`.
    moments_ : Moments
        The moments of all rows so far, after `partial_fit`, `fit_moments`, or `fit` of what is read
        in parts (Dask, h5py, zarr). `refit` and `partial_fit` go on from them.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    L1Regressor : The lasso and the elastic net.
    DropoutRegressor : A ridge weighted by the spread of each column.
    sklearn.linear_model.Ridge : The same problem at `alpha = S * l2_lambda`.

    References
    ----------
    .. [1] A. E. Hoerl & R. W. Kennard (1970). Ridge regression: biased estimation for nonorthogonal
       problems. Technometrics 12.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L2Regressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L2Regressor(l2_lambda=0.001).fit(X, y)
    >>> model.coef_.round(1)
    array([  18.3, -139.4,  395.5,  251.4,  -19.3,  -62.7, -177.9,  122.1,
            339.3,  109.6])
    >>> model.solver_
    'cholesky'
    """

    _path_parameter = "l2_lambda"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "l2_lambda": STRENGTH,
        "solver": [StrOptions(set(table.names("l2")))],
    }

    def __init__(
        self,
        l2_lambda=0.1,
        *,
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        standardize=False,
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
        self.standardize = standardize
        self.solver = solver
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _penalty(self, problem: Problem) -> Penalty:
        return Penalty.weighted(
            self._weights(problem),
            0.0,
            self.l2_lambda,
            units=self._units(problem),
            positive=self.positive,
        )
