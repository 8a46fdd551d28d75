"""Real tables: certified fits that agree with scikit-learn wherever that converges."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import Problem, assert_certified, assert_coef, assert_same_fit
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skreg import DropoutRegressor, L1Regressor, L2Regressor

TIGHT = 1e-12


def standardised(X):
    return StandardScaler().fit_transform(X)


def lasso(X, y, strength):
    """scikit-learn's answer, and whether it vouches for it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model = Lasso(strength, tol=1e-13, max_iter=50_000).fit(X, y)
    return model, not caught


# ---------------------------------------------------------------------------- diabetes


@pytest.mark.parametrize("scale", ["raw", "standardised"])
@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01, 0.001])
def test_diabetes_lasso(diabetes, scale, fraction):
    X, y = diabetes
    X = standardised(X) if scale == "standardised" else X
    strength = fraction * Problem(X, y).lambda_max
    ours = L1Regressor(strength, tol=TIGHT).fit(X, y)
    assert_certified(ours, X, y, tol=TIGHT)
    theirs, converged = lasso(X, y, strength)
    assert converged
    assert_same_fit(ours, theirs)


@pytest.mark.parametrize("strength", [1e-6, 1e-3, 0.1, 10.0])
def test_diabetes_ridge_and_elastic_net(diabetes, strength):
    X, y = diabetes
    assert_same_fit(L2Regressor(strength).fit(X, y), Ridge(len(y) * strength).fit(X, y))
    both = L1Regressor(strength, l2_lambda=strength, tol=TIGHT).fit(X, y)
    theirs = ElasticNet(2 * strength, l1_ratio=0.5, tol=1e-14, max_iter=100_000).fit(X, y)
    assert_same_fit(both, theirs)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.95])
def test_diabetes_dropout_is_ridge_on_standardised_columns(diabetes, rate):
    X, y = diabetes
    ours = DropoutRegressor(rate).fit(X, y)
    theirs = make_pipeline(StandardScaler(), Ridge(len(y) * rate / (1 - rate))).fit(X, y)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)


# ---------------------------------------------------------------------------- the shared tables


def test_tecator_near_collinear_spectra(real_data):
    X, y = real_data("tecator_meats")
    for degree in (1, 2):  # 100 and 5,150 columns
        Z = standardised(PolynomialFeatures(degree, include_bias=False).fit_transform(X))
        strength = 0.1 * Problem(Z, y).lambda_max
        for model in (
            L1Regressor(strength),
            L1Regressor(0.1 * strength),
            L1Regressor(strength, l2_lambda=1e-3),
            L2Regressor(1e-4),
            DropoutRegressor(0.01),
            DropoutRegressor(0.01, l1_lambda=strength),
        ):
            assert_certified(model.fit(Z, y), Z, y)


@pytest.mark.parametrize("strength", [1e-6, 1e-4, 1e-2, 1.0])
def test_tecator_ridge(real_data, strength):
    X, y = real_data("tecator_meats")
    X = standardised(X)
    theirs = Ridge(len(y) * strength, solver="svd").fit(X, y)
    for solver in ("auto", "cholesky", "dual", "svd"):
        ours = L2Regressor(strength, solver=solver).fit(X, y)
        assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.02])
def test_riboflavin_lasso(real_data, fraction):
    X, y = real_data("riboflavin")
    problem = Problem(X, y)
    strength = fraction * problem.lambda_max
    ours = L1Regressor(strength, tol=TIGHT).fit(X, y)
    assert_certified(ours, X, y, tol=TIGHT)
    theirs, converged = lasso(X, y, strength)
    if converged:
        assert_coef(ours, theirs.coef_, theirs.intercept_, rtol=1e-5)


def test_wide_tables_of_genes(real_data):
    X, y = real_data("riboflavin")
    for model in (
        L2Regressor(10.0),
        DropoutRegressor(0.5),
        DropoutRegressor(0.5, l1_lambda=0.02),
        DropoutRegressor(0.5, drop_to="zero"),
    ):
        assert_certified(model.fit(X, y), X, y)
    X, y = real_data("golub_leukemia")  # raw counts of wild scales
    strength = 0.1 * Problem(X, y).lambda_max
    for model in (L1Regressor(strength), L2Regressor(1e5), DropoutRegressor(0.5)):
        assert_certified(model.fit(X, y), X, y)


def test_king_county_collinear_columns(real_data):
    """Rank 18 of 19: least squares is of minimum norm, on standardised and on raw columns."""
    X, y = real_data("king_county_housing")
    Z = standardised(X)
    theirs = LinearRegression().fit(Z, y)
    for model in (L2Regressor(0.0), L1Regressor(0.0, tol=TIGHT), DropoutRegressor(0.0)):
        assert_same_fit(model.fit(Z, y), theirs)
    most = Problem(Z, y).lambda_max
    for strength in (0.1, 0.001):
        assert_certified(L1Regressor(strength * most).fit(Z, y), Z, y)
    assert_certified(L2Regressor(1e-3).fit(X, y), X, y)
    assert_certified(DropoutRegressor(0.1).fit(X, y), X, y)


@pytest.mark.parametrize("name", ["california_housing", "bike_sharing_hour", "uci/concrete"])
def test_tall_tables_agree_with_scikit_learn(real_data, name):
    X, y = real_data(name)
    X = standardised(X)
    strength = 0.02 * Problem(X, y).lambda_max
    theirs, converged = lasso(X, y, strength)
    assert converged
    assert_same_fit(L1Regressor(strength, tol=TIGHT).fit(X, y), theirs)
    assert_same_fit(L2Regressor(0.1).fit(X, y), Ridge(0.1 * len(y)).fit(X, y))


@pytest.mark.slow
def test_imdb_sparse_text(real_data):
    """The commonest words of a part of the reviews, of which the oracle makes a dense copy."""
    counts, y = real_data("imdb_ratings")
    rows = np.random.default_rng(0).permutation(len(y))[:2000]
    words = np.argsort(-np.asarray(counts.sum(axis=0)).ravel())[:3000]
    X = TfidfTransformer().fit_transform(counts.tocsr()[rows][:, words]).tocsc()
    y = y[rows]
    strength = 0.1 * Problem(X, y).lambda_max
    for model in (
        L1Regressor(strength),
        L2Regressor(1e-3),
        DropoutRegressor(0.9, drop_to="zero"),
        DropoutRegressor(0.9),
        L1Regressor(strength, positive=True),
    ):
        assert_certified(model.fit(X, y), X, y)
    theirs = Lasso(strength, tol=1e-13, max_iter=10_000).fit(X, y)
    assert_same_fit(L1Regressor(strength, tol=TIGHT).fit(X, y), theirs)


def test_dropout_predicts_as_well_as_ridge_on_riboflavin(real_data):
    """What the README of the data says RidgeCV reaches out of fold: R2 = .68."""
    X, y = real_data("riboflavin")
    folds = KFold(10, shuffle=True, random_state=0)
    predicted = cross_val_predict(DropoutRegressor(0.95), X, y, cv=folds)
    assert 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2) > 0.6
