"""Looking at columns: which are constant, whatever the rows that a first look samples."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skreg.problem import inspection

N = 100


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("row", [0, 7, 8, 50, 91, 92, 99])
def test_a_column_that_varies_in_one_row_is_not_constant(row, order):
    X = np.full((N, 3), 0.1, order=order)
    X[row, 1] = np.nextafter(0.1, 1)
    counted = np.ones(N, bool)
    assert_array_equal(inspection.constant(X, counted), [True, False, True])
    assert_array_equal(inspection.constant(sp.csc_array(X), counted), [True, False, True])
    counted[row] = False
    assert inspection.constant(X, counted).all()


def test_sorted_columns_that_are_the_same_at_both_ends_are_not_constant():
    X = np.zeros((N, 2))
    X[40:60, 0] = 1.0
    assert_array_equal(inspection.constant(X, np.ones(N, bool)), [False, True])
