"""The folds of a cross-validation, sharing the work on their training rows.

Where the features are few, the moments of each fold's test rows are computed once, and the training
moments of a fold are those of all other rows, merged: one pass over the data serves all folds. They
are merged and never subtracted, which would lose the digits of a fold that is small beside the
others. With many features a fold copies its training rows.

Any splitter will do. Consecutive folds whose test sets are disjoint share moments as long as each
trains on all of its other rows (`FoldBatch`); a fold that does not is taken on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..problem.design import RowDesign
from ..problem.moments import Moments
from ..problem.protocol import Matrix, Problem

MOMENTS_SIDE = 2000  # features up to which p x p moments are worth forming
MOMENTS_BYTES = 2**28  # that the moments of all folds may take
FEW_COLUMNS = 0.1  # share of features in use up to which their columns are worth a copy


@dataclass(frozen=True)
class Data:
    """X (n, p), y (n,) or (n, targets) and weights (n,) or None, as a fit takes them."""

    X: Matrix
    y: NDArray
    weights: NDArray | None
    fit_intercept: bool

    @cached_property
    def counted(self) -> NDArray:
        """The mask (n,) of the rows of positive weight."""
        return np.ones(len(self.y), dtype=bool) if self.weights is None else self.weights > 0

    def weights_of(self, rows: NDArray) -> NDArray | None:
        """Return the weights of rows (k,)."""
        return None if self.weights is None else self.weights[rows]

    def design(self, rows: NDArray) -> RowDesign:
        """Return the problem on a copy of the rows (k,)."""
        return RowDesign.from_data(
            self.X[rows], self.y[rows], self.weights_of(rows), self.fit_intercept
        )

    def moments(self, rows: NDArray) -> Moments | None:
        """Return the moments of the rows (k,), or None if none of them has weight."""
        rows = rows[self.counted[rows]]
        if not len(rows):
            return None
        some = consecutive(rows)
        return Moments.of_rows(self.X[some], self.y[some], self.weights_of(rows))

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

    def is_partition(self, n: int) -> bool:
        """Return whether each of n rows is either trained or tested on, once."""
        counts = np.bincount(self.train, minlength=n) + np.bincount(self.test, minlength=n)
        return bool(np.all(counts == 1))


@dataclass(frozen=True)
class FoldProblem:
    """What a fold is fitted and scored on.

    `train` and `test` are the moments of its rows, None where there are too many features. `fold`
    and `data` are None where there are no rows.
    """

    train: Moments | None
    test: Moments | None
    fold: Fold | None = None
    data: Data | None = None

    @property
    def on_rows(self) -> Callable[[], RowDesign] | None:
        """How to pose the problem on the training rows, None without rows."""
        if self.data is None or self.fold is None:
            return None
        data, train = self.data, self.fold.train
        return lambda: data.design(train)

    def problem(self, fit_intercept: bool) -> Problem:
        """Return the problem of the training rows."""
        if self.train is not None:
            return self.train.problem(fit_intercept)
        assert self.on_rows is not None
        return self.on_rows()


@dataclass(frozen=True)
class FoldBatch:
    """Consecutive folds with disjoint test sets, and the rows (k,) that train all of them."""

    folds: list[Fold]
    common: NDArray

    def problems(self, data: Data) -> tuple[list[FoldProblem], Moments | None]:
        """Return the problems of the folds on their moments, and the moments of all rows."""
        tests = [data.moments(fold.test) for fold in self.folds]
        common = data.moments(self.common)
        if len(self.folds) == 1:
            return [FoldProblem(common, tests[0], self.folds[0], data)], None
        trains = without_each(tests, common)
        parts = zip(trains, tests, self.folds, strict=True)
        return [FoldProblem(*part, data) for part in parts], merge([common, *tests])


def batches(folds: Sequence[Fold], n: int) -> Iterator[FoldBatch]:
    """Yield the folds of n rows in batches that can share moments."""
    batch: list[Fold] = []
    taken = np.zeros(n, dtype=bool)
    shares = False
    for fold in folds:
        is_partition = fold.is_partition(n)
        if batch and not (shares and is_partition and not np.any(taken[fold.test])):
            yield FoldBatch(batch, _common(batch, taken))
            batch, taken = [], np.zeros(n, dtype=bool)
        shares = is_partition
        batch.append(fold)
        taken[fold.test] = True
    yield FoldBatch(batch, _common(batch, taken))


def _common(batch: list[Fold], taken: NDArray) -> NDArray:
    """Return the rows (k,) that train all folds of a batch, whose test rows are `taken` (n,)."""
    return batch[0].train if len(batch) == 1 else np.flatnonzero(~taken)


def checked_folds(splits: Iterable, data: Data) -> list[Fold]:
    """Return the folds of (train, test) indices or masks of the rows."""
    rows, folds = np.arange(len(data.y)), []
    for k, (train, test) in enumerate(splits):
        fold = Fold(rows[train], rows[test])
        for role, concerned in ("train", fold.train), ("test", fold.test):
            if not np.any(data.counted[concerned]):
                raise ValueError(f"Fold {k} of cv has no row of positive weight to {role} on.")
        folds.append(fold)
    if not folds:
        raise ValueError("cv yields no folds.")
    return folds


def fold_problems(
    folds: Sequence[Fold], data: Data
) -> tuple[Iterator[FoldProblem], Moments | None]:
    """Return the problems of the folds, and the moments of all rows if those come along."""
    n, p = data.X.shape
    fewest = min(np.count_nonzero(data.counted[fold.train]) for fold in folds)
    fits = p <= min(fewest, MOMENTS_SIDE) and 8 * p * p * len(folds) <= MOMENTS_BYTES
    if not fits:
        return (FoldProblem(None, None, fold, data) for fold in folds), None
    first, *others = batches(folds, n)
    problems, whole = first.problems(data)

    def each() -> Iterator[FoldProblem]:
        yield from problems
        for batch in others:
            yield from batch.problems(data)[0]

    return each(), whole


def merge(parts: Iterable[Moments | None]) -> Moments | None:
    """Return the moments of the rows of all parts, or None if there are none."""
    present = [part for part in parts if part is not None]
    return reduce(add, present) if present else None


def without_each(parts: Sequence[Moments | None], common: Moments | None) -> Iterator[Any]:
    """Yield `common` merged with all parts but one, leaving out each in turn."""
    if len(parts) == 1:
        yield common
        return
    half = len(parts) // 2
    yield from without_each(parts[:half], merge([common, *parts[half:]]))
    yield from without_each(parts[half:], merge([common, *parts[:half]]))


def consecutive(rows: NDArray) -> NDArray | slice:
    """Return the rows (k,) as a slice, which copies nothing, where they are one."""
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return rows
