"""Paths and cross-validation: ours beside what else would do the same, taking turns in one process.

A contest is a function of (X, y) that returns calls by name, ours first. Every call runs once, and
those that took less than `LONG` seconds run again in rounds, in turn; the median counts. Seconds
are those of the processor, all threads together: what others do on the machine does not count.

A path is judged by its largest relative gap over all values, from the data alone; of several
tolerances of a peer the loosest that reaches `GOAL` counts, and if none does the tightest, which is
then faster than one that would.
"""

import statistics
import subprocess
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import judge
import numpy as np
from problems import AbsentError, simulated, table
from sklearn.linear_model import LassoCV, Ridge, RidgeCV, lasso_path
from sklearn.model_selection import GridSearchCV

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2RegressorCV,
    regularization_path,
)

GOAL = 1e-8
LONG, ROUNDS = 2.0, 5
TOLERANCES = (1e-4, 1e-6, 1e-7, 1e-8, 1e-9)
GLMNET_THRESHOLDS = (1e-7, 1e-14)  # its default, and about the tightest that it can use
PATIENCE = 10.0  # seconds of one call from which no tighter tolerance is tried

DATA = {
    "20000 x 200, AR(1) 0.5": partial(simulated, 20000, 200, 0.5),
    "500 x 5000, AR(1) 0.5": partial(simulated, 500, 5000, 0.5),
    "riboflavin, 71 x 4088": partial(table, "riboflavin"),
    "california, 20640 x 8": partial(table, "california_housing"),
}


def ridge_leave_one_out(X, y):
    """Leave-one-out over 100 ridge strengths."""
    ours = L2RegressorCV(lambdas=100)
    alphas = ours.fit(X, y).lambdas_ * len(y)
    return {
        "L2RegressorCV": partial(ours.fit, X, y),
        "RidgeCV": partial(RidgeCV(alphas=alphas).fit, X, y),
    }


def ridge_folds(X, y):
    """Five folds over 100 ridge strengths."""
    ours = L2RegressorCV(lambdas=100, cv=5)
    alphas = ours.fit(X, y).lambdas_ * len(y)
    search = GridSearchCV(Ridge(), {"alpha": alphas}, scoring="neg_mean_squared_error", cv=5)
    return {
        "L2RegressorCV(cv=5)": partial(ours.fit, X, y),
        "GridSearchCV(Ridge)": partial(search.fit, X, y),
    }


def dropout_folds(X, y):
    """Fifty dropout rates: leave-one-out and five folds beside a grid search of five folds."""
    ours = DropoutRegressorCV(dropout_rates=50)
    rates = ours.fit(X, y).dropout_rates_
    folds = DropoutRegressorCV(dropout_rates=50, cv=5)
    search = GridSearchCV(
        DropoutRegressor(), {"dropout_rate": rates}, scoring="neg_mean_squared_error", cv=5
    )
    return {
        "DropoutRegressorCV": partial(ours.fit, X, y),
        "DropoutRegressorCV(cv=5)": partial(folds.fit, X, y),
        "GridSearchCV(DropoutRegressor)": partial(search.fit, X, y),
    }


def lasso_folds(X, y):
    """Five folds over 100 lasso strengths down to 1e-3 of the largest."""
    ours = L1RegressorCV(lambdas=100)
    alphas = ours.fit(X, y).lambdas_
    calls = {"L1RegressorCV": partial(ours.fit, X, y)}
    for tol in (1e-4, 1e-8) if X.shape[0] > X.shape[1] else (1e-4,):
        peer = LassoCV(alphas=alphas, cv=5, tol=tol, max_iter=10**6)
        calls[f"LassoCV, tol {tol:g}"] = partial(peer.fit, X, y)
    if _has_glmnet():
        calls["cv.glmnet, until 0.999 is explained"] = partial(_cv_glmnet, X, y)
        calls["cv.glmnet, all strengths"] = partial(_cv_glmnet, X, y, control="fdev=0, devmax=1")
    return calls


def lasso_paths(eps):
    """Return the contest of lasso paths of 100 strengths down to eps times the largest."""

    def contest(X, y):
        ours = partial(regularization_path, L1Regressor(), X, y, eps=eps)
        path = ours()
        centred = np.asfortranarray(X - X.mean(axis=0)), y - y.mean()
        calls = {"regularization_path": ours}
        for follow in (_lasso_path, _celer_path):
            call = _loosest(partial(follow, *centred, path.values), X, y, path.values)
            if call is not None:
                calls[call[0]] = call[1]
        for thresh in GLMNET_THRESHOLDS if _has_glmnet() else ():
            coefs = _glmnet_path(X, y, path.values, thresh)[1]
            name = f"glmnet, thresh {thresh:g}, gap {_largest_gap(X, y, coefs, path.values):.0e}"
            calls[name] = lambda t=thresh: _glmnet_path(X, y, path.values, t)[0]
        return calls

    contest.__doc__ = f"Lasso paths of 100 strengths down to {eps:g} of the largest."
    return contest


CONTESTS = [
    ridge_leave_one_out,
    ridge_folds,
    dropout_folds,
    lasso_folds,
    lasso_paths(1e-2),
    lasso_paths(1e-3),
]


def race(names=None):
    """Yield a row (a dict) for each call of each contest, with its seconds."""
    for name, make in DATA.items():
        if names and not any(part in name for part in names):
            continue
        try:
            X, y = make()
        except AbsentError:
            continue
        square = _seconds(lambda X=X: X.T @ X if len(X) >= X.shape[1] else X @ X.T, 5)
        for contest in CONTESTS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                calls = contest(X, y)
                seconds = {call: [_seconds(run)] for call, run in calls.items()}
                for _ in range(ROUNDS - 1):
                    for call, run in calls.items():
                        if seconds[call][0] < LONG:
                            seconds[call].append(_seconds(run))
            for call, taken in seconds.items():
                yield {
                    "data": name,
                    "contest": contest.__doc__,
                    "call": call,
                    "seconds": statistics.median(taken),
                    "products": statistics.median(taken) / square,
                }


def page(results, memory):
    """Return the page, with the tables of a run, and that of the memory."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        "# Paths and cross-validation",
        "Made by `python docs/benchmarks/run.py cv` (`pip install -e .[bench]`; R with glmnet takes"
        f" part if it is there). {machine['cpu']}, {machine['cores']} cores, {results['threads']}"
        f" BLAS thread(s), {results['date']}; {versions}. Medians of {ROUNDS} calls in turn, or the"
        f" one call if it took {LONG:g} s; seconds of the processor, not of the clock. The last"
        " column is the time over that of one X'X (of one"
        " XX', with more columns than rows): a figure that needs no clock.",
    ]
    contests = list(dict.fromkeys(row["contest"] for row in results["rows"]))
    for contest in contests:
        rows = [row for row in results["rows"] if row["contest"] == contest]
        parts += [f"## {contest.split(chr(10))[0].rstrip('.')}", _table(rows)]
    parts += [
        "## The memory of cross-validating 2 GB",
        "`python docs/benchmarks/run.py cv --memory`: each in a fresh process.",
        memory,
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows):
    """Return the table of one contest: seconds, over ours, and over one X'X."""
    lines = ["| data | call | seconds | over ours | over X'X |", "|---|---|---|---|---|"]
    ours = {}
    for row in rows:
        first = ours.setdefault(row["data"], row["seconds"])
        lines.append(
            f"| {row['data']} | {row['call']} | {row['seconds']:.3g} | "
            f"{row['seconds'] / first:.3g} | {row['products']:.3g} |"
        )
    return "\n".join(lines)


def _loosest(follow, X, y, values):
    """Return name and call of the first tolerance good enough on all values, or of the last."""
    found = None
    for tol in TOLERANCES:
        try:
            start = time.process_time()
            coefs = follow(tol)
            seconds = time.process_time() - start
        except ImportError:
            return None
        gap = _largest_gap(X, y, coefs, values)
        reached = "" if gap <= GOAL else f", gap {gap:.0e}"
        found = f"{follow.func.__name__[1:]}, tol {tol:g}{reached}", partial(follow, tol)
        if gap <= GOAL or seconds > PATIENCE:
            break
    return found


def _largest_gap(X, y, coefs, values):
    """Return the largest relative gap of coefs (m, p), with the intercepts that suit them."""
    intercepts = y.mean() - coefs @ X.mean(axis=0)
    return max(
        judge.relative_gap(X, y, w, b, lam)
        for w, b, lam in zip(coefs, intercepts, values, strict=True)
    )


def _lasso_path(X, y, values, tol):
    """Return scikit-learn's coefficients (m, p)."""
    return lasso_path(X, y, alphas=values, tol=tol, max_iter=10**6)[1].T


def _celer_path(X, y, values, tol):
    """Return celer's coefficients (m, p)."""
    from celer import celer_path

    return celer_path(X, y, "lasso", alphas=values, tol=tol, max_iter=1000)[1].T


def _seconds(run, times=1):
    """Return the processor's seconds of a call, which may measure itself; the least of several."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        inside = run()
        taken.append(inside if isinstance(inside, float) else time.process_time() - start)
    return min(taken)


def _has_glmnet():
    """Return whether R with glmnet is on this machine."""
    try:
        command = ["Rscript", "--vanilla", "-e", "library(glmnet)"]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _cv_glmnet(X, y, control="fdev=1e-5"):
    """Return the seconds of R's cv.glmnet at its defaults, but for the grid and five folds.

    Unless `control` says otherwise it leaves out the strengths after which little changes.
    """
    program = f"""
        glmnet.control({control})
        time <- system.time(cv.glmnet(X, y, nfolds=5, nlambda=100, lambda.min.ratio=1e-3,
                                      standardize=FALSE))
        out <- time["user.self"] + time["sys.self"]
    """
    return float(_in_r(X, y, program)[0])


def _glmnet_path(X, y, values, thresh):
    """Return the seconds of R's glmnet, and its coefficients (m, p)."""
    program = f"""
        glmnet.control(fdev=0, devmax=1)
        time <- system.time(path <- glmnet(X, y, lambda=c({",".join(map(repr, values.tolist()))}),
                                           standardize=FALSE, thresh={thresh}, maxit=1e8))
        out <- c(time["user.self"] + time["sys.self"], as.matrix(path$beta))
    """
    out = _in_r(X, y, program)
    return float(out[0]), out[1:].reshape(len(values), -1)


def _in_r(X, y, program):
    """Return the numbers that a program in R, which has X, y and glmnet, leaves in `out`."""
    n, p = X.shape
    with tempfile.TemporaryDirectory() as folder:
        np.asarray(X).ravel(order="F").tofile(f"{folder}/X")
        np.asarray(y).tofile(f"{folder}/y")
        script = Path(folder) / "script.R"
        script.write_text(f"""
            library(glmnet)
            get <- function(name, k) readBin(file.path("{folder}", name), "double", k)
            X <- matrix(get("X", {n * p}), {n}, {p}); y <- get("y", {n})
            {program}
            writeBin(unname(as.vector(out)), file.path("{folder}", "out"))
        """)
        subprocess.run(["Rscript", "--vanilla", script], check=True, capture_output=True)
        return np.fromfile(f"{folder}/out")
