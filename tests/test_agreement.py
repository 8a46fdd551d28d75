"""Every estimator agrees with what is known: scikit-learn, closed forms, our optimum, itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import (
    Problem,
    assert_certified,
    assert_coef,
    assert_same_fit,
    regression,
    solve,
    solvers_for,
    sparse_regression,
)
from oracles.masks import masked_losses
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from skreg import DropoutRegressor, L1Regressor, L2Regressor

TIGHT = 1e-13
SKLEARN = {"tol": 1e-14, "max_iter": 1_000_000}

RATES = np.linspace(0.05, 0.6, 12)
PENALTIES = {
    "lasso": (L1Regressor, {"l1_lambda": 0.05}),
    "elastic-net": (L1Regressor, {"l1_lambda": 0.05, "l2_lambda": 0.1}),
    "ridge": (L2Regressor, {"l2_lambda": 0.1}),
    "dropout": (DropoutRegressor, {"dropout_rate": 0.3}),
    "dropout-rates": (DropoutRegressor, {"dropout_rate": RATES}),
    "dropout-to-zero": (DropoutRegressor, {"dropout_rate": 0.3, "drop_to": "zero"}),
    "dropout-l2": (DropoutRegressor, {"dropout_rate": 0.3, "l2_lambda": 0.1}),
    "dropout-l1": (DropoutRegressor, {"dropout_rate": 0.3, "l1_lambda": 0.05}),
    "dropout-l1-l2": (
        DropoutRegressor,
        {"dropout_rate": RATES, "l1_lambda": 0.05, "l2_lambda": 0.1, "drop_to": "zero"},
    ),
}


def fits(*, positive=False, sparse=False, only=PENALTIES):
    """Parametrize a test over every penalty with every exact solver that can do it."""
    cases = []
    for name in only:
        cls, params = PENALTIES[name]
        l1 = params.get("l1_lambda", 0.0)
        for solver in solvers_for(cls, l1=l1, positive=positive, sparse=sparse):
            fixed = {**params, "solver": solver, "positive": positive, "tol": TIGHT}
            cases.append(pytest.param(cls, fixed, id=f"{name}-{solver}"))
    return pytest.mark.parametrize(("cls", "params"), cases)


def weights_for(n, seed=5):
    """Whole-number sample weights with zeros among them, so that rows can be repeated instead."""
    return np.random.default_rng(seed).integers(0, 4, n).astype(float)


# ---------------------------------------------------------------------------- our own optimum


@pytest.mark.parametrize("shape", [(50, 12), (12, 12), (9, 12)], ids=["tall", "square", "wide"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@fits()
def test_the_exact_solvers_find_the_optimum(cls, params, fit_intercept, shape):
    X, y = regression(*shape)
    model = cls(**params, fit_intercept=fit_intercept).fit(X, y)
    assert_coef(model, *solve(model, X, y))
    assert_certified(model, X, y, tol=TIGHT)
    assert model.solver_ == params["solver"]
    assert model.n_iter_ >= 1


@fits(positive=True)
def test_positive_coefficients_are_optimal_among_the_positive(cls, params):
    X, y = regression()
    model = cls(**params).fit(X, y)
    assert (model.coef_ >= 0).all()
    assert (model.coef_ == 0).any()
    assert (model.coef_ > 0).any()
    assert_coef(model, *solve(model, X, y))
    assert_certified(model, X, y, tol=TIGHT)


@fits()
def test_weights_of_rows_and_of_penalties_enter_the_objective(cls, params):
    X, y = regression()
    v = np.linspace(0.2, 3.0, X.shape[1])
    s = np.random.default_rng(1).uniform(0, 2, len(y))
    model = cls(**params, penalty_weights=v).fit(X, y, sample_weight=s)
    assert_coef(model, *solve(model, X, y, s))
    assert_certified(model, X, y, s, tol=TIGHT)


@pytest.mark.parametrize("fit_intercept", [True, False])
@fits(sparse=True)
def test_sparse_fits_find_the_optimum(cls, params, fit_intercept):
    X, y = sparse_regression(p=12)
    s = np.random.default_rng(1).uniform(0, 2, len(y))
    model = cls(**params, fit_intercept=fit_intercept).fit(X, y, sample_weight=s)
    assert_coef(model, *solve(model, X, y, s))
    assert_certified(model, X, y, s, tol=TIGHT)


@fits(sparse=True)
def test_a_sparse_fit_equals_the_dense_one(cls, params):
    X, y = sparse_regression(p=12)
    s = weights_for(len(y))
    model = cls(**params)
    sparse = model.fit(X, y, sample_weight=s)
    dense = cls(**params).fit(X.toarray(), y, sample_weight=s)
    assert_same_fit(sparse, dense)
    assert_allclose(sparse.predict(X), dense.predict(X.toarray()), rtol=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("shape", [(50, 12), (9, 12)], ids=["tall", "wide"])
def test_auto_is_an_exact_solver(name, shape):
    cls, params = PENALTIES[name]
    X, y = regression(*shape)
    model = cls(**params, tol=TIGHT).fit(X, y)
    assert model.solver_ in solvers_for(cls, l1=params.get("l1_lambda", 0.0))
    assert_coef(model, *solve(model, X, y))


@fits()
def test_the_default_tolerance_is_met_and_claimed_honestly(cls, params):
    """At whatever tolerance: gap <= tol, by our own dual point as by the estimator's."""
    X, y = regression(seed=3)
    for tol in (1e-2, 1e-6, 1e-10):
        assert_certified(cls(**{**params, "tol": tol}).fit(X, y), X, y, tol=tol)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 2, 3])
@pytest.mark.parametrize(
    "model",
    [
        L1Regressor(0.02),
        L2Regressor(0.01, solver="cg"),
        L2Regressor(0.01, solver="newton"),
        DropoutRegressor(0.1, l1_lambda=0.02),
    ],
    ids=repr,
)
def test_the_certificate_covers_the_true_suboptimality(model, max_iter):
    """A fit that was stopped early claims a gap no smaller than its objective's excess."""
    X, y = regression(60, 100)
    model = clone(model).set_params(max_iter=max_iter).fit(X, y)
    problem = Problem.of(model, X, y)
    excess = problem.objective(model.coef_, model.intercept_)
    excess -= problem.objective(*problem.solve())
    assert excess > 1e-3 * problem.null or max_iter > 1  # the first iterate does lie apart
    assert model.dual_gap_ >= excess - 1e-14 * problem.null


# ---------------------------------------------------------------------------- scikit-learn


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_l1_is_lasso_and_elastic_net(l2, weighted, fit_intercept, positive):
    X, y = regression()
    s = weights_for(len(y)) if weighted else None
    shared = {"fit_intercept": fit_intercept, "positive": positive, **SKLEARN}
    if l2:
        theirs = ElasticNet(0.05 + l2, l1_ratio=0.05 / (0.05 + l2), **shared)
    else:
        theirs = Lasso(0.05, **shared)
    theirs.fit(X, y, sample_weight=s)
    ours = L1Regressor(
        0.05, l2_lambda=l2, fit_intercept=fit_intercept, positive=positive, tol=TIGHT
    ).fit(X, y, sample_weight=s)
    assert_same_fit(ours, theirs)
    assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@fits(only=["ridge"])
def test_l2_is_ridge_at_the_sum_of_the_weights(cls, params, weighted, fit_intercept):
    X, y = regression()
    s = weights_for(len(y)) if weighted else None
    total = s.sum() if weighted else len(y)
    theirs = Ridge(total * 0.1, fit_intercept=fit_intercept).fit(X, y, sample_weight=s)
    ours = cls(**params, fit_intercept=fit_intercept).fit(X, y, sample_weight=s)
    assert_same_fit(ours, theirs)


def test_positive_ridge_is_elastic_net_without_l1():
    X, y = regression()
    theirs = Ridge(len(y) * 0.1, positive=True, tol=1e-14, max_iter=100_000).fit(X, y)
    assert_same_fit(L2Regressor(0.1, positive=True, tol=TIGHT).fit(X, y), theirs)


@pytest.mark.parametrize(
    ("cls", "strength"), [(L1Regressor, "l1_lambda"), (L2Regressor, "l2_lambda")]
)
def test_positive_at_strength_zero_is_nonnegative_least_squares(cls, strength):
    X, y = regression()
    ours = cls(**{strength: 0.0}, positive=True, fit_intercept=False, tol=TIGHT).fit(X, y)
    assert_coef(ours, nnls(X, y)[0])


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
@fits(only=["dropout", "dropout-rates"])
def test_dropout_is_ridge_on_rescaled_columns(cls, params, drop_to, fit_intercept):
    X, y = regression()
    s = weights_for(len(y))
    q = params["dropout_rate"]
    centre = np.average(X, axis=0, weights=s) if drop_to == "mean" else 0.0
    moment = np.average((X - centre) ** 2, axis=0, weights=s)
    scale = np.sqrt(q / (1 - q) * moment)
    theirs = Ridge(s.sum(), fit_intercept=fit_intercept).fit(X / scale, y, sample_weight=s)
    ours = cls(**params, drop_to=drop_to, fit_intercept=fit_intercept)
    ours.fit(X, y, sample_weight=s)
    assert_coef(ours, theirs.coef_ / scale, theirs.intercept_)


def strength_zero(sparse=False):
    """Every estimator at strength 0 with every exact solver."""
    zero = {
        L1Regressor: {"l1_lambda": 0.0},
        L2Regressor: {"l2_lambda": 0.0},
        DropoutRegressor: {"dropout_rate": 0.0},
    }
    return pytest.mark.parametrize(
        ("cls", "params"),
        [
            pytest.param(
                cls, {**params, "solver": solver, "tol": TIGHT}, id=f"{cls.__name__}-{solver}"
            )
            for cls, params in zero.items()
            for solver in ["auto", *solvers_for(cls, sparse=sparse)]
        ],
    )


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("shape", [(50, 12), (12, 40)], ids=["tall", "wide"])
@strength_zero()
def test_strength_zero_is_least_squares_of_minimum_norm(cls, params, shape, fit_intercept):
    X, y = regression(*shape)
    theirs = LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    ours = cls(**params, fit_intercept=fit_intercept).fit(X, y)
    assert_same_fit(ours, theirs)


@pytest.mark.parametrize("shape", [(2, 3), (3, 20), (5, 4)], ids=str)
@pytest.mark.parametrize(
    ("sparse", "offset"), [(False, 0.0), (False, 10.0), (False, 1e3), (True, 0.0), (True, 10.0)]
)
@strength_zero()
def test_least_squares_of_few_rows_far_from_the_origin(cls, params, sparse, shape, offset):
    """Centring leaves n - 1 dimensions and rounding in one more, which is not to be fitted."""
    if sparse and params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    rng = np.random.default_rng(0)
    for _ in range(5):
        X, y = offset + rng.normal(size=shape), rng.normal(size=shape[0])
        model = cls(**{**params, "tol": 1e-12}).fit(sp.csr_array(X) if sparse else X, y)
        centred = X - X.mean(axis=0)
        expected = np.linalg.pinv(centred, rcond=1e-9) @ (y - y.mean())
        assert_allclose(model.coef_, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


@strength_zero()
def test_strength_zero_with_dependent_columns_is_of_minimum_norm(cls, params):
    X, y = regression()
    X = np.hstack([X, X[:, :3], X[:, 3:6] - 2 * X[:, 6:9], np.ones((len(y), 1))])
    s = weights_for(len(y))
    theirs = LinearRegression().fit(X, y, sample_weight=s)
    assert_same_fit(cls(**params).fit(X, y, sample_weight=s), theirs)


@pytest.mark.parametrize("rank_deficient", [False, True])
@strength_zero(sparse=True)
def test_sparse_least_squares_is_of_minimum_norm(cls, params, rank_deficient):
    X, y = sparse_regression()
    if rank_deficient:
        X = sp.csr_array(sp.hstack([X, X[:, :4]]))
    theirs = LinearRegression().fit(X.toarray(), y)
    assert_same_fit(cls(**params).fit(X, y), theirs)


# ---------------------------------------------------------------------------- dropout by masks


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
@pytest.mark.parametrize("rate", [0.4, np.array([0.1, 0.7, 0.3, 0.5])], ids=["rate", "rates"])
def test_dropout_minimises_the_average_over_many_masks(rate, drop_to, fit_intercept):
    X, y = regression(30, 4)
    s = weights_for(len(y))
    model = DropoutRegressor(rate, drop_to=drop_to, fit_intercept=fit_intercept)
    model.fit(X, y, sample_weight=s)
    values = masked_losses(X, y, model, s)
    if not fit_intercept:
        values = values[:, :-1]
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    expected = np.zeros(len(mean))
    expected[0] = Problem.of(model, X, y, s).objective(model.coef_, model.intercept_)
    assert (np.abs(mean - expected) <= 3 * error).all()
    # and the average can tell: least squares is far from its minimum
    model.coef_ = np.linalg.lstsq(X, y, rcond=None)[0]
    values = masked_losses(X, y, model, s, draws=400)[:, 1:5]
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0)) > 10 * error).any()


def test_dropout_to_the_mean_does_not_feel_a_shift_of_a_column():
    X, y = regression()
    shifted = DropoutRegressor(0.3).fit(X + np.arange(X.shape[1]), y)
    assert_coef(shifted, DropoutRegressor(0.3).fit(X, y).coef_)


def test_both_kinds_of_dropout_coincide_on_centred_columns():
    X, y = regression()
    X = X - X.mean(axis=0)
    zero = DropoutRegressor(0.3, drop_to="zero").fit(X, y)
    assert_same_fit(zero, DropoutRegressor(0.3).fit(X, y))


# ---------------------------------------------------------------------------- penalty weights


@pytest.mark.parametrize("positive", [False, True])
def test_adaptive_lasso_is_lasso_on_rescaled_columns(positive):
    X, y = regression()
    v = np.linspace(0.3, 2.0, X.shape[1])
    theirs = Lasso(0.05, positive=positive, **SKLEARN).fit(X / v, y)
    ours = L1Regressor(0.05, penalty_weights=v, positive=positive, tol=TIGHT).fit(X, y)
    assert_coef(ours, theirs.coef_ / v, theirs.intercept_)


@fits(only=["ridge"])
def test_weighted_ridge_is_ridge_on_rescaled_columns(cls, params):
    X, y = regression()
    v = np.linspace(0.3, 2.0, X.shape[1])
    theirs = Ridge(0.1 * len(y)).fit(X / np.sqrt(v), y)
    ours = cls(**params, penalty_weights=v).fit(X, y)
    assert_coef(ours, theirs.coef_ / np.sqrt(v), theirs.intercept_)


@pytest.mark.parametrize("sparse", [False, True])
@fits(only=["lasso", "elastic-net", "ridge"])
def test_weight_zero_leaves_a_feature_unpenalised(cls, params, sparse):
    """The same as projecting it out of X and y, like the intercept."""
    if sparse and params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    X, y = sparse_regression() if sparse else regression()
    dense = X.toarray() if sparse else X
    v = np.ones(X.shape[1])
    v[:3] = 0.0
    nuisance = np.column_stack([np.ones(len(y)), dense[:, :3]])
    project = np.eye(len(y)) - nuisance @ np.linalg.pinv(nuisance)
    rest = cls(**params, fit_intercept=False).fit(project @ dense[:, 3:], project @ y)
    model = cls(**params, penalty_weights=v).fit(X, y)
    assert_allclose(model.coef_[3:], rest.coef_, rtol=1e-6, atol=1e-7)
    loose = np.linalg.lstsq(nuisance, y - dense[:, 3:] @ rest.coef_, rcond=None)[0]
    assert_allclose([model.intercept_, *model.coef_[:3]], loose, rtol=1e-6, atol=1e-7)
    assert_certified(model, X, y, tol=TIGHT)


@pytest.mark.parametrize("sparse", [False, True])
@fits()
def test_weight_infinity_drops_the_feature(cls, params, sparse):
    if sparse and params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    X, y = sparse_regression(p=12) if sparse else regression()
    v = np.linspace(0.5, 1.5, X.shape[1])
    out = np.arange(X.shape[1]) % 4 == 1
    without = {key: value[~out] if np.ndim(value) else value for key, value in params.items()}
    expected = cls(**without, penalty_weights=v[~out]).fit(X[:, ~out], y)
    v[out] = np.inf
    model = cls(**params, penalty_weights=v).fit(X, y)
    assert_array_equal(model.coef_[out], 0)
    assert_allclose(model.coef_[~out], expected.coef_, rtol=1e-6, atol=1e-8)
    assert_allclose(model.intercept_, expected.intercept_, rtol=1e-6)


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor])
def test_infinite_weights_exclude_even_at_strength_zero(cls):
    X, y = regression()
    v = np.array([np.inf, *np.ones(X.shape[1] - 1)])
    model = cls(0.0, penalty_weights=v).fit(X, y)
    assert model.coef_[0] == 0
    assert_allclose(model.coef_[1:], LinearRegression().fit(X[:, 1:], y).coef_, rtol=1e-6)


def test_penalty_weights_are_not_rescaled():
    """Unlike glmnet's penalty.factor: twice the weights are twice the strength."""
    X, y = regression()
    twice = L1Regressor(0.05, penalty_weights=np.full(X.shape[1], 2.0)).fit(X, y)
    assert_same_fit(twice, L1Regressor(0.1).fit(X, y))


# ---------------------------------------------------------------------------- targets and weights


@pytest.mark.parametrize("sparse", [False, True])
@fits()
def test_several_targets_are_several_fits(cls, params, sparse):
    if sparse and params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    X, Y = regression(targets=3)
    X = sp.csr_array(X) if sparse else X
    s = weights_for(len(Y))
    together = cls(**params).fit(X, Y, sample_weight=s)
    assert together.coef_.shape == (3, X.shape[1])
    assert np.shape(together.intercept_) == np.shape(together.dual_gap_) == (3,)
    assert together.predict(X).shape == Y.shape
    for k, target in enumerate(Y.T):
        alone = cls(**params).fit(X, target, sample_weight=s)
        assert_allclose(together.coef_[k], alone.coef_, rtol=1e-6, atol=1e-8)
        assert_allclose(together.intercept_[k], alone.intercept_, rtol=1e-6)
    assert_certified(together, X, Y, s, tol=TIGHT)


@fits()
def test_a_column_of_targets_gives_a_row_of_coefficients(cls, params):
    X, y = regression()
    column = cls(**params).fit(X, y[:, None])
    assert column.coef_.shape == (1, X.shape[1])
    assert column.intercept_.shape == (1,)
    assert column.predict(X).shape == (len(y), 1)
    assert_allclose(column.coef_[0], cls(**params).fit(X, y).coef_, rtol=1e-6, atol=1e-8)


def repeated(X, y, s):
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    return X[rows], y[rows]


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", PENALTIES)
def test_sample_weights_are_repetitions_of_rows(name, sparse, positive):
    """For every exact solver, at the default tolerance."""
    cls, params = PENALTIES[name]
    X, y = sparse_regression(p=12) if sparse else regression()
    s = weights_for(len(y))
    for solver in solvers_for(
        cls, l1=params.get("l1_lambda", 0.0), positive=positive, sparse=sparse
    ):
        model = {**params, "solver": solver, "positive": positive}
        weighted = cls(**model).fit(X, y, sample_weight=s)
        assert_same_fit(weighted, cls(**model).fit(*repeated(X, y, s)), rtol=1e-7)


@fits()
def test_only_the_ratios_of_sample_weights_matter(cls, params):
    X, y = regression()
    s = weights_for(len(y))
    once, scaled = (cls(**params).fit(X, y, sample_weight=c * s) for c in (1.0, 1e-3))
    assert_same_fit(scaled, once)
    assert_allclose(scaled.dual_gap_, once.dual_gap_, atol=1e-12)


def test_a_single_number_weighs_all_rows_alike():
    X, y = regression()
    assert_same_fit(L1Regressor(0.05).fit(X, y, sample_weight=3), L1Regressor(0.05).fit(X, y))


# ---------------------------------------------------------------------------- itself


@pytest.mark.parametrize("name", [n for n in PENALTIES if "l1" not in PENALTIES[n][1]])
@pytest.mark.parametrize("shape", [(50, 12), (9, 12)], ids=["tall", "wide"])
def test_all_exact_solvers_agree(name, shape):
    cls, params = PENALTIES[name]
    X, y = regression(*shape)
    l1 = params.get("l1_lambda", 0.0)
    models = [cls(**params, solver=s, tol=TIGHT).fit(X, y) for s in solvers_for(cls, l1=l1)]
    for model in models[1:]:
        assert_same_fit(model, models[0])


@pytest.mark.parametrize("sparse", [False, True])
@fits()
def test_float32_is_float64_to_four_digits(cls, params, sparse):
    if sparse and params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    X, y = sparse_regression(p=12) if sparse else regression()
    params = {**params, "tol": 1e-6}
    single = cls(**params).fit(X.astype(np.float32), y.astype(np.float32))
    double = cls(**{**params, "tol": TIGHT}).fit(X, y)
    assert single.coef_.dtype == np.float32
    assert_allclose(single.coef_, double.coef_, rtol=1e-4, atol=1e-4 * np.abs(double.coef_).max())
    assert_allclose(single.predict(X), double.predict(X), rtol=1e-4, atol=1e-4 * np.ptp(y))


@pytest.mark.parametrize("name", PENALTIES)
def test_float32_fits_at_the_default_tolerance_without_a_warning(name):
    cls, params = PENALTIES[name]
    X, y = regression()
    single = cls(**params).fit(X.astype(np.float32), y.astype(np.float32))
    assert_allclose(single.coef_, cls(**params).fit(X, y).coef_, rtol=1e-4, atol=1e-4)


@fits()
def test_a_warm_start_reaches_the_same_optimum(cls, params):
    X, y = regression()
    strength = {"L1Regressor": "l1_lambda", "L2Regressor": "l2_lambda"}.get(
        cls.__name__, "dropout_rate"
    )
    elsewhere = {**params, strength: 0.7}
    model = cls(**elsewhere, warm_start=True).fit(X, y)
    model.set_params(**params).fit(X, y)
    assert_same_fit(model, cls(**params).fit(X, y))
    assert_certified(model, X, y, tol=TIGHT)


@pytest.mark.parametrize("targets", [None, 2])
@fits()
def test_any_start_reaches_the_same_optimum(cls, params, targets):
    X, y = regression(targets=targets)
    cold = cls(**params).fit(X, y)
    start = np.random.default_rng(3).normal(size=cold.coef_.shape) * 10
    assert_same_fit(cls(**params).fit(X, y, coef_init=start), cold)


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_predictions_are_x_coef_plus_intercept(cls):
    X, y = regression()
    model = cls().fit(X, y)
    assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_, rtol=1e-12)
    assert isinstance(model.intercept_, float)
    assert isinstance(model.dual_gap_, float)
    assert cls(fit_intercept=False).fit(X, y).intercept_ == 0.0


@pytest.mark.parametrize(
    ("cls", "strengths"),
    [
        (L1Regressor, ("l1_lambda", [0.0, 1e-3, 0.1, 1.0])),
        (L2Regressor, ("l2_lambda", [0.0, 1e-3, 0.1, 10.0])),
        (DropoutRegressor, ("dropout_rate", [0.0, 0.1, 0.5, 0.9])),
    ],
)
def test_more_strength_is_less_fit(cls, strengths):
    X, y = regression()
    name, values = strengths
    scores = [cls(**{name: value}).fit(X, y).score(X, y) for value in values]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 0.05
