"""The container does not decide the numbers: whatever holds them gives the fit of plain arrays."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import DENSE_ONLY, EXACT, LOOP, assert_coef, noted, regression, sparse_regression
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.preprocessing import StandardScaler

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    Moments,
    regularization_path,
)

MODELS = {
    f"{cls.__name__}-{solver}": (cls, solver)
    for cls in (L1Regressor, L2Regressor, DropoutRegressor)
    for solver in ["auto", *EXACT[cls.__name__], LOOP[cls.__name__]]
}
SEARCHES = [L1RegressorCV(5, cv=3), L2RegressorCV(5), DropoutRegressorCV(5, cv=3)]
REGRESSORS = [L1Regressor, L2Regressor, DropoutRegressor]
each_class = pytest.mark.parametrize("cls", REGRESSORS)
pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


def build(name):
    """A model of a solver whose loop is short, silent and repeatable."""
    cls, solver = MODELS[name]
    loop = {"tol": 0, "max_iter": 50} if solver in LOOP.values() else {}
    chance = {"random_state": 0, "drop_to": "zero"} if solver == "mask" else {}
    return cls(0.05, solver=solver, **loop, **chance)


def whole(dtype):
    """A table of whole numbers, which every type of number can hold."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 10, (40, 5))
    return X, X @ np.arange(5) + rng.integers(0, 4, 40)


def frame(X, library="pandas", **columns):
    """X as a frame of another library."""
    module = pytest.importorskip(library)
    data = {f"f{j}": X[:, j] for j in range(X.shape[1])}
    return module.DataFrame({**data, **columns})


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
    "strings": lambda X: X.astype(str).astype(object),
    "big-endian": lambda X: X.astype(">f8"),
    "longdouble": lambda X: X.astype(np.longdouble),
    "pandas": frame,
    "nullable": lambda X: frame(X).convert_dtypes(),
    "polars": lambda X: frame(X, "polars"),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "coo": sp.coo_array,
}


# ---------------------------------------------------------------------------- X


@pytest.mark.parametrize("form", DENSE)
def test_containers_of_x(form):
    X, y = regression()
    given = DENSE[form](X)
    for name, (_, solver) in MODELS.items():
        if form in ("csr", "csc", "coo") and solver in {*DENSE_ONLY, "mask"}:
            continue  # takes no sparse X, or draws other masks for other entries
        with noted(name):
            model, plain = build(name).fit(given, y), build(name).fit(X, y)
            assert_coef(model, plain.coef_, plain.intercept_)
            assert type(model.coef_) is np.ndarray
            assert model.coef_.dtype == np.float64
            assert_allclose(model.predict(given), plain.predict(X), rtol=1e-6)


@pytest.mark.parametrize("form", [*DENSE, "memmap", "read-only"])
def test_containers_of_searches_paths_and_moments(form, tmp_path):
    X, y = regression()
    given = DENSE.get(form, np.array)(X)
    given = memmap(X, tmp_path) if form == "memmap" else given
    if form == "read-only":
        given.flags.writeable = y.flags.writeable = False
    for model in SEARCHES:
        plain = clone(model).fit(X, y)
        model.fit(given, y)
        assert_coef(model, plain.coef_, plain.intercept_)
        assert_allclose(model.mse_path_, plain.mse_path_, rtol=1e-6)
    paths = (regularization_path(L1Regressor(), data, y, [0.5, 0.1]) for data in (given, X))
    assert_allclose(*(path.coefs for path in paths), rtol=1e-6, atol=1e-10)
    for cls in (L1Regressor, L2Regressor, DropoutRegressor):
        model = cls(0.05).fit_moments(Moments.from_data(given, y))
        assert_coef(model, cls(0.05).fit(X, y).coef_)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, bool])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_matrix, frame])
def test_whole_numbers_are_taken_as_float64(form, dtype):
    X, y = whole(dtype)
    for cls in REGRESSORS:
        model, plain = cls(0.05).fit(form(X.astype(dtype)), y), cls(0.05).fit(X.astype(float), y)
        assert_coef(model, plain.coef_, plain.intercept_, rtol=1e-8)
        assert model.coef_.dtype == np.float64


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["", "sparse"])
@each_class
def test_the_dtype_of_x_is_the_dtype_of_the_fit(cls, form):
    numbers, target = whole(int)
    for dtype in (np.float32, np.float64):
        for ytype in (np.float64, np.float32, np.int64, bool):
            X, y = form(numbers.astype(dtype)), (target % 2).astype(ytype)
            model, plain = cls(0.05).fit(X, y), cls(0.05).fit(numbers.astype(float), target % 2)
            assert model.coef_.dtype == dtype
            assert model.predict(X).dtype == dtype
            assert_allclose(model.coef_, plain.coef_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("layout", ["csr_array", "csr_matrix", "csc_array", "csc_matrix"])
def test_sparse_layouts_and_types_of_index(layout, index):
    X, y = sparse_regression()
    given = getattr(sp, layout)(X)
    given.indices, given.indptr = given.indices.astype(index), given.indptr.astype(index)
    for cls in REGRESSORS:
        model, plain = cls(0.05).fit(given, y), cls(0.05).fit(X.toarray(), y)
        assert_coef(model, plain.coef_, plain.intercept_)
        assert_allclose(model.predict(given), plain.predict(X.toarray()), rtol=1e-6)


@pytest.mark.parametrize("kind", ["bool", "int", "float", "nullable bool", "mixed"])
def test_dummies_in_sparse_frames(kind):
    """As pd.get_dummies(..., sparse=True) gives them, bool by default."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    letters, y = pandas.Series(rng.choice(list("xyz"), 80)), rng.normal(size=80)
    types = {"int": int, "float": float, "nullable bool": "boolean"}
    if kind == "nullable bool":
        table = pandas.get_dummies(letters).astype("boolean")
    else:
        table = pandas.get_dummies(letters, sparse=True, dtype=types.get(kind))
    if kind == "mixed":
        table = pandas.concat([table, pandas.DataFrame({"u": rng.normal(size=80)})], axis=1)
    numbers = table.to_numpy(float)
    for model in (*(cls() for cls in REGRESSORS), *SEARCHES):
        with noted(model), warnings.catch_warnings():
            # Of scikit-learn, where a frame is sparse in part.
            warnings.filterwarnings("ignore", "pandas.DataFrame with sparse columns found")
            fitted = clone(model).fit(table, y)
            plain = clone(model).fit(numbers, y)
            assert_allclose(fitted.coef_, plain.coef_, rtol=1e-6, atol=1e-8)
            assert_allclose(fitted.predict(table), plain.predict(numbers), rtol=1e-6)


# ---------------------------------------------------------------------------- y, weights, names


@pytest.mark.parametrize("form", ["list", "tuple", "pandas", "polars", "object", "strings"])
def test_containers_of_y_and_weights(form):
    """A y of numeric strings in an object array is one of numbers, as in scikit-learn's Ridge."""
    X, y = regression()
    s = np.linspace(0.1, 1, 50)
    make = {
        "list": list,
        "tuple": tuple,
        "pandas": lambda v: pytest.importorskip("pandas").Series(v),
        "polars": lambda v: pytest.importorskip("polars").Series(v),
        "object": lambda v: v.astype(object),
        "strings": lambda v: v.astype(str).astype(object),
    }[form]
    weights = s if form == "strings" else make(s)
    for model in [L1Regressor(0.05), L2Regressor(0.05), DropoutRegressor(0.05), *SEARCHES]:
        fitted = clone(model).fit(X, make(y), sample_weight=weights)
        plain = model.fit(X, y, sample_weight=s)
        assert_coef(fitted, plain.coef_, plain.intercept_, rtol=1e-9)
    moments = Moments.from_data(X, make(y), weights)
    assert_coef(L2Regressor(0.05).fit_moments(moments), L2Regressor(0.05).fit(X, y, s).coef_)


YS = {
    "strings": lambda y: y.astype(str),
    "dates": lambda y: np.datetime64("2020-01-01") + np.arange(len(y)),
    "durations": lambda y: np.timedelta64(1, "s") * np.arange(len(y)),
    "categories": lambda y: pytest.importorskip("pandas").Series(y).round().astype("category"),
    "nullable": lambda y: pytest.importorskip("pandas").Series(y).convert_dtypes(),
    "nullable bool": lambda y: pytest.importorskip("pandas").Series(y > 3).astype("boolean"),
}


@pytest.mark.parametrize("kind", YS)
def test_a_y_that_ridge_takes_is_taken_and_one_that_it_refuses_is_refused(kind):
    X, y = regression()
    given, taken = YS[kind](y), True
    try:
        Ridge().fit(X, given)
    except (ValueError, TypeError):
        taken = False
    for model in [*(cls(0.05) for cls in REGRESSORS), *SEARCHES]:
        with noted(model):
            if taken:
                plain = clone(model).fit(X, np.asarray(given).astype(float))
                assert_coef(clone(model).fit(X, given), plain.coef_, rtol=1e-9)
            else:
                with pytest.raises((ValueError, TypeError)):
                    clone(model).fit(X, given)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@each_class
def test_names_of_features_are_kept_and_held_to(cls, library):
    X, y = regression(40, 3)
    table = frame(X, library)
    if not hasattr(StandardScaler().fit(table), "feature_names_in_"):
        pytest.skip("this scikit-learn does not know the names in this kind of frame")
    model = cls().fit(table, y)
    assert_array_equal(model.feature_names_in_, ["f0", "f1", "f2"])
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["f2", "f1", "f0"]])
    assert not hasattr(cls().fit(X, y), "feature_names_in_")
    targets = frame(np.column_stack([y, -y]), library)
    assert cls().fit(X, targets).coef_.shape == (2, 3)


def test_weights_of_penalty_and_rates_may_be_lists_and_series():
    X, y = regression(40, 3)
    expected = DropoutRegressor(np.array([0.1, 0.2, 0.3]), l2_lambda=1.0).fit(X, y)
    for form in (list, tuple, pytest.importorskip("pandas").Series):
        model = DropoutRegressor(
            form([0.1, 0.2, 0.3]), l2_lambda=1.0, penalty_weights=form([1.0] * 3)
        )
        assert_coef(model.fit(X, y), expected.coef_)


# ---------------------------------------------------------------------------- memory maps, workers


def near_ties():
    """Two sensors of which the difference is the signal; joblib maps arrays above 1 MB."""
    rng = np.random.default_rng(0)
    X, z = rng.normal(size=(1000, 150)), rng.normal(size=1000)
    X[:, 1] = X[:, 0] + 1e-6 * z
    return X, z + 0.1 * rng.normal(size=1000)


def parts(estimator):
    """The fitted models in a meta-estimator."""
    found = getattr(estimator, "estimators_", None)
    return [estimator.best_estimator_] if found is None else list(found)


def many(model):
    return {
        "MultiOutput": (MultiOutputRegressor(model), True),
        "Bagging": (BaggingRegressor(model, n_estimators=2, random_state=0), False),
        "Stacking": (StackingRegressor([("a", model)], final_estimator=Ridge(), cv=2), False),
        "Voting": (VotingRegressor([("a", model), ("b", model)]), False),
        "GridSearch": (GridSearchCV(model, {"tol": [1e-10]}, cv=2, refit=True), False),
    }


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
@pytest.mark.parametrize(
    ("name", "library"),
    [*((name, "numpy") for name in many(None)), ("Bagging", "pandas"), ("GridSearch", "pandas")],
)
def test_workers_give_the_numbers_of_one_process(name, library):
    X, y = near_ties()
    given = X if library == "numpy" else frame(X)
    for model in (L2Regressor(0.0), L1Regressor(0.1)):
        fits = []
        for n_jobs in (1, 2):
            meta, multi = many(model)[name]
            targets = np.column_stack([y, -y]) if multi else y
            fits.append(meta.set_params(n_jobs=n_jobs).fit(given, targets))
        for one, two in zip(*map(parts, fits), strict=True):
            assert_coef(two, one.coef_)
            assert_allclose(two.dual_gap_, one.dual_gap_, atol=1e-12)
            assert vars(two).keys() == vars(one).keys()
            assert abs(len(pickle.dumps(two)) - len(pickle.dumps(one))) < 1000


def test_scores_of_workers_are_those_of_one_process():
    X, y = near_ties()
    one, two = (cross_val_score(L2RegressorCV(3), X, y, cv=2, n_jobs=n) for n in (1, 2))
    assert_allclose(two, one, rtol=1e-6)


@each_class
def test_a_memory_map_gives_the_numbers_of_its_rows_or_says_that_it_does_not(cls, tmp_path):
    for X, y in (regression(), near_ties()):
        plain = cls(0.0).fit(X, y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = cls(0.0).fit(memmap(X, tmp_path), y)
        if caught:
            assert [w.category for w in caught] == [ConvergenceWarning]
        else:
            assert_allclose(model.predict(X), plain.predict(X), rtol=1e-4, atol=1e-4)


# ---------------------------------------------------------------------------- memory


SPARSE_MODELS = [
    L1Regressor(0.01),
    L1Regressor(0.01, l2_lambda=1e-3),
    L1Regressor(0.01, solver="subgradient", tol=0, max_iter=5),
    L2Regressor(1e-3),
    L2Regressor(1e-3, solver="gradient", tol=0, max_iter=5),
    DropoutRegressor(0.3),
    DropoutRegressor(0.3, drop_to="zero", l1_lambda=0.01),
    DropoutRegressor(0.3, drop_to="zero", solver="mask", tol=0, max_iter=5),
]


@pytest.fixture(scope="module")
def wide_sparse():
    n, p = 1000, 50_000
    rng = np.random.default_rng(0)
    entries = n * p // 1000
    where = rng.integers(n, size=entries), rng.integers(p, size=entries)
    X = sp.csr_array((rng.random(entries), where), shape=(n, p))
    return X, X @ np.where(np.arange(p) < 500, 10.0, 0.0)


@pytest.mark.parametrize("model", SPARSE_MODELS, ids=repr)
def test_a_sparse_x_is_never_densified(model, wide_sparse):
    """The peak of a fit stays below a fifth of X's dense copy of 400 MB."""
    X, y = wide_sparse
    tracemalloc.start()
    try:
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.count_nonzero(model.coef_) > 0
    assert peak < 0.2 * X.shape[0] * X.shape[1] * 8


@pytest.mark.parametrize("model", [L1Regressor(0.05), L2Regressor(0.05)], ids=repr)
def test_a_float32_x_is_not_copied_whole_to_float64(model):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.normal(size=(20_000, 100)), dtype=np.float32)
    y = X[:, 0] + rng.normal(size=len(X))
    tracemalloc.start()
    try:
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * X.nbytes
