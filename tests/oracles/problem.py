"""The objective of the design in plain NumPy: its value, its duality gap and its minimum.

`Problem` states the objective for one target and judges any coefficients by their objective and
their duality gap; `Problem.solve` finds the optimum by plain coordinate descent on the Gram matrix,
finished by one least-squares solve on the support.
"""

import numpy as np
import scipy.sparse as sp
from numpy.testing import assert_allclose

# The exact solvers and the training loop of each estimator, and what the linear-algebra ones lack.
EXACT = {
    "L1Regressor": ["newton"],
    "L2Regressor": ["newton", "cholesky", "dual", "svd", "cg"],
    "DropoutRegressor": ["newton", "cholesky", "dual", "svd", "cg"],
}
LOOP = {"L1Regressor": "subgradient", "L2Regressor": "gradient", "DropoutRegressor": "mask"}
RIDGE_ONLY = {"cholesky", "dual", "svd", "cg", "gradient"}  # neither an l1 part nor `positive`
DENSE_ONLY = {"svd"}


def solvers_for(cls, *, l1=0.0, positive=False, sparse=False):
    """The exact solvers of an estimator that can do a problem of this kind."""
    refused = (RIDGE_ONLY if l1 or positive else set()) | (DENSE_ONLY if sparse else set())
    return [name for name in EXACT[cls.__name__] if name not in refused]


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
        sample_weight=None,
        fit_intercept=True,
        positive=False,
    ):
        X = X.astype(float) if sp.issparse(X) else np.asarray(X, dtype=float)
        y = np.asarray(y, dtype=float)
        n, p = X.shape
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        v = np.ones(p) if v is None else np.asarray(v, dtype=float)
        self.X, self.y, self.positive, self.fit_intercept = X, y, positive, fit_intercept
        self.share = weight / weight.sum()
        self.root = np.sqrt(self.share)
        column_mean = self.share @ X
        square = self.share @ (X.multiply(X) if sp.issparse(X) else X * X)
        if sp.issparse(X):
            variance = square - column_mean**2
        else:
            variance = self.share @ (X - column_mean) ** 2
        # What rounding leaves of a constant column is not a variance.
        variance = np.where(variance <= n * (4e-16) ** 2 * square, 0.0, variance)
        self.mean = column_mean if fit_intercept else np.zeros(p)
        self.y_mean = self.share @ y if fit_intercept else 0.0
        self.centred_y = self.root * (y - self.y_mean)
        self.excluded = np.isinf(v)
        self.empty = (variance if fit_intercept else square) == 0
        # What rounding of y leaves in a column's correlation, and no solver can remove.
        size = np.sqrt(np.maximum(variance if fit_intercept else square, 0.0))
        self.rounding = 2e-16 * np.sqrt(n) * size * np.sqrt(2 * self.null)
        rate = np.broadcast_to(np.asarray(rate, dtype=float), p)
        moment = variance if drop_to == "mean" else square
        finite = np.where(self.excluded, 0.0, v)
        self.l1 = l1 * finite
        self.ridge = l2 * finite + rate / (1 - rate) * moment

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
            sample_weight=sample_weight,
            fit_intercept=params["fit_intercept"],
            positive=params["positive"],
        )

    @property
    def null(self):
        """The objective of the model without coefficients: the unit of the relative gap."""
        return 0.5 * self.centred_y @ self.centred_y

    def forward(self, coef):
        return self.root * (self.X @ coef - self.mean @ coef)

    def adjoint(self, r):
        c = self.X.T @ (self.root * r) - self.mean * (self.root @ r)
        return np.where(self.empty | self.excluded, 0.0, c)

    def columns(self, which):
        """Some columns as the loss sees them: dense, centred, their rows weighted."""
        X = self.X[:, which]
        X = X.toarray() if sp.issparse(X) else X
        return np.where(self.empty[which], 0.0, self.root[:, None] * (X - self.mean[which]))

    def objective(self, coef, intercept=None):
        """F(coef, intercept); without an intercept given, the best one."""
        coef = np.asarray(coef, dtype=float)
        best = self.y_mean - self.mean @ coef
        r = self.centred_y - self.forward(coef)
        loss = 0.5 * r @ r
        if intercept is not None:
            loss += 0.5 * (float(intercept) - best) ** 2 + (float(intercept) - best) * (
                self.root @ r
            )
        penalty = self.l1 @ np.abs(coef) + 0.5 * self.ridge @ coef**2
        outside = (self.positive and (coef < 0).any()) or (coef[self.excluded] != 0).any()
        return np.inf if outside else loss + penalty

    def gap(self, coef, intercept=None):
        """The duality gap of any coefficients: no less than their objective's excess."""
        coef = np.asarray(coef, dtype=float)
        r = self._unbiased(self.centred_y - self.forward(coef))
        hard = self.ridge == 0
        z = self.adjoint(r)
        over = (z if self.positive else np.abs(z)) - self.rounding
        bound = hard & (self.l1 > 0)
        scale = min(1.0, 1.0 / np.max(over[bound] / self.l1[bound], initial=1e-300))
        over = np.maximum(scale * over - self.l1, 0.0)[~hard]
        left = self.centred_y - scale * r
        dual = self.null - 0.5 * left @ left - 0.5 * np.sum(over**2 / self.ridge[~hard])
        return self.objective(coef, intercept) - dual

    def relative_gap(self, coef, intercept=None):
        return self.gap(coef, intercept) / self.null

    def _unbiased(self, r):
        """Make a residual orthogonal to (positive: not correlated with) what bears no penalty."""
        free = (self.ridge == 0) & (self.l1 == 0) & ~self.excluded & ~self.empty
        if not free.any():
            return r
        A = self.columns(free)
        A = A / np.linalg.norm(A, axis=0)
        if not self.positive:
            return r - A @ np.linalg.lstsq(A, r, rcond=1e-13)[0]
        return r - np.linalg.pinv(A.T) @ np.maximum(A.T @ r, 0.0)

    def solve(self, sweeps=20000):
        """The optimum (coef, intercept), certified."""
        alive = ~(self.excluded | self.empty)
        coef = np.zeros(len(alive))
        support = alive
        if self.positive or self.l1.any():
            coef = self._descend(alive, sweeps)
            support = coef != 0
        A = np.vstack([self.columns(support), np.diag(np.sqrt(self.ridge[support]))])
        inverse = np.linalg.pinv(A, rcond=1e-12)
        b = np.append(self.centred_y, np.zeros(support.sum()))
        force = self.l1[support] * np.sign(coef[support])
        coef[support] = inverse @ (b - inverse.T @ force)
        intercept = self.y_mean - self.mean @ coef
        assert self.gap(coef, intercept) <= 1e-12 * max(self.null, 1e-300)
        return coef, float(intercept)

    def _descend(self, alive, sweeps):
        """Cyclic coordinate descent until no coefficient moves any more."""
        A = self.columns(alive)
        G, c = A.T @ A, A.T @ self.centred_y
        l1, ridge, w = self.l1[alive], self.ridge[alive], np.zeros(alive.sum())
        for _ in range(sweeps):
            before = w.copy()
            for j in range(len(w)):
                u = c[j] - G[j] @ w + G[j, j] * w[j]
                size = max((u if self.positive else abs(u)) - l1[j], 0.0)
                w[j] = np.copysign(size, u) / (G[j, j] + ridge[j])
            if np.abs(w - before).max() <= 1e-15 * np.abs(w).max():
                break
        coef = np.zeros(len(alive))
        coef[alive] = w
        return coef


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
    for k, target in enumerate(targets):
        problem = Problem.of(estimator, X, target, sample_weight)
        intercept = np.ravel(estimator.intercept_)[min(k, np.size(estimator.intercept_) - 1)]
        rounding = 1e-14 * (problem.null + 0.5 * problem.y_mean**2)
        claimed = np.ravel(estimator.dual_gap_)[k]
        assert problem.gap(coefs[k], intercept) <= tol * problem.null + rounding
        assert -rounding <= claimed <= tol * problem.null + rounding
