"""``python -m skreg``: compare least squares, Ridge, Lasso and the three regularisers on one table.

Rows are printed as soon as they are known. Whatever is wrong with the input is one line on standard
error and exit status 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from .cli import plot
from .cli.compare import (
    InputError,
    Result,
    Table,
    compare,
    count,
    load_builtin,
    load_csv,
    spread,
)

DESCRIPTION = """\
Compare LinearRegression, Ridge, Lasso, L1Regressor, L2Regressor and DropoutRegressor on one table:
on scikit-learn's built-in diabetes data, or on a CSV file of yours."""

EPILOG = """\
examples:
  python -m skreg
  python -m skreg --plot diabetes.png
  python -m skreg houses.csv --target price --plot houses.png

the table:
  The first line of the CSV file names the columns; commas, semicolons or tabs separate them, and
  beside the last two a decimal comma will do. A compressed file (.csv.gz, .csv.xz) is read as it
  is. Columns of numbers or true/false are imputed by their median and standardised. All others
  are text and one-hot encoded: a missing value is a category of its own; categories in fewer than
  1% of the rows, or in fewer than 5 rows, count as one, so that names and ids do not become a
  column per row. An infinite number counts as missing. Left out are rows without a target, columns
  without any value, and columns without a name (they are row numbers as a rule).

the numbers:
  R2, RMSE      mean over 5 outer folds +- their standard deviation; no score has seen its rows
  strength      chosen on 5 inner folds: by GridSearchCV for Ridge and Lasso, by L1RegressorCV,
                L2RegressorCV and DropoutRegressorCV for the others. Shown is the choice from all
                rows (each outer fold makes its own), with a * if it is the weakest or strongest of
                the 11. The last lines say what that choice took, and would take by GridSearchCV
  nonzero, fit  coefficients that are not zero, and the time of one plain fit, from all rows

the strengths:
  L1       0.0001 to 1 times the target's standard deviation; Lasso's alpha is l1_lambda
  L2       0.0001 to 10; Ridge's alpha is the number of rows times l2_lambda
  dropout  the rates q whose q / (1 - q) are the strengths of L2"""

LINE = "{:<16}  {:>16}  {:>20}  {:<21}  {:>9}  {:>7}"
LEGEND = "+-: sd over 5 outer folds; strength: of 11, by 5 inner folds; nonzero, fit: all rows"


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong usage in one line, like every other mistake."""

    def error(self, message: str) -> NoReturn:
        """Raise the message instead of printing the usage before it."""
        raise InputError(f"{message} (see --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of argv and return its exit status."""
    try:
        return _run(argv)
    except InputError as error:
        print("skreg:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader, such as head, has had enough; what is left to flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(argv: Sequence[str] | None) -> int:
    """Parse the arguments, print the comparison and draw it where that is asked for."""
    args = _parser().parse_args(argv)
    if args.plot is not None:
        plot.check_writable(args.plot)
    table = _table(args.csv, args.target)
    results = _print_comparison(table)
    if args.plot is not None:
        plot.save(args.plot, table, results)
        print(f"figure: {args.plot}", flush=True)
    return 0


def _parser() -> _Parser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="python -m skreg",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "csv", nargs="?", help="a CSV file (needs pandas); without one, the diabetes data"
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="the numeric column of the CSV file to predict"
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="also draw the regularisation paths and the scores, e.g. out.png (needs matplotlib)",
    )
    return parser


def _table(csv: str | None, target: str | None) -> Table:
    """Return the table the arguments ask for."""
    if csv is None and target is None:
        return load_builtin()
    if csv is None:
        raise InputError("--target goes with a CSV file: python -m skreg FILE --target COLUMN")
    if target is None:
        raise InputError(f"say which column to predict: python -m skreg {csv} --target COLUMN")
    return load_csv(csv, target)


def _print_comparison(table: Table) -> list[Result]:
    """Print the comparison on the table, line by line, and return it."""
    left_out = "".join(f"; {what} left out" for what in table.left_out)
    size = f"{count(len(table.y), 'row')}, {count(len(table.columns), 'column')}"
    print(f"{table.name}: {size}, target {table.target}{left_out}")
    print(LINE.format("model", "R2", "RMSE", "strength", "nonzero", "fit ms"), flush=True)
    results = []
    for result in compare(table):
        print(_line(result), flush=True)
        results.append(result)
    print(LEGEND)
    for result in results:
        if result.search_seconds is not None:
            print(_search_line(result))
    for result in results:
        if result.unconverged:
            print(f"{result.name}: {count(result.unconverged, 'fit')} stopped before convergence")
    return results


def _line(result: Result) -> str:
    """Return the row of the printed table for one result."""
    strength = "-"
    if result.strength is not None:
        strength = f"{result.parameter}={result.strength:.3g}{'*' if result.at_edge else ''}"
    milliseconds = 1e3 * result.fit_seconds
    return LINE.format(
        result.name,
        spread(result.r2),
        spread(result.rmse),
        strength,
        f"{np.count_nonzero(result.coef)}/{len(result.coef)}",
        f"{milliseconds:.{2 if milliseconds < 10 else 0}f}",
    )


def _search_line(result: Result) -> str:
    """Return how long it took to choose the strength, and how much longer a GridSearchCV took."""
    own, grid = result.search_seconds
    return (
        f"{result.name}CV chose in {1e3 * own:.3g} ms, "
        f"{grid / own:.3g} times as fast as GridSearchCV"
    )


if __name__ == "__main__":
    sys.exit(main())
