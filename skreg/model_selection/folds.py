"""The folds of a cross-validation, sharing the work on their training rows.

Where the features are few, the sums of squares and products of each fold's test rows,

    Z' diag(s) Z        for Z = [X, y, 1] and weights s,

are computed once, and those of a fold's training rows are the sums over all other rows: one pass
over the data serves all folds. They are added and never subtracted, which would lose the digits of
a fold that is small beside the others. With many features a fold copies its training rows.

Any splitter will do. Consecutive folds whose test sets are disjoint share sums as long as each
trains on all of its other rows (`batches`); a fold that does not is taken on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..problem.design import RowDesign
from ..problem.gram import GramProblem
from ..problem.protocol import Matrix

MOMENTS_SIDE = 2000  # features up to which p x p moments are worth forming
MOMENTS_BYTES = 2**28  # that the moments of all folds may take
CONSTANT = 1e-13  # of the mean square: a smaller variance is the rounding of a constant
DIGITS = 1e-6  # of the target's variance: errors below it lose digits in moments, not on rows
FEW_COLUMNS = 0.1  # share of features in use up to which their columns are worth a copy


def reduced(design: RowDesign) -> RowDesign | GramProblem:
    """Return the moments of a table, or the design where they are not worth forming."""
    n, p = design.shape
    return design.moments() if p <= min(n, MOMENTS_SIDE) else design


@dataclass(frozen=True)
class Data:
    """X (n, p), y (n,) or (n, targets) and weights (n,) or None as given, and their problem."""

    X: Matrix
    y: NDArray
    weights: NDArray | None
    whole: RowDesign

    @cached_property
    def counted(self) -> NDArray:
        """The mask (n,) of the rows of positive weight: the rows that `whole` has."""
        return np.ones(len(self.y), dtype=bool) if self.weights is None else self.weights > 0

    def count(self, rows: NDArray) -> int:
        """Return how many of the rows (k,) have positive weight."""
        return len(rows) if self.weights is None else int(self.counted[rows].sum())

    def design(self, rows: NDArray) -> RowDesign:
        """Return the problem on a copy of the rows (k,)."""
        weights = None if self.weights is None else self.weights[rows]
        fit_intercept = self.whole.fit_intercept
        X: Any = self.X
        if isinstance(X, np.ndarray) and X.flags.f_contiguous:  # which indexing would not keep
            X = X.T.take(rows, axis=1).T
        else:
            X = X[rows]
        return RowDesign.from_data(X, self.y[rows], weights, fit_intercept)

    def sums(self, rows: NDArray) -> NDArray:
        """Return Z' diag(s) Z (q, q) of rows (k,), about zero or near the means; see `problem`."""
        whole, T = self.whole, self.whole.target.reshape(-1, len(self.whole.root))
        if self.weights is not None:
            rows = np.cumsum(self.counted)[rows[self.counted[rows]]] - 1
        some = consecutive(rows)
        X: Any = whole.X[some]
        root = whole.root[some]
        left = np.vstack([T[:, some], root])  # times the roots, as X is below
        if self.weights is None:
            left /= whole.root[0]
        else:
            X = X.multiply(root[:, None]).tocsc() if whole.is_sparse else X * root[:, None]
        p, q = X.shape[1], X.shape[1] + len(left)
        sums = np.empty((q, q))
        X = X.astype(np.float64, copy=False)
        product = X.T @ X
        sums[:p, :p] = product.toarray() if whole.is_sparse else product
        sums[p:, :p] = (X.T @ left.T).T
        sums[:p, p:] = sums[p:, :p].T
        sums[p:, p:] = left @ left.T
        return sums

    def problems(self, sums: NDArray, fit_intercept: bool) -> list[GramProblem]:
        """Return the problems of k sets of rows whose sums (k, q, q) are given."""
        whole, p, shape = self.whole, self.whole.n_features, self.whole.target_norm2.shape
        sums = sums / sums[:, -1:, -1:]
        about, moments = sums[:, -1, :-1].copy(), sums[:, :-1, :-1]
        if fit_intercept:
            raw = moments.diagonal(axis1=1, axis2=2).copy()
            moments -= about[:, :, None] * about[:, None]
            for fold, j in np.argwhere(moments.diagonal(axis1=1, axis2=2) <= CONSTANT * raw):
                moments[fold, j] = moments[fold, :, j] = 0.0
        means = about[:, :p] + (whole.mean - whole.centre if whole.fit_intercept else 0.0)
        found = []
        for mean, target_mean, each in zip(means, about[:, p:], moments, strict=True):
            cross, norms2 = each[p:, :p].reshape(whole.coef_shape), each.diagonal()[p:]
            target_mean = target_mean.reshape(shape) + whole.target_mean
            matrix, norms2 = each[:p, :p], norms2.reshape(shape)
            found.append(GramProblem(mean, target_mean, matrix, cross, norms2, fit_intercept))
        return found

    def predictions(self, rows: NDArray, coefs: NDArray, intercepts: NDArray) -> NDArray:
        """Return X w + b (..., k) on rows (k,), for coefs (..., p), intercepts (...)."""
        flat = coefs.reshape(-1, coefs.shape[-1])
        X = self.X[consecutive(rows)]
        used = np.flatnonzero(flat.any(axis=0))
        if len(used) < FEW_COLUMNS * flat.shape[1]:
            flat, X = flat[:, used], X[:, used]
        product = np.asarray((X @ flat.T).T) if sparse.issparse(X) else flat @ X.T
        return product.reshape(*coefs.shape[:-1], len(rows)) + intercepts[..., None]


@dataclass(frozen=True)
class Fold:
    """The rows to train on (k,), repeated as often as they count, and those to test on (l,)."""

    train: NDArray
    test: NDArray


@dataclass(frozen=True)
class FoldProblem:
    """What a fold is fitted and scored on.

    `train` is the problem of the training rows and `test` that of the test rows with an intercept,
    by their moments; None where there are too many features. `fold` and `data` are None where there
    are no rows.
    """

    train: GramProblem | None
    test: GramProblem | None
    fold: Fold | None = None
    data: Data | None = None

    def resolves(self, errors: NDArray) -> bool:
        """Return whether squared errors (m, ...) from the moments have kept their digits."""
        assert self.test is not None
        return self.data is None or bool(errors.min() > DIGITS * np.max(self.test.target_norm2))

    def on_rows(self) -> RowDesign:
        """Return the problem of a copy of the training rows."""
        assert self.data is not None
        assert self.fold is not None
        return self.data.design(self.fold.train)


def batches(folds: Sequence[Fold], n: int) -> list[list[Fold]]:
    """Return the folds of n rows in batches that can share moments."""
    found: list[list[Fold]] = []
    taken, shares = np.zeros(n, dtype=bool), False
    for fold in folds:
        is_there = np.zeros(n, dtype=bool)
        is_there[fold.train] = is_there[fold.test] = True
        is_partition = len(fold.train) + len(fold.test) == n and bool(is_there.all())
        if not (shares and is_partition) or np.any(taken[fold.test]):
            found.append([])
            taken[:] = False
        shares = is_partition
        found[-1].append(fold)
        taken[fold.test] = True
    return found


def checked_folds(splits: Iterable, data: Data) -> list[Fold]:
    """Return the folds of (train, test) indices or masks of the rows."""
    rows, folds = np.arange(len(data.y)), []
    for k, (train, test) in enumerate(splits):
        fold = Fold(rows[train], rows[test])
        for role, concerned in ("train", fold.train), ("test", fold.test):
            if not data.count(concerned):
                raise ValueError(f"Fold {k} of cv has no row of positive weight to {role} on.")
        folds.append(fold)
    if not folds:
        raise ValueError("cv yields no folds.")
    return folds


def fold_problems(
    folds: Sequence[Fold], data: Data
) -> tuple[list[FoldProblem], GramProblem | None]:
    """Return the problems of the folds, and that of all rows if its moments come along."""
    n, p = data.X.shape
    fewest = min([data.count(fold.train) for fold in folds])
    if p > min(fewest, MOMENTS_SIDE) or 16 * p * p * len(folds) > MOMENTS_BYTES:
        return [FoldProblem(None, None, fold, data) for fold in folds], None
    problems: list[FoldProblem] = []
    whole, intercept = None, data.whole.fit_intercept
    for batch in batches(folds, n):
        tests = np.array([data.sums(fold.test) for fold in batch])
        common = batch[0].train  # the rows that train all folds of the batch
        if len(batch) > 1:
            is_tested = np.zeros(n, dtype=bool)
            is_tested[np.concatenate([fold.test for fold in batch])] = True
            common = common[~is_tested[common]]
        rest = data.sums(common)
        sums = [*without_each([*tests], rest)]
        if whole is None and len(batch) > 1:
            *trains, whole = data.problems(np.array([*sums, sum(tests, rest)]), intercept)
        else:
            trains = data.problems(np.array(sums), intercept)
        for train, test, fold in zip(trains, data.problems(tests, True), batch, strict=True):
            problems.append(FoldProblem(train, test, fold, data))
    return problems, whole


def without_each(parts: Sequence[Any] | NDArray, common: Any) -> Iterator[Any]:
    """Yield the sum of `common` and all parts but one, leaving out each in turn."""
    if len(parts) == 1:
        yield common
        return
    half = len(parts) // 2
    yield from without_each(parts[:half], reduce(add, parts[half:], common))
    yield from without_each(parts[half:], reduce(add, parts[:half], common))


def consecutive(rows: NDArray) -> NDArray | slice:
    """Return the rows (k,) as a slice, which copies nothing, where they are one."""
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return rows
