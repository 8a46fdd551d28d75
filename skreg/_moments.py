"""`Moments`: first and second moments as a view of the data, any number of rows in p x p memory.

With S the sum of the weights s_i, the means, and the centred moments

    gram = X'diag(s)X / S,    cross = X'diag(s)y / S,    target_norm2 = y'diag(s)y / S

are all that the objective needs of the data. Two parts merge by averaging their moments and, for
the distance delta of their means, adding the rank-one term f (1 - f) delta delta', f being the
share of one part (Chan, Golub & LeVeque, 1983). Nothing is subtracted, so no digits are lost.

A solver cannot tell this view from `Rows`. Where the rows are at hand a fit uses these; the moments
are for rows that are not, because there are too many or they are elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _linalg
from ._rows import Rows


@dataclass(frozen=True)
class Moments:
    """Weighted moments of rows, and a view of them in standard form.

    `weight` S, `mean` (p,), `target_mean` (...), `gram` (p, p), `cross` (..., p),
    `target_norm2` (...); the last three are centred unless taken `about_origin`, and then `spread`
    (p,) keeps the variances, whose digits the squares of the means would take.
    """

    weight: float
    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    target_norm2: NDArray
    fit_intercept: bool = True
    spread: NDArray | None = None
    has_rows: ClassVar[bool] = False
    is_sparse: ClassVar[bool] = False
    descends_by_columns: ClassVar[bool] = False

    @classmethod
    def from_data(cls, X, y: NDArray, weights: NDArray | None = None) -> Moments:
        """Return the moments of X (n, p) and y (n,) or (n, targets) with row weights (n,)."""
        weight = float(X.shape[0] if weights is None else weights.sum())
        return cls.from_rows(Rows.from_data(X, y, weights, fit_intercept=True), weight)

    @classmethod
    def from_rows(cls, rows: Rows, weight: float = 1.0) -> Moments:
        """Return the moments of rows, about the origin if they are; S matters only to `+`.

        A column that is constant has exactly its value for a mean and no variance, so that parts
        that agree in it merge to one that is constant too.
        """
        mean, gram = rows.mean, rows.block(np.arange(rows.n_features))
        cross = rows.correlation(rows.target)
        constant = np.flatnonzero(rows.constant())
        if len(constant):
            mean = mean.copy()
            mean[constant] = rows.shift[constant] + rows.first(constant)
        if len(constant) and rows.fit_intercept:
            gram[constant], gram[:, constant], cross[..., constant] = 0.0, 0.0, 0.0
        return cls(
            weight,
            mean,
            rows.target_mean,
            gram,
            cross,
            rows.target_norm2,
            rows.fit_intercept,
            None if rows.fit_intercept else rows.variances(),
        )

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of the rows of both."""
        weight = self.weight + other.weight
        share = other.weight / weight
        delta, target_delta = other.mean - self.mean, other.target_mean - self.target_mean

        def average(mine: NDArray, theirs: NDArray, between: NDArray) -> NDArray:
            return (1 - share) * (mine + share * between) + share * theirs

        return Moments(
            weight,
            self.mean + share * delta,
            self.target_mean + share * target_delta,
            average(self.gram, other.gram, np.outer(delta, delta)),
            average(self.cross, other.cross, np.expand_dims(target_delta, -1) * delta),
            average(self.target_norm2, other.target_norm2, target_delta * target_delta),
        )

    def about_origin(self) -> Moments:
        """Return the moments about zero in place of the means: the view without an intercept."""
        return replace(
            self,
            gram=self.gram + np.outer(self.mean, self.mean),
            cross=self.cross + np.expand_dims(self.target_mean, -1) * self.mean,
            target_norm2=self.target_norm2 + self.target_mean * self.target_mean,
            fit_intercept=False,
            spread=self.variances(),
        )

    @property
    def n_features(self) -> int:
        """Return p."""
        return len(self.mean)

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """Return the shape (..., p) of coefficients."""
        return self.cross.shape

    def select_target(self, index: int) -> Moments:
        """Return the view with one of several targets."""
        return replace(
            self,
            target_mean=self.target_mean[index],
            cross=self.cross[index],
            target_norm2=self.target_norm2[index],
        )

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""
        return self.target_mean - w @ self.mean if self.fit_intercept else np.zeros(w.shape[:-1])

    def variances(self) -> NDArray:
        """Return the weighted variance of each column (p,), exactly 0 for a constant one."""
        variances = np.diag(self.gram) if self.spread is None else self.spread
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

    def project_out(self, features: NDArray, factors: _linalg.LeastSquares) -> Moments:
        """Return the view with the span of the columns `features` (f,) projected out of A and b."""
        overlap = factors.to_basis.T @ self.gram[features]
        target = self.cross[..., features] @ factors.to_basis
        return replace(
            self,
            gram=self.gram - overlap.T @ overlap,
            cross=self.cross - target @ overlap,
            target_norm2=np.maximum(self.target_norm2 - np.sum(target * target, axis=-1), 0.0),
        )
