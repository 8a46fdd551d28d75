"""The table of the guide: other libraries' objectives, written out, have our minimum.

Without hidden layers the minimum is unique, and the penalties mean the same at any depth.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import log_softmax

from skreg import NetworkClassifier, NetworkRegressor

rng = np.random.default_rng(0)
X, B = rng.standard_normal((60, 4)), np.array([[2.0, 0.0], [-1.0, 0.0], [0.02, 1.0], [0.0, -2.0]])
Y = X @ B + 0.5 * rng.standard_normal((60, 2))
CLASSES = np.where(Y[:, 0] > Y[:, 1], 0, 1)
A = 0.3  # the strength as the other library gives it


def mse(W):
    """Keras's and PyTorch's mean squared error of one target, without a bias."""
    return np.mean((Y[:, 0] - Y[:, 0].mean() - (X - X.mean(axis=0)) @ W) ** 2)


def minimum(objective, size):
    """The minimiser of an objective that may have kinks at zero, by two parts of each weight."""
    found = minimize(
        lambda x: objective(x[:size] - x[size:], x),
        np.full(2 * size, 0.1),
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * size),
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 5000},
    ).x
    return found[:size] - found[size:]


@pytest.mark.parametrize(
    ("penalty", "ours"),
    [
        (lambda W, parts: A * np.sum(W**2), {"l2_lambda": A}),  # Keras, L2(a)
        (lambda W, parts: A * np.sum(parts), {"l1_lambda": A / 2, "l2_lambda": 0.0}),  # L1(a)
        (lambda W, parts: A / 2 * np.sum(W**2), {"l2_lambda": A / 2}),  # PyTorch, weight_decay=a
    ],
)
def test_squared_error(penalty, ours):
    expected = minimum(lambda W, parts: mse(W) + penalty(W, parts), 4)
    model = NetworkRegressor((), standardize=False, **ours).fit(X, Y[:, 0])
    assert_allclose(model.coefs_[0][0][:, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("penalty", "ours"),
    [
        (lambda W, parts: A * np.sum(W**2), {"l2_lambda": 2 * A}),  # Keras, L2(a)
        (lambda W, parts: A / 10 * np.sum(parts), {"l1_lambda": A / 10, "l2_lambda": 0.0}),  # L1
        (lambda W, parts: A / 2 * np.sum(W**2), {"l2_lambda": A}),  # PyTorch, weight_decay=a
    ],
)
def test_cross_entropy(penalty, ours):
    def objective(W, parts):
        W, c = W[:8].reshape(4, 2), np.array([W[8], 0.0])
        parts = np.delete(parts, [8, 17])
        likelihood = log_softmax(X @ W + c, axis=1)[np.arange(60), CLASSES]
        return -np.mean(likelihood) + penalty(W, parts)

    expected = minimum(objective, 9)[:8].reshape(4, 2)
    model = NetworkClassifier((), standardize=False, max_iter=2000, **ours).fit(X, CLASSES)
    ours, theirs = X @ model.coefs_[0][0], X @ expected
    assert_allclose(ours[:, 0] - ours[:, 1], theirs[:, 0] - theirs[:, 1], atol=2e-3)
