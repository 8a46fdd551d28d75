"""`DropoutRegressorCV`: dropout at a rate chosen by its data."""

from __future__ import annotations

from typing import ClassVar

from sklearn.utils._param_validation import StrOptions

from ..linear.base import STRENGTH
from ..linear.dropout import DropoutRegressor
from .cv import CV_CONSTRAINTS, GRID, BaseCV


class DropoutRegressorCV(BaseCV):
    """`DropoutRegressor` with `dropout_rate` chosen by cross-validation, by default leave-one-out.

    Averaged over its masks, dropout is a ridge: one factorisation serves all rates, and leaving out
    each of the rows in turn costs little more than one fit, and is exact.

    Parameters
    ----------
    dropout_rates : int or array-like of shape (n_values,), default=50
        The rates to choose from, each of them for all features, or how many of them: then
        q / (1 - q) is geometric, from q = 0.99 down to `eps` times that, by default to about
        q = 0.001.
    eps : float, default=1e-5
        Smallest over largest q / (1 - q) of an automatic grid.
    cv : int, cross-validation splitter or iterable, default=None
        The folds: their number, a splitter, or pairs of training and test rows. None: leave-one-out
        in closed form; with an L1 part or `positive=True`, which have none, 5 folds of consecutive
        rows.
    selection : {"min", "1se"}, default="min"
        "min" takes the rate of the best mean score, "1se" the largest within one standard error of
        it: the most regularised that does as well, as far as the folds can tell.
    criterion : {"gcv"}, default=None
        Choose by generalised cross-validation of the fits to all data ([3]_), in place of folds.
        Only the ratios of the weights matter.
    per_target : bool, default=False
        Whether each target gets a rate of its own, by leaving one out or `criterion`. The chosen
        rates are then arrays of shape (n_targets,).
    scoring : str or callable, default=None
        What to choose by, the larger the better: a name of scikit-learn's, or a function
        `scorer(estimator, X, y)` of a fitted `DropoutRegressor` and the test rows. None: the mean
        squared error. It is given the `sample_weight` of the rows, if there is one and it takes it.
        When leaving one out, it scores the predictions of all rows at once: its estimator predicts
        them, and has no coefficients.
    n_jobs : int, default=None
        Number of threads over the folds. None: 1, but for a `joblib.parallel_config` context.
    verbose : int, default=0
        Print a line per fold if positive.
    l1_lambda : float, default=0.0
        Strength of the L1 penalty, the same for all rates.
    l2_lambda : float, default=0.0
        Strength of the L2 penalty, the same for all rates.
    drop_to : {"mean", "zero"}, default="mean"
        What a dropped entry becomes. "mean": the fit does not change when a column is shifted.
        "zero": the mask as usually written, for counts and sparse data.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised. False: the data are taken as centred.
    positive : bool, default=False
        Whether to constrain the coefficients to be nonnegative.
    penalty_weights : array-like of shape (n_features,), default=None
        Factors v_j >= 0 of the L1 and L2 penalties, not of the dropout. 0 leaves a feature
        unpenalised, `inf` excludes it (its coefficient is 0). None: all ones.
    standardize : bool, default=False
        Whether to penalise as if every column had unit variance: v_j is multiplied by the weighted
        standard deviation of column j (divisor S) in the L1 penalty and by its square in the L2
        penalty. The coefficients stay in the units of X, which is neither scaled nor copied. The
        dropout is the same: with `drop_to="mean"` it does not depend on the units of the columns.
        Each fold takes the standard deviations of its own training rows; leaving one out keeps
        those of all.
    max_iter : int, default=1000
        Largest number of steps of a fit that has no closed form.
    tol : float, default=1e-10
        Largest duality gap, relative to half the weighted mean square of the (centred) target, at
        which a fit counts as converged.

    Attributes
    ----------
    dropout_rate_ : float or ndarray of shape (n_targets,)
        The chosen rate.
    dropout_rates_ : ndarray of shape (n_values,)
        The grid, from the largest down.
    dropout_rate_min_, dropout_rate_1se_ : float or ndarray of shape (n_targets,)
        What either `selection` would choose. `dropout_rate_1se_` is missing where there is no
        standard error: with a single fold, and when leaving one out with `scoring`.
    mse_path_ : ndarray of shape (n_values, n_folds)
        The mean squared error on each fold, weighted by `sample_weight`, averaged over targets.
        When leaving one out, of shape (n_values, 1): that of all rows.
    mse_mean_, mse_se_ : ndarray of shape (n_values,)
        Its mean over folds, and the standard error of that. When leaving one out each row is a fold
        of its weight.
    max_fold_gap_ : float
        The largest duality gap of the fits to the folds, relative to half the variance of their
        targets. Only with folds.
    criterion_path_ : ndarray of shape (n_values,)
        The criterion, averaged over targets. Only with `criterion`.
    score_path_ : ndarray of shape (n_values, n_folds)
        The scores; of shape (n_values, 1) when leaving one out. Only with `scoring`.
    coef_path_ : ndarray of shape (n_values, n_features) or (n_values, n_targets, n_features)
        The coefficients of all data at every rate, computed when asked for.
    intercept_path_ : ndarray of shape (n_values,) or (n_values, n_targets)
        The intercepts that go with them.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        The coefficients of all data at the chosen rate, in the float type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept, 0 if `fit_intercept=False`.
    dual_gap_ : float or ndarray of shape (n_targets,)
        A bound on how far the objective is above its minimum there, evaluated on the data.
    n_iter_ : int
        Refinements, or steps of the solver, for `coef_`.
    solver_ : str
        The solver that found `coef_`; "spectral" is the factorisation that all rates share.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    DropoutRegressor : The model, at a given rate.
    L2RegressorCV : The same for the ridge that weighs all features alike.

    Notes
    -----
    Leaving out row i keeps the penalty of the whole fit beside the squared errors of the other
    rows, with the moments m_j of all rows: this is what has a closed form. Folds (`cv` not None)
    are fitted on their own moments, as `GridSearchCV` does.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever & R. Salakhutdinov (2014).
       Dropout: a simple way to prevent neural networks from overfitting. JMLR 15, section 9.1.
    .. [2] D. M. Allen (1974). The relationship between variable selection and data augmentation
       and a method for prediction. Technometrics 16.
    .. [3] G. H. Golub, M. Heath & G. Wahba (1979). Generalized cross-validation as a method for
       choosing a good ridge parameter. Technometrics 21.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import DropoutRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = DropoutRegressorCV(selection="1se").fit(X, y)
    >>> print(f"{model.dropout_rate_:.2f} in place of {model.dropout_rate_min_:.3f}")
    0.36 in place of 0.004
    >>> model.coef_.round(1)
    array([  21.9, -123.2,  371.3,  238.1,  -11.3,  -53.8, -171.6,  121.7,
            317.7,  111.9])
    """

    _regressor = DropoutRegressor
    _grid_parameter = "dropout_rates"
    _parameter_constraints: ClassVar[dict] = {
        **CV_CONSTRAINTS,
        "dropout_rates": GRID,
        "criterion": [StrOptions({"gcv"}), None],
        "per_target": ["boolean"],
        "l1_lambda": STRENGTH,
        "l2_lambda": STRENGTH,
        "drop_to": [StrOptions({"mean", "zero"})],
    }

    def __init__(
        self,
        dropout_rates=50,
        *,
        eps=1e-5,
        cv=None,
        selection="min",
        criterion=None,
        per_target=False,
        scoring=None,
        n_jobs=None,
        verbose=0,
        l1_lambda=0.0,
        l2_lambda=0.0,
        drop_to="mean",
        fit_intercept=True,
        positive=False,
        penalty_weights=None,
        standardize=False,
        max_iter=1000,
        tol=1e-10,
    ):
        self.dropout_rates = dropout_rates
        self.eps = eps
        self.cv = cv
        self.selection = selection
        self.criterion = criterion
        self.per_target = per_target
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.l1_lambda = l1_lambda
        self.l2_lambda = l2_lambda
        self.drop_to = drop_to
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_weights = penalty_weights
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol

    @property
    def _is_quadratic(self) -> bool:
        return self.l1_lambda == 0 and not self.positive
