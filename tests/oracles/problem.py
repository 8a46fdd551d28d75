"""The objective of the design in plain NumPy: its value, its duality gap and its minimum.

`Problem` states the objective for one target and judges any coefficients by their objective and
their duality gap; `Problem.solve` finds the optimum by plain coordinate descent on the Gram matrix,
finished by one least-squares solve on the support. Everything is dense: the problems are small.
"""

import numpy as np
import scipy.sparse as sp
from numpy.testing import assert_allclose

EPS = np.finfo(float).eps


def regression(n=50, p=12, seed=0, targets=None):
    """Correlated columns off centre and of unequal scale, an intercept, half the coefficients 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    X = X * rng.uniform(0.5, 2.0, p) + rng.normal(size=p)
    shape = (p,) if targets is None else (p, targets)
    coef = rng.normal(size=shape) * (rng.random(shape) < 0.5)
    coef[0] = 1.5
    y = X @ coef + 3.0
    return X, y + 0.5 * rng.normal(size=y.shape)


def sparse_regression(n=60, p=10, seed=0, density=0.3):
    """The same for columns that are mostly zeros."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.5, 3.0, (n, p)) * (rng.random((n, p)) < density)
    coef = rng.normal(size=p) * (rng.random(p) < 0.6)
    return sp.csr_array(X), X @ coef + 1.0 + 0.3 * rng.normal(size=n)


def assert_same_fit(actual, expected, rtol=1e-6):
    """Two fitted estimators agree; a coefficient near zero is held to a tenth of the largest."""
    assert_coef(actual, expected.coef_, expected.intercept_, rtol)


def assert_coef(actual, coef, intercept=None, rtol=1e-6):
    """A fitted estimator has these coefficients and, when given, this intercept."""
    coef = np.asarray(coef)
    scale = np.abs(coef).max(initial=0.0)
    assert actual.coef_.shape == coef.shape
    assert_allclose(actual.coef_, coef, rtol=rtol, atol=0.1 * rtol * scale)
    if intercept is not None:
        assert_allclose(actual.intercept_, intercept, rtol=rtol, atol=0.1 * rtol * scale)


class Problem:
    """One target's objective: squared loss / (2 S) + l1 + l2 + dropout; `v`: penalty weights."""

    def __init__(
        self,
        X,
        y,
        *,
        l1=0.0,
        l2=0.0,
        rate=0.0,
        drop_to="mean",
        v=None,
        standardize=False,
        sample_weight=None,
        fit_intercept=True,
        positive=False,
    ):
        X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=float)
        y = np.asarray(y, dtype=float)
        n, p = X.shape
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        v = np.ones(p) if v is None else np.asarray(v, dtype=float)
        self.positive, self.fit_intercept = positive, fit_intercept
        share = weight / weight.sum()
        self.root = np.sqrt(share)
        column_mean = share @ X
        centred = X - column_mean
        centred -= share @ centred  # what rounding left of the mean
        square, variance = share @ X**2, share @ centred**2
        # What rounding leaves of a constant column is not a variance.
        variance = np.where(variance <= n * (2 * EPS) ** 2 * square, 0.0, variance)
        self.mean = column_mean if fit_intercept else np.zeros(p)
        self.y_mean = share @ y if fit_intercept else 0.0
        size2 = variance if fit_intercept else square
        self.empty, self.excluded = size2 == 0, np.isinf(v)
        self.A = self.root[:, None] * np.where(self.empty, 0.0, centred if fit_intercept else X)
        self.b = self.root * (y - self.y_mean)
        # What rounding of y leaves in a column's correlation, and no solver can remove.
        self.rounding = EPS * np.sqrt(n * size2) * np.linalg.norm(self.b)
        rate = np.broadcast_to(np.asarray(rate, dtype=float), p)
        finite = np.where(self.excluded, 0.0, v)
        unit = np.sqrt(np.where(variance > 0, variance, 1.0)) if standardize else 1.0
        self.l1 = l1 * finite * unit
        self.ridge = l2 * finite * unit**2 + rate / (1 - rate) * (
            variance if drop_to == "mean" else square
        )

    @classmethod
    def of(cls, estimator, X, y, sample_weight=None):
        """The problem an estimator of skreg says, by its public parameters, that it solves."""
        params = estimator.get_params()
        return cls(
            X,
            y,
            l1=params.get("l1_lambda", 0.0),
            l2=params.get("l2_lambda", 0.0),
            rate=params.get("dropout_rate", 0.0),
            drop_to=params.get("drop_to", "mean"),
            v=params["penalty_weights"],
            standardize=params.get("standardize", False),
            sample_weight=sample_weight,
            fit_intercept=params["fit_intercept"],
            positive=params["positive"],
        )

    @property
    def null(self):
        """The objective of the model without coefficients: the unit of the relative gap."""
        return 0.5 * self.b @ self.b

    @property
    def lambda_max(self):
        """The least l1 strength at which all coefficients are zero, for weights of 1."""
        return np.abs(self.A.T @ self.b).max()

    def objective(self, coef, intercept=None):
        """F(coef, intercept); without an intercept given, the best one."""
        coef = np.asarray(coef, dtype=float)
        offset = 0.0 if intercept is None else intercept - (self.y_mean - self.mean @ coef)
        r = self.b - self.A @ coef - offset * self.root
        outside = (self.positive and (coef < 0).any()) or coef[self.excluded].any()
        penalty = self.l1 @ np.abs(coef) + 0.5 * self.ridge @ coef**2
        return np.inf if outside else 0.5 * r @ r + penalty

    def gap(self, coef, intercept=None):
        """The duality gap of any coefficients: no less than their objective's excess."""
        coef = np.asarray(coef, dtype=float)
        r = self._unbiased(self.b - self.A @ coef)
        z = np.where(self.excluded, 0.0, self.A.T @ r)
        over = (z if self.positive else np.abs(z)) - self.rounding
        hard = self.ridge == 0
        bound = hard & (self.l1 > 0)
        scale = min(1.0, 1.0 / np.max(over[bound] / self.l1[bound], initial=1e-300))
        over = np.maximum(scale * over - self.l1, 0.0)[~hard]
        left = self.b - scale * r
        dual = self.null - 0.5 * left @ left - 0.5 * np.sum(over**2 / self.ridge[~hard])
        return self.objective(coef, intercept) - dual

    def relative_gap(self, coef, intercept=None):
        """The duality gap in units of the null model's objective."""
        return self.gap(coef, intercept) / self.null

    def _unbiased(self, r):
        """Make a residual orthogonal to (positive: not correlated with) what bears no penalty."""
        free = (self.ridge == 0) & (self.l1 == 0) & ~self.excluded & ~self.empty
        if not free.any():
            return r
        A = self.A[:, free] / np.linalg.norm(self.A[:, free], axis=0)
        if not self.positive:
            return r - A @ np.linalg.lstsq(A, r, rcond=1e-13)[0]
        return r - np.linalg.pinv(A.T) @ np.maximum(A.T @ r, 0.0)

    def solve(self, sweeps=20000):
        """The optimum (coef, intercept), certified."""
        coef = np.zeros(len(self.l1))
        support = ~(self.excluded | self.empty)
        if self.positive or self.l1.any():
            coef[support] = self._descend(support, sweeps)
            support = coef != 0
        A = np.vstack([self.A[:, support], np.diag(np.sqrt(self.ridge[support]))])
        inverse = np.linalg.pinv(A, rcond=1e-12)
        b = np.append(self.b, np.zeros(support.sum()))
        force = self.l1[support] * np.sign(coef[support])
        coef[support] = inverse @ (b - inverse.T @ force)
        intercept = self.y_mean - self.mean @ coef
        assert self.gap(coef, intercept) <= 1e-12 * max(self.null, 1e-300)
        return coef, float(intercept)

    def _descend(self, alive, sweeps):
        """Cyclic coordinate descent until no coefficient moves any more."""
        A = self.A[:, alive]
        G, c = A.T @ A, A.T @ self.b
        l1, ridge, w = self.l1[alive], self.ridge[alive], np.zeros(alive.sum())
        for _ in range(sweeps):
            before = w.copy()
            for j in range(len(w)):
                u = c[j] - G[j] @ w + G[j, j] * w[j]
                size = max((u if self.positive else abs(u)) - l1[j], 0.0)
                w[j] = np.copysign(size, u) / (G[j, j] + ridge[j])
            if np.abs(w - before).max() <= 1e-15 * np.abs(w).max():
                break
        return w


def solve(estimator, X, y, sample_weight=None):
    """The optimum of an unfitted estimator's problem, for y of one or several targets."""
    if np.ndim(y) == 1:
        return Problem.of(estimator, X, y, sample_weight).solve()
    each = [Problem.of(estimator, X, t, sample_weight).solve() for t in np.asarray(y).T]
    return np.array([w for w, _ in each]), np.array([b for _, b in each])


def assert_certified(estimator, X, y, sample_weight=None, tol=1e-10):
    """The fit is optimal by our own gap, and its own certificate is honest."""
    y = np.asarray(y, dtype=float)
    targets = y.reshape(len(y), -1).T
    coefs = np.atleast_2d(estimator.coef_)
    intercepts = np.broadcast_to(estimator.intercept_, len(targets))
    claims = np.ravel(estimator.dual_gap_)
    for coef, intercept, claimed, target in zip(coefs, intercepts, claims, targets, strict=True):
        problem = Problem.of(estimator, X, target, sample_weight)
        rounding = 1e-14 * (problem.null + 0.5 * problem.y_mean**2)
        assert problem.gap(coef, intercept) <= tol * problem.null + rounding
        assert -rounding <= claimed <= tol * problem.null + rounding
