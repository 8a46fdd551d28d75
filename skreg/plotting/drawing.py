"""What the displays draw: an axis of strengths, marks at chosen ones, names at line ends.

Scales, ticks and number formats are matplotlib's. The most regularised strength is at the left, so
that lines grow out of the null model and end at the right, beside their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

try:
    from matplotlib import ticker
except ImportError as error:
    raise ImportError(
        "The displays require matplotlib. You can install matplotlib with `pip install matplotlib`"
    ) from error
from matplotlib.axes import Axes
from matplotlib.axis import Axis, Ticker
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from .inputs import SCALES, check_strengths

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
    """Return `ax`, or new axes, with the strengths of values (m,) and marks along x."""
    if chosen:
        marks = check_strengths(parameter, list(chosen.values()), "chosen")
        values = np.append(values, marks)
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
    low, high, scale = values.min(), values.max(), SCALES[parameter]
    least = values[values > 0].min(initial=high)
    if low > 0:
        ax.set_xscale(scale)
    elif scale == "log" and high > 0:  # 0 has no logarithm: linear below the least positive value
        ax.set_xscale("symlog", linthresh=least, linscale=0.5)
    if ax.get_xscale() == "log" and high < 100 * least:
        narrow = ticker.AutoLocator() if high < 3 * least else ticker.LogLocator(subs=(1, 2, 5))
        ax.xaxis.set_major_locator(narrow)
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
    # `secondary_xaxis` would be linear under a logit axis.
    top = ax.inset_axes((0, 0, 1, 1), sharex=ax, frame_on=False)
    top.set_navigate(False)
    top.yaxis.set_visible(False)
    top.xaxis.major, top.xaxis.minor = Ticker(), Ticker()  # only the limits are shared
    top.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, labelsize="small")
    top.xaxis.set_label_position("top")
    top.set_xlabel("Number of nonzero coefficients", fontsize="small")
    x = ax.get_xaxis_transform().transform(np.column_stack([values, 0 * values]))[:, 0]
    gap, shown = ax.bbox.width / max(top.xaxis.get_tick_space(), 2), list[int]()
    for place in np.argsort(-x).tolist():  # from the right
        if not shown or x[shown[-1]] - x[place] >= gap:
            shown.append(place)
    top.set_xticks(values[shown], counts[shown].tolist())
    top.xaxis.set_minor_locator(ticker.NullLocator())
    return top


def lines_that_fit(ax: Axes) -> int:
    """Return how many lines of text fit into `ax`, after laying out its figure."""
    ax.figure.canvas.figure.draw_without_rendering()
    return int((ax.bbox.height * 72 / ax.figure.dpi - 2 * PAD) / LINE)


def make_room(axis: Axis, share: float) -> None:
    """Extend an axis at its end so that a share of its length is free."""
    scale = axis.get_transform()
    start, end = scale.transform(axis.get_view_interval())
    limits = scale.inverted().transform(np.array([start, start + (end - start) / (1 - share)]))
    if axis is axis.axes.xaxis:
        axis.axes.set_xlim(*limits)
    else:
        axis.axes.set_ylim(*limits)


def draw_paths(
    ax: Axes, x: NDArray, paths: NDArray, named: Sequence[int], given: Mapping | None
) -> tuple[list[Line2D], LineCollection]:
    """Draw the named ones of the paths (m, p) at x (m,) in colour, the others in thin grey."""
    others = np.setdiff1d(np.flatnonzero(paths.any(axis=0)), named)
    curves = [np.column_stack([x, paths[:, feature]]) for feature in others]
    rest = LineCollection(curves, colors=GREY, linewidths=0.6, zorder=1.5)
    ax.add_collection(rest)
    lines: list[Line2D] = []
    for place, feature in enumerate(named):
        lines += ax.plot(x, paths[:, feature], linewidth=1.6, zorder=3)
        style = STYLES[place // len(COLORS) % len(STYLES)]
        lines[-1].set(color=COLORS[place % len(COLORS)], linestyle=style)
        lines[-1].set(marker="o" if len(x) == 1 else "", **(given or {}))
    return lines, rest


def draw_marks(
    ax: Axes, chosen: Mapping[str, float] | None, given: Mapping | None
) -> tuple[list[Line2D], list[Annotation], float]:
    """Draw a line at each chosen value, its name in a free row; return the rows' end in pixels."""
    names: dict[float, str] = {}
    for name, value in (chosen or {}).items():
        names[value] = f"{names[value]} = {name}" if value in names else str(name)
    lines, texts, boxes = list[Line2D](), list[Annotation](), list[Bbox]()
    for place, value in enumerate(sorted(names, reverse=True)):
        style = ("--", ":", "-.")[(len(names) - 1 - place) % 3]
        lines.append(ax.axvline(value, color=DARK_GREY, linestyle=style, linewidth=1, zorder=2))
        lines[-1].set(**(given or {}))
        frame = ax.get_xaxis_transform()
        text = ax.annotate(names[value], (value, 1), (0, 0), frame, "offset points")
        text.set(color=DARK_GREY, va="top", fontsize="small", parse_math=False)
        text.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1})
        # The leftmost of several names goes to the left of its line, the others to the right.
        sides = ("right", "left") if place == 0 and len(names) > 1 else ("left", "right")
        for row, side in ((row, side) for row in range(len(names)) for side in sides):
            text.set(ha=side, position=(PAD if side == "left" else -PAD, -PAD - row * LINE))
            box = text.get_window_extent()
            is_inside = ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1
            if is_inside and not box.count_overlaps(boxes):
                break
        texts.append(text)
        boxes.append(box)
    top = min((box.y0 for box in boxes), default=ax.bbox.y1)
    make_room(ax.yaxis, (ax.bbox.y1 - top) / ax.bbox.height)
    return lines, texts, top


def write_names(ax: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> list[Annotation]:
    """Write names beside the ends of their lines, after making room for them at the right."""
    width, pixels = NAMES_MOST * ax.bbox.width, ax.figure.dpi / 72
    length = min(NAME_LENGTH, int(width / (0.5 * LINE * pixels)))
    leader = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
    texts: list[Annotation] = []
    for line, name in zip(lines, names, strict=True):
        end, short = tuple(np.asarray(line.get_xydata())[-1]), shorten(name, length)
        arrow = {**leader, "color": line.get_color()}
        text = ax.annotate(short, end, (LEADER, 0), "data", "offset points", arrow)
        color = tuple(DARKER * np.array(to_rgb(line.get_color())))
        text.set(color=color, va="center", fontsize="small", parse_math=False)
        texts.append(text)
    if texts:
        widest = max(Text.get_window_extent(text).width for text in texts)
        make_room(ax.xaxis, (widest + (LEADER + PAD) * pixels) / ax.bbox.width)
    return texts


def spread_names(ax: Axes, texts: Sequence[Annotation], top: float) -> None:
    """Move names (k,) apart by as little as that takes, below the height `top` in pixels."""
    if texts:
        points = 72 / ax.figure.dpi
        ends = ax.transData.transform([text.xy for text in texts])[:, 1] * points
        moved = apart(ends, LINE, ax.bbox.y0 * points + PAD, top * points)
        for text, shift in zip(texts, moved - ends, strict=True):
            text.set_position((LEADER, shift))


def apart(centres: NDArray, gap: float, low: float, high: float) -> NDArray:
    """Return labels' centres (k,), moved to be a gap apart, half a gap within low and high."""
    order = np.argsort(centres, kind="stable")
    steps = gap * np.arange(len(centres))
    rising = np.maximum.accumulate(centres[order] - steps)
    falling = np.minimum.accumulate((centres[order] - steps)[::-1])[::-1]
    low, high = low + gap / 2, high - gap / 2 - steps[-1]
    moved = np.empty_like(centres)
    moved[order] = np.clip((rising + falling) / 2, low, max(low, high)) + steps
    return moved


def shorten(name: str, length: int = NAME_LENGTH) -> str:
    """Return a name on one line, the middle left out of one with more than `length` characters."""
    name, length = " ".join(name.split()), max(length, 3)
    end = (length - 1) // 2
    return name if len(name) <= length else f"{name[: length - 1 - end]}\u2026{name[-end:]}"
