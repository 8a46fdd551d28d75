"""Six linear models judged alike on one table: the work behind ``python -m skreg``.

Each model is a search: an estimator that chooses its strength by cross-validation of the rows it is
given. Five outer folds give the scores, so that none has seen the rows it is measured on, and all
rows together the strength and the coefficients that are shown. The preparation (imputing, scaling,
one column per level) learns from the training rows of an outer fold, once for all models.
"""

import math
import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, LinearRegression, RidgeCV
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from ..linear.dropout import DropoutRegressor
from ..linear.l1 import L1Regressor
from ..linear.l2 import L2Regressor
from ..model_selection.dropout_cv import DropoutRegressorCV
from ..model_selection.l1_cv import L1RegressorCV
from ..model_selection.l2_cv import L2RegressorCV
from .cells import InputError as InputError
from .reading import Table

FOLDS = KFold(5, shuffle=True, random_state=0)  # the outer ones, and those of the L1 searches
RIDGES = np.logspace(-6, 2, 33)  # L2 strengths, and q / (1 - q) of the dropout rates q
SHARES = np.logspace(-4, 0, 11)  # L1 strengths, over the standard deviation of the target


@dataclass(frozen=True)
class Candidate:
    """A search, the parameter it chooses, its attribute with the grid, and the model it fits."""

    search: BaseEstimator
    parameter: str = ""
    grid: str = ""
    estimator: BaseEstimator | None = None

    @property
    def name(self) -> str:
        """The name in the table."""
        return type(self.search).__name__


@dataclass(frozen=True)
class Result:
    """A row of the comparison: r2 and rmse (folds,), and what the search of all rows has found.

    `seconds` is the median time of the searches, those of the folds and that of all rows.
    """

    name: str
    r2: np.ndarray
    rmse: np.ndarray
    parameter: str
    strength: float
    at_edge: bool
    coef: np.ndarray
    seconds: float
    unconverged: int


def load_builtin() -> Table:
    """Return scikit-learn's built-in diabetes data: 442 rows, 10 numeric columns."""
    X, y, names = (load_diabetes()[key] for key in ("data", "target", "feature_names"))
    return Table("diabetes", "progression", X, y, list(names), StandardScaler())


def candidates(y: np.ndarray) -> list[Candidate]:
    """Return the six models for a target of shape (rows,).

    Ridge's `alpha` is the number of rows times `l2_lambda`. The two L1 searches make the same grid
    of 100 values, from the least that leaves no coefficient down to a thousandth of it.
    """
    alphas, rates = len(y) * RIDGES, RIDGES / (1 + RIDGES)
    ridge, dropout = L2RegressorCV(RIDGES), DropoutRegressorCV(rates)
    return [
        Candidate(LinearRegression()),
        Candidate(RidgeCV(alphas), "alpha", "alphas"),
        Candidate(ridge, "l2_lambda", "lambdas_", L2Regressor()),
        Candidate(dropout, "dropout_rate", "dropout_rates_", DropoutRegressor()),
        Candidate(LassoCV(cv=FOLDS), "alpha", "alphas_"),
        Candidate(L1RegressorCV(cv=FOLDS), "l1_lambda", "lambdas_", L1Regressor()),
    ]


def compare(table: Table) -> list[Result]:
    """Return the results of all candidates on the table."""
    every = np.arange(len(table.y))
    runs: dict[str, list[tuple]] = {candidate.name: [] for candidate in candidates(table.y)}
    for train, test in [*FOLDS.split(every), (every, every)]:
        prepare, y, y_test = clone(table.prepare), table.y[train], table.y[test]
        X = prepare.fit_transform(table.X.take(train, axis=0))
        X_test = prepare.transform(table.X.take(test, axis=0))
        for candidate in candidates(y):
            search, seconds, unconverged = _timed_fit(candidate.search, X, y)
            guess = search.predict(X_test)
            scores = r2_score(y_test, guess), root_mean_squared_error(y_test, guess)
            runs[candidate.name].append((*scores, seconds, unconverged, search))
    return [_result(candidate, runs[candidate.name]) for candidate in candidates(table.y)]


def _timed_fit(
    search: BaseEstimator, X: np.ndarray, y: np.ndarray
) -> tuple[BaseEstimator, float, int]:
    """Return the search fitted to X (rows, features), its time, and its fits not converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The chosen", UserWarning)  # the star says so
        start = time.perf_counter()
        search.fit(X, y)
        seconds = time.perf_counter() - start
    others = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
    for other in others:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return search, seconds, len(caught) - len(others)


def _result(candidate: Candidate, runs: list[tuple]) -> Result:
    """Return the row of a candidate; the last run is that of all rows, the others have scores."""
    r2, rmse, seconds, unconverged, searches = zip(*runs, strict=True)
    last, strength, grid = searches[-1], math.nan, []
    if candidate.parameter:
        strength = float(getattr(last, candidate.parameter + "_"))
        grid = getattr(last, candidate.grid)
    return Result(
        candidate.name,
        np.array(r2[:-1]),
        np.array(rmse[:-1]),
        candidate.parameter,
        strength,
        len(grid) > 0 and strength in (min(grid), max(grid)),
        last.coef_,
        float(np.median(seconds)),
        sum(unconverged),
    )


def spread(values: np.ndarray) -> str:
    """Return mean and standard deviation of values (folds,) as text, as many decimals in both."""
    mean, sd = values.mean(), values.std(ddof=1)
    largest = max(abs(mean), sd)
    if not 1e-3 <= largest < 1e8:
        return f"{mean:.3g} +- {sd:.1g}"
    decimals = max(0, 3 - math.floor(math.log10(largest)))
    return f"{mean:.{decimals}f} +- {sd:.{decimals}f}"
