"""Leaving one out in closed form against as many real fits, each an augmented least squares.

The convention: the penalty of the whole fit is kept, S * ridge with S the sum of all weights and
the moments m_j of all rows, beside the squared errors of the other rows.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from oracles import regression

from skreg import DropoutRegressorCV, L2RegressorCV
from skreg.model_selection.leave_one_out import left_out
from skreg.problem.design import RowDesign
from skreg.solvers.spectral import RidgePath, spectrum

pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")

SHAPES = {"tall": (30, 6), "wide": (14, 40), "square": (13, 12)}
VALUES = np.array([0.8, 0.3, 0.05, 1e-3, 1e-5])
MODELS = {
    "l2": (L2RegressorCV, {}),
    "dropout": (DropoutRegressorCV, {}),
    "dropout to zero": (DropoutRegressorCV, {"drop_to": "zero"}),
    "dropout and l2": (DropoutRegressorCV, {"l2_lambda": 0.1}),
}


def ridge_of(model, value, X, share):
    """The ridge weights (p,) that an estimator's formula states at a value of its strength."""
    params = model.get_params()
    v = np.ones(X.shape[1]) if params["penalty_weights"] is None else params["penalty_weights"]
    v = np.where(np.isinf(v), 0.0, v)  # left out of the design
    if isinstance(model, L2RegressorCV):
        return value * v
    mean = share @ X if params["drop_to"] == "mean" else 0.0
    return value / (1 - value) * (share @ (X - mean) ** 2) + params["l2_lambda"] * v


def refitted_errors(model, value, X, y, s):
    """The errors (n, ...) on each row of a fit to the others, with the penalty of the whole."""
    params, (n, p) = model.get_params(), X.shape
    v = np.ones(p) if params["penalty_weights"] is None else params["penalty_weights"]
    used = np.isfinite(v)
    ridge = ridge_of(model, value, X, s / s.sum())[used]
    design = np.column_stack([X[:, used], np.ones(n)]) if params["fit_intercept"] else X[:, used]
    below = np.zeros((used.sum(), design.shape[1]))
    below[:, : used.sum()] = np.diag(np.sqrt(s.sum() * ridge))
    errors = []
    for i in range(n):
        root = np.sqrt(s)
        root[i] = 0
        A = np.vstack([root[:, None] * design, below])
        b = np.concatenate([(root * y.T).T, np.zeros((used.sum(), *y.shape[1:]))])
        errors.append(y[i] - design[i] @ np.linalg.lstsq(A, b, rcond=1e-14)[0])
    return np.array(errors)


def data(shape, targets=None):
    n, p = SHAPES[shape]
    X, y = regression(n, p, seed=3, targets=targets)
    return X, y


def weights_of(kind, n):
    rng = np.random.default_rng(1)
    return {
        "even": np.ones(n),
        "weighted": rng.uniform(0.2, 3.0, n),
        "zeros": rng.uniform(0.2, 3.0, n) * (np.arange(n) % 4 > 0),
    }[kind]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("weighting", "intercept", "layout"),
    [
        pytest.param("even", True, np.asarray, id="dense"),
        pytest.param("even", False, sp.csr_array, id="no intercept, sparse"),
        pytest.param("zeros", True, sp.csr_array, id="zeros, sparse"),
        pytest.param("zeros", False, np.asarray, id="zeros, no intercept, dense"),
    ],
)
def test_it_is_the_mean_square_of_real_refits(name, shape, weighting, intercept, layout):
    cls, extra = MODELS[name]
    X, y = data(shape)
    s = weights_of(weighting, len(y))
    model = cls(VALUES, fit_intercept=intercept, **extra)
    model.fit(layout(X), y, None if weighting == "even" else s)
    errors = np.array([refitted_errors(model, value, X, y, s) for value in VALUES])
    share = s / s.sum()
    mean = errors**2 @ share
    assert_allclose(model.mse_path_, mean[:, None], rtol=1e-8)
    variance = (errors**2 - mean[:, None]) ** 2 @ share
    assert_allclose(model.mse_se_, np.sqrt(variance / (np.count_nonzero(s) - 1)), rtol=1e-8)
    chosen = model.lambda_min_ if name == "l2" else model.dropout_rate_min_
    assert chosen == VALUES[mean.argmin()]


V = {
    "free": lambda p: np.where(np.arange(p) < 2, 0.0, 1.0),
    "uneven": lambda p: np.linspace(0.2, 3.0, p),
    "all kinds": lambda p: np.where(np.arange(p) < 2, 0.0, np.where(np.arange(p) == 4, np.inf, 2)),
}


@pytest.mark.parametrize("v", V)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MODELS)
def test_penalty_weights(name, shape, v):
    """Free features of L2 are fitted by least squares; dropout weighs its part by moments only."""
    cls, extra = MODELS[name]
    X, y = data(shape)
    s = weights_of("zeros", len(y))
    model = cls(VALUES, penalty_weights=V[v](X.shape[1]), **extra).fit(X, y, s)
    errors = np.array([refitted_errors(model, value, X, y, s) for value in VALUES])
    assert_allclose(model.mse_mean_, errors**2 @ (s / s.sum()), rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MODELS)
def test_targets_share_a_strength_and_average_their_errors(name, shape):
    cls, extra = MODELS[name]
    X, y = data(shape, targets=3)
    s = weights_of("weighted", len(y))
    model = cls(VALUES, **extra).fit(X, y, s)
    errors = np.array([refitted_errors(model, value, X, y, s) for value in VALUES])
    assert_allclose(model.mse_mean_, (errors**2).mean(axis=2) @ (s / s.sum()), rtol=1e-8)
    assert model.coef_.shape == (3, X.shape[1])


@pytest.mark.parametrize("weighting", ["even", "zeros"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cls", [L2RegressorCV, DropoutRegressorCV])
def test_strength_zero_is_least_squares_of_least_norm(cls, shape, intercept, weighting):
    """With more features than rows it interpolates: leaving a row out is the limit t = 0."""
    X, y = data(shape)
    s = weights_of(weighting, len(y))
    model = cls([0.5, 0.0], fit_intercept=intercept).fit(X, y, s)
    errors = refitted_errors(model, 0.0, X, y, s)
    if intercept:  # which lstsq would count into the norm
        errors = least_norm_errors(X, y, s)
    assert_allclose(model.mse_mean_[-1], errors**2 @ (s / s.sum()), rtol=1e-7)


def least_norm_errors(X, y, s):
    """The errors of interpolation of least norm, the intercept not in the norm."""
    errors = []
    for i in range(len(y)):
        t = np.where(np.arange(len(y)) == i, 0.0, s)
        share = t / t.sum()
        centre, y_mean = share @ X, share @ y
        root = np.sqrt(share)
        A, b = root[:, None] * (X - centre), root * (y - y_mean)
        errors.append(y[i] - y_mean - (X[i] - centre) @ np.linalg.pinv(A, rcond=1e-12) @ b)
    return np.array(errors)


def test_a_row_that_alone_determines_a_coefficient_is_refitted():
    """A free indicator of one row: without it the coefficient is 0, of least norm."""
    X, y = data("tall")
    X[:, 0] = 0.0
    X[5, 0] = 1.0
    v = np.where(np.arange(X.shape[1]) == 0, 0.0, 1.0)
    model = L2RegressorCV(VALUES, penalty_weights=v).fit(X, y)
    errors = np.array([refitted_errors(model, value, X, y, np.ones(len(y))) for value in VALUES])
    assert_allclose(model.mse_mean_, np.mean(errors**2, axis=1), rtol=1e-8)


def test_two_rows_of_weight_are_needed():
    X, y = data("tall")
    with pytest.raises(ValueError, match="two rows"):
        L2RegressorCV().fit(X, y, np.arange(len(y)) == 3)


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize(("n", "p"), [(900, 40), (900, 7), (30, 50)], ids=["many", "few", "wide"])
def test_errors_are_residuals_over_one_minus_leverage(n, p, targets):
    """In blocks of rows, from the eigenvalues of the moments too, for each target."""
    X, y = regression(n, p, seed=1, targets=targets)
    s = np.random.default_rng(2).uniform(0.5, 2.0, n)
    design = RowDesign.from_data(X, y, s, True)
    path = RidgePath(np.zeros(p), np.linspace(0.5, 2, p), np.zeros(p, bool))
    ts = np.geomspace(10, 1e-3, 120)
    share, A, b = s / s.sum(), design.columns(slice(None)), design.target
    expected = []
    for t in ts:
        W = np.linalg.solve(A.T @ A + np.diag(path.ridge(t)), A.T)  # A W is the hat matrix
        left = 1 - share - np.sum(A * W.T, axis=1)
        expected.append((b - (b @ A) @ W) / np.sqrt(share) / left)
    squares = np.array(expected) ** 2
    problems = [design, design.moments()] if n > p else [design]
    for shared in (None, *(spectrum(problem, path) for problem in problems)):
        found = left_out(design, path, ts, shared)
        assert_allclose(found.mse, squares @ share, rtol=1e-8)
        assert_allclose(found.mse_se, standard_errors(squares, share), rtol=1e-8)
        averaged = squares if targets is None else squares.mean(axis=1)
        assert_allclose(found.mean, averaged @ share, rtol=1e-8)
        assert_allclose(found.se, standard_errors(averaged, share), rtol=1e-8)


def standard_errors(losses, share):
    """The standard errors (...) of means of losses (..., n) of rows of these shares."""
    spread = np.square(losses - np.expand_dims(losses @ share, -1)) @ share
    return np.sqrt(spread / (len(share) - 1))
