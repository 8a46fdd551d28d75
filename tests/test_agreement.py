"""The coefficients are those of others: scikit-learn, closed forms, and the definition of dropout.

Where `test_optimality.py` bounds the objective, this compares the coefficients themselves.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import (
    Problem,
    assert_coef,
    assert_same_fit,
    regression,
    solvers_for,
    sparse_regression,
)
from oracles.masks import masked_losses
from scipy.optimize import nnls
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from skreg import DropoutRegressor, L1Regressor, L2Regressor

TIGHT = 1e-13
SKLEARN = {"tol": 1e-14, "max_iter": 1_000_000}
STRENGTH = {
    L1Regressor: "l1_lambda",
    L2Regressor: "l2_lambda",
    DropoutRegressor: "dropout_rate",
}
N_REPEATS = np.random.default_rng(5).integers(0, 4, 60)  # as weights, or as repetitions of rows


def wide():
    return regression(15, 30)


DATA = {
    "tall": regression,
    "wide": wide,
    "sparse": sparse_regression,
    "targets": lambda: regression(targets=3),
}
each_data = pytest.mark.parametrize("data", DATA)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])
each_weights = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


def load(data, weighted=False):
    """X, y and whole-number sample weights, zeros among them, or None."""
    X, y = DATA[data]()
    return X, y, N_REPEATS[: len(y)].astype(float) if weighted else None


def dense(X):
    return X.toarray() if sp.issparse(X) else X


def fitted(cls, solvers, X, y, s=None, **params):
    """The fits of "auto" and of every exact solver that can."""
    for solver in ["auto", *solvers]:
        yield cls(**params, solver=solver, tol=TIGHT).fit(X, y, sample_weight=s)


# ---------------------------------------------------------------------------- scikit-learn


@pytest.mark.parametrize("positive", [False, True], ids=["", "positive"])
@pytest.mark.parametrize(
    ("weighted", "fit_intercept"), [(True, True), (False, False)], ids=["weighted", "no intercept"]
)
@pytest.mark.parametrize("l2", [0.0, 0.1], ids=["lasso", "elastic-net"])
@pytest.mark.parametrize("data", ["tall", "wide", "sparse"])
def test_l1_is_lasso_and_elastic_net(data, l2, weighted, fit_intercept, positive):
    X, y, s = load(data, weighted)
    shared = {"fit_intercept": fit_intercept, "positive": positive, **SKLEARN}
    theirs = Lasso(0.05, **shared)
    if l2:
        theirs = ElasticNet(0.05 + l2, l1_ratio=0.05 / (0.05 + l2), **shared)
    theirs.fit(dense(X), y, sample_weight=s)
    params = {"l2_lambda": l2, "fit_intercept": fit_intercept, "positive": positive}
    solvers = solvers_for(L1Regressor, l1=0.05, positive=positive)
    for ours in fitted(L1Regressor, solvers, X, y, s, l1_lambda=0.05, **params):
        assert_same_fit(ours, theirs)
        assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)


@each_intercept
@each_weights
@each_data
def test_l2_is_ridge_at_the_sum_of_the_weights(data, weighted, fit_intercept):
    X, y, s = load(data, weighted)
    total = len(y) if s is None else s.sum()
    theirs = Ridge(total * 0.1, fit_intercept=fit_intercept, solver="svd")
    theirs.fit(dense(X), y, sample_weight=s)
    solvers = solvers_for(L2Regressor, sparse=sp.issparse(X))
    for ours in fitted(L2Regressor, solvers, X, y, s, l2_lambda=0.1, fit_intercept=fit_intercept):
        assert_same_fit(ours, theirs)


def test_positive_ridge_is_that_of_scikit_learn():
    X, y = regression()
    theirs = Ridge(len(y) * 0.1, positive=True, tol=1e-14, max_iter=100_000).fit(X, y)
    assert_same_fit(L2Regressor(0.1, positive=True, tol=TIGHT).fit(X, y), theirs)


@pytest.mark.parametrize(
    ("weighted", "fit_intercept"), [(True, True), (False, False)], ids=["weighted", "no intercept"]
)
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
@pytest.mark.parametrize("data", [*DATA, "dependent"])
def test_strength_zero_is_least_squares_of_minimum_norm(data, cls, weighted, fit_intercept):
    X, y, s = load("tall" if data == "dependent" else data, weighted)
    if data == "dependent":
        X = np.hstack([X, X[:, :3], X[:, 3:6] - 2 * X[:, 6:9], np.ones((len(y), 1))])
    theirs = LinearRegression(fit_intercept=fit_intercept).fit(dense(X), y, sample_weight=s)
    params = {STRENGTH[cls]: 0.0, "fit_intercept": fit_intercept}
    solvers = solvers_for(cls, sparse=sp.issparse(X))
    if data in ("wide", "dependent"):  # "svd", as "auto", takes the shortest of many minimisers
        solvers = {"svd"} & set(solvers)
    for ours in fitted(cls, solvers, X, y, s, **params):
        assert_same_fit(ours, theirs)


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor])
def test_positive_at_strength_zero_is_nonnegative_least_squares(cls):
    X, y = regression()
    ours = cls(0.0, positive=True, fit_intercept=False, tol=TIGHT).fit(X, y)
    assert_coef(ours, nnls(X, y)[0])


# ---------------------------------------------------------------------------- dropout


@each_intercept
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
@pytest.mark.parametrize("rate", [0.3, np.linspace(0.05, 0.6, 12)], ids=["rate", "rates"])
def test_dropout_is_ridge_on_rescaled_columns(rate, drop_to, fit_intercept):
    X, y, s = load("tall", weighted=True)
    centre = np.average(X, axis=0, weights=s) if drop_to == "mean" else 0.0
    moment = np.average((X - centre) ** 2, axis=0, weights=s)
    scale = np.sqrt(rate / (1 - rate) * moment)
    theirs = Ridge(s.sum(), fit_intercept=fit_intercept).fit(X / scale, y, sample_weight=s)
    params = {"dropout_rate": rate, "drop_to": drop_to, "fit_intercept": fit_intercept}
    for ours in fitted(DropoutRegressor, solvers_for(DropoutRegressor), X, y, s, **params):
        assert_coef(ours, theirs.coef_ / scale, theirs.intercept_)


@each_intercept
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
@pytest.mark.parametrize("rate", [0.4, np.array([0.1, 0.7, 0.3, 0.5])], ids=["rate", "rates"])
def test_dropout_minimises_the_average_over_many_masks(rate, drop_to, fit_intercept):
    X, y = regression(30, 4)
    s = N_REPEATS[:30].astype(float)
    model = DropoutRegressor(rate, drop_to=drop_to, fit_intercept=fit_intercept)
    model.fit(X, y, sample_weight=s)
    values = masked_losses(X, y, model, s)
    if not fit_intercept:
        values = values[:, :-1]
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    expected = np.zeros(len(mean))
    expected[0] = Problem.of(model, X, y, s).objective(model.coef_, model.intercept_)
    assert (np.abs(mean - expected) <= 3.5 * error).all()
    # The average can tell: least squares is far from its minimum.
    model.coef_ = np.linalg.lstsq(X, y, rcond=None)[0]
    values = masked_losses(X, y, model, s, draws=400)[:, 1:5]
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0)) > 10 * error).any()


def test_dropout_to_the_mean_does_not_feel_a_shift_nor_a_scale_of_a_column():
    X, y = regression()
    plain = DropoutRegressor(0.3).fit(X, y)
    shifted = DropoutRegressor(0.3).fit(X + np.arange(12), y)
    assert_coef(shifted, plain.coef_)
    scaled = DropoutRegressor(0.3).fit(X * np.arange(1, 13), y)
    assert_coef(scaled, plain.coef_ / np.arange(1, 13), plain.intercept_)


# ---------------------------------------------------------------------------- penalty weights


@pytest.mark.parametrize("positive", [False, True], ids=["", "positive"])
def test_adaptive_lasso_is_lasso_on_rescaled_columns(positive):
    X, y = regression()
    v = np.linspace(0.3, 2.0, 12)
    theirs = Lasso(0.05, positive=positive, **SKLEARN).fit(X / v, y)
    ours = L1Regressor(0.05, penalty_weights=v, positive=positive, tol=TIGHT).fit(X, y)
    assert_coef(ours, theirs.coef_ / v, theirs.intercept_)


def test_weighted_ridge_is_ridge_on_rescaled_columns():
    X, y = regression()
    v = np.linspace(0.3, 2.0, 12)
    theirs = Ridge(0.1 * len(y)).fit(X / np.sqrt(v), y)
    for ours in fitted(
        L2Regressor, solvers_for(L2Regressor), X, y, l2_lambda=0.1, penalty_weights=v
    ):
        assert_coef(ours, theirs.coef_ / np.sqrt(v), theirs.intercept_)


@pytest.mark.parametrize("data", ["tall", "sparse"])
@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (L1Regressor, {"l1_lambda": 0.05}),
        (L1Regressor, {"l1_lambda": 0.05, "l2_lambda": 0.1}),
        (L2Regressor, {"l2_lambda": 0.1}),
    ],
    ids=["lasso", "elastic-net", "ridge"],
)
def test_weight_zero_leaves_a_feature_unpenalised_as_the_intercept_is(cls, params, data):
    X, y, _ = load(data)
    v = np.ones(X.shape[1])
    v[:3] = 0.0
    nuisance = np.column_stack([np.ones(len(y)), dense(X)[:, :3]])
    project = np.eye(len(y)) - nuisance @ np.linalg.pinv(nuisance)
    others = dense(X)[:, 3:]
    solvers = solvers_for(cls, l1=params.get("l1_lambda", 0.0), sparse=sp.issparse(X))
    rest = cls(**params, fit_intercept=False, tol=TIGHT).fit(project @ others, project @ y)
    loose = np.linalg.lstsq(nuisance, y - others @ rest.coef_, rcond=None)[0]
    for model in fitted(cls, solvers, X, y, penalty_weights=v, **params):
        assert_coef(model, [*loose[1:], *rest.coef_], loose[0])


@pytest.mark.parametrize("strength", [0.1, 0.0])
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_weight_infinity_drops_the_feature(cls, strength):
    X, y = regression()
    v = np.where(np.arange(12) % 4 == 1, np.inf, 0.7)
    stay = np.isfinite(v)
    model = cls(strength, penalty_weights=v, tol=TIGHT).fit(X, y)
    expected = cls(strength, penalty_weights=v[stay], tol=TIGHT).fit(X[:, stay], y)
    assert_array_equal(model.coef_[~stay], 0)
    assert_allclose(model.coef_[stay], expected.coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("strength", [0.1, 1e6])
def test_without_any_penalised_feature_the_strength_does_not_matter(strength, positive):
    X, y = regression()
    theirs = LinearRegression(positive=positive).fit(X, y)
    weights = np.zeros(12)
    ours = L1Regressor(strength, penalty_weights=weights, positive=positive, tol=TIGHT).fit(X, y)
    assert_coef(ours, theirs.coef_, theirs.intercept_)


def test_penalty_weights_are_not_rescaled():
    """Unlike glmnet's penalty.factor: twice the weights are twice the strength."""
    X, y = regression()
    twice = L1Regressor(0.05, penalty_weights=np.full(12, 2.0)).fit(X, y)
    assert_same_fit(twice, L1Regressor(0.1).fit(X, y))


# ---------------------------------------------------------------------------- rows and targets

MODELS = {
    "lasso": L1Regressor(0.05, tol=TIGHT),
    "elastic-net": L1Regressor(0.05, l2_lambda=0.1, tol=TIGHT),
    "positive lasso": L1Regressor(0.05, positive=True, tol=TIGHT),
    "ridge": L2Regressor(0.1),
    "dropout": DropoutRegressor(0.3),
    "dropout to zero": DropoutRegressor(0.3, drop_to="zero"),
    "dropout, l1": DropoutRegressor(0.3, l1_lambda=0.05, tol=TIGHT),
}
each_model = pytest.mark.parametrize("name", MODELS)


def coefficients(name, X, y, s=None):
    model = MODELS[name].fit(X, y, sample_weight=s)
    return (
        np.column_stack([model.coef_, model.intercept_])
        if np.ndim(y) > 1
        else np.r_[model.coef_, model.intercept_]
    )


@pytest.mark.parametrize("data", ["tall", "sparse"])
@each_model
def test_sample_weights_are_repetitions_of_rows_and_only_their_ratios_matter(name, data):
    X, y, s = load(data, weighted=True)
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    weighted = coefficients(name, X, y, s)
    assert_allclose(weighted, coefficients(name, X[rows], y[rows]), rtol=1e-7, atol=1e-9)
    assert_allclose(weighted, coefficients(name, X, y, 1e-3 * s), rtol=1e-7, atol=1e-9)


@each_model
def test_a_single_number_weighs_all_rows_alike(name):
    X, y = regression()
    assert_allclose(coefficients(name, X, y, 3.0), coefficients(name, X, y), rtol=1e-10)


@pytest.mark.parametrize("sparse", [False, True], ids=["", "sparse"])
@each_model
def test_several_targets_are_several_fits(name, sparse):
    X, Y = regression(targets=3)
    X = sp.csr_array(X) if sparse else X
    s = N_REPEATS[:50].astype(float)
    together = coefficients(name, X, Y, s)
    apart = [coefficients(name, X, target, s) for target in Y.T]
    assert_allclose(together, apart, rtol=1e-6, atol=1e-8)


@each_model
def test_a_column_of_targets_gives_a_row_of_coefficients(name):
    X, y = regression()
    column = MODELS[name].fit(X, y[:, None])
    shapes = column.coef_.shape, column.intercept_.shape, column.dual_gap_.shape
    assert shapes == ((1, 12), (1,), (1,))
    assert column.predict(X).shape == (50, 1)


@each_model
def test_a_sparse_fit_equals_the_dense_one(name):
    X, y, s = load("sparse", weighted=True)
    expected = coefficients(name, X.toarray(), y, s)
    assert_allclose(coefficients(name, X, y, s), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("data", ["tall", "sparse"])
@each_model
def test_float32_is_float64_to_four_digits(name, data):
    X, y, _ = load(data)
    single = coefficients(name, X.astype(np.float32), y.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, coefficients(name, X, y), rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------------------- starts


@pytest.mark.parametrize("targets", [None, 2])
@each_model
def test_any_start_reaches_the_same_optimum(name, targets):
    X, y = regression(targets=targets)
    cold = coefficients(name, X, y)
    start = 10 * np.random.default_rng(3).normal(size=MODELS[name].coef_.shape)
    model = MODELS[name].fit(X, y, coef_init=start)
    assert_allclose(model.coef_, np.atleast_2d(cold)[:, :-1].reshape(start.shape), rtol=1e-6)
    # A warm start from the fit at another strength is one of them.
    strength = STRENGTH[type(model)]
    warm = type(model)(**{**model.get_params(), strength: 0.7, "warm_start": True}).fit(X, y)
    warm.set_params(**{strength: getattr(model, strength)}).fit(X, y)
    assert_allclose(warm.coef_, model.coef_, rtol=1e-6)
