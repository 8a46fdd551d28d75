"""`Moments`: all that a fit needs of the data, of any number of rows, in p x p memory.

With S the sum of the weights s_i, and X and y centred about their weighted means,

    gram = X'diag(s)X / S,    cross = y'diag(s)X / S,    target_norm2 = y'diag(s)y / S

and the means determine the objective. Two parts with shares f and 1 - f of the weight, whose means
differ by delta, merge by averaging these moments and adding the rank-one term f (1 - f) delta
delta' (Chan, Golub & LeVeque, 1983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from . import dask_partitions, moments_file, row_slices
from .design import RowDesign
from .gram import EPS, GramProblem
from .validation import check_data, check_finite, check_weights, located


class NotEnoughMemoryError(MemoryError, ValueError):
    """X has too many features for a matrix of n_features x n_features."""


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
    dtype : dtype
        The float type of X, which the coefficients of a fit take: float32 if all of X was.
    feature_names : ndarray of shape (n_features,), default=None
        The names of the features, if X had string column names.

    Notes
    -----
    The moments are in float64, whatever X and y are in. In any order and number of parts they are
    those of all rows up to rounding [1]_: of a column whose mean is 10^k times its standard
    deviation, a merge keeps about 16 - k digits.

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
    dtype: np.dtype
    feature_names: NDArray | None = None

    @classmethod
    def from_data(cls, X, y, sample_weight=None):
        """Return the moments of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The design. A `np.memmap`, or another array that is read when it is sliced (of h5py,
            zarr), is read in slices of rows; a Dask collection is reduced where its partitions are.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights, which may all be zero; a row of weight 2 counts as two rows.
            None gives each row the weight 1.

        Returns
        -------
        moments : Moments
            Their moments.

        Raises
        ------
        ValueError
            For NaN or infinite values, values whose squares overflow, shapes that do not agree,
            and negative weights.
        NotEnoughMemoryError
            If there is no memory for a matrix of n_features x n_features (a MemoryError and a
            ValueError).
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
        heavy, light = (self, other) if self.weight >= other.weight else (other, self)
        if light.weight == 0:
            return replace(heavy, dtype=dtype, feature_names=names)
        weight = heavy.weight + light.weight
        share = light.weight / weight
        delta, target_delta = heavy.distance(light)
        between = np.sqrt(share * (1.0 - share))  # the means scatter by this times their distance
        spread, target_spread = between * delta, between * target_delta
        mean, target_mean = heavy.mean + share * delta, heavy.target_mean + share * target_delta
        gram = _mixed(heavy.gram, light.gram, share, np.outer(spread, spread))
        cross = _mixed(heavy.cross, light.cross, share, np.multiply.outer(target_spread, spread))
        norm2 = _mixed(heavy.target_norm2, light.target_norm2, share, target_spread**2)
        columns, targets = _is_rounding(gram.diagonal(), mean), _is_rounding(norm2, target_mean)
        gram[columns] = gram[:, columns] = cross[..., columns] = 0.0
        cross[targets] = 0.0
        norm2 = np.where(targets, 0.0, norm2)[()]
        return Moments(weight, mean, target_mean, gram, cross, norm2, dtype, names)

    def __radd__(self, other):
        """Let `sum` begin with 0."""
        return self if isinstance(other, int | float) and other == 0 else NotImplemented

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
        check_side(X.shape[1])
        weight = float(X.shape[0] if weights is None else weights.sum())
        if weight == 0:
            check_finite(X)
            X, y, weights = np.zeros((1, X.shape[1]), X.dtype), np.zeros((1, *y.shape[1:])), None
        rows = RowDesign.from_data(X, y, weights, True)
        gram, cross = rows.whole_gram, np.where(rows.constant, 0.0, rows.cross)
        return cls(
            weight,
            rows.mean,
            rows.target_mean[()],
            gram,
            cross,
            rows.target_norm2[()],
            X.dtype,
            names,
        )

    def distance(self, other: Moments) -> tuple[NDArray, NDArray]:
        """Return how far the means (p,) and (...) of `other` are from these."""
        return other.mean - self.mean, other.target_mean - self.target_mean

    def problem(self, fit_intercept: bool = True) -> GramProblem:
        """Return the problem that the solvers see: the moments about the means, or about zero."""
        mean, target_mean = self.mean, np.asarray(self.target_mean)
        gram, cross, target_norm2 = self.gram, self.cross, np.asarray(self.target_norm2)
        if not fit_intercept:
            gram = gram + np.outer(mean, mean)
            cross = cross + np.multiply.outer(target_mean, mean)
            target_norm2 = target_norm2 + target_mean * target_mean
        return GramProblem(mean, target_mean, gram, cross, target_norm2, fit_intercept)

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


def check_side(n_features: int) -> None:
    """Raise NotEnoughMemoryError if there is no memory for a matrix of n_features x n_features."""
    try:
        np.empty((n_features, n_features))  # takes no time, as nothing is written to it
    except (MemoryError, ValueError):
        raise NotEnoughMemoryError(
            f"X has {n_features} features, and there is no memory for the "
            f"{8e-9 * n_features**2:.3g} GB of a matrix of {n_features} x {n_features}. Select or "
            "hash the features into fewer; or call fit on rows in memory with solver='auto', which "
            "forms no such matrix for L1, nor for sparse X; or use "
            "sklearn.linear_model.SGDRegressor, whose partial_fit is approximate."
        ) from None


def collect(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, *, reset: bool = True
) -> Moments:
    """Return the moments of X, whatever holds it, checked in the name of `estimator`."""
    if dask_partitions.is_collection(X):
        dask_partitions.check_header(estimator, X, y, reset=reset)
        check_side(X.shape[1])
        return dask_partitions.fold(_of_partition, add, X, y, sample_weight)
    if row_slices.is_on_disk(X):
        check_side(X.shape[1])
        return reduce(add, _of_slices(estimator, X, y, sample_weight, reset))
    return _of_data(estimator, X, y, sample_weight, reset)


def _of_data(estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, reset: bool) -> Moments:
    """Return the moments of rows in memory."""
    # NaN in X shows in the means, but not that of rows without weight.
    X, y = check_data(estimator, X, y, reset=reset, finite=sample_weight is not None)
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


def _of_slices(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, reset: bool
) -> Iterator[Moments]:
    """Yield the moments of slices of the rows of a table on disk."""
    for rows, (some_X, some_y, weights) in row_slices.slices(X, y, sample_weight):
        with located(f"Rows {rows.start} to {rows.stop - 1}"):
            yield _of_data(estimator, some_X, some_y, weights, reset and rows.start == 0)


_Checker = type("Moments", (RegressorMixin, BaseEstimator), {})  # named so in the error messages


def _mixed(first: NDArray, second: NDArray, share: float, spread: NDArray) -> NDArray:
    """Return the average of two arrays (...), plus `spread` (...), which is overwritten."""
    spread = spread + share * second
    spread += (1.0 - share) * first
    return spread


def _is_rounding(variance: NDArray, mean: NDArray) -> NDArray:
    """Return the mask (...) of variances (...) that are no more than the rounding of means."""
    return np.sqrt(np.abs(variance)) <= 10 * EPS * np.abs(mean)
