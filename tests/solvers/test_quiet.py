"""Fits in many threads give the same answers, and leave the warning filters as they found them."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from oracles import regression
from sklearn.exceptions import ConvergenceWarning

from skreg import DropoutRegressor, L1Regressor
from skreg.solvers import descent
from skreg.solvers.quiet import quiet


def complain():
    """Warn as scikit-learn's descent does, which has no Python frame of its own."""
    scope = {"warnings": warnings, "ConvergenceWarning": ConvergenceWarning}
    scope["__name__"] = "sklearn.linear_model._coordinate_descent"
    exec("warnings.warn('too few iterations', ConvergenceWarning)", scope)


def test_only_the_descent_is_silenced():
    with quiet():
        complain()
        with pytest.raises(ConvergenceWarning):
            warnings.warn("another", ConvergenceWarning, stacklevel=1)
        with pytest.raises(UserWarning):
            warnings.warn("another", UserWarning, stacklevel=1)
    with pytest.raises(ConvergenceWarning):
        complain()


@pytest.mark.parametrize("first_out", [0, 1])
def test_threads_that_leave_in_any_order_leave_the_filters_as_they_were(first_out):
    filters, before = warnings.filters, list(warnings.filters)
    one, two = quiet(), quiet()
    one.__enter__()
    two.__enter__()
    (one, two)[first_out].__exit__(None, None, None)
    complain()  # the other is still inside
    (one, two)[1 - first_out].__exit__(None, None, None)
    assert warnings.filters is filters
    assert warnings.filters == before


@pytest.mark.parametrize("inner_first", [False, True])
def test_filters_that_others_change_meanwhile_stay_theirs(inner_first):
    before = list(warnings.filters)
    ours, theirs = quiet(), warnings.catch_warnings()
    if inner_first:
        theirs.__enter__()
        ours.__enter__()
        theirs.__exit__(None, None, None)
    else:
        ours.__enter__()
        theirs.__enter__()
        warnings.simplefilter("ignore", UserWarning)
    ours.__exit__(None, None, None)
    if not inner_first:
        assert warnings.filters[0][:3] == ("ignore", None, UserWarning)
        theirs.__exit__(None, None, None)
    assert warnings.filters == before


def test_a_failure_within_leaves_the_filters_as_they_were():
    before = list(warnings.filters)
    with pytest.raises(KeyboardInterrupt), quiet():
        raise KeyboardInterrupt
    assert warnings.filters == before


def test_descents_of_two_threads_at_once(monkeypatch):
    """Each waits in its descent for the other; the first to enter leaves first."""
    barrier, enet_path = Barrier(2, timeout=30), descent.enet_path

    def together(*args, **kwargs):
        barrier.wait()
        return enet_path(*args, **{**kwargs, "tol": 0.0, "max_iter": 2})

    monkeypatch.setattr(descent, "enet_path", together)
    X, y = regression(30, 5)
    model = L1Regressor(0.1)
    filters, before = warnings.filters, list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        coefs = list(pool.map(lambda _: L1Regressor(0.1).fit(X, y).coef_, range(2)))
    assert warnings.filters is filters
    assert warnings.filters == before
    monkeypatch.undo()
    for coef in coefs:
        np.testing.assert_allclose(coef, model.fit(X, y).coef_, rtol=1e-8)


def test_a_descent_that_may_not_stop_early_does_no_harm(monkeypatch):
    """Another thread may make all warnings errors in the midst of a descent."""

    def fails(*args, **kwargs):
        raise ConvergenceWarning

    X, y = regression(30, 5)
    expected = L1Regressor(0.1).fit(X, y)
    monkeypatch.setattr(descent, "enet_path", fails)
    np.testing.assert_allclose(L1Regressor(0.1).fit(X, y).coef_, expected.coef_, rtol=1e-8)


def test_many_fits_in_many_threads_are_those_of_one():
    tasks = []
    for seed in range(12):
        X, y = regression(40, 60, seed)
        X = sp.csc_array(np.where(np.abs(X) > 1, X, 0.0)) if seed % 2 else X
        model = (L1Regressor(0.02), DropoutRegressor(0.1, l1_lambda=0.02))[seed // 2 % 2]
        tasks.append((type(model), model.get_params(), X, y))

    def fit(task):
        cls, params, X, y = task
        return cls(**params).fit(X, y).coef_

    expected = [fit(task) for task in tasks]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        # scikit-learn's validation exchanges the filters itself, in every thread.
        with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
            coefs = list(pool.map(fit, tasks * 3))
    finally:
        sys.setswitchinterval(interval)
    for coef, alone in zip(coefs, expected * 3, strict=True):
        assert_array_equal(coef, alone)
