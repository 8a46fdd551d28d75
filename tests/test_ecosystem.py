"""A tour of scikit-learn as users take it: each of its tools with these estimators."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import regression
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import Lasso, LassoCV, LinearRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_pinball_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils import estimator_html_repr

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
)

pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")
REGRESSORS = [L1Regressor, L2Regressor, DropoutRegressor]
SEARCHES = [L1RegressorCV, L2RegressorCV, DropoutRegressorCV]
each = pytest.mark.parametrize("cls", REGRESSORS)
every = pytest.mark.parametrize("cls", [*REGRESSORS, *SEARCHES])
each_search = pytest.mark.parametrize("cls", SEARCHES)
X, Y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
STRENGTH = {
    L1Regressor: "l1_lambda",
    L2Regressor: "l2_lambda",
    DropoutRegressor: "dropout_rate",
}


def table(n=120):
    """A frame with numbers and categories, and its target."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    city = rng.choice(["Bonn", "Graz", "Oslo"], n)
    frame = pandas.DataFrame({"area": rng.uniform(30, 200, n), "age": rng.uniform(0, 90, n)})
    price = 3 * frame["area"] - frame["age"] + 40 * (city == "Oslo") + rng.normal(size=n)
    return frame.assign(city=city), price


def prepared(model, **output):
    """A pipeline from such a frame to a model."""
    columns = make_column_transformer(
        (StandardScaler(), ["area", "age"]),
        (OneHotEncoder(sparse_output=False), ["city"]),
        verbose_feature_names_out=False,
    )
    return make_pipeline(columns.set_output(**output) if output else columns, model)


# ---------------------------------------------------------------------------- pipelines


@every
def test_a_table_with_categories_through_a_column_transformer(cls):
    frame, price = table()
    model = prepared(cls(), transform="pandas").fit(frame, price)
    assert model.score(frame, price) > 0.7
    names = [*("area", "age"), *(f"city_{name}" for name in ("Bonn", "Graz", "Oslo"))]
    assert_array_equal(model[-1].feature_names_in_, names)
    plain = prepared(cls()).fit(frame, price)
    assert_allclose(model.predict(frame), plain.predict(frame), rtol=1e-9)
    with pytest.raises(ValueError, match="columns are missing"):
        model.predict(frame.drop(columns="age"))


@pytest.mark.parametrize("output", ["pandas", "polars"])
@each
def test_set_output_hands_on_the_names_of_polynomials(cls, output):
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip(output)
    data, y = regression(60, 3)
    frame = pandas.DataFrame(data, columns=list("abc"))
    plain = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), cls())
    model = clone(plain).set_output(transform=output).fit(frame, y)
    if not hasattr(model[1], "feature_names_in_"):
        pytest.skip("this scikit-learn does not know the names in this kind of frame")
    assert "a b" in model[-1].feature_names_in_
    assert_allclose(model.predict(frame), plain.fit(data, y).predict(data), rtol=1e-9)


@every
def test_sample_weights_reach_the_last_step(cls):
    s = np.random.default_rng(0).integers(1, 4, len(Y)).astype(float)
    expected = cls().fit(StandardScaler().fit_transform(X), Y, sample_weight=s)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", cls())])
    assert_allclose(pipeline.fit(X, Y, model__sample_weight=s)[-1].coef_, expected.coef_, rtol=1e-9)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, cls().set_fit_request(sample_weight=True))
        scorer = get_scorer("r2").set_score_request(sample_weight=True)
        search = GridSearchCV(
            routed, {f"{cls.__name__.lower()}__tol": [1e-10]}, cv=2, scoring=scorer
        )
        search.fit(X, Y, sample_weight=s)
    assert_allclose(search.best_estimator_[-1].coef_, expected.coef_, rtol=1e-7, atol=1e-9)


@every
def test_html_and_text_representations(cls):
    model = make_pipeline(StandardScaler(), cls(tol=1e-8))
    for html in (estimator_html_repr(model), estimator_html_repr(model.fit(X, Y))):
        assert cls.__name__ in html
    assert repr(model[-1]) == f"{cls.__name__}(tol=1e-08)"
    assert cls.__name__ in model[-1]._repr_html_()


@every
def test_pipelines_are_cloned_and_pickled(cls):
    model = make_pipeline(StandardScaler(), cls()).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_allclose(clone(again).fit(X, Y).predict(X), model.predict(X), rtol=1e-9)


@every
def test_a_transformed_target(cls):
    logs = TransformedTargetRegressor(cls(), func=np.log, inverse_func=np.exp).fit(X, Y)
    assert_allclose(logs.predict(X), np.exp(cls().fit(X, np.log(Y)).predict(X)), rtol=1e-8)
    scaled = TransformedTargetRegressor(cls(), transformer=StandardScaler()).fit(X, Y)
    assert scaled.predict(X).shape == Y.shape


# ---------------------------------------------------------------------------- searches


@each
def test_grid_search_over_the_strength_in_a_pipeline(cls):
    data, y = regression(40, 30)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", cls())])
    grid = {f"model__{STRENGTH[cls]}": [0.01, 0.1, 0.5, 0.9]}
    search = GridSearchCV(pipeline, grid, cv=5).fit(data, y)
    baseline = cross_val_score(make_pipeline(StandardScaler(), LinearRegression()), data, y).mean()
    assert search.best_score_ > baseline


@each
def test_halving_and_randomised_searches_over_the_strength(cls):
    grid = {STRENGTH[cls]: np.geomspace(1e-3, 0.9, 6)}
    halving = HalvingGridSearchCV(cls(), grid, cv=3, random_state=0).fit(X, Y)
    randomised = RandomizedSearchCV(cls(), grid, n_iter=3, cv=3, random_state=0).fit(X, Y)
    for search in (halving, randomised):
        assert search.best_estimator_.score(X, Y) > 0.2
        assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))


@each_search
def test_a_search_of_ours_inside_a_cross_validation(cls):
    scores = cross_validate(cls(10), X, Y, cv=3, return_estimator=True)
    assert scores["test_score"].mean() > 0.3
    assert all(hasattr(model, "coef_") for model in scores["estimator"])


@each
def test_cross_val_predict_learning_curve_and_validation_curve(cls):
    predicted = cross_val_predict(cls(0.01), X, Y, cv=3)
    assert 1 - np.mean((Y - predicted) ** 2) / np.var(Y) > 0.3
    _, train, test = learning_curve(cls(0.01), X, Y, cv=3, train_sizes=[0.2, 1.0])
    assert test[1].mean() > test[0].mean() - 0.1
    _, *incremental = learning_curve(
        cls(0.01), X, Y, cv=3, train_sizes=[0.2, 1.0], exploit_incremental_learning=True
    )
    assert_allclose(incremental, [train, test], rtol=1e-8)
    values = [0.001, 0.01, 0.5]
    train, _ = validation_curve(cls(), X, Y, param_name=STRENGTH[cls], param_range=values, cv=3)
    assert np.all(np.diff(train.mean(axis=1)) < 0)


@each_search
def test_splitters_with_groups_and_times(cls):
    groups = np.arange(len(Y)) // 50
    folds = list(GroupKFold(3).split(X, Y, groups))
    assert cls(5, cv=folds).fit(X, Y).mse_path_.shape == (5, 3)
    assert cls(5, cv=TimeSeriesSplit(3)).fit(X, Y).mse_path_.shape == (5, 3)
    with config_context(enable_metadata_routing=True):
        routed = cls(5, cv=GroupKFold(3)).fit(X, Y, groups=groups)
    assert_allclose(routed.mse_path_, cls(5, cv=folds).fit(X, Y).mse_path_)


# ---------------------------------------------------------------------------- scorers

WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, len(Y))
SCORERS = {
    "a function without weights": lambda model, X, y: -abs(y - model.predict(X)).mean(),
    "neg_max_error": "neg_max_error",
    "r2": "r2",
    "reads coef_": lambda model, X, y: (
        -abs(y - model.predict(X)).mean() - 0.01 * np.sum(model.coef_ != 0)
    ),
    "reads the parameters": lambda model, X, y: (
        -abs(y - model.predict(X)).mean() - float(model.get_params()["fit_intercept"])
    ),
    "looks at X": lambda model, X, y: -abs(y - model.predict(X))[X[:, 0] < 0].mean(),
    "predicts some rows": lambda model, X, y: -abs(y[:20] - model.predict(X[:20])).mean(),
    "a made scorer": make_scorer(mean_pinball_loss, alpha=0.8, greater_is_better=False),
}


@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight:UserWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", SCORERS)
def test_any_scorer_of_grid_search_scores_the_folds_as_there(name, weighted):
    """RidgeCV(cv=3), too, is a grid search; one that takes no weights is given none."""
    scoring, values = SCORERS[name], np.array([0.9, 0.1, 0.01])
    for cls, search in zip(REGRESSORS, SEARCHES, strict=True):
        s = WEIGHTS if weighted else None
        model = search(values, cv=3, scoring=scoring).fit(X, Y, sample_weight=s)
        assert np.all(np.isfinite(model.score_path_))
        if not weighted:
            theirs = GridSearchCV(cls(), {STRENGTH[cls]: values}, cv=3, scoring=scoring).fit(X, Y)
            expected = theirs.cv_results_["mean_test_score"]
            assert_allclose(model.score_path_.mean(axis=1), expected, rtol=1e-6)
            assert_allclose(model.coef_, theirs.best_estimator_.coef_, rtol=1e-6)


# ---------------------------------------------------------------------------- selection


@pytest.mark.parametrize(
    "model",
    [
        L1Regressor(0.1),
        L1Regressor(0.5, l2_lambda=1e-3),
        L1RegressorCV(20),
        L1Regressor(0.1, positive=True),
    ],
    ids=repr,
)
def test_select_from_model_keeps_the_nonzero_features(model):
    selector = SelectFromModel(model).fit(X, Y)
    assert_array_equal(selector.get_support(), selector.estimator_.coef_ != 0)
    assert 0 < selector.get_support().sum() < X.shape[1]
    pipeline = make_pipeline(SelectFromModel(model), LinearRegression()).fit(X, Y)
    assert pipeline[-1].n_features_in_ == np.count_nonzero(selector.estimator_.coef_)


def test_select_from_model_keeps_what_it_keeps_of_lasso():
    for ours, theirs in [(L1Regressor(0.1), Lasso(0.1)), (L1RegressorCV(), LassoCV())]:
        kept = [SelectFromModel(model).fit(X, Y).get_support() for model in (ours, theirs)]
        assert_array_equal(*kept)
    kept = [SelectFromModel(m).fit(X, Y).get_support() for m in (L2Regressor(0.01), Ridge(4.42))]
    assert_array_equal(*kept)  # the mean of the sizes, as for every model that is not sparse
    given = SelectFromModel(L1Regressor(0.1), threshold="median").fit(X, Y)
    assert given.threshold_ == np.median(abs(given.estimator_.coef_))
    targets = SelectFromModel(L1Regressor(0.1)).fit(X, np.column_stack([Y, Y**2]))
    assert targets.get_support().sum() > 0


@each
def test_recursive_and_sequential_elimination(cls):
    chosen = RFE(cls(0.001), n_features_to_select=4).fit(X, Y)
    expected = RFE(LinearRegression(), n_features_to_select=4).fit(X, Y)
    assert_array_equal(chosen.support_, expected.support_)
    assert RFECV(cls(0.001), cv=3).fit(X, Y).n_features_ >= 2
    sequential = SequentialFeatureSelector(cls(0.001), n_features_to_select=2, cv=2)
    assert {2, 8} == set(np.flatnonzero(sequential.fit(X, Y).get_support()))


@every
def test_permutation_importance_and_partial_dependence(cls):
    model = cls().fit(X, Y)
    importance = permutation_importance(model, X, Y, n_repeats=2, random_state=0)
    assert np.argmax(importance.importances_mean) in (2, 4, 8)
    effect = partial_dependence(model, X, [2], kind="average", grid_resolution=5)
    slope = np.diff(effect["average"][0]) / np.diff(effect["grid_values"][0])
    assert_allclose(slope, model.coef_[2], rtol=1e-6)


# ---------------------------------------------------------------------------- ensembles


@every
def test_ensembles_and_several_outputs(cls):
    members = [("ours", cls()), ("theirs", Ridge())]
    for ensemble in (
        BaggingRegressor(cls(), n_estimators=3, random_state=0),
        StackingRegressor(members, final_estimator=cls(), cv=3),
        VotingRegressor(members),
    ):
        assert ensemble.fit(X, Y).score(X, Y) > 0.1
    both = np.column_stack([Y, Y[::-1]])
    apart = MultiOutputRegressor(cls()).fit(X, both)
    assert_allclose(apart.predict(X)[:, 0], cls().fit(X, Y).predict(X), rtol=1e-7)
    assert RegressorChain(cls()).fit(X, both).predict(X).shape == both.shape


@each
def test_one_model_for_several_targets_is_the_models_of_each(cls):
    both = np.column_stack([Y, np.log(Y)])
    together = cls(0.01).fit(X, both)
    apart = MultiOutputRegressor(cls(0.01)).fit(X, both)
    assert_allclose(together.predict(X), apart.predict(X), rtol=1e-6)
    assert together.score(X, both) == pytest.approx(apart.score(X, both))


@every
def test_a_column_of_targets_has_the_shapes_of_linear_regression(cls):
    pandas = pytest.importorskip("pandas")
    theirs = LinearRegression().fit(X, Y[:, None])
    for column in (Y[:, None], pandas.DataFrame({"y": Y})):
        ours = cls().fit(X, column)
        for name in ("coef_", "intercept_"):
            assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name))
        assert ours.predict(X).shape == theirs.predict(X).shape


@each
def test_column_transformers_that_pass_some_columns_on(cls):
    data, y = regression(60, 6)
    rest = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2])], remainder="passthrough")
    model = make_pipeline(rest, cls(0.01)).fit(data, y)
    assert model.score(data, y) > 0.8
