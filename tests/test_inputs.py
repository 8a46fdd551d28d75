"""Every container of numbers a user may hold gives the same fit as the plain array."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import DENSE_ONLY, EXACT, LOOP, assert_coef, regression, sparse_regression
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    regularization_path,
)

MODELS = [
    pytest.param(cls, {**params, "solver": solver}, id=f"{cls.__name__}-{solver}")
    for cls, params in [
        (L1Regressor, {"l1_lambda": 0.05}),
        (L2Regressor, {"l2_lambda": 0.05}),
        (DropoutRegressor, {"dropout_rate": 0.2}),
    ]
    for solver in ["auto", *EXACT[cls.__name__], LOOP[cls.__name__]]
]
each = pytest.mark.parametrize(("cls", "params"), MODELS)


def build(cls, params):
    """A model of every solver whose loop is short, silent and repeatable."""
    loop = {"tol": 0, "max_iter": 50} if params["solver"] in LOOP.values() else {}
    chance = {"random_state": 0} if params["solver"] == "mask" else {}
    return cls(**params, **loop, **chance)


def whole(dtype):
    """A table of whole numbers, which every type of number can hold."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 10, (40, 5))
    return X, X @ np.arange(5) + rng.integers(0, 4, 40)


def memmap(X, path):
    stored = np.memmap(path / "X.dat", dtype=X.dtype, mode="w+", shape=X.shape)
    stored[:] = X
    stored.flush()
    return np.memmap(path / "X.dat", dtype=X.dtype, mode="r", shape=X.shape)


DENSE = {
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "list": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
    "big-endian": lambda X: X.astype(">f8"),
    "longdouble": lambda X: X.astype(np.longdouble),
    "pandas": lambda X: pd.DataFrame(X, columns=[f"f{j}" for j in range(X.shape[1])]),
    "polars": lambda X: pl.DataFrame(X, schema=[f"f{j}" for j in range(X.shape[1])]),
}


@pytest.mark.parametrize("form", DENSE)
@each
def test_dense_containers(cls, params, form):
    X, y = regression()
    given = DENSE[form](X)
    model = build(cls, params).fit(given, y)
    plain = build(cls, params).fit(X, y)
    assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-7)
    assert model.coef_.dtype == np.float64
    assert_allclose(model.predict(given), plain.predict(X), rtol=1e-7)


@pytest.mark.parametrize("form", [*DENSE, "memmap", "read-only", "csr", "csc"])
@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV, DropoutRegressorCV])
@pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")
def test_containers_of_searches_and_paths(cls, cv, form, tmp_path):
    X, y = regression()
    given = {**DENSE, "csr": sp.csr_array, "csc": sp.csc_array}.get(form, np.array)(X)
    given = memmap(X, tmp_path) if form == "memmap" else given
    values, y_given = np.array([0.9, 0.1, 0.01]), y.astype(">f8" if form == "big-endian" else float)
    for array in (given, values, y_given) if form == "read-only" else ():
        array.flags.writeable = False
    model, plain = (cls(values, cv=cv).fit(*data) for data in [(given, y_given), (X, y)])
    assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-7)
    assert_allclose(model.mse_path_, plain.mse_path_, rtol=1e-7)
    assert_allclose(model.predict(given), plain.predict(X), rtol=1e-7)
    paths = (
        regularization_path(plain._regressor(), *data, values) for data in [(given, y), (X, y)]
    )
    assert_allclose(*(path.coefs for path in paths), rtol=1e-7, atol=1e-12)


@each
def test_memory_maps(cls, params, tmp_path):
    X, y = regression()
    plain = build(cls, params).fit(X, y)
    model = build(cls, params).fit(memmap(X, tmp_path), y)
    assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, bool])
@each
def test_whole_numbers_are_taken_as_float64(cls, params, dtype):
    X, y = whole(dtype)
    model = build(cls, params).fit(X.astype(dtype), y)
    plain = build(cls, params).fit(X.astype(float), y.astype(float))
    assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-9)
    assert model.coef_.dtype == np.float64


@pytest.mark.parametrize("ytype", [np.float64, np.float32, np.int64, np.uint8, bool])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each
def test_the_dtype_of_x_is_the_dtype_of_the_fit(cls, params, dtype, ytype):
    X, y = whole(int)
    model = build(cls, params).fit(X.astype(dtype), (y % 2).astype(ytype))
    assert model.coef_.dtype == dtype
    assert model.predict(X.astype(dtype)).dtype == dtype
    assert np.isfinite(model.coef_).all()
    assert np.abs(model.coef_).max() > 0


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
@each
def test_sparse_containers(cls, params, layout, kind, index):
    if params["solver"] in DENSE_ONLY:
        pytest.skip("takes no sparse X")
    if params["solver"] == "mask":
        params = {**params, "drop_to": "zero"}
    X, y = sparse_regression()
    given = getattr(sp, f"{layout}_{kind}")(X)
    if layout == "coo":
        given.row, given.col = given.row.astype(index), given.col.astype(index)
    else:
        given.indices, given.indptr = given.indices.astype(index), given.indptr.astype(index)
    model = build(cls, params).fit(given, y)
    assert model.coef_.dtype == np.float64
    assert not sp.issparse(model.coef_)
    assert not isinstance(model.coef_, np.matrix)
    if params["solver"] != "mask":
        plain = build(cls, params).fit(X.toarray(), y)
        assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-6)
    assert_allclose(model.predict(given), X @ model.coef_ + model.intercept_, rtol=1e-9)


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_sparse_float32_stays_float32(cls):
    X, y = sparse_regression()
    model = cls(0.05).fit(X.astype(np.float32), y)
    assert model.coef_.dtype == np.float32
    assert_allclose(model.coef_, cls(0.05).fit(X, y).coef_, rtol=1e-4, atol=1e-4)


def needs_names(table):
    """Skip where this scikit-learn finds no names in this frame (1.6 in polars 2)."""
    if not hasattr(StandardScaler().fit(table), "feature_names_in_"):
        pytest.skip("this scikit-learn does not know the names in this kind of frame")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_names_of_features_are_kept_and_held_to(cls, frame):
    X, y = regression(40, 3)
    table = frame({name: X[:, j] for j, name in enumerate("abc")})
    needs_names(table)
    model = cls().fit(table, y)
    assert_array_equal(model.feature_names_in_, ["a", "b", "c"])
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["c", "b", "a"]])
    assert not hasattr(cls().fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("series", [pd.Series, pl.Series, list, tuple])
def test_y_and_weights_in_any_container(series):
    X, y = regression()
    s = np.linspace(0, 1, len(y))
    model = L1Regressor(0.05).fit(X, series(y), sample_weight=series(s))
    assert_coef(model, L1Regressor(0.05).fit(X, y, sample_weight=s).coef_, rtol=1e-9)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_several_targets_in_a_frame(frame):
    X, Y = regression(targets=2)
    model = L2Regressor().fit(X, frame({"u": Y[:, 0], "v": Y[:, 1]}))
    assert model.coef_.shape == (2, X.shape[1])


def test_weights_of_penalty_and_rates_may_be_lists_and_series():
    X, y = regression(40, 3)
    expected = DropoutRegressor(np.array([0.1, 0.2, 0.3]), l2_lambda=1.0).fit(X, y)
    for form in (list, tuple, pd.Series):
        model = DropoutRegressor(
            form([0.1, 0.2, 0.3]), l2_lambda=1.0, penalty_weights=form([1.0] * 3)
        )
        assert_coef(model.fit(X, y), expected.coef_)


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_a_pipeline_with_set_output(cls, output):
    X, y = regression(60, 3)
    table = pd.DataFrame(X, columns=list("abc"))
    plain = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), cls())
    needs_names(clone(plain[0]).set_output(transform=output).fit_transform(table))
    model = clone(plain).set_output(transform=output).fit(table, y)
    assert "a b" in model[-1].feature_names_in_
    plain.fit(X, y)
    assert_allclose(model.predict(table), plain.predict(X), rtol=1e-9)


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor])
def test_a_transformed_target(cls):
    X, y = regression()
    model = TransformedTargetRegressor(cls(), func=np.arcsinh, inverse_func=np.sinh).fit(X, y)
    assert model.score(X, y) > 0.5


SPARSE_MODELS = [
    L1Regressor(0.01),
    L1Regressor(0.01, l2_lambda=1e-3),
    L1Regressor(0.01, positive=True),
    L1Regressor(0.01, solver="subgradient", tol=0, max_iter=5),
    L2Regressor(1e-3),
    L2Regressor(1e-3, solver="cg"),
    L2Regressor(1e-3, solver="gradient", tol=0, max_iter=5),
    DropoutRegressor(0.3),
    DropoutRegressor(0.3, drop_to="zero"),
    DropoutRegressor(0.3, l1_lambda=0.01),
    DropoutRegressor(0.3, drop_to="zero", solver="mask", tol=0, max_iter=5),
]


@pytest.fixture(scope="module")
def wide_sparse():
    n, p = 2000, 50_000
    rng = np.random.default_rng(0)
    entries = n * p // 1000
    where = rng.integers(n, size=entries), rng.integers(p, size=entries)
    X = sp.csr_array((rng.random(entries), where), shape=(n, p))
    return X, X @ np.where(np.arange(p) < 500, 10.0, 0.0)


@pytest.mark.parametrize("model", SPARSE_MODELS, ids=repr)
def test_a_sparse_x_is_never_densified(model, wide_sparse):
    """The peak of a fit stays below a fifth of X's dense copy of 800 MB; n x n takes 32."""
    X, y = wide_sparse
    n, p = X.shape
    tracemalloc.start()
    try:
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.count_nonzero(model.coef_) > 0
    assert peak < 0.2 * n * p * 8
