"""`L2RegressorCV`: ridge regression at a strength chosen by its data."""

from __future__ import annotations

from typing import ClassVar

from sklearn.utils._param_validation import StrOptions

from ..linear.l2 import L2Regressor
from .cv import CV_CONSTRAINTS, GRID, BaseCV


class L2RegressorCV(BaseCV):
    """`L2Regressor` with `l2_lambda` chosen by cross-validation, by default leave-one-out.

    One factorisation serves all values: leaving out each of the rows in turn costs little more than
    one fit, and is exact.

    Parameters
    ----------
    lambdas : int or array-like of shape (n_values,), default=100
        The values of `l2_lambda` to choose from, or how many of them: then they are geometric from
        the sum of the features' second moments over their penalty weights, where the whole fit is
        shrunk to less than half, down to `eps` times that.
    eps : float, default=1e-6
        Smallest over largest value of an automatic grid.
    cv : int, cross-validation splitter or iterable, default=None
        The folds: their number, a splitter, or pairs of training and test rows. None: leave-one-out
        in closed form; with `positive=True`, which has none, 5 folds of consecutive rows.
    selection : {"min", "1se"}, default="min"
        "min" takes the value of the best mean score, "1se" the largest within one standard error of
        it: the most regularised that does as well, as far as the folds can tell.
    criterion : {"gcv"}, default=None
        Choose by generalised cross-validation of the fits to all data ([2]_), in place of folds.
        Only the ratios of the weights matter.
    per_target : bool, default=False
        Whether each target gets a value of its own, by leaving one out or `criterion`. The chosen
        values are then arrays of shape (n_targets,).
    scoring : str or callable, default=None
        What to choose by, the larger the better: a name of scikit-learn's, or a function
        `scorer(estimator, X, y)` of a fitted `L2Regressor` and the test rows. None: the mean
        squared error. It is given the `sample_weight` of the rows, if there is one and it takes it.
        When leaving one out, it scores the predictions of all rows at once: its estimator predicts
        them, and has no coefficients.
    n_jobs : int, default=None
        Number of threads over the folds. None: 1, but for a `joblib.parallel_config` context.
    verbose : int, default=0
        Print a line per fold if positive.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of the penalty, in the order of the columns. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance: v_j is multiplied by the weighted
        variance of column j (divisor S). The fit is that after a `StandardScaler`, with the
        coefficients in the units of X, which is neither scaled nor copied.
        Each fold takes the variances of its own training rows; leaving one out keeps those of all.
    max_iter : int, default=1000
        Largest number of steps of a fit that has no closed form.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged.

    Attributes
    ----------
    l2_lambda_ : float or ndarray of shape (n_targets,)
        The chosen value.
    lambdas_ : ndarray of shape (n_values,)
        The grid, from the largest down.
    lambda_min_, lambda_1se_ : float or ndarray of shape (n_targets,)
        What either `selection` would choose. `lambda_1se_` is missing where there is no standard
        error: with a criterion, with a single fold, when leaving one out with `scoring`.
    mse_path_ : ndarray of shape (n_values, n_folds)
        The mean squared error on each fold, weighted by `sample_weight`, averaged over targets.
        When leaving one out, of shape (n_values, 1): that of all rows. Missing with a criterion, as
        are the next two.
    mse_mean_, mse_se_ : ndarray of shape (n_values,)
        Its mean over folds, and the standard error of that. When leaving one out each row is a fold
        of its weight.
    max_fold_gap_ : float
        The largest duality gap of the fits to the folds, relative to half the variance of their
        targets. Only with folds.
    score_path_ : ndarray of shape (n_values, n_folds)
        The scores; of shape (n_values, 1) when leaving one out. Only with `scoring`.
    criterion_path_ : ndarray of shape (n_values,)
        The criterion, averaged over targets. Only with `criterion`.
    coef_path_ : ndarray of shape (n_values, n_features) or (n_values, n_targets, n_features)
        The coefficients of all data at every value, computed when asked for.
    intercept_path_ : ndarray of shape (n_values,) or (n_values, n_targets)
        The intercepts that go with them.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        The coefficients of all data at the chosen value, in the float type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept, 0 if `fit_intercept=False`.
    dual_gap_ : float or ndarray of shape (n_targets,)
        A bound on how far the objective is above its minimum there, evaluated on the data.
    n_iter_ : int
        Refinements, or steps of the solver, for `coef_`.
    solver_ : str
        The solver that found `coef_`; "spectral" is the factorisation that all values share.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    L2Regressor : The model, at a given strength.
    DropoutRegressorCV : The same for a ridge weighted by the spread of each column.
    sklearn.linear_model.RidgeCV : The same choice, for `alphas = S * lambdas`.

    Notes
    -----
    Leaving out row i keeps the penalty S * l2_lambda of the whole fit beside the squared errors of
    the other rows, S being the sum of all weights, s_i included: this is what has a closed form,
    and what scikit-learn's `RidgeCV` does. A fit of the other rows at `l2_lambda` would shrink by
    (S - s_i) / S as much. Folds (`cv` not None) are fitted so: at the value itself, on their own
    sum of weights, as `GridSearchCV` does.

    References
    ----------
    .. [1] D. M. Allen (1974). The relationship between variable selection and data augmentation
       and a method for prediction. Technometrics 16.
    .. [2] G. H. Golub, M. Heath & G. Wahba (1979). Generalized cross-validation as a method for
       choosing a good ridge parameter. Technometrics 21.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L2RegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L2RegressorCV().fit(X, y)
    >>> print(f"{model.l2_lambda_:.2g}, or {model.lambda_1se_:.2g} within one standard error")
    9.1e-06, or 0.0014 within one standard error
    >>> print(f"{model.mse_mean_.min():.1f} on rows left out")
    2999.8 on rows left out
    """

    _regressor = L2Regressor
    _grid_parameter = "lambdas"
    _parameter_constraints: ClassVar[dict] = {
        **CV_CONSTRAINTS,
        "lambdas": GRID,
        "criterion": [StrOptions({"gcv"}), None],
        "per_target": ["boolean"],
    }

    def __init__(
        self,
        lambdas=100,
        *,
        eps=1e-6,
        cv=None,
        selection="min",
        criterion=None,
        per_target=False,
        scoring=None,
        n_jobs=None,
        verbose=0,
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
        self.per_target = per_target
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol

    @property
    def _is_quadratic(self) -> bool:
        return not self.positive
