"""Closed forms: L2 and dropout are one linear system (a stand-in until the rewritten module lands)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from .._solution import Settings, Solution
from ..problem.protocol import Problem


def cholesky(
    problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings
) -> Solution:
    kept = np.flatnonzero(~penalty.excluded)
    H = problem.gram(kept)
    H.flat[:: len(kept) + 1] += penalty.ridge[kept]
    coef = np.zeros(problem.coef_shape)
    coef[..., kept] = np.linalg.lstsq(H, problem.cross[..., kept].T, rcond=1e-14)[0].T
    return Solution(coef, np.zeros(coef.shape[:-1]), 1)


dual = svd = cg = cholesky
LARGE_SIDE = 5000
