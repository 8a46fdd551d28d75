"""Numbers at the edge of float64: a clear error or the right answer, never a silent wrong one."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, assert_certified, assert_coef, assert_same_fit, regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut

from skreg import (
    DropoutRegressor,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    Moments,
    regularization_path,
)
from skreg.problem.rows import Rows

ESTIMATORS = [L1Regressor, L2Regressor, DropoutRegressor]
each = pytest.mark.parametrize("cls", ESTIMATORS)
container = pytest.mark.parametrize(
    "container", [np.asarray, sp.csr_array], ids=["dense", "sparse"]
)
X, Y = regression(40, 4)


def with_column(values):
    """X with its last column replaced."""
    return np.column_stack([X[:, :3], values])


# ---------------------------------------------------------------------------- data


@pytest.mark.parametrize("value", [1e51, -1e160, 1e300, -1.7e308])
@container
@each
def test_an_x_whose_products_overflow_is_refused(cls, container, value):
    spoiled = X.copy()
    spoiled[7, 2] = value
    with pytest.raises(ValueError, match=r"^X has values up to .*Rescale X"):
        cls().fit(container(spoiled), Y)


def test_values_that_cancel_in_a_column_do_not_hide():
    spoiled = X.copy()
    spoiled[:2, 2] = 1e200, -1e200
    with pytest.raises(ValueError, match=r"^X has values"):
        L1Regressor().fit(np.asfortranarray(spoiled), Y)


@pytest.mark.parametrize("value", [1e51, -1e160, 1.7e308])
@each
def test_a_y_whose_products_overflow_is_refused(cls, value):
    y = np.column_stack([Y, Y])
    y[3, 1] = value
    with pytest.raises(ValueError, match=r"^y has values up to .*Rescale y"):
        cls().fit(X, y)


@pytest.mark.parametrize("scale", [1e-60, 1e-170, 1e-310])
@each
def test_a_target_whose_products_vanish_is_refused(cls, scale):
    with pytest.raises(ValueError, match=r"target of y .* vanish"):
        cls().fit(X, np.column_stack([Y, scale * Y]))


@pytest.mark.parametrize("scale", [1e-45, 1e45])
@each
def test_all_that_is_not_refused_is_fitted(cls, scale):
    """The strengths rescaled with y and X, the fit is that of ordinary numbers."""
    plain, scaled = cls(), cls()
    if "l1_lambda" in plain.get_params():
        scaled.set_params(l1_lambda=plain.l1_lambda * scale * scale)
    if "l2_lambda" in plain.get_params():
        scaled.set_params(l2_lambda=plain.l2_lambda * scale * scale)
    scaled.fit(X * scale, Y * scale)
    plain.fit(X, Y)
    assert_allclose(scaled.coef_, plain.coef_, rtol=1e-6)
    assert_allclose(scaled.intercept_, plain.intercept_ * scale, rtol=1e-6)
    assert_allclose(scaled.dual_gap_, 0, atol=1e-10 * np.var(Y) * scale**2)


TINY = [1e-60, 1e-170, 1e-320]


@pytest.mark.parametrize("scale", TINY)
@container
@pytest.mark.parametrize(
    "model",
    [
        DropoutRegressor(),
        DropoutRegressor(drop_to="zero"),
        L1Regressor(0.0),
        L2Regressor(penalty_weights=[1, 1, 1, 0]),
        L2Regressor(l2_lambda=1e-160),
    ],
    ids=repr,
)
def test_a_column_too_small_to_square_is_refused_where_it_counts(model, container, scale):
    with pytest.raises(ValueError, match=r"^Column 3 of X"):
        model.fit(container(with_column(scale * X[:, 3])), Y)


@pytest.mark.parametrize("scale", TINY)
@container
@pytest.mark.parametrize(
    "model", [L1Regressor(), L2Regressor(), DropoutRegressor(l1_lambda=0.1)], ids=repr
)
def test_a_column_too_small_to_square_is_as_good_as_absent_where_it_is_penalised(
    model, container, scale
):
    without = model.fit(container(X[:, :3]), Y).coef_
    model.fit(container(with_column(scale * X[:, 3])), Y)
    assert_array_equal(model.coef_[3], 0)
    assert_allclose(model.coef_[:3], without, rtol=1e-9)


@pytest.mark.parametrize("scale", TINY)
@container
def test_from_moments_a_column_too_small_to_square_is_refused_or_absent_likewise(container, scale):
    moments = Moments.from_data(container(with_column(scale * X[:, 3])), Y)
    with pytest.raises(ValueError, match=r"^Column 3 of X"):
        L2Regressor(l2_lambda=0).fit_moments(moments)
    model = L1Regressor().fit_moments(moments)
    assert_array_equal(model.coef_[3], 0)
    assert_allclose(model.coef_[:3], L1Regressor().fit(X[:, :3], Y).coef_, rtol=1e-9)


@container
def test_a_target_too_small_to_square_is_refused_from_moments(container):
    with pytest.raises(ValueError, match="A target of y has no value above"):
        L1Regressor().fit_moments(Moments.from_data(container(X), 1e-170 * Y))


@container
@pytest.mark.parametrize("small", [1e-60, 1e-170, 5e-324])
def test_a_row_may_be_too_small_to_square_where_the_others_are_not(container, small):
    """Batches and folds of one row hold nothing else."""
    spoiled, target = X.copy(), Y.copy()
    spoiled[7], target[8] = small, small
    expected = L1Regressor(l1_lambda=0.01).fit(spoiled, target)
    model = L1Regressor(l1_lambda=0.01)
    for k in range(len(Y)):
        model.partial_fit(container(spoiled[k : k + 1]), target[k : k + 1])
    assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    choice = L1RegressorCV(lambdas=[0.1, 0.01, 0], cv=LeaveOneOut())
    mse = choice.fit(container(spoiled), target).mse_mean_
    spoiled[7], target[8] = 0, 0
    assert_allclose(mse, choice.fit(container(spoiled), target).mse_mean_, rtol=1e-9)


def test_subnormal_entries_among_others_are_zeros():
    spoiled = np.where(X > 1, 5e-324, X)
    assert_same_fit(L2Regressor().fit(spoiled, Y), L2Regressor().fit(np.where(X > 1, 0.0, X), Y))


@pytest.mark.parametrize("value", [1.0, -3.7, 1e45, 1e-45])
@pytest.mark.parametrize("solver", ["cholesky", "dual", "cg"])
@container
def test_a_constant_target_leaves_no_dust(solver, container, value):
    """Centring may leave rounding errors of y, which are not to be fitted."""
    rng = np.random.default_rng(0)
    for n in (7, 20, 41):
        design = container(rng.normal(size=(n, 3)))
        weights = rng.uniform(size=n)
        model = L2Regressor(solver=solver).fit(design, np.full(n, value), weights)
        assert_array_equal(model.coef_, 0)
        assert_allclose(model.intercept_, value, rtol=1e-15)


# ---------------------------------------------------------------------------- penalties


@pytest.mark.parametrize(
    "model",
    [
        L2Regressor(1e300, penalty_weights=[1e10, 1, 1, 1e300]),
        L1Regressor(1e300, penalty_weights=[1e10, 1, 1, 1e300]),
        L1Regressor(1e-3, l2_lambda=1e300, penalty_weights=[1e10, 1, 1, 1e300]),
        DropoutRegressor(0.5, l2_lambda=1e305, penalty_weights=[1e10, 1, 1, 1e300]),
    ],
    ids=repr,
)
def test_a_penalty_beyond_float64_excludes(model):
    model.fit(X, Y)
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == pytest.approx(Y.mean())
    assert model.dual_gap_ == 0


@pytest.mark.parametrize("scale", [1.0, 1e20, 1e45])
@pytest.mark.parametrize("rank", [5, 4, 3])
@container
def test_what_free_features_leave_of_others_is_not_fitted_if_it_is_rounding(container, rank, scale):
    """All columns lie in the span of the free ones, up to rounding errors above the penalty."""
    rng = np.random.default_rng(0)
    design = scale * rng.normal(size=(6, rank)) @ rng.normal(size=(rank, 9))
    y = rng.normal(size=6)
    model = L1Regressor(1e-3, penalty_weights=np.where(np.arange(9) < 6, 0.0, 1.0))
    model.fit(container(design), y)
    assert np.abs(model.coef_).max() * scale < 100
    expected = LinearRegression().fit(design / scale, y).predict(design / scale)
    assert_allclose(model.predict(design), expected, rtol=0, atol=1e-6)


@container
@each
def test_weights_of_any_size_count_as_nothing_or_as_everything(cls, container):
    """1e-150 is to 0 as 1e150 is to infinity: nobody could tell, and no product may overflow."""
    name = "l1_lambda" if cls is L1Regressor else "l2_lambda"
    extreme, plain = (
        cls(**{name: 0.1}, penalty_weights=v).fit(container(X), Y)
        for v in ([1e-150, 1.0, 1e150, 1e-300], [0.0, 1.0, np.inf, 0.0])
    )
    assert_same_fit(extreme, plain)
    assert_certified(plain, X, Y)


@pytest.mark.parametrize("strength", [1e-100, 1e-200, 1e-320])
@pytest.mark.parametrize("shape", [(40, 4), (6, 12)], ids=["tall", "wide"])
@each
def test_a_strength_of_next_to_nothing_is_least_squares(cls, shape, strength):
    tall, y = regression(*shape)
    name = {L1Regressor: "l1_lambda", L2Regressor: "l2_lambda"}.get(cls, "dropout_rate")
    assert_same_fit(cls(**{name: strength}).fit(tall, y), LinearRegression().fit(tall, y))


@each
def test_negligible_sample_weights_are_none(cls):
    """As kernels make them: exp(-distance) far away."""
    s = np.where(np.arange(40) % 2, 1.0, 1e-200)
    assert_same_fit(cls().fit(X, Y, s), cls().fit(X[1::2], Y[1::2]), rtol=1e-12)


def test_a_row_that_outweighs_all_others_by_far_is_met_and_the_others_decide_the_rest():
    """Its weight is a constraint: the fit is that of the differences from it."""
    s = np.ones(40)
    s[0] = 1e16
    model = L1Regressor(0.0).fit(X, Y, s)
    expected = np.linalg.lstsq(X[1:] - X[0], Y[1:] - Y[0], rcond=None)[0]
    assert_coef(model, expected, Y[0] - X[0] @ expected, rtol=1e-5)


@container
@pytest.mark.parametrize("size", [1.0, 1e-170])
def test_a_column_whose_mean_is_zero_is_not_for_that_too_small(container, size):
    column = size * np.tile([1.0, -1.0], 20)
    X = container(with_column(column))
    view = Rows.from_data(X.tocsc() if sp.issparse(X) else X, Y, None, True)
    assert_array_equal(view.vanishing, [False, False, False, size < 1])


@pytest.mark.parametrize("value", [1.7e308, -1e200, 1e60])
@each
def test_a_row_of_no_weight_may_hold_any_number(cls, value):
    """Also one that overflows with the first coefficient, and where a path asks for all."""
    spoiled, s = X.copy(), np.ones(40)
    spoiled[7], s[7] = value, 0.0
    others = np.arange(40) != 7
    plain = cls().fit(X[others], Y[others])
    assert_same_fit(cls().fit(spoiled, Y, s), plain, rtol=1e-12)
    path = regularization_path(cls(), spoiled, Y, n_values=3, sample_weight=s)
    without = regularization_path(cls(), X[others], Y[others], path.values)
    assert_allclose(path.coefs, without.coefs, rtol=1e-9, atol=1e-12)


@container
def test_a_column_is_too_small_to_square_if_only_a_row_of_no_weight_says_otherwise(container):
    spoiled, s = with_column(1e-170 * X[:, 3]), np.ones(40)
    spoiled[7, 3], s[7] = 1.0, 0.0
    with pytest.raises(ValueError, match=r"^Column 3 of X"):
        L2Regressor(0.0).fit(container(spoiled), Y, s)
    assert L1Regressor().fit(container(spoiled), Y, s).coef_[3] == 0


@container
def test_the_automatic_grid_of_columns_too_small_to_square_is_finite(container):
    search = L1RegressorCV(4, cv=2, l2_lambda=1e-100).fit(container(2e-322 * np.sign(X)), Y)
    assert np.all(search.lambdas_ > 0)
    assert_array_equal(search.coef_, 0)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("v", [[1, 1, 0], [1, 0, 1], [0, 1, 1], [0, np.inf, 1]])
@pytest.mark.parametrize("scale", [1e12, 1e30, 1e49])
def test_a_path_gives_no_coefficient_to_what_free_features_leave_by_rounding(
    scale, v, fit_intercept
):
    spanned = np.column_stack([X[:, 0], X[:, 0], scale * X[:, 0]])
    model = L2Regressor(penalty_weights=v, fit_intercept=fit_intercept)
    path = regularization_path(model, spanned, Y, [1.0, 1e-49, 1e-170])
    assert_array_equal(path.coefs[0, np.array(v) == 1], 0)  # the others are as good as free
    null = 0.5 * np.mean((Y - fit_intercept * Y.mean()) ** 2)
    assert np.all(path.dual_gaps <= 1e-10 * null)


def test_a_path_that_is_refused_does_not_warn_first():
    """Coefficients overflow float32, after a solver that got nowhere."""
    design = (1e-30 * X).astype(np.float32)
    with pytest.raises(ValueError, match="overflow float32"):  # any warning is an error here
        regularization_path(L1Regressor(tol=0), design, 1e20 * Y, [0.0])


# ---------------------------------------------------------------------------- far from the origin


def long_objective(design, y, model):
    """The loss of a fitted model as it predicts, in extended precision."""
    design, y = design.astype(np.longdouble), y.astype(np.longdouble)
    r = y - design @ model.coef_.astype(np.longdouble) - np.longdouble(model.intercept_)
    return float(0.5 * np.mean(r * r))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3, 1e6, 1e8])
@pytest.mark.parametrize("tie", [1e-8, 1e-9, 1e-10, 1e-11, 1e-12])
def test_near_ties_of_columns_are_not_fitted_by_rounding_errors(tie, offset):
    """The fit with a column that is nearly a copy is no worse than without it, or says so."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        design = offset + rng.normal(size=(8, 3))
        y = design @ [1.0, 2.0, -1.0] + rng.normal(size=8)
        tied = np.column_stack([design, design[:, 0] + tie * rng.normal(size=8)])
        model = L2Regressor(0.0).fit(tied, y)
        best = long_objective(design, y, L2Regressor(0.0).fit(design, y))
        excess = long_objective(tied, y, model) - best
        rounding = 4e-16 * offset * np.std(y)  # of the columns that are told apart, or are not
        assert excess <= 10 * model.dual_gap_ + 1e-9 * np.var(y) + rounding


# ---------------------------------------------------------------------------- float32


@each
def test_coefficients_that_float32_cannot_hold_are_an_error(cls):
    with pytest.raises(ValueError, match="overflow float32"):
        cls(0.0).fit((1e-20 * X).astype(np.float32), 1e30 * Y)


def test_an_intercept_that_float32_cannot_hold_is_an_error():
    with pytest.raises(ValueError, match="intercept overflow float32"):
        L1Regressor(1e60).fit(X.astype(np.float32), 1e50 + Y)


@pytest.mark.parametrize("offset", [0.0, 100.0, 1e4])
@pytest.mark.parametrize(
    "model",
    [
        L1Regressor(0.05),
        L1Regressor(0.05, positive=True),
        L1Regressor(0.05, l2_lambda=0.1),
        L2Regressor(0.1),
        DropoutRegressor(0.3),
        L2Regressor(0.1, fit_intercept=False),
    ],
    ids=repr,
)
def test_the_gap_of_a_float32_fit_covers_its_rounding(model, offset):
    design = (X + offset).astype(np.float32)
    model.fit(design, Y)
    problem = Problem.of(model, design, Y)
    excess = problem.objective(model.coef_, model.intercept_) - problem.objective(*problem.solve())
    assert model.coef_.dtype == np.float32
    assert excess <= 1.01 * model.dual_gap_ + 1e-14 * problem.null
    assert model.dual_gap_ <= 100 * excess + 1e-10 * problem.null
