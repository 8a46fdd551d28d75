"""The L1 solver of large problems: exact on a working set, certified on all features.

    minimise 1/2 |b - A w|^2 + sum l1_j |w_j| + 1/2 sum ridge_j w_j^2          (w >= 0 if positive)

w is optimal if and only if every correlation q = A'(b - A w) - ridge w is l1_j sign(w_j) where w_j
is not zero, and within l1_j (positive: below it) where w_j is zero. Rounds of

1. the correlations of all features, taken on the data: they give the duality gap, and the features
   that violate the conditions most, which join the working set;
2. coordinate descent on the working set, by its Gram matrix H = A'A + diag(ridge) or by its sparse
   columns, to a part of that gap;
3. once few features join, the exact finish by the active set (`active_set.py`).

The linear term of each round comes from the correlations of 1, which corrects rounding in H. The
first working set is large enough that for strong penalties one round suffices, and then the data
are read twice. A start far from the optimum is led there by stages: l1 weights that fall to the
ones asked for.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..problem.protocol import Problem
from .active_set import Quadratic, solve_active_set
from .certificate import ACCURACY, Certificate, certify
from .coordinate_descent import ColumnLasso, descend

FIRST = 8.0  # sqrt(FIRST * p) features start: 200 of 5,000, of which few are a support at .05
STAGE_FACTOR = 10.0  # between the l1 weights of stages
FEW = 0.05  # share of the working set that joins it, up to which the exact finish pays
EPOCHS = 100  # of coordinate descent in a round
SHRINK = 0.1  # part of the gap that a round aims at; relative gap at which early stages end
GRAM_SIDE = 1000  # sparse columns in the working set up to which they are multiplied at once
GRAM_LAST = 4000  # up to so many are multiplied for the finish, where the descent is slow
STALLS = 10  # rounds that do not halve the gap, after which the solver gives up


def solve(
    problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings
) -> Solution:
    """Minimise over w (..., p), target by target; the targets share the working set."""
    w = np.zeros(problem.coef_shape) if start is None else np.where(penalty.excluded, 0.0, start)
    if penalty.positive:
        w = np.maximum(w, 0.0)
    working = WorkingGram(problem)
    if w.ndim == 1:
        coef, n_iter = _solve_one(problem, penalty, working, w, settings)
        return Solution(coef, n_iter=n_iter)
    parts = [
        _solve_one(problem.select_target(t), penalty, working, row, settings)
        for t, row in enumerate(w)
    ]
    return Solution(np.array([w for w, _ in parts]), n_iter=max(n_iter for _, n_iter in parts))


class WorkingGram:
    """The `features` (k,) of the working set, in the order they joined, and their Gram matrix."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._gram = np.zeros((0, 0))
        self.features = np.zeros(0, dtype=np.intp)

    def add(self, new: NDArray) -> None:
        """Let the features `new` (m,) join."""
        self.features = np.concatenate([self.features, new])

    def gram(self) -> NDArray:
        """Return A_S'A_S (k, k); what has been multiplied before is not multiplied again."""
        k = len(self._gram)
        if k < len(self.features):
            known, new = np.split(self.features, [k])
            gram = np.empty((len(self.features),) * 2)
            gram[:k, :k], gram[k:, k:] = self._gram, self._problem.gram(new)
            if k:
                gram[:k, k:] = self._problem.gram(known, new)
                gram[k:, :k] = gram[:k, k:].T
            self._gram = gram
        return self._gram


def _solve_one(
    problem: Problem, penalty: Penalty, working: WorkingGram, w: NDArray, settings: Settings
) -> tuple[NDArray, int]:
    """Return the minimiser (p,), found stage by stage from w (p,), and the number of steps."""
    if problem.target_norm2 == 0:  # nothing to explain
        w = np.zeros_like(w)
    point, n_iter = certify(problem, penalty, w, settings.tol), 0
    for factor in _stages(penalty, point):
        stage = replace(penalty, limit=factor * penalty.limit)
        point, n_iter = _rounds(
            problem, stage, working, point.w, n_iter, settings, is_last=factor == 1.0
        )
    return point.w, max(n_iter, 1)


def _stages(penalty: Penalty, point: Certificate) -> NDArray:
    """Return by which factors to raise the l1 weights on the way, down to 1."""
    l1, pull = penalty.l1, penalty.directed(point.correlation - penalty.ridge * point.w)
    violated = (l1 > 0) & (pull > (1 + 1e-9) * l1)
    if np.count_nonzero(violated) <= _first(len(l1)):
        return np.ones(1)
    largest = np.max(pull[violated] / l1[violated])
    n_stages = max(1, round(np.log(largest) / np.log(STAGE_FACTOR)))
    return largest ** (np.arange(n_stages)[::-1] / n_stages)


def _first(n_features: int) -> int:
    """Return how many features a working set starts with, and grows by at least."""
    return int(sqrt(FIRST * n_features))


def _rounds(
    problem: Problem,
    penalty: Penalty,
    working: WorkingGram,
    w: NDArray,
    n_iter: int,
    settings: Settings,
    is_last: bool,
) -> tuple[Certificate, int]:
    """Return the best point from w (p,) on: within tol if `is_last`, else within SHRINK."""
    tol = settings.tol if is_last else SHRINK
    target_gap = tol * 0.5 * problem.target_norm2
    best, stalls, fresh = None, 0, True
    while True:
        point = certify(problem, penalty, w, tol)
        stalls = 0 if best is None or point.gap < 0.5 * best.gap else stalls + 1
        best = point if best is None or point.gap < best.gap else best
        if settings.verbose:
            print(f"newton: step {n_iter}, {len(working.features)} features, gap {point.gap:.3e}")
        # A start within tol may be right to a few digits only: unless its gap is 0, it takes one
        # round all the same.
        done = best.gap <= (0.0 if fresh else target_gap)
        if done or stalls >= STALLS or n_iter >= settings.max_iter:
            return best, n_iter
        new = _violators(penalty, working, point)
        working.add(new)
        # The descent takes no features without an L1 penalty.
        finishes = (is_last and len(new) <= FEW * len(working.features)) or not penalty.limit.all()
        aim = SHRINK * float(max(point.gap, target_gap))
        left = settings.max_iter - n_iter
        w, steps = _round(problem, penalty, working, point, aim, finishes, left)
        n_iter, fresh = n_iter + steps, False


def _violators(penalty: Penalty, working: WorkingGram, point: Certificate) -> NDArray:
    """Return the features outside the working set that should join it (m,), in no order."""
    outside = ~penalty.excluded
    outside[working.features] = False
    excess = penalty.excess(point.correlation)
    # Features in the support or without an L1 penalty must be in play.
    excess[(point.w != 0) | (penalty.limit == 0)] = np.inf
    most = max(_first(len(excess)), int(np.count_nonzero(point.w)))
    candidates = np.flatnonzero(outside & (excess > (0.0 if len(working.features) else -np.inf)))
    if len(candidates) > most:
        most += int(np.count_nonzero(np.isinf(excess[candidates])))
        worst = np.argpartition(-excess[candidates], min(most, len(candidates)) - 1)[:most]
        candidates = candidates[worst]
    return candidates


def _round(
    problem: Problem,
    penalty: Penalty,
    working: WorkingGram,
    point: Certificate,
    aim: float,
    finishes: bool,
    max_steps: int,
) -> tuple[NDArray, int]:
    """Return w (p,) at a gap of about `aim` on the working set, or exact; and the steps taken."""
    S, norm2 = working.features, float(problem.target_norm2)
    on_set = Penalty(penalty.l1[S], np.zeros(len(S)), penalty.positive)
    x, steps, columns = point.w[S], 1, None
    if len(S) > GRAM_SIDE and not penalty.has_ridge and penalty.l1[S].all():
        columns = problem.sparse_columns(S)
    if columns is not None:
        lasso = ColumnLasso(columns, on_set)
        may_multiply = finishes and len(S) <= GRAM_LAST
        epochs = EPOCHS if may_multiply else 10 * EPOCHS
        x, run = descend(lasso, x, aim / norm2, norm2, epochs)
        finishes = may_multiply and run >= epochs  # the descent is slow here
    if columns is None or finishes:
        H = add_to_diagonal(working.gram().copy(), penalty.ridge[S])
        c = point.correlation[S] - penalty.ridge[S] * point.w[S] + H @ point.w[S]
        quadratic = Quadratic(H, c, on_set)
        x, _ = descend(quadratic, x, aim / norm2, norm2, EPOCHS)
        if finishes:
            x, steps = solve_active_set(quadratic, x, ACCURACY * sqrt(norm2), max_steps)
    w = np.zeros_like(point.w)
    w[S] = np.maximum(x, 0.0) if penalty.positive else x
    return w, max(steps, 1)
