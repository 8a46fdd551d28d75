"""One BLAS thread: how many there are inside, meanwhile, and afterwards."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from oracles import regression
from sklearn.linear_model import enet_path
from threadpoolctl import threadpool_info, threadpool_limits

from skreg import L1Regressor, L2Regressor
from skreg.solvers import descent
from skreg.solvers.threads import FROM, TO, factoring


def n_threads():
    """The threads of NumPy's and of SciPy's BLAS; other packages may have loaded more of them."""
    pools = [
        (Path(pool["filepath"]).parent.name, pool["num_threads"]) for pool in threadpool_info()
    ]
    return [number for folder, number in pools if folder.startswith(("numpy", "scipy"))]


@pytest.fixture(autouse=True)
def _two_threads():
    with threadpool_limits(2, user_api="blas"):
        if len(n_threads()) < 2 or set(n_threads()) != {2}:
            pytest.skip("NumPy and SciPy share one BLAS, or it has no second thread.")
        yield
        assert set(n_threads()) == {2}


@pytest.mark.parametrize("side", [FROM, 1000, TO - 1])
def test_a_matrix_of_middle_size_is_factored_by_one_thread(side):
    with factoring(side):
        assert set(n_threads()) == {1}


@pytest.mark.parametrize("side", [0, FROM - 1, TO, 10**6])
def test_smaller_and_larger_ones_are_left_alone(side):
    with factoring(side):
        assert set(n_threads()) == {2}


def test_threads_come_back_after_an_error():
    with pytest.raises(KeyboardInterrupt), factoring(FROM):
        raise KeyboardInterrupt


INTERLEAVED = """
from threading import Event, Thread
from threadpoolctl import threadpool_info
from skreg import L1Regressor
from skreg.solvers.threads import FROM, factoring

def n_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

before = n_threads()
first_inside, second_inside, first_left, done = Event(), Event(), Event(), Event()

def first():
    with factoring(FROM):
        first_inside.set()
        second_inside.wait()
    first_left.set()
    done.wait()

def second():
    first_inside.wait()
    with factoring(FROM):
        second_inside.set()
        first_left.wait()
    done.wait()

threads = [Thread(target=each, daemon=True) for each in (first, second)]
for thread in threads:
    thread.start()
first_left.wait()
with factoring(FROM):
    pass
print(before, n_threads())
done.set()
"""


def test_threads_that_leave_in_another_order_than_they_entered_leave_all_as_it_was():
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    run = subprocess.run(
        [sys.executable, "-c", INTERLEAVED], capture_output=True, text=True, env=environment
    )
    assert not run.returncode, run.stderr
    assert run.stdout.strip() == "{2} {2}"


def test_a_second_limit_within_the_first_is_none():
    with factoring(FROM), factoring(FROM):
        assert set(n_threads()) == {1}


@pytest.mark.parametrize("model", [L1Regressor(0.01), L2Regressor(0.01)], ids=repr)
def test_fits_in_many_threads_are_those_in_one(model):
    X, y = regression(300, 200)
    barrier = Barrier(4)

    def fit(_):
        barrier.wait()
        return type(model)(0.01).fit(X, y).coef_

    expected = model.fit(X, y).coef_
    with ThreadPoolExecutor(4) as pool:
        for coef in pool.map(fit, range(8)):
            assert_allclose(coef, expected, rtol=1e-9, atol=1e-12)


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
