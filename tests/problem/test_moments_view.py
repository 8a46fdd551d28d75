"""`MomentsView` answers what `Rows` does, and the solvers find the same from it."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg._objective import Penalty
from skreg.problem.moments import Moments
from skreg.problem.moments_view import MomentsView
from skreg.problem.rows import Rows
from skreg.solvers import SOLVERS, Settings, minimise

N, P = 30, 5


def data(seed=0, offset=0.0, targets=None):
    """Columns of standard deviation 1, and weights with zeros among them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, P)) + offset
    y = rng.normal(size=(N, targets or 1)) + X[:, :1]
    return X, y[:, 0] if targets is None else y, rng.integers(0, 4, N).astype(float)


def test_moments_about_the_origin_are_the_raw_ones():
    X, y, weights = data(offset=2.0, targets=3)
    share = weights / weights.sum()
    origin = Moments.from_data(X, y, weights).view(fit_intercept=False)
    assert_allclose(origin.gram, (share[:, None] * X).T @ X, rtol=1e-14)
    assert_allclose(origin.cross, (share[:, None] * y).T @ X, rtol=1e-14)
    assert_allclose(origin.target_norm2, share @ y**2, rtol=1e-14)
    assert not origin.fit_intercept
    assert_array_equal(origin.intercept(np.ones((3, P))), np.zeros(3))


@pytest.fixture(params=[None, 3], ids=["one target", "three"])
def targets(request):
    return request.param


@pytest.fixture(params=["dense", "sparse"])
def layout(request):
    return {"dense": np.asarray, "sparse": sp.csc_array}[request.param]


@pytest.fixture(params=[True, False], ids=["intercept", "origin"])
def views(request, targets, layout):
    """The same data, with a dependent and a constant column, as moments and as rows."""
    X, y, weights = data(offset=1.0, targets=targets)
    X[:, 3], X[:, 4] = X[:, 0] - 2.0 * X[:, 1], 0.3
    moments = Moments.from_data(layout(X), y, weights)
    return moments.view(request.param), Rows.from_data(layout(X), y, weights, request.param)


S, T = np.array([3, 1]), np.array([0, 2, 4])
OF_THE_DATA = {  # as it was given, before anything was projected out
    "variances": lambda view, w: view.variances(),
    "second moments about the mean": lambda view, w: view.second_moments("mean"),
    "second moments about zero": lambda view, w: view.second_moments("zero"),
    "constant": lambda view, w: view.constant(),
    "rounding": lambda view, w: view.rounding(),
}
QUESTIONS = {
    "n_features": lambda view, w: view.n_features,
    "coef_shape": lambda view, w: view.coef_shape,
    "target_norm2": lambda view, w: view.target_norm2,
    "intercept": lambda view, w: view.intercept(w),
    "correlation": lambda view, w: view.evaluate(w)[0],
    "residual": lambda view, w: view.evaluate(w)[1],
    "curvature": lambda view, w: view.curvature(w),
    "block": lambda view, w: view.block(S),
    "block of two sides": lambda view, w: view.block(S, T),
}
each_question = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)


def coefficients(view):
    return np.random.default_rng(1).normal(size=view.coef_shape)


def assert_agree(views, ask, atol=1e-13):
    moments, rows = (ask(view, coefficients(view)) for view in views)
    assert np.shape(moments) == np.shape(rows)
    assert_allclose(moments, rows, rtol=1e-12, atol=atol)


@each_question
def test_moments_and_rows_answer_alike(views, ask):
    assert_agree(views, ask)


@pytest.mark.parametrize("ask", OF_THE_DATA.values(), ids=OF_THE_DATA)
def test_moments_and_rows_know_the_same_of_the_columns(views, ask):
    assert_agree(views, ask, atol=0)


@each_question
@pytest.mark.parametrize("out", [[1], [0, 1, 3]], ids=["one", "dependent"])
def test_moments_and_rows_answer_alike_with_columns_projected_out(views, ask, out):
    out = np.array(out)
    # Any orthonormal basis of the columns will do, and the same for both.
    factors = views[1].factor(out)
    assert_agree([view.project_out(out, factors) for view in views], ask, atol=1e-12)


@pytest.mark.parametrize("targets", [3], indirect=True, ids=["three"])
@each_question
def test_moments_and_rows_answer_alike_for_one_target_of_several(views, ask):
    assert_agree([view.select_target(1) for view in views], ask)


@pytest.mark.parametrize("out", [[0, 1], [0, 1, 3]], ids=["full rank", "dependent"])
def test_moments_and_rows_factor_alike(views, out):
    out = np.array(out)
    solutions = []
    for view in views:
        factors = view.factor(out)
        cross = view.evaluate(np.zeros(view.coef_shape))[0][..., out]
        solutions.append(cross @ factors.to_basis @ factors.back.T)
    assert_allclose(*solutions, rtol=1e-7, atol=1e-7)


V = np.array([1.0, 2.0, 0.5, 1.0, np.inf])
PENALTIES = {
    "l2": Penalty.weighted(V, 0.0, 0.1),
    "l2 with a free feature": Penalty.weighted(V * [0, 1, 1, 1, 1], 0.0, 0.1),
    "l1": Penalty.weighted(V, 0.1, 0.0),
    "l1 with a free feature": Penalty.weighted(V * [0, 1, 1, 1, 1], 0.1, 0.0),
    "l1, l2, positive": Penalty.weighted(V, 0.1, 0.1, positive=True),
    "nothing": Penalty.weighted(np.array([1.0, 1, 1, 1, np.inf]), 0.0, 0.0),
}
RUNS = [
    (solver, name)
    for solver, row in SOLVERS.items()
    for name, penalty in PENALTIES.items()
    if not row.rows
    and (row.l1 or not np.any(penalty.finite[0]))
    and (row.positive or not penalty.positive)
]


@pytest.mark.parametrize(("solver", "name"), RUNS)
def test_solvers_that_need_no_rows_find_the_same_without(views, solver, name):
    settings = Settings(tol=1e-10, max_iter=300, average=True)
    mine, theirs = (minimise(v, PENALTIES[name], solver, None, settings)[0] for v in views)
    assert_allclose(mine.coef, theirs.coef, rtol=1e-7, atol=1e-9)
    assert np.shape(mine.dual_gap) == np.shape(theirs.dual_gap) == mine.coef.shape[:-1]
    if SOLVERS[solver].exact:
        assert np.all(mine.dual_gap <= 1e-10 * views[0].target_norm2)


@pytest.mark.parametrize("strength", [{"l1_lambda": 0.1}, {"l2_lambda": 0.1}], ids=["l1", "l2"])
def test_a_target_that_the_free_features_explain_leaves_nothing(strength):
    for seed in range(20):  # of either sign is what rounding leaves of the target
        X, _, weights = data(seed)
        y = X[:, 0] - 2.0 * X[:, 1]
        weight = np.array([0.0, 0, 1, 1, 1])
        penalty = Penalty.weighted(weight, **{"l1_lambda": 0.0, "l2_lambda": 0.0, **strength})
        view = Moments.from_data(X, y, weights).view()
        solution, _ = minimise(view, penalty, "auto", None, Settings(tol=1e-10, max_iter=100))
        assert_allclose(solution.coef, [1, -2, 0, 0, 0], rtol=1e-12, atol=1e-12)
        assert solution.dual_gap <= 1e-13 * view.target_norm2


def test_without_an_intercept_a_constant_column_counts():
    X, y, _ = data()
    X[:, 2] = 0.7
    moments = MomentsView.from_rows(Rows.from_data(X, y, None, False))
    assert_allclose(moments.gram[2, 2], 0.49, rtol=1e-14)
    assert moments.variances()[2] == 0
