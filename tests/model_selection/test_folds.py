"""Folds: their views against those of the training rows alone, and what they predict."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import (
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from skreg.model_selection import folds as folds_module
from skreg.model_selection.folds import Data, TrainingViews, checked_folds, groups
from skreg.problem.moments import Moments
from skreg.problem.rows import Rows

N = 24
SPLITTERS = {
    "consecutive": KFold(4),
    "uneven": KFold(5, shuffle=True, random_state=0),
    "one": [(np.arange(10), np.arange(10, N))],
    "leaving one out": LeaveOneOut(),
    "never tested": PredefinedSplit(np.where(np.arange(N) % 5 == 0, -1, np.arange(N) % 3)),
    "overlapping": ShuffleSplit(4, test_size=0.4, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "growing": TimeSeriesSplit(3),
    "with repetition": [(np.tile(np.arange(12), 2), np.arange(12, N)), (np.arange(9), [20, 20])],
    "masks": [(np.arange(N) > 3, np.arange(N) <= 3), (np.arange(N) <= 9, np.arange(N) > 9)],
}


def data(p, *, weighted=False, targets=None, layout=np.asarray, intercept=True, offset=0.0):
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(N, p)) * 2**10) / 2**10 + offset
    y = rng.normal(size=N if targets is None else (N, targets))
    weights = rng.integers(0, 3, N).astype(float) if weighted else None
    whole = Rows.from_data(layout(X), y, weights, intercept)
    return X, y, weights, Data.of(layout(X), y, weights, whole), whole


def rows_of(splits, X, y):
    splits = splits.split(X, y) if hasattr(splits, "split") else splits
    return [(np.arange(N)[train], np.arange(N)[test]) for train, test in splits]


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("offset", [0.0, 2.0**20])
def test_training_views_answer_as_the_training_rows(splitter, weighted, intercept, layout, offset):
    """For moments and for rows, by what either knows: means, second moments, gradients."""
    for p in (3, 40):
        options = {"weighted": weighted, "intercept": intercept, "layout": layout}
        X, y, weights, data_, whole = data(p, offset=offset * intercept, **options)
        splits = rows_of(SPLITTERS[splitter], X, y)
        if weighted:
            splits = [(a, b) for a, b in splits if weights[a].any() and weights[b].any()]
        views = TrainingViews(data_, whole, checked_folds(splits, data_))
        assert views.uses_moments == (p == 3)
        w = np.random.default_rng(1).normal(size=p)
        for view, (train, _) in zip(views, splits, strict=True):
            own = None if weights is None else weights[train]
            expected = Rows.from_data(layout(X)[train], y[train], own, intercept)
            assert_allclose(view.mean, expected.mean, rtol=1e-12, atol=1e-14)
            drop_to = "mean" if intercept else "zero"
            assert_allclose(
                view.second_moments(drop_to), expected.second_moments(drop_to), rtol=1e-9
            )
            for mine, other in zip(view.evaluate(w), expected.evaluate(w), strict=True):
                assert_allclose(mine, other, rtol=1e-8, atol=1e-9 * np.abs(other).max())
            assert_allclose(view.intercept(w), expected.intercept(w), rtol=1e-9, atol=1e-9)
        assert_allclose(views.whole.mean, whole.mean, rtol=1e-13, atol=1e-14)
        assert_allclose(views.whole.target_norm2, whole.target_norm2, rtol=1e-12)


def test_the_moments_of_a_partition_are_computed_once(monkeypatch):
    """Each row in one block only, whatever the number of folds."""
    X, _, _, data_, whole = data(3)
    counted = []
    make = Moments.of_rows
    monkeypatch.setattr(
        Moments, "of_rows", lambda X, y, w=None: (counted.append(len(X)), make(X, y, w))[1]
    )
    views = TrainingViews(data_, whole, checked_folds(KFold(6).split(X), data_))
    assert len(list(views)) == 6
    assert views.whole is not None
    assert sum(counted) == N


@pytest.mark.parametrize(
    ("splitter", "sizes"),
    [
        ("consecutive", [4]),
        ("repeated", [3, 3]),
        ("growing", [1, 1, 1]),
        ("never tested", [3]),
        ("with repetition", [1, 1]),
        ("masks", [2]),
    ],
)
def test_folds_share_blocks_where_they_can(splitter, sizes):
    X, y, _, data_, _ = data(3)
    folds = checked_folds(rows_of(SPLITTERS[splitter], X, y), data_)
    found = list(groups(folds))
    assert [len(group.folds) for group in found] == sizes
    assert [fold for group in found for fold in group.folds] == folds


def test_a_fold_is_not_a_copy_of_a_dense_design():
    X, _, _, data_, whole = data(40)
    views = TrainingViews(data_, whole, checked_folds(KFold(4).split(X), data_))
    assert all(np.shares_memory(view.X, X) for view in views)


@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_folds_cut_their_kernel_from_one(layout, weighted, intercept, monkeypatch):
    """Also where a column is constant in the fold, and so left out of its scale."""
    X, y, weights, _, _ = data(40, weighted=weighted)
    X[:18, 4] = 0.5
    whole = Rows.from_data(layout(X), y, weights, intercept)
    data_ = Data.of(layout(X), y, weights, whole)
    scale = np.linspace(0.5, 2.0, 40)
    made = []
    make = Rows.kernel
    monkeypatch.setattr(Rows, "kernel", lambda self, s: (made.append(len(s)), make(self, s))[1])
    views = TrainingViews(data_, whole, checked_folds(KFold(4).split(X), data_))
    views.rows.kernel(scale)
    for view, (train, _) in zip(views, KFold(4).split(X), strict=True):
        own = Rows.from_data(
            layout(X[train]), y[train], None if weights is None else weights[train], intercept
        )
        left_out = np.where(view.constant() & intercept, 0.0, scale)
        found, expected = view.kernel(left_out), make(own, scale)
        mine, theirs = np.flatnonzero(view.root), np.flatnonzero(own.root)
        assert_allclose(
            found[np.ix_(mine, mine)], expected[np.ix_(theirs, theirs)], rtol=1e-11, atol=1e-12
        )
        assert not found[view.root == 0].any()
    assert len(made) == 1
    assert_allclose(view.kernel(2 * scale), 4 * found, rtol=1e-11, atol=1e-12)
    assert len(made) == 2


def test_many_folds_of_many_features_do_without_moments(monkeypatch):
    X, _, _, data_, whole = data(3)
    folds = checked_folds(LeaveOneOut().split(X), data_)
    assert TrainingViews(data_, whole, folds).uses_moments
    monkeypatch.setattr(folds_module, "MOMENTS_BYTES", 8 * 3 * 3 * (N - 1))
    assert not TrainingViews(data_, whole, folds).uses_moments


@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("chunk", [2**25, 8 * 40 * 5])
@pytest.mark.parametrize("used", [0, 2, 40])
@pytest.mark.parametrize("shape", [(40,), (2, 40), (3, 2, 40)])
def test_predictions(layout, chunk, used, shape, monkeypatch):
    """On any rows, in any blocks, for coefficients with few or many nonzeros."""
    monkeypatch.setattr(folds_module, "CHUNK_BYTES", chunk)
    X, _, _, data_, _ = data(40, layout=layout, offset=2.0**20)
    rng = np.random.default_rng(3)
    w, b = rng.normal(size=shape) * (np.arange(40) < used), rng.normal(size=shape[:-1])
    for test in (np.arange(3, 19), rng.permutation(N)[:13], np.array([4, 4, 2])):
        expected = np.einsum("ij,...j->...i", X[test], w)
        found = data_.predictions(test, w, b)
        assert_allclose(found, expected + b[..., None], rtol=1e-9, atol=1e-9 * 2**20)


def test_consecutive_rows_are_a_slice():
    assert folds_module.consecutive(np.arange(3, 9)) == slice(3, 9)
    for rows in (np.array([3, 5]), np.array([4, 3]), np.zeros(0, int)):
        assert_array_equal(folds_module.consecutive(rows), rows)


def test_leaving_out_each_merges_and_never_subtracts():
    """A block of 1e8 times the scale of the others would take their digits with it."""
    X, y, _, _, _ = data(3)
    scale = np.where(np.arange(N) < 6, 1e8, 1.0)
    X = X * scale[:, None]
    blocks = [Moments.from_data(X[a:b], y[a:b]) for a, b in pairwise([0, 6, 12, 18, 24])]
    without_first = next(iter(folds_module.without_each(blocks, None)))
    expected = Moments.from_data(X[6:], y[6:])
    assert_allclose(without_first.gram, expected.gram, rtol=1e-13, atol=1e-14)


def test_folds_need_rows_of_positive_weight():
    _, _, _, data_, _ = data(3, weighted=True)
    none = np.flatnonzero(data_.weights == 0)
    some = np.flatnonzero(data_.weights)
    with pytest.raises(ValueError, match="Fold 1 of cv has no row of positive weight to train on"):
        checked_folds([(some, [*none[:1], some[0]]), (none, some)], data_)
    with pytest.raises(ValueError, match="Fold 0 of cv has no row of positive weight to test on"):
        checked_folds([(some, none)], data_)
