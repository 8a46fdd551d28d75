"""`DropoutRegressor`: dropout averaged over its masks, a ridge that adapts to each column."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from .._objective import Penalty, dropout_ridge
from ..problem.protocol import Problem
from ..solvers import table
from .base import SHARED_CONSTRAINTS, STRENGTH, per_feature
from .incremental import IncrementalRegressor


class DropoutRegressor(IncrementalRegressor):
    """Linear regression trained under dropout of the features, averaged over all masks exactly.

    Dropout replaces each entry of X, with probability q_j, by its column's mean (or zero), and
    scales what the others differ from it by 1 / (1 - q_j). For squared loss the expectation over
    all masks is a quadratic, and the model minimises it, over the coefficients w and the
    intercept b::

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + 1/2 sum_j q_j / (1 - q_j) m_j w_j^2
        + l1_lambda sum_j v_j |w_j| + l2_lambda/2 sum_j v_j w_j^2

    for sample weights s_i of sum S, penalty weights v_j, and the second moment m_j that dropping
    destroys: the variance of column j, or its mean square if entries drop to zero.

    Parameters
    ----------
    dropout_rate : float or array-like of shape (n_features,), default=0.5
        Probability q_j in [0, 1) of dropping an entry, one for all or one per feature.
    l1_lambda : float, default=0.0
        Strength of the L1 penalty, in units of y times a column of X; scikit-learn's
        `Lasso(alpha)`. At `max |X'(y - mean y)| / n` (centred X, unit weights) and above, all
        coefficients are 0.
    l2_lambda : float, default=0.0
        Strength of the L2 penalty, in units of a squared column of X; S times it is scikit-learn's
        `Ridge(alpha)`, S being the sum of the sample weights (n_samples without).
    drop_to : {"mean", "zero"}, default="mean"
        What a dropped entry becomes. "mean": the fit does not change when a column is shifted.
        "zero": the mask as usually written, for counts and sparse data.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative. Of the solvers, "pivoting" and
        "newton" can.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of the L1 and L2 penalties, not of the dropout. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance: v_j is multiplied by the weighted
        standard deviation of column j (divisor S) in the L1 penalty and by its square in the L2
        penalty. The coefficients stay in the units of X, which is neither scaled nor copied. The
        dropout is the same: with `drop_to="mean"` it does not depend on the units of the columns.
    solver : {"auto", "cholesky", "dual", "svd", "cg", "pivoting", "newton", "mask"}, \
            default="auto"
        All but the last are exact, and as in `L2Regressor`; of them, "pivoting" and
        "newton" can do an L1 part.
        "mask" is plain gradient descent on a freshly masked X in each epoch, from a random start.
        It takes sparse X only with `drop_to="zero"`.
    learning_rate : float or "auto", default="auto"
        Step of `solver="mask"`, for unscaled masks: on the scale of `coef_` the step is
        `learning_rate * (1 - q_j)^2`. "auto": from the largest expected curvature.
    average : bool, default=True
        Whether `solver="mask"` returns the average of its later iterates in place of
        the last one, which wanders around the optimum.
    max_iter : int, default=1000
        Largest number of epochs of `solver="mask"`, or of steps of the other iterative solvers.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged. With `tol=0` the loop `"mask"` runs all its epochs and
        does not warn.
    warm_start : bool, default=False
        Whether "newton" and "mask" start at the previous `coef_`. The others need no start.
    random_state : int, RandomState instance or None, default=None
        Source of the masks of `solver="mask"` and of its start. Unused otherwise.
    verbose : int, default=0
        Print the progress of "newton" and "mask" if positive.

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
        The objective on the masked data before each epoch. Only of `solver="mask"`.
    moments_ : Moments
        The moments of all rows so far, after `partial_fit`, `fit_moments`, or `fit` of what is read
        in parts (Dask, h5py, zarr). `refit` and `partial_fit` go on from them.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    L2Regressor : The same with one weight for all features; on standardised X,
        `l2_lambda = q / (1 - q)`.
    L1Regressor : The lasso and the elastic net.

    Notes
    -----
    The penalty does not vanish as the number of samples grows: the rate is a property of the model,
    not of the data. A model trained so loses less when features are missing at prediction time.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever & R. Salakhutdinov (2014).
       Dropout: a simple way to prevent neural networks from overfitting. JMLR 15, section 9.1.
    .. [2] S. Wager, S. Wang & P. Liang (2013). Dropout training as adaptive regularization.
       NeurIPS.
    .. [3] L. van der Maaten, M. Chen, S. Tyree & K. Weinberger (2013). Learning with marginalized
       corrupted features. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import DropoutRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = DropoutRegressor(dropout_rate=0.2).fit(X, y)
    >>> model.coef_.round(1)
    array([  10.4, -172.4,  442.7,  276.8,  -39.5,  -76.7, -187.7,  120.8,
            384.9,  101.1])
    """

    _path_parameter = "dropout_rate"
    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "dropout_rate": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "l1_lambda": STRENGTH,
        "l2_lambda": STRENGTH,
        "drop_to": [StrOptions({"mean", "zero"})],
        "solver": [StrOptions(set(table.names("dropout")))],
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
        standardize=False,
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
        self.standardize = standardize
        self.solver = solver
        self.learning_rate = learning_rate
        self.average = average
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _penalty(self, problem: Problem) -> Penalty:
        dropout = dropout_ridge(
            self._rate(problem.n_features), problem.second_moments(self.drop_to)
        )
        return Penalty.weighted(
            self._weights(problem),
            self.l1_lambda,
            self.l2_lambda,
            dropout,
            units=self._units(problem),
            positive=self.positive,
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
