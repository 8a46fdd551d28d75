"""The contract of scikit-learn, for every public estimator with every solver; new ones included."""

import inspect
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from oracles import EXACT, LOOP, regression
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import skreg
from skreg.solvers import SOLVERS

# The checks' data hardly depend on X, or without noise: the best strength is at an end of the grid.
pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")

ESTIMATORS = {
    name: value
    for name in skreg.__all__
    if inspect.isclass(value := getattr(skreg, name)) and issubclass(value, BaseEstimator)
}
# Small strengths, beside the defaults: large ones zero every coefficient and prove nothing.
SMALL = {
    "L1Regressor": [{"l1_lambda": 1e-3}, {"l1_lambda": 1e-3, "l2_lambda": 1e-3}],
    "L2Regressor": [{"l2_lambda": 1e-3}],
    "DropoutRegressor": [{"dropout_rate": 0.05}, {"dropout_rate": 0.05, "drop_to": "zero"}],
}
FAMILY = {"L1Regressor": "l1", "L2Regressor": "l2", "DropoutRegressor": "dropout"}
EXTRA = {
    "L1Regressor": [{"l1_lambda": 1e-3, "positive": True}, {"l1_lambda": 0.0}],
    "L2Regressor": [{"l2_lambda": 1e-3, "positive": True}, {"l2_lambda": 0.0}],
    "DropoutRegressor": [
        {"dropout_rate": 0.05, "l1_lambda": 1e-3, "l2_lambda": 1e-3},
        {"dropout_rate": 0.0},
    ],
    "L1RegressorCV": [
        {"lambdas": 5, "selection": "1se", "scoring": "r2", "l2_lambda": 1e-3, "positive": True},
        {"lambdas": 5, "criterion": "bic", "noise_variance": 1.0},
    ],
    "L2RegressorCV": [
        {"lambdas": [0.1, 1.0], "cv": 3},
        {"lambdas": 5, "positive": True},
        {"lambdas": 5, "scoring": "neg_median_absolute_error", "cv": 3},
        {"lambdas": 5, "criterion": "gcv"},
    ],
    "DropoutRegressorCV": [
        {"dropout_rates": 5, "selection": "1se", "cv": 3, "drop_to": "zero"},
        {"dropout_rates": 5, "l1_lambda": 1e-3},
    ],
}


def exact_estimators():
    for name, cls in ESTIMATORS.items():
        for params in [{}, *SMALL.get(name, [])]:
            for solver in EXACT.get(name, []):
                yield cls(**params, solver=solver)
        for params in [{}, *EXTRA.get(name, [])]:
            yield cls(**params)


def loop_estimators():
    """Few epochs: the checks ask about the interface, test_loops.py about the descent."""
    for name, solver in LOOP.items():
        for params in [{}, *SMALL[name]]:
            yield ESTIMATORS[name](**params, solver=solver, max_iter=100)


def expected_failures(estimator):
    """Random masks are drawn for every row, so a repeated row is not a row of twice the weight.

    A criterion takes no folds, which this check sets; see `test_cv.py` for what it asks of one.
    """
    params = estimator.get_params()
    if params.get("solver") != "mask" and params.get("criterion") is None:
        return {}
    reason = "random masks are drawn for every row, or a criterion takes no folds"
    checks = ["check_sample_weight_equivalence_on_dense_data"]
    if get_tags(estimator).input_tags.sparse:
        checks.append("check_sample_weight_equivalence_on_sparse_data")
    return dict.fromkeys(checks, reason)


def with_checks(estimators, **options):
    """`parametrize_with_checks` with a list of cases, for pytest 9 refuses 1.6's generator."""
    made = parametrize_with_checks(estimators, **options)
    names, cases = made.args
    return pytest.mark.parametrize(names, list(cases), **made.kwargs)


@with_checks(list(exact_estimators()), expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@with_checks(list(loop_estimators()), expected_failed_checks=expected_failures)
def test_scikit_learn_checks_of_the_loops(estimator, check):
    check(estimator)


def test_every_estimator_and_solver_is_known_to_the_tests():
    """A new estimator or solver must be entered in oracles.py, where all tests take them from."""
    public = set(ESTIMATORS) - {name for name in ESTIMATORS if name.endswith("CV")}
    assert public == set(EXACT) == set(LOOP)
    listed = {solver for names in EXACT.values() for solver in names} | set(LOOP.values())
    assert set(SOLVERS) == listed
    for name, family in FAMILY.items():
        offered = {solver for solver, row in SOLVERS.items() if family in row.families}
        assert offered == {*EXACT[name], LOOP[name]}


by_hand = [
    pytest.param(getattr(estimator_checks, name), id=name)
    for name in ("check_dataframe_column_names_consistency", "check_mixin_order")
    if hasattr(estimator_checks, name)
]


@pytest.mark.parametrize("check", by_hand)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_checks_that_scikit_learn_keeps_to_itself(name, check):
    check(name, ESTIMATORS[name]())


ARRAY_API = """
import inspect
from unittest import SkipTest

import skreg
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import check_array_api_input

loose = {"expect_only_array_outputs": False}
known = inspect.signature(check_array_api_input).parameters
for name in skreg.__all__:
    cls = getattr(skreg, name)
    if inspect.isclass(cls) and issubclass(cls, BaseEstimator):
        try:
            check_array_api_input(
                name,
                cls(),
                array_namespace="numpy",
                **{key: value for key, value in loose.items() if key in known},
            )
        except SkipTest as reason:
            print("skipped:", reason)
        else:
            print("passed:", name)
"""


def test_the_array_api_check_under_dispatch():
    """SCIPY_ARRAY_API is read when scipy is imported, hence the other process."""
    run = subprocess.run(
        [sys.executable, "-c", ARRAY_API],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    if "skipped:" in run.stdout:
        pytest.skip(run.stdout.strip())
    assert run.stdout.count("passed:") == len(ESTIMATORS)


# ---------------------------------------------------------------------------- parameters

each = pytest.mark.parametrize("cls", ESTIMATORS.values(), ids=ESTIMATORS)


@each
def test_the_main_strength_comes_first_and_all_else_by_name(cls):
    first, *others = list(inspect.signature(cls).parameters.values())
    assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {p.kind for p in others} == {inspect.Parameter.KEYWORD_ONLY}


@each
def test_constructors_only_assign(cls):
    """Every parameter is kept as the very object given, and nothing else is set."""
    given = {name: object() for name in inspect.signature(cls).parameters}
    assert vars(cls(**given)) == given


@each
def test_clone_copies_parameters_and_nothing_fitted(cls):
    X, y = regression()
    model = cls(penalty_weights=np.linspace(0, 1, 12), tol=1e-9).fit(X, y)
    twin = clone(model)
    assert not hasattr(twin, "coef_")
    assert twin.get_params()["tol"] == 1e-9
    assert_array_equal(twin.get_params()["penalty_weights"], model.penalty_weights)
    assert_allclose(twin.fit(X, y).coef_, model.coef_, rtol=1e-9)


@each
def test_set_params_takes_effect_at_the_next_fit(cls):
    X, y = regression()
    model = cls().fit(X, y)
    coef = model.coef_.copy()
    model.set_params(fit_intercept=False)
    assert_array_equal(model.coef_, coef)
    assert model.fit(X, y).intercept_ == 0
    with pytest.raises(ValueError, match="Invalid parameter 'alpha'"):
        model.set_params(alpha=1.0)


@each
def test_the_order_of_bases(cls):
    """MultiOutputMixin, RegressorMixin and then BaseEstimator, or the tags go missing."""
    names = [base.__name__ for base in cls.__mro__]
    mixins = [names.index(n) for n in ("MultiOutputMixin", "RegressorMixin", "BaseEstimator")]
    assert mixins == sorted(mixins)
    assert issubclass(cls, RegressorMixin)
    # subclassing scikit-learn's own linear models is what breaks with its releases
    assert not any(base.__module__.startswith("sklearn.linear_model") for base in cls.__mro__)


@each
def test_tags(cls):
    tags = get_tags(cls())
    assert tags.estimator_type == "regressor"
    assert tags.target_tags.multi_output
    assert not tags.target_tags.single_output or tags.target_tags.required
    assert tags.input_tags.sparse
    assert not tags.input_tags.allow_nan


def test_tags_follow_the_solver():
    assert not get_tags(skreg.L2Regressor(solver="svd")).input_tags.sparse
    assert not get_tags(skreg.DropoutRegressor(solver="mask")).input_tags.sparse
    zero = skreg.DropoutRegressor(solver="mask", drop_to="zero")
    assert get_tags(zero).input_tags.sparse
    assert get_tags(zero).non_deterministic or zero.random_state is None


# ---------------------------------------------------------------------------- tools around a fit


@each
def test_a_fitted_estimator_survives_pickling(cls):
    X, y = regression()
    model = cls().fit(X, y)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(model, protocol))
        assert_array_equal(twin.predict(X), model.predict(X))
        assert twin.dual_gap_ == model.dual_gap_


@each
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_fits_in_parallel(cls, backend):
    """Its workers get X as a read-only memory map."""
    X, y = regression()
    with Parallel(n_jobs=2, backend=backend, max_nbytes=1) as parallel:
        models = parallel(delayed(clone(cls()).fit)(X, y) for _ in range(4))
    expected = cls().fit(X, y).coef_
    for model in models:
        assert_allclose(model.coef_, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (skreg.L1Regressor, "l1_lambda"),
        (skreg.L2Regressor, "l2_lambda"),
        (skreg.DropoutRegressor, "dropout_rate"),
    ],
)
def test_grid_search_in_a_pipeline_beats_least_squares(cls, name):
    """40 rows, 30 features: regularisation is worth something, and the search finds it."""
    X, y = regression(40, 30)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", cls())])
    grid = {f"model__{name}": [0.01, 0.1, 0.5, 0.9]}
    search = GridSearchCV(pipeline, grid, cv=5, n_jobs=2).fit(X, y)
    baseline = cross_val_score(make_pipeline(StandardScaler(), LinearRegression()), X, y).mean()
    assert search.best_score_ > baseline


@each
def test_sample_weight_is_routed_through_pipeline_and_grid_search(cls):
    X, y = regression()
    s = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = cls().set_fit_request(sample_weight=True)
        pipeline = Pipeline([("scale", scaler), ("model", model)])
        scorer = get_scorer("r2").set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, {"model__tol": [1e-10]}, cv=2, scoring=scorer)
        search.fit(X, y, sample_weight=s)
        unweighted = make_pipeline(scaler, cls().set_fit_request(sample_weight=False)).fit(X, y)
    routed = search.best_estimator_[-1]
    expected = cls().fit(StandardScaler().fit_transform(X), y, sample_weight=s)
    assert_allclose(routed.coef_, expected.coef_, rtol=1e-7, atol=1e-10)
    assert np.abs(routed.coef_ - unweighted[-1].coef_).max() > 1e-4


@each
def test_sample_weight_reaches_the_last_step_by_name(cls):
    X, y = regression()
    s = np.random.default_rng(0).uniform(0, 2, len(y))
    pipeline = Pipeline([("scale", StandardScaler()), ("model", cls())])
    routed = pipeline.fit(X, y, model__sample_weight=s)[-1]
    expected = cls().fit(StandardScaler().fit_transform(X), y, sample_weight=s)
    assert_allclose(routed.coef_, expected.coef_, rtol=1e-9)


@each
def test_repr_shows_what_was_changed(cls):
    assert repr(cls()) == f"{cls.__name__}()"
    assert repr(cls(tol=1e-3)) == f"{cls.__name__}(tol=0.001)"
    assert cls.__name__ in cls()._repr_html_()


@each
def test_every_parameter_and_attribute_is_documented(cls):
    X, y = regression()
    fitted = [n for n in vars(cls().fit(X, y)) if n.endswith("_") and not n.startswith("_")]
    missing = [n for n in [*inspect.signature(cls).parameters, *fitted] if n not in cls.__doc__]
    assert not missing
