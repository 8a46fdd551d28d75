"""Vertical lines with a name at the top, like flags on poles, none over another.

A name flies to the left or to the right of its pole, in one of several rows, and the pole ends at
that row: what is above is free for the names of its neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import NDArray

LEFT, RIGHT = -1, 1


class Flag(NamedTuple):
    """A pole at `x`, its name from `left` to `right` in `row`, counted from the top."""

    x: float
    side: int
    row: int
    left: float
    right: float


def arrange(x: NDArray, widths: NDArray) -> list[Flag]:
    """Return flags for names of widths (k,) on poles at ascending x (k,), all in [0, 1]."""
    flags = _from_the_left(x, widths)
    if flags is None:
        mirrored = _from_the_left(1 - x[::-1], widths[::-1])
        flags = None if mirrored is None else [_mirrored(flag) for flag in mirrored[::-1]]
    if flags is None:  # crowded: each in a row of its own
        flags = [_flag(x[k], widths[k], RIGHT, k) for k in range(len(x))]
    return flags


def _from_the_left(x: NDArray, widths: NDArray) -> list[Flag] | None:
    """Return flags placed one after the other, each as high as it can be, or None."""
    flags: list[Flag] = []
    for at, width in zip(x, widths, strict=True):
        first, second = (RIGHT, LEFT) if flags or len(x) == 1 else (LEFT, RIGHT)
        tries = [_flag(at, width, side, row) for row in range(len(x)) for side in (first, second)]
        flag = next((flag for flag in tries if _is_free(flag, flags)), None)
        if flag is None:
            return None
        flags.append(flag)
    return flags


def _flag(x: float, width: float, side: int, row: int) -> Flag:
    """Return the flag of a pole to one side."""
    return Flag(x, side, row, *sorted((x, x + side * width)))


def _mirrored(flag: Flag) -> Flag:
    """Return a flag seen from behind."""
    return Flag(1 - flag.x, -flag.side, flag.row, 1 - flag.right, 1 - flag.left)


def _is_free(flag: Flag, others: list[Flag]) -> bool:
    """Return whether a flag is within [0, 1] and neither hits the others nor is hit by them."""
    inside = flag.left >= 0 and flag.right <= 1
    return inside and not any(_clash(flag, other) for other in others)


def _clash(one: Flag, other: Flag) -> bool:
    """Return whether the name of one is in the way of the name or the pole of the other."""
    names = one.row == other.row and one.left < other.right and other.left < one.right
    return names or _pierces(one, other) or _pierces(other, one)


def _pierces(pole: Flag, flag: Flag) -> bool:
    """Return whether a pole passes through the name of another flag."""
    return flag.left < pole.x < flag.right and pole.row <= flag.row
