"""`MomentsView`: what a solver asks of the data, answered from its second moments.

In the standard form |b - A w|^2 the moments are A'A, A'b and |b|^2: about the means where there is
an intercept, about the origin where there is none. A solver cannot tell this view from `Rows`, but
for one thing: A'A holds the square of A's condition number, and no rows are there to refine on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _linalg


@dataclass(frozen=True)
class MomentsView:
    """`gram` A'A (p, p), `cross` A'b (..., p) and `target_norm2` |b|^2 (...).

    `mean` (p,) and `target_mean` (...) are the weighted means of the data as given.
    """

    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    target_norm2: NDArray
    fit_intercept: bool = True
    has_rows: ClassVar[bool] = False
    is_sparse: ClassVar[bool] = False
    descends_by_columns: ClassVar[bool] = False

    @property
    def n_features(self) -> int:
        """Return p."""
        return len(self.mean)

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """Return the shape (..., p) of coefficients."""
        return self.cross.shape

    def select_target(self, index: int) -> MomentsView:
        """Return the view with one of several targets."""
        return replace(
            self,
            target_mean=self.target_mean[index],
            cross=self.cross[index],
            target_norm2=self.target_norm2[index],
        )

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""
        return self.target_mean - w @ self.mean if self.fit_intercept else 0.0 * self.target_mean

    def variances(self) -> NDArray:
        """Return the weighted variance of each column (p,), exactly 0 for a constant one."""
        origin = 0.0 if self.fit_intercept else self.mean * self.mean
        variances = np.diag(self.gram) - origin
        return np.where(variances > (10 * _linalg.EPS * self.mean) ** 2, variances, 0.0)

    def second_moments(self, drop_to: str) -> NDArray:
        """Return what dropout destroys (p,): the variance, or the raw moment for drop_to="zero"."""
        variances = self.variances()
        return variances if drop_to == "mean" else variances + self.mean * self.mean

    def constant(self) -> NDArray:
        """Return the mask (p,) of the columns without variance."""
        return self.variances() == 0

    def rounding(self) -> NDArray:
        """Bound (..., p) the rounding error of correlations with residuals up to |b|."""
        return _linalg.rounding(self.second_moments("zero"), self.target_norm2)

    def evaluate(self, w: NDArray) -> tuple[NDArray, NDArray]:
        """Return A'r (..., p), minus the gradient, and |r|^2 (...), twice the loss, at w."""
        correlation = self.cross - w @ self.gram
        explained = np.einsum("...j,...j->...", w, self.cross + correlation)
        return correlation, np.maximum(self.target_norm2 - explained, 0.0)

    def curvature(self, w: NDArray) -> NDArray:
        """Return A'A w (..., p)."""
        return w @ self.gram

    def block(self, S: NDArray, T: NDArray | None = None) -> NDArray:
        """Return A_S'A_T (|S|, |T|) for indices S, T of features; T is S by default."""
        return self.gram[np.ix_(S, S if T is None else T)]

    def factor(self, features: NDArray) -> _linalg.LeastSquares:
        """Return the least-squares factors of the columns `features` (f,) of A."""
        return _linalg.from_gram(self.block(features), len(features))

    def project_out(self, features: NDArray, factors: _linalg.LeastSquares) -> MomentsView:
        """Return the view with the span of the columns `features` (f,) projected out of A and b."""
        overlap = factors.to_basis.T @ self.gram[features]
        target = self.cross[..., features] @ factors.to_basis
        return replace(
            self,
            gram=self.gram - overlap.T @ overlap,
            cross=self.cross - target @ overlap,
            target_norm2=np.maximum(self.target_norm2 - np.sum(target * target, axis=-1), 0.0),
        )
