"""The exact lasso path of a table from its Gram matrix, by pivoting (LARS-lasso, the homotopy).

    minimise 1/2 w'G w - c'w + t sum_j v_j |w_j|        for every t from the largest down to `end`

With the correlations q = c - G w, w is optimal if q_j = t v_j s_j where w_j is not zero (s_j is its
sign), and |q_j| <= t v_j elsewhere. Let J be the active features. Their w_j and the q_j of all
others are the values y; between two kinks of the path they are linear in t, with slopes d, so a
kink is where the first of them meets its bound: a w_j falls to zero and leaves J, or a q_j grows to
t v_j or -t v_j and enters. Both are the same exchange of w_j and q_j in the tableau M (the sweep
operator: M_JJ = -G_JJ^-1, M_NJ = G_NJ G_JJ^-1, M_NN the Schur complement), which takes p^2
operations. Features with v_j = 0 enter at the start and stay.

References: Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20; Efron, Hastie, Johnstone &
Tibshirani (2004), Annals of Statistics 32; Cottle, Pang & Stone (1992), The Linear Complementarity
Problem, section 4.5 (parametric principal pivoting).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from .._objective import Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..problem.protocol import ALL, Problem
from .certificate import ACCURACY

# Share of a column's norm^2 that the active ones must leave of it. Below it, a pivot would divide
# by rounding errors: a column that is the sum of others leaves 1e-15 or less.
INDEPENDENT = 1e-11
# Numbers that one call of BLAS changes. Above 8192, OpenBLAS wakes its other threads. On two cores
# that other programs use as well, a search over 239 columns took 10 to 100 times as long with them.
ONE_THREAD = 8192
TINY = 1e-300  # a distance to divide by in place of 0; speeds over it do not overflow


def solve(problem: Problem, penalty: Penalty, start: object, settings: Settings) -> Solution:
    """Minimise over w (..., p), target by target; the path needs no start."""
    G = add_to_diagonal(problem.gram(ALL), penalty.finite[1])
    targets = problem.cross.reshape(-1, problem.n_features)
    coef, n_iter = np.zeros_like(targets), 1
    for row, c in zip(coef, targets, strict=True):
        w, kinks = minimiser(G, c, penalty.l1, penalty.positive)
        if w is None:
            raise np.linalg.LinAlgError("The path does not end.")
        row[:], n_iter = w, max(n_iter, kinks)
    return Solution(coef.reshape(problem.coef_shape), n_iter=n_iter)


def minimiser(G: NDArray, c: NDArray, l1: NDArray, positive: bool) -> tuple[NDArray | None, int]:
    """Return argmin_w of w'G w / 2 - c'w + sum_j l1_j |w_j| (p,), or None; and the kinks passed."""
    v = l1
    if positive:  # a path starts from w = 0, so all features need a weight, be it one of rounding
        norms = np.sqrt(G.diagonal())
        target = np.divide(c, norms, where=norms > 0, out=np.zeros_like(c)).max(initial=0.0)
        v = np.maximum(l1, ACCURACY * target * norms)
    path = lasso_path(G, c, v, 1.0, positive)
    if path is None:
        return None, 0
    w = path.coefs[-1].copy()
    if positive:  # so long a path ends near t = 1 only to a few digits
        J = np.flatnonzero(w)
        with suppress(np.linalg.LinAlgError):
            w[J] = np.linalg.solve(G[np.ix_(J, J)], c[J] - l1[J])
    return w, len(path.knots) - 1


@dataclass(frozen=True)
class Path:
    """A piecewise linear path: `knots` (m,), descending, and the `coefs` (m, p) there.

    `features` (m,) says which feature j enters at each knot, ~j if it leaves, and p if none does.
    """

    knots: NDArray
    coefs: NDArray
    features: NDArray

    def at(self, strengths: NDArray) -> NDArray:
        """Return the coefficients (k, p) at strengths (k,), by interpolation."""
        if len(self.knots) == 1:
            return np.repeat(self.coefs, len(strengths), axis=0)
        after = np.searchsorted(-self.knots[1:-1], -strengths) + 1
        start, end = self.knots[after - 1], self.knots[after]
        share = (start - strengths) / np.maximum(start - end, TINY)
        share = np.minimum(np.maximum(share, 0.0), 1.0)[:, None]
        return self.coefs[after - 1] + share * (self.coefs[after] - self.coefs[after - 1])


def lasso_path(G: NDArray, c: NDArray, v: NDArray, end: float, positive: bool) -> Path | None:
    """Return the path for G (p, p), c (p,), v (p,) down to t = `end`; None if it does not end."""
    p, end = len(c), float(end)
    norms2 = G.diagonal().copy()
    T = np.empty((p + 2, p))
    T[:p], T[p], T[p + 1] = G, 0.0, c  # M, and below it the slopes d and the values y
    d, y = lines = T[p:]
    outside = (norms2 > 0) & np.isfinite(v)
    active = np.zeros(p, dtype=bool)
    for j in map(int, np.flatnonzero(outside & (v == 0))):
        outside[j] = False
        if T[j, j] > INDEPENDENT * norms2[j]:
            _exchange(T, j, T[:, j].copy())
            active[j] = True
    # y_j meets its bound where side_j y_j = t bound_j. Both are 0 for what never meets one.
    side, bound = outside.astype(float), np.where(outside, v, 0.0)
    pull = np.divide(y if positive else np.abs(y), v, where=outside, out=np.zeros(p))
    j = int(pull.argmax()) if p else 0
    t = max(float(pull.max(initial=0.0)), end)
    knots, coefs, features = [t], [y * active], [p]
    blocked: list[int] = []  # features that depend on the active ones
    while t > end and len(knots) < 20 * p + 50:
        row, weight = T[:, j].copy(), float(v[j])
        row[p + 1] = 0.0  # no value jumps, since y_j is at its bound
        if active[j]:  # j leaves, and what depended on it may enter again
            _exchange(T, j, row)
            y[j], bound[j] = -t * side[j] * weight, weight
            d[j] -= side[j] * weight
            outside[[j, *blocked]], side[[j, *blocked]] = True, 1.0
            active[j], features[-1], coefs[-1][j], blocked = False, ~j, 0.0, []
        elif row[j] > INDEPENDENT * norms2[j]:  # j enters
            side[j] = sign = -1.0 if positive or y[j] > 0 else 1.0
            row[p] += sign * weight
            _exchange(T, j, row)
            y[j], bound[j], outside[j] = 0.0, 0.0, False
            active[j], features[-1] = True, j
        else:
            outside[j], side[j] = False, 0.0
            blocked.append(j)
        if not positive:
            np.copysign(1.0, y - t * d, out=side, where=outside)
        # The step to a bound is room / speed; the largest inverse tells what meets its bound first.
        speed, room = side * lines
        np.subtract(bound, speed, out=speed)
        np.subtract(t * bound, room, out=room)
        np.maximum(room, TINY, out=room)
        if room[j] <= 10 * ACCURACY * t * weight:  # where the exchange has just put it
            room[j] = np.inf
        speed /= room
        j = int(speed.argmax())
        ends = speed[j] * (t - end) <= 1.0
        step = t - end if ends else 1.0 / float(speed[j])
        t = end if ends else t - step
        y -= step * d
        knots.append(t)
        coefs.append(y * active)
        features.append(p)
    if t > end:
        return None
    # Adding 0 makes a plain zero of -0, which is what y * active has for a negative y.
    return Path(np.array(knots), np.array(coefs) + 0.0, np.array(features))


def _exchange(T: NDArray, k: int, row: NDArray) -> None:
    """Exchange w_k and q_k in the tableau T (p + 2, p), in place; `row` is T[:, k]."""
    # One side of the symmetric M serves both, lest rounding let the two drift apart.
    pivot, p = float(row[k]), T.shape[1]
    scaled = row / abs(pivot)
    step = max(1, ONE_THREAD // p)
    for some in (slice(first, first + step) for first in range(0, p + 2, step)):
        blas.dger(-1.0 / pivot, row[:p], row[some], a=T.T[:, some], overwrite_a=True)
    T[k], T[:, k] = scaled[:p], scaled
    T[k, k] = -1.0 / pivot
