"""`L1RegressorCV`: the lasso and the elastic net at a strength chosen by their data."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from ..linear.base import STRENGTH
from ..linear.l1 import L1Regressor
from ..problem.design import RowDesign
from .criteria import INFORMATION, by_information
from .cv import CV_CONSTRAINTS, GRID, BaseCV, Search
from .path_problem import PathProblem
from .scores import Scores


class L1RegressorCV(BaseCV):
    """`L1Regressor` with `l1_lambda` chosen by cross-validation or an information criterion.

    For data of at most 1000 columns, or at most 1000 rows, one exact path serves all values of a
    fold; with at least as many rows as columns, the moments of the rows are computed once for all
    folds. Each fold is fitted at the value itself, on its own sum of weights, as `GridSearchCV`
    does, and the chosen model is certified on the data.

    Parameters
    ----------
    lambdas : int or array-like of shape (n_values,), default=100
        The values of `l1_lambda` to choose from, or how many of them: then they are geometric from
        the least at which all coefficients are 0 down to `eps` times that.
    eps : float, default=1e-3
        Smallest over largest value of an automatic grid.
    cv : int, cross-validation splitter or iterable, default=None
        The folds: their number, a splitter, or pairs of training and test rows. None: 5 folds of
        consecutive rows, as in scikit-learn.
    selection : {"min", "1se"}, default="min"
        "min" takes the value of the best mean score, "1se" the largest within one standard error of
        it: the most regularised that does as well, as far as the folds can tell.
    criterion : {"aic", "bic"}, default=None
        Choose by Akaike's or the Bayesian information criterion of the fits to all data, in place
        of folds. Only the ratios of the weights matter.
    noise_variance : float, default=None
        The variance of the noise in the criterion. None: that of the residuals of least squares,
        which needs more rows than features.
    scoring : str or callable, default=None
        What to choose by, the larger the better: a name of scikit-learn's, or a function
        `scorer(estimator, X, y)` of a fitted `L1Regressor` and the test rows. None: the mean
        squared error. It is given the `sample_weight` of the rows, if there is one and it takes it.
    n_jobs : int, default=None
        Number of threads over the folds. None: 1, but for a `joblib.parallel_config` context.
    verbose : int, default=0
        Print a line per fold if positive.
    l2_lambda : float, default=0.0
        Strength of the L2 penalty, the same for all values.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of both penalties, in the order of the columns. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance, as glmnet does by default: v_j is
        multiplied by the weighted standard deviation of column j (divisor S) in the L1 penalty and
        by its square in the L2 penalty. The fit is that after a `StandardScaler`, with the
        coefficients in the units of X, which is neither scaled nor copied.
        Each fold takes the standard deviations of its own training rows.
    max_iter : int, default=1000
        Largest number of steps of a fit.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged.

    Attributes
    ----------
    l1_lambda_ : float
        The chosen value.
    lambdas_ : ndarray of shape (n_values,)
        The grid, from the largest down. With `criterion`, an automatic grid for a single target
        has the kinks of the lasso path as well, and n_values counts them.
    lambda_min_, lambda_1se_ : float
        What either `selection` would choose. `lambda_1se_` is missing with a criterion or a single
        fold, which have no standard error.
    mse_path_ : ndarray of shape (n_values, n_folds)
        The mean squared error on each fold, weighted by `sample_weight`, averaged over targets.
        Missing with a criterion, as are the next two.
    mse_mean_, mse_se_ : ndarray of shape (n_values,)
        Its mean over folds, and the standard error of that.
    max_fold_gap_ : float
        The largest duality gap of the fits to the folds, relative to half the variance of their
        targets. Missing with a criterion.
    score_path_ : ndarray of shape (n_values, n_folds)
        The scores. Only with `scoring`.
    criterion_path_ : ndarray of shape (n_values,)
        The criterion, averaged over targets. Only with `criterion`.
    noise_variance_ : float or ndarray of shape (n_targets,)
        The noise variance in it. Only with `criterion`.
    coef_path_ : ndarray of shape (n_values, n_features) or (n_values, n_targets, n_features)
        The coefficients of all data at every value, a new array each time.
    intercept_path_ : ndarray of shape (n_values,) or (n_values, n_targets)
        The intercepts that go with them.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        The coefficients of all data at the chosen value, in the float type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept, 0 if `fit_intercept=False`.
    dual_gap_ : float or ndarray of shape (n_targets,)
        A bound on how far the objective is above its minimum there, evaluated on the data.
    n_iter_ : int
        Steps of the solver for `coef_`; the largest of all targets.
    solver_ : str
        The solver that found `coef_`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    L1Regressor : The model, at a given strength.
    sklearn.linear_model.LassoCV : The same choice, by "min" and the mean squared error.
    sklearn.linear_model.LassoLarsIC : The same criteria, at the kinks of the path.

    Notes
    -----
    The mean over folds is not weighted by their sizes, the mean squared error of a fold is weighted
    by its sample weights. The standard error is sqrt(mean((fold - mean)^2) / (n_folds - 1)).

    The criteria are n log(2 pi s2) + RSS / s2 + c df, with c = 2 or log(n) for n the number of rows
    of positive weight, RSS with weights of mean 1, s2 the noise variance, and df the number of
    nonzero coefficients ([2]_); with an L2 part, the trace of the hat matrix on those. Between two
    kinks of a lasso path df is constant and RSS grows with the strength, so that the best value of
    the whole path is a kink, or its end.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen & C. Stone (1984). Classification and regression
       trees, section 3.4.3: the one-standard-error rule.
    .. [2] H. Zou, T. Hastie & R. Tibshirani (2007). On the "degrees of freedom" of the lasso.
       Annals of Statistics 35.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L1RegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L1RegressorCV(selection="1se").fit(X, y)
    >>> print(f"{model.l1_lambda_:.3f} in place of {model.lambda_min_:.3f}")
    0.187 in place of 0.004
    >>> model.coef_.round(1)
    array([   0. ,  -86.5,  511.6,  239.9,    0. ,    0. , -178. ,    0. ,
            451.2,    3.8])
    """

    _regressor = L1Regressor
    _grid_parameter = "lambdas"
    _is_quadratic = False
    penalty = L1Regressor.penalty
    _parameter_constraints: ClassVar[dict] = {
        **CV_CONSTRAINTS,
        "lambdas": GRID,
        "criterion": [StrOptions(set(INFORMATION)), None],
        "noise_variance": [Interval(Real, 0, None, closed="neither"), None],
        "l2_lambda": STRENGTH,
    }

    def __init__(
        self,
        lambdas=100,
        *,
        eps=1e-3,
        cv=None,
        selection="min",
        criterion=None,
        noise_variance=None,
        scoring=None,
        n_jobs=None,
        verbose=0,
        l2_lambda=0.0,
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        standardize=False,
        max_iter=1000,
        tol=1e-10,
    ):
        self.lambdas = lambdas
        self.eps = eps
        self.cv = cv
        self.selection = selection
        self.criterion = criterion
        self.noise_variance = noise_variance
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.l2_lambda = l2_lambda
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol

    def _search(self, path: PathProblem, on_rows: PathProblem, dtype: Any) -> Search:
        search = super()._search(path, on_rows, dtype)
        if self.criterion is None or not isinstance(self.lambdas, Integral):
            return search
        return replace(search, values=path.with_kinks(search.values))

    def _by_criterion(self, search: Search, design: RowDesign) -> Scores:
        assert self.criterion is not None
        coefs = search.path.trace(search.values, lambda: search.on_rows).coefs
        return by_information(
            self.criterion, self.noise_variance, search.path, design, search.values, coefs
        )
