"""``python -m skreg``: compare scikit-learn's linear models and the three regularisers on a table.

Whatever is wrong with the input is one line on standard error and exit status 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from .cli import plot
from .cli.cells import InputError
from .cli.compare import Result, compare, load_builtin, spread
from .cli.reading import Table, read_table

DESCRIPTION = """\
Compare scikit-learn's LinearRegression, RidgeCV and LassoCV with L2RegressorCV, DropoutRegressorCV
and L1RegressorCV on one table: on the built-in diabetes data, or on a CSV file of yours."""

EPILOG = """\
examples:
  python -m skreg
  python -m skreg houses.csv --target price --drop id --plot houses.png
  python -m skreg houses.csv --target price --sep ";" --decimal , --encoding cp1252

Separator, decimal mark and encoding are found out unless the file leaves a doubt about them.

the columns, as the command says of each:
  number    also with thousands marks, a currency or a unit; up to 5% of the cells may be something
            else, such as <30, and count as missing; the median takes the place of missing ones
  category  text; a missing cell is a level of its own; a column of 0 and 1 for each level, those in
            fewer than 1% of the rows or 5 rows together in one
  left out  without a name, or the same in all rows, or text that is different in all rows

the comparison:
  R2, RMSE  mean over 5 outer folds +- standard deviation; no score has seen the rows it is of
  strength  the choice from all rows; * the weakest or the strongest that was tried. RidgeCV's alpha
            is the number of rows times l2_lambda, LassoCV's is l1_lambda. LassoCV and
            L1RegressorCV try 100 by 5 folds, the others 33 by leaving out each row in turn
  search    the median time of such a choice, in seconds"""

LINE = "{:<18}  {:>16}  {:>17}  {:<22}  {:>9}  {:>8}"
RIVALS = {"L1RegressorCV": "LassoCV", "L2RegressorCV": "RidgeCV", "DropoutRegressorCV": "RidgeCV"}


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
    args = vars(_parser().parse_args(argv))
    path, target, figure = (args.pop(name) for name in ("csv", "target", "plot"))
    if figure is not None:
        plot.check_writable(figure)
    if path is None and (target or any(args.values())):
        raise InputError("the options go with a CSV file: python -m skreg FILE --target COLUMN")
    if path is not None and target is None:
        raise InputError(f"say which column to predict: python -m skreg {path} --target COLUMN")
    table = load_builtin() if path is None else read_table(path, target, **args)
    results = _print_comparison(table)
    if figure is not None:
        plot.save(figure, table, results)
        print(f"figure: {figure}", flush=True)
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
    parser.add_argument("csv", nargs="?", help="a CSV file (needs pandas); default: diabetes data")
    parser.add_argument("--target", metavar="COLUMN", help="the column of numbers to predict")
    parser.add_argument(
        "--sep",
        metavar="CHARACTER",
        type=_separator,
        help="what is between columns; also tab, space",
    )
    parser.add_argument("--decimal", metavar="MARK", choices=[".", ","], help=". or ,")
    parser.add_argument("--encoding", metavar="NAME", help="such as cp1251 or mac_roman")
    parser.add_argument(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="leave this column out (may be given several times)",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="also draw the regularisation paths and the scores, e.g. out.png (needs matplotlib)",
    )
    return parser


def _print_comparison(table: Table) -> list[Result]:
    """Print how the table was read and the comparison on it, and return that."""
    size = f"{len(table.y)} rows, features: {len(table.columns)}, target: {table.target}"
    print(*table.report, f"{table.name}: {size}", sep="\n", flush=True)
    results = compare(table)
    print(LINE.format("model", "R2", "RMSE", "strength", "nonzero", "search s"))
    for result in results:
        strength = f"{result.parameter}={result.strength:.3g}" if result.parameter else "-"
        nonzero = f"{np.count_nonzero(result.coef)}/{len(result.coef)}"
        row = spread(result.r2), spread(result.rmse), strength + "*" * result.at_edge, nonzero
        print(LINE.format(result.name, *row, f"{result.seconds:.3f}"))
    print("+-: sd over 5 outer folds; strength, nonzero: of all rows; *: end of the grid")
    seconds = {result.name: result.seconds for result in results}
    for ours, theirs in RIVALS.items():
        ratio = seconds[theirs] / seconds[ours]
        print(f"{ours} searched {ratio:.2g} times as fast as {theirs}")
    for result in results:
        if result.unconverged:
            print(f"{result.name}: fits that stopped before convergence: {result.unconverged}")
    return results


def _separator(text: str) -> str:
    """Return the character that --sep names."""
    text = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(text) != 1:
        raise argparse.ArgumentTypeError("it is one character, or tab, or space")
    return text


if __name__ == "__main__":
    sys.exit(main())
