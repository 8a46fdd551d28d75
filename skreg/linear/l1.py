"""`L1Regressor`: the lasso and the elastic net."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from .._objective import Penalty
from ..problem.protocol import Problem
from ..solvers import table
from .base import SHARED_CONSTRAINTS, STRENGTH
from .incremental import IncrementalRegressor


class L1Regressor(IncrementalRegressor):
    """Linear regression with an L1 penalty (lasso), or L1 and L2 (elastic net).

    Minimises, over the coefficients w and the intercept b::

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + l1_lambda sum_j v_j |w_j| + l2_lambda/2 sum_j v_j w_j^2

    for sample weights s_i of sum S and penalty weights v_j. The default solver is exact, and says
    how exact in `dual_gap_`.

    Parameters
    ----------
    l1_lambda : float, default=0.1
        Strength of the L1 penalty, in units of y times a column of X; scikit-learn's
        `Lasso(alpha)`. At `max |X'(y - mean y)| / n` (centred X, unit weights) and above, all
        coefficients are 0.
    l2_lambda : float, default=0.0
        Strength of the L2 penalty, in units of a squared column of X; S times it is scikit-learn's
        `Ridge(alpha)`, S being the sum of the sample weights (n_samples without).
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative. Of the solvers, "pivoting" and
        "newton" can.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of both penalties, in the order of the columns. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance, as glmnet does by default: v_j is
        multiplied by the weighted standard deviation of column j (divisor S) in the L1 penalty and
        by its square in the L2 penalty. The fit is that after a `StandardScaler`, with the
        coefficients in the units of X, which is neither scaled nor copied.
    solver : {"auto", "pivoting", "newton", "subgradient"}, default="auto"
        - "pivoting" is exact: it follows the solution from the strongest penalty down to this one,
          on the Gram matrix of the features.
        - "newton" is exact: coordinate descent on a working set, finished by Newton steps.
        - "subgradient" is plain subgradient descent from zero,
          `w -= learning_rate * (X'(X w - y) / n + l1_lambda * sign(w))`, with
          `penalty_weights`, and `l2_lambda * w` if there is an L2 part.
        - "auto" is "pivoting" up to 300 features and "newton" for more. Where "pivoting" ends
          above `tol`, "newton" follows, and then "pivoting rows", the same path on the rows, which
          serves columns that are nearly equal. Without an L1 part and without `positive` it is a
          closed form, as in `L2Regressor`.
    learning_rate : float or "auto", default="auto"
        Step of `solver="subgradient"`. "auto": the inverse of the largest curvature.
    average : bool, default=True
        Whether `solver="subgradient"` returns the average of its later iterates in place of
        the last one, which chatters around zeros.
    max_iter : int, default=1000
        Largest number of epochs of `solver="subgradient"`, or of steps of the other iterative
        solvers.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged. With `tol=0` the loop `"subgradient"` runs all its epochs
        and does not warn.
    warm_start : bool, default=False
        Whether "newton" and "subgradient" start at the previous `coef_`. The others need no start.
    verbose : int, default=0
        Print the progress of "newton" and "subgradient" if positive.

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
        The objective at the iterate before each epoch. Only of `solver="subgradient"`.
    moments_ : Moments
        The moments of all rows so far, after `partial_fit`, `fit_moments`, or `fit` of what is read
        in parts (Dask, h5py, zarr). `refit` and `partial_fit` go on from them.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    L2Regressor : The L2 penalty alone, in closed form.
    DropoutRegressor : Dropout, alone or with L1 and L2.
    sklearn.linear_model.Lasso : The same problem at `alpha=l1_lambda`, by coordinate descent.

    References
    ----------
    .. [1] R. Tibshirani (1996). Regression shrinkage and selection via the lasso. JRSS B 58.
    .. [2] H. Zou & T. Hastie (2005). Regularization and variable selection via the elastic net.
       JRSS B 67.
    .. [3] X. Li, D. Sun & K.-C. Toh (2018). A highly efficient semismooth Newton augmented
       Lagrangian method for solving lasso problems. SIAM J. Optim. 28.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L1Regressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L1Regressor(l1_lambda=0.5).fit(X, y)
    >>> model.coef_.round(1)
    array([  0. ,   0. , 471. , 136.5,   0. ,   0. , -58.3,   0. , 408. ,
             0. ])
    >>> bool(model.dual_gap_ < 1e-9)
    True
    """

    _path_parameter = "l1_lambda"
    # SelectFromModel looks for it: its default threshold then keeps what is not zero.
    penalty: ClassVar[str] = "l1"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "l1_lambda": STRENGTH,
        "l2_lambda": STRENGTH,
        "solver": [StrOptions(set(table.names("l1")))],
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
        standardize=False,
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
        self.standardize = standardize
        self.solver = solver
        self.learning_rate = learning_rate
        self.average = average
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _penalty(self, problem: Problem) -> Penalty:
        return Penalty.weighted(
            self._weights(problem),
            self.l1_lambda,
            self.l2_lambda,
            units=self._units(problem),
            positive=self.positive,
        )

    def _loop_settings(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "average": self.average}
