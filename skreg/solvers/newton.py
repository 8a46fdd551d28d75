"""The exact solver of everything with an L1 part or a sign constraint.

    minimise 1/2 |b - A w|^2 + sum l1_j |w_j| + 1/2 sum ridge_j w_j^2          (w >= 0 if positive)

w is optimal iff every correlation q = A'(b - A w) - ridge w is l1_j sign(w_j) where w_j is not
zero, and within l1_j (positive: below it) where it is. Rounds of

1. the correlations of all features, taken on the data: they give the duality gap, and the worst
   violators, which join the working set, at most doubling it (the support of a start joins whole);
2. on the working set, a few epochs of coordinate descent: cheap, and enough while the working set
   still changes. It takes the Gram matrix H = A'A + diag(ridge), or the columns of a sparse X;
3. once what the working set lacks is minor, the exact finish by Newton steps, see `finish.py`. With
   thousands of sparse columns H is the wrong object, and coordinate descent goes on to the end.

The linear term of each round comes from 1, so that rounding in H is corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution
from .descent import Columns, descend
from .finish import Quadratic, finish

WHOLE = 400  # features up to which the working set is all of them from the start
SMALL = 100  # features up to which all count as near the support
FIRST = 50  # features of the first working set otherwise
MINOR = 0.05  # excess over l1 of a feature outside, up to which the working set is settled
STALLS = 10  # rounds on a settled working set that do not halve the gap: given up after so many
FEW = 0.02  # share of the working set that joins it, up to which it is settled as well
SHRINK = 0.1  # of the gap that a round of coordinate descent aims at
EPOCHS, COARSE_GAP = 100, 1e-8  # of coordinate descent in a round
GRAM_MOST = 1000  # features near the support for which the columns of a sparse X are multiplied
STUCK, GRAM_LAST = 3, 8000  # stalls after which so many are tried all the same
LAST_EPOCHS = 1000  # of coordinate descent where there are more, which it has to finish
ACCURACY = 1e3 * EPS  # of the correlations on the working set, relative to |b| |A_j|
NEAR = 0.7  # share of l1 from which a correlation may become support in the finish


@np.errstate(over="ignore", invalid="ignore")
def solve(view: Any, penalty: Penalty, start: NDArray, settings: Any) -> Solution:
    """Minimise over w (..., p), target by target. Where steps overflow, the gap is that before."""
    if start.ndim == 1:
        return _solve_one(view, penalty, start, settings)
    parts = [
        _solve_one(view.select_target(t), penalty, start[t], settings) for t in range(len(start))
    ]
    return Solution(
        np.array([part.coef for part in parts]).reshape(start.shape),
        np.array([part.dual_gap for part in parts]),
        max(part.n_iter for part in parts),
    )


def _solve_one(view: Any, penalty: Penalty, w: NDArray, settings: Any) -> Solution:
    """Minimise over w (p,)."""
    target_gap = settings.tol * 0.5 * view.target_norm2
    working = _WorkingSet(view, penalty)
    best, stalls, n_iter = Solution(w, np.asarray(np.inf), 0), 0, 0
    while True:
        correlation, residual_norm2 = view.evaluate(w)
        gap = penalty.dual_gap(w, working.settle(w, correlation), residual_norm2)
        if settings.verbose:
            print(f"newton: step {n_iter}, {len(working.features)} features, gap {gap:.3e}")
        stalls = 0 if gap < 0.5 * best.dual_gap else stalls
        if gap < best.dual_gap:
            best = Solution(w, gap, n_iter)
        lost = not np.isfinite(gap)
        if lost or gap <= target_gap or n_iter >= settings.max_iter or stalls >= STALLS:
            return Solution(best.coef, best.dual_gap, max(n_iter, 1))
        settled = working.grow(w, correlation) <= MINOR
        stalls += settled
        at = working.near(w, correlation)
        most = GRAM_MOST if stalls < STUCK else GRAM_LAST
        can_finish = not working.by_columns or len(at) <= most
        problem = working.problem(at, w, correlation)
        if settled and not can_finish:
            aim, epochs = SHRINK * target_gap, LAST_EPOCHS
        else:
            aim, epochs = max(SHRINK * gap, COARSE_GAP * view.target_norm2), EPOCHS
        x = descend(problem, w[at], aim / view.target_norm2, view.target_norm2, epochs)
        n_iter += 1
        if settled and can_finish:
            problem = working.quadratic(at, w, correlation) if working.by_columns else problem
            accuracy = ACCURACY * np.sqrt(view.target_norm2)
            x, steps = finish(problem, x, accuracy, settings.max_iter - n_iter)
            n_iter += steps
        w = np.zeros_like(w)
        # Where the minimiser is not unique, rounding may leave the wrong sign on what should be 0.
        w[at] = np.maximum(x, 0.0) if penalty.positive else x


@dataclass
class _WorkingSet:
    """The features (k,) in play and the problem on them: min 1/2 x'H x - c'x + sum l1_j |x_j|."""

    view: Any
    penalty: Penalty
    features: NDArray = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    H: NDArray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        unpenalised = self.penalty.unpenalised
        self.rounding = unpenalised * self.view.rounding() if unpenalised.any() else None
        l1, ridge = self.penalty.finite
        plain = not ridge.any() and np.all((l1 > 0) | self.penalty.excluded)
        self.by_columns = plain and self.view.descends_by_columns

    def settle(self, w: NDArray, correlation: NDArray) -> NDArray:
        """Return the correlations (p,) without the rounding of features that bear only a sign.

        With no penalty to compare with, the slightest correlation would do away with the gap.
        """
        if self.rounding is None:
            return correlation
        return self.penalty.settle(w, correlation, self.rounding)

    def grow(self, w: NDArray, correlation: NDArray) -> float:
        """Add the support of w (p,) and the worst violators; return the worst relative excess."""
        lacking, new = self._candidates(w, correlation)
        if len(new) and not self.by_columns:
            corner = self.view.block(new)
            corner.flat[:: len(new) + 1] += self.penalty.ridge[new]
            if len(self.features):
                side = self.view.block(self.features, new)
                corner = np.block([[self.H, side], [side.T, corner]])
            self.H = corner
        self.features = np.concatenate([self.features, new])
        return lacking

    def near(self, w: NDArray, correlation: NDArray) -> NDArray:
        """Return the features (k,) in or near the support: what others lack the next round sees."""
        at = self.features
        if len(at) <= SMALL:
            return at
        close = self.penalty.directed(correlation[at]) >= NEAR * self.penalty.l1[at]
        return at[close | (w[at] != 0)]

    def problem(self, at: NDArray, w: NDArray, correlation: NDArray) -> Quadratic | Columns:
        """Return the problem on the features `at` (k,) in the form that suits the descent."""
        if self.by_columns:
            return Columns(
                *self.view.sparse_columns(at), self.penalty.l1[at], self.penalty.positive
            )
        return self.quadratic(at, w, correlation)

    def quadratic(self, at: NDArray, w: NDArray, correlation: NDArray) -> Quadratic:
        """Return the problem on the features `at` (k,), with the Gram matrix of their columns."""
        ridge = self.penalty.ridge[at]
        if self.by_columns:
            H = self.view.block(at)
        elif len(at) == len(self.features):
            H = self.H
        else:
            inside = np.flatnonzero(np.isin(self.features, at))
            H = self.H[inside[:, None], inside]
        c = correlation[at] - ridge * w[at] + H @ w[at]
        c = np.where(H.diagonal() > 0, c, 0.0)  # a zero column's is rounding, and nothing stops it
        return Quadratic(H, c, self.penalty.l1[at], self.penalty.positive)

    def _candidates(self, w: NDArray, correlation: NDArray) -> tuple[float, NDArray]:
        """Return the worst excess over l1 outside, relative to l1, and the features to add."""
        if len(w) <= WHOLE:
            new = np.flatnonzero(~self.penalty.excluded) if not len(self.features) else []
            return 0.0, np.asarray(new, dtype=np.intp)
        outside = np.ones(len(w), dtype=bool)
        outside[self.features] = False
        support = np.flatnonzero((w != 0) & outside)
        outside[support] = False
        excess = self.penalty.excess(correlation)
        violators = np.flatnonzero((excess > 0) & outside)
        lacking = 0.0
        if len(violators):
            l1 = self.penalty.l1[violators]
            lacking = np.max(excess[violators] / np.where(l1 > 0, l1, EPS))
        room = max(FIRST, len(self.features), len(support))
        if len(violators) > room:
            worst = np.argpartition(excess[violators], len(violators) - room)[-room:]
            violators = violators[worst]
        if len(violators) < FEW * len(self.features):
            lacking = 0.0
        return lacking, np.concatenate([support, violators])
