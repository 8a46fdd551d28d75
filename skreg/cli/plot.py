"""The figure of ``python -m skreg --plot``: three regularisation paths and the scores.

The paths are those of the three regularisers, fitted to all rows. A panel shows effects, that is
coefficients times the standard deviations of their columns, so that scaled numbers and 0/1 columns
can be compared. The same few features have the same colours in all panels.
"""

import io
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ..linear.dropout import DropoutRegressor
from ..linear.l1 import L1Regressor
from ..linear.l2 import L2Regressor
from ..model_selection.path import regularization_path
from ..plotting.display import RegularizationPathDisplay
from ..plotting.drawing import COLORS, GREY, shorten
from .compare import InputError, Result, Table, spread

N_NAMED = 7  # features


def check_writable(path: str) -> None:
    """Raise InputError if a figure could not be saved at path, before any work is done."""
    try:
        Figure().savefig(io.BytesIO(), format=Path(path).suffix[1:])
        is_new = not os.path.lexists(path)
        open(path, "ab").close()
        if is_new:
            os.remove(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot draw {path}: {error}") from error


def save(path: str, table: Table, results: list[Result]) -> None:
    """Draw the regularisers' paths on the table, and the scores of the results, into a file."""
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; a warning for each is no help.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        try:
            draw(table, results).savefig(path)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error}") from error


def draw(table: Table, results: list[Result]) -> Figure:
    """Return the figure of four panels."""
    figure = Figure(figsize=(15, 10), dpi=100, layout="constrained")
    figure.suptitle(f"{table.name}: {len(table.y)} rows, target {table.target}", parse_math=False)
    *axes, last = figure.subplots(2, 2).ravel()
    prepare = clone(table.prepare).fit(table.X)
    X, names = prepare.transform(table.X), prepare.get_feature_names_out(table.columns)
    models = L2Regressor(), DropoutRegressor(), L1Regressor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table says so
        paths = [regularization_path(model, X, table.y, n_values=60) for model in models]
    effects = [path.coefs * X.std(axis=0) for path in paths]
    largest = np.argsort(-sum(np.abs(e).mean(axis=0) for e in effects), kind="stable")[:N_NAMED]
    strengths = {result.parameter: result.strength for result in results}
    for ax, model, path, effect in zip(axes, models, paths, effects, strict=True):
        chosen = {"chosen": strengths[path.parameter]}
        shown = {"feature_names": names, "features": largest, "chosen": chosen, "ax": ax}
        RegularizationPathDisplay.from_path(replace(path, coefs=effect), **shown)
        ax.set_title(type(model).__name__)
        ax.set_ylabel(f"effect of one sd on {shorten(table.target)}", parse_math=False)
    draw_scores(last, results)
    return figure


def draw_scores(ax: Axes, results: list[Result]) -> None:
    """Draw each model's R2: its folds, and their mean with one standard deviation to both sides."""
    for place, result in enumerate(results):
        mean, sd = result.r2.mean(), result.r2.std(ddof=1)
        ax.plot(result.r2, np.full(len(result.r2), place), "o", color=GREY, markersize=5)
        ax.errorbar(mean, place, xerr=sd, fmt="o", color=COLORS[0], ms=9, capsize=5, lw=2)
    ax.set_yticks(range(len(results)), [f"{row.name}\n{spread(row.r2)}" for row in results])
    ax.invert_yaxis()
    # Least squares may fit far worse than the others, and must not squeeze them together.
    lowest = min(result.r2.mean() for result in results if result.parameter)
    left, right = ax.get_xlim()
    ax.set_xlim(max(left, 1.5 * lowest - 0.51), min(right, 1))
    ax.grid(axis="x", linewidth=0.5, zorder=0)
    ax.set(title="R2 out of fold", xlabel="R2 (grey: the folds; blue: mean +- sd)")
