"""A design answers as the matrix A and the target b that it stands for, formed here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skreg.problem.design import RowDesign

N, P = 25, 6


def data(offset=0.0, targets=None):
    """Return X, y and weights, two of which are zero."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((N, P)) * (rng.random((N, P)) < 0.6) + offset
    y = rng.standard_normal(N if targets is None else (N, targets)) + 3.0
    weights = rng.random(N)
    weights[[4, 9]] = 0.0
    return X, y, weights


def formed(X, y, weights, intercept):
    """Return A (n, p) and b (..., n) without the rows of weight zero."""
    keep = weights > 0
    share = weights[keep] / weights.sum()
    A, b = X[keep], y[keep].T
    if intercept:
        A, b = A - share @ A, b - (b @ share)[..., None]
    return np.sqrt(share)[:, None] * A, np.sqrt(share) * b


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "sparse": sparse.csc_array,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_products_are_those_of_the_matrix(layout, offset, targets, intercept, weighted):
    X, y, weights = data(offset, targets)
    X = np.asarray(X.astype(np.float32), float) if layout == "float32" else X
    weights = weights if weighted else None
    design = RowDesign.from_data(LAYOUTS[layout](X), y, weights, intercept)
    A, b = formed(X, y, np.ones(N) if weights is None else weights, intercept)
    w = np.random.default_rng(2).standard_normal((*y.shape[1:], P))
    S, T = np.array([1, 4]), np.array([0, 1, 5])
    scale = np.arange(P) + 1.0
    size = max(1.0, offset**2 * (not intercept))
    same = {"atol": 1e-11 * size, "rtol": 1e-11}
    correlation, norm2 = design.evaluate(w)
    residual = b - w @ A.T
    assert_allclose(design.target, b, **same)
    assert_allclose(design.product(w), w @ A.T, **same)
    assert_allclose(correlation, residual @ A, **same)
    assert_allclose(norm2, np.sum(residual**2, axis=-1), **same)
    assert_allclose(design.cross, b @ A, **same)
    assert_allclose(design.columns(S), A[:, S], **same)
    assert_allclose(design.gram(S, T), A[:, S].T @ A[:, T], **same)
    assert_allclose(design.gram(slice(None)), A.T @ A, **same)
    assert_allclose(design.column_norms2, np.sum(A * A, axis=0), **same)
    assert_allclose(design.kernel(scale), (A * scale**2) @ A.T, atol=1e-9 * size)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_constant_columns_and_targets_leave_nothing(layout):
    X, _y, _ = data()
    X[:, 2], X[:, 3] = 0.1, 0.0
    design = RowDesign.from_data(LAYOUTS[layout](X), np.full(N, 0.7), None, True)
    assert_array_equal(design.constant, [False, False, True, True, False, False])
    assert_array_equal(design.column_norms2[2:4], 0.0)
    assert design.target_norm2 == 0.0
    assert not design.cross.any()


def test_columns_far_from_the_origin_keep_their_digits():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    near = RowDesign.from_data(X, X[:, 0], None, True)
    far = RowDesign.from_data(X + np.array([0.0, 2.0**20, 2.0**30]), X[:, 0], None, True)
    assert_allclose(far.gram(slice(None)), near.gram(slice(None)), atol=1e-6)
    assert_allclose(far.gram(np.array([1])), near.gram(np.array([1])), rtol=1e-9)


def test_squares_that_overflow_are_an_error():
    X, y, _ = data()
    with pytest.raises(ValueError, match="squares overflow"):
        RowDesign.from_data(X, y * 1e200, None, True)


def test_the_moments_pose_the_same_problem():
    X, y, weights = data(targets=2)
    design = RowDesign.from_data(X, y, weights, True)
    moments, w = design.moments(), np.ones((2, P))
    for ours, theirs in zip(moments.evaluate(w), design.evaluate(w), strict=True):
        assert_allclose(ours, theirs, atol=1e-12)
    assert_allclose(moments.intercept(w), design.intercept(w))
    assert_allclose(moments.select_target(1).cross, design.select_target(1).cross)
    for drop_to in ("mean", "zero"):
        expected = design.second_moments(drop_to)
        assert_allclose(moments.second_moments(drop_to), expected, atol=1e-14)


def test_an_entry_stored_in_two_parts_is_one_number():
    """Coordinate descent squares what is stored of a column."""
    X, y, _ = data()
    whole = sparse.csc_array(X)
    parts = whole.data / 2, whole.indices, 2 * whole.indptr
    split = sparse.csc_array((np.repeat(parts[0], 2), np.repeat(parts[1], 2), parts[2]), X.shape)
    columns = RowDesign.from_data(split, y, None, True).sparse_columns(np.arange(P))
    assert_allclose(np.add.reduceat(columns.X.data**2, columns.X.indptr[:-1]), np.sum(X**2, axis=0))
    assert split.nnz == 2 * whole.nnz
