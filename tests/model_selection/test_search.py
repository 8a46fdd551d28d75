"""What a search keeps, warns of, and shows to a scorer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skreg import (
    L1Regressor,
    L1RegressorCV,
    L2RegressorCV,
    RegularizationPath,
    regularization_path,
)


def test_the_path_of_intercepts_is_that_of_the_fit_whatever_is_set_afterwards():
    X, y = regression()
    model = L1RegressorCV([1.0, 0.1, 0.01]).fit(X, y)
    before = model.intercept_path_
    assert_array_equal(model.set_params(fit_intercept=False).intercept_path_, before)


def test_the_path_of_coefficients_does_not_change_with_the_data():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 20_000)), rng.normal(size=40)
    model = L1RegressorCV(lambdas=60, cv=2).fit(X, y)
    before = model.coef_path_
    X *= 2.0
    assert_array_equal(model.coef_path_, before)


@pytest.mark.filterwarnings("ignore:The chosen l1_lambda")
def test_a_scorer_sees_the_model_as_a_grid_search_shows_it():
    X, y = regression()
    X, grid = X.astype(np.float32), [1.0, 0.1]

    def score(model, X, y):
        assert model.solver_
        assert model.n_iter_ > 0
        assert model.coef_.dtype == np.float32
        return model.l1_lambda + (model.coef_ != 0).sum()

    ours = L1RegressorCV(grid, scoring=score, cv=3).fit(X, y)
    theirs = GridSearchCV(L1Regressor(), {"l1_lambda": grid}, scoring=score, cv=3).fit(X, y)
    means = theirs.cv_results_["mean_test_score"]
    assert_allclose(ours.score_path_.mean(axis=1), means)


@pytest.mark.filterwarnings("ignore:The chosen l2_lambda")
@pytest.mark.parametrize("noise", [1e-7, 1e-9])
def test_criteria_of_next_to_no_noise_are_those_of_the_residuals(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 10))
    y = X[:, :3].sum(axis=1) + noise * rng.normal(size=200)
    strengths = np.geomspace(1e-7, 1e-12, 5)
    model = L2RegressorCV(strengths, criterion="gcv").fit(X, y)
    centred = X - X.mean(axis=0)
    U, s, _ = np.linalg.svd(centred, full_matrices=False)
    for strength, found in zip(strengths, model.criterion_path_, strict=True):
        share = s**2 / (s**2 + 200 * strength)
        target = y - y.mean()
        rss = np.sum((target - U @ (share * (U.T @ target))) ** 2)
        assert_allclose(found, rss / 200 / (1 - (share.sum() + 1) / 200) ** 2, rtol=1e-3)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_an_edge_of_a_grid_is_judged_in_no_units_of_the_target(unit, recwarn):
    X, y = regression()
    L1RegressorCV(eps=0.25, criterion="aic").fit(X, unit * y)
    assert any("of the grid" in str(warning.message) for warning in recwarn)


def test_more_strength_is_not_asked_for_where_all_that_bears_it_is_zero(diabetes):
    """The folds of a grid that ends too early do better beyond it; the fit would be the same."""
    X, y = diabetes
    weights = np.where(np.isin(np.arange(10), [2, 8]), 0.0, 1.0)
    some, _ = list(ShuffleSplit(16, train_size=30, random_state=0).split(X))[15]
    model = L1RegressorCV(penalty_weights=weights).fit(X[some], y[some])
    assert_array_equal(np.flatnonzero(model.coef_), [2, 8])
    assert model.l1_lambda_ == model.lambdas_[0]


def test_a_grid_begins_where_all_that_bears_the_penalty_is_zero(diabetes):
    X, y = diabetes
    weights = np.where(np.arange(10) == 2, 0.0, 1.0)
    for seed in range(20):
        some = np.random.RandomState(seed).permutation(442)[:30]
        path = regularization_path(L1Regressor(penalty_weights=weights), X[some], y[some])
        assert_array_equal(np.flatnonzero(path.coefs[0]), [2])
        assert np.count_nonzero(path.coefs[1]) >= 2


def test_errors_that_a_closed_form_cannot_resolve_are_warned_of():
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(n, 8)))[0] for n in (60, 8))
    X = U * np.geomspace(1, 1e-9, 8) @ V.T
    with pytest.warns(ConvergenceWarning, match="too ill-conditioned for the closed form"):
        L2RegressorCV([0.0]).fit(X, X @ rng.normal(size=8))


def test_a_path_made_by_hand_knows_no_other_values():
    one = np.ones(1)
    path = RegularizationPath("l1_lambda", one, one[None], one, one, one)
    with pytest.raises(ValueError, match="regularization_path"):
        path.at(0.5)
