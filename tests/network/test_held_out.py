"""What held-out predictions say of an ensemble, and their intervals, against plain loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import RepeatedKFold

from skreg.network.held_out import HeldOut


@pytest.fixture
def held():
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((30, 1))
    unseen = np.zeros((6, 30), bool)
    for k, (_, out) in enumerate(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0).split(Y)):
        unseen[k, out] = True
    predictions = (Y + 0.5 * rng.standard_normal((6, 30, 1))) * unseen[:, :, None]
    return HeldOut(Y, np.ones(30), unseen, predictions)


def test_the_error_of_an_ensemble_follows_from_pairs(held):
    R = held.predictions - held.Y
    one, many = [], []
    for i in range(30):
        a, b = np.flatnonzero(held.unseen[:, i])
        one.append((R[a, i, 0] ** 2 + R[b, i, 0] ** 2) / 2)
        many.append(R[a, i, 0] * R[b, i, 0])
    expected = np.mean(many) + (np.mean(one) - np.mean(many)) / 6
    assert held.squared_errors() == pytest.approx(expected, rel=1e-12)


def test_without_repeats_the_error_is_that_of_single_networks(held):
    once = HeldOut(held.Y, held.s, held.unseen[:3], held.predictions[:3])
    assert once.squared_errors() == pytest.approx(np.mean((once.mean - held.Y) ** 2))


def test_intervals_are_those_of_cv_plus_drawn_towards_the_prediction(held):
    members = np.random.default_rng(1).standard_normal((6, 4))
    R = np.abs(held.Y - held.mean)[:, 0]
    ends = held.intervals(members[:, :, None], 0.8)[:, :, 0]
    ratio = np.sqrt(held.squared_errors()[0] / np.mean(R**2))
    assert 0.7 < ratio < 1  # six networks err less than the two that have not seen a row
    rank = int(np.ceil(0.8 * 31))
    for m in range(4):
        centre = np.array([members[held.unseen[:, i], m].mean() for i in range(30)])
        mean = members[:, m].mean()
        high, low = np.sort(centre + R)[rank - 1], -np.sort(R - centre)[rank - 1]
        assert_allclose(ends[m], mean + ratio * (np.array([low, high]) - mean), rtol=1e-12)


def test_intervals_of_one_round_of_folds_are_those_of_cv_plus(held):
    once = HeldOut(held.Y, held.s, held.unseen[:3], held.predictions[:3])
    members = np.random.default_rng(1).standard_normal((3, 4, 1))
    fold = held.unseen[:3].argmax(axis=0)
    R = np.abs(once.Y - once.mean)
    high = np.sort(members[fold, :, 0] + R, axis=0)[int(np.ceil(0.8 * 31)) - 1]
    assert_allclose(once.intervals(members, 0.8)[:, 1, 0], high, rtol=1e-12)


def test_weights_are_repetitions(held):
    twice = [
        np.concatenate([array, array[:, :10]], axis=1) for array in (held.unseen, held.predictions)
    ]
    repeated = HeldOut(np.concatenate([held.Y, held.Y[:10]]), np.ones(40), *twice)
    weighted = HeldOut(held.Y, np.r_[np.full(10, 2.0), np.ones(20)], held.unseen, held.predictions)
    assert_allclose(repeated.squared_errors(), weighted.squared_errors())


def test_too_few_rows_for_the_coverage_give_the_whole_line(held):
    ends = held.intervals(np.zeros((6, 1, 1)), 0.99)
    assert_array_equal(ends[:, :, 0], [[-np.inf, np.inf]])
