"""The objective in 50 digits, for small problems that are too ill-conditioned for float64.

All numbers are taken as the doubles that they are. The minimum comes from the normal equations on a
support with its signs, which 50 digits can afford to square, checked by the optimality conditions.
"""

import itertools

import mpmath
import numpy as np

mpmath.mp.dps = 50


class Exact:
    """The centred normal equations of the objective, for one target and rows of equal weight."""

    def __init__(self, X, y, l1=0.0, l2=0.0, rate=0.0, drop_to="mean"):
        n, p = X.shape
        self.X, self.y = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist())
        self.mean = [mpmath.fsum(self.X[:, j]) / n for j in range(p)]
        self.y_mean = mpmath.fsum(self.y) / n
        A = mpmath.matrix([[self.X[i, j] - self.mean[j] for j in range(p)] for i in range(n)])
        b = mpmath.matrix([v - self.y_mean for v in self.y])
        self.G, self.c = A.T * A / n, A.T * b / n
        self.null = mpmath.fsum(v * v for v in b) / (2 * n)
        centre = self.mean if drop_to == "mean" else [0] * p
        rho = mpmath.mpf(rate) / (1 - mpmath.mpf(rate))
        square = [mpmath.fsum((v - m) ** 2 for v in self.X[:, j]) for j, m in enumerate(centre)]
        self.ridge = [mpmath.mpf(l2) + rho * moment / n for moment in square]
        self.l1 = mpmath.mpf(l1)

    def objective(self, coef, intercept=None):
        """The objective of coefficients and an intercept, by default the best one."""
        w = mpmath.matrix([mpmath.mpf(float(v)) if isinstance(v, float) else v for v in coef])
        loss = self.null - (self.c.T * w)[0] + (w.T * self.G * w)[0] / 2
        if intercept is not None:
            best = self.y_mean - mpmath.fsum(m * v for m, v in zip(self.mean, w, strict=True))
            loss += (mpmath.mpf(float(intercept)) - best) ** 2 / 2
        ridge = mpmath.fsum(d * v * v for d, v in zip(self.ridge, w, strict=True)) / 2
        return loss + self.l1 * mpmath.fsum(abs(v) for v in w) + ridge

    def solve(self):
        """The minimiser, in 50 digits: without L1 one solve, else that of the signs which hold."""
        p = len(self.c)
        if not self.l1:
            return self._on(range(p), [0] * p)
        for signs in itertools.product((0, 1, -1), repeat=p):
            support = [j for j in range(p) if signs[j]]
            w = self._on(support, signs)
            if all(mpmath.sign(w[j]) == signs[j] for j in range(p)):
                gradient = self.c - self.G * w
                if all(abs(gradient[j]) <= self.l1 for j in range(p) if not signs[j]):
                    return w
        raise AssertionError("no signs satisfy the optimality conditions")

    def _on(self, support, signs):
        """The minimiser among those with this support and these signs."""
        support = list(support)
        w = mpmath.zeros(len(self.c), 1)
        if support:
            H = mpmath.matrix([[self.G[i, j] for j in support] for i in support])
            for k, j in enumerate(support):
                H[k, k] += self.ridge[j]
            part = mpmath.lu_solve(H, [self.c[j] - self.l1 * signs[j] for j in support])
            for k, j in enumerate(support):
                w[j] = part[k]
        return w


def hilbert(n, p):
    """The first columns of the Hilbert matrix: condition 1e13 at p = 10."""
    i, j = np.ogrid[:n, :p]
    return 1.0 / (i + j + 1)


def vandermonde(n, p):
    """Powers 1 to p of points in [0, 1]."""
    return np.linspace(0, 1, n)[:, None] ** np.arange(1, p + 1)
