"""Six linear regressors judged alike on one table: the work behind ``python -m skreg``.

Every candidate passes the same nested cross-validation. Five outer folds give the scores; on the
training rows of each, five inner folds choose the strength, so that no score has seen the rows it
is measured on: by a GridSearchCV, or by the regressor's own cross-validating estimator, which is
timed beside one. Every candidate also gets the same strengths, on the scale of the
objective: an L1 strength is a share of the target's standard deviation (on columns of standard
deviation 1 or less, no greater one leaves a nonzero coefficient), an L2 strength times the number
of rows is Ridge's ``alpha``, and a dropout rate q is the one whose q / (1 - q) is the L2 strength.

The search stands inside the pipeline, behind the preprocessing: imputation, scaling and encoding
learn from the training rows of an outer fold, once, and not again for every strength.
"""

import difflib
import lzma
import math
import statistics
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..linear.dropout import DropoutRegressor
from ..linear.l1 import L1Regressor
from ..linear.l2 import L2Regressor
from ..model_selection.cv import BaseCV
from ..model_selection.dropout_cv import DropoutRegressorCV
from ..model_selection.l1_cv import L1RegressorCV
from ..model_selection.l2_cv import L2RegressorCV

FOLDS = 5
MIN_ROWS = 2 * FOLDS  # every outer test fold needs two rows for its R2
RIDGES = np.logspace(-4, 1, 11)  # L2 strengths, and the odds of the dropout rates
SHARES = np.logspace(-4, 0, 11)  # L1 strengths, over the standard deviation of the target
RARE_SHARE, RARE_COUNT = 0.01, 5  # a category rarer than either joins the column's other rare ones
HUGE = 1e100  # a number beyond this has no usable square and counts as missing
UNREADABLE = (
    ValueError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
)  # what pandas raises on a file that is no CSV


class InputError(Exception):
    """The user's input cannot be used; the message is one line that says why."""


@dataclass(frozen=True)
class Table:
    """One regression problem: X (rows, columns), y (rows,), and the preprocessing X needs."""

    name: str
    target: str
    X: Any
    y: np.ndarray
    columns: list[str]
    prepare: BaseEstimator
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """One estimator and the strengths it may choose from, weakest first; none, no parameter.

    `own_cv` is its cross-validating estimator, with the grid still to be given, if it has one.
    """

    name: str
    estimator: BaseEstimator
    parameter: str | None = None
    strengths: list[float] = field(default_factory=list)
    own_cv: type[BaseCV] | None = None

    def at(self, strength: float | None) -> BaseEstimator:
        """Return the unfitted estimator at one strength."""
        return (
            clone(self.estimator)
            if strength is None
            else clone(self.estimator).set_params(**{self.parameter: strength})
        )


@dataclass(frozen=True)
class Result:
    """One row of the comparison: scores (folds,), and the coef (features,) from all rows.

    `search_seconds` are those that the own cross-validation took on all rows, and a GridSearchCV.
    """

    name: str
    r2: np.ndarray
    rmse: np.ndarray
    parameter: str | None
    strength: float | None
    at_edge: bool
    coef: np.ndarray
    fit_seconds: float
    unconverged: int
    search_seconds: tuple[float, float] | None = None


# The tables


def load_builtin() -> Table:
    """Return scikit-learn's built-in diabetes data: 442 rows, 10 numeric columns."""
    data = load_diabetes()
    return Table(
        "diabetes",
        "progression",
        data.data,
        data.target,
        list(data.feature_names),
        StandardScaler(),
    )


def load_csv(path: str, target: str) -> Table:
    """Return the CSV file at path as a table, without what holds nothing to learn from."""
    frame = _read_csv(Path(path))
    if target not in frame.columns:
        raise InputError(f"{path} has no column {target!r}; {_hint(target, list(frame.columns))}")
    y = _target_values(frame[target])
    known = ~np.isnan(y)
    X = frame.loc[known].drop(columns=target).reset_index(drop=True).apply(_as_numbers_or_text)
    unnamed = [name for name in X.columns if name.startswith("Unnamed: ")]
    empty = [name for name in X.columns if X[name].isna().all() and name not in unnamed]
    X, y = X.drop(columns=unnamed + empty), y[known]
    _check_usable(path, target, y, X.shape[1])
    left_out = [
        count(int((~known).sum()), "row") + " without a target",
        count(len(unnamed), "unnamed column"),
        count(len(empty), "empty column"),
    ]
    left_out = [what for what in left_out if not what.startswith("0 ")]
    return Table(Path(path).name, target, X, y, list(X.columns), _preprocessing(X), left_out)


def _read_csv(path: Path) -> Any:
    """Return the file as a DataFrame, separated by commas, or else by semicolons or tabs."""
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError(
            "reading a table needs pandas: install skreg with '.[plot]', or pandas itself"
        ) from error
    try:
        header = list(pd.read_csv(path, nrows=0)) if path.is_file() else []  # a pipe is read once
        separator = next((s for s in ";\t" if len(header) == 1 and s in header[0]), ",")
        # Other commas may be decimal marks: whichever reading makes more of the columns numbers.
        marks = "." if separator == "," else ".,"
        frames = [pd.read_csv(path, low_memory=False, sep=separator, decimal=m) for m in marks]
        return max(frames, key=lambda frame: frame.select_dtypes("number").shape[1])
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise InputError(f"cannot read {path} as CSV: {error}") from error


def _hint(name: str, columns: list[str]) -> str:
    """Return the columns whose names are nearest to name, or the first of all columns."""
    folded = {column.casefold(): column for column in columns}
    near = difflib.get_close_matches(name.casefold(), folded, n=3)
    if near:
        return "did you mean " + " or ".join(repr(folded[key]) for key in near) + "?"
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    return "its columns are " + ", ".join(map(repr, columns[:8])) + more


def _target_values(column: Any) -> np.ndarray:
    """Return the target as floats of shape (rows,), NaN where it is missing."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[column.notna() & numbers.isna()]
    if len(wrong):
        raise InputError(f"the target {column.name!r} is not numeric: it holds {wrong.iloc[0]!r}")
    return _finite(numbers).to_numpy()


def _as_numbers_or_text(column: Any) -> Any:
    """Return the column as float64, or as strings if any value is no number; NaN where missing."""
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(column.dtype):
        return _finite(column)
    return column.astype(object).map(str, na_action="ignore").where(column.notna(), np.nan)


def _finite(column: Any) -> Any:
    """Return a numeric column as float64, with NaN for what is infinite or too large to square."""
    column = column.astype(np.float64)
    return column.where(column.abs() < HUGE)


def _check_usable(path: str, target: str, y: np.ndarray, n_columns: int) -> None:
    """Raise InputError unless the rows that have a target, y (rows,), make a regression."""
    if len(y) == 0:
        raise InputError(f"{path} has no usable row: none has a value in {target!r}")
    if n_columns == 0:
        raise InputError(f"{path} has no feature: no column but {target!r} holds a value")
    if len(y) < MIN_ROWS:
        raise InputError(
            f"{path} has {count(len(y), 'usable row')}; {FOLDS} folds need at least {MIN_ROWS}"
        )
    if np.ptp(y) == 0:
        raise InputError(f"the target {target!r} is constant: there is nothing to explain")


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it is one."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _preprocessing(X: Any) -> ColumnTransformer:
    """Return the preprocessing of the DataFrame X: numbers imputed and scaled, text encoded.

    A missing category is a category of its own: that something is missing often says something.
    """
    is_number = X.dtypes == np.float64
    numbers, texts = X.columns[is_number].tolist(), X.columns[~is_number].tolist()
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=max(RARE_COUNT, math.ceil(RARE_SHARE * len(X))),
        sparse_output=False,
        feature_name_combiner=_category_name,
    )
    number = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    category = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)", keep_empty_features=True),
        one_hot,
    )
    return ColumnTransformer(
        [("number", number, numbers), ("category", category, texts)], sparse_threshold=0
    )


def _category_name(column: str, category: str) -> str:
    """Return the name of the 0/1 column of one category."""
    return f"{column}={'(rare)' if category == 'infrequent_sklearn' else category}"


# The comparison


def candidates(y: np.ndarray) -> list[Candidate]:
    """Return the six models with their strengths, on one scale, for a target of shape (rows,)."""
    alphas, l1 = (len(y) * RIDGES).tolist(), (y.std() * SHARES).tolist()
    return [
        Candidate("LinearRegression", LinearRegression()),
        Candidate("Ridge", Ridge(), "alpha", alphas),
        Candidate("Lasso", Lasso(), "alpha", l1),
        Candidate("L1Regressor", L1Regressor(), "l1_lambda", l1, L1RegressorCV),
        Candidate("L2Regressor", L2Regressor(), "l2_lambda", RIDGES.tolist(), L2RegressorCV),
        Candidate(
            "DropoutRegressor",
            DropoutRegressor(),
            "dropout_rate",
            (RIDGES / (1 + RIDGES)).tolist(),
            DropoutRegressorCV,
        ),
    ]


def compare(table: Table) -> Iterator[Result]:
    """Yield the result of each candidate on the table, as soon as it is known."""
    for candidate in candidates(table.y):
        yield judge(table, candidate)


def judge(table: Table, candidate: Candidate) -> Result:
    """Return the candidate's scores in nested cross-validation, and its fit of all rows."""
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    search = _own_search(candidate, folds) or _grid_search(candidate, folds)
    model = Pipeline([("prepare", clone(table.prepare)), ("model", search)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.filterwarnings(
            "ignore", "The chosen", UserWarning
        )  # the star in the table says so
        scores = cross_validate(
            model,
            table.X,
            table.y,
            cv=folds,
            scoring={"r2": "r2", "rmse": "neg_root_mean_squared_error"},
            error_score="raise",
        )
        model.fit(table.X, table.y)
        X = model[:-1].transform(table.X)
        strength = _chosen(model[-1], candidate)
        seconds, fitted = _timed_fit(candidate.at(strength), X, table.y)
        searches = None
        if candidate.own_cv is not None:
            grid = _grid_search(candidate, folds)
            searches = tuple(_timed_fit(each, X, table.y)[0] for each in (clone(search), grid))
    return Result(
        candidate.name,
        scores["test_r2"],
        -scores["test_rmse"],
        candidate.parameter,
        strength,
        strength in candidate.strengths[:1] + candidate.strengths[-1:],
        np.ravel(fitted.coef_),
        seconds,
        count_unconverged(caught),
        searches,
    )


def _own_search(candidate: Candidate, folds: KFold) -> BaseEstimator | None:
    """Return the candidate's own cross-validating estimator, unfitted, if it has one."""
    if candidate.own_cv is None:
        return None
    return candidate.own_cv(candidate.strengths, cv=folds)


def _grid_search(candidate: Candidate, folds: KFold) -> BaseEstimator:
    """Return the unfitted estimator that chooses its strength as any other would."""
    if candidate.parameter is None:
        return clone(candidate.estimator)
    grid = {candidate.parameter: candidate.strengths}
    return GridSearchCV(
        candidate.estimator, grid, cv=folds, scoring="neg_mean_squared_error", error_score="raise"
    )


def _chosen(search: BaseEstimator, candidate: Candidate) -> float | None:
    """Return the strength that a fitted search has chosen."""
    if candidate.parameter is None:
        return None
    if candidate.own_cv is None:
        return search.best_params_[candidate.parameter]
    return float(getattr(search, f"{candidate.parameter}_"))


def _timed_fit(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray
) -> tuple[float, BaseEstimator]:
    """Return the median time of five fits (fewer where they take a second) and the fitted one."""
    seconds = []
    while not seconds or (len(seconds) < 5 and sum(seconds) < 1):
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), estimator


def count_unconverged(caught: list[warnings.WarningMessage]) -> int:
    """Return how many caught warnings say that a fit did not converge; pass on the others."""
    others = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
    for other in others:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return len(caught) - len(others)


def spread(values: np.ndarray) -> str:
    """Return mean and standard deviation of values (folds,) as text, as many decimals in both."""
    mean, sd = values.mean(), values.std(ddof=1)
    largest = max(abs(mean), sd)
    if not 1e-3 <= largest < 1e8:
        return f"{mean:.3g} +- {sd:.1g}"
    decimals = max(0, 3 - math.floor(math.log10(largest)))
    return f"{mean:.{decimals}f} +- {sd:.{decimals}f}"
