"""`Rows`: every answer against the design A and the target b written out in full.

Rows of weight zero do not count: a dense X keeps them, as zeros of A, a sparse X leaves them out.
"""

import tracemalloc
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg.problem import rows as rows_module
from skreg.problem.rows import Rows

N, P = 11, 6
WEIGHTS = np.array([1.0, 2, 0, 1, 3, 0, 1, 0.5, 1, 4, 1])
FAR = 2.0**27 * np.array([1, 0, 0, -1, 0, 1])  # added without rounding, for the data is dyadic
W = np.random.default_rng(1).normal(size=(3, P))


def with_duplicates(X):
    """Every entry stored as its two halves, under indices of 64 bits."""
    half = sp.coo_array(X / 2)
    rows, columns = (np.tile(index, 2).astype(np.int64) for index in (half.row, half.col))
    order = np.argsort(columns, kind="stable")
    pointers = np.searchsorted(columns[order], np.arange(X.shape[1] + 1))
    return sp.csc_array((np.tile(half.data, 2)[order], rows[order], pointers), shape=X.shape)


LAYOUTS = {
    "dense": np.asarray,
    "fortran": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "far": lambda X: X + FAR,
    "sparse": sp.csc_matrix,
    "sparse32": lambda X: sp.csc_array(X.astype(np.float32)),
    "duplicates": with_duplicates,
}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_sparse = pytest.mark.parametrize("to_sparse", [False, True], ids=["dense", "sparse"])
weighted_or_not = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "weighted"])


def data(targets=None):
    """X of many zeros, its fifth column a mixture of the second and the fourth."""
    rng = np.random.default_rng(0)
    X = np.round(2**10 * rng.normal(size=(N, P))) / 2**10
    X[rng.random((N, P)) < 0.4] = 0.0
    X[:, 4] = 2.0 * X[:, 1] - X[:, 3]
    return X, rng.normal(size=N if targets is None else (N, targets)) + 3.0


@dataclass
class Case:
    """A view, and what it stands for: the means, A and b."""

    view: Rows
    mean: np.ndarray
    target_mean: np.ndarray
    A: np.ndarray
    b: np.ndarray

    @property
    def w(self):
        """Coefficients of the right shape."""
        return W if self.b.ndim == 2 else W[0]


CASES = {
    "-".join(map(str, case)): case
    for case in product(LAYOUTS, ["even", "weighted"], [True, False], [(), (1,), (1, 3, 4)])
    if case[0] != "far" or case[2]
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    """Weights or not (and then three targets), an intercept or not, some columns projected out."""
    layout, weighting, intercept, out = request.param
    weights, targets = (WEIGHTS, 3) if weighting == "weighted" else (None, None)
    X, y = data(targets)
    view = Rows.from_data(LAYOUTS[layout](X), y, weights, intercept)
    share = np.full(N, 1.0 / N) if weights is None else weights / weights.sum()
    if view.is_sparse:  # of a sparse X the rows that do not count are left out
        X, y, share = X[share > 0], y[share > 0], share[share > 0]
    mean, target_mean = (share @ X, share @ y) if intercept else (np.zeros(P), 0.0 * y[0])
    A = np.sqrt(share)[:, None] * (X - mean)
    b = np.sqrt(share) * (y - target_mean).T
    if out:
        out = np.array(out)
        view = view.project_out(out, view.factor(out))
        explained = A[:, out] @ np.linalg.pinv(A[:, out], rcond=1e-10)
        A, b = A - explained @ A, b - b @ explained.T
    return Case(view, mean + (FAR if layout == "far" else 0.0), target_mean, A, b)


def assert_close(actual, expected, atol=1e-13):
    assert np.shape(actual) == np.shape(expected)
    assert_allclose(actual, expected, rtol=1e-13, atol=atol)


def test_it_knows_its_size(case):
    assert case.view.shape == case.A.shape
    assert case.view.n_features == P
    assert case.view.coef_shape == case.w.shape


def test_the_target_is_b(case):
    assert_close(case.view.target, case.b)
    assert_close(case.view.target_norm2, np.sum(case.b**2, axis=-1))


def test_the_product_is_with_the_whole_design(case):
    assert_close(case.view.product(case.w), case.w @ case.A.T)


def test_correlations_are_with_every_column(case):
    residual = case.b - case.w @ case.A.T
    assert_close(case.view.correlation(residual), residual @ case.A)


def test_evaluate_is_the_gradient_and_the_loss(case):
    correlation, norm2 = case.view.evaluate(case.w)
    residual = case.b - case.w @ case.A.T
    assert_close(correlation, residual @ case.A)
    assert_close(norm2, np.sum(residual**2, axis=-1))


def test_the_curvature_is_the_product_both_ways(case):
    assert_close(case.view.curvature(case.w), case.w @ case.A.T @ case.A)


def test_blocks_are_parts_of_the_gram_matrix(case):
    S, T = np.array([5, 0, 2]), np.array([1, 2, 3, 4])
    gram = case.A.T @ case.A
    assert_close(case.view.block(S), gram[np.ix_(S, S)])
    assert_close(case.view.block(S, T), gram[np.ix_(S, T)])
    assert_close(case.view.block(np.arange(P)), gram)


def test_the_kernel_is_that_of_the_scaled_columns(case):
    scale = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 3.0])
    assert_close(case.view.kernel(scale), (case.A * scale**2) @ case.A.T)


def test_columns_are_those_of_the_design(case):
    if not case.view.is_sparse:
        S, rows = np.array([4, 0]), slice(2, 7)
        assert_close(case.view.columns(S), case.A[:, S])
        assert_close(case.view.columns(S, rows), case.A[rows][:, S])
        assert_close(case.view.columns(slice(1, 3)), case.A[:, 1:3])


def test_the_intercept_is_what_the_means_leave(case):
    expected = case.target_mean - case.w @ case.mean
    assert_allclose(case.view.intercept(case.w), expected, rtol=1e-14, atol=1e-14)
    assert np.shape(case.view.intercept(case.w)) == np.shape(expected)


def test_a_target_alone_is_that_row_of_the_answers(case):
    if case.b.ndim == 2:
        view = case.view.select_target(2)
        assert_close(view.target, case.b[2])
        assert_close(view.evaluate(case.w[2])[0], (case.b[2] - case.A @ case.w[2]) @ case.A)
        assert_close(view.intercept(case.w[2]), case.view.intercept(case.w)[2])


def test_the_rounding_is_a_bound_and_a_small_one(case):
    error = np.abs(case.view.evaluate(0 * case.w)[0] - case.b @ case.A)
    raw = np.sqrt(case.view.second_moments("zero") * np.max(np.sum(case.b**2, axis=-1)))
    assert np.all(error <= case.view.rounding())
    assert np.all(case.view.rounding() <= 1e-13 * raw)


@weighted_or_not
@each_layout
@pytest.mark.parametrize("intercept", [True, False])
def test_second_moments_are_of_the_data_as_given(layout, weights, intercept):
    X, y = data()
    view = Rows.from_data(LAYOUTS[layout](X), y, weights, intercept)
    variance = np.var(X, axis=0) if weights is None else np.cov(X.T, aweights=WEIGHTS, ddof=0)
    variance = variance if weights is None else np.diag(variance)
    given = X + (FAR if layout == "far" else 0.0)
    raw = np.average(given**2, axis=0, weights=weights)
    assert_allclose(view.variances(), variance, rtol=1e-13)
    assert_allclose(view.second_moments("mean"), variance, rtol=1e-13)
    assert_allclose(view.second_moments("zero"), raw, rtol=1e-13)


@each_sparse
def test_variances_keep_their_digits_however_far_the_columns_are(to_sparse):
    spread = np.array([1.0, -1, 3, -3, 2, -2]) / 1024
    X = spread[:, None] + 2.0 ** np.array([0, 20, 30, 36])
    view = Rows.from_data(sp.csc_array(X) if to_sparse else X, spread, None, True)
    assert_allclose(view.variances(), np.full(4, np.mean(spread**2)), rtol=1e-12)
    assert not view.constant().any()


@each_sparse
@pytest.mark.parametrize("value", [0.0, 0.1, -1e8, 1e45])
def test_constant_columns_have_no_variance_at_all(value, to_sparse):
    X = np.column_stack([np.full(200, value), np.arange(200.0), np.full(200, value)])
    X[1, 2] = np.nextafter(value, 1)  # a row that no sample of every third one meets
    weights = np.random.default_rng(0).uniform(size=200)
    view = Rows.from_data(sp.csc_array(X) if to_sparse else X, np.ones(200), weights, True)
    assert view.variances()[0] == 0
    assert_array_equal(view.constant(), [True, False, False])


@each_sparse
@pytest.mark.parametrize(("value", "elsewhere"), [(0.0, 7.0), (5.0, 0.0), (5.0, 7.0)])
def test_rows_of_weight_zero_do_not_vary_a_column(value, elsewhere, to_sparse):
    X = np.column_stack([np.where(WEIGHTS > 0, value, elsewhere), np.arange(N)])
    view = Rows.from_data(sp.csc_array(X) if to_sparse else X, np.ones(N), WEIGHTS, True)
    assert view.variances()[0] == 0
    assert_array_equal(view.constant(), [True, False])


def test_stored_zeros_do_not_vary_a_column():
    X = sp.csc_array((np.zeros(2), np.array([0, 3]), np.array([0, 2])), shape=(N, 1))
    assert_array_equal(Rows.from_data(X, np.ones(N), None, True).constant(), [True])


def test_small_blocks_of_rows_and_columns_give_the_same(monkeypatch):
    X, y = data()
    view = Rows.from_data(X, y, WEIGHTS, True)

    def answers():
        return view.block(np.arange(P)), view.variances(), view.kernel(np.ones(P))

    whole = answers()
    monkeypatch.setattr(rows_module, "BLOCK_BYTES", 3 * 8 * P)  # three rows, or one column
    for small, large in zip(answers(), whole, strict=True):
        assert_allclose(small, large, rtol=1e-13, atol=1e-14)


def test_the_data_is_left_as_it_was():
    for layout in LAYOUTS:
        X, y = data()
        X = LAYOUTS[layout](X)
        copies = X.copy(), y.copy()
        view = Rows.from_data(X, y, WEIGHTS, True)
        view.evaluate(W[0])
        view.project_out(np.array([1]), view.factor(np.array([1]))).evaluate(W[0])
        assert_array_equal(y, copies[1])
        if sp.issparse(X):
            assert_array_equal(X.data, copies[0].data)
            X, copies = X.toarray(), (copies[0].toarray(), y)
        assert_array_equal(X, copies[0])


def test_a_sparse_design_is_never_made_dense():
    n = 2000  # dense: 32 MB
    X = sp.random_array((n, n), density=2e-3, format="csc", random_state=0)
    w, out = np.ones(n), np.array([1, 5])
    tracemalloc.start()
    try:
        view = Rows.from_data(X, np.arange(n, dtype=float), np.ones(n), True)
        view = view.project_out(out, view.factor(out))
        view.evaluate(w)
        view.curvature(w)
        view.variances()
        view.constant()
        view.block(np.arange(30), np.arange(n))
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


ZEROS = [0, 3, 4, 9]


def with_zeros(value, few=False):
    """Rows of weight zero that hold `value`, and the same without them."""
    X, y = data()
    weights = np.where(np.isin(np.arange(N), ZEROS), 0.0, WEIGHTS + 1)
    if few:
        weights[1:-1] = 0.0
    counted = weights > 0
    filled = np.where(counted[:, None], X, value)
    return (filled, y, weights), (X[counted], y[counted], weights[counted])


@pytest.mark.parametrize("value", [0.0, 7.0, 1e49])
@pytest.mark.parametrize("offset", [0.0, 2.0**27])
def test_rows_of_weight_zero_stay_and_count_for_nothing(value, offset):
    (X, y, weights), (bare, bare_y, bare_weights) = with_zeros(value)
    bare = bare + offset
    X = np.where(weights[:, None] > 0, X + offset, X)
    view = Rows.from_data(X, y, weights, True)
    expected = Rows.from_data(bare, bare_y, bare_weights, True)
    assert view.shape == X.shape
    assert view.uniform == expected.uniform
    every = np.arange(P)
    for name, *args in [
        ("variances",),
        ("constant",),
        ("rounding",),
        ("block", every),
        ("intercept", W[0]),
    ]:
        mine, other = getattr(view, name)(*args), getattr(expected, name)(*args)
        assert_allclose(mine, other, rtol=1e-12, atol=1e-12 * np.abs(other).max())
    for mine, other in zip(view.evaluate(W[0]), expected.evaluate(W[0]), strict=True):
        assert_allclose(mine, other, rtol=1e-12)
    assert np.linalg.matrix_rank(view.columns(every)) == P - 1


@pytest.mark.parametrize("value", [1e60, -1.7e308])
def test_rows_of_weight_zero_are_left_out_where_their_products_may_overflow(value):
    (X, y, weights), (bare, _, _) = with_zeros(value)
    assert_array_equal(Rows.from_data(X, y, weights, True).X, bare)


def test_equal_weights_among_zeros_are_uniform():
    (X, y, weights), _ = with_zeros(0.0)
    assert Rows.from_data(X, y, (weights > 0) * 3.0, True).uniform
    assert not Rows.from_data(X, y, weights, True).uniform


def test_a_dense_design_is_not_copied_for_its_rows_of_weight_zero():
    (X, y, weights), _ = with_zeros(0.0)
    assert np.shares_memory(Rows.from_data(X, y, weights, True).X, X)
    (X, y, weights), (bare, *_) = with_zeros(0.0, few=True)
    assert_array_equal(Rows.from_data(X, y, weights, True).X, bare)


def test_the_rank_is_of_the_rows_that_count():
    """Six columns of full rank on all rows, but of rank 2 on the three that count, centred."""
    X, y = np.random.default_rng(0).normal(size=(2, N, P))
    weights = np.array([1.0, 1, 1] + [0] * (N - 3))
    for rows in (X, X[:4]):  # copied, and not
        view = Rows.from_data(rows, y[: len(rows), 0], weights[: len(rows)], True)
        assert view.factor(np.arange(P)).to_basis.shape == (P, 2)


@pytest.mark.parametrize("value", [0.1, -3.3, 1e8, 1e-300])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_constant_target_has_exactly_its_value_for_a_mean(value, intercept):
    """Its weighted sum is off by rounding, which would be all there is to explain."""
    X, y = data(3)
    y[:, 1] = np.where(WEIGHTS > 0, value, 5.0)
    view = Rows.from_data(X, y, WEIGHTS, intercept)
    assert view.target_mean[1] == value
    if intercept:
        assert not view.target[1].any()
    assert_allclose(np.delete(view.target_mean, 1), WEIGHTS @ y[:, [0, 2]] / WEIGHTS.sum())


@pytest.mark.parametrize("y", [[1.0, 2.0, 3.0, 6.0], [-1.0, 0.0, 0.0, 1.0]])
def test_a_row_at_the_mean_does_not_make_the_target_constant(y):
    X = np.arange(8.0).reshape(4, 2)
    view = Rows.from_data(X, np.array(y), None, fit_intercept=True)
    assert_allclose(view.target, (np.array(y) - np.mean(y)) / 2)


def test_a_block_has_the_order_of_the_features_asked_for():
    X = np.random.default_rng(0).normal(size=(20, 4))
    view, order = Rows.from_data(X, X[:, 0], None, True), np.array([2, 0, 3, 1])
    covariance = np.cov(X.T, bias=True)
    assert_allclose(view.block(order), covariance[np.ix_(order, order)], rtol=1e-12)
    assert_allclose(
        view.block(order, order[::-1]), covariance[np.ix_(order, order[::-1])], rtol=1e-12
    )
