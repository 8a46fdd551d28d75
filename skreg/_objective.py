"""The objective, stated once, with its optimality conditions and its certificate.

In the standard form that both views of the data provide (rows weighted by sqrt(s_i / S), the
intercept projected out of A and b),

    F(w) = 1/2 |b - A w|^2 + sum_j l1_j |w_j| + 1/2 sum_j ridge_j w_j^2     (w >= 0 if positive)

with l1_j = l1_lambda v_j and ridge_j = l2_lambda v_j + rho_j m_j, rho_j = q_j / (1 - q_j): dropout
at rate q_j, averaged over all masks, is a ridge weighted by the second moment m_j it destroys
(Wager, Wang & Liang, 2013; Srivastava et al., 2014). An infinite weight excludes a feature.

Certificate. For the residual r = b - A w, any s in [0, 1], theta = s r and z = A'theta,

    gap = 1/2 |r - theta|^2 + sum_j [ l1_j |w_j| + ridge_j w_j^2 / 2 - w_j z_j + conj_j(z_j) ]

bounds F(w) - min F (Fenchel-Young). conj_j(z) = (|z| - l1_j)_+^2 / (2 ridge_j) where ridge_j > 0;
where ridge_j = 0, theta is feasible only if |z_j| <= l1_j, which is what s is for (El Ghaoui,
Viallon & Rabbani, 2012). Every term is nonnegative, up to its own rounding: none of the
cancellation of primal minus dual. See `settle` for what rounding of z is overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


def dropout_ridge(rate: NDArray, second_moments: NDArray) -> NDArray:
    """Return the ridge weights (p,) that dropout at `rate` (scalar or (p,)) amounts to."""
    return rate / (1.0 - rate) * second_moments


@dataclass(frozen=True)
class Penalty:
    """The weights `l1` (p,) and `ridge` (p,), both inf where a feature is excluded."""

    l1: NDArray
    ridge: NDArray
    positive: bool = False

    @classmethod
    def weighted(
        cls,
        weights: NDArray,
        l1_lambda: float,
        l2_lambda: float,
        dropout: NDArray | float = 0.0,
        *,
        positive: bool = False,
    ) -> Penalty:
        """Return the penalty for weights v (p,), its strengths and the ridge of dropout (p,)."""
        finite = np.isfinite(weights)
        v = np.where(finite, weights, 0.0)
        with np.errstate(over="ignore"):  # infinite is what it is then
            l1, ridge = l1_lambda * v, l2_lambda * v + dropout
        return cls(l1, ridge, positive).exclude(~finite | np.isinf(l1) | np.isinf(ridge))

    @cached_property
    def excluded(self) -> NDArray:
        """Return the mask (p,) of the features whose coefficient is fixed at zero."""
        return np.isinf(self.l1)

    @cached_property
    def finite(self) -> tuple[NDArray, NDArray]:
        """Return l1 and ridge (p,) with zeros for the excluded features."""
        return np.where(self.excluded, 0.0, self.l1), np.where(self.excluded, 0.0, self.ridge)

    @cached_property
    def unpenalised(self) -> NDArray:
        """Return the mask (p,) of the features without any penalty."""
        return (self.l1 == 0) & (self.ridge == 0)

    @cached_property
    def free(self) -> NDArray:
        """Return the mask (p,) of the features without penalty or constraint: least squares."""
        return self.unpenalised & (not self.positive)

    def exclude(self, features: NDArray) -> Penalty:
        """Return the penalty with the mask `features` (p,) excluded as well."""
        if not features.any():
            return self
        return replace(
            self,
            l1=np.where(features, np.inf, self.l1),
            ridge=np.where(features, np.inf, self.ridge),
        )

    def value(self, w: NDArray) -> NDArray:
        """Return the penalty at w (..., p), one value per target."""
        return self._terms(w).sum(axis=-1)

    def excess(self, correlation: NDArray) -> NDArray:
        """Return by how much A'r (..., p) exceeds what a zero coefficient allows (p,)."""
        return self.directed(correlation) - self.l1

    @cached_property
    def _is_ridged(self) -> bool:
        """Whether a feature that is not excluded has a ridge."""
        return bool(self.finite[1].any())

    @cached_property
    def has_l1(self) -> bool:
        """Whether a feature that is not excluded has an L1 weight."""
        return bool(self.finite[0].any())

    def settle(self, w: NDArray, correlation: NDArray, rounding: NDArray | float) -> NDArray:
        """Return the correlations (..., p) moved towards optimality by their `rounding` (..., p).

        What a correlation misses by its own rounding error says nothing about w: without this, a
        column so large that it is as good as unpenalised could never be certified.
        """
        return correlation - np.clip(self.violation(w, correlation), -rounding, rounding)

    def violation(self, w: NDArray, correlation: NDArray) -> NDArray:
        """Return by how much A'r (..., p) misses the conditions of optimality at w (..., p)."""
        lower = np.where(w > 0, self.l1, -np.inf if self.positive else -self.l1)
        upper = np.where(w < 0, -self.l1, self.l1)
        slope = correlation - self.finite[1] * w
        return slope - np.clip(slope, lower, upper)

    def dual_gap(self, w: NDArray, correlation: NDArray, residual_norm2: NDArray) -> NDArray:
        """Bound F(w) - min F from w (..., p), `correlation` = A'r (..., p) and |r|^2 (...).

        Where the products of huge coefficients overflow the bound is infinite, or NaN: none.
        """
        # Not as a decorator, which under NumPy 1 threads would share.
        with np.errstate(over="ignore", invalid="ignore"):
            scale = self._feasible_scale(correlation, self.ridge == 0)
            gap = self._gap_at(scale, w, correlation, residual_norm2)
            if self._is_ridged and self.has_l1:
                # Where the ridge is tiny its conjugate is steep, and a smaller s may bound better:
                # that of the lasso with the rows sqrt(ridge) added to A.
                augmented = correlation - self.finite[1] * w
                scale = np.minimum(scale, self._feasible_scale(augmented, self.l1 > 0))
                gap = np.minimum(gap, self._gap_at(scale, w, correlation, residual_norm2))
            return np.minimum(gap, 0.5 * residual_norm2 + self.value(w))  # theta = 0

    def directed(self, z: NDArray) -> NDArray:
        """Return the part of z (..., p) that pushes a zero coefficient away from zero."""
        return z if self.positive else np.abs(z)

    def _terms(self, w: NDArray) -> NDArray:
        """Return the penalty per feature (..., p); excluded features are zero and cost nothing."""
        l1, ridge = self.finite
        size = np.abs(w)
        return (l1 + 0.5 * ridge * size) * size

    def _feasible_scale(self, z: NDArray, among: NDArray) -> NDArray:
        """Return the largest s <= 1 (...) with s z_j within l1_j for the features `among` (p,)."""
        beyond = (self.directed(z) > self.l1) & among
        if not beyond.any():
            return np.ones(z.shape[:-1])
        share = np.divide(self.l1, self.directed(z), where=beyond, out=np.ones_like(z))
        return share.min(axis=-1)

    def _gap_at(
        self, scale: NDArray, w: NDArray, correlation: NDArray, residual_norm2: NDArray
    ) -> NDArray:
        """Return the gap (...) for the dual point scale * r."""
        z = scale[..., None] * correlation
        fenchel = self._terms(w) - w * z
        if self._is_ridged:
            beyond = np.maximum(self.directed(z) - self.l1, 0.0)
            # The square of a quotient, since the square of `beyond` alone may overflow.
            norm = np.sqrt(2.0) * np.sqrt(self.ridge)
            share = np.divide(beyond, norm, where=self.ridge > 0, out=np.zeros_like(z))
            fenchel += np.square(share)
        fenchel = fenchel.sum(axis=-1)
        return np.maximum(0.5 * (1.0 - scale) ** 2 * residual_norm2 + fenchel, 0.0)
