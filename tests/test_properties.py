"""What must hold of every fit, for whatever small data hypothesis comes up with.

Whole numbers tie and cancel: columns are zero, constant, copies or combinations of each other. So
minimisers need not be unique, and fits are compared by their objectives; by their coefficients
where a ridge mu holds these together: within a gap g of the minimum, mu/2 |w - w*|^2 <= g.
"""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem
from sklearn.base import clone

from skreg import DropoutRegressor, L1Regressor, L2Regressor

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
    slope = problem.ridge * w - problem.adjoint(problem.centred_y - problem.forward(w))
    up, down = slope + problem.l1, slope - problem.l1
    size = np.linalg.norm(problem.columns(np.ones(len(w), bool)), axis=0) ** 2 + problem.ridge
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
    for frame in (pd.DataFrame, pl.DataFrame):
        table = frame({name: fit.X[:, j] for j, name in enumerate(names)})
        named = clone(fit.model).fit(table, fit.y, sample_weight=fit.s)
        assert_allclose(named.predict(table), expected, rtol=1e-9, atol=1e-9)
