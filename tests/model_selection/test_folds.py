"""Folds: their problems against those of the training rows alone, and what they predict."""

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

from skreg.model_selection.folds import (
    Data,
    batches,
    checked_folds,
    consecutive,
    fold_problems,
    without_each,
)
from skreg.problem.design import RowDesign

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


def data(p, *, weighted=False, layout=np.asarray, intercept=True):
    rng = np.random.default_rng(0)
    X, y = layout(rng.normal(size=(N, p))), rng.normal(size=N)
    weights = rng.integers(0, 3, N).astype(float) if weighted else None
    return Data(X, y, weights, RowDesign.from_data(X, y, weights, intercept))


def folds_of(splitter, some):
    splits = SPLITTERS[splitter]
    if hasattr(splits, "split"):
        splits = splits.split(some.X, some.y)
    weights = np.ones(N) if some.weights is None else some.weights
    # A row of weight 0 cannot be scored alone.
    return checked_folds([(train, test) for train, test in splits if weights[test].any()], some)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    ("p", "weighted", "intercept", "layout"),
    [
        pytest.param(3, False, True, np.asarray, id="tall, dense"),
        pytest.param(3, True, False, np.asarray, id="tall, weighted, no intercept, dense"),
        pytest.param(3, True, True, sp.csc_array, id="tall, weighted, sparse"),
        pytest.param(40, False, False, sp.csc_array, id="wide, no intercept, sparse"),
    ],
)
def test_the_problems_are_those_of_the_training_rows(splitter, p, weighted, intercept, layout):
    """By what either knows: means, second moments, and the errors that they lead to."""
    some = data(p, weighted=weighted, intercept=intercept, layout=layout)
    folds = folds_of(splitter, some)
    problems, _ = fold_problems(folds, some)
    w = np.random.default_rng(1).normal(size=p)
    for found, fold in zip(problems, folds, strict=True):
        expected = some.design(fold.train)
        problem = expected if found.train is None else found.train
        for ours, theirs in zip(problem.evaluate(w), expected.evaluate(w), strict=True):
            assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
        assert_allclose(problem.intercept(w), expected.intercept(w), atol=1e-13)
        assert (found.train is None) == (p > N)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_moments_of_all_rows_come_along(weighted, intercept):
    some = data(3, weighted=weighted, intercept=intercept)
    whole = fold_problems(folds_of("consecutive", some), some)[1]
    for ours, theirs in zip(
        whole.evaluate(np.ones(3)), some.whole.evaluate(np.ones(3)), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-12)
    assert_allclose(whole.intercept(np.ones(3)), some.whole.intercept(np.ones(3)), atol=1e-14)


@pytest.mark.parametrize(
    ("splitter", "sizes"),
    [
        ("consecutive", [4]),
        ("uneven", [5]),
        ("never tested", [3]),
        ("repeated", [3, 3]),
        ("overlapping", [1, 1, 1, 1]),
        ("growing", [1, 1, 1]),
        ("masks", [2]),
    ],
)
def test_folds_share_moments_where_they_can(splitter, sizes):
    found = batches(folds_of(splitter, data(3)), N)
    assert [len(batch) for batch in found] == sizes


@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("used", [0, 2, 40])
@pytest.mark.parametrize("shape", [(40,), (2, 40), (3, 2, 40)])
def test_predictions(layout, used, shape):
    some = data(40, layout=layout)
    coefs = np.zeros(shape)
    coefs[..., :used] = np.random.default_rng(0).normal(size=(*shape[:-1], used))
    intercepts = np.arange(float(np.prod(shape[:-1]))).reshape(shape[:-1])
    for rows in (np.arange(3, 9), np.array([7, 1, 1])):
        X = data(40).X[rows]
        expected = coefs @ X.T + intercepts[..., None]
        assert_allclose(some.predictions(rows, coefs, intercepts), expected, atol=1e-13)


def test_consecutive_rows_are_a_slice():
    assert consecutive(np.arange(3, 7)) == slice(3, 7)
    assert_array_equal(consecutive(np.array([3, 5])), [3, 5])
    assert_array_equal(consecutive(np.zeros(0, dtype=int)), [])


def test_leaving_out_each_adds_and_never_subtracts():
    """The sums of others keep their digits beside one that is larger by far."""
    parts = [np.array([1.0, 2.0]), np.array([1e20, 3e20]), np.array([4.0, 8.0])]
    found = list(without_each(parts, np.ones(2)))
    assert_array_equal(found[1], [6.0, 11.0])
    assert_array_equal(found[0], [1e20, 3e20])


def test_folds_need_rows_of_positive_weight():
    X, y, weights = np.ones((4, 1)), np.ones(4), np.array([0.0, 0, 1, 1])
    some = Data(X, y, weights, RowDesign.from_data(X, y, weights, True))
    for split, role in (([0, 1], [2, 3]), "train"), (([2, 3], [0, 1]), "test"):
        with pytest.raises(ValueError, match=f"Fold 0 .* to {role} on"):
            checked_folds([split], some)
    with pytest.raises(ValueError, match="no folds"):
        checked_folds([], some)
