"""A file split into cells of text and numbers: its encoding, separator and decimal mark.

What the file does not say is found out where only one answer fits; else an `InputError` asks for
the option that says it. pandas splits the lines.
"""

import bz2
import difflib
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
ENCODINGS = ["utf-8-sig", "utf-16", "cp1252"]  # the second one only fits a file that says so
SEPARATORS = {",": ",", ";": ";", "\t": "\t", "|": "|", " ": r"\s+"}  # as pandas writes them
HEADER = 10**6  # characters, at most, of the line of names
SAMPLE = 1000  # cells with a mark that are looked at in each column
NUMBER = {  # a number and its unit, by the decimal mark; thousands marks stand before three digits
    mark: re.compile(
        rf"^([-+\u2212]?[$€£¥]? ?(?:(?:[1-9]\d{{0,2}}(?:[{other}\s'\u2019]\d{{3}})+|\d+)"
        rf"(?:[{mark}]\d*)?|[{mark}]\d+)(?:[eE][-+]?\d+)?)\s*((?:[%‰°$€£¥]|[^\W\d_])\D*)?$"
    )
    for mark, other in (".,", ",.")
}


class InputError(Exception):
    """The user's input cannot be used; the message is one line that says why."""


def read_text(path: str, encoding: str | None) -> tuple[str, str]:
    """Return the text of the file, decompressed, and its encoding."""
    for guess in [encoding] if encoding else ENCODINGS:
        try:
            opener = OPENERS.get(Path(path).suffix, open)
            with opener(path, "rt", encoding=guess, newline="") as file:
                text = file.read()
            if "\0" not in text:
                return text, guess.removesuffix("-sig")
        except UnicodeError:
            continue
        except (OSError, EOFError, LookupError, lzma.LZMAError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {path}: {reason}") from error
    raise InputError(
        f"{path} is not text, or in another encoding: save it as CSV in UTF-8, or say --encoding"
    )


def split(path: str, text: str, sep: str | None, target: str) -> "tuple[pd.DataFrame, str]":
    """Return the cells (rows, columns), and the separator under which the target is a name."""
    import pandas as pd

    first, _, rest = text.partition("\n")
    if first.startswith("sep="):  # the line by which Excel says its separator
        sep, text = sep or first.rstrip("\r").removeprefix("sep="), rest

    def read(text: str, sep: str, **options: Any) -> pd.DataFrame:
        options |= {"sep": SEPARATORS.get(sep, sep), "skipinitialspace": True}
        return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, **options)

    try:
        headers = {
            guess: read(text[:HEADER], guess, header=None, nrows=1).iloc[0].str.strip().tolist()
            for guess in ([sep] if sep else SEPARATORS)
        }
        widest = max(headers, key=lambda guess: len(headers[guess]))
        sep = next((guess for guess in headers if target in headers[guess]), widest)
        check_name(target, headers[sep], f"{path} has no column")
        cells = read(text, sep, low_memory=False)
    except ValueError as error:
        reason = str(error).split("error: ")[-1]
        raise InputError(f"cannot read {path} as CSV: {reason}") from error
    names = cells.columns.str.strip()
    twice = [target] * (headers[sep].count(target) - 1) + names[names.duplicated()].tolist()
    if twice:
        raise InputError(f"{path} has several columns {twice[0]!r}: rename all but one of them")
    if not isinstance(cells.index, pd.RangeIndex):  # pandas takes cells without a name as labels
        cells = cells.reset_index()
        if (cells.iloc[:, len(names) :] != "").any(axis=None):
            raise InputError(
                f"{path} has {cells.shape[1]} cells in a row but {len(names)} names in the first "
                "line: give every column a name"
            )
    cells = cells.iloc[:, : len(names)].set_axis(names, axis=1)
    return cells.apply(lambda column: column.str.strip()), sep


def check_name(name: str, names: Sequence[str], otherwise: str) -> None:
    """Raise InputError, with the names that are nearest, unless name is one of names."""
    if name not in names:
        folded = {other.casefold(): other for other in names}
        near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded)]
        shown = ", ".join(map(repr, near or names[:8])) + ", ..." * (not near and len(names) > 8)
        raise InputError(f"{otherwise} {name!r}; {'near it' if near else 'there'} are {shown}")


def numbers(cells: "pd.Series", decimal: str) -> "tuple[pd.Series, str]":
    """Return the cells (rows,) as numbers, NaN where one is none, and the unit of most of them.

    A cell in another unit than most is none: 12 among percentages may be 12 % or 1200 %.
    """
    import pandas as pd

    thousands = {".": ",", ",": "."}[decimal]
    marked = cells.str.contains(thousands, regex=False)
    plain = pd.to_numeric(cells.mask(marked), errors="coerce").astype(float)
    if plain.notna().all():
        return plain, ""
    others = pd.Series(cells[plain.isna()].unique(), dtype=object)
    parts = others.str.extract(NUMBER[decimal])
    digits = parts[0].str.replace("\u2212", "-").str.replace(rf"[^-+\deE{decimal}]", "", regex=True)
    values = pd.to_numeric(digits.str.replace(decimal, "."))
    values = plain.fillna(cells.map(dict(zip(others, values, strict=True))))
    units = cells.map(dict(zip(others, parts[1].fillna(""), strict=True))).where(plain.isna(), "")
    unit = units[values.notna()].mode()[:1]
    return values.where(units.isin(unit)), "".join(unit)


def decimal_mark(cells: "pd.DataFrame", sep: str) -> str:
    """Return the decimal mark: the one under which the cells that look like numbers are numbers."""
    seen: dict[str, str] = {}  # a number that is one by this mark only; by "": by either mark
    for name in cells:
        column = cells[name]
        marked = column[column.str.contains(r"\d[.,]|[.,]\d")][:SAMPLE]
        point, comma = (numbers(marked, mark)[0] for mark in ".,")
        if (point.isna() & comma.isna()).mean() < 0.5:  # else dates, addresses and the like
            either = point.notna() & comma.notna() & (point != comma)
            only = {".": comma.isna() & point.notna(), ",": point.isna() & comma.notna()}
            for mark, which in {**only, "": either}.items():
                for cell in marked[which][:1]:
                    seen.setdefault(mark, f"{cell!r} in {name!r}")
    if "." in seen and "," in seen:
        found = f"{seen['.']} has a decimal point, {seen[',']} a decimal comma"
        raise InputError(f"{found}: say --decimal . or --decimal ,")
    if "" in seen and len(seen) == 1 and sep != ",":
        raise InputError(f"{seen['']} has decimals or thousands: say --decimal . or --decimal ,")
    return "," if "," in seen else "."
