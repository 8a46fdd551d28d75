"""The training loops: the steps that "auto" chooses, the averages, when they stop and give up."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, regression, sparse_regression

from skreg._objective import Penalty, dropout_ridge
from skreg._solution import Settings
from skreg.problem.design import RowDesign
from skreg.solvers import loops

INF = np.inf


def descend(view, penalty, start=None, **settings):
    return loops.descend(view, penalty, start, Settings(**{"tol": 0.0, "max_iter": 1} | settings))


def lasso(p, strength=0.1, l2=0.0):
    return Penalty(np.full(p, strength), np.full(p, l2))


def ridge(p, strength=0.1):
    return lasso(p, 0.0, strength)


def design(n, p, seed=0, spread=1.0):
    """Columns that share a factor, of scales from 1 / spread to spread, and noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    return X * spread ** rng.uniform(-1, 1, p), rng.normal(size=n)


DESIGNS = {
    "tall": design(60, 5),
    "wide": design(8, 30),
    "one feature": design(20, 1),
    "wild scales": design(40, 12, spread=1e4),
    "large": design(50, 260),  # more features than have their spectrum computed in full
    "large and flat": (np.linalg.qr(design(300, 230)[0])[0], np.arange(300.0)),
    "large and wild": design(50, 260, spread=1e3),
    "sparse": sparse_regression(),
    "large and sparse": sparse_regression(n=80, p=300, density=0.05),
}
each_design = pytest.mark.parametrize("data", DESIGNS.values(), ids=DESIGNS)
each_view = pytest.mark.parametrize("with_rows", [True, False], ids=["rows", "moments"])


def view_of(X, y, with_rows=True):
    X = sp.csc_array(X) if sp.issparse(X) else X
    design = RowDesign.from_data(X, y, None, True)
    return design if with_rows else design.moments()


def gram(X):
    X = X.toarray() if sp.issparse(X) else X
    return (X - X.mean(axis=0)).T @ (X - X.mean(axis=0)) / X.shape[0]


@each_view
@each_design
def test_the_auto_step_is_just_within_the_largest_curvature(data, with_rows):
    X, y = data
    y = X[:, [0]].sum(axis=1) + y  # so that the first step is not zero
    view, p = view_of(X, y, with_rows), X.shape[1]
    taken = descend(view, ridge(p, 0.3), learning_rate="auto").coef
    unit = descend(view, ridge(p, 0.3), learning_rate=1.0).coef  # from zero: the step times unit
    step = (taken @ unit) / (unit @ unit)
    curvature = np.linalg.eigvalsh(gram(X))[-1] + 0.3
    assert 0.97 <= step * curvature <= 1 + 1e-12


@each_design
def test_gradient_descent_by_auto_steps_never_climbs(data):
    X, y = data
    start = 10.0 * np.random.default_rng(0).normal(size=X.shape[1])
    losses = descend(view_of(X, y), ridge(X.shape[1]), start, max_iter=200).loss_curve
    assert len(losses) == 200
    assert np.all(np.diff(losses) <= 1e-13 * losses[:-1])
    assert losses[-1] < losses[0]


@each_design
def test_subgradient_descent_by_auto_steps_never_diverges(data):
    X, y = data
    view, p = view_of(X, y), X.shape[1]
    start = 10.0 * np.random.default_rng(0).normal(size=p)
    losses = descend(view, lasso(p, 0.01), start, max_iter=300).loss_curve
    # One step climbs by half the step times |subgradient of l1|^2 at the most.
    step = 1.0 / np.linalg.eigvalsh(gram(X))[-1]
    assert np.all(np.diff(losses) <= 2 * step * p * 0.01**2 + 1e-13 * losses[:-1])
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("shape", [(60, 5), (8, 40), (30, 30)], ids=["tall", "wide", "square"])
@pytest.mark.parametrize(
    "rate", [0.1, 0.5, 0.9, np.linspace(0, 0.99, 40)], ids=["0.1", "0.5", "0.9", "uneven"]
)
@pytest.mark.parametrize("drop_to", ["mean", "zero"])
def test_mask_training_by_auto_steps_never_diverges(drop_to, rate, shape):
    X, y = design(*shape)
    rates = np.resize(rate, shape[1])
    view = RowDesign.from_data(X, y, None, True)
    penalty = Penalty(np.zeros(shape[1]), dropout_ridge(rates, view.second_moments(drop_to)))
    settings = Settings(
        tol=0.0,
        max_iter=600,
        random_state=np.random.RandomState(0),
        dropout_rate=rates,
        drop_to=drop_to,
        average=True,
    )
    solution = loops.mask(view, penalty, np.zeros(shape[1]), settings)
    residual = view.target - view.product(solution.coef)
    assert np.mean(solution.loss_curve[300:]) <= 2 * solution.loss_curve[0]
    assert residual @ residual / 2 + penalty.value(solution.coef) <= view.target_norm2 / 2


@each_view
@pytest.mark.parametrize("p", [3, 201], ids=["small", "large"])
def test_without_any_curvature_zero_stays_zero(p, with_rows):
    zeros, ones = (view_of(np.full((10, p), x), np.arange(10.0), with_rows) for x in (0.0, 1.0))
    excluded = Penalty(np.full(p, INF), np.zeros(p))
    for view, penalty in [(zeros, lasso(p)), (zeros, ridge(p, 0.0)), (ones, excluded)]:
        assert_array_equal(descend(view, penalty, max_iter=10).coef, np.zeros(p))


def subgradient_loop(X, y, l1, step, epochs):
    """Every iterate of the loop, from zero."""
    X, y = X - X.mean(axis=0), y - y.mean()
    w, iterates = np.zeros(X.shape[1]), []
    for _ in range(epochs):
        w = w - step * (X.T @ (X @ w - y) / len(y) + l1 * np.sign(w))
        iterates.append(w)
    return np.array(iterates)


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 8, 11, 16, 17, 100])
def test_the_average_is_since_the_power_of_two_before_the_last(epochs):
    X, y = regression(30, 4)
    iterates = subgradient_loop(X, y, 0.3, 0.05, epochs)
    # Epochs 3 to 8 after eight of them, 5 to 11 after eleven.
    powers = [power for power in (0, 0, 1, 2, 4, 8, 16, 32, 64) if power < epochs]
    last = powers[-2]
    settings = {"learning_rate": 0.05, "max_iter": epochs}
    view, penalty = view_of(X, y), lasso(4, 0.3)
    averaged = descend(view, penalty, average=True, **settings)
    plain = descend(view, penalty, average=False, **settings)
    assert_allclose(averaged.coef, iterates[last:].mean(axis=0), rtol=1e-11)
    assert_allclose(plain.coef, iterates[-1], rtol=1e-11)
    assert averaged.n_iter == plain.n_iter == epochs


def test_the_loss_curve_holds_the_objective_before_every_epoch():
    X, y = regression(30, 4)
    solution = descend(view_of(X, y), lasso(4, 0.3, 0.2), max_iter=20, learning_rate=0.05)
    problem = Problem(X, y, l1=0.3, l2=0.2)
    w, expected = np.zeros(4), []
    A, b = problem.A, problem.b
    for _ in range(20):
        expected.append(problem.objective(w))
        w = w - 0.05 * (A.T @ (A @ w - b) + 0.2 * w + 0.3 * np.sign(w))
    assert_allclose(solution.loss_curve, expected, rtol=1e-12)


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_the_loop_stops_at_the_first_power_of_two_within_tol(tol):
    X, y = regression(30, 4)
    view, problem = view_of(X, y), Problem(X, y, l2=0.1)
    solution = descend(view, ridge(4), tol=tol, max_iter=10**6)
    powers = 2 ** np.arange(int(np.log2(solution.n_iter)) + 1)
    gaps = [problem.relative_gap(descend(view, ridge(4), max_iter=k).coef) for k in powers]
    assert solution.n_iter == powers[-1]
    assert len(solution.loss_curve) == solution.n_iter
    assert gaps[-1] <= tol
    assert min(gaps[:-1], default=INF) > tol


def test_it_stops_when_every_target_is_within_tol():
    X, y = regression(30, 4, targets=2)
    y[:, 1] = 5.0  # within any tolerance at once
    view = view_of(X, y)
    together, alone = (
        descend(v, ridge(4), tol=1e-6, max_iter=10**5) for v in (view, view.select_target(0))
    )
    assert together.n_iter == alone.n_iter > 1
    assert_allclose(together.coef[0], alone.coef, rtol=1e-13)


def test_excluded_features_stay_at_zero():
    X, y = regression(30, 4)
    penalty = Penalty(np.array([0.1, INF, 0.1, 0.1]), np.zeros(4))
    solution = descend(view_of(X, y), penalty, np.ones(4), learning_rate=0.05, max_iter=50)
    others = descend(
        view_of(X[:, [0, 2, 3]], y), lasso(3), np.ones(3), learning_rate=0.05, max_iter=50
    )
    assert solution.coef[1] == 0
    assert_allclose(solution.coef[[0, 2, 3]], others.coef, rtol=1e-13)


@pytest.mark.parametrize("p", [4, 251], ids=["few", "many"])
def test_excluded_features_do_not_shorten_the_auto_step(p):
    X, y = regression(30, p)
    is_first = np.arange(p) == 0
    penalty = Penalty(np.where(is_first, INF, 0.0), np.full(p, 0.1))
    solution = descend(view_of(X * np.where(is_first, 1e4, 1.0), y), penalty, max_iter=20)
    others = descend(view_of(X[:, 1:], y), ridge(p - 1), max_iter=20)
    assert_allclose(solution.coef[1:], others.coef, rtol=1e-10)


def test_steps_that_diverge_are_an_error_that_names_the_learning_rate():
    X, y = regression(30, 4)
    with pytest.raises(ValueError, match=r"learning_rate=1000.0 .*diverge.* epoch \d+"):
        descend(view_of(X, y), ridge(4), learning_rate=1000.0, max_iter=1000)


def mask(view, penalty, start=None, **settings):
    defaults = {
        "tol": 0.0,
        "max_iter": 5,
        "learning_rate": 0.1,
        "random_state": np.random.RandomState(0),
    }
    return loops.mask(view, penalty, start, Settings(**defaults | settings))


@pytest.mark.parametrize("drop_to", ["mean", "zero"])
def test_masks_of_rate_zero_are_gradient_descent(drop_to):
    X, y = regression(30, 4)
    view = view_of(X, y)
    masked = mask(view, ridge(4), np.ones(4), dropout_rate=np.zeros(4), drop_to=drop_to)
    plain = descend(view, ridge(4), np.ones(4), learning_rate=0.1, max_iter=5)
    assert_allclose(masked.coef, plain.coef, rtol=1e-13)


def test_masks_that_drop_to_the_mean_refuse_a_sparse_design():
    X, y = sparse_regression()
    with pytest.raises(TypeError, match=r"solver='mask'.*sparse"):
        mask(view_of(X, y), ridge(10), dropout_rate=np.full(10, 0.5), drop_to="mean")


def test_masks_of_a_sparse_design_drop_each_entry_at_its_columns_rate():
    # From zero, the first step is the masked X'y: which entries were kept can be read off it.
    n, p = 400, 6
    X = sp.csc_array(np.tile(np.eye(p), (n, 1)))
    rate = np.array([0.0, 0.1, 0.3, 0.5, 0.8, 0.9])
    view = RowDesign.from_data(X, np.ones(n * p), None, False)
    penalty = Penalty(np.zeros(p), np.zeros(p))
    coef = mask(
        view, penalty, np.zeros(p), dropout_rate=rate, drop_to="zero", max_iter=1, learning_rate=1.0
    ).coef
    # step (1 - rate)^2, X / (1 - rate), a mean of n p rows of which n have a one in the column
    share_kept = coef * p / (1 - rate)
    assert_allclose(share_kept, 1 - rate, atol=4 * 0.5 / np.sqrt(n))
    assert share_kept[0] == pytest.approx(1.0)
