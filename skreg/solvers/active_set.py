"""The exact finish of the L1 solver on a working set, from a start whose signs are almost right.

    minimise 1/2 x'H x - c'x + sum_j l1_j |x_j|          (x >= 0 if positive)

Given the support J of x and its signs s, the optimum is one linear system,
H_JJ x_J = c_J - l1_J s_J. Newton steps take the signs that a proximal gradient step from x asks for
and solve that system, until the conditions of optimality hold (a semismooth Newton method, also
known as the primal-dual active set method: Hintermueller, Ito & Kunisch, 2002).

Where they cycle, as they may if J has about as many features as the data have rows, a proximal
point step brings x closer,

    x <- argmin of the objective + |. - x|_D^2 / (2 sigma),    D = diag(H),

by semismooth Newton steps in the dual, which a line search makes converge: with u = x + sigma
D^-1 (c - H v) and z = prox(u), they minimise v'H v / 2 + |z|_D^2 / (2 sigma) over v (Li, Sun &
Toh, SIAM J. Optim. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from .._objective import Penalty, add_to_diagonal

SIGMA, GROWTH = 1e3, 10.0  # of the first proximal step, and from one to the next
FULL = 1e10  # sigma of a Newton step: columns that differ by 1e-5 of their size count as equal
STEPS = 30  # Newton steps of one proximal step, and proximal steps; 2 to 8 were the rule


@dataclass(frozen=True)
class Quadratic:
    """The problem of `H` (k, k), `c` (k,) and the weights l1 (k,) of `penalty`, without a ridge."""

    H: NDArray
    c: NDArray
    penalty: Penalty

    @cached_property
    def scale(self) -> NDArray:
        """The diagonal D (k,) of H; 1 for a column of zeros."""
        D = self.H.diagonal()
        return np.where(D > 0, D, 1.0)

    def gradient_step(self, x: NDArray) -> tuple[NDArray, float]:
        """Return a proximal gradient step from x (k,), and its largest length in units of A x."""
        z = self.penalty.prox(x + (self.c - self.H @ x) / self.scale, 1.0 / self.scale)
        return z, float(np.max(np.abs(z - x) * np.sqrt(self.scale), initial=0.0))

    def newton_point(self, signs: NDArray, x: NDArray, sigma: float) -> NDArray:
        """Return argmin (k,) among these signs (k,) of the objective + |. - x|_D^2 / (2 sigma)."""
        J = np.flatnonzero(signs)
        damping = self.scale[J] / sigma
        system = add_to_diagonal(self.H[np.ix_(J, J)], damping)
        point = np.zeros_like(x)
        target = self.c[J] - self.penalty.l1[J] * signs[J] + damping * x[J]
        if len(J):  # half the operations of np.linalg.solve; .T, as LAPACK has it
            point[J] = dposv(system.T, target, lower=1, overwrite_a=1)[1]
        return point


def solve_active_set(
    problem: Quadratic, x: NDArray, accuracy: float, max_steps: int
) -> tuple[NDArray, int]:
    """Return the minimiser (k,), to `accuracy` in units of A x, from x (k,); and the steps.

    After `max_steps`, or `STEPS` proximal ones, the last x is returned.
    """
    sigma, n_steps = SIGMA, 0
    for _ in range(STEPS):
        if n_steps >= max_steps:
            break
        full, taken, is_optimal = _newton_steps(problem, x, accuracy)
        n_steps += taken
        if is_optimal:
            return full, n_steps
        near, taken = _proximal_step(problem, x, sigma)
        n_steps += taken
        # The length of the step over sigma is the violation of the conditions of optimality.
        if np.all(problem.scale * (near - x) ** 2 <= (sigma * accuracy) ** 2):
            return near, n_steps
        x, sigma = near, min(sigma * GROWTH, FULL)
    return x, n_steps


def _newton_steps(problem: Quadratic, start: NDArray, accuracy: float) -> tuple[NDArray, int, bool]:
    """Return x (k,) where Newton steps from a start end, their number, and whether x is optimal."""
    x, fewest, least = start, len(start) + 1, np.inf
    z, violation = problem.gradient_step(x)
    for step in range(STEPS):
        if violation <= accuracy:
            return x, step, True
        signs = np.sign(z)
        x = problem.newton_point(signs, x, FULL)
        z, violation = problem.gradient_step(x)
        changes = int(np.count_nonzero(np.sign(z) != signs))
        if changes >= fewest and violation > 0.5 * least:
            break  # the steps cycle
        fewest, least = min(changes, fewest), min(violation, least)
    return x, step + 1, violation <= accuracy


def _proximal_step(problem: Quadratic, x: NDArray, sigma: float) -> tuple[NDArray, int]:
    """Return argmin (k,) of the objective + |. - x|_D^2 / (2 sigma), and the Newton steps."""
    H, scale = problem.H, problem.scale
    step, shifted = sigma / scale, x + sigma / scale * problem.c

    def merit(v: NDArray, Hv: NDArray) -> tuple[NDArray, float]:
        """Return z (k,), and what the steps minimise at v (k,)."""
        z = problem.penalty.prox(shifted - step * Hv, step)
        return z, float(0.5 * (v @ Hv + (scale * z) @ z / sigma))

    v, Hv = x, H @ x
    z, value = merit(v, Hv)
    for n_steps in range(1, STEPS + 1):
        point = problem.newton_point(np.sign(z), x, sigma)
        direction = point - v
        H_direction = H @ direction
        slope, size = (v - z) @ H_direction, 1.0
        while True:
            z_new, value_new = merit(v + size * direction, Hv + size * H_direction)
            if value_new <= value + 1e-4 * size * slope + 1e-15 * abs(value) or size < 1e-6:
                break
            size *= 0.5
        if size == 1.0 and np.array_equal(np.sign(z_new), np.sign(z)):
            return point, n_steps
        v, Hv, z, value = v + size * direction, Hv + size * H_direction, z_new, value_new
    return z, n_steps
