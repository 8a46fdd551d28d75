"""Where the parameters and the data end: strengths of next to nothing, ties, degenerate tables.

The coefficients are right at every strength, not only the objective; what the data (or their
moments) cannot tell apart is no feature; and what cannot be solved is said, never guessed.
"""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, assert_certified, assert_coef, assert_same_fit, noted, regression
from scipy.optimize import linprog, nnls
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.preprocessing import StandardScaler

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    Moments,
    regularization_path,
)

STRENGTH = {
    L1Regressor: "l1_lambda",
    L2Regressor: "l2_lambda",
    DropoutRegressor: "dropout_rate",
}
each = pytest.mark.parametrize("cls", STRENGTH)
container = pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["", "sparse"])
TINY = [1e-22, 1e-18, 1e-15, 1e-12, 1e-9, 1e-6]


@contextmanager
def recorded():
    """The ConvergenceWarnings of the block; any other warning is an error, as always."""
    caught = []
    with warnings.catch_warnings(record=True) as every:
        warnings.simplefilter("always")
        yield caught
    caught += every
    assert {w.category for w in caught} <= {ConvergenceWarning}


def ridge_by_svd(X, y, strength, scale=1.0):
    """Ridge on columns divided by `scale`; singular values within rounding of 0 do not count."""
    A = (X - X.mean(axis=0)) / scale
    b = (y - y.mean(axis=0)) / np.sqrt(len(y))
    U, s, V = np.linalg.svd(A / np.sqrt(len(y)), full_matrices=False)
    s = s[s > max(A.shape) * np.finfo(float).eps * s[0]]
    k = len(s)
    filtered = (s / (s**2 + strength)).reshape(-1, *[1] * (b.ndim - 1))
    return (V[:k].T @ (filtered * (U[:, :k].T @ b))).T / scale


def wide_table():
    """The table of a public report: 50 rows without noise, 100 columns."""
    return make_regression(n_samples=50, n_features=100, noise=0, bias=10, random_state=42)


def copies():
    X, y = regression()
    return np.hstack([X, X[:, :4]]), y


def targets():
    X, y = wide_table()
    return X, np.column_stack([y, np.cos(y)])


TABLES = {"wide": wide_table, "copies": copies, "targets": targets, "tall": regression}


# ---------------------------------------------------------------------------- strength to 0


@pytest.mark.parametrize("solver", ["auto", "svd"])
@pytest.mark.parametrize("table", TABLES)
def test_ridge_of_next_to_nothing_is_that_of_the_svd(table, solver):
    X, y = TABLES[table]()
    for strength in TINY:
        model = L2Regressor(strength, solver=solver).fit(X, y)
        assert_coef(model, ridge_by_svd(X, y, strength), rtol=1e-7)


@container
@pytest.mark.parametrize("table", ["wide", "copies", "tall"])
def test_dropout_at_next_to_no_rate_is_a_ridge_on_scaled_columns(table, container):
    X, y = TABLES[table]()
    for rate in TINY:
        model = DropoutRegressor(rate).fit(container(X), y)
        assert_coef(model, ridge_by_svd(X, y, rate / (1 - rate), X.std(axis=0)), rtol=1e-6)


@pytest.mark.parametrize("table", ["wide", "copies", "tall"])
def test_sparse_ridge_of_next_to_nothing(table):
    X, y = TABLES[table]()
    for strength in TINY:
        model = L2Regressor(strength).fit(sp.csr_array(X), y)
        assert_coef(model, ridge_by_svd(X, y, strength), rtol=1e-6)


@pytest.mark.parametrize("solver", ["cholesky", "dual"])
def test_a_named_factorisation_is_right_at_next_to_no_strength_or_says_that_it_is_not(solver):
    X, y = wide_table()
    for strength in (1e-22, 1e-18, 1e-14):
        with recorded() as caught:
            model = L2Regressor(strength, solver=solver).fit(X, y)
        expected = ridge_by_svd(X, y, strength)
        assert caught or abs(model.coef_ - expected).max() <= 1e-3 * abs(expected).max()


@pytest.mark.parametrize("cls", [L2Regressor, DropoutRegressor])
@pytest.mark.parametrize("table", ["wide", "copies"])
def test_paths_and_searches_go_on_to_next_to_nothing(table, cls):
    X, y = TABLES[table]()
    scale = 1.0 if cls is L2Regressor else X.std(axis=0)
    path = regularization_path(cls(), X, y, TINY)
    for value, coef in zip(path.values, path.coefs, strict=True):
        strength = value if cls is L2Regressor else value / (1 - value)
        expected = ridge_by_svd(X, y, strength, scale)
        assert_allclose(coef, expected, rtol=0, atol=1e-6 * abs(expected).max())
    search = {L2Regressor: L2RegressorCV, DropoutRegressor: DropoutRegressorCV}[cls]
    model = search([1e-18], cv=3).fit(X, y)
    expected = ridge_by_svd(X, y, 1e-18, scale)
    assert_coef(model, expected, rtol=1e-6)


@pytest.mark.parametrize("fraction", [1e-3, 1e-6, 1e-9])
def test_the_lasso_of_next_to_nothing_is_the_smallest_that_meets_y(fraction):
    """With more columns than rows; scipy's linprog finds the limit, which is linear in lambda."""
    X, y = regression(12, 30)
    A, b = X - X.mean(axis=0), y - y.mean()
    answer = linprog(np.ones(60), A_eq=np.hstack([A, -A])[:-1], b_eq=b[:-1])
    expected = answer.x[:30] - answer.x[30:]
    strength = fraction * abs(A.T @ b).max() / len(y)
    model = L1Regressor(strength).fit(X, y)
    assert_allclose(model.coef_, expected, rtol=0, atol=1e-6 + 1e3 * fraction)


@container
@each
def test_a_strength_of_next_to_nothing_is_least_squares_where_that_is_unique(cls, container):
    X, y = regression()
    for strength in (1e-9, 1e-12, 1e-15, 1e-18):
        model = cls(strength).fit(container(X), y)
        assert_same_fit(model, LinearRegression().fit(X, y))


def test_a_ridge_of_next_to_nothing_beside_an_l1_penalty():
    X, y = regression(15, 30)
    expected = Lasso(0.05, tol=1e-14, max_iter=10**6).fit(X, y)
    for strength in (1e-18, 1e-12):
        assert_same_fit(L1Regressor(0.05, l2_lambda=strength).fit(X, y), expected, rtol=1e-5)


@container
@pytest.mark.parametrize("shape", [(2, 3), (3, 20), (5, 4)], ids=str)
@each
def test_least_squares_of_few_rows_far_from_the_origin(cls, shape, container):
    """Centring leaves n - 1 dimensions and rounding in one more, which is not to be fitted."""
    rng = np.random.default_rng(0)
    for offset in [0.0, 10.0, 1e3] * 3:
        X, y = offset + rng.normal(size=shape), rng.normal(size=shape[0])
        model = cls(0.0, tol=1e-12).fit(container(X), y)
        expected = np.linalg.pinv(X - X.mean(axis=0), rcond=1e-9) @ (y - y.mean())
        assert_allclose(model.coef_, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


# ---------------------------------------------------------------------------- near ties


def trips(n=500):
    """Start and end times over ten years, in seconds; the trips' durations are the signal."""
    rng = np.random.default_rng(0)
    start, duration = 1.5e9 + rng.uniform(0, 3.15e8, n), rng.exponential(60, n)
    y = 2 + 0.5 * duration / 60 + 0.3 * rng.normal(size=n)
    return start, duration, y


def test_start_and_end_times_of_which_the_difference_is_the_signal():
    start, duration, y = trips()
    model = L1Regressor(0.1).fit(np.column_stack([start, start + duration]), y)
    # The optimum w = (u - v, v), of signs - and +, in the coordinates start and duration.
    D, yc = np.column_stack([start - start.mean(), duration - duration.mean()]), y - y.mean()
    target = D.T @ yc / len(y) - 0.1 * np.array([-1.0, 2.0])
    u, v = np.linalg.solve(D.T @ D / len(y), target)
    assert u < v
    assert_allclose(model.coef_, [u - v, v], rtol=1e-4)
    r = yc - D @ [model.coef_.sum(), model.coef_[1]]
    best = np.mean((yc - D @ [u, v]) ** 2) / 2 + 0.1 * (2 * v - u)
    assert_allclose(np.mean(r**2) / 2 + 0.1 * abs(model.coef_).sum(), best, rtol=1e-8)


@pytest.mark.parametrize("tie", [1e-4, 1e-6, 1e-7])
@pytest.mark.parametrize("strength", [1e-10, 1e-9, 1e-8])
def test_standardised_columns_that_are_nearly_one(tie, strength):
    """Each sign pattern of two columns is a 2 x 2 system; the best feasible one is the optimum."""
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2, 500))
    X = StandardScaler().fit_transform(np.column_stack([x, x + tie * z]))
    y = z + 0.1 * rng.normal(size=500)
    # In coordinates x1 and (x2 - x1) / tie the two are far from dependent.
    D, yc = np.column_stack([X[:, 0], (X[:, 1] - X[:, 0]) / tie]), y - y.mean()
    G, c = D.T @ D / 500, D.T @ yc / 500
    best = np.inf
    for signs in [(1, -1), (-1, 1), (1, 1), (-1, -1)]:
        a, v = np.linalg.solve(G, c - strength * np.array([signs[0], (signs[1] - signs[0]) / tie]))
        w = np.array([a - v / tie, v / tie])
        value = np.mean((yc - D @ [a, v]) ** 2) / 2 + strength * abs(w).sum()
        best = min(best, value if np.array_equal(np.sign(w), signs) else np.inf)
    model = L1Regressor(strength).fit(X, y)
    r = yc - D @ [model.coef_.sum(), tie * model.coef_[1]]
    value = np.mean(r**2) / 2 + strength * abs(model.coef_).sum()
    assert value <= best + 1e-9 * np.var(y)


def sensors(tie, n=1000, p=5):
    """Two sensors, of which the difference is the signal, beside other columns."""
    rng = np.random.default_rng(0)
    X, z = rng.normal(size=(n, p)), rng.normal(size=n)
    X[:, 1] = X[:, 0] + tie * z
    return X, z + 0.1 * rng.normal(size=n)


def well_conditioned(X, y, tie):
    """Least squares on the columns x1, (x2 - x1) / tie and the others, as coefficients of X."""
    D = X - X.mean(axis=0)
    D[:, 1] = (D[:, 1] - D[:, 0]) / tie
    coef = np.linalg.lstsq(D, y - y.mean(), rcond=None)[0]
    coef[:2] = coef[0] - coef[1] / tie, coef[1] / tie
    return coef


def loss(model, X, y):
    return 0.5 * np.mean((y - model.predict(X)) ** 2)


@pytest.mark.parametrize("tie", [1e-4, 1e-6, 1e-7])
@each
def test_least_squares_of_near_ties_on_rows(cls, tie):
    X, y = sensors(tie)
    best = Problem(X, y).objective(well_conditioned(X, y, tie))
    assert loss(cls(0.0).fit(X, y), X, y) <= best + 1e-8


@pytest.mark.parametrize("strength", [0.0, 1e-18])
@pytest.mark.parametrize("tie", [1e-4, 1e-6, 1e-7])  # below, no moment tells it from a copy
@each
def test_what_moments_cannot_resolve_is_said(cls, tie, strength):
    """Without a warning the fit is as good, up to rounding, as one on the rows can be."""
    X, y = sensors(tie)
    problem, coef = Problem.of(cls(strength), X, y), well_conditioned(X, y, tie)
    moments = Moments.from_data(X, y)
    for fit in (lambda m: m.fit_moments(moments), lambda m: m.partial_fit(X, y)):
        with recorded() as caught:
            model = fit(cls(strength))
        excess = problem.objective(model.coef_, model.intercept_)
        excess -= problem.objective(coef)
        assert caught or excess <= model.dual_gap_ + 1e-6 * np.var(y)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3])
@pytest.mark.parametrize("tie", [1e-8, 1e-10, 1e-12, 1e-13, 1e-14])
def test_ties_within_rounding_are_not_fitted(tie, offset):
    """The fit with a column that is nearly a copy is no worse than without it, or says so."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = offset + rng.normal(size=(8, 3))
        y = X @ [1.0, 2.0, -1.0] + rng.normal(size=8)
        tied = np.column_stack([X, X[:, 0] + tie * rng.normal(size=8)])
        with recorded() as caught:
            model = L2Regressor(0.0).fit(tied, y)
        excess = loss(model, tied, y) - loss(L2Regressor(0.0).fit(X, y), X, y)
        assert caught or excess <= 1e-5 * np.var(y)


# ---------------------------------------------------------------------------- strength to infinity


@pytest.mark.parametrize("factor", [1.0 + 1e-12, 2.0, 1e12])
@pytest.mark.parametrize("cls", [L1Regressor, DropoutRegressor])
def test_from_lambda_max_on_all_is_zero(cls, factor):
    X, y = regression()
    s = np.random.default_rng(0).uniform(0, 2, len(y))
    most = Problem(X, y, sample_weight=s).lambda_max
    model = cls(l1_lambda=factor * most).fit(X, y, sample_weight=s)
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(np.average(y, weights=s))
    assert model.dual_gap_ == pytest.approx(0, abs=1e-14 * Problem(X, y).null)


@pytest.mark.parametrize("cls", [L1Regressor, DropoutRegressor])
def test_just_below_lambda_max_one_feature_enters(cls):
    X, y = regression()
    model = cls(l1_lambda=0.999 * Problem(X, y).lambda_max).fit(X, y)
    assert np.count_nonzero(model.coef_) == 1


@pytest.mark.parametrize("strength", [1e6, 1e12])
def test_a_huge_ridge_leaves_next_to_nothing(strength):
    X, y = regression()
    model = L2Regressor(strength).fit(X, y)
    assert_coef(model, ridge_by_svd(X, y, strength))
    assert model.intercept_ == pytest.approx(y.mean())


@pytest.mark.parametrize("rate", [1 - 1e-3, 1 - 1e-12, np.nextafter(1, 0)])
def test_dropout_at_the_end_of_its_range(rate):
    X, y = regression()
    assert_certified(DropoutRegressor(rate).fit(X, y), X, y)


def test_a_rate_of_zero_for_some_features_only():
    X, y = regression()
    model = DropoutRegressor(np.where(np.arange(12) % 2, 0.0, 0.5), tol=1e-13).fit(X, y)
    assert_coef(model, *Problem.of(model, X, y).solve())


# ---------------------------------------------------------------------------- sizes of numbers


@pytest.mark.parametrize("where", ["X", "y", "both"])
@container
@each
def test_values_whose_squares_overflow_are_one_clear_error(cls, container, where):
    for value in (-1e160, 1e200, 1.7e308):
        X, y = regression(40, 4)
        if where != "y":
            X[7, 2] = value
        if where != "X":
            y[3] = value
        for fit in (
            lambda X, y: cls().fit(X, y),
            lambda X, y: cls(0.0).fit(X, y),
            lambda X, y: cls().partial_fit(X, y),
            lambda X, y: regularization_path(cls(), X, y, n_values=3),
        ):
            with noted(value, fit), pytest.raises(ValueError, match=r"(?i)rescale"):
                fit(container(X), y)


@pytest.mark.parametrize("search", [L1RegressorCV(5), L2RegressorCV(5), DropoutRegressorCV(5)])
def test_searches_refuse_values_whose_squares_overflow(search):
    X, y = regression(40, 4)
    with pytest.raises(ValueError, match=r"(?i)rescale"):
        search.fit(X, np.where(np.arange(40) == 3, 1e200, y))
    X[7, 2] = 1e200
    with pytest.raises(ValueError, match=r"(?i)rescale"):
        search.fit(X, y)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize(
    "model",
    [L1Regressor(0.02), L2Regressor(0.02), DropoutRegressor(0.1, l1_lambda=0.02)],
    ids=repr,
)
def test_other_units_of_x_or_y_are_other_units_of_the_fit(model, scale):
    X, y = regression()
    units = {"l1_lambda": scale, "l2_lambda": scale**2}
    names = model.get_params().keys() & units.keys()
    scaled = clone(model).set_params(**{n: getattr(model, n) * units[n] for n in names})
    plain = clone(model).fit(X, y)
    scaled.fit(scale * X, y)
    assert_coef(scaled, plain.coef_ / scale, plain.intercept_)
    other = clone(model)
    if "l1_lambda" in names:
        other.set_params(l1_lambda=scale * model.l1_lambda)
    assert_coef(other.fit(X, scale * y), scale * plain.coef_, scale * plain.intercept_)


@each
def test_columns_of_other_units_under_penalty_weights_that_undo_them(cls):
    X, y = regression()
    scales = 10.0 ** np.array([-6, 6, 0, -3, 3, -6, 6, 0, 1, 3, -3, 0])
    weights = {L1Regressor: scales, L2Regressor: scales**2, DropoutRegressor: None}[cls]
    plain = cls(0.05, tol=1e-13).fit(X, y)
    model = cls(0.05, tol=1e-13, penalty_weights=weights).fit(X * scales, y)
    assert_allclose(model.coef_ * scales, plain.coef_, rtol=1e-5, atol=1e-7)


@container
@pytest.mark.parametrize("kind", ["far", "rarely different"])
@each
def test_far_columns(cls, kind, container):
    """A column of mean 1e8, or one that changes in few of its rows only; and a tame one."""
    rng = np.random.default_rng(0)
    near = rng.normal(size=(1000, 2))
    if kind == "rarely different":
        near[:, 0] = np.isin(np.arange(1000), [5, 77, 301, 650])
    y = 3 * near[:, 0] + near[:, 1] + 0.1 * rng.normal(size=1000)
    far = near + np.array([2.0**27, 0.0])
    for strength in (0.0, 0.001):
        expected = cls(strength).fit(far - np.array([2.0**27, 0.0]), y).coef_
        assert_allclose(cls(strength).fit(container(far), y).coef_, expected, rtol=1e-6)


def test_coefficients_that_float32_cannot_hold_are_an_error():
    X, y = regression(40, 4)
    for cls in STRENGTH:
        with pytest.raises(ValueError, match=r"(?i)float32"):
            cls(0.0).fit((1e-20 * X).astype(np.float32), 1e30 * y)


@pytest.mark.parametrize("value", [1e6, 1e200])
@each
def test_a_row_of_no_weight_may_hold_any_number(cls, value):
    X, y = regression(40, 4)
    s, others = np.ones(40), np.arange(40) != 7
    plain = cls(0.05).fit(X[others], y[others])
    X[7], s[7] = value, 0.0
    assert_same_fit(cls(0.05).fit(X, y, s), plain, rtol=1e-9)
    path = regularization_path(cls(), X, y, [0.5, 0.1], sample_weight=s)
    without = regularization_path(cls(), X[others], y[others], [0.5, 0.1])
    assert_allclose(path.coefs, without.coefs, rtol=1e-7, atol=1e-12)


# ---------------------------------------------------------------------------- degenerate tables

SEARCHES = [
    *(L1RegressorCV(5, cv=3), L1RegressorCV(5, cv=3, selection="1se")),
    *(L1RegressorCV(5, criterion="aic"), L1RegressorCV(5, criterion="bic")),
    *(L2RegressorCV(5), L2RegressorCV(5, cv=3), L2RegressorCV(5, criterion="gcv")),
    *(DropoutRegressorCV(5), DropoutRegressorCV(5, cv=3)),
]
edges = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


@edges
@pytest.mark.parametrize("model", [*(cls() for cls in STRENGTH), *SEARCHES], ids=repr)
def test_a_constant_target_gives_zeros_and_itself(model):
    X, _ = regression()
    for value in (0.0, 4.0, 0.1, -1e10):
        for rows in (X, X[:20, :], sp.csr_array(X)):
            with noted(value):
                fitted = clone(model).fit(rows, np.full(rows.shape[0], value))
                assert_allclose(fitted.coef_, 0, atol=1e-14 * max(abs(value), 1))
                assert_allclose(fitted.intercept_, value, rtol=1e-12)


@edges
@pytest.mark.parametrize("model", [*(cls(0.05) for cls in STRENGTH), *SEARCHES], ids=repr)
def test_constant_columns_get_no_coefficient_and_change_nothing(model):
    X, y = regression()
    plain = clone(model).fit(X, y)
    for value in (0.0, 0.1, 1e8):
        fitted = clone(model).fit(np.column_stack([X, np.full(50, value)]), y)
        assert fitted.coef_[-1] == 0
        assert_allclose(fitted.coef_[:-1], plain.coef_, rtol=1e-6, atol=1e-8)


@container
@each
def test_columns_of_nothing_but_zeros(cls, container):
    y, s = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 2.0, 0.0, 1.0])
    for strength in (0.0, 0.05):
        model = cls(strength).fit(container(np.zeros((4, 3))), y, s)
        assert_array_equal(model.coef_, 0)
        assert model.intercept_ == pytest.approx(2.5)


@pytest.mark.parametrize("p", [1, 3])
@each
def test_one_row_or_one_row_of_weight_is_the_mean(cls, p):
    X, y = regression(10, p)
    for strength in (0.0, 0.05):
        for model in (
            cls(strength).fit(X[4:5], y[4:5]),
            cls(strength).fit(X, y, 2.0 * (np.arange(10) == 4)),
        ):
            assert_allclose(model.coef_, 0, atol=1e-12)
            assert model.intercept_ == pytest.approx(y[4])


def test_dropout_to_the_mean_of_one_row_is_least_squares():
    """Nothing varies, so nothing is dropped, and y is met with coefficients of minimum norm."""
    X, y = np.array([[1.0, 2.0, -3.0]]), np.array([7.0])
    model = DropoutRegressor(0.1, fit_intercept=False).fit(X, y)
    assert_allclose(model.coef_, X[0] * 7 / 14, rtol=1e-10)


@pytest.mark.parametrize("shape", [(10, 30), (2, 30), (3, 30)], ids=str)
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor])
def test_more_unpenalised_features_than_rows_meet_y(cls, shape):
    X, y = regression(*shape)
    v = np.where(np.arange(30) < 15, 0.0, 1.0)
    model = cls(0.05, penalty_weights=v).fit(X, y)
    assert_allclose(model.predict(X), y, rtol=1e-6)
    assert_allclose(model.coef_[15:], 0, atol=1e-6)


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning:scipy")  # of SciPy's own nnls
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor])
def test_positive_least_squares_of_more_features_than_rows(cls):
    """Many minimisers: judged by the residual, and never below zero, not by rounding either."""
    for seed in range(10):
        X, y = regression(6, 40, seed)
        model = cls(0.0, positive=True, fit_intercept=False).fit(X, y)
        assert (model.coef_ >= 0).all()
        excess = np.sum((X @ model.coef_ - y) ** 2) - nnls(X, y)[1] ** 2
        assert excess <= 1.01e-10 * (y @ y)


# ---------------------------------------------------------------------------- criteria and scores


@edges
@pytest.mark.parametrize("model", SEARCHES, ids=repr)
def test_only_the_ratios_of_weights_matter_to_a_choice(model):
    X, y = load_diabetes(return_X_y=True)
    s = np.random.default_rng(0).random(442) + 0.5
    s /= s.mean()
    chosen = [
        next(value for name, value in vars(fitted).items() if name in CHOSEN)
        for fitted in (
            clone(model).fit(X, y, sample_weight=scale * s) for scale in (1, 1 / 442, 1e-3, 1e3)
        )
    ]
    assert_allclose(chosen, chosen[0], rtol=1e-9)


CHOSEN = ("l1_lambda_", "l2_lambda_", "dropout_rate_")


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV, DropoutRegressorCV])
def test_no_choice_among_scores_that_are_no_numbers(cls, value):
    X, y = regression()
    model = cls([0.5, 0.1], cv=3, scoring=lambda model, X, y: value)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, y)
        except ValueError as error:
            caught.append(error)
    texts = [str(getattr(w, "message", w)) for w in caught]
    assert any("score" in text or "finite" in text for text in texts), texts


@edges
@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_a_criterion_says_what_it_needs(criterion):
    """More rows than features, whatever their weights sum to."""
    X, y = regression(10, 20)
    with pytest.raises(ValueError, match=r"noise_variance|number of samples"):
        L1RegressorCV(5, criterion=criterion).fit(X, y)
    X, y = regression(30, 5)
    L1RegressorCV(5, criterion=criterion).fit(X, y, np.full(30, 0.01))
