"""What the displays draw: an axis of strengths, marks at chosen ones, names at line ends.

Scales, ticks and number formats are matplotlib's. The most regularised strength is at the left, so
that lines grow out of the null model and end at the right, beside their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle

import numpy as np
from cycler import cycler
from numpy.typing import NDArray

try:
    from matplotlib import pyplot, ticker
except ImportError as error:
    raise ImportError(
        "The displays require matplotlib. You can install matplotlib with `pip install matplotlib`"
    ) from error
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")  # one after the other, as the colours are used up
GREY, DARK_GREY = "#BBBBBB", "#444444"
DARKER = 0.65  # factor on a name's colour, for the contrast of 4.5:1 that WCAG asks of text
LINE = 1.35 * FontProperties(size="small").get_size_in_points()  # points, height of a line of text
LEADER, PAD = 14.0, 3.0  # points from a line to its name, and around the name of a mark
NAME_LENGTH, NAMES_MOST = 20, 0.4  # characters; share of the width of the axes


def strength_axes(
    ax: Axes | None, parameter: str, values: NDArray, chosen: Mapping[str, float] | None
) -> Axes:
    """Return `ax`, or new axes, with an x axis for values (m,) and chosen ones of a parameter."""
    if ax is None:
        ax = pyplot.subplots(layout="constrained")[1]
    values = np.append(values, list((chosen or {}).values()))
    low, high = values.min(), values.max()
    least = values[values > 0].min(initial=high)
    scale = "logit" if parameter == "dropout_rate" else "log"
    if low > 0:
        ax.set_xscale(scale)
    elif scale == "log" and high > 0:  # 0 has no logarithm
        ax.set_xscale("symlog", linthresh=least, linscale=0.5)
        decade = 10 ** np.ceil(np.log10(least))  # the first tick after 0
        ax.xaxis.set_major_locator(ticker.SymmetricalLogLocator(base=10, linthresh=decade))
    if ax.get_xscale() == "log" and high < 100 * low:
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(partial(_label, low=low, high=high)))
    ax.xaxis.set_minor_locator(ticker.NullLocator())
    ax.update_datalim([(low, 0), (high, 0)], updatey=False)
    ax.margins(x=0.02)
    ax.xaxis.set_inverted(True)
    ax.set_xlabel(f"{parameter}, strong to weak")
    return ax


def _label(value: float, position: int, low: float, high: float) -> str:
    """Return the label of a tick, none beyond the path, where the names are."""
    return f"{value:g}" if low * (1 - 1e-9) <= value <= high * (1 + 1e-9) else ""


def draw_counts(ax: Axes, values: NDArray, counts: NDArray) -> Axes | None:
    """Write numbers of nonzero coefficients (m,) above their values (m,), if they differ."""
    if np.ptp(counts) == 0:
        return None
    top = ax.secondary_xaxis(
        "top", functions=(np.positive, np.positive)
    )  # its lambdas have no pickle
    scale = ax.xaxis.get_transform()
    top.set_xscale("function", functions=(scale.transform, scale.inverted().transform))
    x = ax.get_xaxis_transform().transform(np.column_stack([values, 0 * values]))[:, 0]
    gap = 2.5 * LINE * ax.figure.dpi / 72  # pixels, for numbers of up to four digits
    shown = [len(x) - 1]
    for place in reversed(range(len(x))):
        if x[shown[-1]] - x[place] >= gap:
            shown.append(place)
    top.set_xticks(values[shown], counts[shown].tolist(), fontsize="small")
    top.set_xlabel("Number of nonzero coefficients", fontsize="small")
    return top


def lines_that_fit(ax: Axes) -> int:
    """Return how many lines of text fit into `ax`, after laying out its figure."""
    ax.figure.canvas.figure.draw_without_rendering()
    return max(int((ax.bbox.height * 72 / ax.figure.dpi - 2 * PAD) / LINE), 1)


def draw_paths(
    ax: Axes, x: NDArray, paths: NDArray, named: Sequence[int], given: Mapping | None
) -> tuple[list[Line2D], LineCollection]:
    """Draw the named ones of the paths (m, p) at x (m,) in colour, the others in thin grey."""
    others = np.setdiff1d(np.flatnonzero(paths.any(axis=0)), named)
    curves = [np.column_stack([x, paths[:, feature]]) for feature in others]
    rest = ax.add_collection(LineCollection(curves, colors=GREY, linewidths=0.6, zorder=1.5))
    ax.set_prop_cycle(cycler(linestyle=STYLES) * cycler(color=COLORS))
    lines = ax.plot(x, paths[:, named], linewidth=1.6, zorder=3, marker="o" if len(x) == 1 else "")
    for line in lines:
        line.set(**(given or {}))
    return lines, rest


def draw_marks(ax: Axes, chosen: Mapping[str, float] | None, width: float = 1.0) -> list[Line2D]:
    """Draw a line at each chosen value, and their legend in that share of the axes' width."""
    names: dict[float, list[str]] = {}
    for name, value in (chosen or {}).items():
        names.setdefault(value, []).append(str(name))
    lines = []
    for value, style in zip(sorted(names), cycle(("--", ":", "-.")), strict=False):
        lines.append(ax.axvline(value, color=DARK_GREY, linestyle=style, linewidth=1, zorder=2))
        lines[-1].set_label(f"{' = '.join(names[value])}: {value:.3g}")
    if lines:
        look = {"fontsize": "small", "labelcolor": DARK_GREY}
        ax.legend(handles=lines, loc="best", bbox_to_anchor=(0, 0, width, 1), **look)
    return lines


def name_ends(ax: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> list[Annotation]:
    """Write names (k,) to the right of the ends of their lines, apart from each other."""
    arrow = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
    points, texts = 72 / ax.figure.dpi, list[Annotation]()
    length = min(NAME_LENGTH, int(NAMES_MOST * ax.bbox.width * points / (0.5 * LINE)))
    for line, name in zip(lines, names, strict=True):
        end, own = line.get_xydata()[-1], {**arrow, "color": line.get_color()}
        text = ax.annotate(shorten(name, length), end, (LEADER, 0), "data", "offset points", own)
        color = tuple(DARKER * np.array(to_rgb(line.get_color())))
        text.set(color=color, va="center", fontsize="small", parse_math=False)
        texts.append(text)
    if texts:
        ax.autoscale_view()  # which matplotlib puts off until the limits are asked for
        widest = max(Text.get_window_extent(text).width for text in texts)  # without the arrow
        free = (widest + (LEADER + PAD) / points) / ax.bbox.width
        end = ax.bbox.x0 + ax.bbox.width / (1 - free), ax.bbox.y0
        ax.set_xlim(right=ax.transData.inverted().transform(end)[0])
        heights = ax.transData.transform([text.xy for text in texts])[:, 1] * points
        low, high = ax.bbox.intervaly * points
        shifts = apart(heights, LINE, low + PAD, high - PAD) - heights
        for text, shift in zip(texts, shifts, strict=True):
            text.set_position((LEADER, shift))
    return texts


def apart(centres: NDArray, gap: float, low: float, high: float) -> NDArray:
    """Return labels' centres (k,), moved to be a gap apart, half a gap within low and high."""
    order = np.argsort(centres, kind="stable")
    steps = gap * np.arange(len(centres))
    rising = np.maximum.accumulate(centres[order] - steps)
    falling = np.minimum.accumulate((centres[order] - steps)[::-1])[::-1]
    low, high, moved = low + gap / 2, high - gap / 2 - steps[-1], np.empty_like(centres)
    moved[order] = steps + np.clip((rising + falling) / 2, low, high)
    return moved


def shorten(name: str, length: int = NAME_LENGTH) -> str:
    """Return a name on one line, the middle left out of one with more than `length` characters."""
    name, half = " ".join(name.split()), max(length, 3) // 2
    return name if len(name) <= length else f"{name[:half]}\u2026{name[1 - half :]}"
