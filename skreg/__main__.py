"""Compare six linear models of scikit-learn and skreg on a table: diabetes data, or a CSV file.

For example:
  python -m skreg
  python -m skreg houses.csv --target price --drop id --plot houses.png
  python -m skreg houses.csv --target price --sep ";" --decimal , --encoding cp1252

R2 and RMSE: mean over 5 outer folds +- standard deviation; no score has seen the rows it is of.
strength: the choice from all rows; * the weakest or the strongest that was tried. RidgeCV's alpha
is the number of rows times l2_lambda, LassoCV's is l1_lambda. search: the time of such a choice.
The documentation says how the columns of a file are read, on the page "The command".
"""

import argparse
import os
import sys
from collections.abc import Sequence

import numpy as np

from .cli.compare import InputError, Result, Table, compare, load_builtin, spread

SEPARATORS = [",", ";", "|", "tab", "space"]
SPELLINGS = {"\t": "tab", r"\t": "tab", " ": "space"}
LINE = "{:<18} {:>19} {:>20} {:<22} {:>8} {:>8}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments of argv and return its exit status."""
    args = _parser().parse_args(argv)
    try:
        _run(args)
    except (InputError, ImportError) as error:
        message, *report = error.args
        print("".join(f"{line}\n" for line in report), end="")
        hint = "" if isinstance(error, InputError) else ": install skreg with '.[plot]'"
        print("skreg:", " ".join(f"{message}{hint}".split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # A reader such as head has had enough; what is left to flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _run(args: argparse.Namespace) -> None:
    """Read the table, print the comparison on it, and draw it where that is asked for."""
    options = args.sep, args.decimal, args.encoding, args.drop
    if args.csv is None and (args.target or any(options)):
        raise InputError("the options go with a CSV file: python -m skreg FILE --target COLUMN")
    if args.csv is None:
        table = load_builtin()
    elif args.target is None:
        raise InputError(f"say which column to predict: python -m skreg {args.csv} --target COLUMN")
    else:
        from .cli.reading import read_table  # which needs pandas

        table = read_table(args.csv, args.target, *options)
    if args.plot is not None:
        from .cli import plot  # which needs matplotlib

        plot.check_writable(args.plot)
    results = _print_comparison(table)
    if args.plot is not None:
        plot.save(args.plot, table, results)
        print(f"figure: {args.plot}", flush=True)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m skreg", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("csv", nargs="?", help="a CSV file (needs pandas); default: the diabetes data")
    add("--target", metavar="COLUMN", help="the column of numbers to predict")
    sep = add(
        "--sep", choices=SEPARATORS, metavar="MARK", help="between columns: , ; | tab or space"
    )
    sep.type = lambda text: SPELLINGS.get(text, text)
    add("--decimal", choices=[".", ","], metavar="MARK", help="the decimal mark: . or ,")
    add("--encoding", metavar="NAME", help="such as cp1251 or mac_roman")
    add("--drop", metavar="COLUMN", action="append", default=[], help="leave it out (repeatable)")
    add("--plot", metavar="FILE", help="draw paths and scores, e.g. out.png (needs matplotlib)")
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
    for result in results:
        if result.unconverged:
            print(f"{result.name}: fits that stopped before convergence: {result.unconverged}")
    return results


if __name__ == "__main__":
    sys.exit(main())
