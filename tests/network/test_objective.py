"""The objective of whole networks: its value written out, and its gradient by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import approx_fprime

from skreg.network.objective import ACTIVATIONS, LOG, SQUARED, Objective, Parameters, random_layers


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    s = rng.random(9)
    return rng.standard_normal((9, 3)), 4 + rng.standard_normal((9, 2)), s / s.sum()


def evaluate(objective, x, like, rows, rng=None):
    theta, gradient = Parameters(x, like.shapes), like.like()
    return objective.evaluate(theta, *rows, gradient, rng), gradient.vector


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_agree_with_differences(name):
    Z = np.linspace(-3, 3, 40).reshape(4, 10)
    _, slope = ACTIVATIONS[name](Z.copy())
    step = 1e-6
    values = [ACTIVATIONS[name](Z + d)[0] for d in (step, -step)]
    assert_allclose(slope, (values[0] - values[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["squared", "eliminated", "log"])
@pytest.mark.parametrize("hidden", [(4,), (5, 4)])
def test_the_gradient_agrees_with_differences(rows, kind, hidden, activation):
    X, Y, s = rows
    if kind == "log":
        Y = np.eye(2)[[0, 1, 0, 0, 1, 1, 0, 1, 1]]
    rates = (0.0, *[0.2] * len(hidden))
    objective = Objective(LOG if kind == "log" else SQUARED, activation, hidden, rates, 0.0, 0.1)
    layers = random_layers((3, *hidden, 2), np.random.default_rng(2))
    theta = Parameters.of(layers[:-1] if kind == "eliminated" else layers)
    _, gradient = evaluate(objective, theta.vector, theta, (X, Y, s))
    expected = approx_fprime(
        theta.vector, lambda x: evaluate(objective, x, theta, (X, Y, s))[0], 1e-7
    )
    assert_allclose(gradient, expected, atol=2e-6)


def test_the_gradient_under_sampled_masks_is_that_of_the_masked_network(rows):
    objective = Objective(SQUARED, "isru", (5, 4), (0.3, 0.4, 0.2), 0.0, 0.0)
    theta = Parameters.of(random_layers((3, 5, 4, 2), np.random.default_rng(2)))

    def at(x):
        return evaluate(objective, x, theta, rows, np.random.default_rng(3))

    assert_allclose(
        at(theta.vector)[1], approx_fprime(theta.vector, lambda x: at(x)[0], 1e-7), atol=2e-6
    )


def test_the_value_is_the_formula(rows):
    X, Y, s = rows
    (W, b), (B, c) = layers = random_layers((3, 4, 2), np.random.default_rng(2))
    rate, l1, l2 = 0.25, 0.3, 0.7
    H = np.tanh(X @ W + b)
    expected = 0.5 * s @ np.sum((Y - H @ B - c) ** 2, axis=1)
    expected += rate / (1 - rate) / 2 * (s @ H**2) @ np.sum(B**2, axis=1)
    expected += l1 * (abs(W).sum() + abs(B).sum()) + l2 / 2 * (np.sum(W**2) + np.sum(B**2))
    objective = Objective(SQUARED, "tanh", (4,), (0.0, rate), l1, l2)
    theta = Parameters.of(layers)
    assert evaluate(objective, theta.vector, theta, rows)[0] == pytest.approx(expected, rel=1e-13)


def test_sampled_masks_keep_the_mean_of_sparse_and_dense_inputs(rows):
    X, Y, s = rows
    objective = Objective(SQUARED, "identity", (3,), (0.5, 0.0), 0.0, 0.0)
    theta = Parameters.of([(np.eye(3), np.zeros(3)), (np.eye(3)[:, :2], np.zeros(2))])
    rho = 1.0  # 0.5 / (1 - 0.5): the masks add the mean square of each input
    expected = 0.5 * s @ np.sum((Y - X[:, :2]) ** 2 + rho * X[:, :2] ** 2, axis=1)
    often = np.tile(np.arange(9), 3000)
    for inputs in (X[often], sparse.csr_array(X[often])):
        many = inputs, Y[often], s[often] / 3000
        value, _ = evaluate(objective, theta.vector, theta, many, np.random.default_rng(0))
        assert value == pytest.approx(expected, rel=0.03)
