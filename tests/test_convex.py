"""Against a generic convex solver, which knows nothing of lassos: any mixture of everything.

Its optimum is good to about 1e-7 of the null model's loss, ours to 1e-10. So ours may not be worse
than its by more than the one, nor better by more than the other: that would be another objective.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from skreg import DropoutRegressor, L1Regressor, L2Regressor

pytest.importorskip("cvxpy")
from oracles.convex import Case, random_case

pytestmark = pytest.mark.slow
OURS, THEIRS = 1e-9, 1e-6


def estimator(case):
    """The estimator that states the problem, without parameters it has no need of."""
    shared = {
        "fit_intercept": case.fit_intercept,
        "positive": case.positive,
        "penalty_weights": case.v,
    }
    if np.any(case.rate):
        rate = case.rate if len(case.rate) > 1 else float(case.rate[0])
        return DropoutRegressor(
            rate, l1_lambda=case.l1, l2_lambda=case.l2, drop_to=case.drop_to, **shared
        )
    if case.l1:
        return L1Regressor(case.l1, l2_lambda=case.l2, **shared)
    return L2Regressor(case.l2, **shared)


def judge(case, container):
    """Hold our fit against theirs; return both, or None where theirs gives up or falls short.

    An objective that ours, which is feasible, comes below is no optimum, whatever its solver says.
    """
    answer = case.solve()
    if answer is None:
        return None
    model = estimator(case).fit(container(case.X), case.y, sample_weight=case.s)
    coef, intercept = answer
    ours = case.objective(model.coef_, model.intercept_)
    theirs = case.objective(coef, intercept)
    square = 0.5 * case.share @ case.y**2  # of which the solver knows no centre
    slack = 1e-14 * square
    assert ours <= theirs + OURS * case.null + slack
    assert 0 <= model.dual_gap_ <= OURS * case.null + slack
    return (model, coef) if theirs <= ours + THEIRS * square else None


@pytest.mark.parametrize("seed", range(60))
def test_random_combinations(seed):
    rng = np.random.default_rng(seed)
    case = random_case(rng)
    container = sp.csc_array if rng.random() < 0.3 else np.asarray
    model, coef = judge(case, container)
    # As far as strong convexity holds the coefficients together.
    weakest = np.min(case.ridge[case.kept], initial=np.inf)
    if 0 < weakest < np.inf:
        radius = np.sqrt(2 * 2 * THEIRS * case.null / weakest)
        assert_allclose(model.coef_, coef, rtol=0, atol=radius)


def test_many_random_combinations(fuzz_rng):
    judged = 0
    for _ in range(1000):
        container = sp.csr_array if fuzz_rng.random() < 0.3 else np.asarray
        judged += judge(random_case(fuzz_rng), container) is not None
    assert judged > 990


@pytest.mark.parametrize("what", ["l1", "l2", "dropout", "v", "s", "intercept", "positive"])
def test_the_judge_tells_another_objective(what):
    """Each part of the objective moves the optimum by more than the tolerance."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5)) + 1
    y = X @ [1.0, -1.0, 0.5, 0.0, 2.0] + rng.normal(size=30)
    base = {"l1": 0.1, "l2": 0.1, "rate": np.array([0.2]), "v": np.ones(5), "s": np.ones(30)}
    other = {
        "l1": {"l1": 0.11},
        "l2": {"l2": 0.11},
        "dropout": {"drop_to": "zero"},
        "v": {"v": np.array([1, 1, 1, 1, 1.1])},
        "s": {"s": np.r_[2.0, np.ones(29)]},
        "intercept": {"fit_intercept": False},
        "positive": {"positive": True},
    }[what]
    case = Case(X, y, **base)
    wrong = Case(X, y, **{**base, **other}).solve()
    assert case.objective(*wrong) > case.objective(*case.solve()) + 3 * THEIRS * case.null
