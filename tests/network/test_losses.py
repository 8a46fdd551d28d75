"""The dropout that the losses average over, against all masks, and their gradients."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from scipy.special import log_softmax

from skreg.network.objective import LOG, SQUARED, eliminated, log_loss, squared

RATE = 0.3
RHO = RATE / (1 - RATE)


@pytest.fixture
def problem():
    """Hidden units, targets that are not centred, weights, and a last layer."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((7, 4)) + 1
    s = rng.random(7)
    return (
        A,
        5 + rng.standard_normal((7, 2)),
        s / s.sum(),
        rng.standard_normal((4, 2)),
        rng.random(2),
    )


def slots(B, c):
    return np.empty_like(B), np.empty_like(c)


def over_masks(A, loss):
    """The expectation of `loss` over all inverted-dropout masks of one row's units."""
    total = np.zeros(len(A))
    for mask in product([0, 1], repeat=A.shape[1]):
        kept = np.array(mask)
        chance = np.prod(np.where(kept, 1 - RATE, RATE))
        total += chance * loss(A * kept / (1 - RATE))
    return total


def test_the_squared_loss_is_the_mean_over_all_masks(problem):
    A, Y, s, B, c = problem
    expected = s @ over_masks(A, lambda H: 0.5 * np.sum((Y - H @ B - c) ** 2, axis=1))
    value, _ = squared(A, Y, s, RHO, (B, c), slots(B, c))
    assert value == pytest.approx(expected, rel=1e-13)


def test_the_log_loss_is_the_mean_over_all_masks_to_second_order(problem):
    A, _, s, B, c = problem
    Y = np.eye(2)[[0, 1, 1, 0, 1, 0, 0]]
    errors = []
    for size in (0.1, 0.05):  # of the outputs' noise
        exact = s @ over_masks(A, lambda H, b=size * B: -np.sum(Y * log_softmax(H @ b + c, 1), 1))
        value, _ = log_loss(A, Y, s, RHO, (size * B, c), slots(B, c))
        errors.append(abs(value - exact))
        assert errors[-1] < 1e-3 * value
    assert errors[1] < errors[0] / 6  # of third order


@pytest.mark.parametrize("loss", [squared, log_loss])
@pytest.mark.parametrize("rho", [0.0, RHO])
def test_gradients_agree_with_differences(problem, loss, rho):
    A, Y, s, B, c = problem
    Y = Y if loss is squared else np.eye(2)[[0, 1, 1, 0, 1, 0, 0]]
    gradient = slots(B, c)
    _, by_units = loss(A, Y, s, rho, (B, c), gradient)

    def value(x):
        units, weights, biases = np.split(x, [A.size, A.size + B.size])
        top = weights.reshape(B.shape), biases
        return loss(units.reshape(A.shape), Y, s, rho, top, slots(B, c))[0]

    x = np.concatenate([A.ravel(), B.ravel(), c])
    found = np.concatenate([by_units.ravel(), gradient[0].ravel(), gradient[1]])
    assert_allclose(found, approx_fprime(x, value, 1e-7), atol=1e-6)


@pytest.mark.parametrize("rho", [0.0, RHO])
def test_the_eliminated_layer_is_the_best_one(problem, rho):
    A, Y, s, _, _ = problem
    l2 = 0.1
    D = np.column_stack([A, np.ones(len(A))]) * np.sqrt(s)[:, None]
    ridge = np.append(l2 + rho * s @ A**2, 0.0)
    best = np.linalg.solve(D.T @ D + np.diag(ridge), D.T @ (np.sqrt(s)[:, None] * Y))
    B, c = best[:-1], best[-1]
    joint = squared(A, Y, s, rho, (B, c), slots(B, c))[0] + l2 / 2 * np.sum(B**2)
    value, by_units = eliminated(A, Y, s, rho, l2)
    assert value == pytest.approx(joint, rel=1e-12)
    differences = approx_fprime(
        A.ravel(), lambda x: eliminated(x.reshape(A.shape), Y, s, rho, l2)[0], 1e-7
    )
    assert_allclose(by_units.ravel(), differences, atol=1e-6)


def test_equal_units_in_float32_have_a_last_layer():
    A = np.ones((50, 3), np.float32) * np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    s = np.full(50, 1 / 50, np.float32)
    value, by_units = eliminated(A, A[:, :1] * 2, s, 0.0, 0.0)
    assert value < 1e-4
    assert np.all(np.isfinite(by_units))


def test_a_constant_loses_half_the_variance_or_the_entropy(problem):
    _, Y, s, _, _ = problem
    constants = np.tile(s @ Y, (7, 1))
    assert SQUARED.of_constant(Y, s) == pytest.approx(s @ np.sum((Y - constants) ** 2, axis=1) / 2)
    Y = np.eye(3)[[0, 1, 1, 0, 1, 0, 0]]  # a class is absent
    chance = (s @ Y)[[0, 1, 1, 0, 1, 0, 0]]
    assert LOG.of_constant(Y, s) == pytest.approx(-s @ np.log(chance))
