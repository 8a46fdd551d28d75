"""The folds of a cross-validation, sharing the work on their training rows.

Where the features are few, the moments of each test block are computed once, and the training
moments of a fold are those of all other blocks merged: one pass over the data serves all folds.
They are merged and never subtracted, which would lose the digits of a block that is small beside
the others. With many features a fold is the whole design with weight zero on its test rows, and
where the ridge weighs the features alike in all folds, their n x n sides are cut from one.

Any splitter will do. Consecutive folds whose test sets are disjoint share blocks as long as each
trains on all of its other rows; a fold that does not is taken on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..problem import sizes
from ..problem.moments import Moments
from ..problem.moments_view import MomentsView
from ..problem.rows import Rows
from ..solvers.table import LARGE_SIDE
from .family import moments_suffice

CHUNK_BYTES = 2**25  # of rows copied, and of coefficients and predictions held, at a time
MOMENTS_BYTES = 2**28  # that the moments of all folds may take
FEW_COLUMNS = 0.1  # share of features in use up to which their columns are worth a copy


@dataclass(frozen=True)
class Fold:
    """How often each row trains, `counts` (n,), and the rows to test on, `test` (k,)."""

    counts: NDArray
    test: NDArray

    @cached_property
    def tests(self) -> NDArray:
        """The mask (n,) of the test rows."""
        mask = np.zeros(len(self.counts), dtype=bool)
        mask[self.test] = True
        return mask

    @cached_property
    def trains_on_the_others(self) -> bool:
        """Whether every row is either trained or tested on, once."""
        once = len(self.test) == np.count_nonzero(self.tests)
        return once and bool(np.array_equal(self.counts, ~self.tests))


@dataclass(frozen=True)
class Data:
    """X (n, p), y (n,) or (n, targets) and weights (n,) or None, as a fit takes them.

    A dense X is float64, with `shift` (p,) subtracted; so each fold need not do it.
    """

    X: Any
    y: NDArray
    weights: NDArray | None
    fit_intercept: bool
    shift: NDArray

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel that the views share."""
        return Kernel(self)

    @classmethod
    def of(cls, X: Any, y: NDArray, weights: NDArray | None, whole: Rows) -> Data:
        """Return the data of which `whole` is the view, sharing what that has prepared."""
        if whole.shape == X.shape:
            return cls(whole.X, y, weights, whole.fit_intercept, whole.shift)
        return cls(X, y, weights, whole.fit_intercept, np.zeros(X.shape[1]))

    @property
    def n_counted(self) -> int:
        """Return how many rows have a positive weight."""
        return len(self.y) if self.weights is None else int(np.count_nonzero(self.weights))

    @property
    def is_large_and_sparse(self) -> bool:
        """Return whether X is iterated on, not factored."""
        return sparse.issparse(self.X) and min(self.X.shape) > LARGE_SIDE

    @property
    def total(self) -> float:
        """Return the sum S of the weights."""
        return float(len(self.y) if self.weights is None else self.weights.sum())

    def size_of(self, rows: NDArray) -> int:
        """Return the bytes of one value's coefficients, or its predictions on rows (k,)."""
        n_targets = 1 if self.y.ndim == 1 else self.y.shape[1]
        return 8 * n_targets * max(self.X.shape[1], len(rows))

    def view(self, counts: NDArray) -> SharingRows:
        """Return the view of the rows, each `counts` (n,) times."""
        weights = counts.astype(float) if self.weights is None else self.weights * counts
        rows = Rows.from_data(self.X, self.y, weights, self.fit_intercept)
        rows = replace(rows, mean=rows.mean + self.shift, shift=rows.shift + self.shift)
        return self.sharing(rows, weights)

    def sharing(self, rows: Rows, weights: NDArray | None) -> SharingRows:
        """Return the view of data weighing `weights` (n,), which may leave out those of none."""
        everything = rows.shape[0] == len(self.y)
        index = np.arange(len(self.y)) if everything else np.flatnonzero(sizes.counting(weights))
        return SharingRows.of(rows, index, self.kernel)

    def moments(self, rows: NDArray) -> Moments | None:
        """Return the moments of the rows (k,), or None if none of them has weight."""
        return merge(self._chunk_moments(consecutive(rows[some])) for some in self._chunks(rows))

    def _chunk_moments(self, rows: NDArray | slice) -> Moments | None:
        """Return the moments of a few rows (k,)."""
        weights = None if self.weights is None else self.weights[rows]
        if weights is not None and not weights.any():
            return None
        return Moments.of_rows(self.X[rows], self.y[rows], weights).moved(self.shift)

    def predictions(self, test: NDArray, coefs: NDArray, intercepts: NDArray) -> NDArray:
        """Return X w + b (..., k) on the rows `test` (k,), for coefs (..., p), intercepts (...)."""
        offsets = intercepts + coefs @ self.shift
        flat = coefs.reshape(-1, coefs.shape[-1])
        used = np.flatnonzero(flat.any(axis=0))
        few = len(used) < FEW_COLUMNS * coefs.shape[-1]
        flat = flat[:, used] if few else flat
        result = np.empty((len(flat), len(test)))
        for some in self._chunks(test):
            X = self.X[consecutive(test[some])]
            X = X[:, used] if few else X
            result[:, some] = flat @ X.T
        result += offsets.reshape(-1, 1)
        return result.reshape(*offsets.shape, len(test))

    def _chunks(self, rows: NDArray) -> Iterator[slice]:
        """Yield slices of the rows (k,) that are few enough to copy from a dense X."""
        few = CHUNK_BYTES // (8 * self.X.shape[1])
        step = max(1, len(rows) if sparse.issparse(self.X) else few)
        for start in range(0, len(rows), step):
            yield slice(start, start + step)


@dataclass
class Kernel:
    """X diag(scale^2) X' (n, n) of all rows, centred, for the scale (p,) first asked for."""

    data: Data
    scale: NDArray | None = None
    values: NDArray | None = None

    def of(self, scale: NDArray, view: Rows) -> NDArray | None:
        """Return the kernel for `scale` (p,), or None if it is not the one at hand.

        It does not matter where the columns of `view` are constant: there, centring leaves nothing.
        """
        if self.scale is None:
            rows = Rows.from_data(self.data.X, self.data.y, None, self.data.fit_intercept)
            self.scale, self.values = scale, rows.kernel(scale) * len(self.data.y)
        differs = self.scale != scale
        if differs.any():
            differs &= ~(view.constant() & view.fit_intercept)
        return None if differs.any() else self.values


@dataclass(frozen=True)
class SharingRows(Rows):
    """`Rows` that take their kernel from that of all data, of which they are the rows `index`."""

    index: NDArray
    shared: Kernel

    @classmethod
    def of(cls, rows: Rows, index: NDArray, shared: Kernel) -> SharingRows:
        """Return the view `rows` with these."""
        own = {part.name: getattr(rows, part.name) for part in fields(rows)}
        return cls(**own, index=index, shared=shared)

    def kernel(self, scale: NDArray) -> NDArray:
        """Return A diag(scale^2) A' (n, n) for column factors scale (p,)."""
        shared = self.shared.of(scale, self)
        if shared is None:
            return super().kernel(scale)
        part = shared[self.index[:, None], self.index] * np.outer(self.root, self.root)
        return self.project(self.project(part).T)


def consecutive(rows: NDArray) -> NDArray | slice:
    """Return the rows (k,) as a slice, which copies nothing, where they are one."""
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    return rows


def merge(parts: Iterable[Moments | None]) -> Moments | None:
    """Return the moments of the rows of all parts; None of those that are none."""
    present = [part for part in parts if part is not None]
    return reduce(add, present) if present else None


def checked_folds(splits: Iterable, data: Data) -> list[Fold]:
    """Return the folds of (train, test) indices or masks of the rows."""
    rows, folds = np.arange(len(data.y)), []
    counted = np.ones(len(rows), dtype=bool) if data.weights is None else data.weights > 0
    for k, (train, test) in enumerate(splits):
        fold = Fold(np.bincount(rows[train], minlength=len(rows)), rows[test])
        for role, concerned in ("train", fold.counts > 0), ("test", fold.tests):
            if not np.any(concerned & counted):
                raise ValueError(f"Fold {k} of cv has no row of positive weight to {role} on.")
        folds.append(fold)
    if not folds:
        raise ValueError("cv yields no folds.")
    return folds


@dataclass(frozen=True)
class Group:
    """Consecutive folds whose test sets are disjoint, and the rows that train all of them."""

    folds: list[Fold]
    common: NDArray

    def blocks(self, data: Data) -> list[Moments | None]:
        """Return the moments of the folds' test rows, which train the other folds; last, `common`.

        A fold alone is trained on the common rows only.
        """
        tests = [data.moments(f.test) for f in self.folds] if len(self.folds) > 1 else [None]
        return [*tests, data.moments(self.common)]


def groups(folds: Sequence[Fold]) -> Iterator[Group]:
    """Yield the folds in groups that can share blocks."""
    rows = np.arange(len(folds[0].counts))
    group: list[Fold] = []
    taken = np.zeros(len(rows), dtype=bool)
    for fold in folds:
        if group and not (
            group[0].trains_on_the_others
            and fold.trains_on_the_others
            and not np.any(taken & fold.tests)
        ):
            yield Group(group, _common(group, rows, taken))
            group, taken = [], np.zeros(len(rows), dtype=bool)
        group.append(fold)
        taken = taken | fold.tests
    yield Group(group, _common(group, rows, taken))


def _common(group: list[Fold], rows: NDArray, taken: NDArray) -> NDArray:
    """Return the rows (k,), repeated as often as they count, that train all folds of a group."""
    return np.repeat(rows, group[0].counts) if len(group) == 1 else rows[~taken]


def without_each(blocks: list[Moments | None], rest: Moments | None) -> Iterator[Moments]:
    """Yield `rest` merged with all blocks but one, leaving out each in turn."""
    if len(blocks) == 1:
        yield rest
        return
    half = len(blocks) // 2
    yield from without_each(blocks[:half], merge([rest, *blocks[half:]]))
    yield from without_each(blocks[half:], merge([rest, *blocks[:half]]))


class TrainingViews:
    """The views of the training rows of folds, and that of all rows, of one kind."""

    def __init__(self, data: Data, whole: Rows, folds: Sequence[Fold]) -> None:
        self.data, self.folds = data, folds
        self.rows = data.sharing(whole, data.weights)
        p = data.X.shape[1]
        counted = slice(None) if data.weights is None else data.weights > 0
        trained = [np.count_nonzero(fold.counts[counted]) for fold in folds]
        fewest = min([np.count_nonzero(whole.counted), *trained])
        held = 8 * p * p * len(folds)
        self.uses_moments = moments_suffice((fewest, p)) and held <= MOMENTS_BYTES
        self._groups = list(groups(folds)) if folds else []

    @cached_property
    def _first_blocks(self) -> list[Moments | None]:
        """The blocks of the first group."""
        return self._groups[0].blocks(self.data)

    @cached_property
    def whole(self) -> Any:
        """The view of all rows."""
        if not self.uses_moments:
            return self.rows
        if self._groups and len(self._groups[0].folds) > 1:
            return self._finish(merge(self._first_blocks))
        return MomentsView.from_rows(self.rows)

    def __iter__(self) -> Iterator[Any]:
        """Yield the view of the training rows of each fold."""
        if not self.uses_moments:
            yield from (self.data.view(fold.counts) for fold in self.folds)
            return
        for k, group in enumerate(self._groups):
            *blocks, rest = group.blocks(self.data) if k else self._first_blocks
            yield from map(self._finish, without_each(blocks, rest))

    def _finish(self, moments: Moments) -> MomentsView:
        """Return the moments about what the fit is about."""
        return moments.view(self.data.fit_intercept)
