"""The figure of ``python -m skreg --plot``: three regularisation paths and the scores, in one look.

The paths are those of the three regularisers, fitted to all rows. What is drawn is the effect of a
feature, its coefficient times its standard deviation, so that scaled numbers and 0/1 columns can be
compared; the same few features carry the same colour and name in all three panels. Nothing here
touches pyplot or any other global state.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ..plotting.display import RegularizationPathDisplay
from .compare import (
    SHARES,
    Candidate,
    InputError,
    Result,
    Table,
    candidates,
    count_unconverged,
    spread,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_STRENGTHS = 60
ODDS = np.logspace(-4, 3, N_STRENGTHS)  # L2 strengths, and dropout's q / (1 - q)
N_NAMED = 7  # features


def check_writable(path: str) -> None:
    """Raise InputError where a figure could not be saved at path, before any work is done."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "--plot needs matplotlib: install skreg with '.[plot]', or matplotlib itself"
        ) from error
    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise InputError(
            f"cannot draw {path}: its name must end in one of .{', .'.join(sorted(known))}"
        )
    if os.path.isdir(path):
        raise InputError(f"cannot write {path}: it is a folder")
    if not os.access(path if os.path.exists(path) else Path(path).parent, os.W_OK):
        raise InputError(f"cannot write {path}: no such folder, or no permission to write there")


def save(path: str, table: Table, results: list[Result]) -> None:
    """Draw the regularisers' paths on the table, and the scores of the results, into a file."""
    figure = draw(table, results)
    try:
        with warnings.catch_warnings():
            # A name in a script the font lacks is drawn as boxes; a warning per letter is no help.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            figure.savefig(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def draw(table: Table, results: list[Result]) -> "Figure":
    """Return the figure of four panels."""
    from matplotlib.figure import Figure

    from ..plotting.drawing import shorten

    figure = Figure(figsize=(15, 10), dpi=100, layout="constrained")
    figure.suptitle(f"{table.name}: {len(table.y)} rows, target {table.target}", parse_math=False)
    axes = figure.subplots(2, 2).ravel()
    prepare = clone(table.prepare).fit(table.X)
    X = prepare.transform(table.X)
    names = [
        name.removeprefix("number__").removeprefix("category__")
        for name in prepare.get_feature_names_out(table.columns)
    ]
    strengths = {
        "l1_lambda": _l1_strengths(X, table.y),
        "l2_lambda": ODDS,
        "dropout_rate": ODDS / (1 + ODDS),
    }
    models = [model for model in candidates(table.y) if model.parameter in strengths]
    fits = [_effects(model, strengths[model.parameter], X, table.y) for model in models]
    paths, doubts = zip(*fits, strict=True)
    largest = _largest(paths)
    chosen = {result.parameter: result.strength for result in results}
    for ax, model, path, doubt in zip(axes[:3], models, paths, doubts, strict=True):
        name = model.parameter
        _draw_path(ax, name, strengths[name], path, chosen[name], names, largest)
        ax.set_title(
            model.name + (f" ({doubt} of {len(path)} fits not converged)" if doubt else "")
        )
        ax.set_ylabel(f"effect of one sd on {shorten(table.target)}", parse_math=False)
    _draw_scores(axes[3], results)
    return figure


def _l1_strengths(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the strengths of the L1 path, from the search's weakest to lambda_max."""
    weakest = SHARES[0] * y.std()
    lambda_max = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    return np.geomspace(weakest, max(lambda_max, 10 * weakest), N_STRENGTHS)


def _effects(
    model: Candidate, strengths: np.ndarray, X: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return coefficients times their columns' sd (strengths, features), and the fits to doubt."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        coefs = [model.at(strength).fit(X, y).coef_ for strength in strengths.tolist()]
    return np.array(coefs) * X.std(axis=0), count_unconverged(caught)


def _largest(paths: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features with the largest effects (strengths, features) over all paths."""
    size = sum(np.abs(path).mean(axis=0) for path in paths)
    return np.argsort(-size, kind="stable")[:N_NAMED]


def _draw_path(
    ax: "Axes",
    parameter: str,
    strengths: np.ndarray,
    path: np.ndarray,
    chosen: float,
    names: list[str],
    largest: np.ndarray,
) -> None:
    """Draw a path (strengths, features), the largest features named, the chosen strength marked."""
    RegularizationPathDisplay(
        parameter=parameter,
        values=strengths,
        coefs=path,
        feature_names=names,
        chosen={f"chosen: {chosen:.3g}": chosen},
    ).plot(ax, features=largest)


def _draw_scores(ax: "Axes", results: list[Result]) -> None:
    """Draw each model's R2: its folds, and their mean with one standard deviation to both sides."""
    from ..plotting.drawing import COLORS, REST

    for place, result in enumerate(results):
        mean, sd = result.r2.mean(), result.r2.std(ddof=1)
        ax.plot(result.r2, np.full(len(result.r2), place), "o", color=REST, markersize=5)
        ax.errorbar(
            mean, place, xerr=sd, fmt="o", color=COLORS[0], markersize=9, capsize=5, linewidth=2
        )
    ax.set_yticks(
        range(len(results)), [f"{result.name}\n{spread(result.r2)}" for result in results]
    )
    ax.invert_yaxis()
    best = max(result.r2.mean() for result in results)
    # A least-squares fit that went astray must not squeeze the others together.
    ax.set_xlim(left=max(ax.get_xlim()[0], best - 1))
    ax.grid(axis="x", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set_title("R2 out of fold")
    ax.set_xlabel("R2 (grey: the folds; blue: mean +- sd)")
