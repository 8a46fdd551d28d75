"""Coordinate descent on a Gram matrix and on sparse columns, against the oracle's minimum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Problem, sparse_regression

from skreg.problem.design import RowDesign
from skreg.solvers.active_set import Quadratic
from skreg.solvers.coordinate_descent import ColumnLasso, descend


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize(
    "weights", [np.ones(10), np.linspace(0.5, 2.0, 10)], ids=["even", "uneven"]
)
@pytest.mark.parametrize("form", ["gram", "columns"])
def test_it_finds_the_minimum_from_any_start(form, weights, positive):
    X, y = sparse_regression()
    design, l1 = RowDesign.from_data(X, y, None, True), 0.05 * weights
    if form == "gram":
        problem = Quadratic(design.gram(slice(None)), design.cross, l1, positive)
    else:
        problem = ColumnLasso(design.sparse_columns(slice(None)), l1, positive)
    oracle = Problem(X, y, l1=0.05, v=weights, positive=positive)
    expected, _ = oracle.solve()
    assert 0 < np.count_nonzero(expected) < 10
    for start in (np.zeros(10), np.linspace(0.0, 3.0, 10)):
        found, epochs = descend(problem, start, 1e-13, float(design.target_norm2), 1000)
        assert_allclose(found, expected, atol=1e-6)
        assert oracle.relative_gap(found) < 1e-10
        assert 0 < epochs < 1000


def test_what_it_cannot_do_is_left_as_it_is():
    nothing = Quadratic(np.zeros((0, 0)), np.zeros(0), np.zeros(0), False)
    assert descend(nothing, np.zeros(0), 1e-6, 1.0, 10)[1] == 0
    x = np.array([1.0, -2.0])
    unpenalised = Quadratic(np.eye(2), np.ones(2), np.array([0.0, 1.0]), False)
    found, epochs = descend(unpenalised, x, 1e-6, 1.0, 10)
    assert_array_equal(found, x)
    assert epochs == 0
