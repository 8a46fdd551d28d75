"""Two more measures: the first fit of a fresh process, and the growth with the number of columns.

A process that fits once pays for imports and compilation: seconds of both, data not counted, on
500 x 5000, every solver at a tolerance of 1e-4 (scikit-learn's default) but ours at its own.
A fit on sparse columns should cost a handful of passes over X, however many there are.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import judge
import numpy as np
from problems import simulated, sparse_simulated
from solvers import OURS, ours

FRESH = """
import sys, time
start = time.perf_counter()
import importlib, solvers
solver = next(s for s in solvers.SOLVERS if s.name == sys.argv[1])
importlib.import_module(solver.module)
imported = time.perf_counter() - start
import numpy
X, y, lam = (numpy.load(sys.argv[2] + name) for name in ("X.npy", "y.npy", "lam.npy"))
start = time.perf_counter()
solver.fit(X, y, float(lam), None if solver.name == "skreg" else 1e-4)
print(imported + time.perf_counter() - start)
"""
SLOW = 5.0  # seconds from which a first fit is not repeated


def first_fit(solvers, repeats=5):
    """Return the median seconds of import and first fit in a fresh process, by solver."""
    X, y = simulated(500, 5000, 0.5)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    seconds = {solver.name: [] for solver in solvers if solver.takes(X)}
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("X", X), ("y", y), ("lam", 0.1 * judge.lambda_max(X, y))):
            np.save(Path(folder) / name, array)
        for _ in range(repeats):
            for name, before in seconds.items():
                if before and before[0] > SLOW:
                    continue
                command = [sys.executable, "-c", FRESH, name, folder + "/"]
                out = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=True
                )
                before.append(float(out.stdout))
    return {name: statistics.median(values) for name, values in seconds.items()}


def growth(n=10**4, sizes=(10**3, 10**4, 10**5, 10**6), n_nonzero=20, ratio=0.1):
    """Return a row per number of columns: seconds, passes over X, memory above X, support."""
    rows = []
    for p in sizes:
        X, y = sparse_simulated(n, p, n_nonzero=n_nonzero)
        lam = ratio * judge.lambda_max(X, y)
        fit, seconds = ours(X, y, lam, None), []
        for _ in range(3):
            start = time.perf_counter()
            ours(X, y, lam, None)
            seconds.append(time.perf_counter() - start)
        tracemalloc.start()
        n_passes = _passes(X, y, lam)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows.append(
            {
                "solver": OURS,
                "n": n,
                "p": p,
                "nnz": int(X.nnz),
                "seconds": statistics.median(seconds),
                "n_passes": n_passes,
                "peak_bytes": int(peak),
                "X_bytes": int(X.data.nbytes + X.indices.nbytes + X.indptr.nbytes),
                "support": int(np.count_nonzero(fit.coef)),
                "gap": judge.relative_gap(X, y, fit.coef, fit.intercept, lam),
            }
        )
    return rows


def _passes(X, y, lam):
    """Return how many times a fit of ours evaluates residual and correlations on all of X."""
    from skreg.problem.rows import Rows

    evaluate, calls = Rows.evaluate, []

    def counted(self, w):
        calls.append(1)
        return evaluate(self, w)

    Rows.evaluate = counted
    try:
        ours(X, y, lam, None)
    finally:
        Rows.evaluate = evaluate
    return len(calls)
