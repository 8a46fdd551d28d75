"""One thread for a factorisation: how many threads there are inside, meanwhile, and afterwards."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import regression
from sklearn.linear_model import enet_path
from threadpoolctl import threadpool_info, threadpool_limits

from skreg import L1Regressor, L2Regressor
from skreg.solvers import descent
from skreg.solvers.threads import FROM, TO, factoring


def n_threads():
    """The threads of each BLAS that is loaded."""
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def _two_threads():
    with threadpool_limits(2, user_api="blas"):
        if set(n_threads()) != {2}:
            pytest.skip("The BLAS at hand has no second thread.")
        yield
        assert set(n_threads()) == {2}


@pytest.mark.parametrize("side", [FROM, 1000, TO - 1])
def test_a_matrix_of_middle_size_is_factored_by_factoring(side):
    with factoring(side):
        assert set(n_threads()) == {1}


@pytest.mark.parametrize("side", [0, FROM - 1, TO, 10**6])
def test_smaller_and_larger_ones_are_left_alone(side):
    with factoring(side):
        assert set(n_threads()) == {2}


def test_threads_come_back_after_an_error():
    with pytest.raises(KeyboardInterrupt), factoring(FROM):
        raise KeyboardInterrupt


def test_whoever_leaves_last_gives_the_threads_back():
    first, second = ExitStack(), ExitStack()
    first.enter_context(factoring(FROM))
    second.enter_context(factoring(FROM))
    first.close()  # before the second, as threads may
    assert set(n_threads()) == {1}
    second.close()


@pytest.mark.parametrize("model", [L1Regressor(0.01), L2Regressor(0.01)], ids=repr)
def test_fits_in_many_threads_leave_the_threads_as_they_were(model):
    X, y = regression(300, 200)
    barrier = Barrier(4)

    def fit(_):
        barrier.wait()
        return type(model)(0.01).fit(X, y).coef_.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(fit, range(8)))) == 1


def test_sparse_columns_are_descended_by_one_thread(monkeypatch):
    seen = []

    def watched(*args, **options):
        seen.append(set(n_threads()))
        return enet_path(*args, **options)

    monkeypatch.setattr(descent, "enet_path", watched)
    X, y = regression(50, 80)
    L1Regressor(0.01).fit(sp.csc_array(np.where(X > 1, X, 0)), y)
    assert seen
    assert all(each == {1} for each in seen)
