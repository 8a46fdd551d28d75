"""The exact solver of everything with an L1 part or a sign constraint.

    minimise 1/2 |b - A w|^2 + sum l1_j |w_j| + 1/2 sum ridge_j w_j^2          (w >= 0 if positive)

w is optimal iff every correlation q = A'(b - A w) - ridge w is l1_j sign(w_j) where w_j is not
zero, and within l1_j (positive: below it) where it is. Rounds of

1. the correlations of all features, taken on the data: they give the duality gap, and the worst
   violators, which join the working set, at most doubling it;
2. on the working set, with H = A'A + diag(ridge) of its columns, a few epochs of coordinate
   descent: cheap, and enough while the working set still changes;
3. once what it lacks is minor, the exact finish. With the signs and the support J given, the
   optimum is one solve with H_JJ; full Newton steps guess, solve and check until the signs stay.
   Where they do not, proximal point steps damp them: w <- argmin of the objective plus
   |w - w_k|_M^2 / (2 sigma), M = diag(H), each by semismooth Newton in the dual: for u = w_k +
   sigma M^-1 (c - H v) and J the support of prox(u), one solve with H_JJ + M_JJ / sigma, and
   Armijo's rule (Li, Sun & Toh, SIAM J. Optim. 2018). Growing sigma ends at the optimum.

The linear term c of each round comes from 1, so that rounding in H is corrected.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from .._linalg import EPS
from .._objective import Penalty
from .._solution import Solution

WHOLE = 400  # features up to which the working set is all of them from the start
FIRST = 50  # features of the first working set otherwise
MINOR = 0.05  # excess over l1 of a feature outside, up to which the working set is settled
STALLS = 10  # rounds on a settled working set that do not halve the gap: given up after so many
EPOCHS, COARSE_GAP = 100, 1e-8  # of coordinate descent in a round
FULL_STEPS, SIGMA_FULL = 10, 1e12  # all but undamped, which singular systems would not bear
NEWTON_STEPS = 30  # per proximal step
PROXIMAL_STEPS = 20
SIGMA_FIRST, SIGMA_GROWTH, SIGMA_LAST, SIGMA_RETREAT = 1e4, 10.0, 1e9, 100.0


def solve(view: Any, penalty: Penalty, start: NDArray, settings: Any) -> Solution:
    """Minimise over w (..., p), target by target."""
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
        stalls = 0 if gap < 0.5 * best.dual_gap else stalls + 1
        if gap < best.dual_gap:
            best = Solution(w, gap, n_iter)
        if gap <= target_gap or n_iter >= settings.max_iter or stalls >= STALLS:
            return Solution(best.coef, best.dual_gap, max(n_iter, 1))
        lacking = working.grow(w, correlation)
        stalls = 0 if lacking > MINOR else stalls
        w = working.descend(w)
        n_iter += 1
        if lacking <= MINOR and n_iter < settings.max_iter:
            w, steps = working.finish(w, settings.max_iter - n_iter)
            n_iter += steps


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
        if len(new):
            corner = self.view.block(new)
            corner.flat[:: len(new) + 1] += self.penalty.ridge[new]
            if len(self.features):
                side = self.view.block(self.features, new)
                corner = np.block([[self.H, side], [side.T, corner]])
            self.H = corner
            self.features = np.concatenate([self.features, new])
            self.l1 = self.penalty.l1[self.features]
            # Unit steps for a zero column, which has no use for any.
            diagonal = self.H.diagonal()
            self.metric = np.where(diagonal > 0, diagonal, 1.0)
        self.c = correlation[self.features] - self.penalty.ridge[self.features] * w[self.features]
        self.c += self.H @ w[self.features]
        return lacking

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
        return lacking, np.concatenate([support, violators])

    def descend(self, w: NDArray) -> NDArray:
        """Return w (p,) after a few epochs of scikit-learn's coordinate descent.

        It knows one penalty for all, hence the division by l1; and with the Gram matrix given, of
        the data it reads the shape and y'y only.
        """
        l1 = self.l1
        if not len(l1) or not np.all(l1 > 0):
            return w
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, path, _ = enet_path(
                np.zeros((1, len(l1)), order="F"),
                np.array([np.sqrt(self.view.target_norm2)]),
                l1_ratio=1.0,
                alphas=[1.0],
                precompute=self.H / np.outer(l1, l1),
                Xy=self.c / l1,
                coef_init=w[self.features] * l1,
                positive=self.penalty.positive,
                check_input=False,
                max_iter=EPOCHS,
                tol=COARSE_GAP,
            )
        return self._scatter(path[:, 0] / l1, w)

    def finish(self, w: NDArray, budget: int) -> tuple[NDArray, int]:
        """Return the optimum (p,) on the working set, up to rounding, and the Newton steps."""
        x = w[self.features]
        exact, steps = self._full_steps(x, min(FULL_STEPS, budget))
        if exact is None:
            exact, more = self._proximal_steps(x, budget - steps)
            steps += more
        return self._scatter(exact, w), steps

    def _full_steps(self, x: NDArray, most: int) -> tuple[NDArray | None, int]:
        """Solve for the signs that x (k,) suggests, until they stay; None if they do not."""
        threshold, signs = self.l1 / self.metric, None
        for step in range(most + 1):
            z = self._prox(x + (self.c - self.H @ x) / self.metric, threshold)
            signs, before = np.sign(z), signs
            if before is not None and np.array_equal(signs, before):
                return x, step
            x = self._newton_point(z, self.c + self.metric * x / SIGMA_FULL, SIGMA_FULL)
        return None, most

    def _proximal_steps(self, x: NDArray, budget: int) -> tuple[NDArray, int]:
        """Take proximal point steps from x (k,) to a fixed point; return the Newton steps too."""
        sigma, steps = SIGMA_FIRST, 0
        tolerance = EPS * np.sqrt(self.metric * self.view.target_norm2)
        for _ in range(PROXIMAL_STEPS):
            before = x
            x, taken = self._proximal_step(before, sigma, budget - steps)
            steps += taken
            if x is None:  # too long a way for one step
                x, sigma = before, sigma / SIGMA_RETREAT
                continue
            # The step over sigma is the violation of the optimality conditions at x.
            violation = self.metric * np.abs(x - before) / sigma
            if np.all(violation <= tolerance) or steps >= budget:
                break
            # Signs that stay make the problem linear: the next step may be the last.
            settled = np.array_equal(np.sign(x), np.sign(before))
            sigma = SIGMA_LAST if settled else min(sigma * SIGMA_GROWTH, SIGMA_LAST)
        return x, steps

    def _proximal_step(self, x: NDArray, sigma: float, budget: int) -> tuple[NDArray | None, int]:
        """Return argmin of the objective plus |. - x|_M^2 / (2 sigma), or None; and the steps."""
        step_size = sigma / self.metric
        threshold = step_size * self.l1
        shifted = x + step_size * self.c

        def merit(v: NDArray, Hv: NDArray, z: NDArray) -> float:
            return 0.5 * (v @ Hv + (self.metric * z) @ z / sigma)

        v, Hv = x, self.H @ x
        z = self._prox(shifted - step_size * Hv, threshold)
        value = merit(v, Hv, z)
        for step in range(1, max(1, min(NEWTON_STEPS, budget)) + 1):
            newton = self._newton_point(z, shifted / step_size, sigma)
            direction = newton - v
            H_direction = self.H @ direction
            slope = (v - z) @ H_direction
            size = 1.0
            while True:
                v_new, Hv_new = v + size * direction, Hv + size * H_direction
                z_new = self._prox(shifted - step_size * Hv_new, threshold)
                value_new = merit(v_new, Hv_new, z_new)
                enough = value + 1e-4 * size * slope + 10 * EPS * abs(value)
                if value_new <= enough or size < 1e-6:
                    break
                size *= 0.5
            stayed = size == 1.0 and np.array_equal(np.sign(z_new), np.sign(z))
            v, Hv, z, value = v_new, Hv_new, z_new, value_new
            if stayed:
                return newton, step
        return None, step

    def _newton_point(self, z: NDArray, target: NDArray, sigma: float) -> NDArray:
        """Solve (H_JJ + M_JJ / sigma) v_J = target_J - l1_J sign(z_J) for v (k,), J = {z != 0}."""
        point = np.zeros_like(z)
        J = np.flatnonzero(z)
        if len(J):
            system = self.H[J[:, None], J]
            system.flat[:: len(J) + 1] += self.metric[J] / sigma
            right = target[J] - self.l1[J] * np.sign(z[J])
            point[J] = dposv(system, right, lower=0, overwrite_a=1)[1]
        return point

    def _prox(self, u: NDArray, threshold: NDArray) -> NDArray:
        """Return u (k,) shrunk by threshold (k,) towards zero."""
        above = np.maximum(u - threshold, 0.0)
        return above if self.penalty.positive else above + np.minimum(u + threshold, 0.0)

    def _scatter(self, x: NDArray, like: NDArray) -> NDArray:
        """Return the vector (p,) that is x (k,) on the working set and zero elsewhere."""
        w = np.zeros_like(like)
        # Where the minimiser is not unique, rounding may leave the wrong sign on what should be 0.
        w[self.features] = np.maximum(x, 0.0) if self.penalty.positive else x
        return w
