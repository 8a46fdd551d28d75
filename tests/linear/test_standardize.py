"""`standardize=True`: the fit after a StandardScaler, in the units of X."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression, solvers_for, sparse_regression
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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

UNITS = np.geomspace(1e-2, 1e3, 12)
MODELS = {
    "lasso": L1Regressor(0.1),
    "elastic net": L1Regressor(0.1, l2_lambda=0.3),
    "ridge": L2Regressor(0.2),
    "dropout": DropoutRegressor(0.2),
    "dropout, L1 and L2": DropoutRegressor(0.2, l1_lambda=0.05, l2_lambda=0.3),
}
OPTIONS = {
    "plain": {},
    "positive": {"positive": True},
    "penalty weights": {"penalty_weights": np.array([0.0, np.inf, 2.0, 0.5] * 3)},
    "no intercept": {"fit_intercept": False},
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def data(n=50):
    """Columns of very different units, weights of the rows among which are zeros."""
    X, y = regression(n)
    return X * UNITS, y, np.arange(n) % 4 + 0.0


def both(model, **options):
    """The model that standardises, and the pipeline that does."""
    model = type(model)(**{**model.get_params(), **options})
    scaler = StandardScaler(with_mean=model.fit_intercept)
    return type(model)(**{**model.get_params(), "standardize": True}), make_pipeline(scaler, model)


def assert_same_model(model, pipeline, X, rtol=1e-8):
    """The fitted model is that of the fitted pipeline."""
    scaler, inner = pipeline
    scale = np.abs(inner.coef_).max()
    assert_allclose(model.coef_ * scaler.scale_, inner.coef_, rtol=rtol, atol=rtol * scale)
    mean = scaler.mean_ if scaler.with_mean else np.zeros_like(scaler.scale_)
    intercept = inner.intercept_ - model.coef_ @ mean
    predictions = pipeline.predict(X)
    size = np.abs(predictions).max() + np.abs(model.coef_) @ np.abs(mean)
    assert_allclose(model.intercept_, intercept, rtol=rtol, atol=rtol * size)
    assert_allclose(model.predict(X), predictions, rtol=rtol, atol=rtol * size)


@each_option
@each_model
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fit_is_that_of_the_pipeline(model, options, weighted):
    X, y, s = data()
    s = s if weighted else None
    model, pipeline = both(model, **options)
    name = type(pipeline[-1]).__name__.lower()
    pipeline.fit(X, y, standardscaler__sample_weight=s, **{f"{name}__sample_weight": s})
    assert_same_model(model.fit(X, y, sample_weight=s), pipeline, X)


@each_model
def test_with_more_features_than_rows(model):
    X, y, _ = data(8)
    model, pipeline = both(model)
    assert_same_model(model.fit(X, y), pipeline.fit(X, y), X)


@each_model
def test_several_targets(model):
    X, Y = regression(targets=3)
    model, pipeline = both(model)
    pipeline.fit(X * UNITS, Y)
    assert_allclose(model.fit(X * UNITS, Y).predict(X * UNITS), pipeline.predict(X * UNITS))


@each_model
def test_every_solver_finds_it(model):
    X, y, s = data()
    l1 = model.get_params().get("l1_lambda", 0.0)
    model = both(model)[0]
    expected = model.fit(X, y, sample_weight=s).predict(X)
    for solver in solvers_for(type(model), l1=l1):
        fitted = model.set_params(solver=solver).fit(X, y, sample_weight=s)
        assert_allclose(fitted.predict(X), expected, rtol=1e-7)


def test_the_training_loops_descend_on_it():
    """To standardise is to weigh the L1 penalty by the deviations and the L2 penalty by squares."""
    X, y = regression()
    for model, v in (
        (L1Regressor(0.1, solver="subgradient"), X.std(axis=0)),
        (L2Regressor(0.2, solver="gradient"), X.var(axis=0)),
        (DropoutRegressor(0.2, l2_lambda=0.2, solver="mask", random_state=0), X.var(axis=0)),
    ):
        model.set_params(max_iter=50, tol=0)
        expected = model.set_params(penalty_weights=v).fit(X, y).coef_
        fitted = model.set_params(penalty_weights=None, standardize=True).fit(X, y)
        assert_allclose(fitted.coef_, expected, rtol=1e-9)


@each_option
@each_model
def test_sparse_rows_are_rows(model, options):
    X, y = sparse_regression(p=12)
    X = X @ sp.diags_array(UNITS)
    model = both(model, **options)[0]
    dense = model.fit(X.toarray(), y).coef_ * UNITS
    assert_allclose(model.fit(X, y).coef_ * UNITS, dense, rtol=1e-8, atol=1e-9)


def test_x_is_neither_changed_nor_kept():
    X, y, s = data()
    before = X.copy()
    model = L1Regressor(standardize=True).fit(X, y, sample_weight=s)
    assert_array_equal(X, before)
    assert not any(np.shape(value) == X.shape for value in vars(model).values())


@each_option
@each_model
def test_moments_and_batches(model, options):
    X, y, s = data()
    model = both(model, **options)[0]
    expected = model.fit(X, y, sample_weight=s).coef_ * UNITS
    model.fit_moments(Moments.from_data(X, y, s))
    assert_allclose(model.coef_ * UNITS, expected, rtol=1e-8, atol=1e-9)
    stream = both(model)[0]
    for rows in np.array_split(np.arange(len(y)), 3):
        stream.partial_fit(X[rows], y[rows], s[rows])
    assert_allclose(stream.coef_ * UNITS, expected, rtol=1e-8, atol=1e-9)


def test_dask_collections():
    array = pytest.importorskip("dask.array")
    X, y, _ = data()
    model = L1Regressor(standardize=True)
    expected = model.fit(X, y).coef_
    lazy = array.from_array(X, chunks=(20, 12)), array.from_array(y, chunks=20)
    assert_allclose(model.fit(*lazy).coef_, expected, rtol=1e-8)
    search = L1RegressorCV(standardize=True, cv=5)
    assert_allclose(search.fit(*lazy).l1_lambda_, search.fit(X, y).l1_lambda_)


def test_dropout_to_the_mean_is_the_same():
    X, y, _ = data()
    model, pipeline = both(DropoutRegressor(0.3))
    assert_array_equal(model.fit(X, y).coef_, pipeline[-1].fit(X, y).coef_)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "dropout"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_columns_without_spread_keep_their_unit(name, form, fit_intercept):
    X, y, _ = data()
    X = X.copy()
    X[:, 3], X[:, 5], X[:, 7] = 0.0, 0.1, 0.3
    X[::2, 7] += np.spacing(0.3)
    model, pipeline = both(MODELS[name], fit_intercept=fit_intercept)
    model.fit(form(X), y)
    assert_same_model(model, pipeline.fit(X, y), X)
    assert_allclose(model.coef_[[3, 5, 7] if fit_intercept else [3]], 0, atol=1e-12)
    model.fit_moments(Moments.from_data(form(X), y))
    assert_same_model(model, pipeline, X, rtol=1e-7)


@pytest.mark.parametrize("model", [L1Regressor(), L1Regressor(l2_lambda=0.1), L2Regressor()])
def test_paths_and_their_grids(model):
    X, y, s = data()
    model, pipeline = both(model)
    scaler, inner = pipeline
    Z = scaler.fit(X, sample_weight=s).transform(X)
    expected = regularization_path(inner, Z, y, sample_weight=s, n_values=20)
    path = regularization_path(model, X, y, sample_weight=s, n_values=20)
    assert_allclose(path.values, expected.values, rtol=1e-10)
    assert_allclose(path.coefs * scaler.scale_, expected.coefs, rtol=1e-7, atol=1e-8)


def test_the_solution_path_reaches_zero_at_its_start():
    X, y, _ = data()
    start = regularization_path(L1Regressor(standardize=True), X, y, n_values=1).values[0]
    below = L1Regressor(start * (1 - 1e-6), standardize=True).fit(X, y)
    above = L1Regressor(start * (1 + 1e-9), standardize=True).fit(X, y)
    assert np.count_nonzero(below.coef_) == 1
    assert not above.coef_.any()


# -------------------------------------------------------------------------------- searches

SEARCHES = {
    "lasso": (L1RegressorCV, "l1_lambda", {}),
    "elastic net": (L1RegressorCV, "l1_lambda", {"l2_lambda": 0.1}),
    "positive": (L1RegressorCV, "l1_lambda", {"positive": True}),
    "ridge": (L2RegressorCV, "l2_lambda", {}),
    "dropout and L1": (DropoutRegressorCV, "dropout_rate", {"l1_lambda": 0.1, "l2_lambda": 0.1}),
}
REGRESSORS = {
    L1RegressorCV: L1Regressor,
    L2RegressorCV: L2Regressor,
    DropoutRegressorCV: DropoutRegressor,
}
END_OF_GRID = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


@END_OF_GRID
@pytest.mark.parametrize("n", [50, 13], ids=["tall", "wide"])
@pytest.mark.parametrize(("cls", "parameter", "options"), SEARCHES.values(), ids=SEARCHES)
def test_each_fold_takes_its_own_deviations(cls, parameter, options, n):
    """As the pipeline does in a GridSearchCV: errors, choice and model are the same."""
    X, y, _ = data(n)
    X[: n // 2, 4] *= 10  # the folds' deviations differ
    values, folds = np.geomspace(0.9, 1e-3, 5), KFold(3, shuffle=True, random_state=0)
    search = cls(values, cv=folds, standardize=True, **options).fit(X, y)
    inner = REGRESSORS[cls](**options)
    step = type(inner).__name__.lower()
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), inner),
        {f"{step}__{parameter}": values},
        cv=folds,
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    errors = np.array([-grid.cv_results_[f"split{k}_test_score"] for k in range(3)]).T
    assert_allclose(search.mse_path_, errors, rtol=1e-6)
    assert getattr(search, f"{parameter}_") == grid.best_params_[f"{step}__{parameter}"]
    assert_same_model(search, grid.best_estimator_, X, rtol=1e-7)


@END_OF_GRID
@pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV])
def test_automatic_grids_are_those_of_standardised_columns(cls):
    X, y, s = data()
    scaler = StandardScaler().fit(X, sample_weight=s)
    search = cls(10, standardize=True).fit(X, y, sample_weight=s)
    scaled = cls(10).fit(scaler.transform(X), y, sample_weight=s)
    assert_allclose(search.lambdas_, scaled.lambdas_, rtol=1e-10)
    assert_allclose(search.coef_path_ * scaler.scale_, scaled.coef_path_, rtol=1e-6, atol=1e-7)


@END_OF_GRID
def test_leaving_one_out_keeps_the_deviations_of_all_rows():
    X, y, _ = data()
    lambdas = np.geomspace(1, 1e-4, 20)
    search = L2RegressorCV(lambdas, standardize=True).fit(X, y)
    ridge = RidgeCV(lambdas * len(y)).fit(StandardScaler().fit_transform(X), y)
    assert_allclose(search.l2_lambda_ * len(y), ridge.alpha_)
    assert_allclose(-search.mse_mean_.min(), ridge.best_score_, rtol=1e-8)


@END_OF_GRID
def test_criteria_choose_as_on_standardised_columns():
    X, y, _ = data()
    Z = StandardScaler().fit_transform(X)
    for search in (L1RegressorCV(criterion="bic", l2_lambda=0.1), L2RegressorCV(criterion="gcv")):
        expected = search.fit(Z, y).criterion_path_
        search.set_params(standardize=True).fit(X, y)
        assert_allclose(search.criterion_path_, expected, rtol=1e-7)


@END_OF_GRID
@pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV, DropoutRegressorCV])
def test_searches_of_moments(cls):
    X, y, _ = data()
    parts = np.array_split(np.arange(len(y)), 5)
    search = cls(10, cv=5, standardize=True)
    expected = search.fit(X, y).mse_path_
    search.fit_moments([Moments.from_data(X[rows], y[rows]) for rows in parts])
    assert_allclose(search.mse_path_, expected, rtol=1e-6)


@END_OF_GRID
def test_a_column_that_is_constant_in_a_fold():
    X, y, _ = data()
    X[10:, 2] = 5.0  # varies in the first of five folds alone
    values, step = np.geomspace(1, 1e-2, 6), "l1regressor__l1_lambda"
    search = L1RegressorCV(values, standardize=True).fit(X, y)
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), L1Regressor()),
        {step: values},
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    assert_allclose(search.mse_mean_, -grid.cv_results_["mean_test_score"], rtol=1e-6)
    assert search.l1_lambda_ == grid.best_params_[step]


@pytest.mark.parametrize("cls", [L1Regressor, L2Regressor, DropoutRegressor, *REGRESSORS])
def test_it_is_true_or_false(cls):
    with pytest.raises(ValueError, match="'standardize' parameter"):
        cls(standardize="yes").fit(*regression())
