"""Six linear models judged alike on one table: the work behind ``python -m skreg``.

Each model is a search, which chooses its strength by cross-validation of the rows it is given. Five
outer folds give the scores, all rows the strength and the coefficients that are shown. The
preparation of the columns learns from the training rows of an outer fold, once for all models.
"""

import math
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, LinearRegression, RidgeCV
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from ..model_selection.dropout_cv import DropoutRegressorCV
from ..model_selection.l1_cv import L1RegressorCV
from ..model_selection.l2_cv import L2RegressorCV

FOLDS = KFold(5, shuffle=True, random_state=0)  # the outer ones, and those of the L1 searches
RIDGES = np.logspace(-6, 2, 33)  # L2 strengths, and q / (1 - q) of the dropout rates q
CHOICES = {  # the parameter that a search chooses, and its attribute with the grid
    "RidgeCV": ("alpha", "alphas"),
    "L2RegressorCV": ("l2_lambda", "lambdas_"),
    "DropoutRegressorCV": ("dropout_rate", "dropout_rates_"),
    "LassoCV": ("alpha", "alphas_"),
    "L1RegressorCV": ("l1_lambda", "lambdas_"),
}


class InputError(Exception):
    """The user's input cannot be used: one line that says why, and lines to print before it."""


@dataclass(frozen=True)
class Table:
    """One regression problem: X (rows, columns), y (rows,), and the preprocessing X needs."""

    name: str
    target: str
    X: Any  # an array or a DataFrame of pandas
    y: np.ndarray
    columns: list[str]
    prepare: BaseEstimator
    report: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """A row of the comparison: r2 and rmse (folds,), and what the search of all rows has found."""

    name: str
    r2: np.ndarray
    rmse: np.ndarray
    seconds: float  # the median of the searches, those of the folds and that of all rows
    unconverged: int
    coef: np.ndarray
    parameter: str = ""
    strength: float = math.nan
    at_edge: bool = False


def load_builtin() -> Table:
    """Return scikit-learn's built-in diabetes data: 442 rows, 10 numeric columns."""
    X, y, names = (load_diabetes()[key] for key in ("data", "target", "feature_names"))
    return Table("diabetes", "progression", X, y, list(names), StandardScaler())


def searches(n_rows: int) -> list[BaseEstimator]:
    """Return the six models for a table of n_rows.

    Ridge's `alpha` is the number of rows times `l2_lambda`. The two L1 searches make the same grid
    of 100 values, from the least that leaves no coefficient down to a thousandth of it.
    """
    ridge, dropout = L2RegressorCV(RIDGES), DropoutRegressorCV(RIDGES / (1 + RIDGES))
    lassos = LassoCV(cv=FOLDS), L1RegressorCV(cv=FOLDS)
    return [LinearRegression(), RidgeCV(n_rows * RIDGES), ridge, dropout, *lassos]


def compare(table: Table) -> list[Result]:
    """Return the results of all models on the table."""
    every = np.arange(len(table.y))
    runs: dict[str, list[tuple]] = {}
    for train, test in [*FOLDS.split(every), (every, every)]:
        prepare, y, y_test = clone(table.prepare), table.y[train], table.y[test]
        X = prepare.fit_transform(table.X.take(train, axis=0))
        X_test = prepare.transform(table.X.take(test, axis=0))
        for search in searches(len(y)):
            seconds, unconverged = _timed_fit(search, X, y)
            guess = search.predict(X_test)
            scores = r2_score(y_test, guess), root_mean_squared_error(y_test, guess)
            run = *scores, seconds, unconverged, search
            runs.setdefault(type(search).__name__, []).append(run)
    return [_result(name, runs_of_one) for name, runs_of_one in runs.items()]


def _result(name: str, runs: list[tuple]) -> Result:
    """Return the row of a model; the last run is that of all rows, the others have scores."""
    r2, rmse, seconds, unconverged, searches = zip(*runs, strict=True)
    scores = np.array(r2[:-1]), np.array(rmse[:-1])
    found = *scores, float(np.median(seconds)), sum(unconverged), searches[-1].coef_
    if name not in CHOICES:
        return Result(name, *found)
    parameter, grid = CHOICES[name]
    strength, tried = getattr(searches[-1], f"{parameter}_"), getattr(searches[-1], grid)
    return Result(name, *found, parameter, strength, strength in (min(tried), max(tried)))


def _timed_fit(search: BaseEstimator, X: np.ndarray, y: np.ndarray) -> tuple[float, int]:
    """Fit the search to X (rows, features); return the time, and how many fits did not converge."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The chosen", UserWarning)  # the star says so
        start = time.perf_counter()
        search.fit(X, y)
        seconds = time.perf_counter() - start
    others = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
    for other in others:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return seconds, len(caught) - len(others)


def spread(values: np.ndarray) -> str:
    """Return mean and standard deviation of values (folds,) as text, as many decimals in both."""
    mean, sd = values.mean(), values.std(ddof=1)
    largest = max(abs(mean), sd)
    if not 1e-3 <= largest < 1e8:
        return f"{mean:.3g} +- {sd:.1g}"
    decimals = max(0, 3 - math.floor(math.log10(largest)))
    return f"{mean:.{decimals}f} +- {sd:.{decimals}f}"
