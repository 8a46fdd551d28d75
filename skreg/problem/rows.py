"""`Rows`: the design as a view of the data, dense or sparse, weighted and centred without a copy.

The standard form is |b - A w|^2 with

    A = (I - Q Q') diag(root) X,    b = (I - Q Q') (root * y),    root_i = sqrt(s_i / S),

where the orthonormal columns of Q span what is fitted without penalty: `root` itself for the
intercept (projecting it out is centring), and whatever `eliminate` adds. A is never formed:
A w = root * (X w) - Q (Z w) with Z = Q' diag(root) X, so a sparse X stays sparse. Arrays carry
their targets first: coefficients (..., p), residuals (..., n), with no leading axis for one target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator
from sklearn.utils.sparsefuncs import mean_variance_axis

from .. import _linalg
from . import inspection, sizes
from .view import View

BLOCK_BYTES = 2**23  # of rows worked on at a time
CACHED_BYTES = 2**20  # of those that several passes go over
FEW_COLUMNS = 0.1  # share of nonzero coefficients up to which their columns are worth a copy
MOST_FREE = 5000  # features of a sparse X that may go without a penalty
NEAR = 1e-6  # of a column's square, left by projection, up to which the rest itself is looked at
FEW_ROWS = 0.25  # share of rows that count from which a dense X keeps those that do not, uncopied


@dataclass(frozen=True)
class Rows(View):
    """A view of X (n, p): `root` (n,), `target` b (..., n), `basis` Q (n, f), `overlap` Z (f, p).

    A sparse X is CSC. Rows of next to no weight do not count: they are left out, or stay in a dense
    X that is not worth a copy, with `root` 0. The moments, `constant` and `rounding` are of the
    data as given, whatever was projected out.
    `mean` (p,) and `target_mean` (...) are the weighted means of the data as given; the stored X
    has `shift` (p,) subtracted. `uniform` says that all rows that count weigh the same.
    """

    X: Any
    root: NDArray
    target: NDArray
    basis: Any
    overlap: NDArray
    mean: NDArray
    shift: NDArray
    target_mean: NDArray
    fit_intercept: bool
    uniform: bool
    has_rows: ClassVar[bool] = True

    @classmethod
    def from_data(cls, X, y: NDArray, weights: NDArray | None, fit_intercept: bool) -> Rows:
        """Return the view of X (n, p), y (n,) or (n, targets), weights (n,); None: all one."""
        if weights is not None and (ignored := ~sizes.counting(weights)).any():
            few = sparse.issparse(X) or np.count_nonzero(~ignored) < FEW_ROWS * len(weights)
            if few or not sizes.squares_fit(X, ignored, BLOCK_BYTES):
                X, y, weights = X[~ignored], y[~ignored], weights[~ignored]
            else:
                weights = np.where(ignored, 0.0, weights)
        n, p = X.shape
        if weights is None:
            share = np.full(n, 1.0 / n)
        else:
            share = weights / weights.max()  # whose sum does not overflow
            share /= share.sum()
        root = np.sqrt(share)
        if not sparse.issparse(X):
            X = X.astype(np.float64, copy=False)
        elif not (X.has_canonical_format and X.data.all()):
            X = X.copy()
            X.sum_duplicates()
            X.eliminate_zeros()
        y = y.T.astype(np.float64)
        sizes.check_target(y)
        mean, target_mean = X.T @ share, inspection.target_mean(y, share)
        sizes.check_design(X, mean, root > 0)
        shift = np.zeros(p)
        if fit_intercept:
            y = y - np.expand_dims(target_mean, -1)
            y -= np.expand_dims(y @ share, -1)  # what rounding left, where y is far from zero
            y[np.max(np.abs(y), axis=-1) <= 4 * _linalg.EPS * np.abs(target_mean)] = 0.0
            basis, overlap = root[:, None], mean[None, :]
            far = inspection.far(X, mean, root)
            if far.any():
                X, shift = inspection.shifted(X, far, mean)
                overlap = (X.T @ share)[None, :]
        else:
            basis, overlap = np.zeros((n, 0)), np.zeros((0, p))
        target, uniform = root * y, weights is None or np.ptp(root[root > 0]) == 0
        return cls(
            X, root, target, basis, overlap, mean, shift, target_mean, fit_intercept, uniform
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Return (n, p)."""
        return self.X.shape

    @property
    def n_features(self) -> int:
        """Return p."""
        return self.X.shape[1]

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """Return the shape (..., p) of coefficients."""
        return (*self.target_mean.shape, self.X.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Return whether X is sparse."""
        return sparse.issparse(self.X)

    @property
    def is_tall(self) -> bool:
        """Whether the Gram matrix of all columns is no larger than what X holds."""
        return not self.is_sparse and self.shape[0] >= self.shape[1]

    @property
    def gram_work(self) -> float:
        """Return how many products the Gram matrix of all columns takes."""
        return float(self.n_features) ** 2 * self.shape[0]

    @cached_property
    def counted(self) -> NDArray:
        """Return the mask (n,) of the rows of positive weight."""
        return self.root > 0

    @property
    def dimension(self) -> int:
        """Return the largest rank that A can have: the rows, less what is projected out."""
        return np.count_nonzero(self.counted) - self.basis.shape[1]

    @cached_property
    def target_norm2(self) -> NDArray:
        """Return |b|^2 (...)."""
        return _linalg.norm2(self.target)

    def select_target(self, index: int) -> Rows:
        """Return the view with one of several targets."""
        return replace(self, target=self.target[index], target_mean=self.target_mean[index])

    def constant(self) -> NDArray:
        """Return the mask (p,) of the columns that are the same in every row."""
        return inspection.constant(self.X, self.counted)

    def first(self, S: NDArray) -> NDArray:
        """Return the columns S (k,) of the first stored row that counts (k,), not centred."""
        row = self.X[[np.argmax(self.counted)]][:, S]
        return (row.toarray() if self.is_sparse else row).ravel()

    @cached_property
    def vanishing(self) -> NDArray:
        """The mask (p,) of the columns, not all zero, whose squares are zero in float64."""
        return sizes.vanishing(self.X, self.mean - self.shift, self.counted)

    def variances(self) -> NDArray:
        """Return the weighted variance of each column (p,), exactly 0 for a constant one."""
        return self._variances

    @cached_property
    def _variances(self) -> NDArray:
        """What `variances` returns (p,); a path asks for every value."""
        mass = self.root * self.root
        if self.is_sparse:
            X = self.X.astype(np.float64, copy=False)
            variance = mean_variance_axis(X, axis=0, weights=mass)[1]
        else:
            drift, square = np.zeros(self.shape[1]), np.zeros(self.shape[1])
            for rows in inspection.blocks(self.counted, self.n_features, BLOCK_BYTES):
                deviation = self.X[rows] - (self.mean - self.shift)
                drift += mass[rows] @ deviation
                square += mass[rows] @ np.square(deviation, out=deviation)
            variance = square - drift * drift
        # A constant column leaves only the rounding error of its mean.
        return np.where(variance > (10 * _linalg.EPS * self.mean) ** 2, variance, 0.0)

    @property
    def _is_centred_only(self) -> bool:
        """Whether nothing is projected out but the mean."""
        return len(self.overlap) == int(self.fit_intercept)

    def product(self, w: NDArray) -> NDArray:
        """Return A w (..., n); a w with few nonzeros costs only its columns."""
        if w.ndim > 2:
            return self.product(_flat(w)).reshape(*w.shape[:-1], -1)
        used = np.flatnonzero(w if w.ndim == 1 else w.any(axis=0))
        X, overlap = self.X, self.overlap
        if len(used) < FEW_COLUMNS * self.n_features:
            X, overlap, w = X[:, used], overlap[:, used], w[..., used]
        product = (X @ w.T).T
        if self._is_centred_only:
            product -= np.expand_dims(w @ overlap[0], -1) if self.fit_intercept else 0.0
            return self.root * product
        return self.root * product - (self.basis @ (overlap @ w.T)).T

    def correlation(self, residual: NDArray) -> NDArray:
        """Return A' residual (..., p) for a residual (..., n) orthogonal to the basis."""
        if residual.ndim > 2:
            return self.correlation(_flat(residual)).reshape(*residual.shape[:-1], -1)
        return (self.X.T @ (self.root * residual).T).T

    def evaluate(self, w: NDArray) -> tuple[NDArray, NDArray]:
        """Return A'r (..., p), minus the gradient, and |r|^2 (...), twice the loss, at w."""
        residual = self._residual(w)
        return self.correlation(residual), _linalg.norm2(residual)

    def residual_norm2(self, w: NDArray) -> NDArray:
        """Return |r|^2 (...), twice the loss, at w (..., p), without the correlations."""
        return _linalg.norm2(self._residual(w))

    def _residual(self, w: NDArray) -> NDArray:
        """Return b - A w (..., n)."""
        explained = self.product(w) if w.any() else np.zeros((*w.shape[:-1], 1))
        residual = self.target - explained
        if self._is_centred_only:
            return residual
        return self.project(residual)  # where coefficients cancel, rounding leaves a part in Q

    def curvature(self, w: NDArray) -> NDArray:
        """Return A'A w (..., p)."""
        return self.correlation(self.product(w))

    def block(self, S: NDArray, T: NDArray | None = None) -> NDArray:
        """Return A_S'A_T (|S|, |T|) for indices S, T of features; T is S by default."""
        overlap = self.overlap[:, S].T @ self.overlap[:, S if T is None else T]
        if self.is_sparse:
            left = self._weighted_columns(S)
            return (left.T @ (left if T is None else self._weighted_columns(T))).toarray() - overlap
        gram = np.zeros(overlap.shape)
        # Blocks of few rows would spend their time on adding up.
        most = max(BLOCK_BYTES, 32 * self.n_features * max(overlap.shape))
        for rows in inspection.blocks(self.counted, self.n_features, most):
            left = self._some(S, rows)
            right = left if T is None else self._some(T, rows)
            gram += left.T @ (right if self.uniform else self.root[rows, None] ** 2 * right)
        if self.uniform:
            gram *= self.root.max() ** 2
        return gram - overlap

    @property
    def descends_by_columns(self) -> bool:
        """Whether `sparse_columns` poses the problem: no weights, only the mean projected out."""
        return self.is_sparse and self.uniform and self._is_centred_only and self.X.nnz < 2**31

    def sparse_columns(self, S: NDArray) -> tuple[Any, NDArray, NDArray]:
        """Return X_S (n, |S|), sparse, what to centre it by (|S|,), and y (n,), centred."""
        centre = self.mean[S] if self.fit_intercept else np.zeros(len(S))
        X = self.X[:, S]
        indices = (X.indices.astype(np.int32), X.indptr.astype(np.int32))  # what the descent reads
        X = sparse.csc_array((X.data.astype(np.float64), *indices), shape=X.shape)
        return X, centre, self.target / self.root

    def kernel(self, scale: NDArray) -> NDArray:
        """Return A diag(scale^2) A' (n, n) for column factors scale (p,)."""
        n = self.shape[0]
        if self.is_sparse:
            scaled = self._weighted_columns(slice(None)) @ sparse.diags(scale)
            return self.project(self.project((scaled @ scaled.T).toarray()).T)
        kernel = np.zeros((n, n))
        step = max(1, BLOCK_BYTES // (8 * n))
        for start in range(0, self.shape[1], step):
            some = slice(start, start + step)
            columns = self.columns(some) * scale[some]
            kernel += columns @ columns.T
        return kernel

    def columns(self, S: NDArray | slice, rows: slice = slice(None)) -> NDArray:
        """Return the columns S (k,) of A as an array (n or |rows|, k); X must be dense."""
        centre = int(self.fit_intercept)  # before root, whose products round at the mean's size
        mean = self.overlap[0, S] if centre else 0.0
        columns = np.subtract(self.X[rows][:, S], mean, order="C")
        columns *= self.root[rows, None]
        if len(self.overlap) > centre:
            columns -= self.basis[rows, centre:] @ self.overlap[centre:, S]
        return columns

    def images(self, V: NDArray, n_each: int = 0) -> Iterator[tuple[slice | NDArray, NDArray]]:
        """Yield the rows that count and those rows of A V (r, k), for V (p, k).

        Few enough at a time to stay in the cache, also beside `n_each` numbers per row.
        """
        X = self.X.tocsr() if self.is_sparse else self.X
        basis = self.basis @ np.eye(len(self.overlap))  # of a sparse X it may be an operator
        within, root = self.overlap @ V, self.root.max()
        V = V * root if self.uniform else V
        n_each = max(self.n_features, n_each)
        for rows in inspection.blocks(self.counted, n_each, CACHED_BYTES):
            image = X[rows] @ V
            if not self.uniform:
                image *= self.root[rows, None]
            image -= basis[rows] @ within
            yield rows, image

    def factor(self, features: NDArray) -> _linalg.LeastSquares:
        """Return the least-squares factors of the columns `features` (f,) of A."""
        if self.is_sparse:
            if len(features) > MOST_FREE:
                raise ValueError(
                    f"{len(features)} features of a sparse X bear no penalty, which takes a dense "
                    f"matrix of that side; {MOST_FREE} may. Penalise the others, if only slightly."
                )
            gram = self.block(features)
            # Centring a Gram matrix rounds at the size of the moments that are not centred.
            raw, centred = self.stored_moments()[features], gram.diagonal()
            ratio = np.divide(raw, centred, where=centred > 0, out=np.ones_like(raw))
            noise = max(1.0, ratio.max())
            return _linalg.from_gram(gram, self.dimension, noise)
        columns = self.project(self.columns(features).T).T
        origin = np.abs(self.mean[features]) if self.fit_intercept else 0.0
        return _linalg.from_columns(columns, self.dimension, origin)

    def project_out(self, features: NDArray, factors: _linalg.LeastSquares) -> Rows:
        """Return the view with the span of the columns `features` (f,) projected out of A and b."""
        if self.is_sparse:
            # The new basis A_F T = (diag(root) X_F - Q Z_F) T stays a product of sparse and small.
            old = self.overlap.shape[0]
            weighted = self._weighted_columns(features)
            corner = -self.overlap[:, features] @ factors.to_basis
            mixing = np.block(
                [[np.eye(old), corner], [np.zeros((len(features), old)), factors.to_basis]]
            )
            spans = sparse.hstack([sparse.csr_array(self.basis), weighted])
            basis = aslinearoperator(spans) @ aslinearoperator(mixing)
            everything = np.arange(self.shape[1])
            overlap = factors.to_basis.T @ self.block(features, everything)
        else:
            basis = np.hstack([self.basis, factors.basis])
            overlap = (self.X.T @ (self.root[:, None] * factors.basis)).T
        view = replace(self, basis=basis, overlap=np.vstack([self.overlap, overlap]))
        return replace(view, target=view.project(view.target))

    def spanned(self, features: NDArray, factors: _linalg.LeastSquares, rest: Rows) -> NDArray:
        """Return the mask (p,) of the columns of which projecting others out left only rounding.

        `rest` is the view without those, the columns `features` (f,).
        """
        moments = self.stored_moments()
        left = moments - np.einsum("ij,ij->j", rest.overlap, rest.overlap)
        near = np.flatnonzero(left <= NEAR * moments)  # the difference cannot tell more
        shares = factors.to_basis @ rest.overlap[len(self.overlap) :, near]
        norms = np.sqrt(moments)
        rounding = _linalg.projection_rounding(norms[near], norms[features], shares)
        spanned = np.zeros(self.n_features, bool)
        spanned[near] = rest.norms2(near) <= rounding**2
        return spanned

    def norms2(self, features: NDArray) -> NDArray:
        """Return the squared norms (k,) of the columns `features` (k,) of A, as they are formed."""
        norms2 = np.empty(len(features))
        step = max(1, BLOCK_BYTES // (8 * max(self.shape)))
        for start in range(0, len(features), step):
            some = features[start : start + step]
            unit = np.zeros((len(some), self.n_features))
            unit[np.arange(len(some)), some] = 1.0
            norms2[start : start + step] = _linalg.norm2(self.product(unit))
        return norms2

    def _weighted_columns(self, S: NDArray | slice) -> Any:
        """Return diag(root) X_S (n, |S|) of a sparse X, not centred."""
        columns = self.X[:, S].astype(np.float64)  # a copy
        columns.data *= self.root[columns.indices]
        return columns

    def _some(self, S: NDArray, rows: slice | NDArray) -> NDArray:
        """Return X_S (|rows|, |S|) of a dense X, neither weighted nor centred; a view if it can."""
        if len(S) == self.n_features and np.array_equal(S, np.arange(self.n_features)):
            return self.X[rows]
        return self.X[rows, S] if isinstance(rows, slice) else self.X[rows[:, None], S]

    def project(self, residual: NDArray) -> NDArray:
        """Return the part of a residual (..., n) that is orthogonal to the basis."""
        if residual.ndim > 2:
            return self.project(_flat(residual)).reshape(residual.shape)
        for _ in range(2):
            residual = residual - (self.basis @ (self.basis.T @ residual.T)).T
        return residual


def _flat(stack: NDArray) -> NDArray:
    """Return a stack (..., k) with one leading axis in place of several."""
    return stack.reshape(-1, stack.shape[-1])
