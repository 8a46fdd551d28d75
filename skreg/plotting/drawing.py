"""What the pictures have in common: lines with their names, and marks at chosen strengths.

A name stands beside the end of its line, in the line's colour. Names keep a line of text apart:
each is moved as little as that takes, in order of height, and a thin leader joins it to its line.
The names of the marks stand above the curves (`flag_labels.py`).

How large a text comes out is measured, not guessed, so that nothing overlaps in a figure of any
size. This module imports matplotlib. The others import it in order to draw, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cbook import normalize_kwargs
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from . import flag_labels
from .strength_axis import NumberFormatter

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")  # one after the other, as the colours are used up
REST = "#BBBBBB"
DARKER = 0.65  # are the names than their lines, for the contrast of 4.5:1 that WCAG asks of text
MARK = "#444444"
MARK_STYLES = ("--", ":", "-.")  # from the weakest on
NAME_SIZE = "small"
NAME_LENGTH = 20  # characters of a name
NAMES_MOST = 0.4  # of the width of the axes
LEADER, PAD = 14.0, 3.0  # points from a line to its name, and from a mark to its name
FEW = 20  # values, up to which each has a marker
SPACING = 1.1  # of names, in heights of one
MARGIN = 0.03  # above and below the curves, as a share of the height


def with_defaults(artist: type, given: Mapping | None, **defaults: Any) -> dict[str, Any]:
    """Return the properties given for an artist, by their full names, over the defaults."""
    return {**defaults, **normalize_kwargs(given, artist)}


def settle(ax: Axes) -> None:
    """Lay the figure out, so that what is measured next is what will be drawn."""
    engine = ax.figure.get_layout_engine()
    if engine is not None:
        engine.execute(ax.figure.canvas.figure)


def draw_paths(
    ax: Axes, x: NDArray, paths: NDArray, named: Sequence[int], given: Mapping | None
) -> tuple[list[Line2D], LineCollection]:
    """Draw the named ones of the paths (m, p) at x (m,) in colour, the others in thin grey."""
    rest = paths[:, np.setdiff1d(np.flatnonzero(paths.any(axis=0)), named)]
    marker = "o" if len(x) == 1 else ""  # a line of one point would not be seen
    curves = [np.column_stack([x, path]) for path in rest.T]
    others = LineCollection(curves, colors=REST, linewidths=0.6, zorder=1.5)
    ax.add_collection(others)
    lines = []
    for place, feature in enumerate(named):
        cycle, color = divmod(place, len(COLORS))
        look = with_defaults(
            Line2D,
            given,
            color=COLORS[color],
            linestyle=STYLES[cycle % len(STYLES)],
            linewidth=1.6,
            marker=marker,
            zorder=3,
        )
        lines += ax.plot(x, paths[:, feature], **look)
    return lines, others


def draw_marks(
    ax: Axes, chosen: Mapping[str, float], given: Mapping | None
) -> tuple[list[Line2D], list[Annotation], float]:
    """Draw vertical lines and their names; return also the height that is left below the names."""
    names: dict[float, str] = {}
    for name, value in chosen.items():
        names[value] = f"{names[value]} = {name}" if value in names else name
    values = sorted(names, reverse=True)
    vertical = ax.get_xaxis_transform()
    texts = [
        ax.annotate(
            names[value],
            xy=(value, 1),
            xycoords=vertical,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=NAME_SIZE,
            color=MARK,
            va="top",
            parse_math=False,
            annotation_clip=True,
        )
        for value in values
    ]
    pad = _share(ax, PAD)[0]
    at = [ax.transAxes.inverted().transform(vertical.transform((v, 0)))[0] for v in values]
    flags = flag_labels.arrange(np.array(at), np.array([_size(ax, [t])[0] + pad for t in texts]))
    row = _size(ax, texts)[1]
    lines = []
    for place, (value, text, flag) in enumerate(zip(values, texts, flags, strict=True)):
        text.set(ha="left" if flag.side == flag_labels.RIGHT else "right")
        text.set_position((flag.side * PAD, -PAD - flag.row * row * _points(ax)[1]))
        look = {"color": MARK, "linewidth": 1.0, "zorder": 2}
        look["linestyle"] = MARK_STYLES[(len(values) - 1 - place) % len(MARK_STYLES)]
        top = 1 - flag.row * row
        lines.append(ax.axvline(value, 0, top, **with_defaults(Line2D, given, **look)))
    rows = 1 + max((flag.row for flag in flags), default=-1)
    return lines, texts, 1 - rows * row - (_share(ax, 2 * PAD)[1] if rows else 0)


def draw_mean(
    ax: Axes,
    x: NDArray,
    mean: NDArray,
    se: NDArray | None,
    line_given: Mapping | None,
    band_given: Mapping | None,
) -> tuple[Line2D, PolyCollection | None]:
    """Draw a mean (m,) at x (m,), and a band of its standard error (m,) if there is one."""
    marker = "." if len(x) <= FEW else ""  # show where the values are that were tried
    look = {"color": COLORS[0], "linewidth": 1.6, "marker": marker, "zorder": 3}
    (line,) = ax.plot(x, mean, **with_defaults(Line2D, line_given, **look))
    if se is None:
        return line, None
    look = {"color": COLORS[0], "alpha": 0.25, "linewidth": 0, "zorder": 1.5}
    look = with_defaults(PolyCollection, band_given, **look)
    return line, ax.fill_between(x, mean - se, mean + se, **look)


def set_heights(ax: Axes, heights: NDArray, top: float) -> None:
    """Let the y axis show all heights, the highest of them at the share `top` of it."""
    scale = ax.yaxis.get_transform()
    heights = scale.transform(heights)
    low, high = heights.min(), heights.max()
    length = (high - low or 1.0) / (top - 2 * MARGIN)
    limits = low - MARGIN * length, low + (1 - MARGIN) * length
    ax.set_ylim(*scale.inverted().transform(np.array(limits)))


def set_logarithmic(ax: Axes, ratio: float) -> None:
    """Make the y axis logarithmic, with plain labels, for numbers of that ratio."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < 1000 else (1,)))
    ax.yaxis.set_major_formatter(NumberFormatter())
    ax.yaxis.set_minor_locator(NullLocator())


def fit_labels(ax: Axes, short: Mapping[Axis, str]) -> None:
    """Lay the figure out, with the short labels for axes that their labels do not fit along."""
    settle(ax)
    for axis, label in short.items():
        along = 0 if axis.axis_name == "x" else 1
        if axis.label.get_window_extent().size[along] > ax.bbox.size[along]:
            axis.set_label_text(label)
            settle(ax)


def names_that_fit(ax: Axes, n_rows: int) -> int:
    """Return how many names fit above each other, below so many rows of the names of marks."""
    probe = ax.text(0, 0, "Ag", fontsize=NAME_SIZE, transform=ax.transAxes)
    height = SPACING * _size(ax, [probe])[1]
    probe.remove()
    return max(int((1 - _share(ax, 2 * PAD)[1]) / height) - n_rows, 1)


def write_names(ax: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> list[Annotation]:
    """Write the names of lines, no wider than there is room, for `place_names` to place."""
    texts = [
        ax.annotate(
            shorten(name),
            xy=(line.get_xdata()[-1], line.get_ydata()[-1]),
            xytext=(0, 0),
            textcoords="axes fraction",
            fontsize=NAME_SIZE,
            color=DARKER * np.array(to_rgb(line.get_color())),
            va="center",
            parse_math=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "linewidth": 0.6,
                "relpos": (0, 0.5),  # to the left edge of the name
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )
        for line, name in zip(lines, names, strict=True)
    ]
    width = _size(ax, texts)[0]
    if width > NAMES_MOST:
        for text, name in zip(texts, names, strict=True):
            text.set_text(shorten(name, int(NAME_LENGTH * NAMES_MOST / width)))
    return texts


def names_width(ax: Axes, texts: Sequence[Annotation]) -> float:
    """Return the share of the width of `ax` that names take with their leaders."""
    return _size(ax, texts)[0] + _share(ax, LEADER)[0] if texts else 0.0


def place_names(ax: Axes, texts: Sequence[Annotation], top: float) -> None:
    """Move names beside the ends of their lines, apart, below the share `top` of the height."""
    width, gap = _size(ax, texts) * (_points(ax)[0], SPACING)
    low, high = ax.get_ylim()
    ends = (np.array([text.xy[1] for text in texts]) - low) / (high - low)
    heights = apart(ends - gap / 2, gap, top) + gap / 2
    # From the right edge by a length in points, so that they stay inside if the axes shrink.
    column = ScaledTranslation(-(width + PAD) / 72, 0, ax.figure.dpi_scale_trans)
    for text, height in zip(texts, heights, strict=True):
        text.anncoords = ax.transAxes + column
        text.set_position((1, height))


def apart(heights: NDArray, gap: float, top: float = 1.0) -> NDArray:
    """Return where labels of height `gap` begin: near heights (k,), apart, within [0, top]."""
    if len(heights) == 0:
        return heights
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    rising = np.maximum.accumulate(heights[order] - steps)
    falling = np.minimum.accumulate((heights[order] - steps)[::-1])[::-1]
    moved = np.empty_like(heights)
    moved[order] = np.clip((rising + falling) / 2, 0, max(top - gap - steps[-1], 0)) + steps
    return moved


def shorten(name: str, length: int = NAME_LENGTH) -> str:
    """Return a name on one line, the middle left out of one with more than `length` characters."""
    name = " ".join(name.split())
    if len(name) <= length:
        return name
    end = max((length - 1) // 2, 1)
    return name[: max(length - 1 - end, 1)] + "\N{HORIZONTAL ELLIPSIS}" + name[-end:]


def _size(ax: Axes, texts: Sequence[Text]) -> NDArray:
    """Return the largest width and height (2,) among texts, as shares of those of `ax`."""
    boxes = [Text.get_window_extent(text) for text in texts]  # of an annotation without its line
    return np.max([(0.0, 0.0), *((box.width, box.height) for box in boxes)], axis=0) / ax.bbox.size


def _points(ax: Axes) -> NDArray:
    """Return the width and height (2,) of `ax` in points."""
    return ax.bbox.size * 72 / ax.figure.dpi


def _share(ax: Axes, points: float) -> NDArray:
    """Return a length in points as shares (2,) of the width and the height of `ax`."""
    return points / _points(ax)
