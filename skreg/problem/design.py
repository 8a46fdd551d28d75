"""`RowDesign`: rows in memory, dense or sparse, weighted and centred without a copy.

The standard form is |b - A w|^2 with

    A = root * (X - centre),    b = root * (y - mean of y),    root_i = sqrt(s_i / S),

where `centre` holds the weighted column means (zeros without an intercept). A is never formed:
A w = root * (X w - centre.w), so a sparse X stays sparse. A X whose columns lie far from zero for
their spread is centred in a copy first, since X w - centre.w would lose the digits by which the
mean exceeds the spread. A float32 X is converted a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .._objective import Penalty
from .gram import EPS, GramProblem, second_moments
from .protocol import ALL, Features, Matrix, SparseColumns
from .validation import OVERFLOW, raise_not_finite

FAR = 10.0  # |mean| over mean absolute deviation; a mean at 10 deviations costs 2 digits of 16
SAMPLE = 32  # evenly spaced rows, at least, that tell whether a column may be far from zero
SLICE_BYTES = 2**22  # of rows converted or weighted at a time: half of a usual L2 cache, as float64
FEW_COLUMNS = 0.1  # share of nonzero coefficients up to which X[:, support] is worth a copy


@dataclass(eq=False)
class RowDesign:
    """A problem of X (n, p), as stored, `root` (n,), `target` b (..., n) and `cross` A'b (..., p).

    `mean` (p,) and `target_mean` (...) are the weighted means of the data as given, `centre` (p,)
    what is still to be subtracted from the stored X. `constant` (p,) masks the columns that the
    intercept makes superfluous, `uniform` says that all weights are equal.
    """

    X: Matrix
    root: NDArray
    target: NDArray
    cross: NDArray
    mean: NDArray
    centre: NDArray
    target_mean: NDArray
    constant: NDArray
    fit_intercept: bool
    uniform: bool
    has_rows: ClassVar[bool] = True
    is_sparse: bool = field(init=False)
    shape: tuple[int, int] = field(init=False)
    n_features: int = field(init=False)
    coef_shape: tuple[int, ...] = field(init=False)
    target_norm2: NDArray = field(init=False)

    def __post_init__(self) -> None:
        self.is_sparse = not isinstance(self.X, np.ndarray)
        self.shape, self.n_features = self.X.shape, self.X.shape[1]
        self.coef_shape = self.cross.shape
        self.target_norm2 = np.einsum("...i,...i->...", self.target, self.target)

    @classmethod
    def from_data(
        cls, X: Matrix, y: NDArray, weights: NDArray | None, fit_intercept: bool
    ) -> RowDesign:
        """Return the problem of X (n, p), y (n,) or (n, targets), weights (n,); None: all one.

        ValueError if their squares overflow.
        """
        if weights is not None and not weights.all():  # rows of weight 0 are not there
            X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
        if not isinstance(X, np.ndarray):
            X = sparse.csc_array(X)
            if not X.has_canonical_format:
                X = X.copy()
                X.sum_duplicates()
        n, p = X.shape
        share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        y = y.T.astype(np.float64)
        both = np.empty((1 + y.size // n, n))
        both[0] = share
        with np.errstate(over="ignore", invalid="ignore"):
            target_mean = y @ share if fit_intercept else np.zeros(y.shape[:-1])
            target = y - target_mean[..., None]
            if fit_intercept:  # what rounding left of the mean of a y far from zero
                target -= (target @ share)[..., None]
            norm2 = (target * target) @ share
            same = norm2 <= (4 * EPS * target_mean) ** 2  # a constant y, up to rounding
            target[same], target_mean = 0.0, np.where(same, y[..., 0], target_mean)
            np.multiply(target, share, out=both[1:].reshape(y.shape))
            mean, *cross = _products(both, X)
            squares = mean @ mean + norm2.sum()
        if not np.isfinite(squares):
            raise_not_finite(X)
        centre, constant = np.zeros(p), np.zeros(p, dtype=bool)
        if fit_intercept:
            far, constant = _far_and_constant(X, mean)
            if constant.any():
                mean[constant] = _dense(X[[0]][:, constant]).ravel()
            centre = mean
            if far.any():
                X = _shifted(X, mean, far)
                centre, *cross = _products(both, X)
        root = np.sqrt(share)
        return cls(
            X,
            root,
            root * target,
            np.reshape(cross, (*y.shape[:-1], p)),
            mean,
            centre,
            np.asarray(target_mean),
            constant,
            fit_intercept,
            uniform=weights is None or bool(np.ptp(weights) == 0),
        )

    @cached_property
    def column_norms2(self) -> NDArray:
        """The diagonal of A'A (p,), exactly 0 for a column that is constant."""
        if "whole_gram" in vars(self):
            return np.diag(self.whole_gram)
        total = np.zeros(self.n_features)
        with np.errstate(over="ignore"):
            for rows in _row_slices(self.X, copies=True):
                X = _rows_of(self.X, rows)
                square = X * X if isinstance(X, np.ndarray) else X.multiply(X)
                total += self.root[rows] ** 2 @ square
        if not np.isfinite(total).all():
            raise_not_finite(self.X)
        return np.where(self.constant, 0.0, np.maximum(total - self.centre**2, 0.0))

    def second_moments(self, drop_to: str) -> NDArray:
        """Return the variances (p,) for "mean", the mean squares for "zero"."""
        return second_moments(self.column_norms2, self.mean, self.fit_intercept, drop_to)

    def evaluate(self, w: NDArray) -> tuple[NDArray, NDArray]:
        """Return A'(b - A w) (..., p) and |b - A w|^2 (...) for w (..., p)."""
        if not w.any():
            norm2 = np.broadcast_to(self.target_norm2, w.shape[:-1])
            return np.broadcast_to(self.cross, w.shape).copy(), norm2
        residual = self.target - self.product(w)
        return self.correlation(residual), np.einsum("...i,...i->...", residual, residual)

    def unresolved(self, w: NDArray, penalty: Penalty) -> NDArray:
        """Return zeros (...): a residual of rows hides nothing of the loss."""
        return np.zeros(w.shape[:-1])

    def product(self, w: NDArray) -> NDArray:
        """Return A w (..., n); a w with few nonzeros costs only its columns."""
        flat = w.reshape(-1, self.n_features)
        X, centre = self.X, self.centre
        used = np.flatnonzero(flat.any(axis=0))
        if len(used) < FEW_COLUMNS * self.n_features:
            X, centre, flat = X[:, used], centre[used], flat[:, used]
        product = np.empty((len(flat), len(self.root)))
        for rows in _row_slices(X):
            product[:, rows] = (_rows_of(X, rows) @ flat.T).T
        product -= (flat @ centre)[:, None]
        product *= self.root
        return product.reshape(*w.shape[:-1], -1)

    def correlation(self, residual: NDArray) -> NDArray:
        """Return A'r (..., p) for r (..., n)."""
        weighted = (self.root * residual).reshape(-1, len(self.root))
        result = np.asarray(_products(weighted, self.X))
        if self.fit_intercept:
            result -= np.multiply.outer(weighted.sum(axis=1), self.centre)
        return result.reshape(*residual.shape[:-1], -1)

    def gram(self, S: Features, T: Features | None = None) -> NDArray:
        """Return A_S'A_T (|S|, |T|); T is S by default."""
        if S is ALL and T is None:
            return self.whole_gram.copy()
        if "whole_gram" in vars(self):
            return self.whole_gram[S][:, S if T is None else T]
        return self._gram(S, T)

    def columns(self, S: Features) -> NDArray:
        """Return A_S (n, |S|) as a dense array of float64."""
        columns = _dense(self.X[:, S]) - self.centre[S]
        columns *= self.root[:, None]
        return columns

    def sparse_columns(self, S: Features) -> SparseColumns | None:
        """Return the problem on sparse columns S of equally weighted rows, None if it has none."""
        if isinstance(self.X, np.ndarray) or not self.uniform:
            return None
        X = sparse.csc_array(self.X[:, S], dtype=np.float64)
        X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
        return SparseColumns(X, self.centre[S], self.target / self.root, self.fit_intercept)

    def kernel(self, scale: NDArray) -> NDArray:
        """Return A diag(scale^2) A' (n, n) for scale (p,)."""
        if not isinstance(self.X, np.ndarray):
            X = sparse.csc_array(self.X.astype(np.float64).multiply(scale[None, :]))
            kernel = (X @ X.T).toarray()
            offset = X @ (self.centre * scale)
            kernel -= offset[:, None] + (offset - (self.centre * scale) @ (self.centre * scale))
        else:
            step = max(1, SLICE_BYTES // (8 * len(self.root)))
            kernel = np.zeros((len(self.root),) * 2)
            for start in range(0, self.n_features, step):
                some = slice(start, start + step)
                columns = (self.X[:, some] - self.centre[some]) * scale[some]
                with np.errstate(over="ignore", invalid="ignore"):
                    kernel += columns @ columns.T
        if not np.isfinite(kernel).all():
            raise ValueError(OVERFLOW)
        kernel *= self.root
        kernel *= self.root[:, None]
        return kernel

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""
        return self.target_mean - w @ self.mean if self.fit_intercept else np.zeros(w.shape[:-1])

    def select_target(self, index: int) -> RowDesign:
        """Return the problem of one of several targets."""
        one = replace(
            self,
            target=self.target[index],
            cross=self.cross[index],
            target_mean=self.target_mean[index],
        )
        vars(one)["column_norms2"] = self.column_norms2  # cached once for all targets
        return one

    def moments(self) -> GramProblem:
        """Return the same problem, reduced to its second moments."""
        return GramProblem(
            self.mean,
            self.target_mean,
            self.whole_gram,
            self.cross,
            self.target_norm2,
            self.fit_intercept,
        )

    @cached_property
    def whole_gram(self) -> NDArray:
        """A'A (p, p), whose rows of constant columns are exactly 0."""
        gram = self._gram(ALL, None)
        if self.constant.any():
            gram[self.constant] = 0.0
            gram[:, self.constant] = 0.0
        return gram

    def _gram(self, S: Features, T: Features | None) -> NDArray:
        """Return A_S'A_T (|S|, |T|), multiplied from the rows."""
        XS, XT = self.X[:, S], None if T is None else self.X[:, T]
        gram = np.zeros((XS.shape[1], (XS if XT is None else XT).shape[1]))
        root = None if self.uniform else self.root
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in _row_slices(self.X, copies=root is not None):
                left = _rows_of(XS, rows, root)
                product = left.T @ (left if XT is None else _rows_of(XT, rows, root))
                gram += product if isinstance(product, np.ndarray) else product.toarray()
        if not np.isfinite(gram).all():
            raise ValueError(OVERFLOW)
        if self.uniform:
            gram *= self.root[0] ** 2
        gram -= np.multiply.outer(self.centre[S], self.centre[S if T is None else T])
        return gram


def _row_slices(X: Matrix, copies: bool = False) -> Iterator[slice]:
    """Yield slices of the rows of X (n, p): all at once, or few where float64 rows are copies."""
    n, p = X.shape
    if not isinstance(X, np.ndarray) or (X.dtype == np.float64 and not copies):
        yield slice(0, n)
        return
    # At least 256 rows: else adding up p x p products takes longer than they do.
    step = max(256, SLICE_BYTES // (8 * max(p, 1)))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _rows_of(X: Matrix, rows: slice, factor: NDArray | None = None) -> Any:
    """Return the rows of X (n, p) as float64, times a factor (n,) if there is one."""
    part = (X[rows] if isinstance(X, np.ndarray) else X).astype(np.float64, copy=False)
    if factor is None:
        return part
    scaled = factor[rows, None]
    return part * scaled if isinstance(part, np.ndarray) else part.multiply(scaled).tocsc()


def _dense(X: Matrix) -> NDArray:
    """Return X (n, k) as an array."""
    return X if isinstance(X, np.ndarray) else X.toarray()


def _products(left: NDArray, X: Matrix) -> NDArray:
    """Return left X (k, p) for left (k, n)."""
    total = np.zeros((len(left), X.shape[1]))
    for rows in _row_slices(X):
        total += (_rows_of(X, rows).T @ left[:, rows].T).T
    return total


def _far_and_constant(X: Matrix, mean: NDArray) -> tuple[NDArray, NDArray]:
    """Return masks (p,) of the columns of X (n, p): those far from zero, and those without spread.

    A few rows raise the suspicion, and all of them decide. A sparse column that has a zero is near.
    """
    n = X.shape[0]
    far, constant = np.zeros((2, len(mean)), dtype=bool)
    if isinstance(X, np.ndarray):
        some = X[:: max(1, n // SAMPLE)]
        suspects = np.flatnonzero(np.abs(mean) / FAR >= np.abs(some - mean).mean(axis=0))
    else:
        stored = np.diff(X.indptr)
        constant[stored == 0] = True
        suspects = np.flatnonzero(stored == n)
    if len(suspects):
        columns = _dense(X[:, suspects])
        constant[suspects] = np.ptp(columns, axis=0) == 0
        deviation = np.abs(columns - mean[suspects]).mean(axis=0)
        far[suspects] = np.abs(mean[suspects]) / FAR > deviation
    return far & ~constant, constant


def _shifted(X: Matrix, mean: NDArray, far: NDArray) -> Matrix:
    """Return a copy of X (n, p) about the means (p,); sparse, in its `far` columns alone."""
    if isinstance(X, np.ndarray):
        return X - mean
    X = X.astype(np.float64)  # a far column has no zeros to lose
    X.data -= np.repeat(np.where(far, mean, 0.0), np.diff(X.indptr))
    return X
