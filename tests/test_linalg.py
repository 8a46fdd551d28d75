"""Least squares where rank matters: bases and minimum-norm solutions, against numpy's own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skreg._linalg import from_columns, from_gram

RNG = np.random.default_rng(0)
TALL, WIDE = RNG.normal(size=(12, 5)), RNG.normal(size=(4, 7))
BLOCKS = {
    "tall": TALL,
    "square": TALL[:5],
    "wide": WIDE,
    "duplicates": TALL[:, [0, 1, 1, 2, 0]],
    "dependent": np.column_stack([TALL, TALL @ RNG.normal(size=(5, 2))]),
    "a zero column": TALL * [1, 0, 1, 1, 1],
    "one column": TALL[:, :1],
    "opposite": TALL[:, :1] * [1, -1],
}
each_block = pytest.mark.parametrize("A", BLOCKS.values(), ids=BLOCKS)
each_way = pytest.mark.parametrize("way", ["columns", "gram"])
# Eigenvalues of the Gram matrix keep half the digits.
RTOL = {"columns": 1e-12, "gram": 1e-7}


def factor(A, way):
    return from_columns(A, len(A)) if way == "columns" else from_gram(A.T @ A, len(A))


def solve(factors, A, b):
    """The solution as the docstring defines it, by B U'b."""
    return factors.back @ (factors.to_basis.T @ (A.T @ b))


@each_way
@each_block
def test_the_basis_is_orthonormal_and_spans_the_columns(A, way):
    factors = factor(A, way)
    U = A @ factors.to_basis
    assert U.shape == (len(A), np.linalg.matrix_rank(A))
    assert_allclose(U.T @ U, np.eye(U.shape[1]), atol=RTOL[way])
    assert_allclose(U @ (U.T @ A), A, atol=RTOL[way])
    if way == "columns":
        assert_allclose(factors.basis, U, atol=RTOL[way])


@each_way
@each_block
def test_the_solution_is_of_minimum_norm(A, way):
    b = np.random.default_rng(1).normal(size=len(A))
    expected = np.linalg.lstsq(A, b, rcond=1e-10)[0]
    scale = np.abs(expected).max()
    assert_allclose(solve(factor(A, way), A, b), expected, rtol=0, atol=RTOL[way] * scale)


@each_way
@pytest.mark.parametrize("span", [1e6, 1e100])
def test_columns_of_wild_scales_count_alike(way, span):
    scales = span ** np.array([0.0, -1.0, 0.5, 1.0, -0.5])
    b = np.random.default_rng(1).normal(size=12)
    expected = np.linalg.lstsq(TALL, b, rcond=None)[0]
    actual = solve(factor(TALL * scales, way), TALL * scales, b)
    assert_allclose(actual * scales, expected, rtol=10 * RTOL[way])


@each_way
@pytest.mark.parametrize("small", [1e-8, 1e-20, 1e-40])
def test_a_tiny_column_beside_a_zero_one_keeps_its_digits(way, small):
    """At less than full rank; the large column may not drown the tiny one."""
    A, b = TALL[:, :3] * [small, 1.0, 0.0], np.random.default_rng(1).normal(size=12)
    expected = np.linalg.lstsq(TALL[:, :2], b, rcond=None)[0]
    actual = solve(factor(A, way), A, b)
    assert_allclose(actual[:2] * [small, 1.0], expected, rtol=10 * RTOL[way])
    assert actual[2] == 0


@each_way
@pytest.mark.parametrize("scales", [(1.0, 2.0), (1.0, 1e8), (1e-5, 1.0, 1e5)], ids=str)
def test_copies_of_wild_scales_share_by_their_scales(way, scales):
    a, b = TALL[:, 0], np.random.default_rng(1).normal(size=12)
    k = np.array(scales)
    # sum_j k_j w_j is determined, and the shortest w with that sum is along k.
    expected = k * (a @ b) / (a @ a) / (k @ k)
    A = a[:, None] * k
    factors = factor(A, way)
    assert factors.to_basis.shape == (len(k), 1)
    atol = RTOL[way] * np.abs(expected).max()
    assert_allclose(solve(factors, A, b), expected, rtol=0, atol=atol)


def test_no_more_rank_than_there_can_be():
    # Centring leaves n - 1 dimensions, and rounding the n-th.
    A = TALL[:5] - TALL[:5].mean(axis=0)
    assert from_columns(A, 4).to_basis.shape == (5, 4)
    assert from_gram(A.T @ A, 3).to_basis.shape == (5, 3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_what_centring_rounded_is_no_rank(unit):
    """A tie is as good as its columns were known where they came from: EPS times the distance."""
    tie = np.column_stack([TALL[:, 0], TALL[:, 0] + 1e-9 * TALL[:, 1], TALL[:, 2]]) * unit
    distances = {
        (0.0, 0.0, 0.0): 3,
        (1e3, 1e3, 1e3): 3,
        (1e7, 1e7, 1e7): 2,
        (0.0, 1e7, 0.0): 2,
        (0.0, 0.0, 1e7): 3,  # a column that has no part in the tie
    }
    for origin, rank in distances.items():
        factors = from_columns(tie, 12, unit * np.array(origin))
        assert factors.to_basis.shape == (3, rank), origin


def test_what_a_gram_matrix_rounds_at_is_no_rank():
    blurred = np.array([[1.0, 1.0 - 1e-10], [1.0 - 1e-10, 1.0]])
    assert from_gram(blurred, 2).to_basis.shape == (2, 2)
    assert from_gram(blurred, 2, noise=1e6).to_basis.shape == (2, 1)


@each_way
@pytest.mark.parametrize("f", [0, 3])
def test_a_block_of_nothing_has_rank_zero(way, f):
    factors = factor(np.zeros((4, f)), way)
    assert factors.to_basis.shape == factors.back.shape == (f, 0)
