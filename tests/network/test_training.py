"""Rows as a weighted set, and the way of weights to the user's scale and back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skreg.network.objective import hidden_units, random_layers
from skreg.network.training import Rows, Scaling


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_repetitions_weights_and_order_make_the_same_set(make):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 3)) * (rng.random((6, 3)) < 0.6)
    Y, s = rng.standard_normal((6, 1)), np.array([1, 3, 0, 2, 1, 1])
    often = rng.permutation(np.repeat(np.arange(6), s))
    weighted = Rows(make(X), Y, s.astype(float)).as_weighted_set()
    repeated = Rows(make(X[often]), Y[often], np.ones(len(often))).as_weighted_set()
    for one, other in zip(
        (weighted.X, weighted.Y, weighted.s), (repeated.X, repeated.Y, repeated.s), strict=True
    ):
        dense = [a.toarray() if sparse.issparse(a) else a for a in (one, other)]
        assert_array_equal(*dense)


def test_layers_on_the_scale_of_the_data_predict_the_same():
    rng = np.random.default_rng(0)
    X, Y = 100 + 5 * rng.standard_normal((20, 3)), 1e4 + 300 * rng.standard_normal((20, 2))
    rows = Rows(X, Y, np.full(20, 1 / 20))
    scaling = Scaling.of(rows, True, True)
    scaled = scaling.apply(rows)
    assert_allclose(scaled.X.std(axis=0), 1)
    assert_allclose(scaled.Y.mean(axis=0), 0, atol=1e-12)
    for hidden in ((), (4,), (4, 5)):
        layers = random_layers((3, *hidden, 2), rng)

        def output(inputs, layers):
            W, b = layers[-1]
            return hidden_units(inputs, layers, "isru") @ W + b

        expected = output(scaled.X, layers) * Y.std(axis=0) + Y.mean(axis=0)
        assert_allclose(output(X, scaling.to_data(layers)), expected)


def test_a_constant_column_keeps_its_scale_whatever_rounding_does_to_its_mean():
    s = np.random.default_rng(0).random(5000)
    scaling = Scaling.of(
        Rows(np.full((5000, 1), 0.998), np.ones((5000, 1)), s / s.sum()), True, True
    )
    assert scaling.x_scale[0] == scaling.y_scale[0] == 1


def test_numbers_whose_squares_overflow_are_one_clear_error():
    rows = Rows(np.array([[1e200], [2.0], [-1e200]]), np.ones((3, 1)), np.full(3, 1 / 3))
    with pytest.raises(ValueError, match="overflow float64"):
        Scaling.of(rows, True, True)
