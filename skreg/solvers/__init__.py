"""The solvers: one table is the dispatch, the list of valid names and the parameters of the tests.

To add a solver, write `run(view, penalty, start, settings) -> Solution` and give it a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution
from ..problem import sizes
from . import gradient, newton, ridge
from .elimination import Elimination


@dataclass(frozen=True)
class Settings:
    """What the estimators pass on; the solvers take what they need."""

    tol: float
    max_iter: int
    verbose: int = 0
    learning_rate: Any = "auto"
    average: bool = False
    random_state: np.random.RandomState | None = None
    dropout_rate: NDArray | None = None
    drop_to: str = "mean"


@dataclass(frozen=True)
class Solver:
    """One row of the table: how to run it, for which estimators, and what it can take."""

    run: Callable[..., Solution]
    families: frozenset[str]
    remedy: str
    exact: bool = True
    l1: bool = False
    positive: bool = False
    rows: bool = False  # needs the rows themselves: no fit from moments
    sparse: bool = True


_ALL, _QUADRATIC = frozenset({"l1", "l2", "dropout"}), frozenset({"l2", "dropout"})
_EXACT_REMEDY = "Increase max_iter, or use solver='auto', which is exact."

SOLVERS = {
    "newton": Solver(
        newton.solve,
        _ALL,
        "Increase max_iter, or rescale the columns of X.",
        l1=True,
        positive=True,
    ),
    "cholesky": Solver(ridge.refine(ridge.cholesky), _QUADRATIC, "Use solver='svd'."),
    "dual": Solver(ridge.refine(ridge.dual), _QUADRATIC, "Use solver='svd'.", rows=True),
    "svd": Solver(
        ridge.refine(ridge.svd), _QUADRATIC, "Increase l2_lambda.", rows=True, sparse=False
    ),
    "cg": Solver(ridge.refine(ridge.cg), _QUADRATIC, "Increase max_iter or the penalty."),
    "subgradient": Solver(gradient.descend, frozenset({"l1"}), _EXACT_REMEDY, exact=False, l1=True),
    "gradient": Solver(gradient.descend, frozenset({"l2"}), _EXACT_REMEDY, exact=False),
    "mask": Solver(
        gradient.mask, frozenset({"dropout"}), _EXACT_REMEDY, exact=False, l1=True, rows=True
    ),
}
"""Every solver by its name."""


def names(family: str) -> list[str]:
    """Return the values of `solver` that an estimator of this family takes."""
    return ["auto", *(name for name, solver in SOLVERS.items() if family in solver.families)]


def check(solver: str, penalty: Penalty, view: Any) -> None:
    """Raise ValueError (for sparse X TypeError, as scikit-learn does) if the solver cannot."""
    if solver == "auto":
        return
    row = SOLVERS[solver]
    obstacles = {
        "an L1 penalty": penalty.has_l1 and not row.l1,
        "positive=True": penalty.positive and not row.positive,
    }
    for obstacle, applies in obstacles.items():
        if applies:
            raise ValueError(f"solver={solver!r} does not support {obstacle}; use solver='auto'.")
    if not view.has_rows:
        check_without_rows(solver)
    if view.is_sparse and not row.sparse:
        raise TypeError(f"solver={solver!r} does not support sparse X; use solver='auto'.")


def check_without_rows(solver: str) -> None:
    """Raise ValueError if the solver needs the rows themselves."""
    if solver != "auto" and SOLVERS[solver].rows:
        raise ValueError(
            f"solver={solver!r} does not support moments in place of the rows; use solver='auto'."
        )


def remedy(name: str, view: Any) -> str:
    """Return what helps where the solver did not converge on this view."""
    if view.has_rows or SOLVERS[name].l1:
        return SOLVERS[name].remedy
    return "Increase the penalty, or fit on the rows: moments square the condition number of X."


def minimise(
    view: Any, penalty: Penalty, solver: str, start: NDArray | None, settings: Settings
) -> tuple[Solution, str]:
    """Solve with the named solver, or with the first of auto's that converges; return its name."""
    penalty = sizes.trim(view, penalty)
    return _minimise(Elimination(view, penalty), solver, start, settings)


def follow(
    view: Any,
    penalties: Iterable[Penalty],
    solver: str,
    start: NDArray | None,
    settings: Settings,
) -> Iterator[tuple[Solution, str]]:
    """Minimise for one penalty after another, each from where the one before ended."""
    problem = None
    for penalty in penalties:
        penalty = sizes.trim(view, penalty)
        problem = Elimination(view, penalty) if problem is None else problem.at(penalty)
        solution, name = _minimise(problem, solver, start, settings)
        yield solution, name
        start = solution.coef


def _minimise(
    problem: Elimination, solver: str, start: NDArray | None, settings: Settings
) -> tuple[Solution, str]:
    """Minimise with the named solver, or with the first of auto's that converges."""
    view, penalty = problem.view, problem.penalty
    origin = np.zeros(view.coef_shape) if start is None else start
    best, best_name = None, solver
    for name in _candidates(view, penalty) if solver == "auto" else [solver]:
        row = SOLVERS[name]
        if not row.exact:
            solution = problem.certify(row.run(view, penalty, start, settings))
        elif problem.is_solved:
            nothing = Solution(np.zeros_like(origin), np.zeros(origin.shape[:-1]), 1)
            solution = problem.complete(nothing)
        else:
            rest, rest_penalty = problem.rest
            first = np.where(rest_penalty.excluded, 0.0, origin)
            solution = problem.complete(row.run(rest, rest_penalty, first, settings))
        unseen = view.intercept_rounding(solution.coef)
        if not solution.is_within(settings.tol, view.target_norm2):
            reach = view.reach(solution.coef)
            solution = problem.certify(solution, view.rounding(reach))
            unseen = unseen + 0.5 * (EPS * reach) ** 2
        unseen = np.where(unseen > EPS * 0.5 * view.target_norm2, unseen, 0.0)
        solution = replace(solution, dual_gap=solution.dual_gap + unseen)
        solution = _no_worse_than_zero(solution, view) if row.exact else solution
        gap = solution.relative_gap(view.target_norm2)
        if best is None or gap < best.relative_gap(view.target_norm2):
            best, best_name = solution, name
        if gap <= settings.tol:
            break
    return best, best_name


def _no_worse_than_zero(solution: Solution, view: Any) -> Solution:
    """Return the solution with w = 0, whose gap is at most its loss, where that is less."""
    null = 0.5 * view.target_norm2
    worse = ~(solution.dual_gap <= null)
    coef = np.where(worse[..., None], 0.0, solution.coef)
    return replace(solution, coef=coef, dual_gap=np.where(worse, null, solution.dual_gap))


def _candidates(view: Any, penalty: Penalty) -> list[str]:
    """Return the exact solvers that suit the problem, the likeliest first."""
    if penalty.positive or penalty.has_l1:
        return ["newton"]
    if not view.has_rows:
        return ["cholesky"]
    if view.is_sparse and min(view.shape) > ridge.LARGE_SIDE:
        return ["cg"]
    factored = "dual" if view.shape[1] > view.shape[0] else "cholesky"
    if view.is_sparse:
        return [factored, "cg"]
    return ["svd"] if np.all(penalty.free | penalty.excluded) else [factored, "svd"]
