"""Scoring: what a scorer is given on folds and on rows left out one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import get_scorer, make_scorer, max_error, mean_absolute_error
from sklearn.model_selection import KFold

from skreg import L1RegressorCV, L2Regressor, L2RegressorCV
from skreg.model_selection.scores import HeldOut, Scorer

N = 12
pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("name", ["r2", "neg_median_absolute_error", "explained_variance"])
def test_a_scorer_scores_the_predictions_it_would_have_made(name, targets):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2))
    y = rng.normal(size=N if targets is None else (N, targets))
    model = LinearRegression().fit(X, y)
    score = get_scorer(name)
    found = Scorer.of(score, {}, N)(HeldOut(), model.predict(X), y, np.arange(N))
    assert_allclose(found, score(model, X, y), rtol=1e-14)


def test_metadata_of_the_rows_is_cut_to_them_and_other_metadata_is_not():
    seen = {}

    def score(estimator, X, y, sample_weight=None, label=None, table=None):
        seen.update(sample_weight=sample_weight, label=label, table=table)
        return float(np.sum(estimator.predict(X)))

    params = {"sample_weight": list(range(N)), "label": "all", "table": np.ones((3, N))}
    rows = np.array([4, 7])
    scorer = Scorer.of(score, params, N)
    assert scorer(HeldOut(), np.array([1.0, 2.0]), np.zeros(2), rows) == 3.0
    assert_array_equal(seen["sample_weight"], [4, 7])
    assert seen["label"] == "all"
    assert seen["table"].shape == (3, N)


def test_weights_count_in_a_scorer():
    y, predictions, weights = np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([3.0, 1.0])
    score = make_scorer(mean_absolute_error, greater_is_better=False)
    scorer = Scorer.of(score, {"sample_weight": weights}, 2)
    found = scorer(HeldOut(), predictions, y, np.arange(2))
    assert_allclose(found, -(3 * 1 + 1 * 2) / 4)


def sparse_error(model, X, y):
    return -np.abs(y - model.predict(X)).mean() - 0.5 * np.sum(model.coef_ != 0)


def error_where_the_first_is_negative(model, X, y):
    return -np.abs(y - model.predict(X))[X[:, 0] < 0].mean()


@pytest.mark.parametrize("score", [sparse_error, error_where_the_first_is_negative])
def test_with_folds_a_scorer_gets_the_fitted_model_and_the_rows(score):
    X, y = regression(60, 5)
    grid = np.array([1.0, 0.1, 0.01])
    model = L2RegressorCV(grid, cv=KFold(3), scoring=score).fit(X, y)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        for value, found in zip(grid, model.score_path_[:, k], strict=True):
            fitted = L2Regressor(value).fit(X[train], y[train])
            assert_allclose(found, score(fitted, X[test], y[test]), rtol=1e-8)
    theirs = RidgeCV(grid * 40, cv=KFold(3), scoring=score).fit(X, y)  # 40 rows train
    assert model.l2_lambda_ == theirs.alpha_ / 40


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize(
    "scoring",
    ["neg_max_error", make_scorer(max_error), lambda m, X, y: -max_error(y, m.predict(X))],
)
def test_a_scorer_that_takes_no_weights_is_given_none(scoring, cv):
    X, y = regression(40, 4)
    model = L2RegressorCV([1.0, 0.1], cv=cv, scoring=scoring).fit(X, y, np.arange(40.0) + 1)
    assert np.isfinite(model.score_path_).all()


def test_several_targets_are_scored_together():
    X, y = regression(40, 4, targets=2)
    model = L1RegressorCV([1.0, 0.1], cv=3, scoring="r2").fit(X, y)
    assert model.score_path_.shape == (2, 3)
