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

from .. import _linalg
from .rows import Rows
from .view import View


@dataclass(frozen=True)
class MomentsView(View):
    """`gram` A'A (p, p), `cross` A'b (..., p) and `target_norm2` |b|^2 (...).

    `mean` (p,) and `target_mean` (...) are the weighted means of the data as given,
    `vanishing` (p,) masks its columns whose squares are zero in float64.
    """

    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    target_norm2: NDArray
    vanishing: NDArray
    fit_intercept: bool = True
    has_rows: ClassVar[bool] = False
    shift: ClassVar[float] = 0.0
    is_sparse: ClassVar[bool] = False
    is_tall: ClassVar[bool] = True
    descends_by_columns: ClassVar[bool] = False
    gram_work: ClassVar[float] = 0.0  # it is there

    @classmethod
    def from_rows(cls, rows: Rows) -> MomentsView:
        """Return the same view from the moments of its rows.

        A column that is constant has exactly its value for a mean, and no variance.
        """
        mean, gram = rows.mean, rows.block(np.arange(rows.n_features))
        cross = rows.correlation(rows.target)
        constant = np.flatnonzero(rows.constant())
        if len(constant):
            mean = mean.copy()
            mean[constant] = rows.shift[constant] + rows.first(constant)
        if len(constant) and rows.fit_intercept:
            gram[constant], gram[:, constant], cross[..., constant] = 0.0, 0.0, 0.0
        norm2, intercept = rows.target_norm2, rows.fit_intercept
        return cls(mean, rows.target_mean, gram, cross, norm2, rows.vanishing, intercept)

    @property
    def n_features(self) -> int:
        """Return p."""
        return len(self.mean)

    @property
    def dimension(self) -> int:
        """Return the largest rank that A can have: p, as nobody counted the rows."""
        return self.n_features

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

    def variances(self) -> NDArray:
        """Return the weighted variance of each column (p,), exactly 0 for a constant one."""
        square, noise = self.mean * self.mean, 10 * _linalg.EPS
        if self.fit_intercept:
            variances, noise = np.diag(self.gram), noise * noise
        else:  # the difference rounds at the size of the square
            variances = np.diag(self.gram) - square
        return np.where(variances > noise * square, variances, 0.0)

    def constant(self) -> NDArray:
        """Return the mask (p,) of the columns without variance, unless it may have vanished."""
        return (self.variances() == 0) & ~self.vanishing

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

    def norms2(self, features: NDArray) -> NDArray:
        """Return the squared norms (k,) of the columns `features` (k,) of A."""
        return self.gram[features, features]

    def factor(self, features: NDArray) -> _linalg.LeastSquares:
        """Return the least-squares factors of the columns `features` (f,) of A."""
        return _linalg.from_gram(self.block(features), self.dimension)

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

    def spanned(
        self, features: NDArray, factors: _linalg.LeastSquares, rest: MomentsView
    ) -> NDArray:
        """Return the mask (p,) of the columns of which projecting others out left only rounding.

        `rest` is the view without those, the columns `features` (f,). Of moments it is the squares
        that round.
        """
        shares = factors.to_basis @ (factors.to_basis.T @ self.gram[features])
        norms = np.sqrt(np.diag(self.gram))
        rounding = _linalg.projection_rounding(norms, norms[features], shares)
        return np.diag(rest.gram) <= rounding * norms
