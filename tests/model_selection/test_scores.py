"""Scoring: what a scorer is given, and statistics of rows that come in blocks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error

from skreg.model_selection.scores import Scorer, _Running

N = 12


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("name", ["r2", "neg_median_absolute_error", "explained_variance"])
def test_a_scorer_scores_the_predictions_it_would_have_made(name, targets):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2))
    y = rng.normal(size=N if targets is None else (N, targets))
    model = LinearRegression().fit(X, y)
    score = get_scorer(name)
    found = Scorer(score, {}, N)(y, model.predict(X).T, np.arange(N))
    assert_allclose(found, score(model, X, y), rtol=1e-14)


def test_metadata_of_the_rows_is_cut_to_them_and_other_metadata_is_not():
    seen = {}

    def score(estimator, X, y, sample_weight=None, label=None, table=None):
        seen.update(sample_weight=sample_weight, label=label, table=table)
        return float(np.sum(estimator.predict(X)))

    params = {"sample_weight": list(range(N)), "label": "all", "table": np.ones((3, N))}
    rows = np.array([4, 7])
    assert Scorer(score, params, N)(np.zeros(2), np.array([1.0, 2.0]), rows) == 3.0
    assert_array_equal(seen["sample_weight"], [4, 7])
    assert seen["label"] == "all"
    assert seen["table"].shape == (3, N)


def test_weights_count_in_a_scorer():
    y, predictions, weights = np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([3.0, 1.0])
    score = make_scorer(mean_absolute_error, greater_is_better=False)
    found = Scorer(score, {"sample_weight": weights}, 2)(y, predictions, np.arange(2))
    assert_allclose(found, -(3 * 1 + 1 * 2) / 4)


def test_statistics_of_blocks_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    values, weights = 1e6 + rng.normal(size=(3, 50)), rng.uniform(0.1, 2, 50)
    running = _Running(3)
    for some in np.split(np.arange(50), [1, 20, 33]):
        running.add(np.array([0, 2]), values[:2, some], weights[some])
        running.add(np.array([1]), values[2:, some], weights[some])
    for k, row in enumerate((values[0], values[2], values[1])):
        mean = np.average(row, weights=weights)
        variance = np.average((row - mean) ** 2, weights=weights)
        assert_allclose(running.mean[k], mean, rtol=1e-14)
        assert_allclose(running.standard_error(50)[k], np.sqrt(variance / 49), rtol=1e-8)
