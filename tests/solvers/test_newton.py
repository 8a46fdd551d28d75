"""The Newton solver: optima, how many steps they take, and how the working set grows."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression

from skreg._objective import Penalty
from skreg.problem.rows import Rows
from skreg.solvers import Settings, newton
from skreg.solvers.finish import finish

INF = np.inf


def solve(X, y, penalty, start=None, **settings):
    view = Rows.from_data(X, y, None, True)
    start = np.zeros(view.coef_shape) if start is None else start
    return newton.solve(
        view, penalty, start, Settings(**{"tol": 1e-10, "max_iter": 1000} | settings)
    )


def judge(X, y, penalty):
    """The same problem, stated and judged without skreg."""
    problem = Problem(X, y, positive=penalty.positive)
    problem.l1, problem.ridge = penalty.finite
    problem.excluded = penalty.excluded
    return problem


def mix(l1, ridge, positive):
    repeated = (np.resize(np.array(each, float), 12) for each in (l1, ridge))
    return Penalty(*repeated, positive)


MIXES = {
    "l1": mix([0.2], [0], False),
    "elastic net": mix([0.2, 0.05], [0.1, 1.0], False),
    "l1 or ridge": mix([0.2, 0, 0.1], [0, 0.3, 0.1], False),
    "excluded": mix([0.2, 0.1, INF], [0.1, 0, INF], False),
    "ridge alone": mix([0], [0.1, 1.0], False),
    "positive": mix([0.2], [0], True),
    "positive mixed": mix([0.2, 0, INF, 0.1], [0, 0.3, INF, 0.1], True),
    "nonnegative least squares": mix([0], [0], True),
}


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("n", [50, 14], ids=["tall", "square"])
@pytest.mark.parametrize("penalty", MIXES.values(), ids=MIXES)
def test_the_solution_is_the_optimum(penalty, n, targets):
    X, y = regression(n, targets=targets)
    solution = solve(X, y, penalty)
    for w, gap, target in zip(
        np.atleast_2d(solution.coef),
        np.atleast_1d(solution.dual_gap),
        y.reshape(n, -1).T,
        strict=True,
    ):
        problem = judge(X, target, penalty)
        assert_allclose(w, problem.solve()[0], rtol=1e-8, atol=1e-9)
        assert 0 <= gap <= 1e-10 * problem.null


def stationary(n, p, correlation, seed):
    """Columns correlated with their neighbours, twenty of them in y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    coef = np.zeros(p)
    coef[rng.choice(p, 20, replace=False)] = rng.normal(size=20)
    return X, X @ coef + rng.normal(size=n)


def lasso(X, y, share, positive=False):
    """The lasso's penalty at a share of the lambda from which on all is zero."""
    largest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    p = X.shape[1]
    return Penalty(np.full(p, share * largest), np.zeros(p), positive)


def twice(X):
    """Every column and its double, and some of them with the other sign."""
    return np.hstack([X, X[:, ::-1], -X[:, :100]])


FIXED = {  # the data, the share of lambda_max, the steps allowed: about twice those taken
    "small support": (stationary(200, 1000, 0.5, 0), 0.1, 8),
    "strong correlation": (stationary(300, 800, 0.95, 1), 0.02, 18),
    "near saturation": (stationary(100, 600, 0.0, 2), 0.003, 46),
    "near saturation, correlated": (stationary(100, 600, 0.9, 2), 0.003, 100),
}
each_fixed = pytest.mark.parametrize(("data", "share", "most"), FIXED.values(), ids=FIXED)


@each_fixed
def test_the_steps_are_few(data, share, most):
    penalty = lasso(*data, share)
    solution = solve(*data, penalty, tol=1e-12)
    problem = judge(*data, penalty)
    assert solution.n_iter <= most
    assert problem.relative_gap(solution.coef) <= 1e-12
    assert solution.dual_gap <= 1e-12 * problem.null


@pytest.mark.parametrize(
    ("name", "most"),
    [("small support", 5), ("strong correlation", 10), ("near saturation", 9)],
)
def test_the_passes_over_the_data_are_few(name, most, monkeypatch):
    # A pass takes the residual and the correlations of all features. Taken: 4, 8 and 7.
    evaluate, passes = Rows.evaluate, []
    monkeypatch.setattr(Rows, "evaluate", lambda view, w: passes.append(w) or evaluate(view, w))
    data, share, _ = FIXED[name]
    solve(*data, lasso(*data, share))
    assert len(passes) <= most


@pytest.fixture(scope="module", params=[0.3, 0.05])
def doubled(request):
    """The solutions for some columns, and for them and their doubles."""
    X, y = stationary(100, 600, 0.5, 3)
    share = request.param
    return solve(X, y, lasso(X, y, share)), solve(twice(X), y, lasso(twice(X), y, share))


def test_doubles_of_columns_share_their_coefficient(doubled):
    single, double = doubled
    merged = double.coef[:600] + double.coef[600:1200][::-1]
    merged[:100] -= double.coef[1200:]
    assert_allclose(merged, single.coef, rtol=1e-5, atol=1e-7)


def test_doubles_of_columns_cost_few_steps(doubled):
    # Five to ten times those of the single columns: copies and their negatives tie at every sign.
    assert doubled[1].n_iter <= 200


def test_doubles_may_start_with_opposite_signs():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, noise = rng.normal(size=(40, 5))[:, [0, 1, 1, 2, 0]], rng.normal(size=40)
        y = X[:, 0] + noise
        penalty = Penalty(np.full(5, 0.05), np.zeros(5))
        solution = solve(X, y, penalty, start=3.0 * rng.normal(size=5) * [1, 1, -1, 1, -1])
        assert judge(X, y, penalty).relative_gap(solution.coef) <= 1e-10


def progress(printed):
    """The steps, the sizes of the working set and the gaps that verbose=1 prints."""
    rounds = re.findall(r"step (\d+), (\d+) features, gap (\S+)", printed)
    return [np.array(each, float) for each in zip(*rounds, strict=True)]


@each_fixed
def test_the_working_set_starts_small_at_most_doubles_and_leaves_out_the_rest(
    data, share, most, capsys
):
    solve(*data, lasso(*data, share), verbose=1)
    _, sizes, _ = progress(capsys.readouterr().out)
    assert sizes[0] == 0
    assert sizes[1] <= 50
    assert np.all(np.diff(sizes) >= 0)
    assert np.all(sizes[2:] <= 2 * sizes[1:-1])
    assert sizes[-1] < data[0].shape[1]


def test_few_features_are_all_in_the_working_set_at_once(capsys):
    X, y = regression(50, 12)
    solve(X, y, MIXES["excluded"], verbose=1)
    _, sizes, gaps = progress(capsys.readouterr().out)
    assert_array_equal(np.unique(sizes), [0, 8])
    assert gaps[-1] < gaps[0]


@each_fixed
def test_from_the_optimum_nothing_moves(data, share, most):
    penalty = lasso(*data, share)
    first = solve(*data, penalty)
    again = solve(*data, penalty, start=first.coef)
    assert again.n_iter == 1
    assert_array_equal(again.coef, first.coef)


def test_the_support_of_the_start_joins_the_working_set_whole(capsys):
    data, share, _ = FIXED["strong correlation"]
    start = np.zeros(800)
    start[::4] = 0.1
    solution = solve(*data, lasso(*data, share), start=start, verbose=1)
    _, sizes, _ = progress(capsys.readouterr().out)
    assert 200 <= sizes[1] <= 400
    assert judge(*data, lasso(*data, share)).relative_gap(solution.coef) <= 1e-10


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 13, 21])
@pytest.mark.parametrize("name", ["near saturation", "near saturation, correlated"])
def test_the_steps_stay_within_max_iter_and_the_gap_is_true(name, most):
    data, share, _ = FIXED[name]
    penalty = lasso(*data, share)
    solution = solve(*data, penalty, max_iter=most)
    problem = judge(*data, penalty)
    lowest = problem.objective(solve(*data, penalty, tol=1e-14).coef)
    assert solution.dual_gap >= problem.objective(solution.coef) - lowest
    assert problem.objective(solution.coef) <= problem.null
    assert solution.n_iter <= most


@pytest.mark.parametrize("start", [None, np.ones(12)])
@pytest.mark.parametrize("positive", [False, True])
def test_a_target_of_zero_needs_no_coefficients(positive, start):
    X, _ = regression(50, 12)
    solution = solve(X, np.zeros(50), mix([0.1], [0], positive), start)
    assert_array_equal(solution.coef, np.zeros(12))
    assert solution.dual_gap == 0
    assert solution.n_iter == 1


def test_positive_solutions_have_no_negative_zero_of_rounding():
    X, y = stationary(100, 600, 0.0, 2)
    solution = solve(X, y, lasso(X, y, 0.003, positive=True))
    assert np.all(solution.coef >= 0)
    assert judge(X, y, lasso(X, y, 0.003, positive=True)).relative_gap(solution.coef) <= 1e-10


def test_no_target_is_solved_by_the_steps_of_another():
    X, y = regression(50, 12, targets=3)
    together = solve(X, y, MIXES["l1"])
    alone = [solve(X, t, MIXES["l1"]) for t in y.T]
    assert_allclose(together.coef, [each.coef for each in alone], rtol=1e-14)
    assert together.n_iter == max(each.n_iter for each in alone)


@pytest.mark.parametrize(("last", "ends_by_newton"), [(newton.GRAM_LAST, True), (0, False)])
def test_many_sparse_columns_are_descended_until_newton_steps_are_cheaper(
    last, ends_by_newton, monkeypatch
):
    """Columns that share a factor: coordinate descent takes thousands of epochs."""
    monkeypatch.setattr(newton, "GRAM_MOST", 10)
    monkeypatch.setattr(newton, "GRAM_LAST", last)
    finishes = []
    monkeypatch.setattr(newton, "finish", lambda *a: finishes.append(1) or finish(*a))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 60))
    X = sp.csc_array(X * (rng.random(X.shape) < 0.9))
    y = X @ rng.normal(size=60) + rng.normal(size=200)
    view = Rows.from_data(X, y, None, True)
    penalty = Penalty(np.full(60, 1e-3), np.zeros(60))
    solution = newton.solve(view, penalty, np.zeros(60), Settings(1e-10, 1000))
    assert solution.dual_gap <= 1e-10 * 0.5 * view.target_norm2
    assert bool(finishes) == ends_by_newton


def test_columns_that_all_but_coincide_call_for_few_others(capsys):
    """Smooth curves and their products: coordinate descent takes millions of epochs on them."""
    rng = np.random.default_rng(0)
    grid = np.linspace(0, 1, 40)
    bumps = np.array([np.exp(-2 * (grid - centre) ** 2) for centre in np.linspace(0, 1, 8)])
    curves = rng.normal(size=(60, 8)) @ bumps
    X = np.hstack([curves, *(curves * curves[:, [j]] for j in range(40))])
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = curves[:, 20] * curves[:, 13] + 0.1 * rng.normal(size=60)
    solution = solve(X, y, lasso(X, y, 1e-4), verbose=1)
    assert solution.dual_gap <= 1e-10 * 0.5 * np.var(y)
    in_play = re.findall(r"(\d+) features", capsys.readouterr().out)
    assert max(map(int, in_play)) <= 400  # 523 if Newton steps wait until the set is settled
