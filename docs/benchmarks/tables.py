"""Ordinary tables: fits, searches and paths beside scikit-learn's, in turns, in one process.

Columns are standardised, as most pipelines do. All estimators run at their defaults, searches on
the same grid and folds: scikit-learn's lassos stop at a tolerance of 1e-4, ours at a duality gap of
1e-10 relative to that of the best constant. The median of the rounds counts, in seconds of the
processor: what others do on the machine does not count.
"""

import time
import warnings
from functools import partial

import numpy as np
from problems import AbsentError, simulated, table
from sklearn.datasets import load_diabetes
from sklearn.linear_model import (
    Lasso,
    LassoCV,
    LassoLarsCV,
    Ridge,
    RidgeCV,
    lars_path,
    lasso_path,
)
from sklearn.model_selection import KFold

from skreg import L1Regressor, L1RegressorCV, L2Regressor, L2RegressorCV, regularization_path

ROUNDS = ((0.005, 31), (0.05, 15), (0.5, 5), (np.inf, 3))  # up to so many seconds, so many rounds
SHARES = (0.3, 0.03)  # of the largest useful strength


def diabetes():
    """Return scikit-learn's diabetes data, standardised."""
    X, y = load_diabetes(return_X_y=True)
    return np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y


TABLES = {
    "diabetes": diabetes,
    "california": partial(table, "california_housing"),
    "king county": partial(table, "king_county_housing"),
    "bike sharing": partial(table, "bike_sharing_hour"),
    "tecator": partial(table, "tecator_meats"),
    "concrete": partial(table, "uci/concrete"),
    "wine": partial(table, "uci/wine_red"),
    "2000 x 60, AR(1) 0.7": partial(simulated, 2000, 60, 0.7),
    "20000 x 200, AR(1) 0.5": partial(simulated, 20000, 200, 0.5),
}
WIDE = {
    "riboflavin, 71 x 4088": partial(table, "riboflavin"),
    "200 x 2000, AR(1) 0.5": partial(simulated, 200, 2000, 0.5),
    "500 x 5000, AR(1) 0.5": partial(simulated, 500, 5000, 0.5),
}


def seconds(calls):
    """Return the median seconds of each call, by its name; they take turns."""
    times = {name: [] for name in calls}
    longest = 0.0
    for call in calls.values():  # once to warm up, and to see how long it takes
        start = time.process_time()
        call()
        longest = max(longest, time.process_time() - start)
    for _ in range(next(rounds for limit, rounds in ROUNDS if longest <= limit)):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def relative_gap(model, y):
    """Return the largest duality gap of a fitted model, relative to the best constant's."""
    return float(model.dual_gap_ / (0.5 * y.var()))


def fits(X, y):
    """Yield a row per fit: its name, ours, the peers, and our gap."""
    top = np.max(np.abs(X.T @ (y - y.mean()))) / len(y)
    for share in SHARES:
        strength = share * top
        calls = {
            "ours": lambda a=strength: L1Regressor(a).fit(X, y),
            "Lasso": lambda a=strength: Lasso(a).fit(X, y),
            "Lasso(precompute=True)": lambda a=strength: Lasso(a, precompute=True).fit(X, y),
        }
        model = L1Regressor(strength).fit(X, y)
        yield f"L1 at {share}", seconds(calls), relative_gap(model, y)
    calls = {
        "ours": lambda: L2Regressor(0.1).fit(X, y),
        "Ridge": lambda: Ridge(0.1 * len(y)).fit(X, y),
    }
    yield "L2", seconds(calls), relative_gap(L2Regressor(0.1).fit(X, y), y)


def searches(X, y):
    """Yield a row per search and path."""
    top = np.max(np.abs(X.T @ (y - y.mean()))) / len(y)
    grid, folds = top * np.geomspace(1, 1e-3, 100), KFold(5)
    calls = {
        "ours": lambda: L1RegressorCV(grid, cv=folds).fit(X, y),
        "LassoCV": lambda: LassoCV(alphas=grid, cv=folds).fit(X, y),
        "LassoLarsCV": lambda: LassoLarsCV(cv=folds).fit(X, y),
    }
    model = L1RegressorCV(grid, cv=folds).fit(X, y)
    yield "L1 search", seconds(calls), relative_gap(model, y)
    calls = {
        "ours": lambda: regularization_path(L1Regressor(), X, y, grid),
        "lasso_path(tol=1e-8)": lambda: lasso_path(X, y - y.mean(), alphas=grid, tol=1e-8),
        "lars_path": lambda: lars_path(X, y - y.mean(), method="lasso", alpha_min=grid[-1]),
    }
    path = regularization_path(L1Regressor(), X, y, grid)
    yield "L1 path", seconds(calls), float(path.dual_gaps.max() / (0.5 * y.var()))
    if X.shape[0] >= X.shape[1]:
        calls = {
            "ours": lambda: L2RegressorCV().fit(X, y),
            "RidgeCV": lambda: RidgeCV(np.geomspace(1e-3, 1e3, 100)).fit(X, y),
        }
        yield "L2 search", seconds(calls), relative_gap(L2RegressorCV().fit(X, y), y)


def measure(wide):
    """Return (table, what, seconds by name, gap) rows, printing each; absent data are skipped."""
    rows = []
    for name, make in (WIDE if wide else TABLES).items():
        try:
            X, y = make()
        except AbsentError as error:
            print(f"{name}: skipped, {error}")
            continue
        for kind in (searches,) if wide else (fits, searches):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of peers that stop short, and of grids' ends
                for what, times, gap in kind(X, y):
                    rows.append((f"{name} ({X.shape[0]} x {X.shape[1]})", what, times, gap))
                    print(_line(*rows[-1]), flush=True)
    return rows


def _line(name, what, times, gap):
    """Return a row of the table in Markdown."""
    ours, *peers = times.values()
    own = " / ".join(f"{peer / ours:.2f}" for peer in peers)
    theirs = ", ".join(f"{k} {1e3 * v:.3g}" for k, v in list(times.items())[1:])
    return f"| {name} | {what} | {1e3 * ours:.3g} | {theirs} | {own} | {gap:.0e} |"


def report(rows, circumstances, wide):
    """Return the page: the rows, and the geometric means of the fastest peer over ours."""
    command = "python docs/benchmarks/run.py tables" + (" --wide" if wide else "")
    lines = [
        "# Wide tables" if wide else "# Ordinary tables",
        "",
        f"Made by `{command}`. {circumstances}",
        "",
        *__doc__.strip().splitlines()[2:],
        "",
        "| table | what | ours, ms | peers, ms | peer over ours | our gap |",
        "|---|---|---|---|---|---|",
        *(_line(*row) for row in rows),
        "",
        "The fastest peer's time over ours, geometric mean and worst:",
        "",
    ]
    for what in dict.fromkeys(row[1] for row in rows):
        ratios = [min(list(t.values())[1:]) / t["ours"] for _, w, t, _ in rows if w == what]
        mean = np.exp(np.mean(np.log(ratios)))
        lines.append(f"- {what}: {mean:.2f}, worst {min(ratios):.2f}, over {len(ratios)} tables")
    return "\n".join(lines) + "\n"
