"""Every exact fit is the optimum: judged here, once, by a duality gap that the oracle computes.

The gap of the oracle uses nothing but X, y, the coefficients and the intercept, and bounds how far
they are from the minimum of the objective. Each kind of data meets each kind of penalty and every
solver that can do the problem.
"""

import warnings
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from oracles import Problem, assert_certified, noted, regression, solvers_for, sparse_regression
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skreg import DropoutRegressor, L1Regressor, L2Regressor


@dataclass(frozen=True)
class Case:
    """Data, their weights, and parameters that every estimator takes."""

    X: object
    y: np.ndarray
    s: np.ndarray | None = None
    params: dict = field(default_factory=dict)
    # Solvers that may say that they did not converge; "auto" never may.
    excused: tuple[str, ...] = ()

    def problems(self, model):
        """The oracle's problem of each target."""
        targets = self.y.reshape(len(self.y), -1).T
        return [Problem.of(model, self.X, target, self.s) for target in targets]


def targets_of(X, seed=1, k=5):
    """A target that depends on the first k columns, scaled to unit variance, with noise."""
    rng = np.random.default_rng(seed)
    X = X.toarray() if sp.issparse(X) else X
    k = min(k, X.shape[1])
    size = X[:, :k].std(axis=0)
    signal = X[:, :k] @ np.where(size > 0, rng.normal(size=k) / np.where(size > 0, size, 1), 0)
    return signal + 2.0 + 0.5 * rng.normal(size=len(X))


def one_hot(n, levels, seed=0):
    """Blocks of indicator columns, the frequent levels far more often than the rare ones."""
    rng = np.random.default_rng(seed)
    blocks = []
    for k in levels:
        share = 1.0 / np.arange(1, k + 1)
        code = rng.choice(k, n, p=share / share.sum())
        blocks.append(sp.csr_array((np.ones(n), (np.arange(n), code)), shape=(n, k)))
    return sp.csr_array(sp.hstack(blocks))


def spectra(n, p, seed=0):
    """Smooth curves, measured with little noise: columns that are almost their neighbours."""
    rng = np.random.default_rng(seed)
    at, centres = np.linspace(0, 1, p), rng.uniform(size=(n, 4))
    peaks = np.exp(-((at - centres[..., None]) ** 2) / 0.02)
    curves = np.einsum("nk,nkp->np", rng.uniform(0.5, 2, (n, 4)), peaks)
    return curves + 3.0 + 1e-4 * rng.normal(size=(n, p))


def make(name):
    """The data of one name."""
    rng = np.random.default_rng(7)
    X, y = regression()
    match name:
        case "tall":
            return Case(X, y)
        case "tall, no intercept":
            return Case(X, y, params={"fit_intercept": False})
        case "square":
            return Case(*regression(12, 12))
        case "wide":
            return Case(*regression(15, 60))
        case "wide, no intercept":
            return Case(*regression(15, 60), params={"fit_intercept": False})
        case "two rows":
            return Case(*regression(2, 3))
        case "three rows":
            return Case(*regression(3, 20))
        case "one row":
            return Case(np.array([[1.0, 2.0, -3.0]]), np.array([7.0]))
        case "one feature":
            return Case(*regression(30, 1))
        case "rank 5 of 12":
            X = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 12)) + rng.normal(size=12)
            return Case(X, targets_of(X))
        case "duplicates":
            return Case(np.hstack([X, X[:, :4], -2.0 * X[:, 2:6]]), y)
        case "ties of whole numbers":
            X = rng.integers(-1, 2, (12, 8)).astype(float)
            return Case(X, X[:, 0] - X[:, 1] + rng.integers(-1, 2, 12))
        case "one-hot blocks":
            X = one_hot(60, (5, 12, 3)).toarray()
            return Case(np.hstack([X, rng.normal(size=(60, 2))]), targets_of(X, k=9))
        case "one-hot blocks, sparse":
            X = one_hot(120, (15, 30, 7))
            return Case(X, targets_of(X, k=20))
        case "spectra, wide":
            X = spectra(40, 100)
            return Case(X, targets_of(X, k=100), excused=("pivoting",))
        case "spectra, tall":
            X = spectra(120, 30)
            return Case(X, targets_of(X, k=30))
        case "powers of a column":
            X = np.linspace(0, 1, 40)[:, None] ** np.arange(1, 9)
            return Case(X, np.cos(5 * X[:, 0]) + 0.1 * rng.normal(size=40))
        case "lags of a series":
            walk = np.cumsum(rng.normal(size=100))
            X = np.lib.stride_tricks.sliding_window_view(walk[:-1], 20)
            return Case(X.copy(), walk[20:])
        case "counts":
            X = rng.poisson(np.exp(rng.normal(size=20) * 2), (80, 20)).astype(float)
            return Case(X, targets_of(X))
        case "counts, sparse and wide":
            X = rng.poisson(np.exp(rng.normal(size=200) - 3), (40, 200)).astype(float)
            return Case(sp.csc_array(X), targets_of(X, k=20))
        case "constant columns":
            return Case(np.column_stack([X, np.zeros(50), np.ones(50), np.full(50, 0.1)]), y)
        case "zero columns only":
            return Case(np.zeros((4, 3)), np.array([1.0, 2, 3, 5]), np.array([1.0, 2, 0, 1]))
        case "far from the origin":
            return Case(X + 1e5 * np.arange(12), y + 1e3)
        case "unscaled":
            X = X * 10.0 ** rng.uniform(-3, 3, 12)
            return Case(X, 1000 * y, excused=("dual", "cg", "newton"))
        case "float32":
            return Case(X.astype(np.float32), y.astype(np.float32))
        case "sparse":
            return Case(*sparse_regression())
        case "sparse, no intercept":
            return Case(*sparse_regression(), params={"fit_intercept": False})
        case "sparse, weights, targets":
            X, y = sparse_regression()
            s = rng.integers(0, 3, len(y)).astype(float)
            return Case(X, np.column_stack([y, -y + 1, rng.normal(size=len(y))]), s)
        case "weights":
            return Case(X, y, rng.uniform(0.1, 3, 50))
        case "rows of weight zero":
            s = (np.arange(50) % 2).astype(float)
            return Case(X + 1e4 * (1 - s[:, None]), y - 1e4 * (1 - s), s)
        case "fewer rows of weight than features":
            return Case(X, y, (np.arange(50) < 8) * 2.0)
        case "targets":
            return Case(*regression(targets=3))
        case "a constant target":
            return Case(X, np.full(50, 0.1))
        case "penalty weights":
            return Case(X, y, params={"penalty_weights": np.linspace(0.2, 3, 12)})
        case "unpenalised and excluded":
            v = np.array([0, 1, 1, np.inf, 1, 0, 2, 1, np.inf, 1, 0.5, 1])
            return Case(X, y, params={"penalty_weights": v})
        case "unpenalised, wide":
            v = np.where(np.arange(60) < 5, 0.0, 1.0)
            return Case(*regression(15, 60), params={"penalty_weights": v})
        case "unpenalised copies, sparse":
            X, y = sparse_regression()
            X = sp.csr_array(sp.hstack([X, X[:, :2]]))
            v = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 0, 1.0])
            return Case(X, y, params={"penalty_weights": v}, excused=("cholesky",))
        case "standardised":
            return Case(X * np.linspace(0.3, 3, 12), y, params={"standardize": True})
        case "standardised, weights, no intercept":
            params = {"standardize": True, "fit_intercept": False}
            return Case(X, y, rng.uniform(0.1, 3, 50), params=params)
        case "standardised, unpenalised and excluded, wide":
            v = np.where(np.arange(60) < 3, 0.0, 1.0)
            v[5:9] = np.inf
            params = {"standardize": True, "penalty_weights": v}
            return Case(*regression(15, 60), params=params)
        case "standardised, sparse":
            return Case(*sparse_regression(), params={"standardize": True})
        case "positive":
            return Case(X, y, params={"positive": True})
        case "positive, wide":
            return Case(*regression(15, 60), params={"positive": True})
        case "positive, unpenalised":
            v = np.where(np.arange(12) % 3, 1.0, 0.0)
            params = {"positive": True, "penalty_weights": v}
            return Case(X, y, params=params, excused=("pivoting",))
        case "positive, nothing to find":
            return Case(X, -(X - X.mean(axis=0)).sum(axis=1), params={"positive": True})
        case "350 x 320":
            return Case(*regression(350, 320), excused=("dual",))
        case "40 x 600":
            return Case(*regression(40, 600), excused=("cholesky",))
        case "sparse, 150 x 250":
            return Case(*sparse_regression(150, 250, density=0.04))
    raise ValueError(name)


make = cache(make)
CASES = (
    *("tall", "tall, no intercept", "square", "wide", "wide, no intercept"),
    *("two rows", "three rows", "one row", "one feature"),
    *("rank 5 of 12", "duplicates", "ties of whole numbers"),
    *("one-hot blocks", "one-hot blocks, sparse", "spectra, wide", "spectra, tall"),
    *("powers of a column", "lags of a series", "counts", "counts, sparse and wide"),
    *("constant columns", "zero columns only", "far from the origin", "unscaled", "float32"),
    *("sparse", "sparse, no intercept", "sparse, weights, targets"),
    *("weights", "rows of weight zero", "fewer rows of weight than features"),
    *("targets", "a constant target"),
    *("penalty weights", "unpenalised and excluded", "unpenalised, wide"),
    "unpenalised copies, sparse",
    *("standardised", "standardised, weights, no intercept", "standardised, sparse"),
    "standardised, unpenalised and excluded, wide",
    *("positive", "positive, wide", "positive, unpenalised", "positive, nothing to find"),
    *("350 x 320", "40 x 600", "sparse, 150 x 250"),
)


def rates(p):
    return np.linspace(0.05, 0.9, p)


# The model for an l1 strength at which all is zero, the mean variance of the columns, and p.
PENALTIES = {
    "lasso .3": lambda most, size, p: L1Regressor(0.3 * most),
    "lasso .03": lambda most, size, p: L1Regressor(0.03 * most),
    "lasso .001": lambda most, size, p: L1Regressor(0.001 * most),
    "elastic net": lambda most, size, p: L1Regressor(0.03 * most, l2_lambda=0.1 * size),
    "ridge": lambda most, size, p: L2Regressor(0.1 * size),
    "weak ridge": lambda most, size, p: L2Regressor(1e-5 * size),
    "dropout": lambda most, size, p: DropoutRegressor(0.3),
    "dropout to zero, rates": lambda most, size, p: DropoutRegressor(rates(p), drop_to="zero"),
    "dropout with l1 and l2": lambda most, size, p: DropoutRegressor(
        rates(p), l1_lambda=0.05 * most, l2_lambda=0.01 * size
    ),
    "L1 at 0": lambda most, size, p: L1Regressor(0.0),
    "L2 at 0": lambda most, size, p: L2Regressor(0.0),
    "dropout at 0": lambda most, size, p: DropoutRegressor(0.0),
}


def scales(case):
    """The l1 strength at which all coefficients are zero, and the mean variance of a column."""
    plain = case.problems(L1Regressor(fit_intercept=case.params.get("fit_intercept", True)))
    size = np.mean(np.sum(plain[0].A ** 2, axis=0))
    return max(problem.lambda_max for problem in plain) or 1.0, size or 1.0


def judge(model, case, tol=1e-10):
    """Hold the fit of a model against the oracle."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(case.X, case.y, sample_weight=case.s)
    if caught:
        # Only one that says so, of a solver that was asked for by its name.
        assert model.solver in case.excused, caught[0].message
        assert [w.category for w in caught] == [ConvergenceWarning]
        return
    assert np.all(np.isfinite(model.coef_))
    if model.coef_.dtype == np.float64:
        assert_certified(model, case.X, case.y, case.s, tol)
    else:  # rounding the coefficients costs little of the objective, and the certificate has it
        problem = case.problems(model)[0]
        excess = problem.objective(model.coef_, model.intercept_)
        excess -= problem.objective(*problem.solve())
        assert excess <= 1.01 * model.dual_gap_ + 1e-14 * problem.null
        assert model.dual_gap_ <= 1e-10 * problem.null
    if model.positive:
        assert np.all(model.coef_ >= 0)
    if model.penalty_weights is not None:
        assert_array_equal(model.coef_[..., np.isinf(model.penalty_weights)], 0)
    if not model.fit_intercept:
        assert_array_equal(model.intercept_, 0)


def check_all(name, penalties):
    """Judge these penalties on the data of one name, by "auto" and by every solver that can."""
    case = make(name)
    for penalty in penalties:
        model = PENALTIES[penalty](*scales(case), case.X.shape[1]).set_params(**case.params)
        l1, positive = model.get_params().get("l1_lambda", 0.0), model.positive
        known = solvers_for(type(model), l1=l1, positive=positive, sparse=sp.issparse(case.X))
        if case.X.shape[1] > 300:
            known.remove("pivoting")  # would take its time: a pivot is p^2 operations
        for solver in ["auto", *known]:
            with noted(f"{penalty}, solver={solver!r}"):
                judge(clone(model).set_params(solver=solver), case)


@pytest.mark.parametrize("name", CASES)
def test_lasso_and_elastic_net_are_the_optimum(name):
    check_all(name, [penalty for penalty in PENALTIES if penalty.startswith(("lasso", "elastic"))])


@pytest.mark.parametrize("name", CASES)
def test_ridge_and_dropout_are_the_optimum(name):
    check_all(
        name,
        [
            penalty
            for penalty in PENALTIES
            if "ridge" in penalty
            or penalty.startswith(("dropout to", "dropout with"))
            or penalty == "dropout"
        ],
    )


@pytest.mark.parametrize("name", CASES)
def test_strength_zero_is_the_optimum(name):
    check_all(name, [penalty for penalty in PENALTIES if penalty.endswith("at 0")])


@pytest.mark.parametrize("penalty", ["lasso .03", "ridge", "dropout with l1 and l2"])
@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-13])
def test_the_tolerance_that_was_asked_for_is_met(tol, penalty):
    case = make("tall")
    model = PENALTIES[penalty](*scales(case), 12)
    l1 = model.get_params().get("l1_lambda", 0.0)
    for solver in solvers_for(type(model), l1=l1):
        judge(clone(model).set_params(solver=solver, tol=tol), case, tol)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model",
    [
        L1Regressor(0.05, solver="newton"),
        L2Regressor(0.01, solver="cg"),
        L2Regressor(0.01, solver="newton"),
        DropoutRegressor(0.1, l1_lambda=0.05, solver="newton"),
    ],
    ids=repr,
)
def test_a_fit_that_stops_early_does_not_claim_too_much(model):
    """Its certificate is no smaller than what it lacks."""
    X, y = regression(40, 60)
    problem = Problem.of(model, X, y)
    best = problem.objective(*problem.solve())
    for max_iter in (1, 2, 3, 5):
        stopped = clone(model).set_params(max_iter=max_iter).fit(X, y)
        excess = problem.objective(stopped.coef_, stopped.intercept_) - best
        assert stopped.dual_gap_ >= excess - 1e-14 * problem.null


def test_the_oracle_tells_what_is_no_optimum():
    """A coefficient that is off by a thousandth, and an intercept that is off, cost more."""
    X, y = regression()
    for model in (L1Regressor(0.05), L2Regressor(0.1), DropoutRegressor(0.3)):
        model.fit(X, y)
        problem = Problem.of(model, X, y)
        assert problem.relative_gap(model.coef_, model.intercept_ + 1e-3) > 1e-9
        assert problem.relative_gap(1.001 * model.coef_, model.intercept_) > 1e-9
