"""The solvers: one table is the dispatch, the list of valid names and the parameters of the tests.

To add a solver, write `run(problem, penalty, start, settings) -> Solution` and give it a row.
`certified.py` says which of them "auto" tries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._objective import Penalty
from .._solution import Solution
from ..problem.protocol import Problem
from . import loops, pivoting, pivoting_rows, ridge, spectral, working_set

LARGE_SIDE = 5000  # of a sparse X: up to this smaller side a factorisation beats iterations
PIVOTING_SIDE = 300  # features up to which pivoting beats the working set, see docs/benchmarks


@dataclass(frozen=True)
class Solver:
    """One row of the table: how to run it, for which estimators, and what it can take."""

    run: Callable[..., Solution]
    families: frozenset[str]
    remedy: str
    exact: bool = True
    direct: bool = False  # solves by a factorisation
    l1: bool = False
    positive: bool = False
    rows: bool = False  # needs the rows themselves: no fit from moments
    sparse: bool = True


_ALL, _QUADRATIC = frozenset({"l1", "l2", "dropout"}), frozenset({"l2", "dropout"})
_INEXACT = "Increase max_iter, or use solver='auto', which is exact."

SOLVERS = {
    "cholesky": Solver(ridge.cholesky, _QUADRATIC, "Use solver='svd'.", direct=True),
    "dual": Solver(ridge.dual, _QUADRATIC, "Use solver='svd'.", direct=True, rows=True),
    "svd": Solver(
        ridge.svd, _QUADRATIC, "Increase l2_lambda.", direct=True, rows=True, sparse=False
    ),
    "cg": Solver(ridge.cg, _QUADRATIC, "Increase max_iter or the penalty."),
    "spectral": Solver(spectral.solve, frozenset(), "Increase the penalty.", direct=True),
    "pivoting": Solver(pivoting.solve, _ALL, "Use solver='newton'.", l1=True, positive=True),
    "newton": Solver(
        working_set.solve,
        _ALL,
        "Increase max_iter, or rescale the columns of X.",
        l1=True,
        positive=True,
    ),
    "pivoting rows": Solver(
        pivoting_rows.solve,
        frozenset(),
        "Rescale the columns of X, or drop one of those that are nearly equal.",
        direct=True,
        l1=True,
        positive=True,
        rows=True,
    ),
    "subgradient": Solver(loops.descend, frozenset({"l1"}), _INEXACT, exact=False, l1=True),
    "gradient": Solver(loops.descend, frozenset({"l2"}), _INEXACT, exact=False),
    "mask": Solver(loops.mask, frozenset({"dropout"}), _INEXACT, exact=False, l1=True, rows=True),
}
"""Every solver by its name."""


def names(family: str) -> list[str]:
    """Return the values of `solver` that an estimator of this family takes."""
    return ["auto", *(name for name, row in SOLVERS.items() if family in row.families)]


def check(solver: str, problem: Problem, penalty: Penalty) -> None:
    """Raise ValueError (for sparse X TypeError, as scikit-learn does) if the solver cannot."""
    row = SOLVERS[solver]
    obstacles = {
        "an L1 penalty": penalty.has_l1 and not row.l1,
        "positive=True": penalty.positive and not row.positive,
    }
    for obstacle, applies in obstacles.items():
        if applies:
            raise ValueError(f"solver={solver!r} does not support {obstacle}; use solver='auto'.")
    if not problem.has_rows:
        check_without_rows(solver)
    if problem.is_sparse and not row.sparse:
        raise TypeError(f"solver={solver!r} does not support sparse X; use solver='auto'.")


def check_without_rows(solver: str) -> None:
    """Raise ValueError if the solver needs the rows themselves."""
    if solver != "auto" and SOLVERS[solver].rows:
        raise ValueError(
            f"solver={solver!r} does not support moments in place of the rows; use solver='auto'."
        )


def remedy(solver: str, problem: Problem) -> str:
    """Return what helps where the solver did not converge on this problem."""
    if problem.has_rows or SOLVERS[solver].l1:
        return SOLVERS[solver].remedy
    return "Increase the penalty, or fit on the rows: moments square the condition number of X."
