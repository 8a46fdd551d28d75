"""Bad input gets a clear error, a failed fit leaves no trace, and no input is ever modified."""

import pickle
import signal
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import DENSE_ONLY, EXACT, LOOP, RIDGE_ONLY, noted, regression, sparse_regression
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

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

pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")
REGRESSORS = [L1Regressor, L2Regressor, DropoutRegressor]
SEARCHES = [L1RegressorCV, L2RegressorCV, DropoutRegressorCV]
each = pytest.mark.parametrize("cls", REGRESSORS)
each_solver = pytest.mark.parametrize(
    ("cls", "solver"),
    [
        pytest.param(cls, solver, id=f"{cls.__name__}-{solver}")
        for cls in REGRESSORS
        for solver in ["auto", *EXACT[cls.__name__], LOOP[cls.__name__]]
    ],
)


def small(cls, solver, **params):
    """An estimator of small strength whose loop stops in silence."""
    loop = {"tol": 0, "max_iter": 20} if solver in LOOP.values() else {}
    return cls(0.05, solver=solver, **loop, **params)


def spoiled(array, value):
    array = np.array(array, dtype=object if value is None or isinstance(value, str) else float)
    array.flat[1] = value
    return array


# Every way in which data enter the library.
WAYS = {
    **{cls.__name__: lambda X, y, s, cls=cls: cls().fit(X, y, s) for cls in REGRESSORS},
    **{cls.__name__: lambda X, y, s, cls=cls: cls(3, cv=2).fit(X, y, s) for cls in SEARCHES},
    "no intercept": lambda X, y, s: L2Regressor(fit_intercept=False).fit(X, y, s),
    "search without intercept": lambda X, y, s: L1RegressorCV(fit_intercept=False).fit(X, y, s),
    "leaving one out": lambda X, y, s: L2RegressorCV(3, fit_intercept=False).fit(X, y, s),
    "a batch": lambda X, y, s: L1Regressor().partial_fit(X, y, s),
    "a path": lambda X, y, s: regularization_path(L1Regressor(), X, y, sample_weight=s),
    "moments": Moments.from_data,
}

# ---------------------------------------------------------------------------- data

X, Y = regression(20, 4)
WEIGHTS = np.ones(20)
BAD_DATA = {
    "nan-in-X": (spoiled(X, np.nan), Y, None, "X contains NaN"),
    "inf-in-X": (spoiled(X, np.inf), Y, None, "X contains infinity"),
    "None-in-X": (spoiled(X, None), Y, None, "X contains NaN|NoneType"),
    "'nan'-in-X": (spoiled(X, "nan"), Y, None, "X contains NaN"),
    "nan-in-y": (X, spoiled(Y, np.nan), None, "y contains NaN"),
    "inf-in-y": (X, spoiled(Y, -np.inf), None, "y contains infinity"),
    "None-in-y": (X, spoiled(Y, None), None, "y contains NaN"),
    "'nan'-in-y": (X, spoiled(Y, "nan"), None, "y contains NaN"),
    "'inf'-in-y": (X, spoiled(Y, "inf"), None, "y contains infinity"),
    "words-in-y": (X, spoiled(Y, "high"), None, "could not convert string to float"),
    "None-in-targets": (X, spoiled(np.c_[Y, Y], None), None, "y contains NaN"),
    "nan-in-weights": (X, Y, spoiled(WEIGHTS, np.nan), "contains NaN"),
    "None-in-weights": (X, Y, spoiled(WEIGHTS, None), "contains NaN"),
    "inf-in-weights": (X, Y, spoiled(WEIGHTS, np.inf), "contains infinity"),
    "negative-weights": (X, Y, spoiled(WEIGHTS, -1), "[Nn]egative"),
    "short-weights": (X, Y, WEIGHTS[1:], "shape"),
    "weights-of-2d": (X, Y, WEIGHTS[:, None], "1D"),
    "short-y": (X, Y[1:], None, "inconsistent numbers of samples"),
    "X-of-1d": (X[:, 0], Y, None, "Expected 2D array"),
    "X-of-3d": (X[None], Y[:1], None, "dim"),
    "y-of-3d": (X, Y[:, None, None], None, "dim"),
    "no-rows": (X[:0], Y[:0], None, "0 sample"),
    "no-columns": (X[:, :0], Y, None, r"0 feature\(s\)"),
    "complex": (X.astype(complex), Y, None, "Complex data not supported"),
    "text": (X.astype(str).astype(object) + "x", Y, None, "could not convert string to float"),
    "no-y": (X, None, None, "y"),
    "masked-X": (np.ma.masked_greater(X, 1), Y, None, "X has masked entries"),
    "masked-y": (X, np.ma.masked_greater(Y, Y.mean()), None, "y has masked entries"),
    "masked-weights": (X, Y, np.ma.masked_array(WEIGHTS, Y > 1), "sample_weight has masked"),
    "sparse-y": (X, sp.csr_array(Y[:, None]), None, "(?i)sparse"),
    "weights-of-0d": (X, Y, np.array(2.0), "sample_weight"),
    "weights-of-text": (X, Y, ["heavy"] * 20, "sample_weight"),
    "weights-by-name": (X, Y, "balanced", "sample_weight"),
    "weights-in-a-dict": (X, Y, {0: 1.0}, "sample_weight"),
    "nan-in-sparse": (sp.csr_array(spoiled(X, np.nan)), Y, None, "contains NaN"),
    "inf-in-sparse": (sp.csc_array(spoiled(X, np.inf)), Y, None, "contains infinity"),
}
NO_WEIGHT = "(?i)weights?.*(zero|positive)|(zero|positive).*weights?"


@pytest.mark.parametrize("bad", BAD_DATA)
def test_bad_data_are_refused_wherever_they_enter(bad):
    X, y, s, message = BAD_DATA[bad]
    for name, way in WAYS.items():
        with noted(name), pytest.raises((ValueError, TypeError), match=message):
            way(X, y, s)


def test_missing_values_of_pandas_are_refused_wherever_they_enter():
    pandas = pytest.importorskip("pandas")
    frames = [
        (X, pandas.Series([pandas.NA, *Y[1:]])),
        (X, pandas.Series([pandas.NA, *Y[1:]], dtype="Float64")),
        (X, pandas.Series([None, *range(19)], dtype="Int64")),
        (X, pandas.Series([pandas.NaT, *[pandas.Timedelta(1)] * 19])),
        (pandas.DataFrame(X).astype("Float64").mask(X > 1), Y),
        (pandas.DataFrame({"a": pandas.Series([pandas.NA, *[True] * 19], dtype="boolean")}), Y),
    ]
    for table, y in frames:
        for name, way in WAYS.items():
            with noted(name, y), pytest.raises((ValueError, TypeError)):
                way(table, y, None)


@each_solver
def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(cls, solver):
    model = small(cls, solver).fit(X, Y)
    before = pickle.dumps(vars(model))
    for bad in ("nan-in-X", "nan-in-y", "negative-weights", "short-y"):
        bad_X, bad_y, s, message = BAD_DATA[bad]
        with pytest.raises(ValueError, match=message):
            model.fit(bad_X, bad_y, sample_weight=s)
    with pytest.raises(ValueError, match=NO_WEIGHT):
        model.fit(X, Y, sample_weight=0 * WEIGHTS)
    with pytest.raises(ValueError, match="penalty_weights"):
        clone(model).set_params(penalty_weights=[-1.0, 1.0, 1.0, 1.0]).fit(X, Y)
    assert pickle.dumps(vars(model)) == before


@pytest.mark.parametrize("cls", SEARCHES)
def test_a_failed_search_leaves_the_fitted_estimator_as_it_was(cls):
    model = cls(3, cv=2).fit(X, Y)
    before = pickle.dumps(vars(model))
    for bad in ("nan-in-X", "nan-in-y", "negative-weights", "short-y"):
        bad_X, bad_y, s, message = BAD_DATA[bad]
        with pytest.raises(ValueError, match=message):
            model.fit(bad_X, bad_y, sample_weight=s)
    with pytest.raises(ValueError, match=NO_WEIGHT):
        model.fit(X, Y, sample_weight=0 * WEIGHTS)
    assert pickle.dumps(vars(model)) == before


@each
def test_a_fit_that_fails_on_other_features_leaves_the_old_ones(cls):
    pandas = pytest.importorskip("pandas")
    old = pandas.DataFrame(X, columns=list("abcd"))
    model = cls().fit(old, Y)
    expected = model.predict(old)
    for bad, y, message in [
        (pandas.DataFrame(spoiled(X, np.nan), columns=list("efgh")), Y, "NaN"),
        (pandas.DataFrame(X[:, :2], columns=list("ij")), spoiled(Y, np.nan), "NaN"),
        (X[:, :3], Y[1:], "inconsistent"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(bad, y)
        assert_array_equal(model.predict(old), expected)


@pytest.fixture
def interrupt_soon():
    """Ctrl-C in a fifth of a second, as Python handles it in the foreground."""
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("needs signals to threads")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    yield timer.start
    timer.join()
    signal.signal(signal.SIGINT, before)


@each
def test_an_interrupted_fit_leaves_the_fitted_estimator_as_it_was(cls, interrupt_soon):
    """In the midst of a fit that would take long, on data of another width."""
    model = small(cls, LOOP[cls.__name__]).fit(X, Y)
    before, expected = pickle.dumps(vars(model)), model.predict(X)
    model.set_params(max_iter=1_000_000)
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], Y)
    model.set_params(max_iter=20)
    assert pickle.dumps(vars(model)) == before
    assert_array_equal(model.predict(X), expected)


@each
def test_predict_wants_a_fit_and_the_features_of_the_fit(cls):
    with pytest.raises(NotFittedError):
        cls().predict(X)
    model = cls().fit(X, Y)
    with pytest.raises(ValueError, match="expecting 4 features"):
        model.predict(X[:, 1:])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(spoiled(X, np.nan))
    with pytest.raises(ValueError, match="X has masked entries"):
        model.predict(np.ma.masked_greater(X, 1))


@each
def test_a_scalar_weight_is_positive_and_finite(cls):
    for weight in (0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="sample_weight"):
            cls().fit(X, Y, sample_weight=weight)


# ---------------------------------------------------------------------------- parameters

STRENGTHS = [-0.1, -np.inf, np.inf, np.nan, None, "0.1", [0.1, 0.1], 0.1 + 0j]
BAD_PARAMS = {
    "fit_intercept": ["yes"],
    "positive": ["no"],
    "solver": ["lbfgs", None],
    "max_iter": [0, -1, 10.5],
    "tol": [-1e-3, np.nan, "small"],
    "learning_rate": [0.0, -1.0, np.inf, np.nan, "fast"],
    "warm_start": ["yes"],
    "verbose": [-1],
    "average": ["yes"],
    "drop_to": ["median"],
    "l1_lambda": STRENGTHS,
    "l2_lambda": STRENGTHS,
    "dropout_rate": [
        *(1.0, 1, 1.5, -0.1, np.nan, np.inf, None, "half", 0.1 + 0j),
        *([0.5, 0.5, 0.5, 1.0], [0.5, 0.5, 0.5, -0.1], [0.1, np.nan, 0.1, 0.1]),
        *([0.1, 0.1], [[0.1] * 4]),
    ],
    "penalty_weights": [
        *("adaptive", np.array(1.0), ["a", "b", "c", "d"], np.ones(4) + 0j),
        np.ma.masked_array(np.ones(4), [1, 0, 0, 0]),
        *([1.0, 2.0], np.ones((4, 1)), [1.0, 1.0, 1.0, -1.0], [1.0, 1.0, 1.0, -np.inf]),
        [1.0, 1.0, 1.0, np.nan],
    ],
    "lambdas": [0, -1, 2.5, [], [-0.1], [np.nan], [np.inf], "many", [[0.1]]],
    "dropout_rates": [0, -1, 2.5, [], [-0.1], [1.0], [np.nan], "many", [[0.1]]],
    "eps": [0.0, 1.0, -1.0, np.nan, "small"],
    "cv": [1, "five"],
    "selection": ["max", None],
    "scoring": ["neg_mean_cubed_error", 3],
    "criterion": ["loo", 1],
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_a_bad_parameter_is_named(name):
    """By a ValueError (InvalidParameterError is one) or a TypeError; the constructor is silent."""
    for cls in [*REGRESSORS, *SEARCHES]:
        if name not in cls().get_params():
            with pytest.raises(TypeError, match=name):
                cls(**{name: 1})
            continue
        for value in BAD_PARAMS[name]:
            model, words = cls(**{name: value}), "cv|folds" if name == "cv" else name
            with noted(model), pytest.raises((ValueError, TypeError), match=words):
                model.fit(X, Y)


@pytest.mark.parametrize("solver", ["cholesky", "dual", "svd", "cg", "mask", "gradient"])
def test_solvers_of_another_estimator_are_unknown(solver):
    with pytest.raises(ValueError, match="solver"):
        L1Regressor(solver=solver).fit(X, Y)


@each
def test_a_solver_that_cannot_says_so_and_names_itself(cls):
    quadratic = {*RIDGE_ONLY, *LOOP.values()} & {*EXACT[cls.__name__], LOOP[cls.__name__]}
    for solver in quadratic:
        with pytest.raises(ValueError, match=f"{solver}.*positive"):
            cls(positive=True, solver=solver).fit(X, Y)
    for solver in RIDGE_ONLY & set(EXACT["DropoutRegressor"]) & quadratic:
        if cls is DropoutRegressor:
            with pytest.raises(ValueError, match=f"(?i){solver}.*l1"):
                cls(0.3, l1_lambda=0.1, solver=solver).fit(X, Y)
    for solver in (DENSE_ONLY | {"mask"}) & {*EXACT[cls.__name__], LOOP[cls.__name__]}:
        with pytest.raises((TypeError, ValueError), match=f"(?i){solver}.*sparse"):
            cls(solver=solver).fit(sp.csr_array(X), Y)


@each
def test_a_bad_start_is_refused(cls):
    bad = [np.ones(3), np.ones((2, 4)), np.full(4, np.nan), np.full(4, np.inf), 0.0, "zeros"]
    for start in bad:
        with noted(start), pytest.raises((ValueError, TypeError), match="coef_init"):
            cls().fit(X, Y, coef_init=start)


@pytest.mark.parametrize("tol", [0, 1e-10])
@each
def test_a_learning_rate_that_diverges_says_so(cls, tol):
    """One clear message, an error or a warning; no nan in silence, no flood of overflows."""
    model = small(cls, LOOP[cls.__name__], learning_rate=1e3).set_params(max_iter=1000, tol=tol)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, Y)
        except ValueError as error:
            caught.append(error)
    assert len(caught) == 1
    assert "learning_rate" in str(getattr(caught[0], "message", caught[0]))


# ---------------------------------------------------------------------------- nothing is modified


def parts(array):
    """The arrays that hold the numbers of a dense or sparse array."""
    if not sp.issparse(array):
        return [array]
    return [
        getattr(array, n) for n in ("data", "indices", "indptr", "row", "col") if hasattr(array, n)
    ]


def untidy(X):
    """Unsorted indices, an entry in two pieces, explicit zeros: what tidying would touch."""
    X = sp.csr_array(X)
    order = np.concatenate(
        [np.arange(a, b)[::-1] for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    data = np.concatenate([X.data[order], [0.5, -0.5, 0.0]])
    indices = np.concatenate([X.indices[order], np.array([1, 1, 0], dtype=X.indices.dtype)])
    indptr = X.indptr.copy()
    indptr[-1] += 3
    return sp.csr_array((data, indices, indptr), shape=X.shape)


FORMS = {
    "C": lambda X: X.toarray(),
    "F": lambda X: np.asfortranarray(X.toarray()),
    "float32": lambda X: np.asfortranarray(X.toarray(), dtype=np.float32),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "coo": sp.coo_array,
    "untidy": untidy,
}


@each_solver
def test_no_input_is_modified_and_none_need_be_writeable(cls, solver):
    extra = {"drop_to": "zero"} if solver == "mask" else {}
    for form, make in FORMS.items():
        X, y = sparse_regression(30, 6)
        A, y = make(X), np.column_stack([y, -y])
        if sp.issparse(A) and solver in DENSE_ONLY:
            continue
        # A row of weight 0 would be left out in a copy.
        s, v, start = np.arange(1.0, 31.0), np.linspace(0, 2, 6), np.ones((2, 6))
        given = [*parts(A), y, s, v, start]
        copies = [array.copy() for array in given]
        for readonly in (False, True):
            for array in given:
                array.flags.writeable = not readonly
            model = small(cls, solver, penalty_weights=v, **extra)
            with noted(form):
                model.fit(A, y, sample_weight=s, coef_init=start)
                if readonly:
                    model.fit(A, y, sample_weight=s)
                    model.predict(A)
                for array, copy in zip(given, copies, strict=True):
                    assert_array_equal(array, copy)
                assert model.penalty_weights is v
        if form == "untidy" and solver != "mask":
            plain = small(cls, solver, penalty_weights=v).fit(X, y, sample_weight=s)
            assert_allclose(model.coef_, plain.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("cls", SEARCHES)
def test_searches_and_paths_modify_nothing(cls):
    grid = np.array([0.5, 0.1, 0.3])
    for form in FORMS.values():
        A, y = sparse_regression(30, 6)
        A = form(A)
        s, v = np.arange(1.0, 31.0), np.linspace(0, 2, 6)
        given = [*parts(A), y, s, v, grid]
        copies = [array.copy() for array in given]
        for array in given:
            array.flags.writeable = False
        search = cls(grid, cv=2, penalty_weights=v).fit(A, y, sample_weight=s)
        assert any(value is grid for value in search.get_params().values())
        regularization_path(L1Regressor(penalty_weights=v), A, y, grid, sample_weight=s)
        for array, copy in zip(given, copies, strict=True):
            assert_array_equal(array, copy)
