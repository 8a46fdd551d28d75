"""The table of solvers: what its rows claim holds, what they refuse is refused, what auto picks."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression, sparse_regression

from skreg import solvers
from skreg._objective import Penalty, dropout_ridge
from skreg._solution import Solution
from skreg.problem.moments import Moments
from skreg.problem.rows import Rows
from skreg.solvers import SOLVERS, Settings

INF = np.inf
P = 6
each_solver = pytest.mark.parametrize("name", SOLVERS)
each_family = pytest.mark.parametrize("family", ["l1", "l2", "dropout"])


def penalty(l1=0.0, l2=0.1, positive=False, weights=None):
    weights = np.ones(P) if weights is None else np.array(weights, float)
    return Penalty.weighted(weights, l1, l2, positive=positive)


def rows(sparse=False, **kwargs):
    X, y = sparse_regression(p=P) if sparse else regression(p=P, **kwargs)
    return Rows.from_data(X.tocsc() if sparse else X, y, None, True)


def moments():
    return Moments.from_data(*regression(p=P)).view()


def settings(view, **changes):
    """What every solver can run on; the masks drop nothing here, so that they descend for sure."""
    defaults = {
        "tol": 1e-10,
        "max_iter": 100_000,
        "random_state": np.random.RandomState(0),
        "dropout_rate": np.zeros(view.n_features),
        "drop_to": "zero",
    }
    return Settings(**defaults | changes)


@each_family
def test_the_names_are_auto_and_the_rows_of_the_family(family):
    expected = {name for name, row in SOLVERS.items() if family in row.families}
    first, *others = solvers.names(family)
    assert first == "auto"
    assert len(others) == len(expected)
    assert set(others) == expected


@each_solver
def test_every_row_serves_some_family_and_has_a_remedy(name):
    row = SOLVERS[name]
    assert row.families
    assert row.families <= {"l1", "l2", "dropout"}
    assert row.remedy.endswith(".")
    assert row.l1 or "l1" not in row.families


OBSTACLES = {  # the claim that a row must make, a problem that needs it, and its name
    "l1": (lambda: (rows(), penalty(0.1)), "L1 penalty"),
    "positive": (lambda: (rows(), penalty(positive=True)), "positive=True"),
    "sparse": (lambda: (rows(sparse=True), penalty()), "sparse X"),
    "moments": (lambda: (moments(), penalty()), "moments"),
}


def can(row, need):
    return not row.rows if need == "moments" else getattr(row, need)


@pytest.mark.parametrize("need", OBSTACLES)
@each_solver
def test_what_a_row_does_not_claim_is_refused_by_name(name, need):
    make, obstacle = OBSTACLES[need]
    view, asked = make()
    if can(SOLVERS[name], need):
        solvers.check(name, asked, view)
    else:
        with pytest.raises(
            (ValueError, TypeError), match=f"solver='{name}' does not support .*{obstacle}"
        ):
            solvers.check(name, asked, view)


def test_an_l1_weight_on_excluded_features_only_is_none():
    solvers.check("cholesky", penalty(weights=[1, INF, 1, INF, 1, 1]), rows())


@pytest.mark.parametrize("need", OBSTACLES)
def test_auto_is_refused_nothing(need):
    view, asked = OBSTACLES[need][0]()
    solvers.check("auto", asked, view)


CLAIMS = [
    (name, need)
    for name, row in SOLVERS.items()
    for need in ("none", *OBSTACLES)
    if need == "none" or can(row, need)
]


@pytest.mark.parametrize(("name", "need"), CLAIMS)
def test_what_a_row_claims_it_does(name, need):
    row = SOLVERS[name]
    view, asked = OBSTACLES[need][0]() if need != "none" else (rows(), penalty())
    # Subgradients with a constant step end near the optimum, all others at it.
    wandering = not row.exact and need == "l1"
    run = settings(view, max_iter=8192 if wandering else 100_000, average=wandering)
    solution, used = solvers.minimise(view, asked, name, None, run)
    X, y = sparse_regression(p=P) if need == "sparse" else regression(p=P)
    problem = Problem(X, y, l1=asked.l1.max(), l2=0.1, positive=asked.positive)
    assert used == name
    assert problem.relative_gap(solution.coef) <= (1e-3 if wandering else 1.1e-10)
    assert solution.dual_gap >= problem.gap(solution.coef) * (1 - 1e-6) - 1e-15
    assert (solution.loss_curve is None) is row.exact


AUTO = {
    "tall": (lambda: (rows(), penalty()), "cholesky"),
    "wide": (lambda: (rows(n=4), penalty()), "dual"),
    "sparse": (lambda: (rows(sparse=True), penalty()), "cholesky"),
    "moments": (lambda: (moments(), penalty()), "cholesky"),
    "l1": (lambda: (rows(), penalty(0.1)), "newton"),
    "l1 from moments": (
        lambda: (Moments.from_data(*regression(p=P)).view(), penalty(0.1)),
        "newton",
    ),
    "positive": (lambda: (rows(), penalty(positive=True)), "newton"),
    "excluded l1": (lambda: (rows(), penalty(weights=[1, INF] * 3)), "cholesky"),
    "least squares": (lambda: (rows(), penalty(l2=0.0)), "svd"),
}


@pytest.mark.parametrize(("make", "expected"), AUTO.values(), ids=AUTO)
def test_auto_picks_what_suits_the_problem(make, expected):
    view, asked = make()
    solution, used = solvers.minimise(view, asked, "auto", None, settings(view))
    assert used == expected
    assert solution.is_within(1e-14, view.target_norm2)


def test_auto_iterates_on_large_sparse_designs(monkeypatch):
    monkeypatch.setattr(solvers.ridge, "LARGE_SIDE", 5)
    view = rows(sparse=True)
    assert solvers.minimise(view, penalty(), "auto", None, settings(view))[1] == "cg"


def failing(view, asked, start, run):
    """A solver that gets nowhere, and says so."""
    w = np.zeros_like(start)
    return Solution(w, asked.dual_gap(w, *view.evaluate(w)), 7)


@pytest.mark.parametrize(
    ("sparse", "broken", "expected"),
    [
        (False, ["cholesky"], "svd"),
        (True, ["cholesky"], "cg"),
        (False, ["cholesky", "svd"], "cholesky"),
    ],
)
def test_auto_goes_on_to_the_next_where_one_does_not_converge(
    sparse, broken, expected, monkeypatch
):
    for name in broken:
        monkeypatch.setitem(SOLVERS, name, replace(SOLVERS[name], run=failing))
    view = rows(sparse=sparse)
    solution, used = solvers.minimise(view, penalty(), "auto", None, settings(view))
    assert used == expected
    assert solution.is_within(1e-10, view.target_norm2) is (used not in broken)


@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if row.exact])
def test_free_and_excluded_features_are_taken_care_of_for_every_exact_solver(name):
    X, y = regression(p=P, targets=2)
    weights = np.array([0, 1, INF, 1, 0, 2.0])
    view = Rows.from_data(X, y, None, True)
    asked = penalty(weights=weights)
    solution, _ = solvers.minimise(view, asked, name, None, settings(view))
    expected = [Problem(X, target, l2=0.1, v=weights).solve()[0] for target in y.T]
    assert_allclose(solution.coef, expected, rtol=1e-6, atol=1e-9)
    assert solution.is_within(1e-10, view.target_norm2)


@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if row.exact])
@pytest.mark.parametrize("targets", [None, 2])
def test_a_start_changes_nothing_of_the_optimum_and_is_left_alone(name, targets):
    view, asked = rows(targets=targets), penalty(weights=[0, 1, INF, 1, 0, 2])
    start = np.full(view.coef_shape, 3.0)
    first, second = (
        solvers.minimise(view, asked, name, s, settings(view))[0] for s in (None, start)
    )
    assert_allclose(second.coef, first.coef, rtol=1e-6, atol=1e-8)
    assert_array_equal(start, 3.0)


@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if not row.exact])
def test_loops_are_certified_by_the_gap_of_what_they_return(name):
    view = rows()
    rate = np.full(P, 0.3)
    asked = Penalty.weighted(
        np.array([0, 1, 1, 1, 1, 1.0]), 0.0, 0.1, dropout_ridge(rate, view.second_moments("mean"))
    )
    run = settings(view, max_iter=20, tol=0.0, dropout_rate=rate, drop_to="mean")
    solution, _ = solvers.minimise(view, asked, name, None, run)
    problem = Problem(*regression(p=P))
    problem.l1, problem.ridge = asked.l1, asked.ridge
    lowest = problem.objective(problem.solve()[0])
    assert solution.n_iter == len(solution.loss_curve) == 20
    assert solution.dual_gap >= problem.objective(solution.coef) - lowest > 0


@pytest.mark.parametrize("value", [1e30, np.nan, np.inf])
def test_what_is_worse_than_no_coefficients_becomes_none(value, monkeypatch):
    """Target by target: one may be lost and another not."""
    X, y = regression(40, P, targets=2)
    view = Rows.from_data(X, y, None, True)
    kept = solvers.minimise(view, penalty(), "cholesky", None, Settings(1e-10, 100))[0]

    def astray(view, penalty, start, settings):
        coef = kept.coef.copy()
        coef[1] = value
        return Solution(coef, np.array([0.0, value]), 1)

    monkeypatch.setitem(SOLVERS, "cholesky", replace(SOLVERS["cholesky"], run=astray))
    with np.errstate(invalid="ignore"):
        found = solvers.minimise(view, penalty(), "cholesky", None, Settings(1e-10, 100))[0]
    assert_array_equal(found.coef[1], 0)
    assert_array_equal(found.coef[0], kept.coef[0])
    assert_allclose(found.dual_gap[1], 0.5 * np.var(y[:, 1]))
    assert found.dual_gap[0] <= 1e-10 * np.var(y[:, 0])
