"""`GramProblem`: what a solver asks of the data, answered from the second moments.

    A'(b - A w) = A'b - A'A w,        |b - A w|^2 = |b|^2 - w'(A'b + A'(b - A w))

It costs p^2 operations for any number of rows. A'A holds the square of the condition number of A,
and no rows are there to refine on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty, add_to_diagonal
from .protocol import ALL, Features

EPS = float(np.finfo(np.float64).eps)


@dataclass(eq=False)
class GramProblem:
    """The moments A'A (p, p), `cross` A'b (..., p) and `target_norm2` |b|^2 (...).

    They are about the means with an intercept, and about zero without; `mean` (p,) and
    `target_mean` (...) are the weighted means of the data as given.
    """

    mean: NDArray
    target_mean: NDArray
    matrix: NDArray
    cross: NDArray
    target_norm2: NDArray
    fit_intercept: bool = True
    has_rows: ClassVar[bool] = False
    is_sparse: ClassVar[bool] = False
    shape: tuple[int, int] = field(init=False)
    n_features: int = field(init=False)
    coef_shape: tuple[int, ...] = field(init=False)
    column_norms2: NDArray = field(init=False)
    constant: NDArray = field(init=False)

    def __post_init__(self) -> None:
        p = self.n_features = len(self.mean)
        self.shape, self.coef_shape = (p, p), self.cross.shape
        self.column_norms2 = self.matrix.diagonal()
        self.constant = (self.column_norms2 == 0) & self.fit_intercept

    def evaluate(self, w: NDArray) -> tuple[NDArray, NDArray]:
        """Return A'(b - A w) (..., p) and |b - A w|^2 (...) for w (..., p)."""
        correlation = self.cross - w @ self.matrix
        explained = np.sum(w * (self.cross + correlation), axis=-1)
        return correlation, np.maximum(self.target_norm2 - explained, 0.0)

    def unresolved(self, w: NDArray, penalty: Penalty) -> NDArray:
        """Return what the objective may gain (...) behind the rounding of A'A and A'b.

        The correlations have an error e of about 2 EPS (|A'b| + |A'A| |w|), and a Newton step on
        it gains e'H^-1 e / 2 in the features whose penalty is quadratic, H = A'A + diag(ridge).
        """
        quadratic = penalty.free if penalty.has_l1 or penalty.positive else ~penalty.excluded
        S = np.flatnonzero(quadratic)
        if not len(S):
            return np.zeros(w.shape[:-1])
        error = 2 * EPS * (np.abs(w) @ np.abs(self.matrix) + np.abs(self.cross))[..., S]
        least = penalty.ridge[S].min()
        if np.all(np.sum(error * error, axis=-1) <= EPS * least * self.target_norm2):
            return np.zeros(w.shape[:-1])
        H = self.gram(S)
        add_to_diagonal(H, penalty.ridge[S])
        inverse = np.abs(np.linalg.pinv(H, rcond=EPS, hermitian=True))
        return 0.5 * np.sum(error * (error @ inverse), axis=-1)

    def gram(self, S: Features, T: Features | None = None) -> NDArray:
        """Return a copy of A_S'A_T (|S|, |T|); T is S by default."""
        T = S if T is None else T
        rows = self.matrix[S]
        return rows.copy() if T is ALL else rows[:, T]

    def sparse_columns(self, S: Features) -> None:
        """Return None: moments are dense."""

    def second_moments(self, drop_to: str) -> NDArray:
        """Return the variances (p,) for "mean", the mean squares for "zero"."""
        return second_moments(self.column_norms2, self.mean, self.fit_intercept, drop_to)

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""
        return self.target_mean - w @ self.mean if self.fit_intercept else np.zeros(w.shape[:-1])

    def select_target(self, index: int) -> GramProblem:
        """Return the problem of one of several targets."""
        return replace(
            self,
            target_mean=self.target_mean[index],
            cross=self.cross[index],
            target_norm2=self.target_norm2[index],
        )


def second_moments(norms2: NDArray, mean: NDArray, centred: bool, drop_to: str) -> NDArray:
    """Return the variances (p,) for "mean", the mean squares for "zero", from |A_j|^2 (p,)."""
    shift = {("mean", False): -1.0, ("zero", True): 1.0}.get((drop_to, centred), 0.0)
    return np.maximum(norms2 + shift * mean * mean, 0.0)
