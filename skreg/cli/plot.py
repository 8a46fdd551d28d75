"""The figure of ``python -m skreg --plot``: three regularisation paths and the scores.

The paths are those of the three regularisers, fitted to all rows. A panel shows effects, that is
coefficients times the standard deviations of their columns, so that scaled numbers and 0/1 columns
can be compared. The same few features have the same colours in all panels.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ..model_selection.path import regularization_path
from ..plotting.display import RegularizationPathDisplay
from .compare import RIDGES, SHARES, InputError, Result, Table, candidates, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_STRENGTHS = 60
N_NAMED = 7  # features


def check_writable(path: str) -> None:
    """Raise InputError if a figure could not be saved at path, before any work is done."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "--plot needs matplotlib: install skreg with '.[plot]', or matplotlib itself"
        ) from error
    known = sorted(Figure().canvas.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise InputError(f"cannot draw {path}: its name must end in one of .{', .'.join(known)}")
    if os.path.isdir(path):
        raise InputError(f"cannot write {path}: it is a folder")
    if not os.access(path if os.path.exists(path) else Path(path).parent, os.W_OK):
        raise InputError(f"cannot write {path}: no such folder, or no permission to write there")


def save(path: str, table: Table, results: list[Result]) -> None:
    """Draw the regularisers' paths on the table, and the scores of the results, into a file."""
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; a warning for each is no help.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        try:
            draw(table, results).savefig(path)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def draw(table: Table, results: list[Result]) -> "Figure":
    """Return the figure of four panels."""
    from matplotlib.figure import Figure

    from ..plotting.drawing import shorten

    figure = Figure(figsize=(15, 10), dpi=100, layout="constrained")
    figure.suptitle(f"{table.name}: {len(table.y)} rows, target {table.target}", parse_math=False)
    *axes, last = figure.subplots(2, 2).ravel()
    prepare = clone(table.prepare).fit(table.X)
    X, sd = prepare.transform(table.X), table.y.std()
    names = prepare.get_feature_names_out(table.columns)
    names = [name.removeprefix("number__").removeprefix("category__") for name in names]
    odds = np.geomspace(RIDGES[0], RIDGES[-1], N_STRENGTHS)
    grids = {
        "l1_lambda": sd * np.geomspace(SHARES[0], SHARES[-1], N_STRENGTHS),
        "l2_lambda": odds,
        "dropout_rate": odds / (1 + odds),
    }
    paths, titles = [], []
    for model in candidates(table.y):
        if model.parameter not in grids:
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            paths.append(regularization_path(model.estimator, X, table.y, grids[model.parameter]))
        titles.append(model.name + (" (some fits did not converge)" if caught else ""))
    effects = [path.coefs * X.std(axis=0) for path in paths]
    size = sum(np.abs(effect).mean(axis=0) for effect in effects)
    largest = np.argsort(-size, kind="stable")[:N_NAMED]
    strengths = {result.parameter: result.strength for result in results}
    for ax, path, effect, title in zip(axes, paths, effects, titles, strict=True):
        strength = strengths[path.parameter]
        ax.set_title(title)
        RegularizationPathDisplay(
            parameter=path.parameter,
            values=path.values,
            coefs=effect,
            feature_names=names,
            chosen={f"chosen: {strength:.3g}": strength},
            knots=path.knots,
        ).plot(ax, features=largest)
        ax.set_ylabel(f"effect of one sd on {shorten(table.target)}", parse_math=False)
    _draw_scores(last, results)
    return figure


def _draw_scores(ax: "Axes", results: list[Result]) -> None:
    """Draw each model's R2: its folds, and their mean with one standard deviation to both sides."""
    from ..plotting.drawing import COLORS, GREY

    for place, result in enumerate(results):
        mean, sd = result.r2.mean(), result.r2.std(ddof=1)
        ax.plot(result.r2, np.full(len(result.r2), place), "o", color=GREY, markersize=5)
        ax.errorbar(mean, place, xerr=sd, fmt="o", color=COLORS[0], ms=9, capsize=5, lw=2)
    labels = [f"{result.name}\n{spread(result.r2)}" for result in results]
    ax.set_yticks(range(len(results)), labels)
    ax.invert_yaxis()
    best = max(result.r2.mean() for result in results)
    # Least squares may fit far worse than the others, and must not squeeze them together.
    ax.set_xlim(left=max(ax.get_xlim()[0], best - 1))
    ax.grid(axis="x", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set(title="R2 out of fold", xlabel="R2 (grey: the folds; blue: mean +- sd)")
