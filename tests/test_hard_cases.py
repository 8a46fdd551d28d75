"""The hard cases, for every estimator and solver: each has a right answer, and no warning."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import (
    LOOP,
    Problem,
    assert_certified,
    assert_coef,
    assert_same_fit,
    regression,
    solve,
    solvers_for,
)
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from skreg import DropoutRegressor, L1Regressor, L2Regressor

MODELS = {
    "l1": (L1Regressor, {"l1_lambda": 0.02}),
    "elastic-net": (L1Regressor, {"l1_lambda": 0.02, "l2_lambda": 0.01}),
    "l2": (L2Regressor, {"l2_lambda": 0.02}),
    "dropout": (DropoutRegressor, {"dropout_rate": 0.1}),
    "dropout-to-zero": (DropoutRegressor, {"dropout_rate": 0.1, "drop_to": "zero"}),
    "dropout-l1": (DropoutRegressor, {"dropout_rate": 0.1, "l1_lambda": 0.02}),
}


def every(only=MODELS, positive=False, loops=False, without=()):
    """Parametrize a test over estimators and their exact solvers (and, to see them end, loops)."""
    cases = []
    for name in only:
        cls, params = MODELS[name]
        solvers = solvers_for(cls, l1=params.get("l1_lambda", 0.0), positive=positive)
        solvers = [solver for solver in solvers if (name, solver) not in without]
        for solver in ["auto", *solvers, *([LOOP[cls.__name__]] if loops else [])]:
            fixed = {**params, "solver": solver, "positive": positive}
            if solver == "mask":
                fixed["random_state"] = 0
            cases.append(pytest.param(cls, fixed, id=f"{name}-{solver}"))
    return pytest.mark.parametrize(("cls", "params"), cases)


# The n x n side mixes all columns: where their scales differ by many powers of ten its small
# eigenvalues drown, which the certificate tells (see test_dual_owns_up_to_wild_scales).
NOT_DUAL = {("l2", "dual")}


def quiet(solver):
    """Loops stop after max_iter in silence at tol=0; exact solvers keep the default tolerance."""
    return {"tol": 0} if solver in LOOP.values() else {}


def fit(cls, params, X, y, sample_weight=None):
    model = cls(**params, **quiet(params["solver"])).fit(X, y, sample_weight=sample_weight)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()
    assert np.isfinite(model.dual_gap_).all()
    assert model.n_iter_ >= 1
    if params["solver"] not in LOOP.values():
        assert_certified(model, X, y, sample_weight)
    return model


# ---------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("shape", [(5, 200), (20, 21), (200, 5), (2, 3)])
@every(loops=True)
def test_any_shape(cls, params, shape):
    X, y = regression(*shape)
    model = fit(cls, params, X, y)
    assert model.coef_.shape == (shape[1],)


@pytest.mark.parametrize("fit_intercept", [False, True])
@every()
def test_more_features_than_rows(cls, params, fit_intercept):
    X, y = regression(15, 60)
    params = {**params, "fit_intercept": fit_intercept, "tol": 1e-13}
    assert_coef(cls(**params).fit(X, y), *solve(cls(**params), X, y))


@pytest.mark.parametrize("p", [1, 3])
@every(loops=True)
def test_one_row_is_the_mean(cls, params, p):
    """With an intercept one row has no variance: all coefficients 0, the intercept is y."""
    X, y = np.arange(1.0, p + 1)[None, :], np.array([7.0])
    model = fit(cls, params, X, y)
    if params["solver"] not in ("mask", "gradient", "subgradient"):
        assert_allclose(model.coef_, 0, atol=1e-13)
    assert_allclose(model.predict(X), 7.0, rtol=1e-6 if params["solver"] != "mask" else 0.2)


@every()
def test_one_row_without_an_intercept(cls, params):
    X, y = np.array([[1.0, 2.0, -3.0]]), np.array([7.0])
    params = {**params, "fit_intercept": False, "tol": 1e-13}
    if params.get("drop_to", "mean") == "mean" and cls is DropoutRegressor:
        pytest.skip("one row has no variance to drop: tested as least squares below")
    assert_coef(cls(**params).fit(X, y), *solve(cls(**params), X, y))


@every(["dropout"])
def test_dropout_to_the_mean_of_one_row_is_least_squares(cls, params):
    """Nothing varies, so nothing is dropped, and y is met with coefficients of minimum norm."""
    X, y = np.array([[1.0, 2.0, -3.0]]), np.array([7.0])
    model = cls(**params, fit_intercept=False).fit(X, y)
    assert_allclose(model.coef_, X[0] * 7 / 14, rtol=1e-10)


@every(loops=True)
def test_one_feature(cls, params):
    X, y = regression(30, 1)
    model = fit(cls, params, X, y)
    rtol = {"mask": 0.2, "subgradient": 0.02}.get(params["solver"], 1e-5)
    assert_coef(model, solve(model, X, y)[0], rtol=rtol)


# ---------------------------------------------------------------------------- columns


@every()
def test_duplicate_columns_share_their_coefficient(cls, params):
    X, y = regression()
    X = np.hstack([X, X[:, :4]])
    model = fit(cls, params, X, y)
    if cls is L2Regressor or params.get("l2_lambda") or cls is DropoutRegressor:
        assert_allclose(model.coef_[:4], model.coef_[12:], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e8])
@every()
def test_constant_columns_change_nothing(cls, params, value):
    """With an intercept, whatever the constant: rounding in the centring is not a feature."""
    X, y = regression()
    plus = np.column_stack([X, np.full(len(y), value)])
    model = fit(cls, params, plus, y)
    without = fit(cls, params, X, y)
    assert abs(model.coef_[-1]) * value <= 1e-7
    assert_allclose(model.coef_[:-1], without.coef_, rtol=1e-5, atol=1e-7)
    assert_allclose(model.intercept_, without.intercept_, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e8])
@every(loops=True)
def test_constant_columns_do_not_harm_the_predictions(cls, params, value):
    """Of the loops either, which may chatter about a coefficient of 0."""
    if params.get("drop_to") == "zero" and params["solver"] == "mask" and value == 1e8:
        pytest.skip("dropping raw entries of 1e8 leaves the mask loop no usable step")
    X, y = regression()
    X = np.column_stack([X, np.full(len(y), value)])
    assert fit(cls, params, X, y).score(X, y) > 0.8


@pytest.mark.parametrize("strength", ["usual", "zero"])
@every(loops=True)
def test_all_zero_columns(cls, params, strength):
    """Nothing to learn from: coefficients 0, the intercept is the mean of y."""
    if strength == "zero":
        zero = {"l1_lambda", "l2_lambda", "dropout_rate"} & set(params)
        params = {**params, **dict.fromkeys(zero, 0.0)}
    y = np.array([1.0, 2.0, 3.0, 5.0])
    s = np.array([1.0, 2.0, 0.0, 1.0])
    model = fit(cls, params, np.zeros((4, 3)), y, s)
    if params["solver"] != "mask":
        assert_array_equal(model.coef_, 0)
    assert_allclose(model.intercept_, 2.5, rtol=1e-3)


@every()
def test_all_zero_sparse_columns(cls, params):
    if params["solver"] == "svd":
        pytest.skip("svd takes no sparse X")
    model = fit(cls, params, sp.csr_array((4, 3)), np.array([1.0, 2.0, 3.0, 6.0]))
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(3.0)


@pytest.mark.parametrize("value", [0.0, 4.0, -1e10, 0.1])
@every(loops=True)
def test_constant_y_is_its_own_intercept(cls, params, value):
    X, _ = regression()
    model = fit(cls, params, X, np.full(len(X), value))
    if params["solver"] != "mask":
        assert_allclose(model.coef_, 0, atol=1e-12 * max(abs(value), 1))
        assert_allclose(model.predict(X), value, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@every()
def test_rescaling_y_rescales_the_fit(cls, params, scale):
    """(The l1 strength is rescaled with it.)"""
    X, y = regression()
    rescaled = (
        {**params, "l1_lambda": scale * params["l1_lambda"]} if "l1_lambda" in params else params
    )
    expected = fit(cls, params, X, y)
    assert_coef(
        fit(cls, rescaled, X, scale * y), scale * expected.coef_, scale * expected.intercept_
    )


SCALES = np.array([1e-12, 1e12, 1.0, 1e-6, 1e6, 1e-12, 1e12, 1.0, 3.0, 1e3, 1e-3, 1.0])


@every()
def test_columns_of_wild_scales(cls, params):
    """Dropout does not feel the scale of a column; l1 and l2 do not when v rescales with it."""
    X, y = regression()
    expected = solve(cls(**params), X, y)
    if "l1_lambda" in params and "l2_lambda" in params:
        pytest.skip("one vector of weights cannot undo a scale in both l1 and l2")
    if "l1_lambda" in params:
        params = {**params, "penalty_weights": SCALES}
    elif cls is L2Regressor:
        params = {**params, "penalty_weights": SCALES**2}
    model = fit(cls, {**params, "tol": 1e-13}, X * SCALES, y)
    assert_allclose(model.coef_ * SCALES, expected[0], rtol=1e-5, atol=1e-7)
    assert_allclose(model.predict(X * SCALES), X @ expected[0] + expected[1], rtol=1e-6)


@every(without=NOT_DUAL)
def test_columns_of_wild_scales_under_one_strength(cls, params):
    """Tiny columns are as good as absent, huge ones as good as unpenalised."""
    X, y = regression()
    fit(cls, params, X * SCALES, y)


def unscaled_table(shape, seed):
    """What a table is before StandardScaler: units and origins that differ by powers of ten."""
    rng = np.random.default_rng(seed)
    X, y = regression(*shape, seed)
    return X * 10.0 ** rng.uniform(-4, 4, shape[1]), 1000 * y


@pytest.mark.parametrize("shape", [(60, 8), (60, 60), (10, 60), (3, 20)], ids=str)
@every()
def test_an_unscaled_table(cls, params, shape):
    for seed in range(5):
        fit(cls, params, *unscaled_table(shape, seed))


def test_dual_owns_up_to_wild_scales():
    """No worse than the null model, and a warning with the remedy; auto finds the optimum."""
    X, y = regression()
    X = X * SCALES
    with pytest.warns(ConvergenceWarning, match="svd"):
        model = L2Regressor(0.1, solver="dual").fit(X, y)
    assert np.var(y - model.predict(X)) <= np.var(y) * (1 + 1e-12)
    assert_certified(L2Regressor(0.1).fit(X, y), X, y)


@pytest.mark.parametrize("shape", [(60, 8), (60, 60), (10, 60), (3, 20)], ids=str)
@every(positive=True)
def test_an_unscaled_table_with_positive_coefficients(cls, params, shape):
    for seed in range(5):
        model = fit(cls, params, *unscaled_table(shape, seed))
        assert (model.coef_ >= 0).all()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@every(["l1", "l2", "dropout"])
def test_strength_zero_on_columns_of_one_extreme_scale(cls, params, scale):
    X, y = regression()
    zero = next(name for name in ("l1_lambda", "l2_lambda", "dropout_rate") if name in params)
    model = fit(cls, {**params, zero: 0.0, "tol": 1e-13}, scale * X, y)
    expected = LinearRegression().fit(X, y)
    assert_coef(model, expected.coef_ / scale, expected.intercept_)


@every()
def test_a_column_far_from_its_origin(cls, params):
    """A mean 1e8 times the spread costs digits, not the fit."""
    if params.get("drop_to") == "zero":
        pytest.skip("dropping to zero feels a shift: another problem")
    X, y = regression()
    expected = solve(cls(**params), X, y)
    shifted = X + np.array([1e8] + [0.0] * 11)
    model = cls(**params).fit(shifted, y)
    assert_allclose(model.coef_, expected[0], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------------- strengths


def lambda_max(X, y, s=None):
    """The least l1 strength at which every coefficient is zero."""
    X, y = np.asarray(X), np.asarray(y)
    s = np.ones(len(y)) if s is None else s
    centred = y - np.average(y, weights=s)
    return np.abs((X - np.average(X, axis=0, weights=s)).T @ (s * centred)).max() / s.sum()


@pytest.mark.parametrize("factor", [1.0 + 1e-12, 2.0, 1e12])
@pytest.mark.parametrize("cls", [L1Regressor, DropoutRegressor])
def test_from_lambda_max_on_all_is_zero(cls, factor):
    X, y = regression()
    s = np.random.default_rng(0).uniform(0, 2, len(y))
    model = cls(l1_lambda=factor * lambda_max(X, y, s)).fit(X, y, sample_weight=s)
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(np.average(y, weights=s))
    assert model.dual_gap_ == pytest.approx(0, abs=1e-14 * Problem.of(model, X, y, s).null)


@pytest.mark.parametrize("cls", [L1Regressor, DropoutRegressor])
def test_just_below_lambda_max_one_feature_enters(cls):
    X, y = regression()
    model = cls(l1_lambda=0.999 * lambda_max(X, y)).fit(X, y)
    assert np.count_nonzero(model.coef_) == 1


@every(["l1", "elastic-net", "dropout-l1"])
def test_strength_1e12_of_l1_is_all_zeros(cls, params):
    X, y = regression()
    model = fit(cls, {**params, "l1_lambda": 1e12}, X, y)
    assert_array_equal(model.coef_, 0)


@every(["l2"], loops=True)
def test_strength_1e12_of_l2_is_next_to_nothing(cls, params):
    X, y = regression()
    model = fit(cls, {**params, "l2_lambda": 1e12}, X, y)
    expected = solve(cls(**{**params, "l2_lambda": 1e12}), X, y)
    assert np.abs(model.coef_).max() < 1e-10
    assert model.intercept_ == pytest.approx(y.mean())
    if params["solver"] != "newton":  # to which 0 is within tol
        assert_coef(model, *expected)


@every(loops=True)
def test_strength_zero_of_everything_is_least_squares(cls, params):
    X, y = regression()
    zero = {"l1_lambda", "l2_lambda", "dropout_rate"} & set(params)
    params = {**params, **dict.fromkeys(zero, 0.0), "max_iter": 5000}
    model = fit(cls, params, X, y)
    rtol = 1e-5 if params["solver"] not in LOOP.values() else 0.05
    assert_same_fit(model, LinearRegression().fit(X, y), rtol=rtol)


@pytest.mark.parametrize("positive", [False, True])
def test_l2_of_next_to_zero_stays_stable(positive):
    """A strength of 1e-14 on dependent columns is near the minimum norm, not noise."""
    X, y = regression()
    X = np.hstack([X, X[:, :4]])
    model = L2Regressor(1e-14, positive=positive).fit(X, y)
    assert_certified(model, X, y)
    assert np.abs(model.coef_).max() < 10


@every(["dropout", "dropout-to-zero", "dropout-l1"], loops=True)
def test_dropout_at_rate_999(cls, params):
    X, y = regression()
    params = {**params, "dropout_rate": 0.999}
    model = fit(cls, params, X, y)
    if params["solver"] != "mask":
        assert_coef(model, *solve(model, X, y))


@pytest.mark.parametrize("rate", [np.nextafter(1, 0), 1 - 1e-12, 1e-300])
def test_dropout_at_the_ends_of_its_range(rate):
    X, y = regression()
    model = DropoutRegressor(rate).fit(X, y)
    assert_certified(model, X, y)


def test_a_rate_of_zero_for_some_features_only():
    X, y = regression()
    rates = np.where(np.arange(12) % 2, 0.0, 0.5)
    model = DropoutRegressor(rates, tol=1e-13).fit(X, y)
    assert_coef(model, *solve(model, X, y))


# ---------------------------------------------------------------------------- weights


@every(loops=True)
def test_rows_of_weight_zero_do_not_exist(cls, params):
    """Not even their values of 1e6, nor their row's part of a shape with p > n."""
    if params["solver"] == "mask":
        pytest.skip("masks are drawn for every row, so a row changes the draws")
    X, y = regression(30, 12)
    s = np.ones(30)
    s[::2] = 0.0
    wild = X.copy(), y.copy()
    wild[0][::2] *= 1e6
    wild[1][::2] -= 1e6
    params = {**params, "tol": 1e-13} if params["solver"] not in LOOP.values() else params
    model = fit(cls, params, *wild, s)
    assert_same_fit(model, fit(cls, params, X[1::2], y[1::2]), rtol=1e-6)


@every()
def test_one_row_of_positive_weight_is_one_row(cls, params):
    X, y = regression(10, 3)
    s = np.zeros(10)
    s[4] = 2.0
    model = fit(cls, params, X, y, s)
    assert_allclose(model.coef_, 0, atol=1e-12)
    assert model.intercept_ == pytest.approx(y[4])


@every()
def test_sample_weights_of_wild_scales(cls, params):
    X, y = regression()
    s = 10.0 ** np.random.default_rng(0).uniform(-12, 12, len(y))
    fit(cls, params, X, y, s)


@every(["l1", "l2", "elastic-net", "dropout-l1"])
def test_all_penalty_weights_zero_is_an_unpenalised_fit(cls, params):
    if cls is DropoutRegressor:
        expected = DropoutRegressor(params["dropout_rate"])
    else:
        expected = LinearRegression()
    X, y = regression()
    model = fit(cls, {**params, "penalty_weights": np.zeros(12), "tol": 1e-13}, X, y)
    assert_same_fit(model, expected.fit(X, y), rtol=1e-6)


@every()
def test_all_penalty_weights_infinite_is_the_mean(cls, params):
    X, y = regression()
    model = fit(cls, {**params, "penalty_weights": np.full(12, np.inf)}, X, y)
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(y.mean())


@pytest.mark.parametrize("shape", [(10, 30), (2, 30), (3, 30)], ids=str)
@every(["l1", "l2"])
def test_more_unpenalised_features_than_rows(cls, params, shape):
    """They can meet y exactly; the rest then has nothing to explain."""
    X, y = regression(*shape)
    v = np.where(np.arange(30) < 15, 0.0, 1.0)
    model = fit(cls, {**params, "penalty_weights": v}, X, y)
    assert_allclose(model.predict(X), y, rtol=1e-5)
    assert_allclose(model.coef_[15:], 0, atol=1e-5)


# ---------------------------------------------------------------------------- positive


@pytest.mark.parametrize("shape", [(40, 12), (8, 30)], ids=["tall", "wide"])
@every(positive=True)
def test_positive_fits_are_certified(cls, params, shape):
    X, y = regression(*shape)
    assert (fit(cls, params, X, y).coef_ >= 0).all()


@every(positive=True)
def test_positive_with_nothing_positive_to_find_is_zero(cls, params):
    """Every column hurts: all coefficients 0, exactly."""
    X, _ = regression()
    model = fit(cls, params, X, -(X - X.mean(axis=0)).sum(axis=1))
    problem = Problem.of(model, X, -(X - X.mean(axis=0)).sum(axis=1))
    assert_coef(model, problem.solve()[0])
    assert_array_equal(model.coef_, 0)


# SciPy's own nnls, before 1.15, says that dependent columns are ill-conditioned.
@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning:scipy")
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor])
def test_positive_least_squares_of_more_features_than_rows(cls):
    """Many minimisers: judged by the residual, and never below zero, not by rounding either."""
    for seed in range(20):
        X, y = regression(6, 40, seed)
        model = cls(0.0, positive=True, fit_intercept=False).fit(X, y)
        assert (model.coef_ >= 0).all()
        excess = np.sum((X @ model.coef_ - y) ** 2) - nnls(X, y)[1] ** 2
        assert excess <= 1.01e-10 * (y @ y)


# ---------------------------------------------------------------------------- far from the origin


def far_column(kind):
    """A column of mean 1e8, or one that changes in few of its rows only; and a tame one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    X[:, 0] = 1e8 + (X[:, 0] if kind == "far" else np.isin(np.arange(1000), [5, 77, 301, 650]))
    return X, 3 * (X[:, 0] - 1e8) + X[:, 1]


@pytest.mark.parametrize("container", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", ["far", "rarely different"])
@every()
def test_far_columns_whatever_holds_them(cls, params, kind, container):
    if params["solver"] == "svd" and container is not np.asarray:
        pytest.skip("svd takes no sparse X")
    if params.get("drop_to") == "zero":
        pytest.skip("dropping to zero feels a shift: another problem")
    X, y = far_column(kind)
    expected = solve(cls(**params), X - np.array([1e8, 0.0]), y)[0]
    assert_allclose(cls(**params).fit(container(X), y).coef_, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("container", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
def test_least_squares_with_a_far_column(container):
    X, y = far_column("far")
    assert_allclose(L1Regressor(0.0).fit(container(X), y).coef_, [3, 1], rtol=1e-6)


@pytest.mark.parametrize(("n", "value"), [(80, 0.1), (101, 1 / 3)])
@every()
def test_a_constant_target_that_is_not_representable(cls, params, n, value):
    X = np.random.default_rng(0).normal(size=(n, 3))
    model = fit(cls, params, X, np.full(n, value))
    assert_allclose(model.coef_, 0, atol=1e-15)


def test_a_far_target_leaves_the_coefficients():
    X = np.random.default_rng(0).normal(5, 1, (50, 3))
    y = X @ [1.0, 2.0, 3.0] + np.random.default_rng(1).normal(size=50)
    near, far = (L2Regressor(0.01).fit(X, y + shift).coef_ for shift in (0.0, 2.0**40))
    assert_allclose(far, near, atol=1e-4)  # as 2^40 rounds y itself


def test_huge_weights_weigh_as_others_do():
    X, y = regression()
    once, huge = (L1Regressor(0.1).fit(X, y, np.full(len(y), s)).coef_ for s in (1.0, 1e308))
    assert_allclose(huge, once, rtol=1e-12)
