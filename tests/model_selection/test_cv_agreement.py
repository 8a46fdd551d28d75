"""The cross-validating estimators against scikit-learn's, GridSearchCV and R's cv.glmnet."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression
from sklearn import config_context
from sklearn.linear_model import ElasticNetCV, LassoCV, LassoLarsIC, LinearRegression, RidgeCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

import skreg

pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")

SHAPES = {"tall": (60, 8), "wide": (30, 45)}
each_shape = pytest.mark.parametrize("shape", SHAPES)
weighted_or_not = pytest.mark.parametrize("weighting", ["even", "weighted"])
with_or_without_intercept = pytest.mark.parametrize("intercept", [True, False])


def data(shape, **options):
    n, p = SHAPES[shape]
    X, y = regression(n, p, seed=5, **options)
    return X, y


def weights(weighting, n):
    return np.random.default_rng(2).uniform(0.3, 2.0, n) if weighting == "weighted" else None


# ---------------------------------------------------------------------------- scikit-learn's CV


SPLITTERS = {
    "5 folds": KFold(5),
    "shuffled": KFold(4, shuffle=True, random_state=0),
    "overlapping": ShuffleSplit(3, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "growing": TimeSeriesSplit(3),
}


@pytest.mark.parametrize("splitter", SPLITTERS)
@each_shape
@pytest.mark.parametrize(("intercept", "weighting"), [(True, "weighted"), (False, "even")])
def test_the_errors_of_the_folds_are_those_of_lasso_cv(splitter, shape, intercept, weighting):
    X, y = data(shape)
    s = weights(weighting, len(y))
    cv = SPLITTERS[splitter]
    model = skreg.L1RegressorCV(12, eps=1e-2, cv=cv, fit_intercept=intercept, tol=1e-14)
    model.fit(X, y, s)
    theirs = LassoCV(
        alphas=model.lambdas_, cv=cv, fit_intercept=intercept, tol=1e-12, max_iter=10**6
    )
    theirs.fit(X, y, s)
    assert_array_equal(model.lambdas_, theirs.alphas_)
    assert_allclose(model.mse_path_, theirs.mse_path_, rtol=1e-6)
    assert model.l1_lambda_ == model.lambda_min_ == theirs.alpha_
    assert_allclose(model.coef_, theirs.coef_, rtol=1e-5, atol=1e-6 * np.abs(model.coef_).max())
    assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-5)


def test_the_automatic_grid_is_that_of_lasso_cv(diabetes):
    X, y = diabetes
    model, theirs = skreg.L1RegressorCV().fit(X, y), LassoCV().fit(X, y)
    assert_allclose(model.lambdas_, theirs.alphas_, rtol=1e-12)
    assert_allclose(model.mse_path_, theirs.mse_path_, rtol=1e-3)  # at their default tolerance
    assert model.mse_path_.shape == (100, 5)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("positive", [False, True])
@each_shape
def test_the_errors_of_the_folds_are_those_of_elastic_net_cv(shape, positive, layout):
    """scikit-learn moves both parts of the penalty along the path: one value at a time here."""
    X, y = data(shape)
    X = layout(X)
    alphas, share, cv = np.array([0.5, 0.1, 0.02]), 0.7, KFold(5)
    options = {"cv": cv, "positive": positive}
    theirs = ElasticNetCV(l1_ratio=share, alphas=alphas, tol=1e-12, max_iter=10**6, **options).fit(
        X, y
    )
    for k, alpha in enumerate(alphas):
        model = skreg.L1RegressorCV(
            [alpha * share], l2_lambda=alpha * (1 - share), tol=1e-14, **options
        )
        assert_allclose(model.fit(X, y).mse_path_[0], theirs.mse_path_[k], rtol=1e-6)


@each_shape
@with_or_without_intercept
@weighted_or_not
def test_leaving_one_out_is_that_of_ridge_cv(shape, intercept, weighting):
    X, y = data(shape)
    s = weights(weighting, len(y))
    total = len(y) if s is None else s.sum()
    values = np.geomspace(1e2, 1e-4, 15)
    model = skreg.L2RegressorCV(values, fit_intercept=intercept).fit(X, y, s)
    theirs = RidgeCV(values * total, fit_intercept=intercept, store_cv_results=True).fit(X, y, s)
    # their squared errors carry the weight of their row
    assert_allclose(model.mse_mean_, theirs.cv_results_.sum(axis=0) / total, rtol=1e-8)
    assert_allclose(model.l2_lambda_ * total, theirs.alpha_, rtol=1e-14)
    assert_allclose(model.coef_, theirs.coef_, rtol=1e-8, atol=1e-9 * np.abs(model.coef_).max())
    assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-8)


@each_shape
@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "neg_mean_squared_error"])
@weighted_or_not
def test_scores_of_rows_left_out_are_those_of_ridge_cv(shape, scoring, weighting):
    """All predictions are in one score, and the scorer is given the weights."""
    X, y = data(shape)
    s = weights(weighting, len(y))
    total = len(y) if s is None else s.sum()
    values = np.geomspace(10, 1e-3, 7)
    model = skreg.L2RegressorCV(values, scoring=scoring).fit(X, y, s)
    for k, value in enumerate(values):
        theirs = RidgeCV([value * total], scoring=scoring).fit(X, y, s)
        assert_allclose(model.score_path_[k], [theirs.best_score_], rtol=1e-8)
    assert model.l2_lambda_ == values[model.score_path_[:, 0].argmax()]
    assert not hasattr(model, "lambda_1se_")


@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("positive", [False, True])
@with_or_without_intercept
def test_the_information_criteria_are_those_of_lasso_lars(criterion, positive, intercept, diabetes):
    """Between the kinks, where no coefficient is just entering; they only take the kinks."""
    X, y = diabetes
    options = {"criterion": criterion, "positive": positive, "fit_intercept": intercept}
    theirs = LassoLarsIC(**options).fit(X, y)
    kinks = theirs.alphas_[theirs.alphas_ > 1e-10]
    model = skreg.L1RegressorCV(kinks * (1 - 1e-9), tol=1e-13, **options).fit(X, y)
    at_kinks = theirs.criterion_[: len(kinks)]
    entering = model.criterion_path_ - at_kinks  # just below a kink, one more coefficient counts
    price = 2 if criterion == "aic" else np.log(len(y))
    steps = np.round(entering / price)
    assert_allclose(model.criterion_path_, at_kinks + price * steps, rtol=1e-7)
    assert set(steps) <= {-1.0, 0.0, 1.0}
    assert_allclose(model.noise_variance_, theirs.noise_variance_, rtol=1e-9)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_the_best_value_of_the_whole_path_is_a_kink(criterion, diabetes):
    X, y = diabetes
    model, theirs = (
        cls(criterion=criterion).fit(X, y) for cls in (skreg.L1RegressorCV, LassoLarsIC)
    )
    assert_allclose(model.l1_lambda_, theirs.alpha_, rtol=1e-9)
    assert_allclose(model.criterion_path_.min(), theirs.criterion_.min(), rtol=1e-9)
    assert_allclose(model.coef_, theirs.coef_, atol=1e-8 * np.abs(theirs.coef_).max())


# ---------------------------------------------------------------------------- GridSearchCV

L1, L2, DROPOUT = skreg.L1Regressor, skreg.L2Regressor, skreg.DropoutRegressor
STRENGTHS, RATES = np.geomspace(2.0, 5e-3, 6), np.linspace(0.9, 0.01, 6)
SEARCHES = {
    "l1": (L1, "l1_lambda", STRENGTHS, {"tol": 1e-14}),
    "elastic net": (L1, "l1_lambda", STRENGTHS, {"tol": 1e-14, "l2_lambda": 0.1}),
    "positive": (L1, "l1_lambda", STRENGTHS, {"tol": 1e-14, "positive": True}),
    "l2": (L2, "l2_lambda", STRENGTHS, {}),
    "positive l2": (L2, "l2_lambda", STRENGTHS, {"tol": 1e-14, "positive": True}),
    "dropout": (DROPOUT, "dropout_rate", RATES, {}),
    "dropout to zero": (DROPOUT, "dropout_rate", RATES, {"drop_to": "zero", "l2_lambda": 0.05}),
    "dropout and l1": (DROPOUT, "dropout_rate", RATES, {"tol": 1e-14, "l1_lambda": 0.1}),
}


def ours_of(name, cv, **options):
    """Our CV estimator for one of the searches."""
    cls, parameter, values, extra = SEARCHES[name]
    grid = "dropout_rates" if parameter == "dropout_rate" else "lambdas"
    return getattr(skreg, f"{cls.__name__}CV")(**{grid: values}, cv=cv, **extra, **options)


def both(name, X, y, cv, scoring=None, **options):
    """Our CV estimator and GridSearchCV over our regressor, fitted to the same."""
    cls, parameter, values, extra = SEARCHES[name]
    ours = ours_of(name, cv, scoring=scoring, **options)
    regressor, scoring = cls(**extra, **options), scoring or "neg_mean_squared_error"
    search = GridSearchCV(regressor, {parameter: values}, cv=cv, scoring=scoring)
    return ours.fit(X, y), search.fit(X, y), parameter


def split_scores(search):
    k = search.n_splits_
    return np.array([search.cv_results_[f"split{i}_test_score"] for i in range(k)]).T


@pytest.mark.parametrize("name", SEARCHES)
@each_shape
@pytest.mark.parametrize(("targets", "scoring"), [(None, None), (2, "r2")])
def test_the_scores_and_the_choice_are_those_of_grid_search(name, shape, targets, scoring):
    X, y = data(shape, targets=targets)
    cv = KFold(4, shuffle=True, random_state=1)
    ours, search, parameter = both(name, X, y, cv, scoring)
    scores = -ours.mse_path_ if scoring is None else ours.score_path_
    assert_allclose(scores, split_scores(search), rtol=1e-6)
    assert getattr(ours, f"{parameter}_") == search.best_params_[parameter]
    best = search.best_estimator_
    assert_allclose(ours.coef_, best.coef_, rtol=1e-6, atol=1e-7 * np.abs(best.coef_).max())
    assert_allclose(ours.predict(X), search.predict(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SEARCHES)
def test_weights_count_in_the_fits_and_in_the_scores(name):
    """As in a grid search that routes them to both; a third of the weights are 0."""
    X, y = data("tall" if name in ("l1", "positive l2", "dropout to zero") else "wide")
    s = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    cls, parameter, values, extra = SEARCHES[name]
    model = ours_of(name, 4, scoring="r2")
    ours = ours_of(name, 4, scoring="r2").fit(X, y, s)
    with config_context(enable_metadata_routing=True):
        regressor = cls(**extra).set_fit_request(sample_weight=True)
        scoring = {
            name: get_scorer(name).set_score_request(sample_weight=True)
            for name in ("r2", "neg_mean_squared_error")
        }
        search = GridSearchCV(regressor, {parameter: values}, cv=4, scoring=scoring, refit="r2")
        search.fit(X, y, sample_weight=s)
        routed = model.set_params(scoring=scoring["r2"]).set_fit_request(sample_weight=True)
        assert_allclose(routed.fit(X, y, sample_weight=s).score_path_, ours.score_path_)
    for key, path in ("r2", ours.score_path_), ("neg_mean_squared_error", -ours.mse_path_):
        expected = [search.cv_results_[f"split{k}_test_{key}"] for k in range(4)]
        assert_allclose(path, np.transpose(expected), rtol=1e-6)
    assert getattr(ours, f"{parameter}_") == search.best_params_[parameter]


@pytest.mark.parametrize("name", ["l1", "l2", "dropout"])
@pytest.mark.parametrize(
    "splitter",
    [
        ShuffleSplit(3, test_size=0.3, random_state=0),
        LeaveOneOut(),
        PredefinedSplit(np.where(np.arange(60) % 7 == 0, -1, np.arange(60) // 20)),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_any_splitter_will_do(name, splitter):
    X, y = data("tall")
    if isinstance(splitter, LeaveOneOut):
        X, y = X[:12], y[:12]
    ours, search, parameter = both(name, X, y, splitter)
    assert_allclose(-ours.mse_path_, split_scores(search), rtol=1e-6)
    assert getattr(ours, f"{parameter}_") == search.best_params_[parameter]


@pytest.mark.parametrize("name", ["l1", "l2", "dropout"])
@each_shape
def test_groups_reach_the_splitter_by_metadata_routing(name, shape):
    X, y = data(shape)
    groups = np.arange(len(y)) % 7
    ours, search, _ = both(name, X, y, list(GroupKFold(3).split(X, y, groups)))
    model = ours_of(name, GroupKFold(3))
    with config_context(enable_metadata_routing=True):
        model.fit(X, y, groups=groups)
    assert_array_equal(model.mse_path_, ours.mse_path_)
    assert_allclose(-model.mse_path_, split_scores(search), rtol=1e-6)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize(
    ("shape", "layout"),
    [("tall", sp.csr_array), ("wide", sp.csc_matrix), ("tall", np.asfortranarray)],
)
def test_layouts_give_the_same(name, shape, layout):
    X, y = data(shape)
    dense = ours_of(name, 4).fit(X, y)
    other = ours_of(name, 4).fit(layout(X), y)
    assert_allclose(other.mse_path_, dense.mse_path_, rtol=1e-7)
    assert_allclose(other.predict(layout(X)), dense.predict(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["l1", "l2", "dropout", "dropout to zero"])
@each_shape
def test_far_columns_keep_their_digits(name, shape):
    """Columns around 2^20: what the folds see is the data less one shift, given back exactly."""
    X, y = data(shape)
    X = np.round(X * 2**20) / 2**20 + 2.0**20 * (np.arange(X.shape[1]) % 2)
    ours, search, parameter = both(name, X, y, 4)
    assert_allclose(-ours.mse_path_, split_scores(search), rtol=1e-6)
    assert getattr(ours, f"{parameter}_") == search.best_params_[parameter]


def test_penalty_weights_hold_in_the_folds():
    X, y = data("tall")
    v = np.array([0, 1, np.inf, 2, 1, 0.5, 0, 1])
    for name in ("l1", "l2", "dropout and l1"):
        ours, search, _ = both(name, X, y, 4, penalty_weights=v)
        assert_allclose(-ours.mse_path_, split_scores(search), rtol=1e-6)


def test_generalised_cross_validation_by_the_hat_matrix():
    X, y = data("tall")
    n = len(y)
    model = skreg.L2RegressorCV(STRENGTHS, criterion="gcv").fit(X, y)
    A = X - X.mean(axis=0)
    for value, score in zip(STRENGTHS, model.criterion_path_, strict=True):
        hat = A @ np.linalg.solve(A.T @ A + n * value * np.eye(8), A.T) + 1 / n
        expected = np.mean((y - hat @ y) ** 2) / (1 - np.trace(hat) / n) ** 2
        assert_allclose(score, expected, rtol=1e-10)


def test_the_criteria_of_an_elastic_net_count_its_trace():
    X, y = data("tall")
    model = skreg.L1RegressorCV(STRENGTHS, l2_lambda=0.3, criterion="aic").fit(X, y)
    A, n = X - X.mean(axis=0), len(y)
    residual = y - LinearRegression().fit(X, y).predict(X)
    noise = residual @ residual / (n - 9)
    for value, score in zip(STRENGTHS, model.criterion_path_, strict=True):
        fitted = L1(value, l2_lambda=0.3).fit(X, y)
        B = A[:, fitted.coef_ != 0]
        df = np.trace(np.linalg.solve(B.T @ B + n * 0.3 * np.eye(B.shape[1]), B.T @ B))
        rss = np.sum((y - fitted.predict(X)) ** 2)
        expected = n * np.log(2 * np.pi * noise) + rss / noise + 2 * df
        assert_allclose(score, expected, rtol=1e-9)


# ---------------------------------------------------------------------------- R

# library(glmnet)  # 4.1.6, R 4.2.2; X, y: the first 440 rows of scikit-learn's diabetes data
# fold <- rep(1:10, each=44); lambda <- 2 * 0.75^(0:11)
# fit <- cv.glmnet(X, y, foldid=fold, lambda=lambda, standardize=FALSE, thresh=1e-20, maxit=1e8)
# fit$cvm; fit$cvsd; fit$lambda.min; fit$lambda.1se
# and with weights=rep(c(1, 3), 220), penalty.factor=rep(c(0.5, 1.5), 5); lower.limits=0;
# intercept=FALSE. Penalty factors of sum p are not rescaled, folds of equal weight weigh the same.
GLMNET = {
    "plain": (
        {},
        [
            5738.000417396, 4658.287564252, 4040.185629977, 3661.090642529,
            3423.788189887, 3268.069155888, 3180.711415118, 3127.842758096,
            3072.506292963, 3046.124251102, 3025.168570899, 3007.362346120,
        ],
        [
            409.9990173126, 303.0412684758, 245.9066011159, 221.1232139923,
            215.0789208153, 214.5086380106, 216.2973869738, 218.7900964271,
            220.6355192365, 223.2058144300, 226.4107105662, 229.1610963308,
        ],
        (11, 6),
    ),
    "weights and penalty factors": (
        {"penalty_weights": np.tile([0.5, 1.5], 5), "sample_weight": np.tile([1.0, 3.0], 220)},
        [
            3800.699629562, 3509.454699708, 3345.578116463, 3243.065208730,
            3181.369165512, 3147.843993002, 3134.055424153, 3080.180219251,
            3003.956811069, 2946.955061979, 2920.044340261, 2904.988121266,
        ],
        [
            248.9629044493, 244.1528015817, 247.9924661842, 253.6867710002,
            258.9078775770, 263.5146954591, 269.5782486195, 275.2440202077,
            274.8226389869, 271.2589934932, 269.3191579853, 268.6803699461,
        ],
        (11, 5),
    ),
    "positive": (
        {"positive": True},
        [
            5738.000417396, 4658.287564252, 4040.185629977, 3661.090642529,
            3428.004100509, 3296.934718800, 3228.442436173, 3194.752040272,
            3176.446186791, 3165.870174612, 3159.949269956, 3156.949480986,
        ],
        [
            409.9990173126, 303.0412684758, 245.9066011159, 221.1232139923,
            215.5542269270, 216.6374411014, 218.6701025151, 220.6861869027,
            222.2565162232, 223.5704637271, 224.5379858399, 225.3356702752,
        ],
        (11, 5),
    ),
    "no intercept": (
        {"fit_intercept": False},
        [
            29023.23817316, 28125.49361238, 27505.79872935, 27158.53911283,
            26950.63293994, 26809.46936044, 26746.34776005, 26779.10117873,
            26864.01619924, 26918.05530852, 26964.19487826, 27005.91030435,
        ],
        [
            1124.1926867116, 892.9391839101, 686.6712564107, 545.0152938583,
            453.2215253081, 397.3753300413, 379.6587876405, 397.6193453295,
            430.0632745835, 467.1243439740, 499.2304323279, 524.3274184427,
        ],
        (6, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GLMNET)
def test_one_standard_error_is_that_of_glmnet(name, diabetes):
    options, mean, se, (best, within) = GLMNET[name]
    X, y = diabetes[0][:440], diabetes[1][:440]
    lambdas = 2 * 0.75 ** np.arange(12)
    options = options.copy()
    s = options.pop("sample_weight", None)
    folds = PredefinedSplit(np.repeat(np.arange(10), 44))
    model = skreg.L1RegressorCV(lambdas, cv=folds, selection="1se", **options).fit(X, y, s)
    assert_allclose(model.mse_mean_, mean, rtol=1e-8)
    assert_allclose(model.mse_se_, se, rtol=1e-8)
    assert model.lambda_min_ == lambdas[best]
    assert model.l1_lambda_ == model.lambda_1se_ == lambdas[within]
