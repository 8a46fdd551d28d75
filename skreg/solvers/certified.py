"""One certified solve: choose the solver, solve, certify on the data, fall back if that fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from .._solution import Settings, Solution
from ..problem.design import OVERFLOW
from ..problem.protocol import Problem
from .certificate import certify
from .table import SOLVERS, candidates


def solve(
    problem: Problem, penalty: Penalty, solver: str, start: NDArray | None, settings: Settings
) -> Solution:
    """Return the certified solution of the named solver, or the best of those that "auto" tries.

    Where the data are too ill-conditioned for the named solver, those of "auto" follow.

    ValueError if squares of the data overflow.
    """
    penalty = penalty.exclude(problem.constant)
    best: Solution | None = None
    names = list(candidates(problem, penalty)) if solver == "auto" else [solver]
    for name in names:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                found = SOLVERS[name].run(problem, penalty, start, settings)
            except np.linalg.LinAlgError:  # the data are too ill-conditioned for this solver
                names += [other for other in candidates(problem, penalty) if other not in names]
                continue
            certificate = certify(problem, penalty, found.coef, settings.tol)
        if not np.all(np.isfinite(certificate.gap)):
            raise ValueError(OVERFLOW)
        found = replace(found, coef=certificate.w, dual_gap=certificate.gap, solver=name)
        if best is None or np.max(found.dual_gap) < np.max(best.dual_gap):
            best = found
        if best.is_within(settings.tol, problem.target_norm2):
            break
        start = best.coef if SOLVERS[name].exact else start
    assert best is not None  # some solver suits every problem
    return best
