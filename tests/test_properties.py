"""What must hold of every fit, for whatever small data hypothesis comes up with.

Whole numbers tie and cancel: columns are zero, constant, copies or combinations of each other. So
minimisers need not be unique, and fits are compared by their objectives; by their coefficients
where a ridge mu holds these together: within a gap g of the minimum, mu/2 |w - w*|^2 <= g.
"""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    regularization_path,
)

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra.numpy import arrays  # noqa: E402

pytestmark = pytest.mark.slow
TOL = 1e-10
settings.register_profile("steady", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@dataclass(frozen=True)
class Fit:
    """A model with the data to fit it on."""

    model: object
    X: np.ndarray
    y: np.ndarray
    s: np.ndarray | None = None

    def change(self, **params):
        """The same with other data, or with other parameters of the model."""
        data = {key: params.pop(key) for key in ("X", "y", "s") if key in params}
        return replace(self, model=clone(self.model).set_params(**params), **data)

    @property
    def problem(self):
        return Problem.of(self.model, self.X, self.y, self.s)

    def fitted(self):
        return clone(self.model).fit(self.X, self.y, sample_weight=self.s)


def whole(shape, most=6):
    return arrays(np.float64, shape, elements=st.integers(-most, most).map(float))


STRENGTHS = st.sampled_from([0.01, 0.1, 1.0])
RATES = st.sampled_from([0.1, 0.5, 0.9])


@st.composite
def fits(draw, weighted=True, models=("l1", "l2", "dropout", "mixed"), positive=True):
    """Data of a few whole numbers and a model of any kind."""
    n, p = draw(st.integers(2, 9)), draw(st.integers(1, 6))
    X, y = draw(whole((n, p))), draw(whole(n))
    shared = {
        "fit_intercept": draw(st.booleans()),
        "positive": positive and draw(st.booleans()),
        "penalty_weights": draw(
            st.none() | arrays(float, p, elements=st.sampled_from([0.0, 0.5, 1.0, np.inf]))
        ),
    }
    kind = draw(st.sampled_from(models))
    if kind == "l1":
        model = L1Regressor(draw(STRENGTHS), **shared)
    elif kind == "l2":
        model = L2Regressor(draw(STRENGTHS), **shared)
    elif kind == "dropout":
        model = DropoutRegressor(
            draw(RATES), drop_to=draw(st.sampled_from(["mean", "zero"])), **shared
        )
    else:
        rates = draw(arrays(float, p, elements=st.sampled_from([0.0, 0.2, 0.7])))
        model = DropoutRegressor(rates, l1_lambda=draw(STRENGTHS), l2_lambda=0.05, **shared)
    s = None
    if weighted and draw(st.booleans()):
        s = draw(arrays(float, n, elements=st.integers(0, 3).map(float)))
        s[0] += 1
    return Fit(model, X, y, s)


def assert_same(one, other, coef, intercept):
    """The fit `other`, its answer translated into the terms of `one`, is a minimiser of `one`."""
    fitted, problem = one.fitted(), one.problem
    slack = 2 * TOL * problem.null + 1e-13 * (1 + problem.null + 0.5 * problem.y_mean**2)
    ours = problem.objective(fitted.coef_, fitted.intercept_)
    assert abs(problem.objective(coef, intercept) - ours) <= slack
    moments = np.where(problem.excluded | problem.empty, np.inf, problem.ridge)
    if (weakest := moments.min()) > 0:
        radius = np.sqrt(8 * slack / weakest) if np.isfinite(weakest) else 0.0
        assert_allclose(coef, fitted.coef_, rtol=0, atol=radius)


# ---------------------------------------------------------------------------- optimality


@given(fits())
def test_the_optimality_conditions_hold_and_the_gap_bounds(fit):
    model, problem = fit.fitted(), fit.problem
    slack = TOL * problem.null + 1e-13 * (1 + problem.null + 0.5 * problem.y_mean**2)
    assert 0 <= model.dual_gap_ <= slack
    assert problem.gap(model.coef_, model.intercept_) <= 10 * slack
    w = model.coef_
    # The objective's slope in every direction that a coefficient may take, by the formula.
    slope = problem.ridge * w - problem.A.T @ (problem.b - problem.A @ w)
    up, down = slope + problem.l1, slope - problem.l1
    size = np.linalg.norm(problem.A, axis=0) ** 2 + problem.ridge
    near = np.sqrt(2 * size * 10 * slack)  # a step of slope^2 / (2 size) would gain more
    free = ~(problem.excluded | problem.empty)
    above, below, zero = free & (w > 0), free & (w < 0), free & (w == 0)
    assert np.all(np.abs(up[above]) <= near[above])
    assert np.all(np.abs(down[below]) <= near[below])
    assert np.all(up[zero] >= -near[zero])
    if not model.positive:
        assert np.all(down[zero] <= near[zero])
    assert_array_equal(w[problem.excluded], 0)


# ---------------------------------------------------------------------------- invariances


@given(fits(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(fit, random):
    rows, columns = (random.sample(range(k), k) for k in fit.X.shape)
    params = {
        name: value[columns]
        for name in ("penalty_weights", "dropout_rate")
        if isinstance(value := fit.model.get_params().get(name), np.ndarray)
    }
    s = None if fit.s is None else fit.s[rows]
    other = fit.change(X=fit.X[rows][:, columns], y=fit.y[rows], s=s, **params)
    fitted = other.fitted()
    coef = np.empty(len(columns))
    coef[columns] = fitted.coef_
    assert_same(fit, other, coef, fitted.intercept_)


@given(fits(models=["dropout"]), st.data())
def test_dropout_does_not_feel_the_scale_of_a_column(fit, data):
    sign = 0 if fit.model.positive else -1
    scale = data.draw(
        arrays(
            float,
            fit.X.shape[1],
            elements=st.sampled_from([sign * 2.0 or 3.0, 1e-3, 0.3, 7.0, 1e4]),
        )
    )
    other = fit.change(X=fit.X * scale)
    fitted = other.fitted()
    assert_same(fit, other, fitted.coef_ * scale, fitted.intercept_)


@given(fits(), st.data())
def test_shifting_columns_shifts_the_intercept(fit, data):
    fit = fit.change(fit_intercept=True)
    if "drop_to" in fit.model.get_params():
        fit = fit.change(drop_to="mean")
    shift = data.draw(whole(fit.X.shape[1], most=1000))
    other = fit.change(X=fit.X + shift)
    fitted = other.fitted()
    assert_same(fit, other, fitted.coef_, fitted.intercept_ + fitted.coef_ @ shift)


@given(fits(), st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_scaling_y_and_the_l1_strength_scales_the_fit(fit, scale):
    params = {}
    if "l1_lambda" in fit.model.get_params():
        params = {"l1_lambda": fit.model.l1_lambda * scale}
    other = fit.change(y=fit.y * scale, **params)
    fitted = other.fitted()
    assert_same(fit, other, fitted.coef_ / scale, fitted.intercept_ / scale)


@given(fits())
def test_weights_are_repetitions_and_halves_make_a_whole(fit):
    if fit.s is None:
        fit = fit.change(s=1.0 + np.arange(len(fit.y)) % 3)
    rows = np.repeat(np.arange(len(fit.y)), fit.s.astype(int))
    repeated = fit.change(X=fit.X[rows], y=fit.y[rows], s=None)
    twice = np.r_[0, np.arange(len(fit.y))]
    halves = np.r_[fit.s[0] / 2, fit.s[0] / 2, fit.s[1:]]
    halved = fit.change(X=fit.X[twice], y=fit.y[twice], s=halves)
    for other in (repeated, halved, fit.change(s=fit.s * 1e-3)):
        fitted = other.fitted()
        assert_same(fit, other, fitted.coef_, fitted.intercept_)


@given(fits(weighted=False))
def test_targets_together_are_targets_apart(fit):
    together = clone(fit.model).fit(fit.X, np.column_stack([fit.y, fit.y[::-1]]))
    for k, y in enumerate((fit.y, fit.y[::-1])):
        alone = fit.change(y=y)
        assert_same(alone, alone, together.coef_[k], np.ravel(together.intercept_)[k])


# ---------------------------------------------------------------------------- ways to fit


@given(fits(), st.data())
def test_batches_of_any_rows_in_any_order_are_the_whole(fit, data):
    batch = data.draw(arrays(int, len(fit.y), elements=st.integers(0, 3)))
    model = clone(fit.model)
    for k in np.unique(batch):
        rows = batch == k
        model.partial_fit(fit.X[rows], fit.y[rows], None if fit.s is None else fit.s[rows])
    assert_same(fit, fit, model.coef_, model.intercept_)


@given(fits(), st.sets(st.sampled_from([0.0, 0.001, 0.03, 0.2, 0.5, 0.9]), min_size=1))
def test_each_value_of_a_path_is_a_fit(fit, values):
    path = regularization_path(fit.model, fit.X, fit.y, list(values), sample_weight=fit.s)
    for value, coef, intercept in zip(path.values, path.coefs, path.intercepts, strict=True):
        single = fit.change(**{path.parameter: value})
        assert_same(single, single, coef, intercept)


@dataclass(frozen=True)
class Search:
    """A cross-validating estimator with its data, the fold of each row, and weights."""

    model: object
    X: np.ndarray
    y: np.ndarray
    fold: np.ndarray
    s: np.ndarray

    def fitted(self):
        cv = None if self.model.cv is None else PredefinedSplit(self.fold)
        return clone(self.model).set_params(cv=cv).fit(self.X, self.y, sample_weight=self.s)

    def assert_same(self, other, scale=1.0):
        """The search `other`, of y times `scale`, has the same errors, path and choice."""
        one, two = self.fitted(), other.fitted()
        size = 1e-7 * (1 + np.abs(self.y).max())
        assert_allclose(two.mse_path_ / scale**2, one.mse_path_, rtol=1e-6, atol=size)
        assert_allclose(two.coef_path_ / scale, one.coef_path_, rtol=1e-6, atol=size)
        chosen = np.flatnonzero(np.all(one.coef_path_ == one.coef_, axis=1))[0]
        mean = two.mse_mean_ / scale**2  # of two values that tie either may be chosen
        assert mean[chosen] <= mean.min() * (1 + 1e-6) + size


@st.composite
def searches(draw, folds=True):
    """Where a ridge, or dropout's, leaves one minimiser only: the errors are those of no other."""
    n, p = draw(st.integers(6, 12)), draw(st.integers(1, 5))
    shared = {"fit_intercept": draw(st.booleans()), "tol": 1e-15}
    values, cv = [0.9, 0.3, 0.01], True if folds else None
    kinds = [
        L1RegressorCV(values, cv=True, l2_lambda=0.05, **shared),
        L2RegressorCV(values, cv=cv, **shared),
        DropoutRegressorCV(values, cv=cv, drop_to=draw(st.sampled_from(["mean", "zero"]))),
        DropoutRegressorCV(values, cv=True, l1_lambda=0.1, l2_lambda=0.05, positive=True, **shared),
    ]
    model = draw(st.sampled_from(kinds if folds else kinds[1:3]))
    fold = draw(st.permutations(np.arange(n) % 3).map(np.array))
    s = draw(arrays(float, n, elements=st.integers(1, 3).map(float)))
    return Search(model, draw(whole((n, p))), draw(whole(n)), fold, s)


at_the_edge = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


@given(searches() | searches(folds=False), st.randoms(use_true_random=False))
@at_the_edge
def test_a_search_does_not_feel_the_order_of_rows(search, random):
    rows = random.sample(range(len(search.y)), len(search.y))
    data = {key: getattr(search, key)[rows] for key in ("X", "y", "fold", "s")}
    search.assert_same(replace(search, **data))


@given(searches())
@at_the_edge
def test_weights_in_folds_are_repetitions_and_halves_make_a_whole(search):
    n = len(search.y)
    rows = np.repeat(np.arange(n), search.s.astype(int))
    data = {key: getattr(search, key)[rows] for key in ("X", "y", "fold")}
    search.assert_same(replace(search, **data, s=np.ones(len(rows))))
    twice = np.r_[0, np.arange(n)]
    data = {key: getattr(search, key)[twice] for key in ("X", "y", "fold")}
    search.assert_same(
        replace(search, **data, s=np.r_[search.s[0] / 2, search.s[0] / 2, search.s[1:]])
    )
    search.assert_same(replace(search, s=search.s * 1e-3))


@given(searches() | searches(folds=False), st.sampled_from([1e-6, 0.5, 1e6]))
@at_the_edge
def test_scaling_y_and_l1_scales_the_errors_of_a_search(search, scale):
    model = clone(search.model)
    if isinstance(model, L1RegressorCV):
        model.set_params(lambdas=np.multiply(model.lambdas, scale))
    elif model.get_params().get("l1_lambda"):
        model.set_params(l1_lambda=model.l1_lambda * scale)
    search.assert_same(replace(search, model=model, y=search.y * scale), scale)


@given(searches())
@at_the_edge
def test_clones_pickles_and_parameters_of_a_search_go_round(search):
    fitted = search.fitted()
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict(search.X), fitted.predict(search.X))
    other = type(fitted)().set_params(**fitted.get_params())
    for model in (clone(again), other, again):
        model.fit(search.X, search.y, sample_weight=search.s)
        assert_array_equal(model.mse_path_, fitted.mse_path_)
        assert_array_equal(model.coef_, fitted.coef_)
        assert model.intercept_ == fitted.intercept_


# ---------------------------------------------------------------------------- monotony


PENALTY_OF = {
    "l1_lambda": lambda fit, w: np.abs(w).sum(),
    "l2_lambda": lambda fit, w: w @ w,
    "dropout_rate": lambda fit, w: (w * w) @ np.var(fit.X, axis=0),
}
MODEL_OF = {
    "l1_lambda": L1Regressor,
    "l2_lambda": L2Regressor,
    "dropout_rate": DropoutRegressor,
}


@given(
    fits(weighted=False, positive=False, models=["l2"]),
    st.sampled_from(sorted(MODEL_OF)),
    st.lists(st.floats(0.001, 0.999), min_size=2, max_size=4, unique=True).map(sorted),
)
def test_more_strength_is_more_loss_and_a_smaller_norm(fit, name, strengths):
    loss, norm = [], []
    for strength in strengths:
        model = MODEL_OF[name](strength, fit_intercept=fit.model.fit_intercept).fit(fit.X, fit.y)
        loss.append(0.5 * np.mean((fit.y - model.predict(fit.X)) ** 2))
        norm.append(PENALTY_OF[name](fit, model.coef_))
    # Both are monotone of exact minimisers; a gap g lets the norm err by 2 g / (l' - l).
    gap = TOL * 0.5 * np.mean(fit.y**2) + 1e-14
    rho = np.array(strengths)
    rho = rho / (1 - rho) if name == "dropout_rate" else rho
    apart = np.diff(rho)
    assert np.all(np.diff(norm) <= 4 * gap / apart)
    assert np.all(np.diff(loss) >= -4 * gap * (1 + rho[1:] / apart))


# ---------------------------------------------------------------------------- objects


@given(fits())
def test_clones_pickles_and_parameters_go_round(fit):
    fitted = fit.fitted()
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict(fit.X), fitted.predict(fit.X))
    refitted = clone(again).fit(fit.X, fit.y, sample_weight=fit.s)
    assert_array_equal(refitted.coef_, fitted.coef_)
    params = fitted.get_params()
    other = type(fitted)().set_params(**params)
    for name, value in other.get_params().items():
        assert value is params[name]
    assert_array_equal(other.fit(fit.X, fit.y, sample_weight=fit.s).coef_, fitted.coef_)
    assert other.intercept_ == fitted.intercept_


@given(fit=fits())
def test_predictions_do_not_depend_on_the_container(tmp_path_factory, fit):
    fitted = fit.fitted()
    names = [f"f{j}" for j in range(fit.X.shape[1])]
    stored = np.memmap(
        tmp_path_factory.mktemp("memmap") / "X", dtype=float, mode="w+", shape=fit.X.shape
    )
    stored[:] = fit.X
    expected = fit.X @ fitted.coef_ + fitted.intercept_
    for X in (fit.X, stored, sp.csr_array(fit.X), sp.csc_array(fit.X), fit.X.tolist()):
        assert_allclose(fitted.predict(X), expected, rtol=1e-12, atol=1e-12)
    for library in ("pandas", "polars"):
        table = pytest.importorskip(library).DataFrame(
            {name: fit.X[:, j] for j, name in enumerate(names)}
        )
        named = clone(fit.model).fit(table, fit.y, sample_weight=fit.s)
        assert_allclose(named.predict(table), expected, rtol=1e-9, atol=1e-9)
