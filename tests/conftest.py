"""Fixtures: where the real data is, and the seed of the fuzzing."""

import importlib.util
import os
import secrets
from pathlib import Path

# The matrices of the tests are small, so that a second BLAS thread only waits: the whole suite took
# 117 s with two threads and 101 s with one, and 90 s and 63 s as two processes (two cores). The
# number is read when NumPy is loaded, so that it is set before.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


# Another one each run, the same in all its processes; a failure is repeated by giving it.
FUZZ_SEED = int(os.environ.setdefault("SKREG_FUZZ_SEED", str(secrets.randbits(32))))


def pytest_report_header():
    return f"seed of the fuzzing (SKREG_FUZZ_SEED): {FUZZ_SEED}"


@pytest.fixture
def fuzz_rng():
    """A random generator for the long tests, which draw something new in every run."""
    return np.random.default_rng(FUZZ_SEED)


@pytest.fixture(scope="session")
def diabetes():
    """scikit-learn's diabetes data as it comes: 442 x 10, columns of norm 1, y not centred."""
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="session")
def real_data():
    """A function `name -> (X, y)` of the shared real data; skips the test where it is absent."""

    def load(name):
        if not (SHARED / f"{name.partition('/')[0].replace('uci', 'uci9')}.npz").exists():
            pytest.skip(f"the real data set {name} is not in {SHARED}")
        spec = importlib.util.spec_from_file_location("shared_data", SHARED / "load.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.load(name)

    return load
