"""Dask collections give the fit of the same rows in one place: by threads, and on a cluster."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_coef, regression
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skreg import DropoutRegressor, L1Regressor, L1RegressorCV, L2Regressor, Moments

pd = pytest.importorskip("pandas")
dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("dask.distributed")

# Dask warns of threads while the client of other tests is open.
pytestmark = pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler:UserWarning")
N, P = 600, 6
NAMES = list("abcdef")
MODELS = {
    "l1": L1Regressor(0.05),
    "l2": L2Regressor(0.1),
    "dropout": DropoutRegressor(0.3, l1_lambda=0.01),
    "dropout to zero, no intercept": DropoutRegressor(0.3, drop_to="zero", fit_intercept=False),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.fixture(scope="module")
def client():
    """A client of two workers, each a process."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=["threads", pytest.param("cluster", marks=pytest.mark.slow)])
def anywhere(request):
    """The cluster, or Dask's own threads where there is none."""
    if request.param == "cluster":
        yield request.getfixturevalue("client")
    else:
        with dask.config.set(scheduler="threads"):
            yield None


def frame(X, n_parts=5):
    return dd.from_pandas(pd.DataFrame(X, columns=NAMES), npartitions=n_parts)


def series(y, n_parts=5):
    return dd.from_pandas(pd.Series(y, name="y"), npartitions=n_parts)


FORMS = {  # X, y and weights of arrays as collections
    "arrays": lambda X, y, s: [da.from_array(a, chunks=130) for a in (X, y, s)],
    "arrays, columns apart": lambda X, y, s: [
        da.from_array(X, chunks=(100, 4)),
        da.from_array(y, chunks=170),
        da.from_array(s, chunks=N),
    ],
    "y in memory": lambda X, y, s: [da.from_array(X, chunks=(130, 6)), y, s.tolist()],
    "dataframes": lambda X, y, s: [frame(X), series(y), series(s)],
    "a dataframe and arrays": lambda X, y, s: [
        frame(X, 6),
        da.from_array(y, chunks=100),
        da.from_array(s, chunks=100),
    ],
    "arrays of unknown lengths": lambda X, y, s: [
        frame(X).to_dask_array(),
        series(y).to_dask_array(),
        series(s),
    ],
    "sparse blocks": lambda X, y, s: [
        da.from_array(X, chunks=(150, 6)).map_blocks(sp.csr_array),
        da.from_array(y, chunks=150),
        da.from_array(s, chunks=150),
    ],
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


# ---------------------------------------------------------------------------- the same fit


@each_form
@each_model
def test_a_fit_of_partitions_is_the_fit_of_the_rows(anywhere, model, form):
    X, y = regression(N, P)
    s = np.random.default_rng(0).integers(0, 3, N).astype(float)
    given = form(X, y, s)
    for rows, weights in ((given, s), (given[:2], None)):
        whole = clone(model).fit(X, y, weights)
        lazy = clone(model).fit(*rows)
        assert_coef(lazy, whole.coef_, whole.intercept_, rtol=1e-10)
        assert lazy.moments_.weight == (N if weights is None else s.sum())


@pytest.mark.parametrize("targets", [1, 3])
def test_several_targets(anywhere, targets):
    X, y = regression(N, P, targets=targets)
    whole = L1Regressor().fit(X, y)
    tables = [dd.from_pandas(pd.DataFrame(a), npartitions=4) for a in (X, y)]
    for rows in ([da.from_array(a, chunks=(130, 1)) for a in (X, y)], tables):
        lazy = L1Regressor().fit(*rows)
        assert_coef(lazy, whole.coef_, whole.intercept_, rtol=1e-10)
        predicted = lazy.predict(rows[0])
        assert predicted.shape[1:] == (targets,)
        assert_allclose(predicted.compute(), whole.predict(X), rtol=1e-9)
        assert_allclose(lazy.score(*rows), whole.score(X, y), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
@pytest.mark.parametrize("table", [lambda X: da.from_array(X, chunks=130), frame])
def test_types_of_number(anywhere, table, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 10, (N, P)).astype(dtype)
    y = X.astype(float) @ np.arange(P) + rng.normal(size=N)
    whole, rows = L1Regressor().fit(X, y), table(X)
    lazy = L1Regressor().fit(rows, y if hasattr(rows, "chunks") else series(y))
    assert_coef(lazy, whole.coef_, whole.intercept_, rtol=1e-6)
    predicted = lazy.predict(rows)
    assert lazy.coef_.dtype == predicted.dtype == predicted.compute().dtype == whole.coef_.dtype


def test_the_names_of_a_dataframe_are_held_to(anywhere):
    X, y = regression(N, P)
    model = L2Regressor().fit(frame(X), series(y))
    assert_array_equal(model.feature_names_in_, NAMES)
    assert_array_equal(model.moments_.feature_names, NAMES)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame(X)[NAMES[::-1]])
    with pytest.raises(ValueError, match="expecting 6 features"):
        L2Regressor().fit(X, y).predict(da.from_array(X[:, 1:], chunks=100))


def test_moments_batches_and_refits(anywhere):
    X, y = regression(N, P)
    lazy = da.from_array(X, chunks=100), da.from_array(y, chunks=100)
    model = L1Regressor().fit(lazy[0][:400], lazy[1][:400]).partial_fit(X[400:], y[400:])
    assert_coef(model, L1Regressor().fit(X, y).coef_, rtol=1e-10)
    model.set_params(l1_lambda=0.01).refit()
    assert_coef(model, L1Regressor(0.01).fit(X, y).coef_, rtol=1e-10)
    moments = Moments.from_data(*lazy, sample_weight=2.0)
    assert moments.weight == 2 * N
    assert_allclose(moments.gram, Moments.from_data(X, y).gram, rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------------------- lazy, local, once


# A worker cannot import this file. Functions defined within others are sent to it whole.


def rows_made(folder, n_parts, length, n_columns):
    """Rows made where they are wanted; each making is noted in a file."""

    def made(block_info):
        (k,) = block_info[None]["chunk-location"][:1]
        with open(folder / "made", "a") as file:
            file.write(f"{k}\n")
        shape = block_info[None]["chunk-shape"]
        return np.random.default_rng(k).normal(size=shape) + k

    return da.map_blocks(
        made,
        chunks=((length,) * n_parts, (n_columns,)),
        dtype=float,
        meta=np.empty((0, 0)),
    )


@pytest.mark.slow
def test_every_partition_is_made_once_and_predictions_when_they_are_wanted(client, tmp_path):
    X = rows_made(tmp_path, 9, 50, 4)
    y = da.from_array(np.arange(450.0), chunks=50)
    model = L2Regressor().fit(X, y)
    made = (tmp_path / "made").read_text().split()
    assert sorted(made) == sorted(map(str, range(9)))
    predicted = model.predict(X)
    assert len((tmp_path / "made").read_text().split()) == 9
    assert predicted[:50].compute().shape == (50,)
    assert len((tmp_path / "made").read_text().split()) == 10


@pytest.mark.slow
def test_only_moments_travel(client, tmp_path):
    """40 MB of rows, from which 32 partitions of 20 x 20 matrices are made and merged."""

    def bytes_sent(dask_worker):
        return dask_worker.transfer_outgoing_bytes_total

    before = client.run(bytes_sent)
    X, y = (rows_made(tmp_path, 32, 7_800, n_columns) for n_columns in (20, 1))
    L2Regressor().fit(X, y)
    after = client.run(bytes_sent)
    moved = sum(after.values()) - sum(before.values())
    assert 0 < moved < 32 * 2 * 8 * 20**2


# ---------------------------------------------------------------------------- faults


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [0, 7, 15])
def test_a_worker_killed_in_the_middle_changes_nothing(client, tmp_path, fatal):
    marker = tmp_path / "pid"

    def rows(fatal):
        """Rows of which one block, when it is first made, waits to be killed."""

        def made(block_info):
            (k,) = block_info[None]["chunk-location"][:1]
            if k == fatal and not marker.exists():
                marker.with_suffix(".tmp").write_text(str(os.getpid()))
                marker.with_suffix(".tmp").rename(marker)
                time.sleep(120)
            return np.random.default_rng(k).normal(size=block_info[None]["chunk-shape"])

        return da.map_blocks(made, chunks=((40,) * 16, (P,)), dtype=float, meta=np.empty((0, 0)))

    killed = []

    def kill():
        while not marker.exists():
            time.sleep(0.01)
        killed.append(int(marker.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    y = da.from_array(np.arange(640.0), chunks=40)
    expected = L1Regressor(0.01).fit(rows(None), y)
    killer = threading.Thread(target=kill)
    killer.start()
    model = L1Regressor(0.01).fit(rows(fatal), y)
    killer.join()
    assert killed
    assert_array_equal(model.coef_, expected.coef_)
    assert_array_equal(model.moments_.gram, expected.moments_.gram)
    assert model.moments_.weight == 640


def with_parts(parts, table):
    """A collection that promises partitions of 50 rows of float64, and holds others."""
    if table is frame:
        meta = pd.DataFrame(np.empty((0, P)), columns=NAMES)
        named = [pd.DataFrame(p, columns=NAMES[: p.shape[1]]) for p in parts]
        return dd.from_map(lambda k: named[k], range(len(named)), meta=meta)
    arrays = [da.from_delayed(dask.delayed(p), shape=(50, P), dtype=float) for p in parts]
    return da.concatenate(arrays)


def spoiled(part):
    part = part.copy()
    part[3, 2] = np.nan
    return part


FAULTS = {
    "nan": (spoiled, "Partition 2: Input X contains NaN"),
    "another number of columns": (lambda p: p[:, :5], "Partition 2: X has 5 features; expected 6"),
    "text": (lambda p: np.where(p > 1, "x", p.astype(object)), "Partition 2: could not convert"),
    "no rows, unlike y": (lambda p: p[:0], r"Partition 2: .* inconsistent .*\[0, 50\]"),
    "fewer rows than y": (lambda p: p[:49], "Partition 2: Found input variables with inconsistent"),
}


@pytest.mark.parametrize("table", [None, frame], ids=["array", "dataframe"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_partition_is_one_error_that_names_it(anywhere, fault, table):
    spoil, message = FAULTS[fault]
    X, y = regression(250, P)
    parts = [X[k : k + 50] for k in range(0, 250, 50)]
    parts[2] = spoil(parts[2])
    model = L1Regressor().fit(X, y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(with_parts(parts, table), da.from_array(y, chunks=50))
    assert vars(model) == before


@pytest.mark.parametrize("table", [None, frame], ids=["array", "dataframe"])
def test_an_error_in_a_prediction_names_the_partition(anywhere, table):
    X, y = regression(250, P)
    parts = [X[k : k + 50] for k in range(0, 250, 50)]
    parts[2] = spoiled(parts[2])
    model = L1Regressor().fit(frame(X).compute() if table is frame else X, y)
    with pytest.raises(ValueError, match="Partition 2: Input X contains NaN"):
        model.predict(with_parts(parts, table)).compute()
    with pytest.raises(ValueError, match="Partition 2: Input X contains NaN"):
        model.score(with_parts(parts, table), da.from_array(y, chunks=50))


# ------------------------------------------------------------------ partitions without rows


def filtered(table, kept):
    """The rows that a filter keeps; it leaves partitions 0, 2 and 4 of 5 without any."""
    if table is frame:
        rows = frame(np.column_stack([kept, *np.zeros((P - 1, len(kept)))]))["a"] == 1
        return lambda values: (frame if values.ndim == 2 else series)(values)[rows]
    rows = da.from_array(kept, chunks=100)
    return lambda values: da.from_array(values, chunks=100)[rows]


@pytest.mark.parametrize("table", [None, frame], ids=["array", "dataframe"])
def test_a_partition_without_rows_adds_nothing(anywhere, table):
    X, y = regression(500, P)
    s = np.random.default_rng(0).uniform(0.5, 2, 500)
    kept = np.repeat([False, True, False, True, False], 100)
    keep = filtered(table, kept)
    lazy, target, weights = keep(X), keep(y), keep(s)
    whole = L1Regressor(0.05).fit(X[kept], y[kept], s[kept])
    model = L1Regressor(0.05).fit(lazy, target, weights)
    assert_coef(model, whole.coef_, whole.intercept_, rtol=1e-10)
    assert model.moments_.weight == pytest.approx(s[kept].sum())
    assert_allclose(model.predict(lazy).compute(), whole.predict(X)[kept], rtol=1e-9)
    score = whole.score(X[kept], y[kept])
    assert_allclose(model.score(lazy, target), score, rtol=1e-9)
    nothing = filtered(table, np.zeros(500, bool))
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        L1Regressor().fit(nothing(X), nothing(y))
    assert model.predict(nothing(X)).compute().shape == (0,)


@pytest.mark.parametrize("table", [None, frame], ids=["array", "dataframe"])
def test_a_search_goes_on_without_the_rows_of_a_partition(anywhere, table):
    X, y = regression(500, P)
    keep = filtered(table, np.repeat([False, True, False, True, False], 100))
    grid = [0.1, 0.01, 0.0]
    model = L1RegressorCV(grid, cv=2).fit(keep(X), keep(y))  # partitions 0 to 2, 3 and 4
    rows = np.r_[100:200, 300:400]
    whole = L1RegressorCV(grid, cv=2).fit(X[rows], y[rows])
    assert_coef(model, whole.coef_, whole.intercept_, rtol=1e-9)
    with pytest.raises(ValueError, match="Fold 0 has no row"):
        L1RegressorCV(grid, cv=5).fit(keep(X), keep(y))


def test_the_score_of_a_constant_target_is_that_in_memory(anywhere):
    X, Y = regression(N, P, targets=2)
    Y[:, 1] = 3.0
    model = L1Regressor().fit(X, Y)
    lazy = [da.from_array(X, chunks=100)]
    assert_allclose(model.score(*lazy, da.from_array(Y, chunks=100)), model.score(X, Y), rtol=1e-9)
    constant = np.ones(N)
    model = L1Regressor().fit(X, Y[:, 0])
    assert model.score(*lazy, da.from_array(constant, chunks=100)) == model.score(X, constant)


def test_what_does_not_fit_together_is_refused(anywhere):
    X, y = regression(N, P)
    lazy = da.from_array(X, chunks=100)
    model = L1Regressor()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[600, 599\]"):
        model.fit(lazy, y[1:])
    with pytest.raises(ValueError, match="X has 5 partitions and y has 3"):
        model.fit(frame(X), series(y, 3))
    with pytest.raises(TypeError, match="y must be a Dask collection"):
        model.fit(frame(X), y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(lazy, None)
    with pytest.raises(ValueError, match="2 dimensions"):
        model.fit(lazy[:, 0], y)
    with pytest.raises(ValueError, match="Partition 3: Input y contains NaN"):
        model.fit(lazy, np.where(np.arange(N) == 333, np.nan, y))
    with pytest.raises(ValueError, match=r"Partition \d: Negative values"):
        model.fit(lazy, y, -1.0)
    with pytest.raises(ValueError, match="moments in place of the rows; use solver='auto'"):
        L2Regressor(solver="svd").fit(lazy, y)
    with pytest.raises(MemoryError, match="1000000 features"):
        model.fit(da.zeros((10, 10**6)), da.zeros(10))
    assert vars(model) == vars(L1Regressor())


# ---------------------------------------------------------------------------- tools around it


@pytest.mark.slow
def test_grid_search_under_the_backend_of_dask(client):
    X, y = regression(200, P)
    grid = {"l1_lambda": [0.001, 0.1, 1.0]}
    with joblib.parallel_config(backend="dask"):
        search = GridSearchCV(L1Regressor(), grid).fit(X, y)
    expected = GridSearchCV(L1Regressor(), grid).fit(X, y)
    assert search.best_params_ == expected.best_params_
    assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-9
    )
