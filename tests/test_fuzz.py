"""Hostile input at random: a finite, certified model, a warning that it is none, or a clear error.

Every combination of parameters with data of any shape, container and type of number, some of them
constant, copied, huge, or not finite. The short run draws the same cases every time, the long one
others in every run.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import EXACT, LOOP
from sklearn.exceptions import ConvergenceWarning

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    regularization_path,
)

REGRESSORS = [L1Regressor, L2Regressor, DropoutRegressor]
SEARCHES = [L1RegressorCV, L2RegressorCV, DropoutRegressorCV]
SIZES = np.array([0, 1e-8, 1e-3, 1.0, 1e3, 1e8, 1e160, 1e300])
SHAPES = [(1, 1), (1, 3), (2, 1), (2, 3), (3, 3), (3, 25), (5, 8), (8, 5), (20, 3), (20, 25)]


def untidy(X):
    """Sparse with every entry in two pieces, zeros among them, in any order."""
    rows, columns = np.indices(X.shape).reshape(2, -1)
    order = np.random.default_rng(0).permutation(2 * X.size)
    data = np.concatenate([X.ravel(), np.zeros(X.size)])[order]
    return sp.coo_array((data, (np.tile(rows, 2)[order], np.tile(columns, 2)[order])), X.shape)


CONTAINERS = [
    *[np.asarray] * 4,
    np.asfortranarray,
    lambda X: X[::-1],
    lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    lambda X: X.astype(object),
    sp.csr_array,
    sp.csc_matrix,
    untidy,
]


def size(rng, often=0.3):
    """Mostly 1, else any."""
    return rng.choice(SIZES) if rng.random() < often else 1.0


def draw_data(rng):
    """X, y and sample weights, of which something may be extreme."""
    n, p = SHAPES[rng.integers(len(SHAPES))]
    X = rng.normal(size=(n, p)) + rng.choice([0, 0, 1, 1e3, 1e6])
    y = X @ rng.normal(size=p) / np.abs(X).max() + rng.normal(size=n)
    if rng.random() < 0.2:
        y = np.column_stack([y, rng.normal(size=n), np.full(n, 3.0)])[:, : rng.integers(1, 4)]
    with np.errstate(over="ignore"):
        match rng.integers(10):
            case 0:
                X = X * [size(rng, 0.5) for _ in range(p)]
            case 1:
                X = X * size(rng, 1)
            case 2:
                X.flat[rng.integers(X.size)] = rng.choice([*SIZES, np.nan, np.inf])
            case 3:
                X[:, rng.integers(p)] = size(rng, 1)
            case 4:
                X[:, rng.integers(p)] = X[:, 0]
            case 5:
                X = np.round(X)
            case 6:
                y = y * size(rng, 1)
    s = rng.choice([0.0, 0.5, 1, 2], n) if rng.random() < 0.3 else None
    if rng.random() < 0.15 and np.max(np.nan_to_num(abs(X), posinf=0.0)) < 1e30:
        X = X.astype(np.float32)
    return CONTAINERS[rng.integers(len(CONTAINERS))](X), y, s


def draw_model(rng, p):
    """An estimator of any parameters that its constructor's constraints allow."""
    cls = REGRESSORS[rng.integers(3)]
    params = {
        name: float(rng.choice([0, 1e-12, 0.01, 0.1, 1, 1e6]))
        for name in ("l1_lambda", "l2_lambda")
        if name in cls().get_params()
    }
    if cls is DropoutRegressor:
        rates = [0, 1e-12, 0.1, 0.5, 0.999]
        params["dropout_rate"] = rng.choice(rates, p) if rng.random() < 0.5 else rng.choice(rates)
        params["drop_to"] = str(rng.choice(["mean", "zero"]))
        params["random_state"] = 0
    if rng.random() < 0.4:
        params["penalty_weights"] = rng.choice([0, 0.5, 1, 3, np.inf], p)
    solver = str(rng.choice(["auto"] * 4 + EXACT[cls.__name__] + [LOOP[cls.__name__]]))
    if solver == LOOP[cls.__name__]:
        params.update(max_iter=20, tol=0)
    return cls(
        **params,
        solver=solver,
        positive=bool(rng.random() < 0.2),
        fit_intercept=bool(rng.random() < 0.7),
        standardize=bool(rng.random() < 0.3),
    )


def draw_search(rng, p):
    """A cross-validating estimator of any parameters and any grid."""
    cls = SEARCHES[rng.integers(3)]
    drawn = draw_model(rng, p).get_params()
    names = cls().get_params().keys() & drawn.keys() - {"max_iter", "tol", "verbose"}
    values = [0, 0.1, 0.5, 0.999] if cls is DropoutRegressorCV else [0, 1e-9, 0.01, 1, 1e6]
    grid = rng.choice(values, 3) if rng.random() < 0.6 else int(rng.integers(1, 5))
    cv = [None, 2, 3][rng.integers(3)]
    selection = "1se" if cv is not None and rng.random() < 0.3 else "min"
    return cls(grid, cv=cv, selection=selection, **{name: drawn[name] for name in names})


def fit(rng, X, y, s):
    """One fit; return the arrays that must be finite, and the gaps among them."""
    model = draw_model(rng, X.shape[1]).fit(X, y, sample_weight=s)
    assert not (model.positive and np.any(model.coef_ < 0))
    return [model.coef_, model.intercept_, model.dual_gap_], model.dual_gap_


def fit_batches(rng, X, y, s):
    """A stream of two batches, the second of which may fail and leave the first."""
    model, half = draw_model(rng, X.shape[1]).set_params(solver="auto"), (len(y) + 1) // 2
    X = X.tocsr() if sp.issparse(X) else X
    model.partial_fit(X[:half], y[:half], None if s is None else s[:half])
    before = vars(model).copy()
    if half < len(y):
        try:
            model.partial_fit(X[half:], y[half:], None if s is None else s[half:])
        except (ValueError, TypeError):
            assert vars(model).keys() == before.keys()
            assert all(vars(model)[name] is value for name, value in before.items())
            raise
    if not hasattr(model, "coef_"):  # no row has weight
        return [], 0.0
    return [model.coef_, model.intercept_, model.dual_gap_], model.dual_gap_


def fit_path(rng, X, y, s):
    """A path over an automatic grid, or a given one."""
    model = draw_model(rng, X.shape[1]).set_params(solver="auto")
    values = None if rng.random() < 0.5 else [0.0, 1e-9, 0.5, 0.9]
    path = regularization_path(model, X, y, values, sample_weight=s, n_values=4)
    return [path.values, path.coefs, path.intercepts, path.dual_gaps], path.dual_gaps


def search(rng, X, y, s):
    """A choice of the strength."""
    model = draw_search(rng, X.shape[1]).fit(X, y, sample_weight=s)
    assert not (model.positive and np.any(model.coef_ < 0))
    fitted = [model.coef_, model.intercept_, model.dual_gap_, model.coef_path_, model.mse_path_]
    return fitted, model.dual_gap_


REFUSALS = (
    *("escale", "Input X contains", "Input y contains", "overflow float32", "does not support"),
    *("learning_rate", "dropout_rate", "penalty_weights", "sample_weight", "ample weights"),
)
OF_SEARCHES = (
    *("n_splits", "Fold ", "test_size", "selection='1se'", "at least two folds"),
    *("Leaving one out needs", "score"),
)


def judge(seed, way=fit):
    rng = np.random.default_rng(seed)
    X, y, s = draw_data(rng)
    numbers = X.data if sp.issparse(X) else X
    given = [numbers, y, *([] if s is None else [s])]
    copies = [array.copy() for array in given]
    refusal = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "The chosen .* of the grid", UserWarning)
        try:
            fitted, gaps = way(rng, X, y, s)
        except (ValueError, TypeError) as error:
            refusal = error
    if refusal is not None:
        if way is not fit_batches:  # whose first batch may warn
            assert not caught, caught[0]
        assert not isinstance(refusal, np.linalg.LinAlgError), refusal
        words = (*REFUSALS, *OF_SEARCHES) if way is search else REFUSALS
        assert any(word in str(refusal) for word in words), refusal
        return "refused"
    assert {w.category for w in caught} <= {ConvergenceWarning}, caught[0]
    for array, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    for array in fitted:
        assert np.all(np.isfinite(array))
    assert np.all(np.asarray(gaps) >= 0)
    return "warned" if caught else "fitted"


def judge_many(rng, cases, way):
    """Judge as many cases; most are fitted, and few of these but for a warning."""
    outcomes = []
    for seed in rng.integers(2**63, size=cases):
        try:
            outcomes.append(judge(seed, way))
        except Exception as error:
            error.add_note(f"judge({seed}, {way.__name__})")
            raise
    assert outcomes.count("fitted") > 0.4 * cases
    assert outcomes.count("warned") < 0.1 * cases


@pytest.mark.parametrize(
    ("way", "cases"), [(fit, 100), (fit_batches, 40), (fit_path, 40), (search, 40)]
)
def test_hostile_input(way, cases):
    judge_many(np.random.default_rng(0), cases, way)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "cases"), [(fit, 15_000), (fit_batches, 2000), (fit_path, 2000), (search, 2000)]
)
def test_hostile_input_at_length(way, cases, fuzz_rng):
    judge_many(fuzz_rng, cases, way)
