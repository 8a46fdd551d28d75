"""The objective, stated once, with its optimality conditions and its certificate.

In the standard form that every problem provides (rows weighted by sqrt(s_i / S), the intercept
projected out of A and b),

    F(w) = 1/2 |b - A w|^2 + sum_j l1_j |w_j| + 1/2 sum_j ridge_j w_j^2     (w >= 0 if positive)

with l1_j = l1_lambda v_j u_j and ridge_j = l2_lambda v_j u_j^2 + rho_j m_j. The unit u_j is 1, or
the standard deviation of column j if the penalty is that of standardised columns, whose
coefficients are u_j w_j. Dropout at rate q_j, averaged over all masks, is a ridge weighted by the
second moment m_j it destroys, rho_j = q_j / (1 - q_j) (Wager, Wang & Liang, 2013; Srivastava et
al., 2014).
An infinite weight excludes a feature.

Certificate. For the residual r = b - A w, any s in [0, 1], theta = s r and z = A'theta,

    gap = 1/2 |r - theta|^2 + sum_j [ l1_j |w_j| + ridge_j w_j^2 / 2 - w_j z_j + conj_j(z_j) ]

bounds F(w) - min F (Fenchel-Young). conj_j(z) = (|z| - l1_j)_+^2 / (2 ridge_j) where ridge_j > 0;
where ridge_j = 0, theta is feasible only if |z_j| <= l1_j, which is what s is for (El Ghaoui,
Viallon & Rabbani, 2012). Every term is nonnegative up to rounding, so nothing cancels as it does in
primal minus dual.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TINY = float(np.finfo(np.float64).tiny)  # an l1 weight below it counts as none


def dropout_ridge(rate: NDArray, second_moments: NDArray) -> NDArray:
    """Return the ridge weights (p,) that dropout at `rate` (scalar or (p,)) amounts to."""
    return rate / (1.0 - rate) * second_moments


def add_to_diagonal(matrix: NDArray, values: NDArray | float) -> NDArray:
    """Return the matrix (k, k), with values (k,), such as ridge weights, added in place."""
    matrix.flat[:: len(matrix) + 1] += values
    return matrix


@dataclass(eq=False)
class Penalty:
    """The weights of the coefficients, and the limits of the correlations where they are zero.

    w_j = 0 is optimal if |A_j'r| is at most `limit` (..., p): the L1 weight, or inf for a feature
    that is excluded. `l1` and `ridge` (..., p) are the weights, 0 for the excluded features, which
    `excluded` masks; `free` masks those without penalty or constraint. Leading axes stand for
    several strengths at once.
    """

    limit: NDArray
    ridge: NDArray
    positive: bool = False
    l1: NDArray = field(init=False)
    excluded: NDArray = field(init=False)
    free: NDArray = field(init=False)
    has_l1: bool = field(init=False)
    has_ridge: bool = field(init=False)

    def __post_init__(self) -> None:
        self.free = (self.limit == 0) & (self.ridge == 0) & (not self.positive)
        self.l1, self.excluded = self.limit, np.isinf(self.limit)
        if self.excluded.any():
            self.l1 = np.where(self.excluded, 0.0, self.l1)
            self.ridge = np.where(self.excluded, 0.0, self.ridge)
        self.has_l1, self.has_ridge = bool(self.l1.any()), bool(self.ridge.any())

    @classmethod
    def weighted(
        cls,
        weights: NDArray,
        l1_lambda: float,
        l2_lambda: float,
        dropout: NDArray | float = 0.0,
        *,
        units: NDArray | float = 1.0,
        positive: bool = False,
    ) -> Penalty:
        """Return the penalty for weights v (p,), its strengths and the ridge of dropout (p,).

        `units` u (p,) are those that the L1 and L2 penalties measure the columns in.
        """
        finite = np.isfinite(weights)
        v = np.where(finite, weights, 0.0)
        with np.errstate(over="ignore"):
            l1, ridge = l1_lambda * v * units, l2_lambda * v * units**2 + dropout
        if not (np.isfinite(l1).all() and np.isfinite(ridge).all()):
            raise ValueError("The penalty overflows float64. Lower its strength or weights.")
        limit = np.where(l1 < TINY, 0.0, l1)
        limit[~finite] = np.inf
        return cls(limit, ridge, positive)

    def exclude(self, features: NDArray) -> Penalty:
        """Return the penalty with the mask `features` (p,) excluded as well."""
        return Penalty(np.where(features, np.inf, self.limit), self.ridge, self.positive)

    def value(self, w: NDArray) -> NDArray:
        """Return the penalty (...) at w (..., p)."""
        return self._terms(w).sum(axis=-1)

    def prox(self, u: NDArray, step: NDArray) -> NDArray:
        """Return argmin_w sum_j (w_j - u_j)^2 / (2 step_j) + penalty(w) for u (..., p)."""
        above = np.maximum(u - step * self.l1, 0.0)
        shrunk = above if self.positive else above + np.minimum(u + step * self.l1, 0.0)
        return np.where(self.excluded, 0.0, shrunk / (1.0 + step * self.ridge))

    def violation(self, w: NDArray, correlation: NDArray) -> NDArray:
        """Return by how much A'r (..., p) misses the conditions of optimality at w (..., p)."""
        lower = np.where(w > 0, self.l1, -np.inf if self.positive else -self.l1)
        upper = np.where(w < 0, -self.l1, self.l1)
        slope = correlation - self.ridge * w
        return np.where(self.excluded, 0.0, slope - np.clip(slope, lower, upper))

    def directed(self, z: NDArray) -> NDArray:
        """Return the part of z (..., p) that pushes a zero coefficient away from zero."""
        return z if self.positive else np.abs(z)

    def excess(self, correlation: NDArray) -> NDArray:
        """Return by how much A'r (..., p) exceeds what a zero coefficient allows."""
        return self.directed(correlation) - self.limit

    def dual_gap(
        self,
        w: NDArray,
        correlation: NDArray,
        residual_norm2: NDArray,
        rounding: NDArray | float = 0.0,
    ) -> NDArray:
        """Bound F(w) - min F (...) from w (..., p), `correlation` = A'r (..., p) and |r|^2 (...).

        `rounding` (..., p) is the error of the correlations: a violation of optimality up to it
        counts as none. Otherwise a tiny ridge, by which the square of a violation is divided, could
        not be certified.
        """
        if np.any(rounding):
            missed = self.violation(w, correlation)
            correlation = correlation - np.clip(missed, -rounding, rounding)
        terms, scale = self._terms(w), self._dual_scale(correlation, self.ridge == 0)
        gap = self._gap_at(scale, w, terms, correlation, residual_norm2)
        if self.has_ridge and self.has_l1:
            # Where the ridge is tiny its conjugate is steep, and a smaller s may bound better:
            # that of the lasso with the rows sqrt(ridge) added to A.
            augmented = correlation - self.ridge * w
            scale = self._dual_scale(augmented, (self.l1 > 0) | (self.ridge == 0))
            gap = np.minimum(gap, self._gap_at(scale, w, terms, correlation, residual_norm2))
        return np.minimum(gap, 0.5 * residual_norm2 + terms.sum(axis=-1))  # theta = 0

    def _terms(self, w: NDArray) -> NDArray:
        """Return the penalty per feature (..., p); excluded features are zero and cost nothing."""
        size = np.abs(w)
        return (self.l1 + 0.5 * self.ridge * size) * size

    def _dual_scale(self, z: NDArray, among: NDArray) -> NDArray:
        """Return the largest s <= 1 (...) with s z_j within l1_j for features `among` (p,)."""
        size = self.directed(z)
        beyond = (size > self.limit) & among
        if not beyond.any():
            return np.ones(z.shape[:-1])
        return np.divide(self.limit, size, where=beyond, out=np.ones_like(z)).min(axis=-1)

    def _gap_at(
        self,
        scale: NDArray,
        w: NDArray,
        terms: NDArray,
        correlation: NDArray,
        residual_norm2: NDArray,
    ) -> NDArray:
        """Return the gap (...) for the dual point scale * r; `terms` (..., p) are those of w."""
        z = scale[..., None] * correlation
        fenchel = terms - w * z
        if self.has_ridge:
            beyond = np.maximum(self.excess(z), 0.0)
            half = np.divide(0.5, self.ridge, where=self.ridge > 0, out=np.zeros_like(self.ridge))
            fenchel += beyond * beyond * half
        total = fenchel.sum(axis=-1) + 0.5 * (1.0 - scale) ** 2 * residual_norm2
        return np.maximum(total, 0.0)
