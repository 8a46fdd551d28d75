"""Tables on disk: a memory map is fitted as the array it is, others in slices of rows."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, assert_coef, regression
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor

from skreg import DropoutRegressor, L1Regressor, L1RegressorCV, L2Regressor, Moments
from skreg.problem import row_slices

N, P = 500, 6
MODELS = {
    "l1": L1Regressor(0.05),
    "l2": L2Regressor(0.1),
    "dropout": DropoutRegressor(0.3, l1_lambda=0.01),
    "no intercept": L1Regressor(0.05, fit_intercept=False),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


class Dataset:
    """What h5py and zarr give: rows when it is sliced, and never the whole."""

    def __init__(self, values):
        self._values, self.taken = values, []
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __len__(self):
        return len(self._values)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        assert rows.step is None
        self.taken.append((rows.start, rows.stop))
        return self._values[rows].copy()

    def __array__(self, *_, **__):
        raise AssertionError("the whole does not fit")


def h5py_dataset(values, path):
    h5py = pytest.importorskip("h5py")
    file = h5py.File(path / "values.h5", "a")
    return file.create_dataset(str(len(file)), data=values)


def memmap(values, path, order="C", mode="r"):
    name = path / f"{len(list(path.iterdir()))}.dat"
    stored = np.memmap(name, dtype=values.dtype, mode="w+", shape=values.shape, order=order)
    stored[:] = values
    stored.flush()
    return np.memmap(name, dtype=values.dtype, mode=mode, shape=values.shape, order=order)


SOURCES = {"h5py": h5py_dataset, "dataset": lambda values, path: Dataset(values)}
each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
ON_DISK = {**SOURCES, "memmap": memmap}
each_on_disk = pytest.mark.parametrize("source", ON_DISK.values(), ids=ON_DISK)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    """Slices of 50 rows of float64."""
    monkeypatch.setattr(row_slices, "SLICE_BYTES", 50 * 8 * P)


# ---------------------------------------------------------------------------- memory maps


@each_model
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(N, P), (20, 30)], ids=["tall", "wide"])
def test_a_memory_map_is_fitted_as_the_array_it_is(tmp_path, model, order, shape):
    X, y = regression(*shape)
    X = np.asarray(X, order=order)
    mapped = clone(model).fit(memmap(X, tmp_path, order), memmap(y, tmp_path))
    whole = clone(model).fit(X, y)
    assert vars(mapped).keys() == vars(whole).keys()
    assert_allclose(mapped.coef_, whole.coef_, rtol=1e-10, atol=1e-13)
    assert mapped.solver_ == whole.solver_
    assert len(pickle.dumps(mapped)) == len(pickle.dumps(whole))


@pytest.mark.slow
@pytest.mark.parametrize("model", [L1Regressor(0.01), L2Regressor(0.01)], ids=["l1", "l2"])
def test_jobs_do_not_decide_the_numbers(model):
    """joblib hands every array above 1 MB to its workers as a memory map."""
    X, y = regression(1000, 200)
    Y = np.column_stack([y, X[:, 0] - y])
    one, two = (MultiOutputRegressor(clone(model), n_jobs=n).fit(X, Y) for n in (1, 2))
    for mine, theirs in zip(one.estimators_, two.estimators_, strict=True):
        assert vars(mine).keys() == vars(theirs).keys()
        assert_allclose(mine.coef_, theirs.coef_, rtol=1e-10, atol=1e-13)
        assert abs(len(pickle.dumps(mine)) - len(pickle.dumps(theirs))) < 100  # of some 2000


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_changes_in_a_memory_map_survive(tmp_path, mode):
    X, y = regression(N, P)
    mapped = memmap(X, tmp_path, mode=mode)
    mapped[:, 0] += 1.0
    L1Regressor().fit(mapped, y)
    Moments.from_data(mapped, y)
    assert_array_equal(mapped[:, 0], X[:, 0] + 1.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_moments_of_a_memory_map_take_no_memory_of_its_size(tmp_path, dtype, monkeypatch):
    monkeypatch.setattr(row_slices, "SLICE_BYTES", 2**18)
    X = np.random.default_rng(0).normal(size=(200_000, 10)).astype(dtype)
    mapped, y = memmap(X, tmp_path), np.ones(len(X))
    y[::2] = 0
    tracemalloc.start()
    Moments.from_data(mapped, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * y.nbytes  # X has 10 times as many numbers


# ---------------------------------------------------------------------------- slices of rows


@each_source
@each_model
def test_a_source_is_fitted_as_the_array(tmp_path, model, source):
    X, y = regression(N, P)
    read, whole = clone(model).fit(source(X, tmp_path), y), clone(model).fit(X, y)
    assert_coef(read, whole.coef_, whole.intercept_, rtol=1e-10)
    assert_certified(read, X, y)
    assert read.moments_.weight == N
    assert_allclose(read.predict(source(X, tmp_path)), whole.predict(X), rtol=1e-9)
    assert_allclose(read.score(source(X, tmp_path), y), whole.score(X, y), rtol=1e-9)


@each_on_disk
@pytest.mark.parametrize("targets", [None, 3])
def test_targets_and_weights_are_read_in_slices_too(tmp_path, source, targets):
    X, y = regression(N, P, targets=targets)
    s = np.random.default_rng(0).integers(0, 3, N).astype(float)
    s[50:100] = 0
    whole = L2Regressor().fit(X, y, s)
    read = Moments.from_data(*(source(a, tmp_path) for a in (X, y, s)))
    assert_coef(L2Regressor().fit_moments(read), whole.coef_, whole.intercept_, rtol=1e-10)
    mixed = L2Regressor().fit(source(X, tmp_path), y.tolist(), s.tolist())
    assert_coef(mixed, whole.coef_, rtol=1e-10)
    assert_allclose(mixed.predict(source(X, tmp_path)), whole.predict(X), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool, ">f8"])
@pytest.mark.parametrize("source", [memmap, h5py_dataset])
def test_types_of_number(tmp_path, source, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 100, (N, P)).astype(dtype)
    y = X.astype(float) @ np.arange(P) + rng.normal(size=N)
    single = dtype is np.float32
    read = L1Regressor().fit_moments(Moments.from_data(source(X, tmp_path), y))
    whole = L1Regressor().fit(X if single else X.astype(float), y)
    assert_coef(read, whole.coef_, whole.intercept_, rtol=1e-5 if single else 1e-10)
    assert read.coef_.dtype == (np.float32 if single else np.float64)


def test_every_row_is_read_once_and_no_two_slices_at_a_time():
    X, y = (Dataset(a) for a in regression(N, P))
    L1Regressor().fit(X, y)
    assert X.taken == y.taken == [(k, k + 50) for k in range(0, N, 50)]


def test_slices_have_at_least_as_many_rows_as_columns():
    X, y = regression(1000, 120)
    source = Dataset(X)
    L2Regressor().fit(source, y)
    assert source.taken[0] == (0, 120)


def test_moments_and_partial_fit_read_slices_too(tmp_path):
    X, y = regression(N, P)
    whole = L1Regressor().fit(X, y)
    source = Dataset(X[:200])
    moments = Moments.from_data(source, y[:200])
    assert len(source.taken) == 4
    model = L1Regressor().fit_moments(moments).partial_fit(memmap(X[200:], tmp_path), y[200:])
    assert_coef(model, whole.coef_, whole.intercept_, rtol=1e-10)
    model = L1Regressor().fit(Dataset(X[:200]), y[:200]).partial_fit(X[200:], y[200:])
    assert_coef(model, whole.coef_, whole.intercept_, rtol=1e-10)
    model.set_params(l1_lambda=0.01).refit()
    assert_coef(model, L1Regressor(0.01).fit(X, y).coef_, rtol=1e-10)


def test_a_batch_on_disk_has_the_features_of_those_before(tmp_path):
    X, y = regression(60, P)
    for batch in (Dataset(X[:, 1:]), memmap(X[:, 1:], tmp_path)):
        model = L1Regressor().partial_fit(X, y)
        before = vars(model).copy()
        with pytest.raises(ValueError, match=f"expecting {P} features"):
            model.partial_fit(batch, y)
        assert vars(model) == before


@pytest.mark.parametrize("solver", ["svd", "dual"])
def test_a_solver_that_needs_rows_gets_them(tmp_path, solver):
    X, y = regression(60, P)
    model = L2Regressor(solver=solver).fit(h5py_dataset(X, tmp_path), y)
    assert_coef(model, L2Regressor(solver=solver).fit(X, y).coef_, rtol=1e-12)
    assert not hasattr(model, "moments_")


def test_fewer_rows_than_features_are_fitted_as_rows(tmp_path):
    X, y = regression(20, 30)
    model = L1Regressor().fit(h5py_dataset(X, tmp_path), y)
    assert_coef(model, L1Regressor().fit(X, y).coef_, rtol=1e-12)
    assert not hasattr(model, "moments_")


def test_cross_validating_estimators_predict_and_score_in_slices():
    X, y = regression(N, P)
    model = L1RegressorCV([0.1, 0.05, 0], cv=3).fit(X, y)
    source = Dataset(X)
    assert_allclose(model.predict(source), model.predict(X), rtol=1e-12)
    assert_allclose(model.score(source, y), model.score(X, y), rtol=1e-12)
    assert len(source.taken) > 2  # each of them in several slices


# ---------------------------------------------------------------------------- what is refused


def spoiled(row, value):
    X, y = regression(N, P)
    X[row, 1] = value
    return X, y


BAD = {
    "nan": (spoiled(123, np.nan), "Rows 100 to 149: Input X contains NaN"),
    "infinity": (spoiled(499, np.inf), "Rows 450 to 499: Input X contains infinity"),
    "nan in y": ((regression(N, P)[0], spoiled(77, np.nan)[0][:, 1]), "Rows 50 to 99: Input y"),
    "complex": ((1j * regression(N, P)[0], regression(N, P)[1]), "Rows 0 to 24: Complex"),
    "short y": ((regression(N, P)[0], np.ones(N - 1)), r"inconsistent .*\[500, 499\]"),
    "weights": ((*regression(N, P), -np.ones(N)), "Rows 0 to 49: Negative values"),
    "no weight": ((*regression(N, P), np.zeros(N)), "at least one non-zero"),
    "no y": ((regression(N, P)[0], None), "requires y to be passed"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_refused_by_its_rows_and_leaves_no_trace(case):
    (X, *others), message = BAD[case]
    model = L1Regressor().fit(*regression(N, P))
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(Dataset(X), *others)
    assert vars(model) == before


def test_predict_wants_the_features_of_the_fit():
    X, y = regression(N, P)
    model = L1Regressor().fit(X, y)
    with pytest.raises(ValueError, match="expecting 6 features"):
        model.predict(Dataset(X[:, 1:]))


class Wide:
    """A source whose rows must not be read."""

    shape, dtype, ndim = (10**7, 10**6), np.dtype(float), 2

    def __len__(self):
        return 10**7

    def __getitem__(self, rows):
        raise AssertionError("read before it was refused")


def test_too_many_features_are_refused_before_a_row_is_read():
    with pytest.raises(MemoryError, match="1000000 features"):
        L1Regressor().fit(Wide(), np.broadcast_to(0.0, 10**7))
