"""`Moments` agree with exact fractions, however the rows are cut and merged; checks; files."""

import pickle
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg import L2Regressor, Moments
from skreg._objective import Penalty
from skreg.problem.gram import GramProblem
from skreg.problem.moments import moments_of_pieces

N, P = 30, 5
ORDERS = ["first to last", "last to first", "shuffled", "pairwise"]
each_order = pytest.mark.parametrize("order", ORDERS)
each_targets = pytest.mark.parametrize("targets", [None, 1, 3])


def data(seed=0, offset=0.0, targets=None, n=N):
    """Columns of standard deviation 1, and weights with zeros among them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, P)) + offset
    y = rng.normal(size=(n, targets or 1)) + X[:, :1]
    return X, y[:, 0] if targets is None else y, rng.integers(0, 4, n).astype(float)


def assert_exact(moments, X, y, weights, rtol=1e-14):
    """The moments are those of rational arithmetic, each to `rtol` of the standard deviations."""
    table = np.array([[Fraction(v) for v in row] for row in np.column_stack([X, y])], object)
    share = np.array([Fraction(w) for w in weights], object)
    share = share / share.sum()
    mean = share @ table
    centred = table - mean
    expected = ((centred * share[:, None]).T @ centred).astype(float)
    p, targets = X.shape[1], y.shape[1:]
    sd = np.sqrt(np.diag(expected))
    scale = np.outer(sd, sd)

    def close(actual, part, unit):
        assert np.shape(actual) == part.shape
        assert_allclose((actual - part) / unit, 0, atol=rtol)

    close(moments.gram, expected[:p, :p], scale[:p, :p])
    close(moments.cross, expected[p:, :p].reshape(*targets, p), scale[p:, :p].reshape(*targets, p))
    close(
        moments.target_norm2,
        np.diag(expected)[p:].reshape(targets),
        np.diag(scale)[p:].reshape(targets),
    )
    actual = np.append(moments.mean, moments.target_mean)
    assert_allclose(actual, mean.astype(float), rtol=1e-14, atol=1e-14 * sd.max())
    assert_allclose(moments.weight, weights.sum(), rtol=1e-15)
    assert_array_equal(moments.gram, moments.gram.T)


def batches(X, y, weights, size):
    """The moments of parts; some have no weight at all."""
    for start in range(0, X.shape[0], size):
        rows = slice(start, start + size)
        yield Moments.from_data(X[rows], y[rows], weights[rows])


def merge(parts, order):
    """All the parts, merged in some order."""
    parts = list(parts)
    if order == "last to first":
        parts.reverse()
    if order == "shuffled":
        np.random.default_rng(0).shuffle(parts)
    while order == "pairwise" and len(parts) > 1:
        parts = [reduce(add, parts[k : k + 2]) for k in range(0, len(parts), 2)]
    return reduce(add, parts)


# ---------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(
    ("layout", "targets"),
    [
        pytest.param(np.asarray, None, id="dense"),
        pytest.param(np.asfortranarray, 3, id="fortran, 3 targets"),
        pytest.param(sp.csc_array, 3, id="csc, 3 targets"),
        pytest.param(sp.csr_matrix, None, id="csr"),
    ],
)
@pytest.mark.parametrize("offset", [0.0, 5.0, 30.0, 1e8])
def test_the_moments_are_those_of_exact_arithmetic(offset, layout, targets):
    X, y, weights = data(offset=offset, targets=targets)
    # Columns at up to 10 deviations from zero are multiplied as they are: 100 roundings at most.
    assert_exact(Moments.from_data(layout(X), y, weights), X, y, weights, 5e-14)
    assert_exact(Moments.from_data(layout(X), y), X, y, np.ones(N), 5e-14)


@each_order
@pytest.mark.parametrize(("size", "targets"), [(1, None), (7, 3), (29, 3)])
def test_merged_parts_are_the_whole(targets, size, order):
    X, y, weights = data(offset=2.0, targets=targets)
    assert_exact(merge(batches(X, y, weights, size), order), X, y, weights)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_a_merge_loses_the_digits_of_the_mean_and_no_more(offset, size):
    """16 digits less those by which the mean exceeds the spread: of 1e8, 8 are left."""
    X, y, weights = data(offset=offset)
    assert_exact(merge(batches(X, y, weights, size), "pairwise"), X, y, weights, 1e-15 * offset)


def test_sparse_and_dense_parts_mix():
    X, y, _ = data(offset=3.0)
    parts = [
        Moments.from_data(sp.csr_array(X[k : k + 7]) if k % 2 else X[k : k + 7], y[k : k + 7])
        for k in range(0, N, 7)
    ]
    assert_exact(merge(parts, "first to last"), X, y, np.ones(N), 2e-14)


def test_parts_of_different_scale_place_and_weight():
    rng = np.random.default_rng(0)
    X, y, weights = data()
    X = X * 10.0 ** rng.integers(-8, 9, (N, 1)) + 10.0 ** rng.integers(-8, 9, (N, 1))
    weights = (weights + 1) * 10.0 ** rng.integers(-8, 9, N)
    assert_exact(merge(batches(X, y, weights, 3), "shuffled"), X, y, weights, 1e-12)


def test_a_sample_of_rows_that_misleads_costs_no_digits():
    """Every fifth row lies far away: their spread hides how far from zero the others are."""
    X, y, _ = data(n=260)
    X += 1e6
    X[::5] *= np.where(np.arange(52) % 2 == 0, -1.0, 1.0)[:, None]
    X[:, 1], X[0, 2] = np.sort(X[:, 1]), -1e9
    assert_exact(Moments.from_data(X, y), X, y, np.ones(260), 1e-13)


def test_strides_do_not_matter():
    X, y, _ = data(offset=1.0, n=60)
    wide = np.repeat(X, 2, axis=1)
    for table in (X[::-1], wide[:, ::2], X[::2], np.asfortranarray(X)[::3], X[:, ::-1]):
        expected = Moments.from_data(table.copy(), y[: len(table)])
        assert_allclose(
            Moments.from_data(table, y[: len(table)]).gram, expected.gram, rtol=1e-13, atol=1e-14
        )


def test_duplicates_and_explicit_zeros_of_a_sparse_matrix_count_as_the_array():
    rows, columns = np.array([0, 0, 1, 2, 3, 3, 3]), np.array([0, 0, 1, 0, 1, 1, 2])
    values = np.array([1.0, 2, 0, 4, 5, -1, 0])
    raw = sp.coo_array((values, (rows, columns)), shape=(4, 3))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=3))])
    order = np.argsort(columns, kind="stable")
    X = sp.csc_array((values[order], rows[order], indptr), shape=(4, 3))
    before = X.data.copy()
    y = np.arange(4.0)
    moments = Moments.from_data(X, y)
    assert_allclose(moments.gram, Moments.from_data(raw.toarray(), y).gram, rtol=1e-14, atol=1e-15)
    assert_array_equal(X.data, before)


@pytest.mark.parametrize("value", [0.0, 0.7, 1e8 / 3, -1e-9 / 7])
@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
def test_what_is_constant_stays_so_in_any_number_of_parts(layout, value):
    """A mean as a sum of many products is off by rounding, differently in every part."""
    X, y, _ = data(n=3000, targets=2)
    X[:, 2], y[:, 1] = value, value
    weights = np.random.default_rng(1).uniform(0, 2, 3000) * (np.arange(3000) % 7 > 0)
    cuts = [0, 10, 500, 1707, 3000]
    parts = [Moments.from_data(layout(X[a:b]), y[a:b], weights[a:b]) for a, b in pairwise(cuts)]
    for moments in (reduce(add, parts), Moments.from_data(layout(X), y)):
        assert_allclose([moments.mean[2], moments.target_mean[1]], value, rtol=1e-14)
        assert not moments.gram[2].any()
        assert not moments.gram[:, 2].any()
        assert not moments.cross[:, 2].any()
        assert not moments.cross[1].any()
        assert moments.target_norm2[1] == 0
        assert np.count_nonzero(moments.gram.diagonal()) == P - 1


def test_merging_leaves_the_parts_as_they_were():
    X, y, weights = data()
    first, second = batches(X, y, weights, 15)
    first + second
    assert_exact(first, X[:15], y[:15], weights[:15])
    assert_exact(second, X[15:], y[15:], weights[15:])


def test_sum_begins_with_nothing():
    X, y, weights = data()
    assert_exact(sum(batches(X, y, weights, 10)), X, y, weights)
    with pytest.raises(TypeError):
        Moments.from_data(X, y) + 1
    with pytest.raises(TypeError):
        1 + Moments.from_data(X, y)


def test_rows_without_weight_are_nothing():
    X, y, weights = data()
    nothing = Moments.from_data(1e3 * X, y, 0 * weights)
    assert nothing.weight == 0
    for name in ("mean", "target_mean", "gram", "cross", "target_norm2"):
        assert_array_equal(getattr(nothing, name), 0)
    assert_exact(nothing + Moments.from_data(X, y, weights), X, y, weights)
    assert_exact(Moments.from_data(X, y, weights) + nothing, X, y, weights)
    assert (nothing + nothing).weight == 0


def test_moments_of_pieces_are_those_of_their_rows():
    X, y, weights = data(targets=2)
    found = moments_of_pieces(X, y, weights, [(3, 0, 10), (1, 10, 25), (7, 25, None)])
    for number, rows in (3, slice(10)), (1, slice(10, 25)), (7, slice(25, N)):
        assert_exact(found[number], X[rows], y[rows], weights[rows])


def test_one_weight_for_all_rows_counts_in_a_merge():
    X, y, _ = data()
    merged = Moments.from_data(X[:10], y[:10], 3.0) + Moments.from_data(X[10:], y[10:], 0.5)
    assert_exact(merged, X, y, np.where(np.arange(N) < 10, 3.0, 0.5))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, bool])
@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
def test_every_type_of_number_is_accumulated_in_float64(layout, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 200, (N, P)).astype(dtype)
    y, weights = rng.normal(size=N).astype(np.float32), np.ones(N)
    moments = Moments.from_data(layout(X), y)
    assert_exact(moments, X.astype(float), y.astype(float), weights, 2e-14)
    assert moments.gram.dtype == np.float64
    assert moments.dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_float32_and_float64_make_float64():
    X, y, _ = data()
    single, double = (Moments.from_data(X.astype(t), y) for t in (np.float32, np.float64))
    assert (single + single).dtype == np.float32
    assert (single + double).dtype == (double + single).dtype == np.float64


# ---------------------------------------------------------------------------- what is refused

X, Y, _ = data()
SPOILED = X.copy()
SPOILED[3, 1] = np.nan
HUGE = np.full(N, 1e308)
BAD = {
    "nan in X": ((SPOILED, Y), "Input X contains NaN"),
    "nan in a row without weight": ((SPOILED, Y, np.arange(N) != 3), "Input X contains NaN"),
    "nan in X, no weight": ((SPOILED, Y, 0.0), "Input X contains NaN"),
    "infinity in sparse X": ((sp.csr_array(np.where(X > 1, np.inf, X)), Y), "Input X contains"),
    "nan in y": ((X, SPOILED[:, 1]), "Input y contains NaN"),
    "nan in weights": ((X, Y, SPOILED[:, 1]), "Input sample_weight contains NaN"),
    "negative weights": ((X, Y, -np.ones(N)), "Negative values"),
    "a negative weight": ((X, Y, -1.0), "Negative values"),
    "short weights": ((X, Y, np.ones(3)), "sample_weight.shape"),
    "short y": ((X, Y[1:]), "inconsistent numbers of samples"),
    "no y": ((X, None), "requires y to be passed"),
    "no rows": ((X[:0], Y[:0]), "Found array with 0 sample"),
    "one dimension": ((X[:, 0], Y), "Expected 2D array"),
    "text": ((np.full((N, 2), "a"), Y), "could not convert string"),
    "squares too large": ((X * 1e200, Y), "squares overflow float64"),
    "sparse squares too large": ((sp.csr_array(X * 1e200), Y), "squares overflow float64"),
    "squares of y too large": ((X, Y * 1e200), "squares overflow float64"),
    "weights too large": ((X, Y, HUGE), "sum of sample_weight overflows"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_refused(case):
    given, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        Moments.from_data(*given)


def test_a_piece_with_nan_in_a_row_without_weight_is_refused():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        moments_of_pieces(SPOILED, Y, 1.0 * (np.arange(N) != 3), [(0, 0, None)])


def test_moments_of_other_columns_or_targets_do_not_merge():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcde"))
    named = Moments.from_data(frame, Y)
    with pytest.raises(ValueError, match="5 and with 4 features"):
        named + Moments.from_data(X[:, 1:], Y)
    with pytest.raises(ValueError, match=r"\('n',\) and \('n', 1\)"):
        named + Moments.from_data(frame, Y[:, None])
    with pytest.raises(ValueError, match="feature names"):
        named + Moments.from_data(frame[list("bacde")], Y)
    assert_array_equal((named + Moments.from_data(X, Y)).feature_names, list("abcde"))
    assert_array_equal((Moments.from_data(X, Y) + named).feature_names, list("abcde"))


def test_more_features_than_memory_holds_are_refused():
    huge = sp.csr_array((3, 10**6))
    with pytest.raises(MemoryError, match=r"1000000 features.* GB.*SGDRegressor") as error:
        Moments.from_data(huge, np.zeros(3))
    assert isinstance(error.value, ValueError)


# ---------------------------------------------------------------------------- files


@each_targets
@pytest.mark.parametrize("names", [None, list("abcde")])
def test_a_file_gives_back_every_bit(tmp_path, names, targets):
    X, y, weights = data(offset=1e3, targets=targets)
    if names is not None:
        X = pytest.importorskip("pandas").DataFrame(X.astype(np.float32), columns=names)
    moments = Moments.from_data(X, y, weights)
    path = tmp_path / "moments"
    moments.save(path)
    read = Moments.load(str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["moments"]
    for name, value in vars(moments).items():
        assert_array_equal(getattr(read, name), value)
        assert np.shape(getattr(read, name)) == np.shape(value)
        assert type(getattr(read, name)) is type(value)
    assert_array_equal(
        L2Regressor().fit_moments(read).coef_, L2Regressor().fit_moments(moments).coef_
    )


def saved(path, **changes):
    """A file of moments in which some arrays are others, or absent."""
    Moments.from_data(X, Y).save(path)
    with np.load(path) as archive:
        arrays = {**archive, **changes}
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})


def test_names_are_those_of_the_part_that_has_some_and_must_agree(tmp_path):
    parts = {}
    for key, names in (("named", list("abcde")), ("turned", list("edcba"))):
        saved(tmp_path / f"{key}.npz", feature_names=np.array(names))
        parts[key] = Moments.load(tmp_path / f"{key}.npz")
    plain = Moments.from_data(X, Y)
    for merged in (plain + parts["named"], parts["named"] + plain):
        assert list(merged.feature_names) == list("abcde")
    assert (plain + plain).feature_names is None
    with pytest.raises(ValueError, match="other feature names, or another order"):
        parts["named"] + parts["turned"]


DAMAGE = {
    "the first version": ({"version": 1}, "version 1 of the file format; this skreg reads"),
    "a later version": ({"version": 3}, "version 3 of the file format; this skreg reads"),
    "no version": ({"version": None}, "lacks version"),
    "no gram": ({"gram": None}, "lacks gram"),
    "a gram of another side": ({"gram": np.eye(4)}, r"gram has .*\(4, 4\)"),
    "a gram of integers": ({"gram": np.eye(5, dtype=int)}, "gram has dtype int64"),
    "nan": ({"cross": np.full(5, np.nan)}, "cross contains NaN"),
    "a negative weight": ({"weight": -1.0}, "weight is negative"),
    "a mean of two dimensions": ({"mean": np.zeros((1, 5))}, "expected|shape"),
    "objects": ({"gram": np.full((5, 5), None)}, "allow_pickle"),
    "another dtype": ({"dtype": np.asarray("int8")}, "dtype is int8"),
    "too few names": ({"feature_names": np.array(["a"])}, "feature_names"),
    "names that are numbers": ({"feature_names": np.arange(5)}, "feature_names"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_file_that_is_not_whole_is_refused(tmp_path, case):
    changes, message = DAMAGE[case]
    saved(tmp_path / "moments.npz", **changes)
    with pytest.raises(ValueError, match=message):
        Moments.load(tmp_path / "moments.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"name,value\n"])
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a file of Moments"):
        Moments.load(path)
    np.save(tmp_path / "array.npy", X)
    with pytest.raises(ValueError, match="is not a file of Moments"):
        Moments.load(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError):
        Moments.load(tmp_path / "absent")


def test_a_pickle_in_a_file_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    (tmp_path / "trap").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="is not a file of Moments"):
        Moments.load(tmp_path / "trap")
    assert not (tmp_path / "sprung").exists()


def test_a_torn_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "moments.npz"
    Moments.from_data(X, Y).save(path)
    before = path.read_bytes()

    def torn(file, **arrays):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", torn)
    with pytest.raises(OSError, match="no space"):
        Moments.from_data(2 * X, Y).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["moments.npz"]


def test_repr_is_short():
    assert repr(Moments.from_data(X, Y)) == "Moments(weight=30.0, n_features=5)"
    several = Moments.from_data(X, np.column_stack([Y, Y]))
    assert repr(several) == "Moments(weight=30.0, n_features=5, n_targets=2)"


def test_what_moments_cannot_resolve_is_a_newton_step_on_their_rounding():
    """Two equal columns: along their difference only the ridge is left of the curvature."""
    gram, cross, ridge = np.ones((2, 2)), np.array([1.0, 1.0]), np.array([1e-8, 3e-8])
    problem = GramProblem(np.zeros(2), np.zeros(()), gram, cross, np.ones(()), True)
    w = np.array([1e4, -1e4])
    error = 2 * np.finfo(float).eps * (np.abs(gram) @ np.abs(w) + cross)
    expected = 0.5 * error @ np.abs(np.linalg.inv(gram + np.diag(ridge))) @ error
    found = problem.unresolved(w, Penalty(np.zeros(2), ridge))
    assert_allclose(found, expected, rtol=1e-6)
