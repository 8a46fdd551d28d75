"""The exact finish of the L1 solver: a small dense problem, from a start close to its optimum.

    minimise 1/2 x'H x - c'x + sum l1_j |x_j|          (x >= 0 if positive)

Given the signs and the support J of x the optimum is one solve with H_JJ. Full Newton steps solve,
look which signs the optimality conditions ask for now, and solve again until the conditions hold.
If no fewer signs change than the time before, a proximal point step comes in between,

    x <- argmin of the objective + |. - x|_M^2 / (2 sigma),    M = diag(H),

found by semismooth Newton in the dual: for v, u = x + sigma M^-1 (c - H v), z = prox(u) and J the
support of z, one solve with H_JJ + M_JJ / sigma, and Armijo's rule on the merit
v'H v / 2 + |z|_M^2 / (2 sigma) (Li, Sun & Toh, SIAM J. Optim. 2018). It is exact once the signs of
z stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from .._linalg import EPS
from .threads import factoring

SIGMA_FIRST, SIGMA_GROWTH, SIGMA_LAST, SIGMA_RETREAT = 1e3, 10.0, 1e9, 100.0
SIGMA_FULL, SIGMA_UNDAMPED = 1e9, 1e12  # of full steps; the latter where signs have settled
NEWTON_STEPS = 30  # of one proximal step
PROXIMAL_STEPS = 20
SMALLEST_STEP = 1e-6


@dataclass(frozen=True)
class Quadratic:
    """The problem: `H` (k, k), `c` (k,), `l1` (k,)."""

    H: NDArray
    c: NDArray
    l1: NDArray
    positive: bool

    @cached_property
    def metric(self) -> NDArray:
        """The diagonal M (k,) of H; 1 for a zero column, which has no use for any."""
        diagonal = self.H.diagonal()
        return np.where(diagonal > 0, diagonal, 1.0)

    def prox(self, u: NDArray, threshold: NDArray) -> NDArray:
        """Return u (k,) shrunk towards zero by threshold (k,)."""
        above = np.maximum(u - threshold, 0.0)
        return above if self.positive else above + np.minimum(u + threshold, 0.0)

    def newton_point(self, signs: NDArray, x: NDArray, sigma: float) -> NDArray:
        """Return argmin (k,) among the given signs of the objective + |. - x|_M^2 / (2 sigma)."""
        point = np.zeros_like(x)
        J = np.flatnonzero(signs)
        if len(J):
            damping = self.metric[J] / sigma
            system = self.H[J[:, None], J]
            system.flat[:: len(J) + 1] += damping
            target = self.c[J] + damping * x[J] - self.l1[J] * signs[J]
            with factoring(len(J)):  # .T below: as LAPACK has it
                point[J] = dposv(system.T, target, lower=1, overwrite_a=1)[1]
        return point


def finish(problem: Quadratic, x: NDArray, accuracy: float, budget: int) -> tuple[NDArray, int]:
    """Return the minimiser (k,), to `accuracy` in units of x'H x, from x; and the Newton steps."""
    sigma, steps = SIGMA_FIRST, 0
    x = np.where(problem.H.diagonal() > 0, x, 0.0)  # what a zero column is given costs, if anything
    full, taken = _full_steps(problem, x, accuracy, budget)
    steps += taken
    for _ in range(PROXIMAL_STEPS):
        if full is not None or steps >= budget:
            break
        near, taken = _proximal_step(problem, x, sigma, budget - steps)
        steps += taken
        if near is None:  # too long a way for one step
            sigma /= SIGMA_RETREAT
            continue
        # The step over sigma is the violation of the optimality conditions.
        if np.all(problem.metric * (near - x) ** 2 <= (sigma * accuracy) ** 2):
            return near, steps
        x, sigma = near, min(sigma * SIGMA_GROWTH, SIGMA_LAST)
        full, taken = _full_steps(problem, x, accuracy, budget - steps)
        steps += taken
    return (x if full is None else full), steps


def _full_steps(
    problem: Quadratic, start: NDArray, accuracy: float, budget: int
) -> tuple[NDArray | None, int]:
    """Solve for the signs that x (k,) asks for until it is optimal; None if that leads astray."""
    threshold = problem.l1 / problem.metric
    x, signs, sigma = start, None, SIGMA_FULL
    changes_before, violation_before = len(start) + 1, np.inf
    for step in range(budget + 1):
        z = problem.prox(x + (problem.c - problem.H @ x) / problem.metric, threshold)
        wanted = np.sign(z)
        if signs is not None:
            # z - x is the violation of the optimality conditions. It decides, not the signs: where
            # columns tie these never settle, where H is all but singular they settle too early.
            violation = np.max(np.abs(z - x) * np.sqrt(problem.metric), initial=0.0)
            if violation <= accuracy:
                return x, step
            changes = np.count_nonzero(wanted != signs)
            if changes >= changes_before and (changes or violation > 0.5 * violation_before):
                break
            if changes == 0:  # the damping is all that is left to take away
                start = x
                sigma = sigma if violation < 0.1 * violation_before else SIGMA_UNDAMPED
            changes_before, violation_before = changes, violation
        if step == budget:
            break
        signs = wanted
        x = problem.newton_point(signs, start, sigma)
    return None, step


def _proximal_step(
    problem: Quadratic, x: NDArray, sigma: float, budget: int
) -> tuple[NDArray | None, int]:
    """Return argmin (k,) of the objective + |. - x|_M^2 / (2 sigma), or None; and the steps."""
    H, metric = problem.H, problem.metric
    step_size = sigma / metric
    threshold = step_size * problem.l1
    shifted = x + step_size * problem.c

    def look(v: NDArray, Hv: NDArray) -> tuple[NDArray, float]:
        """Return z (k,) and the merit at v (k,)."""
        z = problem.prox(shifted - step_size * Hv, threshold)
        return z, 0.5 * (v @ Hv + (metric * z) @ z / sigma)

    # The optimum for the signs of x is the better start, if the signs are about right.
    starts = [(v, H @ v) for v in (x, problem.newton_point(np.sign(x), x, sigma))]
    (v, Hv), (z, merit) = min(
        ((start, look(*start)) for start in starts), key=lambda candidate: candidate[1][1]
    )
    for step in range(1, max(1, min(NEWTON_STEPS, budget)) + 1):
        newton = problem.newton_point(np.sign(z), x, sigma)
        direction = newton - v
        H_direction = H @ direction
        slope = (v - z) @ H_direction
        size = 1.0
        while True:
            v_new, Hv_new = v + size * direction, Hv + size * H_direction
            z_new, merit_new = look(v_new, Hv_new)
            enough = merit + 1e-4 * size * slope + 10 * EPS * abs(merit)
            if merit_new <= enough or size < SMALLEST_STEP:
                break
            size *= 0.5
        if size == 1.0 and np.array_equal(np.sign(z_new), np.sign(z)):
            return newton, step
        v, Hv, z, merit = v_new, Hv_new, z_new, merit_new
    return None, step
