"""The exact lasso path of a table from its Gram matrix, by pivoting (LARS-lasso, the homotopy).

    minimise 1/2 w'G w - c'w + t sum_j v_j |w_j|        for every t from the largest downwards

With the correlations q = c - G w, w is optimal if q_j = t v_j s_j where w_j is not zero (s_j is its
sign), and |q_j| <= t v_j elsewhere. Let J be the active features. Their w_j and the q_j of all
others are the values y; between two kinks of the path they are linear in t, with slopes d, so a
kink is where the first of them meets its bound: a w_j falls to zero and leaves J, or a q_j grows to
t v_j or -t v_j and enters. Both are the same exchange of w_j and q_j in the tableau M (the sweep
operator: M_JJ = -G_JJ^-1, M_NJ = G_NJ G_JJ^-1, M_NN the Schur complement), which takes p^2
operations. Features with v_j = 0 enter at the start and stay.

The paths of several problems, such as the folds of a table, are followed side by side, from the
kth kink of each to the next: the search for it is one set of array operations for all of them. It
takes about as long as an exchange, which is what each does for itself.

References: Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20; Efron, Hastie, Johnstone &
Tibshirani (2004), Annals of Statistics 32; Cottle, Pang & Stone (1992), The Linear Complementarity
Problem, section 4.5 (parametric principal pivoting).
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from .._objective import Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..problem.protocol import ALL, Problem
from .certificate import ACCURACY
from .piecewise import Path

# Share of a column's norm^2 that the active ones must leave of it. Below it, a pivot would divide
# by rounding errors: a column that is the sum of others leaves 1e-15 or less.
INDEPENDENT = 1e-11
# Numbers that one call of BLAS changes. Above 8192, OpenBLAS wakes its other threads. On two cores
# that other programs use as well, a search over 239 columns took 10 to 100 times as long with them.
ONE_THREAD = 8192
NONE = np.iinfo(np.intp).max  # in the place of a bound that is met, or of a kink
TINY = 1e-300  # a distance to divide by in place of 0; speeds over it do not overflow


def solve(problem: Problem, penalty: Penalty, start: object, settings: Settings) -> Solution:
    """Minimise over w (..., p), target by target; the path needs no start."""
    G = add_to_diagonal(problem.gram(ALL), penalty.ridge)
    targets = problem.cross.reshape(-1, problem.n_features)
    coef, n_iter = np.zeros_like(targets), 1
    for row, c in zip(coef, targets, strict=True):
        w, kinks = minimiser(G, c, penalty.limit, penalty.positive)
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
    paths = LassoPaths(G[None], c[None], v[None], positive)
    paths.follow(1.0)
    if paths.t > 1.0:
        return None, 0
    w = paths.coefs()[0]
    if positive:  # so long a path ends near t = 1 only to a few digits
        J = np.flatnonzero(w)
        with suppress(np.linalg.LinAlgError):
            w[J] = np.linalg.solve(G[np.ix_(J, J)], c[J] - l1[J])
    return w, len(paths.knots) - 1


def lasso_path(G: NDArray, c: NDArray, v: NDArray, end: float, positive: bool) -> Path | None:
    """Return the path for G (p, p), c (p,), v (p,) down to t = `end`; None if it does not end."""
    paths = LassoPaths(G[None], c[None], v[None], positive)
    paths.follow(float(end))
    return paths.paths(end)[0]


class LassoPaths:
    """The paths for G (k, p, p), c (k, p) and v (k, p), as far as they have been followed.

    That is down to `t` (k,); `knots` holds the t (k,) of every step.

    The value y_j of a feature meets a bound where side_j y_j = t bound_j. A feature that is not
    active has two, for its correlation: the first with side 1, the second with -1. An active one
    has the first alone, where its coefficient falls to 0. Both are 0 for what never meets one.
    """

    def __init__(self, G: NDArray, c: NDArray, v: NDArray, positive: bool) -> None:
        k, p = c.shape
        T = np.empty((k, p + 2, p))  # M, and below it the slopes d and the values y
        T[:, :p], T[:, p], T[:, p + 1] = G, 0.0, c
        self._signs = (1.0, 0.0) if positive else (1.0, -1.0)
        norms2, (side, bound) = G.diagonal(axis1=1, axis2=2).copy(), np.zeros((2, k, 2, p))
        self._hold(0, T, v, norms2, side, bound, np.zeros((k, p), dtype=bool))
        self.start()

    def _hold(self, first: int, *arrays: NDArray) -> None:
        """Take T (k, p + 2, p), v and norms2 (k, p), side and bound (k, 2, p), active (k, p).

        Features from number `first` on are new: they get their bounds, or enter without a weight.
        """
        self._T, self._v, self._norms2, self._side, self._bound, self._active = arrays
        k, p = self._v.shape
        self._tableaux = list(map(_Tableau, repeat(self._signs), *arrays))
        self._d, self._y = self._T[:, p], self._T[:, p + 1]
        self._lines = self._T[:, None, p:].transpose(2, 0, 1, 3)  # (2, k, 1, p)
        self._products = np.empty((2, k, 2, p))
        self._speed, self._room = self._products
        self._inverse = self._speed.reshape(k, 2 * p)
        outside = (self._norms2 > 0) & np.isfinite(self._v)
        outside[:, :first] = False
        weights = np.where(outside, self._v, 0.0)[:, None, first:]
        self._side[..., first:] = np.array(self._signs)[:, None] * (weights > 0)
        self._bound[..., first:] = np.abs(self._side[..., first:]) * weights
        for i, j in np.argwhere(outside & (self._v == 0)).tolist():
            self._tableaux[i].fit(j)

    def start(self) -> None:
        """Begin with the first kinks: those at the largest t."""
        k, p = self._v.shape
        shares = np.zeros((k, 2, p))
        np.divide(self._side * self._y[:, None], self._bound, where=self._bound > 0, out=shares)
        self.t = shares.max(axis=(1, 2), initial=0.0) + 0.0  # not -0
        self._next: list[int] = [NONE] * k
        if p:
            self._next = shares.reshape(k, 2 * p).argmax(axis=1).tolist()
        self.knots, self._coefs = [self.t.copy()], [self.coefs()]
        self._events = [[NONE] * k]

    def joined(self, columns: NDArray, values: NDArray, v: NDArray) -> LassoPaths:
        """Return a copy in which m more features n take part, none of them active.

        Their columns of G (k, p + m, m), correlations here (k, m) and weights (k, m) are given. The
        new columns of the tableau are M_Jn = G_JJ^-1 G_Jn, M_Nn = G_Nn - M_NJ G_Jn, and M_nn
        likewise.

        The copy shares the records of the steps so far. Neither writes into them, since no kink is
        met where the copy begins.
        """
        k, p = self._v.shape
        q = p + v.shape[1]
        among = columns[:, :p] * self._active[:, :, None]
        image = np.where(self._active[:, :, None], 0.0, columns[:, :p]) - self._T[:, :p] @ among
        T = np.empty((k, q + 2, q))
        T[:, :p, :p], T[:, q:, :p] = self._T[:, :p], self._T[:, p:]
        T[:, :p, p:], T[:, p:q, :p] = image, image.transpose(0, 2, 1)
        T[:, p:q, p:] = columns[:, p:] - among.transpose(0, 2, 1) @ image
        T[:, q, p:] = (self._slopes()[:, None] @ image)[:, 0]
        T[:, q + 1, p:] = values
        side, bound = np.zeros((2, k, 2, q))
        side[..., :p], bound[..., :p] = self._side, self._bound
        active = np.zeros((k, q), dtype=bool)
        active[:, :p] = self._active
        norms2 = columns[:, p:].diagonal(axis1=1, axis2=2)
        norms2 = np.concatenate([self._norms2, norms2], axis=1)
        other = copy(self)
        other._hold(p, T, np.concatenate([self._v, v], axis=1), norms2, side, bound, active)
        for mine, theirs in zip(other._tableaux, self._tableaux, strict=True):
            mine.blocked = theirs.blocked.copy()
        other.t, other._next = self.t.copy(), [NONE] * k
        other.knots, other._coefs = self.knots.copy(), self._coefs.copy()
        other._events = self._events.copy()
        return other

    def coefs(self) -> NDArray:
        """Return the coefficients (k, p) here."""
        return np.where(self._active, self._y, 0.0)

    def refine(self, correlations: NDArray) -> None:
        """Correct what rounding has done to the values, by the correlations (k, p) of the data.

        What these miss of t v_j s_j in J, times -M, is a step of Newton's method.
        """
        p = self._active.shape[1]
        M, slopes = self._T[:, :p], self._slopes()
        missed = np.where(self._active, correlations - self.t[:, None] * slopes, 0.0)
        self._y[:] = np.where(self._active, self._y, correlations)
        self._y -= (M @ missed[:, :, None])[..., 0]
        self._d[:] = (M @ slopes[:, :, None])[..., 0]
        self._coefs[-1] = self.coefs()

    def _slopes(self) -> NDArray:
        """Return what the correlations (k, p) of the active features are in units of t."""
        return np.where(self._active, -self._side[:, 0] * self._v, 0.0)

    def follow(self, end: float) -> None:
        """Go on to t = `end`, from kink to kink."""
        running = np.flatnonzero(self.t > end).tolist()
        for _ in range(20 * self._v.shape[1] + 50):
            if not running:
                return
            crossed: list[tuple[int, int]] = []  # where an exchange has just put a value
            for i in running:
                if self._next[i] == NONE:
                    continue
                event, bound = self._tableaux[i].exchange(self._next[i], self.t.item(i))
                if event == NONE:
                    continue
                self._events[-1][i] = event
                crossed.append((i, bound))
                if event < 0:  # not a coefficient of rounding
                    self._coefs[-1][i, ~event] = 0.0
            running = self._advance(running, crossed, end)

    def _advance(self, running: list[int], crossed: list[tuple[int, int]], end: float) -> list[int]:
        """Go on to the next kinks, or to t = `end`; return which paths have not come there."""
        # The step to a bound is room / speed; the largest inverse tells which is met first.
        speed, room, inverse = self._speed, self._room, self._inverse
        np.multiply(self._side, self._lines, out=self._products)
        np.subtract(self._bound, speed, out=speed)
        np.subtract(self._bound * self.t[:, None, None], room, out=room)
        np.maximum(room, TINY, out=room)
        for i, bound in crossed:
            room[i].flat[bound] = np.inf
        np.divide(speed, room, out=speed)
        first = inverse.argmax(axis=1).tolist()
        step, left = np.zeros((len(first), 1)), []
        for i in running:
            t, largest = self.t.item(i), inverse.item(i, first[i])
            if largest * (t - end) > 1.0:
                step[i], self._next[i] = 1.0 / largest, first[i]
                self.t[i] = t - 1.0 / largest
                left.append(i)
            else:
                step[i], self._next[i], self.t[i] = t - end, NONE, end
        self._y -= step * self._d
        self.knots.append(self.t.copy())
        self._coefs.append(self.coefs())
        self._events.append([NONE] * len(first))
        return left

    def paths(self, end: float) -> list[Path | None]:
        """Return the paths as far as they have been followed, None for one not down to `end`."""
        p, knots, events = self._v.shape[1], np.array(self.knots), np.array(self._events)
        is_kink = events != NONE
        is_kink[[0, -1]] = True
        events = np.where(events == NONE, p, events)
        found: list[Path | None] = []
        for i, t in enumerate(self.t.tolist()):
            steps = np.flatnonzero(is_kink[:, i])
            coefs = np.zeros((len(steps), p))
            for row, k in zip(coefs, steps.tolist(), strict=True):
                known = self._coefs[k][i]  # of the features that had joined
                row[: len(known)] = known
            path = Path(knots[steps, i], coefs, events[steps, i], np.arange(p))
            found.append(path if t <= end else None)
        return found


@dataclass
class _Tableau:
    """One problem of several: the parts that it has of their arrays, and what blocks its features.

    They are T (p + 2, p), v, norms2 and active (p,), side and bound (2, p). `signs` are the sides
    of a feature that is not active, and `blocked` the features that depend on the active ones.
    """

    signs: tuple[float, float]
    T: NDArray
    v: NDArray
    norms2: NDArray
    side: NDArray
    bound: NDArray
    active: NDArray
    blocked: list[int] = field(default_factory=list)

    def fit(self, j: int) -> None:
        """Let a feature without a weight enter for good."""
        if self.T[j, j] > INDEPENDENT * self.norms2[j]:
            _exchange(self.T, j, self.T[:, j].copy())
            self.active[j] = True

    def exchange(self, meeting: int, t: float) -> tuple[int, int]:
        """Let a feature enter or leave where it meets a bound; return what happens, and where.

        It is j if j enters, ~j if it leaves, and NONE if it is blocked. Then comes the bound that
        the value of j is at afterwards.
        """
        T, p = self.T, len(self.v)
        j = meeting % p
        row, weight = T[:, j].copy(), self.v.item(j)
        row[p + 1] = 0.0  # no value jumps, since y_j is at its bound
        if self.active[j]:  # j leaves, and what depended on it may enter again
            pull = -self.side.item(0, j) * weight
            _exchange(T, j, row)
            T[p, j] += pull
            T[p + 1, j] = t * pull
            self.active[j] = False
            for feature in [j, *self.blocked]:
                self.side[:, feature] = self.signs
                self.bound[:, feature] = np.abs(self.signs) * self.v[feature]
            self.blocked = []
            return ~j, j if pull > 0 else j + p
        self.side[0, j] = self.side[1, j] = 0.0
        if row.item(j) <= INDEPENDENT * self.norms2.item(j):
            self.blocked.append(j)
            return NONE, j
        self.side[0, j] = sign = -1.0 if meeting < p else 1.0
        row[p] += sign * weight
        _exchange(T, j, row)
        T[p + 1, j] = 0.0
        self.bound[0, j] = self.bound[1, j] = 0.0
        self.active[j] = True
        return j, j


def _exchange(T: NDArray, k: int, row: NDArray) -> None:
    """Exchange w_k and q_k in the tableau T (p + 2, p), in place; `row` is T[:, k]."""
    # One side of the symmetric M serves both, lest rounding let the two drift apart.
    pivot, p = row.item(k), T.shape[1]
    scaled = row / abs(pivot)
    step = max(1, ONE_THREAD // p)
    for first in range(0, p + 2, step):
        some = slice(first, first + step)
        blas.dger(-1.0 / pivot, row[:p], row[some], a=T.T[:, some], overwrite_a=True)
    T[k], T[:, k] = scaled[:p], scaled
    T[k, k] = -1.0 / pivot
