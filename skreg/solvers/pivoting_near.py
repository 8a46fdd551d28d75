"""The exact lasso path for many columns: pivoting on those near their bound.

    minimise 1/2 |b - A w|^2 + 1/2 sum_j ridge_j w_j^2 + t sum_j v_j |w_j|

for every t from the largest down to `end`. For the active features J with signs s, H = A_J'A_J +
diag(ridge_J) and d = H^-1 (s v), the coefficients in J grow by d for each unit that t falls, and
the correlations of the others fall by g = A'A_J d. The inverse of H is kept. It gains a row and a
column for a feature that enters, and loses them for one that leaves. Either adds a matrix of rank
one,

    u u' / size        with u = H^-1 A_J'a_j and -1 in the place of j, size = a_j'(a_j - A_J u),
    -r r' / r_i        with r the row of the feature that leaves, and r_i its diagonal entry.

Far from the bound nothing happens. Only the features near it are followed, by the rows of their
Gram matrix, and from time to time all features are looked at. If another one is found beyond its
bound, it joins them, and the path is taken again from the look before. A look takes the residual
from the data, and one step of refinement corrects what the updates have lost to rounding.

References: Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20; Efron, Hastie, Johnstone &
Tibshirani (2004), Annals of Statistics 32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problem.protocol import Problem
from .piecewise import Path
from .pivoting import INDEPENDENT, add_outer
from .working_set import WorkingGram

# Ratio of t between two looks, their number, and the share of its bound at which a feature is near.
STRETCH, LOOKS, NEAR = 0.75, 32, 0.85
BEYOND = 1e-9  # of its bound: a correlation that exceeds it by less does so by rounding

Kink = tuple[float, int, NDArray, NDArray]
"""The t of a kink, what happens there (j enters, ~j leaves), and the `near` and `w` (m,) there."""


@dataclass
class Active:
    """The active features, each in one of m slots: its number `near` among the near ones, or -1.

    `w` (m,) are the coefficients, `bound` (m,) their s_j v_j, `inverse` (m, m) that of H; a slot
    that is free holds zeros.
    """

    near: NDArray
    w: NDArray
    bound: NDArray
    inverse: NDArray

    @classmethod
    def none(cls, n_slots: int) -> Active:
        """Return none in so many slots."""
        inverse = np.zeros((n_slots, n_slots), order="F")
        return cls(np.full(n_slots, -1), np.zeros(n_slots), np.zeros(n_slots), inverse)

    def copy(self, n_slots: int) -> Active:
        """Return a copy with at least so many slots."""
        m = len(self.w)
        other = Active.none(max(m, n_slots))
        other.near[:m], other.w[:m], other.bound[:m] = self.near, self.w, self.bound
        other.inverse[:m, :m] = self.inverse
        return other

    def enter(self, slot: int, j: int, bound: float, u: NDArray, size: float) -> None:
        """Let near feature number j enter; u (m,) is what the others would make of it."""
        u[slot] = -1.0
        add_outer(self.inverse, 1.0 / size, u, u)
        self.near[slot], self.bound[slot] = j, bound

    def leave(self, slot: int) -> None:
        """Let the feature in a slot leave."""
        row = self.inverse[:, slot].copy()
        add_outer(self.inverse, -1.0 / row[slot], row, row)
        self.inverse[slot] = self.inverse[:, slot] = 0.0
        self.near[slot], self.w[slot], self.bound[slot] = -1, 0.0, 0.0


class NearPath:
    """The path of a problem with a single target, as far as it has been followed.

    `v` (p,) is inf where a feature is excluded.
    """

    def __init__(self, problem: Problem, v: NDArray, ridge: NDArray, positive: bool) -> None:
        self.problem, self.v, self.ridge, self.positive = problem, v, ridge, positive
        self.near = WorkingGram(problem)
        self.is_near = np.zeros(len(v), dtype=bool)
        self.active = Active.none(0)
        self.rows = np.zeros((0, 0))
        self.correlation = problem.cross
        self.kinks: list[Kink] = []
        self.t = np.inf

    def start(self, end: float) -> None:
        """Go to the largest t at which a coefficient with a bound is 0, or to `end`."""
        self._join((self.v == 0) & ~self.problem.constant)
        self.active = Active.none(len(self.near.features) + 16)
        self.rows = self._rows()
        for j in range(len(self.near.features)):
            self._enter(j, 0.0)
        for _ in range(2):  # the first finds the coefficients that have no bound
            self._look(0.0)
        pull = self.correlation if self.positive else np.abs(self.correlation)
        share = np.divide(pull, self.v, where=self.v > 0, out=np.zeros(len(pull)))
        self.t = max(float(share.max(initial=0.0)), end)
        self._record(len(self.v))

    def follow(self, stop: float) -> bool:
        """Go on to `stop`; return whether it is reached."""
        before, t, kinks = self.active, self.t, self.kinks
        correlation = self.correlation
        self._join(self._pull() >= NEAR * t * self.v)  # one at least, which is at its bound
        while True:
            self.active, self.t, self.kinks = before.copy(0), t, kinks.copy()
            self.correlation = correlation
            if not self._stretch(stop):
                return False
            self._look(stop)
            if not self._join(self._pull() > (1.0 + BEYOND) * stop * self.v):
                return True

    def path(self) -> Path:
        """Return the path followed."""
        self._record(len(self.v))
        coefs = np.zeros((len(self.kinks), len(self.near.features) + 1))
        for row, (*_, near, w) in zip(coefs, self.kinks, strict=True):
            row[near] = w  # those of slots that are free, 0, are the last
        if self.positive:
            np.maximum(coefs, 0.0, out=coefs)
        used = np.flatnonzero(coefs.any(axis=0))
        knots, events = (np.array([kink[i] for kink in self.kinks]) for i in range(2))
        return Path(knots, coefs[:, used], events, self.near.features[used])

    def _pull(self) -> NDArray:
        """Return how strongly the residual pulls the coefficients away from zero (p,)."""
        return self.correlation if self.positive else np.abs(self.correlation)

    def _join(self, features: NDArray) -> bool:
        """Let the mask `features` (p,) join the near ones; return whether any is new."""
        new = np.flatnonzero(features & ~self.is_near & np.isfinite(self.v))
        self.is_near[new] = True
        self.near.add(new)
        return bool(len(new))

    def _rows(self) -> NDArray:
        """Return the rows (m, k) that the active features have in the Gram matrix of the near."""
        near = self.active.near
        rows = np.zeros((len(near), len(self.near.features)))
        rows[near >= 0] = self.near.gram()[near[near >= 0]]
        return rows

    def _record(self, event: int) -> None:
        """Add a kink."""
        self.kinks.append((self.t, event, self.active.near.copy(), self.active.w.copy()))

    def _look(self, t: float) -> None:
        """Take the correlations (p,) from the data, and correct the coefficients at t."""
        active = self.active
        taken = active.near >= 0
        w, features = np.zeros(len(self.v)), self.near.features[active.near[taken]]
        w[features] = active.w[taken]
        self.correlation = self.problem.evaluate(w)[0]
        slope = self.correlation[features] - self.ridge[features] * w[features]
        missed = np.zeros(len(taken))
        missed[taken] = slope - t * active.bound[taken]
        step = active.inverse @ missed
        active.w += step
        self.correlation[self.near.features] -= step @ self.rows

    def _enter(self, j: int, bound: float) -> bool:
        """Let near feature number j enter, unless it depends on the active ones."""
        beside, feature = self.rows[:, j], self.near.features[j]
        u = self.active.inverse @ beside
        norm2 = self.problem.column_norms2[feature] + self.ridge[feature]
        size = norm2 - beside @ u
        if size <= INDEPENDENT * norm2:
            return False
        slot = int(self.active.near.argmin())
        if self.active.near[slot] >= 0:  # no slot is free
            slot = len(u)
            self.active = self.active.copy(slot * 5 // 4 + 16)
            self.rows, u = self._rows(), np.append(u, np.zeros(len(self.active.w) - slot))
        self.active.enter(slot, j, bound, u, size)
        self.rows[slot] = self.near.gram()[j]
        return True

    def _stretch(self, stop: float) -> bool:
        """Follow the near features to `stop`; return whether it is reached."""
        features, near = self.near.features, self.active.near
        v, q, k = self.v[features], self.correlation[features], len(features)
        self.rows = self._rows()
        may_enter = v > 0
        may_enter[near[near >= 0]] = False
        blocked: list[int] = []  # those that depend on the active ones, until one of these leaves
        left, left_side = 0, 0.0  # the one that has just left, and the side it was on
        for _ in range(20 * min(self.problem.shape) + 1000):
            active = self.active
            d = active.inverse @ active.bound
            g = d @ self.rows
            a = q - self.t * g  # the correlations at t = 0, if nothing happened until then
            side = np.ones(k) if self.positive else np.copysign(1.0, a)
            speed = v - side * g
            meets = may_enter & (speed > 0)
            meets[left] &= side[left] != left_side
            enters = np.divide(side * a, speed, where=meets, out=np.zeros(k))
            j = int(enters.argmax())
            falls = (active.w * d < 0) & (active.bound != 0)
            shrinks = np.divide(d, active.w, where=falls, out=np.zeros(len(d)))
            i = int(shrinks.argmin())
            leaves = self.t + 1.0 / shrinks[i] if shrinks[i] < 0 else 0.0
            step = self.t - min(max(enters[j], leaves, stop), self.t)
            active.w += step * d
            q -= step * g
            self.t -= step
            if max(enters[j], leaves) <= stop:
                self.t = stop
                return True
            left_side = 0.0
            if leaves >= enters[j]:
                left, left_side = int(active.near[i]), np.sign(active.bound[i])
                active.w[i] = 0.0
                self._record(~int(features[left]))
                active.leave(i)
                self.rows[i] = 0.0
                may_enter[[left, *blocked]] = True
                blocked.clear()
                continue
            may_enter[j] = False
            self._record(int(features[j]))
            if not self._enter(j, side[j] * v[j]):
                self.kinks.pop()
                blocked.append(j)
        return False


def lasso_path_near(
    problem: Problem, v: NDArray, ridge: NDArray, end: float, positive: bool
) -> Path | None:
    """Return the path of a problem with a single target; None if it does not end."""
    path = NearPath(problem, v, ridge, positive)
    path.start(end)
    stops = path.t * STRETCH ** np.arange(1.0, LOOKS)
    for stop in [*stops[stops > end], end] if path.t > end else []:
        if not path.follow(float(stop)):
            return None
    return path.path()
