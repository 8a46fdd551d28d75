"""A regression problem made of a CSV file, with one line on how each of its columns was read.

A column of numbers, but for one cell in twenty at most, is a number; a column of texts is a
category; one of both stops with an `InputError`. What is left out or taken as missing is reported.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .cells import InputError, check_name, decimal_mark, numbers, read_text, split

if TYPE_CHECKING:
    import pandas as pd

RARE_SHARE, RARE_COUNT = 0.01, 5  # a level in fewer rows than either joins the other rare ones
ODD_SHARE = 0.05  # at most so many of the filled cells of a number column are something else
N_NOTES = 5  # at most so many rows at the end are notes or totals below the table
MIN_ROWS = 10  # each of 5 test folds needs two rows for its R2
HUGE = 1e100  # a number beyond this has no usable square and counts as missing
MISSING = re.compile(
    r"\?*|[-\u2013\u2014]+|\.+|n/?a|n\.a\.|nan|null|none|<na>|[-+]?inf(inity)?"
    r"|#(n/a|div/0!|value!|ref!|num!|name\?|null!)",  # the errors of a spreadsheet
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Table:
    """One regression problem: X (rows, columns), y (rows,), and the preprocessing X needs."""

    name: str
    target: str
    X: "pd.DataFrame | np.ndarray"
    y: np.ndarray
    columns: list[str]
    prepare: BaseEstimator
    report: list[str] = field(default_factory=list)


def read_table(
    path: str,
    target: str,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    drop: Sequence[str] = (),
) -> Table:
    """Return the CSV file as a table; None lets the file tell its separator, decimal, encoding.

    Raises InputError where the file cannot be read, or could be read in two ways.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError(
            "reading a table needs pandas: install skreg with '.[plot]', or pandas itself"
        ) from error
    text, encoding = read_text(path, encoding)
    cells, sep = split(path, text, sep, target)
    names = [str(name) for name in cells]
    for name in drop:
        check_name(name, [other for other in names if other != target], "--drop: no feature")
    unnamed = [name for name in names if name.startswith("Unnamed: ")]
    used = cells.drop(columns=[*drop, *unnamed])
    decimal = decimal or decimal_mark(used, sep)
    parsed = {name: _parse(used[name], decimal) for name in names if name in used}
    n_rows = _count_data_rows(parsed, target)
    goal = parsed[target][:n_rows]
    _check_target(path, target, goal)
    rows = goal.index[goal.value.notna()]

    read = {name: _read(column.loc[rows]) for name, column in parsed.items()}
    read[target] = (
        "target",
        _range(goal) + _tally(goal.cell[goal.missing], "; rows left out: "),
        None,
    )
    read |= dict.fromkeys(drop, ("left out", "as --drop says", None))
    read |= dict.fromkeys(unnamed, ("left out", "no name, as row numbers have none", None))
    if unclear := [name for name, (kind, *_) in read.items() if kind == "unclear"]:
        raise InputError(
            f"the column {unclear[0]!r} has {read[unclear[0]][1]}: mend the file, or leave it out "
            f"by {' '.join(f'--drop {name!r}' for name in unclear)}"
        )
    X = pd.DataFrame({name: read[name][2] for name in names if read[name][2] is not None})
    if X.shape[1] == 0:
        raise InputError(f"{path} has no feature: no column but {target!r} to learn from")
    by = {"\t": "tabs", " ": "spaces"}.get(sep, repr(sep))
    report = [f"{Path(path).name}: {encoding}, columns between {by}, decimal mark {decimal!r}"]
    width = max(len(_short(name)) for name in names)
    report += [f"  {_short(name):<{width}}  {read[name][0]:<8}  {read[name][1]}" for name in names]
    for row in cells[n_rows:].to_numpy():
        report.append(f"  left out below the table: {_short(' '.join(row))!r}")
    y = goal.value[rows].to_numpy()
    return Table(Path(path).name, target, X, y, X.columns.tolist(), _preparation(X), report)


def _parse(cells: "pd.Series", decimal: str) -> "pd.DataFrame":
    """Return for each cell its text, its number, and whether it is missing or odd: neither."""
    values, unit = numbers(cells, decimal)
    others = cells[values.isna()].unique()
    blank = cells.isin([cell for cell in others if MISSING.fullmatch(cell)])
    column = cells.to_frame("cell").assign(value=values.where(values.abs() < HUGE), unit=unit)
    column["missing"] = column.value.isna() & (blank | values.notna())
    column["odd"] = column.value.isna() & ~column.missing
    return column


def _is_number(column: "pd.DataFrame", odd_share: float = ODD_SHARE) -> bool:
    """Return whether a parsed column holds numbers, and at most that share of odd cells."""
    n_odd, n_numbers = column.odd.sum(), column.value.count()
    return n_numbers > 0 and n_odd <= odd_share * (n_odd + n_numbers)


def _read(column: "pd.DataFrame") -> "tuple[str, str, pd.Series | None]":
    """Return how a parsed column is read, what there is to say about it, and what models see."""
    is_number, odd = _is_number(column), column.cell[column.odd]
    if is_number and column.value.nunique() > 1:
        gaps = column.cell[column.value.isna()]
        return "number", _range(column) + _tally(gaps, "; taken as missing: "), column.value
    levels = column.cell.mask(column.missing, "(missing)").astype(object)
    counts = levels.value_counts()
    rare = counts[counts < _rare_below(len(levels))]
    if _is_number(column, 0.5) and not is_number and 2 * rare.sum() > len(levels):
        return "unclear", f"{column.value.count()} numbers, but also {_tally(odd)}", None
    if is_number or len(rare) == len(counts) or len(counts) == 1:
        return "left out", f"nothing to learn from: {_tally(column.cell)}", None
    note = f"{len(counts)} levels: {', '.join(map(_short, counts.index[:3]))}"
    note += ", ..." * (len(counts) > 3) + f"; {len(rare)} rare ones joined" * (len(rare) > 1)
    return "category", note + _tally(column.cell[column.missing], "; taken as missing: "), levels


def _count_data_rows(parsed: "dict[str, pd.DataFrame]", target: str) -> int:
    """Return how many rows there are above the notes and the total of the target at the end.

    A note puts text into a column that holds numbers otherwise.
    """
    y = parsed[target].value.to_numpy()
    numeric = [column for column in parsed.values() if _is_number(column[:-N_NOTES])]
    n = len(y)
    while n > len(y) - N_NOTES and any(column.odd.iloc[n - 1] for column in numeric):
        n -= 1
    is_total = n > MIN_ROWS and np.isclose(y[n - 1], np.nansum(y[: n - 1]), rtol=1e-9, atol=0)
    return n - int(is_total)


def _check_target(path: str, target: str, column: "pd.DataFrame") -> None:
    """Raise InputError unless the parsed column can be predicted."""
    n_rows = column.value.count()
    if column.odd.any():
        odd = _tally(column.cell[column.odd])
        raise InputError(f"the target {target!r} is not numeric: it holds {odd}")
    if n_rows < MIN_ROWS:
        raise InputError(
            f"{path} has {n_rows} rows with a {target!r}; the comparison needs at least {MIN_ROWS}"
        )
    if column.value.nunique() == 1:
        raise InputError(f"the target {target!r} is constant: there is nothing to explain")


def _range(column: "pd.DataFrame") -> str:
    """Return the least and the largest number of a parsed column, and its unit."""
    low, high = column.value.min(), column.value.max()
    return f"{low:.6g} to {high:.6g} {column.unit.iloc[0]}".rstrip()


def _tally(cells: "pd.Series", title: str = "") -> str:
    """Return the different cells and how many there are of each, under a title; "" if none are."""
    # In the order of the file among equals, which pandas promises from version 3 on.
    counts = cells.groupby(cells, sort=False).size().sort_values(ascending=False, kind="stable")
    shown = [f"{n} {_short(repr(cell)) if cell else 'empty'}" for cell, n in counts[:3].items()]
    more = [f"{counts[3:].sum()} others"] * (len(counts) > 3)
    return title + ", ".join(shown + more) if shown else ""


def _short(text: str) -> str:
    """Return the text on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= 24 else f"{text[:21]}..."


def _rare_below(n_rows: int) -> int:
    """Return in how many of n_rows a level must occur to have a column of its own."""
    return max(RARE_COUNT, math.ceil(RARE_SHARE * n_rows))


def _preparation(X: "pd.DataFrame") -> ColumnTransformer:
    """Return what makes numbers of X: medians for gaps and unit variance, or one column a level."""
    is_number = X.dtypes == np.float64
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=_rare_below(len(X)),
        sparse_output=False,
        feature_name_combiner=lambda column, level: (
            f"{column}={'(rare)' if level == 'infrequent_sklearn' else level}"
        ),
    )
    return ColumnTransformer(
        [
            ("number", make_pipeline(imputer, StandardScaler()), X.columns[is_number]),
            ("category", encoder, X.columns[~is_number]),
        ]
    )
