"""`regularization_path`: each value against a fit of its own, scikit-learn and an oracle."""

import dataclasses

import numpy as np
import oracles
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression, sparse_regression
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Ridge, enet_path, lars_path, lasso_path

from skreg import (
    DropoutRegressor,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    RegularizationPath,
    regularization_path,
)

P = 12
TIGHT = 1e-13  # where two fits stop at different points, both are this close to the optimum
WEIGHTS = np.array([1, 0, 2, 0.5, np.inf, 1, 0, 3, 1, 1, 0.1, 1])
ESTIMATORS = {
    "lasso": L1Regressor(tol=TIGHT),
    "elastic net": L1Regressor(l2_lambda=0.2, tol=TIGHT),
    "positive lasso": L1Regressor(positive=True, tol=TIGHT),
    "ridge": L2Regressor(),
    "positive ridge": L2Regressor(positive=True, tol=TIGHT),
    "dropout": DropoutRegressor(),
    "dropout to zero": DropoutRegressor(drop_to="zero"),
    "dropout and l2": DropoutRegressor(l2_lambda=0.2),
    "dropout and l1": DropoutRegressor(l1_lambda=0.1, l2_lambda=0.05, tol=TIGHT),
    "positive dropout": DropoutRegressor(positive=True, tol=TIGHT),
}
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
PLAIN = {name: ESTIMATORS[name] for name in ("lasso", "ridge", "dropout")}
each_plain = pytest.mark.parametrize("estimator", PLAIN.values(), ids=PLAIN)


def assert_path_of_fits(path, estimator, X, y, sample_weight=None, rtol=1e-6):
    """Every value of the path is a fit of its own."""
    for k, value in enumerate(path.values):
        model = clone(estimator).set_params(**{path.parameter: value})
        model.fit(X, y, sample_weight=sample_weight)
        scale = np.abs(model.coef_).max(initial=0.0)
        assert_allclose(path.coefs[k], model.coef_, rtol=rtol, atol=0.1 * rtol * scale + 1e-14)
        assert_allclose(path.intercepts[k], model.intercept_, rtol=rtol, atol=rtol * scale)


def assert_certified(path, estimator, X, y, sample_weight=None, tol=1e-10):
    """An oracle finds every value within tol, and the gaps that the path states honest."""
    for k, value in enumerate(path.values):
        model = clone(estimator).set_params(**{path.parameter: value})
        model.coef_, model.intercept_ = path.coefs[k], path.intercepts[k]
        model.dual_gap_ = path.dual_gaps[k]
        oracles.assert_certified(model, X, y, sample_weight, tol)


@pytest.mark.parametrize(
    ("n", "sparse", "fit_intercept", "weighted"),
    [
        pytest.param(60, False, True, False, id="tall, dense"),
        pytest.param(60, True, False, True, id="tall, sparse, no intercept, weighted"),
        pytest.param(9, False, False, True, id="wide, dense, no intercept, weighted"),
        pytest.param(9, True, True, True, id="wide, sparse, weighted"),
        pytest.param(9, True, False, False, id="wide, sparse, no intercept"),
    ],
)  # each two of the four meet in every way
@each_estimator
def test_a_path_is_what_single_fits_are(estimator, n, sparse, fit_intercept, weighted):
    X, y = sparse_regression(n, P, seed=3) if sparse else regression(n, P, seed=3)
    estimator = clone(estimator).set_params(fit_intercept=fit_intercept)
    weights = np.arange(n) % 3 + 0.5 if weighted else None
    path = regularization_path(estimator, X, y, n_values=6, sample_weight=weights)
    assert_path_of_fits(path, estimator, X, y, weights)
    assert_certified(path, estimator, X, y, weights)


@pytest.mark.parametrize(
    ("n", "sparse"), [(60, True), (9, False)], ids=["tall, sparse", "wide, dense"]
)
@each_estimator
def test_penalty_weights_hold_along_the_path(estimator, n, sparse):
    X, y = sparse_regression(n, P, seed=3) if sparse else regression(n, P, seed=3)
    estimator = clone(estimator).set_params(penalty_weights=WEIGHTS)
    weights = np.arange(n) % 4 + 0.0  # a quarter of the rows does not count
    path = regularization_path(estimator, X, y, n_values=6, sample_weight=weights)
    assert_path_of_fits(path, estimator, X, y, weights)
    assert_array_equal(path.coefs[:, np.isinf(WEIGHTS)], 0)


@pytest.mark.parametrize("n", [60, 9], ids=["tall", "wide"])
@each_estimator
def test_each_target_has_its_own_path(estimator, n):
    X, y = regression(n, P, seed=3, targets=3)
    estimator = clone(estimator).set_params(penalty_weights=WEIGHTS)
    together = regularization_path(estimator, X, y, n_values=5)
    assert together.coefs.shape == (5, 3, P)
    assert together.intercepts.shape == together.dual_gaps.shape == (5, 3)
    for k, target in enumerate(y.T):
        alone = regularization_path(estimator, X, target, values=together.values)
        scale = 1e-7 * np.abs(alone.coefs).max()
        assert_allclose(together.coefs[:, k], alone.coefs, rtol=1e-6, atol=scale)
        assert_allclose(together.intercepts[:, k], alone.intercepts, rtol=1e-6, atol=scale)


@pytest.mark.parametrize("positive", [False, True])
def test_the_lasso_path_of_scikit_learn(positive):
    X, y = regression(80, 30, seed=1)
    X, y = X - X.mean(axis=0), y - y.mean()
    path = regularization_path(L1Regressor(positive=positive, tol=TIGHT), X, y, n_values=20)
    _, coefs, _ = lasso_path(X, y, alphas=path.values, positive=positive, tol=1e-14, max_iter=10**6)
    assert_allclose(path.coefs, coefs.T, rtol=1e-6, atol=1e-7 * np.abs(coefs).max())


@pytest.mark.parametrize("l1_ratio", [0.9, 0.3])
def test_the_elastic_net_of_scikit_learn(l1_ratio):
    X, y = regression(30, 80, seed=1)
    X, y = X - X.mean(axis=0), y - y.mean()
    alphas = np.abs(X.T @ y).max() / len(y) * np.geomspace(1, 1e-2, 8)
    _, coefs, _ = enet_path(X, y, l1_ratio=l1_ratio, alphas=alphas, tol=1e-14, max_iter=10**6)
    for alpha, coef in zip(alphas, coefs.T, strict=True):
        model = L1Regressor(l2_lambda=alpha * (1 - l1_ratio), tol=TIGHT)
        path = regularization_path(model, X, y, values=[alpha * l1_ratio])
        assert_allclose(path.coefs[0], coef, rtol=1e-6, atol=1e-7 * np.abs(coef).max())


def test_weighted_elastic_nets_of_scikit_learn():
    X, y = regression(80, 30, seed=1)
    weights = np.random.default_rng(0).uniform(0, 2, 80)
    path = regularization_path(
        L1Regressor(l2_lambda=0.1, tol=TIGHT), X, y, n_values=5, sample_weight=weights
    )
    for value, coef, intercept in zip(path.values, path.coefs, path.intercepts, strict=True):
        alpha = value + 0.1
        theirs = ElasticNet(alpha, l1_ratio=value / alpha, tol=1e-14, max_iter=10**6)
        theirs.fit(X, y, sample_weight=weights)
        scale = max(1e-7 * np.abs(theirs.coef_).max(), 1e-14)  # at the start they have roundings
        assert_allclose(coef, theirs.coef_, rtol=1e-6, atol=scale)
        assert_allclose(intercept, theirs.intercept_, rtol=1e-6)


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("n", [80, 20], ids=["tall", "wide"])
def test_the_ridge_of_scikit_learn(n, targets):
    X, y = regression(n, 30, seed=1, targets=targets)
    weights = np.random.default_rng(0).uniform(0, 2, n)
    path = regularization_path(L2Regressor(), X, y, n_values=10, sample_weight=weights)
    for value, coef, intercept in zip(path.values, path.coefs, path.intercepts, strict=True):
        theirs = Ridge(weights.sum() * value, solver="svd").fit(X, y, sample_weight=weights)
        assert_allclose(coef, theirs.coef_, rtol=1e-7, atol=1e-9 * np.abs(theirs.coef_).max())
        assert_allclose(intercept, theirs.intercept_, rtol=1e-7)


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("names", [False, True])
@each_plain
def test_the_fields_of_a_path(estimator, names, targets):
    X, y = regression(targets=targets)
    if names:
        X = pytest.importorskip("pandas").DataFrame(X, columns=[f"x{j}" for j in range(P)])
    path = regularization_path(estimator, X, y, n_values=7)
    axes = () if targets is None else (targets,)
    assert isinstance(path, RegularizationPath)
    assert path.parameter in estimator.get_params()
    assert path.values.shape == path.n_iters.shape == (7,)
    assert np.all(np.diff(path.values) < 0)
    assert path.coefs.shape == (7, *axes, P)
    assert path.intercepts.shape == path.dual_gaps.shape == (7, *axes)
    assert path.n_iters.dtype.kind == "i"
    assert np.all(path.n_iters >= 1)
    assert (path.feature_names is None) == (not names)
    if names:
        assert path.feature_names.tolist() == [f"x{j}" for j in range(P)]
    with pytest.raises(dataclasses.FrozenInstanceError):
        path.values = None


@each_plain
def test_given_values_are_sorted_and_taken_once(estimator):
    X, y = regression()
    path = regularization_path(estimator, X, y, values=[0.1, 0.5, 0.1, 0.0, 0.3])
    assert path.values.tolist() == [0.5, 0.3, 0.1, 0.0]
    assert_path_of_fits(path, estimator, X, y)


@each_plain
def test_the_estimator_keeps_its_strength_and_its_state(estimator):
    X, y = regression()
    name = regularization_path(estimator, X, y, n_values=2).parameter
    model = clone(estimator).set_params(**{name: 0.25}).fit(X[:, :3], y)
    before = {key: np.copy(value) for key, value in vars(model).items()}
    path = regularization_path(model, X, y, n_values=4)
    assert vars(model).keys() == before.keys()
    for key, value in before.items():
        assert_array_equal(getattr(model, key), value)
    assert_array_equal(path.coefs, regularization_path(estimator, X, y, n_values=4).coefs)


def test_a_path_runs_over_scalar_rates_whatever_the_estimator_has():
    X, y = regression()
    model = DropoutRegressor(dropout_rate=np.linspace(0, 0.9, P))
    path = regularization_path(model, X, y, values=[0.5, 0.2])
    assert_path_of_fits(path, DropoutRegressor(), X, y)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@each_plain
def test_input_is_only_read(estimator, sparse):
    X, y = sparse_regression(60, P) if sparse else regression(60, P)
    weights, values = np.arange(60) % 3 + 0.0, np.array([0.1, 0.5])
    arrays = [y, weights, values, *([X.data, X.indices, X.indptr] if sparse else [X])]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    regularization_path(estimator, X, y, values=values, sample_weight=weights)
    for array, copy in zip(arrays, before, strict=True):
        assert_array_equal(array, copy)


@pytest.mark.parametrize("n", [60, 9], ids=["tall", "wide"])
@each_plain
def test_float32_in_float32_out(estimator, n):
    X, y = regression(n, P)
    X = X.astype(np.float32)
    estimator = clone(estimator)
    single = regularization_path(estimator, X, y, n_values=5)
    double = regularization_path(estimator, X.astype(float), y, n_values=5)
    assert single.coefs.dtype == single.intercepts.dtype == np.float32
    assert double.coefs.dtype == double.intercepts.dtype == np.float64
    assert_allclose(single.values, double.values, rtol=1e-14)
    assert_allclose(single.coefs, double.coefs.astype(np.float32), rtol=1e-6, atol=1e-9)
    assert np.all(single.dual_gaps <= 1e-10 * y.var())


@each_plain
def test_integers_lists_and_column_order_are_all_the_same(estimator):
    X, y = regression()
    X, y = np.round(10 * X).astype(int), np.round(10 * y).astype(int)
    expected = regularization_path(estimator, X.astype(float), y.astype(float), n_values=5)
    for same in (X, X.tolist(), np.asfortranarray(X.astype(float)), X[:, ::-1][:, ::-1]):
        path = regularization_path(estimator, same, y.tolist(), n_values=5)
        assert_allclose(path.values, expected.values, rtol=1e-13)
        assert_allclose(path.coefs, expected.coefs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["ridge", "lasso", "elastic net"])
def test_where_moments_are_not_accurate_enough_the_data_are_solved(name):
    # Two columns without a penalty differ by so little that their moments hardly tell them apart.
    X, y = regression(60, P)
    difference = np.random.default_rng(1).normal(size=60)
    X[:, 1] = X[:, 0] + 1e-6 * difference
    y = y + 3 * difference
    free = np.repeat([0.0, 1.0], [2, 10])
    estimator = clone(ESTIMATORS[name]).set_params(penalty_weights=free, tol=1e-9)
    path = regularization_path(estimator, X, y, n_values=5)
    # The columns with their difference to its digits: the same problem, in another basis.
    rotated = X.copy()
    rotated[:, 1] = (X[:, 1] - X[:, 0]) * 1e6
    expected = regularization_path(estimator, rotated, y, values=path.values)
    assert_allclose(path.coefs[:, 2:], expected.coefs[:, 2:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [40, 9], ids=["tall", "wide"])
@each_plain
def test_without_a_penalty_the_answer_is_of_minimum_norm(estimator, n):
    X, y = regression(n, P)
    X[:, 6:9] = X[:, :3]
    path = regularization_path(estimator, X, y, values=[1e-2, 0.0])
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=1e-10)[0]
    assert_allclose(path.coefs[-1], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n", [60, 9], ids=["tall", "wide"])
@pytest.mark.parametrize(
    ("estimator", "solver"),
    [
        *[(L2Regressor(), name) for name in ("newton", "cholesky", "dual", "svd", "cg")],
        *[(DropoutRegressor(), name) for name in ("newton", "cholesky", "dual", "svd", "cg")],
        (L1Regressor(), "newton"),
    ],
)
def test_a_named_solver_makes_the_same_path(estimator, solver, n):
    X, y = regression(n, P)
    model = clone(estimator).set_params(solver=solver, tol=1e-12)
    path = regularization_path(model, X, y, n_values=5)
    expected = regularization_path(clone(estimator).set_params(tol=1e-14), X, y, n_values=5)
    scale = np.abs(expected.coefs).max()
    assert_allclose(path.coefs, expected.coefs, rtol=1e-4, atol=1e-5 * scale)


def test_one_warning_of_the_worst_value():
    X, y = regression(60, P)
    model = L1Regressor(solver="newton", max_iter=1, tol=1e-15)
    with pytest.warns(ConvergenceWarning) as caught:
        path = regularization_path(model, X, y, n_values=8)
    assert len(caught) == 1
    message = str(caught[0].message)
    gaps = path.dual_gaps / (0.5 * y.var())
    worst = int(np.argmax(gaps))
    assert f"{np.count_nonzero(gaps > 1e-15)} of 8 values" in message
    assert f"at {path.values[worst]:.3g}" in message
    assert "max_iter" in message
    assert caught[0].filename == __file__


NOT_ESTIMATORS = [Ridge(), L1RegressorCV(), L1Regressor, "L1Regressor", None]


@pytest.mark.parametrize("estimator", NOT_ESTIMATORS)
def test_only_the_three_estimators_have_a_path(estimator):
    X, y = regression()
    with pytest.raises(TypeError, match="estimator must be an L1Regressor, an L2Regressor or a Dr"):
        regularization_path(estimator, X, y)


@pytest.mark.parametrize(
    "estimator",
    [
        L1Regressor(solver="subgradient"),
        L2Regressor(solver="gradient"),
        DropoutRegressor(solver="mask"),
    ],
)
def test_the_loops_have_no_path(estimator):
    X, y = regression()
    with pytest.raises(ValueError, match=f"solver='{estimator.solver}' does not support paths"):
        regularization_path(estimator, X, y)


BAD = {
    "n_values zero": ({"n_values": 0}, ValueError, "n_values == 0, must be >= 1"),
    "n_values float": ({"n_values": 2.5}, TypeError, "n_values must be an instance of int"),
    "eps zero": ({"eps": 0.0}, ValueError, "eps == 0.0, must be > 0"),
    "eps one": ({"eps": 1.0}, ValueError, "eps == 1.0, must be < 1"),
    "eps text": ({"eps": "small"}, TypeError, "eps must be an instance of float"),
    "negative value": ({"values": [1.0, -1.0]}, ValueError, r"values must be in \[0, (inf|1)\)"),
    "nan value": ({"values": [np.nan]}, ValueError, "values contains NaN"),
    "infinite value": ({"values": [np.inf]}, ValueError, "values contains infinity"),
    "no values": ({"values": []}, ValueError, "values must hold one value or more"),
    "table of values": ({"values": [[1.0]]}, ValueError, "values must be a 1D array"),
    "negative weights": ({"sample_weight": -np.ones(50)}, ValueError, "Negative values in data"),
    "too few weights": ({"sample_weight": np.ones(3)}, ValueError, "sample_weight.shape"),
    "no weight": ({"sample_weight": np.zeros(50)}, ValueError, "at least one non-zero"),
    "nan in X": ({"X": np.full((50, P), np.nan)}, ValueError, "Input X contains NaN"),
    "X and y": ({"y": np.ones(3)}, ValueError, "inconsistent numbers of samples"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    options, error, message = BAD[case]
    X, y = regression()
    options = {"X": X, "y": y, **options}
    with pytest.raises(error, match=message):
        regularization_path(L1Regressor(), **options)


def test_bad_parameters_are_refused():
    X, y = regression()
    with pytest.raises(ValueError, match="The 'max_iter' parameter of L1Regressor"):
        regularization_path(L1Regressor(max_iter=0), X, y)
    with pytest.raises(ValueError, match="penalty_weights has shape"):
        regularization_path(L2Regressor(penalty_weights=[1.0]), X, y)
    with pytest.raises(ValueError, match=r"values must be in \[0, 1\)"):
        regularization_path(DropoutRegressor(), X, y, values=[0.5, 1.0])
    with pytest.raises(ValueError, match="solver='cholesky' does not support positive=True"):
        regularization_path(L2Regressor(positive=True, solver="cholesky"), X, y)
    with pytest.raises(TypeError, match="solver='svd' does not support sparse X"):
        regularization_path(L2Regressor(solver="svd"), sp.csr_array(X), y)


@pytest.mark.parametrize("name", ["diabetes", "uci/energy"])
@each_plain
def test_real_data(estimator, name, diabetes, real_data):
    X, y = diabetes if name == "diabetes" else real_data(name)
    estimator = clone(estimator).set_params(tol=1e-12)
    path = regularization_path(estimator, X, y, n_values=20)
    assert_certified(path, estimator, X, y, tol=1e-12)


@pytest.mark.parametrize("shape", [(20, 1), (1, 3)])
@each_plain
def test_one_feature_and_one_row(estimator, shape):
    X, y = regression(*shape)
    path = regularization_path(clone(estimator).set_params(fit_intercept=False), X, y, [0.9, 0.1])
    for value, coef in zip(path.values, path.coefs, strict=True):
        model = clone(estimator).set_params(**{path.parameter: value}, fit_intercept=False)
        assert_allclose(coef, model.fit(X, y).coef_, rtol=1e-9)


# ---------------------------------------------------------------------------- between the values


@pytest.mark.parametrize("shape", [(60, 12), (20, 60)])
def test_the_kinks_are_where_least_angle_regression_has_them(shape):
    X, y = regression(*shape, seed=3)
    path = regularization_path(L1Regressor(), X, y)
    X, y = X - X.mean(axis=0), y - y.mean()
    alphas, _, _ = lars_path(X, y, method="lasso", alpha_min=path.values[-1])
    inside = alphas > path.values[-1] * (1 + 1e-9)
    assert_allclose(path.knots, alphas[inside], rtol=1e-8)
    active = set()
    for feature in path.entered:
        active = active | {feature} if feature >= 0 else active - {-feature - 1}
    assert active == set(np.flatnonzero(path.coefs[-1]))


@pytest.mark.parametrize("targets", [None, 2])
@each_estimator
def test_a_path_knows_every_value(estimator, targets):
    X, y = regression(60, P, targets=targets)
    path = regularization_path(estimator, X, y, n_values=3)
    between = np.sqrt(path.values[:-1] * path.values[1:])
    found = path.at(between)
    assert_path_of_fits(found, estimator, X, y)
    assert found.dual_gaps.shape == found.coefs.shape[:-1]
    below = path.at(0.5 * path.values[-1])
    assert_path_of_fits(below, estimator, X, y)
    if targets and path.knots is not None:
        assert [len(knots) > 0 for knots in path.knots] == [True] * targets


def test_a_target_that_nothing_explains_does_not_hide_the_kinks_of_the_other():
    X, y = regression(60, P)
    both = np.c_[np.ones(60), y]
    path = regularization_path(L1Regressor(), X, both, n_values=2, eps=0.5)
    below = path.at(path.values[0] * np.array([0.4, 0.01]))
    alone = regularization_path(L1Regressor(), X, y, values=below.values)
    assert len(alone.knots) > 2
    assert_allclose(below.knots[1], alone.knots)
    assert not len(below.knots[0])


@pytest.mark.filterwarnings("error")
def test_many_columns_some_of_them_excluded_and_a_target_that_nothing_explains():
    rng = np.random.default_rng(0)
    v = np.r_[np.inf, np.ones(59)]
    X = rng.standard_normal((20, 60))
    assert not regularization_path(L1Regressor(penalty_weights=v), X, np.ones(20)).coefs.any()
    coefs = regularization_path(L1Regressor(penalty_weights=v), X, X[:, 0] + X[:, 1]).coefs
    assert coefs.any()
    assert not coefs[:, 0].any()


def test_columns_that_share_one_factor_are_near_their_bounds_all_at_once():
    rng = np.random.default_rng(0)
    X = 0.3 * rng.standard_normal((40, 300)) + rng.standard_normal((40, 1))
    y = X[:, :3] @ [1.0, -2.0, 1.5] + 0.1 * rng.standard_normal(40)
    path = regularization_path(L1Regressor(), X, y)
    assert path.dual_gaps.max() <= 1e-10 * 0.5 * y.var()
    theirs, _, _ = lars_path(X - X.mean(axis=0), y - y.mean(), method="lasso")
    assert_allclose(path.knots[:20], theirs[:20], rtol=1e-7)


def test_kinks_are_named_by_the_columns_of_x():
    X, y = regression(60, P)
    X[:, 3] = 1.0
    v = np.where(np.arange(P) == 1, np.inf, 1.0)
    path = regularization_path(L1Regressor(penalty_weights=v), X, y)
    assert not {1, 3} & set(path.entered)
    assert path.entered[0] == np.flatnonzero(path.at(0.99 * path.values[0]).coefs[0])[0]


@pytest.mark.parametrize("estimator", [L2Regressor(), DropoutRegressor(l1_lambda=0.1)])
def test_only_a_lasso_has_kinks(estimator):
    path = regularization_path(estimator, *regression(60, P), n_values=3)
    assert path.knots is None
    assert path.entered is None
