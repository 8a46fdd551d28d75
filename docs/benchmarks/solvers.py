"""The solvers compared: each a function from (X, y, lam, tol) to coefficients, and its tolerances.

All minimise |y - X w - b|^2 / (2n) + lam |w|_1 with an intercept, each by its own handling of it,
on the same X and y. A peer climbs its ladder of tolerances from the loosest; the first whose gap
is small enough, in the judge's eyes, is the one that counts. Ours runs at its default.
"""

import importlib
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judge import lambda_max
from scipy import sparse

LARGEST_FOR_R = 10**7  # entries: the data go there by file
PATH_STEP = 0.8  # between the strengths on glmnet's way down


@dataclass(frozen=True)
class Fit:
    """What a solver returns; `seconds` only where it has to be measured elsewhere."""

    coef: np.ndarray
    intercept: float
    n_iter: int
    seconds: float | None = None


@dataclass(frozen=True)
class Solver:
    """A solver: how to fit, with which tolerances, from which module, on which designs."""

    name: str
    fit: Callable
    ladder: tuple
    module: str
    takes: Callable = lambda X: True
    default: bool = True

    def absence(self):
        """Return why this solver cannot be run on this machine, or None."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # a broken wheel may raise anything
            return f"{self.module} does not import: {error}"
        if self.name == "glmnet":
            try:
                _run_r("library(glmnet)")
            except (OSError, subprocess.CalledProcessError):
                return "Rscript with glmnet is not installed"
        return None


def ours(X, y, lam, tol):
    """Fit with this library; no tolerance: its default."""
    from skreg import L1Regressor

    model = L1Regressor(lam) if tol is None else L1Regressor(lam, tol=tol)
    return _fitted(model.fit(X, y))


def scikit_learn(X, y, lam, tol, precompute=False):
    """Fit with scikit-learn's coordinate descent, on the data or on their Gram matrix."""
    from sklearn.linear_model import Lasso

    return _fitted(Lasso(lam, tol=tol, max_iter=10**8, precompute=precompute).fit(X, y))


def scikit_learn_gram(X, y, lam, tol):
    """Fit with scikit-learn's coordinate descent on the Gram matrix."""
    return scikit_learn(X, y, lam, tol, precompute=True)


def celer(X, y, lam, tol):
    """Fit with celer."""
    from celer import Lasso

    return _fitted(Lasso(lam, tol=tol, max_iter=1000).fit(X, y))


def skglm(X, y, lam, tol):
    """Fit with skglm, whose tolerance is on the gradient: here in units of lam."""
    from skglm import Lasso

    return _fitted(Lasso(lam, tol=tol * lam, max_iter=1000).fit(X, y))


def lars(X, y, lam, tol):
    """Fit with scikit-learn's LARS, kink by kink."""
    from sklearn.linear_model import LassoLars

    return _fitted(LassoLars(lam, max_iter=10**6).fit(X, y))


def glmnet(X, y, lam, tol):
    """Fit with R's glmnet along a path down to lam, timed inside R."""
    n, p = X.shape
    top = max(lambda_max(X, y), lam)
    steps = 1 + int(np.ceil(np.log(lam / top) / np.log(PATH_STEP)))
    with tempfile.TemporaryDirectory() as folder:
        np.asarray(X, dtype=np.float64).ravel(order="F").tofile(f"{folder}/X")
        np.asarray(y, dtype=np.float64).tofile(f"{folder}/y")
        np.geomspace(top, lam, steps).tofile(f"{folder}/path")
        _run_r(f"""
            library(glmnet)
            get <- function(name, k) readBin(file.path("{folder}", name), "double", k)
            X <- matrix(get("X", {n * p}), {n}, {p}); y <- get("y", {n})
            path <- get("path", {steps})
            time <- system.time(fit <- glmnet(X, y, lambda=path, standardize=FALSE,
                                              thresh={tol}, maxit=1e9))
            k <- length(fit$lambda)
            out <- c(time["elapsed"], fit$npasses, fit$a0[k], as.numeric(fit$beta[, k]))
            writeBin(unname(out), file.path("{folder}", "out"))
        """)
        seconds, passes, intercept, *coef = np.fromfile(f"{folder}/out")
    return Fit(np.array(coef), float(intercept), int(passes), float(seconds))


def _fitted(model):
    """Return what a fitted estimator of scikit-learn's kind found."""
    n_iter = int(np.max(getattr(model, "n_iter_", 0)))
    return Fit(np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), n_iter)


def _run_r(code):
    """Run R on the code."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.R"
        script.write_text(code)
        subprocess.run(["Rscript", "--vanilla", script], check=True, capture_output=True)


def _is_dense(X):
    """Return whether X is an array."""
    return not sparse.issparse(X)


GAP_LADDER = (1e-5, 1e-6, 1e-7, 1e-8, 4e-9, 1e-10, 1e-12, 1e-14)  # on gap over |y|^2 / n

SOLVERS = [
    Solver("skreg", ours, (None,), "skreg"),
    Solver("celer", celer, GAP_LADDER, "celer"),
    Solver("sklearn", scikit_learn, GAP_LADDER, "sklearn"),
    Solver(
        "sklearn-gram",
        scikit_learn_gram,
        GAP_LADDER,
        "sklearn",
        takes=lambda X: _is_dense(X) and X.shape[1] <= X.shape[0],
    ),
    Solver("skglm", skglm, (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10), "skglm"),
    Solver(
        "glmnet",
        glmnet,
        (1e-9, 1e-13, 1e-15, 1e-17, 1e-19, 1e-21),
        "sklearn",
        takes=lambda X: _is_dense(X) and np.prod(X.shape) <= LARGEST_FOR_R,
        default=False,
    ),
    Solver("lars", lars, (None,), "sklearn", takes=_is_dense, default=False),
]
OURS = "skreg"
