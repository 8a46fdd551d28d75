"""Unusual containers of X and y give what scikit-learn's Ridge gives on them, or its error."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import Ridge

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    Moments,
)

N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, 2.0, 3.0] + RNG.normal(size=N)
NAMES = list("abc")
CATEGORIES = RNG.choice(list("xyz"), N)


def with_first(values, first):
    """The values in an object array, whose first is another."""
    values = np.asarray(values).astype(object)
    values.flat[0] = first
    return values


def pandas():
    return pytest.importorskip("pandas")


def series(dtype, missing=False):
    values = pandas().Series(np.round(Y) if dtype == "Int64" else Y).astype(dtype)
    return values.where(np.arange(N) > 0) if missing else values


def frame(dtype, missing=False):
    values = pandas().DataFrame(np.round(X) if dtype == "Int64" else X > 0, columns=NAMES)
    values = values.astype(dtype)
    return values.where(np.arange(3 * N).reshape(N, 3) > 0) if missing else values


def dummies(**options):
    return pandas().get_dummies(pandas().Series(CATEGORIES), **options)


def dummies_and_a_number():
    table = dummies(sparse=True, dtype=float)
    table["v"] = X[:, 0]
    return table


# Every way to a model, at next to no penalty.
WAYS = {
    "L1": lambda X, y: L1Regressor(1e-8).fit(X, y),
    "L2": lambda X, y: L2Regressor(1e-8).fit(X, y),
    "dropout": lambda X, y: DropoutRegressor(1e-8).fit(X, y),
    "L1CV": lambda X, y: L1RegressorCV([1e-8], cv=3).fit(X, y),
    "L2CV": lambda X, y: L2RegressorCV([1e-8]).fit(X, y),
    "dropoutCV": lambda X, y: DropoutRegressorCV([1e-8], cv=3).fit(X, y),
    "partial_fit": lambda X, y: L1Regressor(1e-8).partial_fit(X, y),
    "moments": lambda X, y: L2Regressor(1e-8).fit_moments(Moments.from_data(X, y)),
}
each_way = pytest.mark.parametrize("fit", WAYS.values(), ids=WAYS)

ACCEPTED = {
    "objects": lambda: (X.astype(object), Y.astype(object)),
    "texts": lambda: (X, Y.astype(str)),
    "texts in a list": lambda: (X, [str(value) for value in Y]),
    "bytes": lambda: (X, Y.astype("S32")),
    "bool": lambda: (X > 0, Y > 0),
    "small integers": lambda: (np.round(X).astype(np.int8), np.round(Y).astype(np.int8)),
    "long double": lambda: (X.astype(np.longdouble), Y.astype(np.longdouble)),
    "nullable floats": lambda: (frame("Float64"), series("Float64")),
    "nullable integers": lambda: (frame("Int64"), series("Int64")),
    "nullable bools": lambda: (frame("boolean"), (series("Float64") > 0).astype("boolean")),
    "a series of texts": lambda: (X, series("str")),
    "a sparse series": lambda: (X, series("Sparse[float64]")),
    "dense dummies": lambda: (dummies().iloc[:, 1:], Y),
    "sparse dummies": lambda: (dummies(sparse=True).iloc[:, 1:], Y),
    "sparse dummies of floats": lambda: (dummies(sparse=True, dtype=np.float32).iloc[:, 1:], Y),
    "sparse and dense columns": lambda: (dummies_and_a_number().iloc[:, 1:], Y),
    "sparse bools": lambda: (sparse.csr_array(X > 0), Y),
    "sparse bools by coordinates": lambda: (sparse.coo_array(X > 0), Y),
    "polars": lambda: (pytest.importorskip("polars").DataFrame(X), Y),
}


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")
@pytest.mark.parametrize("case", ACCEPTED)
def test_what_ridge_accepts_gives_what_it_gives(case):
    given, y = ACCEPTED[case]()
    expected = Ridge(1e-9).fit(given, y)
    for name, fit in WAYS.items():
        model = fit(given, y)
        assert_allclose(model.coef_, expected.coef_, atol=1e-4, err_msg=name)
        assert_allclose(model.predict(given), expected.predict(given), atol=1e-4, err_msg=name)
        assert_allclose(model.score(given, np.asarray(y, float)), expected.score(given, y))


NAN_IN_Y, NAN_IN_X = "Input y contains NaN", "Input X contains NaN"
REFUSED = {
    "None in y": (lambda: (X, with_first(Y, None)), NAN_IN_Y),
    "None in a list": (lambda: (X, [None, *Y[1:]]), NAN_IN_Y),
    "None in one of two targets": (lambda: (X, with_first(np.c_[Y, Y], None)), NAN_IN_Y),
    "None in y of sparse X": (lambda: (sparse.csr_array(X), with_first(Y, None)), NAN_IN_Y),
    "'nan' among texts": (lambda: (X, np.where(np.arange(N) > 0, Y.astype(str), "nan")), NAN_IN_Y),
    "'nan' among numbers": (lambda: (X, with_first(Y, "nan")), NAN_IN_Y),
    "'1e400' among numbers": (lambda: (X, with_first(Y, "1e400")), "Input y contains infinity"),
    "a word among numbers": (lambda: (X, with_first(Y, "x")), "could not convert string"),
    "a nullable float missing": (lambda: (X, series("Float64", True)), NAN_IN_Y),
    "a nullable integer missing": (lambda: (X, series("Int64", True)), NAN_IN_Y),
    "None in X": (lambda: (with_first(X, None), Y), NAN_IN_X),
    "'nan' in X": (lambda: (with_first(X, "nan"), Y), NAN_IN_X),
    "a nullable float missing in X": (lambda: (frame("Float64", True), Y), NAN_IN_X),
    "a nullable bool missing in X": (lambda: (frame("boolean", True), Y), NAN_IN_X),
    "a word in X": (lambda: (with_first(X, "x"), Y), "could not convert string"),
    "complex y": (lambda: (X, Y + 1j), "Complex data not supported"),
    "three dimensions": (lambda: (X, Y[:, None, None]), "dim 3"),
    "a large integer in y": (lambda: (X, with_first(Y, 10**400)), "too large|y must be an array"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_ridge_refuses_is_refused_in_its_words(case):
    make, message = REFUSED[case]
    given, y = make()
    with pytest.raises((ValueError, OverflowError)):
        Ridge(1e-9).fit(given, y)
    for fit in WAYS.values():
        with pytest.raises((ValueError, OverflowError), match=message):
            fit(given, y)


@each_way
def test_na_among_objects_is_refused(fit):
    for given, y in ((X, with_first(Y, pandas().NA)), (with_first(X, pandas().NA), Y)):
        with pytest.raises((TypeError, ValueError)):
            fit(given, y)


@each_way
def test_masked_entries_are_refused_and_an_empty_mask_is_none(fit):
    mask = np.arange(N) == 3
    with pytest.raises(ValueError, match="y has masked entries"):
        fit(X, np.ma.array(Y, mask=mask))
    with pytest.raises(ValueError, match="X has masked entries"):
        fit(np.ma.array(X, mask=np.c_[mask, mask, mask]), Y)
    unmasked = fit(np.ma.array(X), np.ma.array(Y)).coef_
    assert_allclose(unmasked, fit(X, Y).coef_)


@pytest.mark.parametrize(
    ("weights", "message"),
    {
        "None": (with_first(np.ones(N), None), "sample_weight contains NaN"),
        "text": (with_first(np.ones(N), "nan"), "sample_weight contains NaN"),
        "word": (with_first(np.ones(N), "x"), "could not convert|sample_weight must be"),
        "infinite": (with_first(np.ones(N), np.inf), "sample_weight contains infinity"),
        "huge": (np.full(N, 1e308), "sum of sample_weight overflows"),
        "negative": (-np.ones(N), "Negative values"),
        "short": (np.ones(N - 1), "sample_weight.shape"),
        "two dimensions": (np.ones((N, 1)), "1D array or scalar"),
    }.values(),
)
def test_bad_weights_are_refused_everywhere(weights, message):
    for fit in (L1Regressor().fit, L2RegressorCV().fit, Moments.from_data):
        with pytest.raises(ValueError, match=message):
            fit(X, Y, sample_weight=weights)


@pytest.mark.slow
@each_way
def test_arrays_of_another_library_are_made_numpys_under_dispatch(fit, monkeypatch):
    from sklearn import config_context

    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    library = pytest.importorskip("array_api_strict")
    given, y = library.asarray(X), library.asarray(Y)
    with config_context(array_api_dispatch=True):
        model = fit(given, y)
        assert_allclose(model.coef_, fit(X, Y).coef_)
        assert_allclose(model.predict(given), model.predict(X))
        assert_allclose(model.score(given, y), model.score(X, Y))


@pytest.mark.parametrize("model", [DropoutRegressor(0.5, drop_to="zero"), L1Regressor(0.1)])
def test_a_mean_whose_square_overflows_is_refused(model):
    """Also where it is the second moment of a penalty that overflows, and in silence until then."""
    X, y = np.full((8, 2), 1e160), np.arange(8.0)
    X[:, 1] = y
    model.set_params(fit_intercept=isinstance(model, DropoutRegressor))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="squares overflow"):
            model.fit(X, y)
