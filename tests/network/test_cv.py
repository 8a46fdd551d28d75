"""The estimators that choose strengths by folds, as a user meets them."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils.estimator_checks import check_estimator

from skreg import NetworkClassifierCV, NetworkRegressorCV

ONE = {"dropout_rates": [0.01], "l2_lambdas": [1e-4], "cv": 2}
FEW = {"hidden_layer_sizes": (10,), "max_iter": 40, "random_state": 0}


# At their defaults these take ten times as long, and the same ways.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("cls", [NetworkRegressorCV, NetworkClassifierCV])
def test_scikit_learn_contract(cls):
    check_estimator(cls(**ONE))


# The checks fit networks to a few rows of noise, where some say that they did not converge.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("cls", [NetworkRegressorCV, NetworkClassifierCV])
def test_scikit_learn_contract_at_the_defaults(cls):
    check_estimator(cls())


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (300, 3))
    return X, 50 + 5 * np.sin(2 * X[:, 0]) * X[:, 1] + rng.standard_normal(300)


@pytest.fixture(scope="module")
def model(data):
    return NetworkRegressorCV(**FEW).fit(*data)


def test_the_choice_is_the_best_of_what_was_tried(model):
    tried = model.cv_results_
    best = np.argmax(tried["score"])
    assert model.best_score_ == tried["score"][best]
    assert model.dropout_rate_ == tried["dropout_rate"][best]
    assert model.l2_lambda_ == tried["l2_lambda"][best]
    assert len(tried["score"]) >= 4


def test_held_out_predictions_are_those_of_networks_that_have_not_seen_the_row(data):
    X, y = data
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    model = NetworkRegressorCV(**FEW, cv=folds).fit(X, y)
    for k, (_, out) in enumerate(folds):
        H = X[out] @ model.coefs_[0][k] + model.intercepts_[0][k]
        H = H / np.sqrt(1 + H**2)
        expected = H @ model.coefs_[1][k] + model.intercepts_[1][k]
        assert_allclose(model.oof_prediction_[out], expected[:, 0])
    error = np.mean((model.oof_prediction_ - y) ** 2) / y.var()
    assert model.best_score_ == pytest.approx(-error, rel=1e-6)


def test_intervals_cover_what_they_promise(model):
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (2000, 3))
    y = 50 + 5 * np.sin(2 * X[:, 0]) * X[:, 1] + rng.standard_normal(2000)
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X, coverage).T
        assert coverage - 0.06 < np.mean((low <= y) & (y <= high)) < coverage + 0.08
    mean, std = model.predict(X, return_std=True)
    assert_array_equal(mean, model.predict(X))
    assert 0.8 < np.sqrt(np.mean(((y - mean) / std) ** 2)) < 1.1
    with pytest.raises(ValueError, match="coverage"):
        model.predict_interval(X, 1.0)


def test_several_targets_have_intervals_each(data):
    X, y = data
    both = NetworkRegressorCV(**FEW, **ONE).fit(X, np.column_stack([y, 3 * y + 1]))
    intervals = both.predict_interval(X[:7])
    assert intervals.shape == (7, 2, 2)
    assert np.all(intervals[:, 0] < intervals[:, 1])


def test_groups_are_held_out_together(data):
    X, y = data
    groups = np.arange(300) % 7
    folds = list(GroupKFold(5, shuffle=True, random_state=0).split(X, y, groups))
    model = NetworkRegressorCV(**FEW, dropout_rates=[0.01], l2_lambdas=[1e-4])
    model.fit(X, y, groups=groups)
    for unseen in model._held.unseen:
        for g in range(7):
            assert len(set(unseen[groups == g])) == 1
    given = model.set_params(cv=folds).fit(X, y)
    assert len(given.coefs_[0]) == 5


def test_scoring_chooses_by_held_out_scores(data):
    X, y = data
    model = NetworkRegressorCV(**FEW, scoring="neg_median_absolute_error").fit(X, y)
    assert model.best_score_ == pytest.approx(-np.median(abs(model.oof_prediction_ - y)))
    iris, kinds = load_iris(return_X_y=True)
    model = NetworkClassifierCV(**FEW, **ONE, scoring="accuracy").fit(iris, kinds)
    assert model.best_score_ == np.mean(model.oof_prediction_.argmax(axis=1) == kinds) > 0.9
    model = NetworkClassifierCV(**FEW, **ONE).fit(iris, kinds)
    chance = model.oof_prediction_[np.arange(150), kinds]
    assert model.best_score_ == pytest.approx(np.mean(np.log(chance)))


def test_a_pickle_predicts_the_same(data, model):
    X, _ = data
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_interval(X[:5]), model.predict_interval(X[:5]))


def test_folds_without_weight_are_refused(data):
    X, y = data
    weights = np.r_[np.zeros(200), np.ones(100)]
    with pytest.raises(ValueError, match="positive sample_weight"):
        NetworkRegressorCV(**FEW, cv=KFold(3)).fit(X, y, sample_weight=weights)


def test_grids_that_make_no_sense_are_refused(data):
    for grid, match in (
        ({"l2_lambdas": [-1.0]}, "l2_lambdas"),
        ({"dropout_rates": [1.0]}, "dropout_rate"),
        ({"l2_lambdas": []}, "minimum of 1"),
    ):
        with pytest.raises(ValueError, match=match):
            NetworkRegressorCV(**{**FEW, **grid}).fit(*data)


def test_callbacks_hear_of_every_candidate(data):
    pytest.importorskip("sklearn.callback")
    heard = []

    class Record:
        def setup(self, estimator, context):
            heard.append("setup")

        def teardown(self, estimator, context):
            heard.append("teardown")

        def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
            heard.append(context.task_name)

        def on_fit_task_end(self, estimator, context, **_):
            return False

    model = NetworkRegressorCV(**FEW, **ONE).set_callbacks(Record()).fit(*data)
    assert heard.count("candidate") == len(model.cv_results_["score"])
    assert (heard[0], heard[-1]) == ("setup", "teardown")


def test_progress_is_printed(data, capsys):
    NetworkRegressorCV(**FEW, **{**ONE, "l2_lambdas": [1e-4, 1e-3]}, verbose=1).fit(*data)
    assert "l2_lambda 0.0001" in capsys.readouterr().out


def test_a_noisy_table_gets_as_strong_a_penalty_as_it_needs(diabetes):
    """The error rises and falls again on the way there; it must not depend on the seed."""
    X, y = diabetes
    for seed in range(2):
        model = NetworkRegressorCV(dropout_rates=[0.0], random_state=seed).fit(X, y)
        assert model.best_score_ > -0.53  # ridge regression: -0.51


def test_an_interval_needs_a_fit():
    with pytest.raises(NotFittedError):
        NetworkRegressorCV().predict_interval(np.zeros((2, 3)))


def test_the_solver_named_is_that_of_the_networks_kept(data):
    X, y = data
    model = NetworkRegressorCV((5, 5), dropout_rates=[0.0, 0.5], l2_lambdas=[1e-3], max_iter=40)
    model.set_params(random_state=0, cv=3).fit(X, y)
    assert model.dropout_rate_ == 0.0
    assert model.solver_ == "lbfgs"


def test_groups_of_classes_are_stratified():
    X, y = load_iris(return_X_y=True)
    groups = np.arange(150) // 5  # of one class each
    model = NetworkClassifierCV(dropout_rates=[0.0], l2_lambdas=[1e-2], cv=5, random_state=0)
    model.fit(X, y, groups=groups)
    assert model.score(X, y) > 0.95
    assert -model.best_score_ < 0.3  # no fold lacks a class in training


def test_one_class_is_all_there_is_to_predict():
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = NetworkClassifierCV(cv=2, l2_lambdas=[1e-2]).fit(X, np.full(20, "a"))
    assert (model.predict(X) == "a").all()
