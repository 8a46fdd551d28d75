"""The suite: each problem a name and a function that makes (X, y), the same at every call.

X is what a coordinate descent solver likes best: Fortran-ordered, or CSC. Simulated columns are an
AR(1) process with correlation rho between neighbours; a hundredth of the features (at least 10),
at random places, have standard normal coefficients; the noise has a third of the signal's standard
deviation. The real sets lie outside the project, in ../shared/data beside it; their dense columns
are centred and scaled to variance one. One that is absent is skipped, with the reason.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.linalg import solve_triangular
from scipy.signal import lfilter
from sklearn.feature_extraction.text import TfidfTransformer

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
RATIOS = (0.5, 0.1, 0.05, 0.01, 0.001)
SIGNAL_TO_NOISE = 3.0


class AbsentError(Exception):
    """The data of a problem are not on this machine."""


@dataclass(frozen=True)
class Problem:
    """A design and a target, the strengths over lambda_max to solve at, and the gap to reach."""

    name: str
    make: Callable
    about: str = ""
    quick: bool = False
    ratios: tuple[float, ...] = RATIOS
    goal: float = 1e-8


def simulated(n, p, rho, seed=0, dtype=np.float64):
    """Return a dense AR(1) design of n rows and p columns."""
    rng = np.random.default_rng(seed)
    innovations = rng.standard_normal((p, n))
    innovations[1:] *= np.sqrt(1 - rho**2)
    X = lfilter([1.0], [1.0, -rho], innovations, axis=0).T
    return X.astype(dtype), _target(X, rng).astype(dtype)


def sparse_simulated(n, p, density=1e-3, n_nonzero=None, seed=0):
    """Return a sparse design of standard normal entries; the nonzero coefficients may be fixed."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(n, size, replace=False) for size in rng.binomial(n, density, p)]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    indices = np.concatenate([np.sort(row) for row in rows]).astype(np.int32)
    X = sparse.csc_matrix((rng.standard_normal(len(indices)), indices, indptr), shape=(n, p))
    return X, _target(X, rng, n_nonzero)


def duplicated(n, p, rho):
    """Return a dense AR(1) design in which every column stands twice."""
    X, y = simulated(n, p // 2, rho)
    return np.asfortranarray(np.hstack([X, X])), y


def adversarial(p):
    """Return the problem whose path has (3^p + 1) / 2 kinks (Mairal & Yu, ICML 2012, Prop. 2).

    Each column added, small against the last kink lambda_1 of the path before it, first lets that
    path run its course, then has it run back to zero and out again with the signs reversed. Stacked
    on its negative, the design is centred, and an intercept changes nothing.
    """
    X, y = np.ones((1, 1)), np.ones(1)
    for _ in range(p - 1):
        w = solve_triangular(X, y)
        drift = solve_triangular(X, solve_triangular(X, np.sign(w), trans=1))
        kinks = w / drift  # where w - lam * drift, the last piece of the path, crosses zero
        size = 0.9 * kinks[kinks > 0].min() / (2 * y @ y + 1)
        X = np.block([[X, 2 * size * y[:, None]], [np.zeros((1, len(y))), np.full((1, 1), size)]])
        y = np.append(y, 1.0)
    return np.asfortranarray(np.vstack([X, -X])), np.concatenate([y, -y])


def table(name):
    """Return a real dense set with standardised columns."""
    X, y = _loader().load(name)
    X = X[:, X.std(axis=0) > 0]
    return np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y


def text(name, tfidf):
    """Return a real sparse set, as counts or as TF-IDF."""
    X, y = _loader().load(name)
    return sparse.csc_matrix(TfidfTransformer().fit_transform(X) if tfidf else X), y


def _target(X, rng, n_nonzero=None):
    """Return X w + noise."""
    n, p = X.shape
    w = np.zeros(p)
    support = rng.choice(p, n_nonzero or max(10, p // 100), replace=False)
    w[support] = rng.standard_normal(len(support))
    signal = X @ w
    return signal + np.std(signal) / SIGNAL_TO_NOISE * rng.standard_normal(n)


def _loader():
    """Return the module that loads the real sets."""
    path = DATA / "load.py"
    if not path.exists():
        raise AbsentError("its data (../shared/data) are not on this machine")
    spec = importlib.util.spec_from_file_location("shared_data", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _ar1(n, p, rho, **settings):
    """Return the entry of a simulated dense design."""
    about = f"{n} x {p}, AR(1) {rho:g}"
    return Problem(f"ar1-{n}x{p}", partial(simulated, n, p, rho), about, **settings)


SUITE = [
    _ar1(500, 5000, 0.5, quick=True),
    _ar1(72, 7129, 0.9, quick=True),
    _ar1(1000, 10000, 0.9),
    _ar1(5000, 1000, 0.5, quick=True),
    _ar1(2000, 2000, 0.95),
    _ar1(100000, 200, 0.5),
    _ar1(1000, 100000, 0.3),
    Problem("sparse-1e4", partial(sparse_simulated, 10000, 10**4), "10000 x 1e4, density 1e-3"),
    Problem("sparse-1e5", partial(sparse_simulated, 10000, 10**5), "10000 x 1e5, density 1e-3"),
    Problem("sparse-1e6", partial(sparse_simulated, 10000, 10**6), "10000 x 1e6, density 1e-3"),
    Problem("riboflavin", partial(table, "riboflavin"), "71 x 4088, gene expression", quick=True),
    Problem("golub", partial(table, "golub_leukemia"), "72 x 7129, gene expression", quick=True),
    Problem("imdb", partial(text, "imdb_ratings", True), "7345 x 27476 sparse, TF-IDF"),
    Problem("news20", partial(text, "news20", False), "15935 x 62061 sparse, counts"),
    Problem("california", partial(table, "california_housing"), "20640 x 8", quick=True),
    Problem("king-county", partial(table, "king_county_housing"), "21613 x 19, rank 18"),
    Problem("bike", partial(table, "bike_sharing_hour"), "17379 x 13"),
    Problem("protein", partial(table, "uci/protein"), "45730 x 9"),
    Problem(
        "mairal-yu",
        partial(adversarial, 10),
        "20 x 10, a path of 29525 kinks",
        quick=True,
        ratios=(*RATIOS, 1e-4, 1e-6, 1e-8),
    ),
    Problem("duplicated", partial(duplicated, 500, 4000, 0.5), "500 x 4000, each column twice"),
    Problem(
        "float32",
        partial(simulated, 500, 5000, 0.5, dtype=np.float32),
        "500 x 5000, AR(1) 0.5, float32, to 1e-4: with residuals so rounded, peers reach 1e-5",
        goal=1e-4,
    ),
]
