"""Bad input gets a clear error, a failed fit leaves no trace, and no input is ever modified."""

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from oracles import DENSE_ONLY, EXACT, LOOP, RIDGE_ONLY, regression, sparse_regression
from sklearn.exceptions import NotFittedError

from skreg import DropoutRegressor, L1Regressor, L2Regressor
from skreg.problem.rows import Rows

ESTIMATORS = [L1Regressor, L2Regressor, DropoutRegressor]
each = pytest.mark.parametrize("cls", ESTIMATORS)
each_solver = pytest.mark.parametrize(
    ("cls", "solver"),
    [
        pytest.param(cls, solver, id=f"{cls.__name__}-{solver}")
        for cls in ESTIMATORS
        for solver in ["auto", *EXACT[cls.__name__], LOOP[cls.__name__]]
    ],
)


def small(cls, solver, **params):
    """An estimator of small strength whose loop stops in silence."""
    loop = {"tol": 0, "max_iter": 20} if solver in LOOP.values() else {}
    strength = next(iter(cls().get_params(deep=False).keys() & STRENGTHS[cls]))
    return cls(**{strength: 0.05, "solver": solver, **loop, **params})


STRENGTHS = {
    L1Regressor: {"l1_lambda"},
    L2Regressor: {"l2_lambda"},
    DropoutRegressor: {"dropout_rate"},
}


def spoiled(array, value):
    array = np.array(array, dtype=float)
    array.flat[1] = value
    return array


# ---------------------------------------------------------------------------- data

X, Y = regression(20, 4)
WEIGHTS = np.ones(20)
BAD_DATA = {
    "nan-in-X": (spoiled(X, np.nan), Y, None, "contains NaN"),
    "inf-in-X": (spoiled(X, np.inf), Y, None, "contains infinity"),
    "nan-in-y": (X, spoiled(Y, np.nan), None, "contains NaN"),
    "inf-in-y": (X, spoiled(Y, -np.inf), None, "contains infinity"),
    "nan-in-weights": (X, Y, spoiled(WEIGHTS, np.nan), "contains NaN"),
    "inf-in-weights": (X, Y, spoiled(WEIGHTS, np.inf), "contains infinity"),
    "negative-weights": (X, Y, spoiled(WEIGHTS, -1), "[Nn]egative"),
    "zero-weights": (X, Y, 0 * WEIGHTS, "(?i)weights?.*(zero|positive)|(zero|positive).*weights?"),
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
    "sparse-y": (X, sp.csr_array(Y[:, None]), None, "Sparse y"),
    "weights-of-0d": (X, Y, np.array(2.0), "sample_weight"),
    "weights-of-text": (X, Y, ["heavy"] * 20, "sample_weight"),
    "weights-by-name": (X, Y, "balanced", "sample_weight"),
    "weights-in-a-dict": (X, Y, {0: 1.0}, "sample_weight"),
    "nan-in-sparse": (sp.csr_array(spoiled(X, np.nan)), Y, None, "contains NaN"),
    "inf-in-sparse": (sp.csc_array(spoiled(X, np.inf)), Y, None, "contains infinity"),
}


@pytest.mark.parametrize("bad", BAD_DATA)
@each
def test_bad_data_is_refused(cls, bad):
    X, y, s, message = BAD_DATA[bad]
    with pytest.raises((ValueError, TypeError), match=message):
        cls().fit(X, y, sample_weight=s)


@pytest.mark.parametrize("bad", ["nan-in-X", "nan-in-y", "negative-weights", "zero-weights"])
@each_solver
def test_bad_data_is_refused_by_every_solver(cls, solver, bad):
    X, y, s, message = BAD_DATA[bad]
    with pytest.raises(ValueError, match=message):
        small(cls, solver).fit(X, y, sample_weight=s)


@each
def test_predict_wants_a_fit_and_the_features_of_the_fit(cls):
    with pytest.raises(NotFittedError):
        cls().predict(X)
    model = cls().fit(X, Y)
    with pytest.raises(ValueError, match="expecting 4 features"):
        model.predict(X[:, 1:])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(spoiled(X, np.nan))


# ---------------------------------------------------------------------------- parameters

EVERYWHERE = [
    {"fit_intercept": "yes"},
    {"positive": "no"},
    {"solver": "lbfgs"},
    {"solver": None},
    {"max_iter": 0},
    {"max_iter": -1},
    {"max_iter": 10.5},
    {"tol": -1e-3},
    {"tol": np.nan},
    {"tol": "small"},
    {"learning_rate": 0.0},
    {"learning_rate": -1.0},
    {"learning_rate": np.inf},
    {"learning_rate": np.nan},
    {"learning_rate": "fast"},
    {"warm_start": "yes"},
    {"verbose": -1},
    {"penalty_weights": "adaptive"},
    {"penalty_weights": np.array(1.0)},
    {"penalty_weights": ["a", "b", "c", "d"]},
    {"penalty_weights": np.ones(4) + 0j},
    {"penalty_weights": [10**400, 1, 1, 1]},
    {"penalty_weights": np.ma.masked_array(np.ones(4), [1, 0, 0, 0])},
    {"tol": Fraction(1, 3)},
    {"tol": 10**400},
    {"learning_rate": 10**400},
    {"penalty_weights": [1.0, 2.0]},
    {"penalty_weights": np.ones((4, 1))},
    {"penalty_weights": [1.0, 1.0, 1.0, -1.0]},
    {"penalty_weights": [1.0, 1.0, 1.0, -np.inf]},
    {"penalty_weights": [1.0, 1.0, 1.0, np.nan]},
]
ODD = [10**400, Fraction(1, 3), 0.1 + 0j, np.array(0.1), {0.1}]
STRENGTH = [-0.1, -np.inf, np.inf, np.nan, None, "0.1", [0.1, 0.1], *ODD]
RATE = [1.0, 1, 1.5, -0.1, np.nan, np.inf, None, "half", *ODD]
RATES = [
    [0.5, 0.5, 0.5, 1.0],
    [0.5, 0.5, 0.5, -0.1],
    [0.1, np.nan, 0.1, 0.1],
    [0.1, 0.1],
    [[0.1] * 4],
]
BAD_PARAMS = [
    *((cls, params) for cls in ESTIMATORS for params in EVERYWHERE),
    *(
        (cls, {name: value})
        for cls in ESTIMATORS
        for name in ("l1_lambda", "l2_lambda")
        if name in cls().get_params()
        for value in STRENGTH
    ),
    *((DropoutRegressor, {"dropout_rate": rate}) for rate in RATE + RATES),
    (DropoutRegressor, {"drop_to": "median"}),
    (DropoutRegressor, {"average": "yes"}),
    (DropoutRegressor, {"random_state": "seed", "solver": "mask"}),
    (L1Regressor, {"average": "yes"}),
]


@pytest.mark.parametrize(
    ("cls", "params"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}") for case in BAD_PARAMS],
)
def test_a_bad_parameter_is_named(cls, params):
    """By a ValueError (InvalidParameterError is one) or a TypeError."""
    with pytest.raises((ValueError, TypeError), match=next(iter(params))):
        cls(**params).fit(X, Y)


@each
def test_constructors_check_nothing(cls):
    """As scikit-learn asks: it is fit that complains."""
    assert cls(solver="lbfgs", max_iter=-1).get_params()["max_iter"] == -1


@pytest.mark.parametrize("solver", ["cholesky", "dual", "svd", "cg", "mask"])
def test_solvers_of_another_estimator_are_unknown(solver):
    with pytest.raises(ValueError, match="solver"):
        L1Regressor(solver=solver).fit(X, Y)


@pytest.mark.parametrize(
    ("cls", "solver"),
    [
        (cls, solver)
        for cls in ESTIMATORS
        for solver in [*EXACT[cls.__name__], LOOP[cls.__name__]]
        if solver != "newton"
    ],
)
def test_positive_with_a_solver_that_cannot(cls, solver):
    with pytest.raises(ValueError, match="positive") as caught:
        cls(positive=True, solver=solver).fit(X, Y)
    assert solver in str(caught.value)


@pytest.mark.parametrize("solver", sorted(RIDGE_ONLY - {"gradient"}))
def test_an_l1_part_with_a_solver_that_cannot(solver):
    with pytest.raises(ValueError, match=r"(?i)l1") as caught:
        DropoutRegressor(0.3, l1_lambda=0.1, solver=solver).fit(X, Y)
    assert solver in str(caught.value)


SPARSE_REFUSED = [(cls, s) for cls in (L2Regressor, DropoutRegressor) for s in sorted(DENSE_ONLY)]


@pytest.mark.parametrize(("cls", "solver"), [*SPARSE_REFUSED, (DropoutRegressor, "mask")])
def test_sparse_where_it_is_not_supported(cls, solver):
    with pytest.raises((TypeError, ValueError), match=r"(?i)sparse"):
        cls(solver=solver).fit(sp.csr_array(X), Y)


@pytest.mark.parametrize(
    "coef_init",
    [
        np.ones(3),
        np.ones((2, 4)),
        np.full(4, np.nan),
        np.full(4, np.inf),
        np.full(4, 1e300),
        [10**400] * 4,
        [1j] * 4,
        0.0,
        "zeros",
    ],
)
@each
def test_a_bad_start_is_refused(cls, coef_init):
    with pytest.raises((ValueError, TypeError), match="coef_init"):
        cls().fit(X, Y, coef_init=coef_init)


@each
def test_a_warm_start_out_of_all_proportion_does_no_harm(cls):
    """The coefficients of a tiny column are huge, and a bad start for a huge column."""
    model = cls(0.0, warm_start=True).fit(1e-49 * X, 1e49 * Y)
    assert np.abs(model.coef_).max() > 1e90
    expected = 1e-49 * cls(0.0).fit(X, Y).coef_
    np.testing.assert_allclose(model.fit(1e49 * X, Y).coef_, expected, rtol=1e-6)


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


# ---------------------------------------------------------------------------- nothing is spoiled


@pytest.mark.parametrize(
    "bad", ["nan-in-X", "nan-in-y", "zero-weights", "short-y", "short-weights"]
)
@each_solver
def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(cls, solver, bad):
    badX, bady, s, message = BAD_DATA[bad]
    model = small(cls, solver).fit(X, Y)
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(badX, bady, sample_weight=s)
    assert pickle.dumps(vars(model)) == before


@each
def test_a_fit_that_fails_on_other_features_leaves_the_old_ones(cls):
    import pandas as pd

    old = pd.DataFrame(X, columns=list("abcd"))
    model = cls().fit(old, Y)
    expected = model.predict(old)
    for bad, y, message in [
        (pd.DataFrame(spoiled(X, np.nan), columns=list("efgh")), Y, "NaN"),
        (pd.DataFrame(X[:, :2], columns=list("ij")), spoiled(Y, np.nan), "NaN"),
        (X[:, :3], Y[1:], "inconsistent"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(bad, y)
        assert_array_equal(model.predict(old), expected)


@pytest.mark.parametrize("question", ["evaluate", "product", "correlation", "block"])
@pytest.mark.parametrize("solver", ["newton", "cholesky", "loop"])
@each
def test_an_interrupted_fit_leaves_the_fitted_estimator_as_it_was(
    cls, solver, question, monkeypatch
):
    """Ctrl-C in the midst of a solver, on data of another width."""
    solver = LOOP[cls.__name__] if solver == "loop" else solver
    if solver not in [LOOP[cls.__name__], *EXACT[cls.__name__]]:
        pytest.skip("another estimator's solver")
    model = small(cls, solver).fit(X, Y)
    before, expected = pickle.dumps(vars(model)), model.predict(X)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Rows, question, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], Y)
    assert pickle.dumps(vars(model)) == before
    assert_array_equal(model.predict(X), expected)


@each
def test_a_failed_parameter_leaves_the_fitted_estimator_as_it_was(cls):
    model = cls().fit(X, Y)
    coef = model.coef_.copy()
    model.set_params(penalty_weights=[-1.0, 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="penalty_weights"):
        model.fit(X, Y)
    assert_array_equal(model.coef_, coef)


FORMS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "float32-F": lambda X: np.asfortranarray(X, dtype=np.float32),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "coo": sp.coo_array,
}


def parts(array):
    """The arrays that hold the numbers of a dense or sparse array."""
    if not sp.issparse(array):
        return [array]
    return [
        getattr(array, n) for n in ("data", "indices", "indptr", "row", "col") if hasattr(array, n)
    ]


def untidy_csr(X):
    """Unsorted indices, an entry in two pieces, explicit zeros: what tidying would touch."""
    X = sp.csr_array(X)
    order = np.concatenate(
        [np.arange(a, b)[::-1] for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    data, indices = X.data[order], X.indices[order]
    data = np.concatenate([data, [0.5, -0.5, 0.0]])
    indices = np.concatenate([indices, np.array([1, 1, 0], dtype=indices.dtype)])
    indptr = X.indptr.copy()
    indptr[-1] += 3
    return sp.csr_array((data, indices, indptr), shape=X.shape)


def unsupported(solver, X):
    return sp.issparse(X) and solver in DENSE_ONLY


@pytest.mark.parametrize("readonly", [False, True], ids=["writeable", "readonly"])
@pytest.mark.parametrize("form", [*FORMS, "untidy-csr"])
@each_solver
def test_no_input_is_modified(cls, solver, form, readonly):
    A, y = sparse_regression(30, 6)
    A = {**FORMS, "untidy-csr": untidy_csr}[form](
        A if form in ("csr", "csc", "coo") else A.toarray()
    )
    if unsupported(solver, A):
        pytest.skip(f"{solver} takes no sparse X")
    extra = {"drop_to": "zero"} if solver == "mask" else {}
    y = np.column_stack([y, -y])
    s, v, start = np.arange(30.0), np.linspace(0, 2, 6), np.ones((2, 6))
    if cls is DropoutRegressor:
        extra["dropout_rate"] = np.linspace(0.1, 0.5, 6)
    given = [*parts(A), y, s, v, start, *(x for x in extra.values() if isinstance(x, np.ndarray))]
    copies = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = not readonly
    model = small(cls, solver, penalty_weights=v, **extra)
    model.fit(A, y, sample_weight=s, coef_init=start)
    model.fit(A, y, sample_weight=s)
    model.predict(A)
    for array, copy in zip(given, copies, strict=True):
        assert_array_equal(array, copy)
    assert model.penalty_weights is v


@each_solver
def test_untidy_sparse_data_mean_what_they_mean(cls, solver):
    if solver in DENSE_ONLY | {"mask"}:
        pytest.skip("takes no sparse X, or draws other masks for other entries")
    A, y = sparse_regression(30, 6)
    untidy = small(cls, solver).fit(untidy_csr(A), y)
    np.testing.assert_allclose(
        untidy.coef_, small(cls, solver).fit(A, y).coef_, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("weight", [0, -1.0, np.inf, np.nan])
@each
def test_a_scalar_weight_is_positive_and_finite(cls, weight):
    with pytest.raises(ValueError, match="sample_weight must be positive and finite"):
        cls().fit(X, Y, sample_weight=weight)
