"""The whole objective, as the README writes it, for a generic convex solver (cvxpy, Clarabel).

`objective` evaluates the same formula in plain NumPy, so that any two answers can be compared.
"""

import warnings
from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np

TOLERANCE = 1e-11  # asked of Clarabel, which settles for what it can reach


@dataclass
class Case:
    """Data and every parameter of the objective."""

    X: np.ndarray
    y: np.ndarray
    l1: float = 0.0
    l2: float = 0.0
    rate: np.ndarray = field(default_factory=lambda: np.zeros(1))
    drop_to: str = "mean"
    v: np.ndarray | None = None
    s: np.ndarray | None = None
    fit_intercept: bool = True
    positive: bool = False

    def __post_init__(self):
        n, p = self.X.shape
        weights = np.ones(n) if self.s is None else self.s
        v = np.ones(p) if self.v is None else self.v
        self.share = weights / weights.sum()
        self.kept = np.isfinite(v)
        centre = self.share @ self.X if self.drop_to == "mean" else 0.0
        moments = self.share @ (self.X - centre) ** 2
        rate = np.broadcast_to(self.rate, p)
        finite = np.where(self.kept, v, 0.0)
        self.lasso = self.l1 * finite
        self.ridge = self.l2 * finite + rate / (1 - rate) * moments

    @property
    def null(self):
        """The loss of the best constant, or of zero."""
        mean = self.share @ self.y if self.fit_intercept else 0.0
        return 0.5 * self.share @ (self.y - mean) ** 2

    def objective(self, coef, intercept):
        """The objective; infinite where a constraint is broken."""
        broken = (self.positive and (coef < 0).any()) or coef[~self.kept].any()
        if broken or (not self.fit_intercept and intercept):
            return np.inf
        r = self.y - self.X @ coef - intercept
        penalty = self.lasso @ np.abs(coef) + 0.5 * self.ridge @ coef**2
        return 0.5 * self.share @ r**2 + penalty

    def solve(self):
        """The optimum (coef, intercept) as the generic solver sees it; None if it gives up."""
        p = self.X.shape[1]
        w, b = cp.Variable(p, nonneg=self.positive), cp.Variable()
        root = np.sqrt(self.share)
        residual = cp.multiply(root, self.y - self.X @ w - b)
        penalty = self.lasso @ cp.abs(w) + 0.5 * cp.sum_squares(cp.multiply(self.ridge**0.5, w))
        constraints = [w[~self.kept] == 0] if not self.kept.all() else []
        constraints += [] if self.fit_intercept else [b == 0]
        problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(residual) + penalty), constraints)
        accuracy = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), TOLERANCE)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")
            try:
                problem.solve(solver=cp.CLARABEL, max_iter=200, **accuracy)
            except cp.SolverError:
                return None
        if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return None
        coef = np.where(self.kept, w.value, 0.0)
        coef = np.maximum(coef, 0.0) if self.positive else coef
        return coef, (float(b.value) if self.fit_intercept else 0.0)


def random_case(rng):
    """Any combination of penalties, weights and shapes, on data of ordinary size."""
    n, p = [(30, 6), (12, 12), (8, 20), (5, 5), (40, 3)][rng.integers(5)]
    X = rng.normal(size=(n, p)) + rng.normal(size=(n, 1)) * rng.choice([0.0, 1.0])
    X = X * rng.uniform(0.3, 3, p) + rng.choice([0.0, 2.0]) * rng.normal(size=p)
    if rng.random() < 0.2:
        X[:, -1] = X[:, 0]
    if rng.random() < 0.2:
        X = X * (rng.random((n, p)) < 0.4)
    y = X @ (rng.normal(size=p) * (rng.random(p) < 0.5)) + rng.normal(size=n) + rng.normal()
    some = rng.random(6) < 0.5
    rate = rng.choice([0.0, 0.3, 0.8], p) if some[0] else np.array([rng.choice([0.0, 0.1, 0.6])])
    weights = rng.choice([0.0, 0.5, 1.0, 2.0, np.inf], p, p=[0.2, 0.2, 0.3, 0.2, 0.1])
    s = rng.choice([0.0, 0.3, 1.0, 2.0], n) + (rng.random() < 0.5)
    s[0] = 1.0  # not all may be zero
    return Case(
        X,
        y,
        l1=float(rng.choice([0.0, 0.01, 0.1, 0.5])),
        l2=float(rng.choice([0.0, 0.01, 0.3])),
        rate=rate * (rng.random() < 0.6),
        drop_to="mean" if some[1] else "zero",
        v=weights if some[2] else None,
        s=s if some[3] else None,
        fit_intercept=bool(some[4] or rng.random() < 0.5),
        positive=bool(rng.random() < 0.3),
    )
