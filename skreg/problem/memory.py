"""Whether p x p matrices fit, asked before any is allocated.

A fit from moments holds a few p x p matrices of float64 at once: the moments kept, those of the
next rows, their sum, and the factor of the solver.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

MATRICES = 4  # p x p, of float64, at the peak of a fit from moments
CGROUPS = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]


class NotEnoughMemoryError(MemoryError, ValueError):
    """X has too many features for matrices of n_features x n_features."""


def check_side(n_features: int, matrices: int = MATRICES) -> None:
    """Raise NotEnoughMemoryError if so many p x p matrices exceed what there is."""
    needed, limit = matrices * 8 * n_features**2, memory_limit()
    if needed > limit:
        raise NotEnoughMemoryError(
            f"X has {n_features} features: {matrices} matrices of {n_features} x {n_features} take "
            f"{needed / 1e9:.3g} GB, and there are {limit / 1e9:.3g} GB of memory. Select or hash "
            "the features into fewer; or call fit on rows in memory with solver='auto', which "
            "forms no such matrix for L1, nor for sparse X; or use "
            "sklearn.linear_model.SGDRegressor, whose partial_fit is approximate."
        )


@cache
def memory_limit() -> float:
    """Return the bytes of memory that this process may use; infinity where nobody says."""
    limits = [float("inf")]
    with suppress(AttributeError, OSError, ValueError):  # not on every system
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in CGROUPS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            limits.append(int(Path(name).read_text()))
    return min(limits)
