"""Where a path starts and how it descends, against refits just above and below."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression, sparse_regression
from sklearn.linear_model import enet_path, lasso_path

from skreg import DropoutRegressor, L1Regressor, L2Regressor, regularization_path
from skreg.model_selection.grids import PARAMETERS

P = 12
WEIGHTS = np.array([1, 0, 2, 0.5, np.inf, 1, 0, 3, 1, 1, 0.1, 1])
HALF_FREE = np.where(np.arange(P) % 2, 0.0, 1.0)
CASES = {
    "plain": {},
    "no intercept": {"fit_intercept": False},
    "elastic net": {"l2_lambda": 0.3},
    "weighted features": {"penalty_weights": WEIGHTS},
    "weighted elastic net": {"penalty_weights": WEIGHTS, "l2_lambda": 0.3},
    "half without a penalty": {"penalty_weights": HALF_FREE},
    "positive": {"positive": True},
    "positive, weighted": {"positive": True, "penalty_weights": WEIGHTS},
    "positive, no intercept": {
        "positive": True,
        "penalty_weights": WEIGHTS,
        "fit_intercept": False,
    },
}
each_case = pytest.mark.parametrize("case", CASES)


def top(estimator, X, y, **options):
    return regularization_path(estimator, X, y, n_values=1, **options).values[0]


def l1_bearing(params):
    """The mask of the features whose coefficients lambda_max is to keep at zero."""
    v = np.asarray(params.get("penalty_weights", np.ones(P)))
    return (v > 0) & np.isfinite(v)


def data(n, sparse):
    X, y = sparse_regression(n, P, seed=3) if sparse else regression(n, P, seed=3)
    return X, y


@pytest.mark.parametrize(
    ("n", "sparse", "weighted"),
    [
        pytest.param(60, False, False, id="tall, dense"),
        pytest.param(60, True, True, id="tall, sparse, weighted"),
        pytest.param(11, False, True, id="wide, dense, weighted"),
        pytest.param(11, True, False, id="wide, sparse"),
    ],
)
@each_case
def test_the_lasso_starts_where_the_first_coefficient_leaves_zero(case, n, sparse, weighted):
    X, y = data(n, sparse)
    weights = np.arange(n) % 4 + 0.0 if weighted else None
    params = CASES[case]
    start = top(L1Regressor(**params), X, y, sample_weight=weights)
    bearing = l1_bearing(params)

    def bearing_coefs(strength):
        model = L1Regressor(strength, tol=1e-13, **params)
        return model.fit(X, y, sample_weight=weights).coef_[bearing]

    assert start > 1e-3
    assert_array_equal(bearing_coefs(start * (1 + 1e-9)), 0)
    assert np.any(bearing_coefs(start * (1 - 1e-4)))


@each_case
def test_the_start_agrees_with_the_optimality_conditions(case):
    X, y = regression(60, P, seed=3)
    weights = np.arange(60) % 3 + 0.0
    params = CASES[case]
    start = top(L1Regressor(**params), X, y, sample_weight=weights)
    v = np.asarray(params.get("penalty_weights", np.ones(P)))
    bearing = l1_bearing(params)
    # Without the features that bear an L1 part, the oracle's optimum of the others.
    others = {**params, "penalty_weights": np.where(bearing, np.inf, v)}
    problem = Problem.of(L1Regressor(1.0, **others), X, y, weights)
    coef = np.zeros(P) if bearing.all() else problem.solve()[0]
    q = problem.A.T @ (problem.b - problem.A @ coef)
    pull = q if params.get("positive") else np.abs(q)
    assert_allclose(start, np.max(pull[bearing] / v[bearing]), rtol=1e-11)


def test_above_the_start_and_only_there_scikit_learn_has_zeros():
    X, y = regression()
    X, y = X - X.mean(axis=0), y - y.mean()
    start = top(L1Regressor(), X, y)
    beside = start * np.array([1 + 1e-9, 1 - 1e-6])
    _, above_below, _ = lasso_path(X, y, alphas=beside, tol=1e-14)
    assert np.any(above_below, axis=0).tolist() == [False, True]
    _, above_below, _ = enet_path(X, y, l1_ratio=0.5, alphas=2 * beside, tol=1e-14)
    assert np.any(above_below, axis=0).tolist() == [False, True]


def test_the_start_serves_every_target():
    X, y = regression(targets=3)
    each = [top(L1Regressor(), X, target) for target in y.T]
    assert_allclose(top(L1Regressor(), X, y), max(each), rtol=1e-14)


@pytest.mark.parametrize("sparse", [False, True])
def test_what_the_other_features_fit_leaves_no_start_but_rounding(sparse):
    X, y = data(6, sparse)  # which 8 features and the intercept interpolate
    model = L1Regressor(penalty_weights=np.repeat([0.0, 1.0], [8, 4]))
    path = regularization_path(model, X, y, n_values=2)
    assert_allclose(path.values, [1, 1e-3])
    assert_array_equal(path.coefs[:, 8:], 0)


def test_where_no_coefficient_would_ever_be_positive_any_grid_will_do():
    X, y = regression(seed=4)
    X = X - X.mean(axis=0)
    X = X * np.sign(X.T @ (y - y.mean()))  # all correlate positively with y
    path = regularization_path(L1Regressor(positive=True), X, -y, n_values=5)
    assert_allclose(path.values, np.geomspace(1, 1e-3, 5))
    assert_array_equal(path.coefs, 0)
    assert_allclose(path.dual_gaps, 0, atol=1e-13 * y.var())


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_a_constant_target_has_a_grid_too(cls):
    X, _ = regression()
    path = regularization_path(cls(), X, np.full(len(X), 0.1), n_values=4)
    assert path.values.shape == (4,)
    assert np.all(np.diff(path.values) < 0)
    assert_array_equal(path.coefs, 0)
    assert_allclose(path.intercepts, 0.1, rtol=1e-15)


def test_constant_columns_have_a_grid_too():
    y = regression()[1]
    for cls in (L1Regressor, L2Regressor, DropoutRegressor):
        path = regularization_path(cls(), np.full((len(y), 3), 0.1), y, n_values=4)
        assert_array_equal(path.coefs, 0)
        assert_allclose(path.intercepts, y.mean())


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_ridge_starts_at_the_trace(fit_intercept, sparse):
    X, y = data(60, sparse)
    weights = np.arange(60) % 3 + 0.0
    model = L2Regressor(penalty_weights=WEIGHTS, fit_intercept=fit_intercept)
    dense = X.toarray() if sparse else X
    share = weights / weights.sum()
    mean = share @ dense if fit_intercept else 0.0
    moments = share @ (dense - mean) ** 2
    bearing = (WEIGHTS > 0) & np.isfinite(WEIGHTS)
    expected = np.sum(moments[bearing] / WEIGHTS[bearing])
    assert_allclose(top(model, X, y, sample_weight=weights), expected, rtol=1e-12)


def test_at_the_start_the_ridge_explains_less_than_half():
    X, y = regression()
    start = top(L2Regressor(), X, y)
    centred = X - X.mean(axis=0)
    freedom = np.linalg.eigvalsh(centred.T @ centred / len(X))
    assert np.sum(freedom / (freedom + start)) < 1.0
    assert freedom.max() / (freedom.max() + start) < 0.5


GRIDS = {
    "l1_lambda": (L1Regressor(), 1e-3, lambda t: t),
    "l2_lambda": (L2Regressor(), 1e-6, lambda t: t),
    "dropout_rate": (DropoutRegressor(), 0.001 / 0.999 / 99, lambda q: q / (1 - q)),
}


@pytest.mark.parametrize("parameter", GRIDS)
@pytest.mark.parametrize("eps", [None, 0.02])
def test_automatic_grids_are_geometric_in_the_strength(parameter, eps):
    estimator, default, strength = GRIDS[parameter]
    X, y = regression()
    path = regularization_path(estimator, X, y, n_values=7, eps=eps)
    assert path.parameter == parameter
    assert path.values.shape == (7,)
    steps = np.diff(np.log(strength(path.values)))
    assert_allclose(steps, np.log(eps or default) / 6, rtol=1e-9)


def test_dropout_rates_go_from_99_per_cent_to_a_thousandth():
    X, y = regression()
    values = regularization_path(DropoutRegressor(), X, y).values
    assert len(values) == 100
    assert_allclose(values[[0, -1]], [0.99, 0.001], rtol=1e-12)


def test_strength_and_value_are_inverse_to_each_other():
    for parameter in PARAMETERS.values():
        values = np.array([0.9, 0.5, 1e-3, 1e-12, 0.0])
        assert_allclose(parameter.value(parameter.strength(values)), values, rtol=1e-14)


def test_values_are_sorted_and_taken_once():
    parameter = PARAMETERS["l1_lambda"]
    assert parameter.checked([1, 3.0, 2, 3, 0], "values").tolist() == [3, 2, 1, 0]
    assert parameter.checked((0.5,), "values").tolist() == [0.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan], "Input values contains NaN"),
        ([np.inf], "Input values contains infinity"),
        ([], "must hold one value or more"),
        ([[1.0, 2.0]], "values must be a 1D array"),
        (3.0, "values must be a 1D array"),
        ([1.0, -1e-300], r"values must be in \[0, inf\)"),
        (["a"], "values must be an array of numbers: could not convert string"),
        (sp.csr_array(np.eye(2)), "Sparse data was passed"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises((ValueError, TypeError), match=message):
        PARAMETERS["l1_lambda"].checked(values, "values")


def test_rates_are_below_one():
    with pytest.raises(ValueError, match=r"dropout_rates must be in \[0, 1\)"):
        PARAMETERS["dropout_rate"].checked([0.5, 1.0], "dropout_rates")
