"""One certified solve: choose the solver, solve, certify on the data, fall back if that fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from .._solution import Settings, Solution
from ..problem.protocol import Problem
from ..problem.validation import OVERFLOW
from .certificate import certify
from .table import LARGE_SIDE, PIVOTING_SIDE, SOLVERS

AUTO = {
    "table": ("pivoting", "newton", "pivoting rows"),
    "table without dense rows": ("pivoting", "newton"),
    "large": ("newton",),
    "large with few dense rows": ("newton", "pivoting rows"),
    "moments": ("cholesky", "spectral"),
    "tall": ("cholesky", "svd"),
    "wide": ("dual", "svd"),
    "sparse tall": ("cholesky", "spectral"),
    "sparse wide": ("dual", "spectral"),
    "sparse large": ("cg",),
}
"""What "auto" tries, in this order, until a certificate is within the tolerance."""


def solve(
    problem: Problem, penalty: Penalty, solver: str, start: NDArray | None, settings: Settings
) -> Solution:
    """Return the certified solution of the named solver, or the best of those that "auto" tries.

    Where the data are too ill-conditioned for the named solver, those of "auto" follow. It raises
    LinAlgError then, or what it finds is worse than zero coefficients.

    ValueError if squares of the data overflow.
    """
    if problem.constant.any():
        penalty = penalty.exclude(problem.constant)
    best: Solution | None = None
    auto = AUTO[situation(problem, penalty)]
    for name in (
        auto if solver == "auto" else (solver, *(other for other in auto if other != solver))
    ):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                found = SOLVERS[name].run(problem, penalty, start, settings)
            except np.linalg.LinAlgError:  # the data are too ill-conditioned for this solver
                continue
            # Rounding may have left the constraint.
            coef = np.maximum(found.coef, 0.0) if penalty.positive else found.coef
            certificate = certify(problem, penalty, coef, settings.tol, SOLVERS[name].direct)
        if not np.isfinite(certificate.gap).all():
            raise ValueError(OVERFLOW)
        found = replace(found, coef=coef, dual_gap=certificate.gap, solver=name)
        norm2 = problem.target_norm2
        if best is None or found.relative_gap(norm2) < best.relative_gap(norm2):
            best = found
        is_exact = SOLVERS[name].exact
        is_worse_than_zero = is_exact and (certificate.gap > 0.5 * norm2).any()
        if best.is_within(settings.tol, norm2) or (name == solver and not is_worse_than_zero):
            break
        start = best.coef if is_exact else start
    if best is None:  # every solver failed
        raise ValueError(OVERFLOW)
    return best


def situation(problem: Problem, penalty: Penalty) -> str:
    """Return the key of `AUTO` for a problem; the first four need an L1 solver."""
    if penalty.has_l1 or penalty.positive:
        is_dense = problem.has_rows and not problem.is_sparse
        if problem.n_features <= PIVOTING_SIDE:
            return "table" if is_dense else "table without dense rows"
        few = is_dense and problem.shape[0] <= PIVOTING_SIDE
        return "large with few dense rows" if few else "large"
    if not problem.has_rows:
        return "moments"
    n, p = problem.shape
    if problem.is_sparse and min(n, p) > LARGE_SIDE:
        return "sparse large"
    return ("sparse " if problem.is_sparse else "") + ("tall" if n >= p else "wide")
