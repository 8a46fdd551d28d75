"""The exact solver of everything with an L1 part or a sign constraint.

    minimise 1/2 |b - A w|^2 + sum l1_j |w_j| + 1/2 sum ridge_j w_j^2          (w >= 0 if positive)

w is optimal iff every correlation q = A'(b - A w) - ridge w is l1_j sign(w_j) where w_j is not
zero, and within l1_j (positive: below it) where it is. Rounds of

1. the correlations of all features, taken on the data: they give the duality gap, and the worst
   violators, as many as the support has features, which join the working set (the support of a
   start joins whole);
2. on the working set, a few epochs of coordinate descent: cheap, and enough while the working set
   still changes. It takes the Gram matrix H = A'A + diag(ridge), or the columns of a sparse X;
3. once what the working set lacks is minor, the exact finish by Newton steps, see `finish.py`;
   sooner where coordinate descent gets nowhere on a working set that is still small. With
   thousands of sparse columns coordinate descent goes on first, for as long as they would take.

The linear term of each round comes from 1, so that rounding in H is corrected. A start far from the
optimum is led there by stages: rounds at l1 weights that fall to the ones asked for, to a rough gap
only. The working set is kept with the view, for the next penalty along a path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution
from ..problem.kept_gram import KeptGram
from .descent import Columns, descend
from .finish import Quadratic, finish

WHOLE, WHOLE_WORK = 400, 2e8  # features, products, up to which all are in play from the start
WHOLE_SHARE = 0.5  # of the features, if there are no more than rows: from there on all join
LIKELY_SHARE = 0.8  # of them in play or violators: most of these will be in play
SMALL = 100  # features up to which all count as near the support
FIRST = 50  # features of the first working set otherwise
STAGE_FACTOR, STAGE_TOL = 10.0, 1e-2  # between the l1 weights of stages, and their relative gap
MINOR = 0.05  # excess over l1 of a feature outside, up to which the working set is settled
STALLS = 10  # rounds on a settled working set that do not halve the gap: given up after so many
FEW = 0.02  # share of the working set that joins it, up to which it is settled as well
SHRINK = 0.1  # of the gap that a round of coordinate descent aims at
EPOCHS, COLUMN_EPOCHS, COARSE_GAP = 100, 30, 1e-8  # of coordinate descent in a round
EARLY = 500  # features up to which Newton steps come sooner if coordinate descent runs out
GRAM_MOST = 1000  # features near the support for which the columns of a sparse X are multiplied
GRAM_LAST = 8000  # so many are, once coordinate descent has taken the time of Newton steps
LAST_EPOCHS, LAST_SHRINK = 1000, 1e-2  # of coordinate descent where it has to finish
FACTORED, MULTIPLIED = 0.02, 0.1  # per k^3 and k entries, in steps of coordinate descent per entry
ACCURACY = 1e3 * EPS  # of the correlations on the working set, relative to |b| |A_j|
NEAR = 0.7  # share of l1 from which a correlation may become support in the finish


@np.errstate(over="ignore", invalid="ignore")
def solve(view: Any, penalty: Penalty, start: NDArray, settings: Any) -> Solution:
    """Minimise over w (..., p), target by target, which share the working set.

    Where steps overflow, what was best before them is the answer, and its gap says how good it is.
    """
    if start.ndim == 1:
        return _solve_one(view, view.kept, penalty, start, settings)
    parts = [
        _solve_one(view.select_target(t), view.kept, penalty, w, settings)
        for t, w in enumerate(start)
    ]
    return Solution(
        np.array([part.coef for part in parts]).reshape(start.shape),
        np.array([part.dual_gap for part in parts]),
        max(part.n_iter for part in parts),
    )


@dataclass(frozen=True)
class _Point:
    """w (p,), A'(b - A w) (p,) and |b - A w|^2."""

    w: NDArray
    correlation: NDArray
    residual_norm2: NDArray


def _solve_one(
    view: Any, kept: KeptGram, penalty: Penalty, start: NDArray, settings: Any
) -> Solution:
    """Minimise over w (p,)."""
    if view.target_norm2 == 0:  # nothing to explain
        return Solution(np.zeros_like(start), np.zeros(()), 1)
    point, n_iter = _Point(start, *view.evaluate(start)), 0
    for factor in _stages(penalty, point):
        stage = replace(penalty, l1=factor * penalty.l1) if factor > 1.0 else penalty
        tol = STAGE_TOL if factor > 1.0 else settings.tol
        solution, point = _rounds(_WorkingSet(view, kept, stage), point, tol, n_iter, settings)
        n_iter = solution.n_iter
    return solution


def _stages(penalty: Penalty, point: _Point) -> NDArray:
    """Return by which factors to raise the l1 weights on the way, down to 1."""
    l1 = penalty.finite[0]
    few = len(l1) <= WHOLE or np.count_nonzero(penalty.excess(point.correlation) > 0) <= FIRST
    if few:
        return np.ones(1)
    share = penalty.directed(point.correlation[l1 > 0]) / l1[l1 > 0]
    largest = np.max(share, initial=1.0)
    n_stages = max(1, round(np.log(largest) / np.log(STAGE_FACTOR)))
    return largest ** (np.arange(n_stages)[::-1] / n_stages)


def _rounds(
    working: _WorkingSet, point: _Point, tol: float, n_iter: int, settings: Any
) -> tuple[Solution, _Point]:
    """Minimise from a point over w (p,) to a relative gap of `tol`, counting on from n_iter."""
    view, penalty = working.view, working.penalty
    target_gap, first = tol * 0.5 * view.target_norm2, n_iter
    best, best_point, stalls = Solution(point.w, np.asarray(np.inf), n_iter), point, 0
    while True:
        gap = penalty.dual_gap(point.w, working.settle(point), point.residual_norm2)
        if settings.verbose:
            print(f"newton: step {n_iter}, {len(working.features)} features, gap {gap:.3e}")
        stalls = 0 if gap < 0.5 * best.dual_gap else stalls
        if gap < best.dual_gap:
            best, best_point = Solution(point.w, gap, n_iter), point
        # What comes from elsewhere may be within tol, and its coefficients right to a few digits.
        done = gap <= target_gap and (n_iter > first or _is_optimal(view, penalty, point))
        lost = not np.isfinite(gap)
        if done or lost or n_iter >= settings.max_iter or stalls >= STALLS:
            return replace(best, n_iter=max(n_iter, 1)), best_point
        settled = working.grow(point) <= MINOR
        stalls += settled
        ends = settled and (tol < STAGE_TOL or stalls > 1)
        w, steps = _round(
            working, point, gap, target_gap, settled, ends, settings.max_iter - n_iter
        )
        n_iter += steps
        point = _Point(w, *view.evaluate(w))


def _round(
    working: _WorkingSet,
    point: _Point,
    gap: NDArray,
    target_gap: float,
    settled: bool,
    ends: bool,
    budget: int,
) -> tuple[NDArray, int]:
    """Return w (p,) after coordinate descent and Newton steps on the working set, and how many.

    The latter if the set is settled and the round `ends` a stage, or if the former is in vain.
    """
    norm2 = working.view.target_norm2
    inside = working.near(point)
    at = working.features[inside]
    problem = working.problem(inside, point)
    last_epochs = working.epochs_before_finish(problem)
    if settled and last_epochs:
        aim, epochs = max(LAST_SHRINK * gap, SHRINK * target_gap), last_epochs
    else:
        aim = max(SHRINK * gap, COARSE_GAP * norm2)
        epochs = COLUMN_EPOCHS if working.by_columns else EPOCHS
    x, run = descend(problem, point.w[at], aim / norm2, norm2, epochs)
    working.epochs += run * settled
    steps = 1
    # Where columns all but coincide, descent gets nowhere, and calls for ever more features.
    in_vain = run >= epochs and len(at) <= EARLY and not working.by_columns
    if (ends and not last_epochs) or in_vain:
        problem = working.quadratic(inside, point) if working.by_columns else problem
        x, taken = finish(problem, x, ACCURACY * np.sqrt(norm2), budget - 1)
        steps += taken
    w = np.zeros_like(point.w)
    # Where the minimiser is not unique, rounding may leave the wrong sign on what should be 0.
    w[at] = np.maximum(x, 0.0) if working.penalty.positive else x
    return w, steps


def _is_optimal(view: Any, penalty: Penalty, point: _Point) -> bool:
    """Whether a point meets the conditions of optimality as closely as the finish would."""
    norm2 = view.second_moments("mean" if view.fit_intercept else "zero") + penalty.finite[1]
    allowed = ACCURACY * np.sqrt(view.target_norm2 * norm2)
    return bool(np.all(np.abs(penalty.violation(point.w, point.correlation)) <= allowed))


@dataclass
class _WorkingSet:
    """The features in play under one penalty, and the problems on them."""

    view: Any
    kept: KeptGram
    penalty: Penalty

    def __post_init__(self) -> None:
        unpenalised = self.penalty.unpenalised
        self.rounding = unpenalised * self.view.rounding() if unpenalised.any() else None
        l1, ridge = self.penalty.finite
        plain = not ridge.any() and np.all((l1 > 0) | self.penalty.excluded)
        self.by_columns = plain and self.view.descends_by_columns
        self.epochs = 0  # of coordinate descent since it was to finish

    @property
    def features(self) -> NDArray:
        """The features in play (k,)."""
        return self.kept.features

    def settle(self, point: _Point) -> NDArray:
        """Return the correlations (p,) without the rounding of features that bear only a sign.

        With no penalty to compare with, the slightest correlation would do away with the gap.
        """
        if self.rounding is None:
            return point.correlation
        return self.penalty.settle(point.w, point.correlation, self.rounding)

    def grow(self, point: _Point) -> float:
        """Add the support of w and the worst violators; return the worst relative excess."""
        outside = ~self.penalty.excluded
        outside[self.features] = False
        if len(outside) <= WHOLE and self.view.gram_work <= WHOLE_WORK:
            self.kept.add(np.flatnonzero(outside), multiplied=not self.by_columns)
            return 0.0
        support = np.flatnonzero((point.w != 0) & outside)
        outside[support] = False
        excess = self.penalty.excess(point.correlation)
        violators = np.flatnonzero((excess > 0) & outside)
        lacking = 0.0
        if len(violators) >= FEW * len(self.features) and len(violators):
            l1 = self.penalty.l1[violators]
            lacking = np.max(excess[violators] / np.where(l1 > 0, l1, EPS))
        room, n_violators = max(FIRST, np.count_nonzero(point.w)), len(violators)
        if n_violators > room:
            worst = np.argpartition(excess[violators], n_violators - room)[-room:]
            violators = violators[worst]
        self._add(np.concatenate([support, violators]), n_violators)
        return lacking

    def _add(self, new: NDArray, n_violators: int) -> None:
        """Let the features `new` (m,) join; if these are many of few, all of them."""
        whole = np.flatnonzero(~self.penalty.excluded)
        k = len(self.features)
        many = k + len(new) > WHOLE_SHARE * len(whole)
        likely = k + n_violators > LIKELY_SHARE * len(whole)
        if (many or likely) and len(new) and self.view.is_tall and not self.by_columns:
            self.kept.take_whole(whole)
        else:
            self.kept.add(new, multiplied=not self.by_columns)

    def near(self, point: _Point) -> NDArray:
        """Return which of the features (k,) are in or near the support.

        What the others lack the next round sees.
        """
        at = self.features
        if len(at) <= SMALL:
            return np.arange(len(at))
        close = self.penalty.directed(point.correlation[at]) >= NEAR * self.penalty.l1[at]
        return np.flatnonzero(close | (point.w[at] != 0))

    def problem(self, inside: NDArray, point: _Point) -> Quadratic | Columns:
        """Return the problem on some of the features (k,), in the form that suits the descent."""
        if self.by_columns:
            at = self.features[inside]
            columns = self.view.sparse_columns(at)
            return Columns(*columns, self.penalty.l1[at], self.penalty.positive)
        return self.quadratic(inside, point)

    def epochs_before_finish(self, problem: Quadratic | Columns) -> int:
        """Return how many epochs of coordinate descent to go on for before Newton steps.

        With thousands of columns, as many as take the time of such steps.
        """
        k = len(problem.l1)
        if isinstance(problem, Quadratic) or k <= GRAM_MOST:
            return 0
        if k > GRAM_LAST:
            return LAST_EPOCHS
        worth = int(FACTORED * k**3 / max(problem.X.nnz, 1) + MULTIPLIED * k)
        return min(max(worth - self.epochs, 0), LAST_EPOCHS)

    def quadratic(self, inside: NDArray, point: _Point) -> Quadratic:
        """Return the problem on some of the features (k,), with their Gram matrix."""
        at = self.features[inside]
        ridge, w = self.penalty.ridge[at], point.w[at]
        if self.by_columns:
            H = self.view.block(at)
        elif len(at) == len(self.features):
            H = self.kept.gram.copy() if ridge.any() else self.kept.gram
        else:
            H = self.kept.gram[inside[:, None], inside]
        if ridge.any():
            H.flat[:: len(at) + 1] += ridge
        c = point.correlation[at] - ridge * w + H @ w
        c = np.where(H.diagonal() > 0, c, 0.0)  # a zero column's is rounding, and nothing stops it
        return Quadratic(H, c, self.penalty.l1[at], self.penalty.positive)
