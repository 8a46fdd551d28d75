"""The exact lasso path along the rows: for columns nearly tied.

    minimise 1/2 |b - A w|^2 + 1/2 sum_j ridge_j w_j^2 + t sum_j v_j |w_j|

for every t from the largest down to `end`. A QR factorisation is kept of the active columns, each
with sqrt(ridge_j) below it in a row of its own. With their signs s, c = Q'b and z = R'^-1 (s v), we
have between two kinks

    w(t) = R^-1 c - t R^-1 z,        b - A w(t) = (b - Q c) + t Q z.

So the correlation of column j is a_j + t g_j for a = A'(b - Q c) and g = A'Q z, and it meets its
bound at t = |a_j| / (v_j - sign(a_j) g_j). A column that enters adds one column q to Q, and A'q to
a and g: one product with the data per kink. Nothing is squared, so that columns which differ by
1e-6 of their size lose no more digits than in least squares; and as w(t) is a formula in t, the
rounding errors of one kink are not those of the next.

References: Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20; Efron, Hastie, Johnstone &
Tibshirani (2004), Annals of Statistics 32; Daniel, Gragg, Kaufman & Stewart (1976), Math. Comp. 30
(Gram-Schmidt done twice, to update a QR factorisation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._objective import Penalty
from .._solution import Settings, Solution
from ..problem.protocol import Design
from .piecewise import Path

# Share of a column's norm that the active ones must leave of it: what a sum of columns leaves is
# some 1e-15, and two that differ by 1e-10 of their size agree with a rotated basis to 3e-8.
INDEPENDENT = 1e-11

Kink = tuple[float, int, list[int], NDArray]
"""The t of a kink, what happens there (j enters, ~j leaves), the active features, their values."""


def solve(design: Design, penalty: Penalty, start: object, settings: Settings) -> Solution:
    """Minimise over w (..., p), target by target, for columns that the Gram matrix cannot tell."""
    kept = np.flatnonzero(~penalty.excluded)
    A, l1, ridge = design.columns(kept), penalty.l1[kept], penalty.ridge[kept]
    coef, n_iter = np.zeros(design.coef_shape), 1
    for target in np.ndindex(coef.shape[:-1]):
        path = lasso_path_rows(A, design.target[target], l1, ridge, 1.0, penalty.positive)
        if path is None:
            raise np.linalg.LinAlgError("The path does not end.")
        coef[(*target, kept)], n_iter = path.coefs[-1], max(n_iter, len(path.knots) - 1)
    return Solution(coef, n_iter=n_iter)


def lasso_path_rows(
    A: NDArray, b: NDArray, v: NDArray, ridge: NDArray | float, end: float, positive: bool
) -> Path | None:
    """Return the path for A (n, p), b (n,), v (p,), ridge (p,); None if it does not end."""
    n, p = A.shape
    if n > p:
        Q, A = linalg.qr(A, mode="economic", check_finite=False)
        b = Q.T @ b
    walk = Walk(np.asfortranarray(A), b, v, np.broadcast_to(ridge, p), positive)
    for j in np.flatnonzero(v == 0):
        walk.enter(int(j), 0.0)
    correlation = walk.A.T @ walk.fixed
    pull = correlation if positive else np.abs(correlation)
    share = np.divide(pull, v, where=~walk.is_active & (v > 0), out=np.zeros(p))
    walk.t = max(float(share.max(initial=0.0)), end)
    if walk.t > end and not walk.follow(end):
        return None
    walk.kinks.append((walk.t, p, walk.features, walk.values(walk.t)))
    coefs = np.zeros((len(walk.kinks), p))
    for row, (_, _, features, values) in zip(coefs, walk.kinks, strict=True):
        row[features] = values
    strengths, events = (np.array([kink[i] for kink in walk.kinks]) for i in range(2))
    return Path(strengths, np.maximum(coefs, 0.0) if positive else coefs, events, np.arange(p))


class Walk:
    """Where a path has come to: t, the active columns with their factorisation, and the kinks."""

    def __init__(self, A: NDArray, b: NDArray, v: NDArray, ridge: NDArray, positive: bool) -> None:
        self.A, self.b, self.v, self.positive = A, b, v, positive
        self.root = np.sqrt(ridge)
        self.t = np.inf
        self.kinks: list[Kink] = []
        self.features: list[int] = []  # the active ones (k,), in the order of the columns of Q
        self.is_active = np.zeros(A.shape[1], dtype=bool)
        # The factors in the first k columns; Q (n, k) without the rows of the ridge, which are
        # those of R^-1 times `root`.
        self.Q, self.R, self.inverse = np.zeros((len(b), 0)), np.zeros((0, 0)), np.zeros((0, 0))
        # s v, c, z, R^-1 c and R^-1 z (k,)
        self.bounds, self.c, self.z, self.w0, self.w1 = np.zeros((5, 0))
        self.fixed, self.turning = b, np.zeros(len(b))  # the residual is fixed + t * turning

    def values(self, t: float) -> NDArray:
        """Return the coefficients (k,) of the active features at t."""
        return self.w0 - t * self.w1

    def follow(self, stop: float) -> bool:
        """Go on to `stop`; return whether it is reached."""
        A, v = self.A, self.v
        a, g = A.T @ self.fixed, A.T @ self.turning
        may_enter = np.isfinite(v) & ~self.is_active
        blocked: list[int] = []  # columns that depend on the active ones, until one of these leaves
        left, left_side = 0, 0.0  # the column that has just left, and the side it was on
        for _ in range(20 * min(self.A.shape) + 1000):
            side = np.ones(len(v)) if self.positive else np.copysign(1.0, a)
            speed = v - side * g
            meets = may_enter & (speed > 0)
            meets[left] &= side[left] != left_side
            enters = np.divide(side * a, speed, where=meets, out=np.zeros(len(v)))
            j = int(enters.argmax())
            falls = self.bounds * self.w1 < 0
            leaves = np.divide(self.w0, self.w1, where=falls, out=np.zeros(len(falls)))
            soonest = max(enters[j], leaves.max(initial=0.0))
            if soonest <= stop:
                self.t = stop
                return True
            self.t, left_side = min(self.t, soonest), 0.0
            features, values = self.features.copy(), self.values(self.t)
            if soonest > enters[j]:
                i = int(leaves.argmax())
                values[i] = 0.0
                left, left_side = features[i], np.sign(self.bounds[i])
                self.kinks.append((self.t, ~features[i], features, values))
                self.leave(i)
                may_enter[[left, *blocked]] = True
                blocked.clear()
                a, g = A.T @ self.fixed, A.T @ self.turning
                continue
            may_enter[j] = False
            if self.enter(j, side[j] * v[j]):
                self.kinks.append((self.t, j, features, values))
                new = A.T @ self.Q[:, len(features)]
                a -= self.c[-1] * new
                g += self.z[-1] * new
            else:
                blocked.append(j)
        return False

    def enter(self, j: int, bound: float) -> bool:
        """Let column j enter at correlation t * `bound`, unless it depends on the active ones."""
        k, column, root = len(self.features), self.A[:, j], self.root[self.features]
        Q, inverse = self.Q[:, :k], self.inverse[:k, :k]
        r = Q.T @ column
        x = inverse @ r
        rest = column - Q @ r
        again = Q.T @ rest - inverse.T @ (root * root * x)  # twice is orthogonal to rounding
        r += again
        x += inverse @ again
        rest -= Q @ again
        size = np.sqrt(rest @ rest + np.sum((root * x) ** 2) + self.root[j] ** 2)
        if size <= INDEPENDENT * np.sqrt(column @ column + self.root[j] ** 2):
            return False
        self.Q = _with_room(self.Q, len(rest), k + 1)
        self.R, self.inverse = (_with_room(M, k + 1, k + 1) for M in (self.R, self.inverse))
        new = rest / size
        self.Q[:, k] = new
        self.R[:k, k], self.R[k, k] = r, size
        self.inverse[:k, k], self.inverse[k, k] = -x / size, 1.0 / size
        self.inverse[k, :k] = self.R[k, :k] = 0.0
        c, z = new @ self.b, (bound - r @ self.z) / size
        longer = np.empty((5, k + 1))
        longer[:, :k] = self.bounds, self.c, self.z, self.w0, self.w1
        longer[3:, :k] -= np.multiply.outer([c / size, z / size], x)
        longer[:, k] = bound, c, z, c / size, z / size
        self.bounds, self.c, self.z, self.w0, self.w1 = longer
        self.fixed, self.turning = self.fixed - c * new, self.turning + z * new
        self.features.append(j)
        self.is_active[j] = True
        return True

    def leave(self, i: int) -> None:
        """Let the active column number i leave."""
        n, k = len(self.b), len(self.features)
        self.is_active[self.features.pop(i)] = False
        self.bounds = np.delete(self.bounds, i)
        both = np.empty((n + k, k), order="F")  # the rotations of R turn the columns of both
        both[:n], both[n:] = self.Q[:, :k], self.inverse[:k, :k]
        R = self.R[:k, :k].copy(order="F")
        both, R = linalg.qr_delete(both, R, i, 1, "col", True, check_finite=False)
        self.Q, self.R, self.inverse = both[:n], R, np.delete(both[n:], i, axis=0)
        self.c, self.z = self.Q.T @ self.b, self.inverse.T @ self.bounds
        self.w0, self.w1 = self.inverse @ self.c, self.inverse @ self.z
        self.fixed, self.turning = self.b - self.Q @ self.c, self.Q @ self.z


def _with_room(M: NDArray, n_rows: int, n_columns: int) -> NDArray:
    """Return M, or where it has fewer rows or columns a larger copy with room for some more."""
    if M.shape[0] >= n_rows and M.shape[1] >= n_columns:
        return M
    more = n_columns // 2 + 16
    rows = n_rows if n_rows == M.shape[0] else n_rows + more
    larger = np.empty((rows, n_columns + more), order="F")
    larger[: M.shape[0], : M.shape[1]] = M
    return larger
