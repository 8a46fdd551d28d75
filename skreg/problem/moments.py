"""`Moments`: all that a fit needs of the data, of any number of rows, in p x p memory.

With S the sum of the weights s_i, the means, and the moments about them

    gram = X'diag(s)X / S,    cross = X'diag(s)y / S,    target_norm2 = y'diag(s)y / S

determine the objective. Two parts merge by averaging their moments and, for the distance delta of
their means, adding the rank-one term f (1 - f) delta delta', f being the share of one part (Chan,
Golub & LeVeque, 1983). Nothing is subtracted, so no digits are lost; and a mean is kept as the sum
of two numbers, lest the distance of two means far from zero be their rounding error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from numbers import Number
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin

from ..problem import sizes
from ..problem.moments_view import MomentsView
from . import dask_partitions as partitions
from . import moments_file
from . import row_slices as row_blocks
from .memory import check_side
from .row_moments import lifted, row_moments, two_sum
from .validation import check_data, check_finite, check_weights, located

MERGE_BYTES = 2**20  # of a matrix that are merged at a time, so that they stay in the cache


@dataclass(frozen=True, eq=False, repr=False)
class Moments:
    """Weighted first and second moments of X and y: what a fit needs to know of any number of rows.

    Make them with `from_data`, merge those of more rows with `+` (or `sum`), keep them in a file
    with `save` and `load`, and fit with `L1Regressor().fit_moments(moments)`. For S the sum of the
    weights s_i, and centred X and y::

        gram = X'diag(s)X / S,    cross = y'diag(s)X / S,    target_norm2 = y'diag(s)y / S.

    Parameters
    ----------
    weight : float
        The sum S of the sample weights; the number of rows without.
    mean : ndarray of shape (n_features,)
        The weighted mean of each column of X.
    target_mean : ndarray of shape () or (n_targets,)
        The weighted mean of y.
    gram : ndarray of shape (n_features, n_features)
        The weighted covariance of the columns of X, with divisor S.
    cross : ndarray of shape (n_features,) or (n_targets, n_features)
        The weighted covariance of y and X, with divisor S.
    target_norm2 : ndarray of shape () or (n_targets,)
        The weighted variance of y, with divisor S.
    mean_rest : ndarray of shape (n_features,)
        What rounding took from `mean`: the mean is the sum of both.
    target_mean_rest : ndarray of shape () or (n_targets,)
        What rounding took from `target_mean`.
    dtype : dtype
        The float type of X, which the coefficients of a fit take: float32 if all of X was.
    feature_names : ndarray of shape (n_features,), default=None
        The names of the features, if X had string column names.

    Notes
    -----
    All is in float64, whatever X and y are in. A merge rounds as one addition does: in any order
    and number of parts the moments are those of all rows, to 1e-14 of the variances, however
    far from zero the columns lie [1]_.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub & R. J. LeVeque (1983). Algorithms for computing the sample
       variance: analysis and recommendations. The American Statistician 37.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L1Regressor, Moments
    >>> X, y = load_diabetes(return_X_y=True)
    >>> moments = Moments.from_data(X[:200], y[:200]) + Moments.from_data(X[200:], y[200:])
    >>> moments
    Moments(weight=442.0, n_features=10)
    >>> L1Regressor(l1_lambda=0.5).fit_moments(moments).coef_.round(1)
    array([  0. ,   0. , 471. , 136.5,   0. ,   0. , -58.3,   0. , 408. ,
             0. ])
    """

    weight: float
    mean: NDArray
    target_mean: NDArray
    gram: NDArray
    cross: NDArray
    target_norm2: NDArray
    mean_rest: NDArray
    target_mean_rest: NDArray
    dtype: np.dtype
    feature_names: NDArray | None = None

    @classmethod
    def from_data(cls, X, y, sample_weight=None):
        """Return the moments of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design. A `np.memmap`, or another array that is read when it is sliced (of h5py,
            zarr), is taken in blocks of rows; a Dask collection where its partitions are.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights, all zero if you like; a row of weight 2 counts as two rows.
            None: 1.

        Returns
        -------
        moments : Moments
            Their moments.

        Raises
        ------
        ValueError
            For NaN or infinite values, shapes that do not agree and negative weights.
        NotEnoughMemoryError
            If n_features x n_features is too much (a MemoryError and a ValueError).
        """
        return collect(_Checker(), X, y, sample_weight)

    @classmethod
    def load(cls, path):
        """Return the moments kept in a file by `save`.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        moments : Moments
            The moments, the same to the last bit.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it holds no moments, or not all of them, or arrays that do not fit together. Nothing
            in a file is ever executed.
        """
        return cls(**moments_file.read(path))

    def save(self, path):
        """Keep the moments in a file, in NumPy's format npz.

        Parameters
        ----------
        path : str or path-like
            The file, by just this name. What it held is replaced once all is written.
        """
        moments_file.write(path, vars(self))

    def __add__(self, other):
        """Return the moments of the rows of both."""
        if not isinstance(other, Moments):
            return NotImplemented
        names, dtype = self._names_with(other), np.result_type(self.dtype, other.dtype)
        # From the mean of the heavier part it is the shorter way: less to be rounded.
        heavy, light = (self, other) if self.weight >= other.weight else (other, self)
        if light.weight == 0:
            return replace(heavy, dtype=dtype, feature_names=names)
        weight = heavy.weight + light.weight
        shares = heavy.weight / weight, light.weight / weight
        delta, target_delta = heavy.distance(light)
        mean, mean_rest = two_sum(heavy.mean, heavy.mean_rest + shares[1] * delta)
        target_mean, target_mean_rest = two_sum(
            heavy.target_mean, heavy.target_mean_rest + shares[1] * target_delta
        )
        crosses = np.atleast_2d(heavy.cross), np.atleast_2d(light.cross)
        cross = _merged(*crosses, shares, np.atleast_1d(target_delta), delta)
        gram = _merged(heavy.gram, light.gram, shares, delta, delta)
        np.fill_diagonal(gram, lifted(gram.diagonal(), delta != 0))
        norms = np.stack([heavy.target_norm2, light.target_norm2, target_delta * target_delta])
        return Moments(
            weight,
            mean,
            target_mean,
            gram,
            cross.reshape(heavy.cross.shape),
            lifted(np.array([*shares, shares[0] * shares[1]]) @ norms, target_delta != 0),
            mean_rest,
            target_mean_rest,
            dtype,
            names,
        )

    def distance(self, other: Moments) -> tuple[NDArray, NDArray]:
        """Return how far the means (p,) and (...) of `other` are from these."""
        delta = (other.mean - self.mean) + (other.mean_rest - self.mean_rest)
        target_delta = other.target_mean - self.target_mean
        return delta, target_delta + (other.target_mean_rest - self.target_mean_rest)

    def moved(self, by: NDArray) -> Moments:
        """Return the moments with `by` (p,) added to each row of X."""
        mean, rest = two_sum(by, self.mean)
        return replace(self, mean=mean, mean_rest=rest + self.mean_rest)

    def __radd__(self, other):
        """Let `sum` begin with 0."""
        return self if isinstance(other, Number) and other == 0 else NotImplemented

    def __repr__(self):
        targets = "".join(f", n_targets={n}" for n in self.target_mean.shape)
        return f"Moments(weight={self.weight!r}, n_features={self.n_features}{targets})"

    def __sizeof__(self):
        """Return the bytes; Dask asks before it moves or spills."""
        return sum(np.asarray(value).nbytes for value in vars(self).values())

    @property
    def n_features(self):
        """The number of columns of X."""
        return len(self.mean)

    @classmethod
    def of_rows(
        cls, X: Any, y: NDArray, weights: NDArray | None, names: NDArray | None = None
    ) -> Moments:
        """Return the moments of X (n, p), dense or CSC, y and weights (n,), checked but for NaN."""
        n, p = X.shape
        check_side(p)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite shows in the end
            weight = float(n if weights is None else weights.sum())
            if not np.isfinite(weight):
                raise ValueError("The sum of sample_weight is too large for float64.")
            if weight == 0:
                check_finite(X)
                X, y, weights = np.zeros((1, p), X.dtype), np.zeros((1, *y.shape[1:])), None
            fields = row_moments(X, y, weights)
        if not np.isfinite(fields["mean"]).all():
            check_finite(X)
        counted = np.ones(len(y), dtype=bool) if weights is None else weights > 0
        sizes.check_design(X, fields["mean"], counted)
        return cls(weight, **fields, dtype=X.dtype, feature_names=names)

    def view(self, fit_intercept: bool = True) -> MomentsView:
        """Return what the solvers see: the moments about the means, or about zero.

        A part may be as small as it likes; here, that of all rows, squares must not vanish.
        """
        mean, target_mean = self.mean, self.target_mean
        gram, cross, target_norm2 = self.gram, self.cross, self.target_norm2
        sizes.check_target(np.hypot(target_mean, np.sqrt(target_norm2))[..., None])
        size = np.hypot(mean, np.sqrt(np.maximum(gram.diagonal(), 0.0)))
        vanishing = sizes.vanishing(size[None], mean)
        if not fit_intercept:
            gram = gram + np.outer(mean, mean)
            cross = cross + np.expand_dims(target_mean, -1) * mean
            target_norm2 = target_norm2 + target_mean * target_mean
        return MomentsView(mean, target_mean, gram, cross, target_norm2, vanishing, fit_intercept)

    def _names_with(self, other: Moments) -> NDArray | None:
        """Return the names of the features of both; raise ValueError if they do not agree."""
        mine, theirs = self.feature_names, other.feature_names
        if self.n_features != other.n_features:
            raise ValueError(
                f"Moments of X with {self.n_features} and with {other.n_features} features "
                "cannot be merged."
            )
        if self.target_mean.shape != other.target_mean.shape:
            shapes = (("n", *m.target_mean.shape) for m in (self, other))
            raise ValueError("Moments of y with shapes {} and {} cannot be merged.".format(*shapes))
        if mine is None or theirs is None:
            return theirs if mine is None else mine
        if not np.array_equal(mine, theirs):
            raise ValueError("Moments of other feature names, or another order, cannot be merged.")
        return mine


def collect(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, *, reset: bool = True
) -> Moments:
    """Return the moments of X, whatever holds it, checked in the name of `estimator`."""
    if partitions.is_collection(X):
        partitions.check_header(estimator, X, y, reset=reset)
        check_side(X.shape[1])
        return partitions.fold(_of_partition, add, X, y, sample_weight)
    if row_blocks.is_source(X):
        check_side(X.shape[1])
        return reduce(add, _of_blocks(estimator, X, y, sample_weight, reset))
    return _of_data(estimator, X, y, sample_weight, reset)


def _of_data(estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, reset: bool) -> Moments:
    """Return the moments of rows in memory."""
    # NaN in a dense X shows in the moments, which saves a pass over it.
    X, y = check_data(estimator, X, y, reset=reset, finite=sparse.issparse(X))
    weights = check_weights(sample_weight, X.shape[0])
    return Moments.of_rows(X, y, weights, getattr(estimator, "feature_names_in_", None))


def moments_of_pieces(
    X: Any, y: Any, sample_weight: Any, pieces: list[tuple[int, int, int | None]]
) -> dict[int, Moments]:
    """Return moments by number, of the rows of each (number, first, after the last)."""
    checker = _Checker()
    X, y = check_data(checker, X, y)
    weights = check_weights(sample_weight, X.shape[0])
    names = getattr(checker, "feature_names_in_", None)
    found = {}
    for number, first, last in pieces:
        rows = slice(first, last)
        some = None if weights is None else weights[rows]
        found[number] = Moments.of_rows(X[rows], y[rows], some, names)
    return found


def _of_partition(X: Any, y: Any, sample_weight: Any) -> Moments:
    """Return the moments of one partition of a Dask collection."""
    return _of_data(_Checker(), X, y, sample_weight, reset=True)


def _of_blocks(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, reset: bool
) -> Iterator[Moments]:
    """Yield the moments of the blocks of rows of a source."""
    for rows, block in row_blocks.blocks(X, y, sample_weight):
        with located(f"Rows {rows.start} to {rows.stop - 1}"):
            yield _of_data(estimator, *block, reset=reset and rows.start == 0)


_Checker = type("Moments", (RegressorMixin, BaseEstimator), {})  # named so in the error messages


def _merged(
    mine: NDArray,
    theirs: NDArray,
    shares: tuple[float, float],
    delta: NDArray,
    other_delta: NDArray,
) -> NDArray:
    """Return moments (k, p), averaged, for the distances delta (k,) and (p,) of their means."""
    merged = np.empty_like(mine)
    step = max(1, MERGE_BYTES // (8 * mine.shape[1]))
    for start in range(0, len(mine), step):
        rows = slice(start, start + step)
        part = np.multiply(mine[rows], shares[0], out=merged[rows])
        part += shares[1] * theirs[rows]
        between = np.outer(delta[rows], other_delta)
        between *= shares[0] * shares[1]
        part += between
    return merged
