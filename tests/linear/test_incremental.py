"""`partial_fit`, `fit_moments` and `refit`: the fit of all rows at once, whatever came when."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, assert_coef, regression, sparse_regression
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skreg import DropoutRegressor, L1Regressor, L2Regressor, Moments

N, P = 60, 12
V = np.array([0.0, 1, 1, 2, 0.5, np.inf, 1, 1, 0, 3, 1, 1])
MODELS = {
    "lasso": L1Regressor(0.1),
    "elastic net, weights of features": L1Regressor(0.05, l2_lambda=0.1, penalty_weights=V),
    "lasso without an intercept": L1Regressor(0.1, fit_intercept=False),
    "positive lasso": L1Regressor(0.05, positive=True),
    "no penalty": L1Regressor(0.0),
    "ridge": L2Regressor(0.1),
    "ridge, weights of features": L2Regressor(0.1, penalty_weights=V),
    "ridge without an intercept": L2Regressor(0.1, fit_intercept=False),
    "dropout": DropoutRegressor(0.3),
    "dropout to zero": DropoutRegressor(0.3, drop_to="zero"),
    "dropout, a rate each": DropoutRegressor(np.linspace(0, 0.9, P)),
    "dropout to zero without an intercept": DropoutRegressor(
        0.2, drop_to="zero", fit_intercept=False
    ),
    "dropout, l1 and l2": DropoutRegressor(0.3, l1_lambda=0.05, l2_lambda=0.1),
}
each_model = pytest.mark.parametrize("model", [pytest.param(m, id=k) for k, m in MODELS.items()])
each_class = pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])


def weights(n=N, seed=1):
    """Row weights, a third of them zero."""
    return np.random.default_rng(seed).integers(0, 3, n).astype(float)


def stream(model, X, y, s, cuts, layout=lambda k, X: X):
    """A clone of the model, fitted batch by batch."""
    model = clone(model)
    for k, (first, end) in enumerate(pairwise([0, *cuts, X.shape[0]])):
        rows = slice(first, end)
        model.partial_fit(layout(k, X[rows]), y[rows], None if s is None else s[rows])
    return model


def at_once(model, X, y, s=None):
    return clone(model).fit(X, y, sample_weight=s)


# ---------------------------------------------------------------------------- the same fit

CUTS = {
    "whole": [],
    "single rows": list(range(1, N)),
    "fewer rows than features first": [5, 9, 40],
}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@each_model
def test_any_batches_make_the_fit_of_all_rows(model, cuts):
    X, y = regression(N, P)
    streamed, whole = stream(model, X, y, None, cuts), at_once(model, X, y)
    assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)
    assert_array_equal(streamed.coef_ == 0, whole.coef_ == 0)
    assert_certified(streamed, X, y)
    assert streamed.moments_.weight == N


@pytest.mark.parametrize("targets", [1, 3])
@each_model
def test_weights_and_targets(model, targets):
    X, y = regression(N, P, targets=targets)
    s = weights()
    s[7:14] = 0  # one batch has no weight at all
    streamed, whole = stream(model, X, y, s, range(7, N, 7)), at_once(model, X, y, s)
    assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)
    assert streamed.moments_.weight == s.sum()
    assert np.shape(streamed.dual_gap_) == np.shape(whole.dual_gap_)


@each_model
def test_dense_and_sparse_batches_mix_in_any_order(model):
    X, y = sparse_regression(N, P)
    layouts = [lambda A: A, lambda A: A.toarray(), sp.csc_matrix, sp.coo_array]
    whole = at_once(model, X.toarray(), y, weights())
    for rows in (np.arange(N), np.arange(N)[::-1]):
        data = X[rows], y[rows], weights()[rows]
        streamed = stream(model, *data, range(7, N, 7), lambda k, A: layouts[k % 4](A))
        assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)


@pytest.mark.parametrize("name", ["lasso", "no penalty", "ridge", "dropout"])
def test_far_columns_lose_no_digit_to_batches(name):
    """Columns of standard deviation 1 about 1e6."""
    X, y = regression(N, P)
    X = np.rint(X * 2**20) / 2**20  # so that moving them changes nothing
    far = stream(MODELS[name], X + 2.0**20, y, weights(), range(7, N, 7))
    near = at_once(MODELS[name], X, y, weights())
    assert_coef(far, near.coef_, rtol=1e-8)


@each_model
def test_more_features_than_rows(model):
    X, y = regression(8, P)
    streamed, whole = stream(model, X, y, None, [3, 6]), at_once(model, X, y)
    assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-8)


def test_hundreds_of_features():
    X, y = regression(500, 350)
    for model in (L1Regressor(0.2), L1Regressor(0.1, positive=True), L2Regressor(0.1)):
        streamed = stream(model, X, y, None, range(100, 500, 100))
        whole = at_once(model, X, y)
        assert_array_equal(streamed.coef_ == 0, whole.coef_ == 0)
        assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-8)


@pytest.mark.parametrize("solver", ["subgradient", "gradient"])
def test_the_loops_run_on_moments_as_on_rows(solver):
    cls = {"subgradient": L1Regressor, "gradient": L2Regressor}[solver]
    X, y = regression(N, P)
    model = cls(0.1, solver=solver, tol=0, max_iter=200)
    streamed, whole = stream(model, X, y, None, [7, 30]), at_once(model, X, y)
    assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)
    assert_allclose(streamed.loss_curve_, whole.loss_curve_, rtol=1e-9)
    warm = stream(clone(model).set_params(warm_start=True), X, y, None, [7, 30])
    assert warm.loss_curve_[0] < 0.5 * whole.loss_curve_[0]


@each_class
def test_constant_columns_and_constant_targets(cls):
    X, y = regression(N, 4)
    X[:, 1], X[:, 2] = 0.1, np.where(np.arange(N) < 30, 1e3, 2e3)  # constant in each batch only
    streamed, whole = stream(cls(0.05), X, y, None, [30]), at_once(cls(0.05), X, y)
    assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)
    assert streamed.coef_[1] == 0
    flat = stream(cls(0.05), X, np.full(N, 0.3), None, range(7, N, 7))
    assert_allclose(flat.coef_, 0, atol=1e-14)
    assert_allclose(flat.intercept_, 0.3, rtol=1e-12)


# ---------------------------------------------------------------------------- what is kept


@each_model
def test_another_strength_costs_no_data(model):
    X, y = regression(N, P)
    streamed = stream(model, X, y, weights(), range(7, N, 7))
    moments = streamed.moments_
    strengths = [n for n in ("l1_lambda", "l2_lambda", "dropout_rate") if hasattr(model, n)]
    streamed.set_params(**{name: getattr(model, name) / 2 + 0.01 for name in strengths})
    for _ in range(2):
        assert streamed.refit() is streamed
        assert streamed.moments_ is moments
        whole = at_once(streamed, X, y, weights())
        assert_coef(streamed, whole.coef_, whole.intercept_, rtol=1e-9)
        streamed.set_params(fit_intercept=not model.fit_intercept)


@each_model
def test_moments_made_elsewhere_are_fitted_and_gone_on_from(model, tmp_path):
    X, y = regression(N, P)
    s = weights()
    parts = [slice(0, 20), slice(20, 45), slice(45, N)]
    first, second = (Moments.from_data(X[k], y[k], s[k]) for k in parts[:2])
    first.save(tmp_path / "first.npz")
    fitted = clone(model).fit_moments(Moments.load(tmp_path / "first.npz") + second)
    assert_coef(fitted, at_once(model, X[:45], y[:45], s[:45]).coef_, rtol=1e-9)
    fitted.partial_fit(X[parts[2]], y[parts[2]], s[parts[2]])
    whole = at_once(model, X, y, s)
    assert_coef(fitted, whole.coef_, whole.intercept_, rtol=1e-9)
    assert fitted.n_features_in_ == P


@each_class
def test_fit_on_rows_keeps_no_moments_and_says_so(cls):
    X, y = regression()
    model = cls().partial_fit(X[:20], y[:20])
    model.fit(X, y)
    assert not hasattr(model, "moments_")
    with pytest.raises(NotFittedError, match="keeps no moments"):
        model.refit()
    with pytest.warns(UserWarning, match="begins anew"):
        model.partial_fit(X[:20], y[:20])
    assert_coef(model, cls().fit(X[:20], y[:20]).coef_, rtol=1e-9)
    with pytest.raises(NotFittedError, match="keeps no moments"):
        cls().refit()


@each_class
def test_refit_checks_its_parameters(cls):
    X, y = regression()
    model = cls().partial_fit(X, y)
    coef = model.coef_
    model.set_params(**{next(iter(model.get_params().keys() & {"tol"})): -1.0})
    with pytest.raises(ValueError, match="tol"):
        model.refit()
    with pytest.raises(ValueError, match="tol"):
        model.partial_fit(X, y)
    assert_array_equal(model.coef_, coef)


@each_class
def test_a_model_is_pickled_with_its_moments_and_cloned_without(cls):
    X, y = regression()
    model = cls().partial_fit(X[:20], y[:20])
    twin = pickle.loads(pickle.dumps(model)).partial_fit(X[20:], y[20:])
    assert_coef(twin, cls().fit(X, y).coef_, rtol=1e-9)
    assert not hasattr(clone(model), "moments_")


# ---------------------------------------------------------------------------- batches


@each_class
def test_batches_without_weight_and_one_weight_for_a_batch(cls):
    X, y = regression()
    model = cls().partial_fit(X[:5], y[:5], 0.0)  # nothing is known yet
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.partial_fit(X[5:], y[5:])
    expected = cls().fit(X[5:], y[5:])
    assert_coef(model, expected.coef_, expected.intercept_, rtol=1e-9)
    coef = model.coef_
    model.partial_fit(X[:5], y[:5], np.zeros(5))
    assert_allclose(model.coef_, coef, rtol=1e-12)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero"):
        cls().fit_moments(Moments.from_data(X, y, 0.0))
    model = cls().partial_fit(X[:20], y[:20], 3.0).partial_fit(X[20:], y[20:])
    expected = cls().fit(X, y, np.where(np.arange(len(y)) < 20, 3.0, 1.0))
    assert_coef(model, expected.coef_, expected.intercept_, rtol=1e-9)


@each_class
def test_float32_batches_lose_nothing_on_the_way(cls):
    """Ten thousand rows summed in float32 would be right to four digits."""
    X, y = regression(10_000, 5)
    X = X.astype(np.float32) + np.float32(100)
    model = stream(cls(0.05), X, y, None, range(100, 10_000, 100))
    assert model.coef_.dtype == np.float32
    model.moments_ = model.moments_ + Moments.from_data(X[:1].astype(float), y[:1], 0.0)
    whole = at_once(cls(0.05), X.astype(float), y)
    model.refit()
    assert model.coef_.dtype == np.float64  # a batch in float64 came last
    assert_coef(model, whole.coef_, whole.intercept_, rtol=1e-9)


@each_class
def test_names_of_features_are_noted_first_and_held_to(cls):
    pandas = pytest.importorskip("pandas")
    X, y = regression(N, 3)
    table = pandas.DataFrame(X, columns=list("abc"))
    model = cls().partial_fit(table[:20], y[:20])
    assert_array_equal(model.feature_names_in_, list("abc"))
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(table[list("bac")][20:], y[20:])
    model.partial_fit(table[20:], y[20:])
    assert_coef(model, cls().fit(X, y).coef_, rtol=1e-9)
    refitted = cls().fit_moments(model.moments_)
    assert_array_equal(refitted.feature_names_in_, list("abc"))
    refitted.predict(table)
    refitted.fit_moments(Moments.from_data(X, y))
    assert not hasattr(refitted, "feature_names_in_")


# ---------------------------------------------------------------------------- faults

X0, Y0 = regression(20, 4)
BAD = {
    "nan": (np.where(X0 > 1, np.nan, X0), Y0, None, "contains NaN"),
    "infinity in y": (X0, np.where(Y0 > 1, np.inf, Y0), None, "contains infinity"),
    "another number of columns": (X0[:, 1:], Y0, None, "expecting 4 features"),
    "another number of targets": (X0, np.column_stack([Y0, Y0]), None, "cannot be merged"),
    "a column for y": (X0, Y0[:, None], None, "cannot be merged"),
    "short y": (X0, Y0[1:], None, "inconsistent numbers of samples"),
    "no rows": (X0[:0], Y0[:0], None, "0 sample"),
    "negative weights": (X0, Y0, -np.ones(20), "Negative"),
    "text": (X0.astype(str).astype(object) + "x", Y0, None, "could not convert"),
    "too large": (1e200 * X0, Y0, None, "(?i)rescale"),
}


@pytest.mark.parametrize("case", BAD)
@each_class
def test_a_bad_batch_leaves_the_model_as_it_was(cls, case):
    X, y, s, message = BAD[case]
    model = cls().partial_fit(X0, Y0)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y, s)
    assert vars(model) == before  # the very same objects
    model.partial_fit(X0, Y0)
    assert model.moments_.weight == 40
    fresh = cls()
    if case not in ("another number of columns", "another number of targets", "a column for y"):
        with pytest.raises(ValueError, match=message):
            fresh.partial_fit(X, y, s)
        assert vars(fresh) == vars(cls())


@pytest.mark.parametrize("solver", ["dual", "svd", "mask"])
def test_solvers_that_need_rows_say_so(solver):
    model = (DropoutRegressor if solver == "mask" else L2Regressor)(solver=solver)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as error:
        model.partial_fit(X0, Y0)
    assert "moments in place of the rows; use solver='auto'" in str(error.value.__cause__)
    with pytest.raises(ValueError, match="moments in place of the rows; use solver='auto'"):
        model.fit_moments(Moments.from_data(X0, Y0))


@each_class
def test_fit_moments_wants_moments(cls):
    with pytest.raises(TypeError, match=r"instance of skreg\.Moments; got array"):
        cls().fit_moments(X0)


def test_too_many_features_are_refused_and_told_what_to_do():
    X = sp.csr_array((5, 10**6))
    model = L1Regressor()
    with pytest.raises(MemoryError, match=r"1000000 features"):
        model.partial_fit(X, np.arange(5.0))
    assert vars(model) == vars(L1Regressor())


def test_a_warning_names_the_line_of_the_user():
    X, y = regression()
    model = L1Regressor(1e-3, solver="newton", max_iter=1)
    for call in (lambda: model.partial_fit(X, y), model.refit):
        with pytest.warns(ConvergenceWarning, match="max_iter") as caught:
            call()
        assert caught[0].filename == __file__


def test_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cls in (L1Regressor, L2Regressor, DropoutRegressor):
            stream(cls(), *regression(30, 8), None, range(1, 30))
