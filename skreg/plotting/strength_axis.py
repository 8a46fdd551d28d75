"""The axis of a path: strengths evenly by their logarithm, the most regularised at the left.

A strength t = l1_lambda or l2_lambda stands at log10 t, a dropout rate q at log10 of the strength
it amounts to, q / (1 - q): the log and logit axes of matplotlib. A value of 0 has no logarithm;
where there is one, the axis is linear from the least positive value down to 0.

The strong end is at the left, as in scikit-learn's pictures of paths, so that the lines grow out of
the null model and end at the right, where there is room for their names. The axis may go on beyond
the path for the sake of these names; its ticks do not.

This module imports matplotlib. The others import it in order to draw, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.ticker import Formatter, Locator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ..model_selection.grids import PARAMETERS

LOGARITHMIC = {"l1_lambda": "log", "l2_lambda": "log", "dropout_rate": "logit"}
ZERO_GAP = 0.12  # from the least positive value to 0, as a share of the others' range
EDGE = 0.02  # left free at both ends, as a share of the axis
MOST_TICKS, ENOUGH_TICKS = 7, 3
ROUNDING = 1e-9  # by which a tick may miss the end of the path
NEAR_ZERO = 0.5  # of the mean distance of ticks, too near to the tick at 0

POWERS = 10.0 ** np.arange(-20, 21)
SHARES = 10.0 ** np.arange(-12, 0)
STRENGTHS = POWERS, np.sort(np.concatenate([POWERS, 2 * POWERS, 5 * POWERS]))
RATES = (
    np.concatenate([SHARES, [0.5], 1 - SHARES[::-1]]),
    np.concatenate([[0.01, 0.02, 0.05], np.arange(1, 10) / 10, [0.95, 0.98, 0.99]]),
)
ROUND = {"l1_lambda": STRENGTHS, "l2_lambda": STRENGTHS, "dropout_rate": RATES}


class StrengthScale:
    """Where the values (m,) of a path parameter stand on their axis."""

    def __init__(self, parameter: str, values: NDArray) -> None:
        self.axis, self.round = PARAMETERS[parameter], ROUND[parameter]
        self.ends = values.max(), values.min()
        self.least = np.min(values[values > 0]) if self.ends[0] > 0 else 1.0
        self.with_zero = self.ends[1] == 0
        self.name = "function" if self.with_zero else LOGARITHMIC[parameter]
        decades = self._logarithm(max(self.ends[0], self.least)) - self._logarithm(self.least)
        self.zero_gap = ZERO_GAP * decades or 1.0

    def position(self, values: Any) -> NDArray:
        """Return the positions of values, in powers of ten."""
        values = np.asarray(values, dtype=float)
        if not self.with_zero:
            return self._logarithm(values)
        below = self._logarithm(self.least) + self.zero_gap * (values / self.least - 1)
        return np.where(values < self.least, below, self._logarithm(values))

    def value(self, positions: Any) -> NDArray:
        """Return the values at positions."""
        positions = np.asarray(positions, dtype=float)
        values = self.axis.value(10.0**positions)
        if not self.with_zero:
            return values
        beyond = (positions - self._logarithm(self.least)) / self.zero_gap
        return np.where(beyond < 0, self.least * (1 + beyond), values)

    def apply(self, ax: Axes) -> None:
        """Give the x axis of `ax` this scale."""
        own = {"functions": (self.position, self.value)} if self.name == "function" else {}
        ax.set_xscale(self.name, **own)
        ax.xaxis.set_minor_locator(NullLocator())

    def limits(self, room: float = 0.0) -> NDArray:
        """Return the limits (2,) of an axis that goes on beyond the weakest value by a share."""
        strong, weak = self.position(self.ends)
        length = (strong - weak or 1.0) / (1 - 2 * EDGE - room)
        return self.value([strong + EDGE * length, weak - (EDGE + room) * length])

    def ticks(self, low: float, high: float, most: int) -> NDArray:
        """Return round values from low to high, most of them and 0 at most."""
        zero = [0.0] if self.with_zero and low <= 0 <= high else []
        length = np.ptp(self.position([low, high]))
        low, high = max(low, self.least), min(high, self.ends[0])
        plain = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        plain = plain if low < high else np.array([low])
        for candidates in *self.round, plain:
            inside = (candidates >= low * (1 - ROUNDING)) & (candidates <= high * (1 + ROUNDING))
            if inside.sum() >= min(ENOUGH_TICKS, most):
                break
        stride = max(-(-inside.sum() // most), 1)
        # Counted from the middle, which is 1 or 1/2, the same ticks stay when the axis is moved.
        inside &= (np.arange(len(candidates)) - len(candidates) // 2) % stride == 0
        if zero:  # keep room for its label
            inside &= self.position(candidates) - self.position(0.0) >= NEAR_ZERO * length / most
        return np.append(candidates[inside], zero)

    def _logarithm(self, values: Any) -> NDArray:
        """Return log10 of the strength of values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log10(self.axis.strength(values))


class StrengthLocator(Locator):
    """Ticks at round strengths within the path, as many as there is room for."""

    def __init__(self, scale: StrengthScale) -> None:
        self.scale = scale

    def __call__(self) -> NDArray:
        """Return the ticks of the axis as it stands."""
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> NDArray:
        """Return the ticks from vmin to vmax."""
        return self.scale.ticks(vmin, vmax, min(_tick_space(self.axis), MOST_TICKS))


class NumberFormatter(Formatter):
    """Tick labels as short as they come; all with an exponent where one of them needs it."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks of an axis."""
        plain = [f"{value:.6g}" for value in values]
        if not any("e" in label for label in plain):
            return plain
        return [f"${_scientific(value)}$" if value else "0" for value in values]


class ValueLocator(Locator):
    """Ticks at some of the values (m,) of a path, no nearer to each other than labels may be."""

    def __init__(self, scale: StrengthScale, values: NDArray) -> None:
        self.scale, self.values = scale, np.sort(values)

    def __call__(self) -> NDArray:
        """Return the ticks of the axis as it stands."""
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> NDArray:
        """Return the ticks from vmin to vmax: the weakest value, and those that keep apart."""
        values = self.values[(self.values >= vmin) & (self.values <= vmax)]
        low, high = self.scale.position([vmin, vmax])
        gap, last, ticks = (high - low) / _tick_space(self.axis), -np.inf, []
        for value, position in zip(values, self.scale.position(values), strict=True):
            if position - last >= gap:
                ticks.append(value)
                last = position
        return np.array(ticks)


class CountFormatter(Formatter):
    """Labels of ticks at values (m,) of a path: the counts (m,) there."""

    def __init__(self, values: NDArray, counts: NDArray) -> None:
        self.values, self.counts = values, counts

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return str(self.counts[np.argmin(np.abs(self.values - value))])


def _scientific(value: float) -> str:
    """Return a positive number in mathtext, with an exponent."""
    digits, exponent = f"{value:.4e}".split("e")
    digits = digits.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits}\times {power}"


def _tick_space(axis: XAxis) -> int:
    """Return how many tick labels fit along an axis."""
    return max(axis.get_tick_space(), 2)


def draw_strengths(ax: Axes, scale: StrengthScale, parameter: str) -> None:
    """Make the x axis of `ax` one of the strengths of a parameter."""
    scale.apply(ax)
    ax.xaxis.set_major_locator(StrengthLocator(scale))
    ax.xaxis.set_major_formatter(NumberFormatter())
    ax.set_xlabel(f"{parameter}, strong to weak")
    ax.set_xlim(*scale.limits())


def draw_counts(
    ax: Axes, scale: StrengthScale, values: NDArray, counts: NDArray, label: str
) -> Axes:
    """Write some of the counts (m,) above `ax`, each at its value (m,); return their axes."""
    # Not `secondary_xaxis`, which would be linear under a logit axis. A child moves and is cleared
    # with its parent, and `ax.set_title` finds its place above it.
    top = ax.inset_axes((0, 0, 1, 1))
    top.set_navigate(False)
    top.patch.set_visible(False)
    top.spines[:].set_visible(False)
    top.yaxis.set_visible(False)
    scale.apply(top)
    top.xaxis.tick_top()
    top.xaxis.set_label_position("top")
    top.tick_params(labelsize="small")
    top.xaxis.set_major_locator(ValueLocator(scale, values))
    top.xaxis.set_major_formatter(CountFormatter(values, counts))
    top.set_xlabel(label, fontsize="small")
    top.set_xlim(ax.get_xlim())
    ax.callbacks.connect("xlim_changed", lambda moved: top.set_xlim(moved.get_xlim()))
    return top
