"""The contract between the data and the solvers.

Every solver works on the standard form

    F(w) = 1/2 |b - A w|^2 + sum_j l1_j |w_j| + 1/2 sum_j ridge_j w_j^2

where the rows of A and b carry the square roots of their share of the sample weights, and the
intercept is projected out: A and b are centred by weighted means. A `Problem` answers what can be
answered from the second moments A'A, A'b and b'b alone; a `Design` has the rows at hand. A solver
says by its annotation which of the two it takes.

Arrays carry the targets first: coefficients are (..., p) and residuals (..., n), without a leading
axis for a single target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .._objective import Penalty

Features: TypeAlias = "NDArray[np.intp] | slice"
"""Some of the features, by index; `ALL` stands for all of them."""

ALL = slice(None)

Matrix: TypeAlias = "NDArray[Any] | sparse.csc_array"
"""A design X (n, p), dense or by sparse columns."""


@dataclass(frozen=True)
class SparseColumns:
    """Sparse columns `X` (n, k), their means `centre` (k,), and the target `y` (n,).

    With an intercept the target is centred, without one the means are zeros.
    """

    X: sparse.csc_array
    centre: NDArray
    y: NDArray
    fit_intercept: bool


class Problem(Protocol):
    """A least-squares problem that knows its second moments."""

    @property
    def has_rows(self) -> bool:
        """Return whether this is a `Design`."""

    @property
    def is_sparse(self) -> bool:
        """Return whether there are rows, and X is sparse."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return (n, p); (p, p) where there are no rows."""

    @property
    def n_features(self) -> int:
        """Return p."""

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """Return the shape (..., p) of coefficients."""

    @property
    def cross(self) -> NDArray:
        """Return A'b (..., p)."""

    @property
    def target_norm2(self) -> NDArray:
        """Return |b|^2 (...)."""

    @property
    def column_norms2(self) -> NDArray:
        """Return the diagonal of A'A (p,), exactly 0 for a column that is constant."""

    @property
    def constant(self) -> NDArray:
        """Return the mask (p,) of the columns that an intercept makes superfluous."""

    @property
    def fit_intercept(self) -> bool:
        """Return whether A and b are centred."""

    @property
    def mean(self) -> NDArray:
        """Return the weighted means (p,) of the columns of the data as given."""

    def evaluate(self, w: NDArray) -> tuple[NDArray, NDArray]:
        """Return A'(b - A w) (..., p) and |b - A w|^2 (...) for w (..., p)."""

    def unresolved(self, w: NDArray, penalty: Penalty) -> NDArray:
        """Return what the objective may gain (...) behind the rounding of moments."""

    def gram(self, S: Features, T: Features | None = None) -> NDArray:
        """Return A_S'A_T (|S|, |T|); T is S by default."""

    def sparse_columns(self, S: Features) -> SparseColumns | None:
        """Return the problem on sparse columns S of equally weighted rows, None if it has none."""

    def second_moments(self, drop_to: str) -> NDArray:
        """Return the variances (p,) for "mean", the mean squares for "zero"."""

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""

    def select_target(self, index: int) -> Problem:
        """Return the problem of one of several targets."""


class Design(Problem, Protocol):
    """A problem whose rows are at hand."""

    @property
    def X(self) -> Matrix:  # noqa: N802
        """Return the stored design (n, p); A is `root` * (X - centre)."""

    @property
    def centre(self) -> NDArray:
        """Return the weighted means (p,) of the stored X, zeros without an intercept."""

    @property
    def root(self) -> NDArray:
        """Return the square roots (n,) of the rows' shares of the weights, all positive."""

    @property
    def target(self) -> NDArray:
        """Return b (..., n)."""

    def product(self, w: NDArray) -> NDArray:
        """Return A w (..., n) for w (..., p)."""

    def correlation(self, residual: NDArray) -> NDArray:
        """Return A'r (..., p) for a residual r (..., n)."""

    def columns(self, S: Features) -> NDArray:
        """Return A_S (n, |S|) as a dense array of float64."""

    def kernel(self, scale: NDArray) -> NDArray:
        """Return A diag(scale^2) A' (n, n) for scale (p,)."""

    def select_target(self, index: int) -> Design:
        """Return the problem of one of several targets."""


def is_design(problem: Problem) -> TypeGuard[Design]:
    """Return whether the rows of a problem are at hand."""
    return problem.has_rows
