"""A regression problem made of a CSV file, with one line on how each of its columns was read.

pandas splits the file into cells. A column of numbers, but for one cell in twenty at most, is a
number; any other is a category. Whatever is found out, taken as missing or left out is reported.
An `InputError` asks for the decimal mark where the numbers can be read in two ways.
"""

import bz2
import csv
import difflib
import gzip
import io
import lzma
import math
import warnings
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .compare import InputError, Table

OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
ENCODINGS = ["utf-8-sig", "utf-16", "cp1252"]  # the second one only fits a file that says so
SEPARATORS = {",": ",", ";": ";", "tab": "\t", "|": "|", "space": " "}
SAMPLE = 1000  # rows that say what the decimal mark is
NUMBER = (  # with commas or spaces before groups of three digits, and the unit before or after it
    r"^([-+\u2212]?[$€£¥]? ?(?:(?:[1-9]\d{0,2}(?:[,\s'\u2019]\d{3})+|\d+)(?:\.\d*)?|\.\d+)"
    r"(?:[eE][-+]?\d+)?)\s*((?:[%‰°$€£¥]|[^\W\d_])\D*)?$"
)
MISSING = ["", "?", "-", "--", ".", "na", "n/a", "n.a.", "nan", "null", "none", "<na>", "inf"]
MISSING += ["#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"]  # of spreadsheets
HUGE = 1e100  # a number beyond this has no usable square and counts as missing
ODD_SHARE = 0.05  # at most so many of the filled cells of a number column are something else
RARE_SHARE, RARE_COUNT = 0.01, 5  # a level in fewer rows than either joins the other rare ones
MIN_ROWS = 10  # each of 5 test folds needs two rows for its R2


def read_table(
    path: str,
    target: str,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    drop: Sequence[str] = (),
) -> Table:
    """Return the CSV file as a table; None lets the file tell its separator, decimal, encoding."""
    text, encoding = read_text(path, encoding)
    cells, sep = split(path, text, sep, target)
    names = cells.columns.tolist()
    for name in drop:
        check_name(name, [other for other in names if other != target], "--drop: no feature")
    unnamed = [name for name in names if name.startswith("Unnamed: ") and name != target]
    said = dict.fromkeys(unnamed, "left out  no name, as row numbers have none")
    said |= dict.fromkeys(drop, "left out  as --drop says")
    cells = cells.drop(columns=list(said))
    decimal = decimal or decimal_mark(cells, sep)

    kind, note, goal = read_column(cells[target], decimal)
    y = goal.dropna()
    if kind != "number":
        raise InputError(f"the target {target!r} is not a number that varies: {note}")
    said[target] = f"target    {note}" + "; these rows are left out" * (len(y) < len(goal))
    seen = {}
    for name, column in cells.loc[y.index].drop(columns=target).items():
        is_code = any(cell[:1] == "0" and cell[1:].isdigit() for cell in column.unique())
        kind, note, values = read_levels(column) if is_code else read_column(column, decimal)
        if kind == "number" and values.is_unique and (values.dropna() % 1 == 0).all():
            note += "; all different; --drop it if it is an id"
        said[name] = f"{kind:<8}  {note}"
        if kind != "left out":
            seen[name] = values

    width = max(len(_short(name)) for name in names)
    report = [f"{Path(path).name}: {encoding}, separator {sep!r}, decimal mark {decimal!r}"]
    report += [f"  {_short(name):<{width}}  {said[name]}" for name in names]
    if len(y) < MIN_ROWS:
        least = f"at least {MIN_ROWS} needed"
        raise InputError(f"{path} has {len(y)} rows with a {target!r}; {least}", *report)
    if not seen:
        raise InputError(f"{path} has no feature: no column but {target!r} to learn from", *report)
    X = pd.DataFrame(seen)
    return Table(Path(path).name, target, X, y.to_numpy(), list(X), _preparation(X), report)


def read_text(path: str, encoding: str | None) -> tuple[str, str]:
    """Return the text of the file, decompressed, and its encoding."""
    for guess in [encoding] if encoding else ENCODINGS:
        try:
            with OPENERS.get(Path(path).suffix.lower(), open)(path, "rt", encoding=guess) as file:
                text = file.read().removeprefix("\ufeff")  # the byte order mark
        except UnicodeError:
            continue
        except (OSError, EOFError, LookupError, lzma.LZMAError, zlib.error) as error:
            raise InputError(f"cannot read {path}: {error}") from error
        if "\0" not in text:
            is_assumed = not encoding and guess == ENCODINGS[-1]
            return text, guess.removesuffix("-sig") + " (assumed)" * is_assumed
    advice = ", or in another encoding: save it as CSV in UTF-8, or say --encoding"
    raise InputError(f"{path} is not text{f' in the encoding {encoding}' if encoding else advice}")


def split(path: str, text: str, sep: str | None, target: str) -> tuple[pd.DataFrame, str]:
    """Return the cells (rows, columns), and the separator under which the target is a name."""
    if not text.strip():
        raise InputError(f"{path} is empty")
    if text.startswith("sep="):  # the line by which Excel says its separator
        text = text.partition("\n")[2]
    header, headers = text.lstrip("\n").partition("\n")[0], {}
    for guess in [sep] if sep else SEPARATORS:
        reader = csv.reader([header], delimiter=SEPARATORS[guess], skipinitialspace=True)
        names = next(reader, [])
        headers[guess] = [name.strip() for name in names if name]
    widest = max(headers, key=lambda guess: len(headers[guess]))
    sep = next((guess for guess in headers if target in headers[guess]), widest)
    check_name(target, headers[sep], f"{path} has no column")
    if twice := [name for name in headers[sep] if headers[sep].count(name) > 1]:
        raise InputError(f"{path} has several columns {twice[0]!r}: rename all but one of them")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            pattern = r"\s+" if sep == "space" else SEPARATORS[sep]
            # Without an index, and with NaN, separators at the ends of lines do no harm.
            blank = {"na_values": [""], "keep_default_na": False, "skipinitialspace": True}
            cells = pd.read_csv(io.StringIO(text), sep=pattern, index_col=False, dtype=str, **blank)
    except pd.errors.ParserWarning as error:
        raise InputError(f"{path} has more cells in a row than names in its first line") from error
    except ValueError as error:
        raise InputError(f"cannot read {path} as CSV: {error}") from error
    if cells.empty:
        raise InputError(f"{path} has no rows below the names of its columns")
    cells = cells.fillna("").apply(lambda column: column.str.strip())
    return cells.set_axis(cells.columns.str.strip(), axis=1), sep


def check_name(name: str, names: Sequence[str], otherwise: str) -> None:
    """Raise InputError, with the names that are nearest, unless name is one of names."""
    if name not in names:
        near = difflib.get_close_matches(name, names, n=5, cutoff=0.0)
        raise InputError(f"{otherwise} {name!r}; the nearest are {', '.join(map(repr, near))}")


def numbers(cells: pd.Series, decimal: str) -> tuple[pd.Series, str]:
    """Return the cells (rows,) as numbers, NaN where one is none, and what was taken off most.

    A cell in another unit than most is none: 12 among percentages may be 12 % or 1200 %.
    """
    if decimal == ",":
        cells = cells.str.translate(str.maketrans(",.", ".,"))
    plain = pd.to_numeric(cells, errors="coerce").astype(float)
    others = pd.Series(cells[plain.isna()].unique(), dtype=object)
    parts = others.str.extract(NUMBER)
    digits = parts[0].str.replace("\u2212", "-").str.replace(r"[^-+\deE.]", "", regex=True)
    values = plain.fillna(cells.map(dict(zip(others, pd.to_numeric(digits), strict=True))))
    units = cells.map(dict(zip(others, parts[1].fillna(""), strict=True))).where(plain.isna(), "")
    unit = units[values.notna()].mode()[:1]
    taken_off = "".join(f" {text}" for text in unit if text)
    if parts[0].str.contains(r"\d[,\s'\u2019]\d", na=False).any():
        taken_off += "; without thousands marks"
    return values.where(units.isin(unit) & (values.abs() < HUGE)), taken_off


def decimal_mark(cells: pd.DataFrame, sep: str) -> str:
    """Return the decimal mark: the one under which more cells of the first rows are numbers."""
    few = cells[:SAMPLE]
    point, comma = (pd.DataFrame({n: numbers(few[n], mark)[0] for n in few}) for mark in ".,")
    n_point, n_comma = point.count().sum(), comma.count().sum()
    if n_point == n_comma and sep != "," and not point.equals(comma):
        name = next(name for name in few if not point[name].equals(comma[name]))
        cell = few[name][point[name] != comma[name]].iloc[0]
        raise InputError(f"is {cell!r} in {name!r} a fraction? say --decimal . or --decimal ,")
    return "," if n_comma > n_point else "."


def read_column(cells: pd.Series, decimal: str) -> tuple[str, str, pd.Series]:
    """Return how a column (rows,) is read, what there is to say about it, and what models see."""
    values, taken_off = numbers(cells, decimal)
    missing = cells.str.casefold().isin(MISSING)
    n_odd = (values.isna() & ~missing).sum()
    if n_odd <= ODD_SHARE * (n_odd + values.count()) and values.nunique() > 1:
        note = f"{values.min():.6g} to {values.max():.6g}{taken_off}"
        return "number", note + _tally(cells[values.isna()], "; taken as missing: "), values
    return read_levels(cells)


def read_levels(cells: pd.Series) -> tuple[str, str, pd.Series]:
    """Return of a column (rows,) that is no number what `read_column` returns."""
    missing = cells.str.casefold().isin(MISSING)
    levels = cells.mask(missing, "(missing)").astype(object)
    counts = levels.value_counts()
    rare = counts[counts < _rare_below(len(levels))]
    if len(rare) == len(counts) or len(counts) == 1:
        return "left out", f"nothing to learn from: {_tally(cells)}", levels
    note = f"{len(counts)} levels: {', '.join(map(_short, counts.index[:3]))}"
    note += ", ..." * (len(counts) > 3) + f"; {len(rare)} rare ones joined" * (len(rare) > 1)
    return "category", note + _tally(cells[missing], "; taken as missing: "), levels


def _tally(cells: pd.Series, title: str = "") -> str:
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


def _preparation(X: pd.DataFrame) -> ColumnTransformer:
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
    scaled = make_pipeline(imputer, StandardScaler()), X.columns[is_number]
    categories = encoder, X.columns[~is_number]
    # A function, unlike False, lets a column "c=u" stand beside the level u of a column "c".
    names = {"verbose_feature_names_out": lambda _, name: name}
    return make_column_transformer(scaled, categories, **names)
