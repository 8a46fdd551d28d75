"""The source's three training loops, written out here, and what the solvers that keep them add."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, assert_coef, assert_same_fit, regression, solve
from sklearn.exceptions import ConvergenceWarning

from skreg import DropoutRegressor, L1Regressor, L2Regressor

LOOPS = {
    "subgradient": (L1Regressor, {"l1_lambda": 0.05}),
    "gradient": (L2Regressor, {"l2_lambda": 0.1}),
    "mask": (DropoutRegressor, {"dropout_rate": 0.3, "random_state": 0}),
}
each_loop = pytest.mark.parametrize("solver", LOOPS)


def build(solver, **params):
    cls, fixed = LOOPS[solver]
    return cls(**{**fixed, "solver": solver, **params})


def last_iterate(solver):
    """The parameters that make a fit the source's loop and nothing else."""
    return {"tol": 0, "fit_intercept": False} | ({} if solver == "gradient" else {"average": False})


# ---------------------------------------------------------------------------- the source's loops


def l1_loop(X, y, lr, strength, epochs):
    m, p = X.shape
    theta = np.zeros(p)
    for _ in range(epochs):
        theta = theta - lr * (X.T @ (X @ theta - y) / m + strength * np.sign(theta))
    return theta


def l2_loop(X, y, lr, strength, epochs):
    m, p = X.shape
    theta = np.zeros(p)
    for _ in range(epochs):
        theta = theta - lr * (X.T @ (X @ theta - y) / m + strength * theta)
    return theta


def dropout_loop(X, y, lr, rate, epochs, theta, rng):
    m, p = X.shape
    for _ in range(epochs):
        mask = rng.random_sample((m, p)) > rate
        Xd = X * mask
        theta = theta - lr * Xd.T @ (Xd @ theta - y) / m
    return theta


@pytest.mark.parametrize("epochs", [1, 2, 1000])
@pytest.mark.parametrize(("solver", "loop"), [("subgradient", l1_loop), ("gradient", l2_loop)])
def test_the_fit_is_the_loop(solver, loop, epochs):
    X, y = regression()
    model = build(solver, learning_rate=0.03, max_iter=epochs, **last_iterate(solver)).fit(X, y)
    strength = next(iter(LOOPS[solver][1].values()))
    assert_coef(model, loop(X, y, 0.03, strength, epochs), 0.0, rtol=1e-10)
    assert model.n_iter_ == epochs


@pytest.mark.parametrize("epochs", [1, 2, 1000])
@pytest.mark.parametrize("rate", [0.3, np.linspace(0.1, 0.6, 12)], ids=["rate", "rates"])
@pytest.mark.parametrize("data", ["raw", "centred", "centred-intercept"])
def test_the_mask_fit_is_the_loop_after_weight_scaling(data, rate, epochs):
    X, y = regression()
    if data != "raw":
        X, y = X - X.mean(axis=0), y - y.mean()
    start = np.random.default_rng(2).normal(size=X.shape[1])
    model = DropoutRegressor(
        rate,
        solver="mask",
        drop_to="zero" if data == "raw" else "mean",
        fit_intercept=data == "centred-intercept",
        learning_rate=0.03,
        average=False,
        max_iter=epochs,
        tol=0,
        random_state=42,
    ).fit(X, y, coef_init=(1 - rate) * start)
    theta = dropout_loop(X, y, 0.03, rate, epochs, start, np.random.RandomState(42))
    assert_coef(model, (1 - rate) * theta, rtol=1e-10)
    assert model.n_iter_ == epochs


@each_loop
def test_a_loop_of_several_targets_is_several_loops(solver):
    """For masks too: one mask an epoch serves all targets, as each alone would draw it."""
    X, Y = regression(targets=2)
    params = {"learning_rate": 0.03, "max_iter": 50, **last_iterate(solver)}
    start = np.ones((2, X.shape[1]))
    together = build(solver, **params).fit(X, Y, coef_init=start)
    for k, target in enumerate(Y.T):
        alone = build(solver, **params).fit(X, target, coef_init=start[k])
        assert_allclose(together.coef_[k], alone.coef_, rtol=1e-10)


def test_sparse_mask_training_descends_as_dense_does():
    X, y = regression()
    X[X < 0.5] = 0.0
    model = build("mask", drop_to="zero", tol=0, max_iter=3000)
    optimum = solve(model, X, y)[0]
    for form in (np.asarray, sp.csr_array):
        error = np.linalg.norm(model.fit(form(X), y).coef_ - optimum)
        assert error < 0.1 * np.linalg.norm(optimum)


@pytest.mark.parametrize("solver", ["subgradient", "gradient"])
def test_sparse_loops_are_dense_loops(solver):
    X, y = regression()
    X[X < 0.5] = 0.0
    X[:, 3] += 100.0  # far from the origin: such a column is stored about its mean
    s = np.random.default_rng(0).uniform(0, 2, len(y))
    params = {"learning_rate": 0.03, "tol": 0, "max_iter": 200}
    dense = build(solver, **params).fit(X, y, sample_weight=s)
    sparse = build(solver, **params).fit(sp.csr_array(X), y, sample_weight=s)
    assert_same_fit(sparse, dense, rtol=1e-9)


def test_a_sparse_mask_of_rate_zero_is_the_dense_one():
    """With a column far from the origin, which is stored about its mean; the gap is of X too."""
    X, y = regression()
    X[X < 0.5] = 0.0
    X[:, 3] += 100.0
    params = {"dropout_rate": 0.0, "drop_to": "zero", "learning_rate": 0.03, "max_iter": 50}
    dense, sparse = (
        build("mask", tol=0, **params).fit(form(X), y, coef_init=np.ones(12))
        for form in (np.asarray, sp.csc_array)
    )
    assert_same_fit(sparse, dense, rtol=1e-9)
    assert_allclose(sparse.dual_gap_, dense.dual_gap_, rtol=1e-8)


@pytest.mark.parametrize("solver", ["subgradient", "gradient"])
def test_a_loop_over_weighted_rows_is_one_over_repeated_rows(solver):
    X, y = regression()
    s = np.random.default_rng(0).integers(0, 4, len(y))
    params = {"tol": 0, "max_iter": 200}
    weighted = build(solver, **params).fit(X, y, sample_weight=s)
    rows = np.repeat(np.arange(len(y)), s)
    assert_same_fit(weighted, build(solver, **params).fit(X[rows], y[rows]), rtol=1e-7)


# ---------------------------------------------------------------------------- where they arrive


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_gradient_descent_converges_to_the_optimum(fit_intercept, sparse):
    X, Y = regression(targets=2)
    X = sp.csr_array(X) if sparse else X
    v = np.linspace(0.2, 2.0, X.shape[1])
    s = np.random.default_rng(0).uniform(0, 2, len(Y))
    model = L2Regressor(
        0.1,
        solver="gradient",
        penalty_weights=v,
        fit_intercept=fit_intercept,
        tol=0,
        max_iter=2000,
    ).fit(X, Y, sample_weight=s)
    assert_coef(model, *solve(model, X, Y, s))


@pytest.mark.parametrize("params", [{}, {"l2_lambda": 0.1}], ids=["lasso", "elastic-net"])
def test_the_average_of_subgradient_descent_approaches_the_optimum(params):
    """To the floor that a constant step leaves: lr * |l1 sign|^2 / 2, here 2e-4 of the null."""
    X, y = regression()
    v = np.linspace(0.5, 2.0, X.shape[1])

    def excess(epochs):
        model = build("subgradient", penalty_weights=v, tol=0, max_iter=epochs, **params).fit(X, y)
        problem = Problem.of(model, X, y)
        best = problem.objective(*problem.solve())
        return (problem.objective(model.coef_, model.intercept_) - best) / problem.null

    long = excess(2000)
    assert -1e-14 <= long < 5e-4
    assert long < 0.5 * excess(100)


@pytest.mark.slow
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_average_of_mask_training_approaches_the_optimum(drop_to, fit_intercept):
    X, y = regression(40, 6)
    s = np.random.default_rng(0).uniform(0, 2, len(y))

    def error(epochs, average=True):
        model = build(
            "mask", drop_to=drop_to, fit_intercept=fit_intercept, max_iter=epochs, average=average
        ).fit(X, y, sample_weight=s)
        optimum = solve(model, X, y, s)[0]
        return np.linalg.norm(model.coef_ - optimum) / np.linalg.norm(optimum)

    assert error(40_000) < 0.3 * error(400)  # chance errors fall by the root of 100
    assert error(40_000) < 0.3 * error(40_000, average=False)


@pytest.mark.parametrize("solver", ["subgradient", "mask"])
def test_the_average_is_nearer_than_the_last_iterate(solver):
    X, y = regression()
    params = {"tol": 0, "max_iter": 5000, "learning_rate": 0.02}

    def excess(average):
        model = build(solver, average=average, **params).fit(X, y)
        problem = Problem.of(model, X, y)
        return problem.objective(model.coef_, model.intercept_) - problem.objective(
            *problem.solve()
        )

    assert 0 <= excess(True) < 0.5 * excess(False)


@each_loop
def test_auto_learning_rates_serve_real_data(solver, diabetes):
    X, y = diabetes
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = build(solver, tol=0, max_iter=1000).fit(X, y)
    problem = Problem.of(model, X, y)
    excess = problem.objective(model.coef_, model.intercept_) - problem.objective(*problem.solve())
    assert excess < 1e-2 * problem.null
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@each_loop
def test_auto_learning_rates_follow_the_scale_of_the_data(solver, scale):
    """The same problem in other units (the strengths too) is descended in the same steps."""
    X, y = regression()
    cls, params = LOOPS[solver]
    units = {"l1_lambda": scale, "l2_lambda": scale**2}
    other = {name: value * units.get(name, 1) for name, value in params.items()}
    start = np.ones(X.shape[1])
    loop = {"solver": solver, "tol": 0, "max_iter": 200}
    here = cls(**params, **loop).fit(X, y, coef_init=start)
    there = cls(**other, **loop).fit(scale * X, y, coef_init=start / scale)
    assert_coef(there, here.coef_ / scale, here.intercept_)


def test_auto_gradient_descent_never_climbs(diabetes):
    model = L2Regressor(0.01, solver="gradient", tol=0).fit(*diabetes)
    assert (np.diff(model.loss_curve_) <= 1e-12 * model.loss_curve_[0]).all()


# ---------------------------------------------------------------------------- stopping, recording


@each_loop
def test_the_loss_of_every_epoch_is_recorded(solver):
    X, y = regression()
    model = build(solver, tol=0, max_iter=37).fit(X, y)
    assert np.shape(model.loss_curve_) == (37,)
    assert np.isfinite(model.loss_curve_).all()
    assert model.solver_ == solver


@each_loop
def test_exact_fits_record_no_loss(solver):
    X, y = regression()
    model = build(solver, tol=0, max_iter=3).fit(X, y)
    model.set_params(solver="newton", tol=1e-10, max_iter=1000).fit(X, y)
    assert not hasattr(model, "loss_curve_")


@each_loop
def test_tolerance_zero_runs_every_epoch_in_silence(solver):
    X, y = regression()
    assert build(solver, tol=0, max_iter=123).fit(X, y).n_iter_ == 123


@each_loop
def test_a_reached_tolerance_stops_early(solver):
    X, y = regression()
    tol = {"subgradient": 1e-2, "gradient": 1e-8, "mask": 1e-2}[solver]
    model = build(solver, tol=tol, max_iter=20_000).fit(X, y)
    assert model.n_iter_ < 20_000
    problem = Problem.of(model, X, y)
    assert model.dual_gap_ <= tol * problem.null
    assert problem.gap(model.coef_, model.intercept_) <= tol * problem.null


@pytest.mark.parametrize("epochs", [1, 10, 300])
@pytest.mark.parametrize(
    ("solver", "extra"),
    [
        ("gradient", {}),
        *((name, {"average": on}) for name in ("subgradient", "mask") for on in (False, True)),
    ],
)
def test_the_gap_of_a_loop_covers_its_true_distance_from_the_optimum(solver, extra, epochs):
    X, y = regression()
    model = build(solver, tol=0, max_iter=epochs, **extra).fit(X, y)
    problem = Problem.of(model, X, y)
    excess = problem.objective(model.coef_, model.intercept_) - problem.objective(*problem.solve())
    assert model.dual_gap_ >= excess - 1e-14 * problem.null


def starved():
    """A fit of each solver that stops by itself, with too few iterations."""
    for solver, (cls, params) in LOOPS.items():
        yield pytest.param(cls, {**params, "solver": solver, "max_iter": 3}, id=solver)
    for cls in (L1Regressor, DropoutRegressor):  # without an L1 penalty one round is all it takes
        newton = {"l1_lambda": 0.05, "solver": "newton", "max_iter": 1, "tol": 1e-15}
        yield pytest.param(cls, {**newton, "positive": True}, id=f"{cls.__name__}-newton")
    for cls in (L2Regressor, DropoutRegressor):
        yield pytest.param(cls, {"solver": "cg", "max_iter": 1}, id=f"{cls.__name__}-cg")


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize(("cls", "params"), list(starved()))
def test_no_convergence_is_one_warning_that_helps(cls, params, targets):
    X, y = regression(40, 60, targets=targets)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = cls(**params).fit(X, y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    text = str(caught[0].message)
    numbers = [float(x) for x in re.findall(r"\d+\.?\d*(?:[eE][-+]?\d+)?", text)]
    worst = max(
        np.ravel(model.dual_gap_) / [Problem.of(model, X, t).null for t in y.reshape(len(y), -1).T]
    )
    assert any(np.isclose(x, worst, rtol=0.06) for x in numbers), "the gap"
    assert any(np.isclose(x, model.tol, rtol=1e-6, atol=0) for x in numbers), "the tolerance"
    assert any(name in text for name in ("max_iter", "learning_rate", "tol"))


def test_the_warning_points_at_the_line_that_called_fit():
    with pytest.warns(ConvergenceWarning) as caught:
        L2Regressor(solver="gradient", max_iter=3).fit(*regression())
    assert caught[0].filename == __file__


# ---------------------------------------------------------------------------- starts and chance


def test_masks_follow_the_random_state():
    X, y = regression()
    same = [build("mask", tol=0, max_iter=20, random_state=7).fit(X, y).coef_ for _ in range(2)]
    assert_array_equal(*same)
    assert np.abs(build("mask", tol=0, max_iter=20, random_state=8).fit(X, y).coef_ - same[0]).max()


def test_a_random_state_instance_is_advanced():
    X, y = regression()
    rng = np.random.RandomState(0)
    model = build("mask", tol=0, max_iter=20, random_state=rng)
    first = model.fit(X, y).coef_.copy()
    assert np.abs(model.fit(X, y).coef_ - first).max() > 0


@pytest.mark.parametrize("solver", ["subgradient", "gradient"])
def test_a_warm_start_goes_on_where_the_loop_stopped(solver):
    X, y = regression()
    params = {"learning_rate": 0.03, **last_iterate(solver)}
    warm = build(solver, max_iter=50, warm_start=True, **params).fit(X, y).fit(X, y)
    assert_same_fit(warm, build(solver, max_iter=100, **params).fit(X, y), rtol=1e-10)
    cold = build(solver, max_iter=50, **params)
    assert_same_fit(cold.fit(X, y).fit(X, y), build(solver, max_iter=50, **params).fit(X, y))


@each_loop
def test_coef_init_is_the_start_on_the_scale_of_coef(solver):
    """One step of next to no length ends where it began."""
    X, y = regression()
    start = np.arange(1.0, X.shape[1] + 1)
    params = {"learning_rate": 1e-12, "max_iter": 1, **last_iterate(solver)}
    model = build(solver, **params).fit(X, y, coef_init=start)
    assert_allclose(model.coef_, start, rtol=1e-6)


@each_loop
def test_verbose_tells_of_the_descent(solver, capsys):
    X, y = regression()
    build(solver, tol=0, max_iter=20, verbose=0).fit(X, y)
    assert capsys.readouterr().out == ""
    build(solver, tol=0, max_iter=20, verbose=1).fit(X, y)
    assert capsys.readouterr().out
