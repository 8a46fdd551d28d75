"""The contract of scikit-learn, for every public estimator and every training loop."""

import inspect
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import EXACT, LOOP, regression
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

import skreg

# The checks' targets hardly depend on X, or have no noise: the best strength ends the grid.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]

ESTIMATORS = {
    name: value
    for name in skreg.__all__
    if inspect.isclass(value := getattr(skreg, name))
    and issubclass(value, BaseEstimator)
    and not name.startswith("Network")  # networks have tests of their own
}
each = pytest.mark.parametrize("cls", ESTIMATORS.values(), ids=ESTIMATORS)


@each
def test_scikit_learn_checks(cls):
    check_estimator(cls())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", LOOP)
def test_scikit_learn_checks_of_the_loops(name):
    """Few epochs: the checks ask about the interface, test_loops.py about the descent."""
    expected = {}
    if LOOP[name] == "mask":  # a repeated row is not a row of twice the weight
        reason = "random masks are drawn for every row"
        expected["check_sample_weight_equivalence_on_dense_data"] = reason
    loop = ESTIMATORS[name](solver=LOOP[name], max_iter=100)
    check_estimator(loop, expected_failed_checks=expected)


def test_the_error_of_a_wrong_name_offers_every_solver():
    for name, exact in EXACT.items():
        model = ESTIMATORS[name](solver="no such solver")
        with pytest.raises(ValueError, match="solver") as caught:
            model.fit(*regression())
        offered = set(str(caught.value).partition("{")[2].partition("}")[0].split(", "))
        assert offered == {repr(solver) for solver in ("auto", *exact, LOOP[name])}


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
    if inspect.isclass(cls) and issubclass(cls, BaseEstimator) and "Network" not in name:
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


@pytest.mark.slow
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


@each
def test_the_main_strength_comes_first_and_all_else_by_name(cls):
    first, *others = inspect.signature(cls).parameters.values()
    assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {p.kind for p in others} == {inspect.Parameter.KEYWORD_ONLY}


@each
def test_constructors_only_assign(cls):
    """Every parameter is kept as the very object given, and nothing else is set."""
    given = {name: object() for name in inspect.signature(cls).parameters}
    assert vars(cls(**given)) == given


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
def test_clones_and_pickles(cls):
    X, y = regression()
    model = cls(penalty_weights=np.linspace(0, 1, 12), tol=1e-9).fit(X, y)
    twin = clone(model)
    assert not hasattr(twin, "coef_")
    assert twin.get_params()["tol"] == 1e-9
    assert_array_equal(twin.get_params()["penalty_weights"], model.penalty_weights)
    assert_allclose(twin.fit(X, y).coef_, model.coef_, rtol=1e-9)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(model, protocol))
        assert_array_equal(again.predict(X), model.predict(X))
        assert again.dual_gap_ == model.dual_gap_


@each
def test_the_order_of_bases(cls):
    """MultiOutputMixin, RegressorMixin and then BaseEstimator, or the tags go missing."""
    names = [base.__name__ for base in cls.__mro__]
    mixins = [names.index(n) for n in ("MultiOutputMixin", "RegressorMixin", "BaseEstimator")]
    assert mixins == sorted(mixins)
    assert issubclass(cls, RegressorMixin)
    # Subclassing scikit-learn's own linear models is what breaks with its releases.
    assert not any(base.__module__.startswith("sklearn.linear_model") for base in cls.__mro__)


@each
def test_tags(cls):
    tags = get_tags(cls())
    assert tags.estimator_type == "regressor"
    assert tags.target_tags.multi_output
    assert tags.target_tags.required
    assert tags.input_tags.sparse
    assert not tags.input_tags.allow_nan


def test_tags_follow_the_solver():
    assert not get_tags(skreg.L2Regressor(solver="svd")).input_tags.sparse
    assert not get_tags(skreg.DropoutRegressor(solver="mask")).input_tags.sparse
    zero = skreg.DropoutRegressor(solver="mask", drop_to="zero")
    assert get_tags(zero).input_tags.sparse
    assert get_tags(zero).non_deterministic or zero.random_state is None


@each
def test_repr_shows_what_was_changed(cls):
    assert repr(cls()) == f"{cls.__name__}()"
    assert repr(cls(tol=1e-3)) == f"{cls.__name__}(tol=0.001)"


@each
def test_every_parameter_and_attribute_is_documented(cls):
    X, y = regression()
    fitted = [n for n in vars(cls().fit(X, y)) if n.endswith("_") and not n.startswith("_")]
    missing = [n for n in [*inspect.signature(cls).parameters, *fitted] if n not in cls.__doc__]
    assert not missing


def test_predictions_are_x_coef_plus_intercept():
    X, y = regression()
    for cls in ESTIMATORS.values():
        model = cls().fit(X, y)
        assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_, rtol=1e-12)
        assert isinstance(model.intercept_, float)
        assert isinstance(model.dual_gap_, float)
