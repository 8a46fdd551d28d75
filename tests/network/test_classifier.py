"""`NetworkClassifier`, as a user meets it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from skreg import NetworkClassifier


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract():
    check_estimator(NetworkClassifier())


def test_without_hidden_layers_it_is_logistic_regression():
    X, y = load_iris(return_X_y=True)
    l2 = 0.01
    model = NetworkClassifier((), l2_lambda=l2, dropout_rate=0.0, standardize=False, max_iter=2000)
    logistic = LogisticRegression(C=1 / (l2 * len(y)), tol=1e-8, max_iter=5000).fit(X, y)
    assert_allclose(model.fit(X, y).predict_proba(X), logistic.predict_proba(X), atol=1e-4)
    assert_allclose(model.coefs_[0][0].T, logistic.coef_, atol=1e-3)


def test_digits_at_the_defaults():
    X, y = load_digits(return_X_y=True)
    model = NetworkClassifier(random_state=0).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.92
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_weights_and_class_weights_are_repetitions():
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], np.array(["a", "b", "c"])[y[::3]]
    options = {"hidden_layer_sizes": (5,), "max_iter": 20, "random_state": 0}
    weights = np.where(y == "b", 3, 1)
    expected = NetworkClassifier(**options).fit(X.repeat(weights, 0), y.repeat(weights))
    one = NetworkClassifier(**options).fit(X, y, sample_weight=weights)
    assert_array_equal(one.predict_proba(X), expected.predict_proba(X))
    other = NetworkClassifier(**options, class_weight={"a": 1, "b": 3, "c": 1}).fit(X, y)
    assert_allclose(other.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    balanced = NetworkClassifier(**options, class_weight="balanced")
    even = balanced.fit(X, y, sample_weight=weights).predict_proba(X)
    assert_allclose(even, balanced.fit(X, y).predict_proba(X), atol=1e-5)


def test_partial_fit_needs_the_classes_first():
    X, y = load_iris(return_X_y=True)
    model = NetworkClassifier((10,), learning_rate_init=0.02, batch_size=25, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, y)
    model.partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="not among"):
        model.partial_fit(X[:2], [0, 7])


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_dropout_and_l1_of_classes(solver):
    X, y = load_iris(return_X_y=True)
    X = np.column_stack([X, np.random.default_rng(0).standard_normal((150, 4))])
    model = NetworkClassifier(
        (8,), dropout_rate=0.2, l1_lambda=0.01, solver=solver, batch_size=30, max_iter=200
    )
    model.set_params(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert np.mean(model.coefs_[0] == 0) > 0.5


def test_a_training_that_finds_nothing_says_so():
    X, y = load_iris(return_X_y=True)
    model = NetworkClassifier((8,), activation="relu", standardize=False, random_state=0)
    with pytest.warns(ConvergenceWarning, match="standardize=True"):
        model.fit(1e18 * X, y)
