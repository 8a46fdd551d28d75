"""Cross-validation from the moments of folds: the choice that the rows would make."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_coef, regression
from sklearn.model_selection import KFold

from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    Moments,
)

N, P = 120, 6
V = np.array([0.0, 1, 2, np.inf, 0.5, 1])
GRID = [1.0, 0.3, 0.1, 0.01, 0.001]
MODELS = {
    "l1": L1RegressorCV(GRID),
    "elastic net": L1RegressorCV(GRID, l2_lambda=0.1),
    "l1, weights of features": L1RegressorCV(GRID, penalty_weights=V),
    "l1 without an intercept": L1RegressorCV(GRID, fit_intercept=False),
    "l1, positive": L1RegressorCV(GRID, positive=True),
    "l2": L2RegressorCV(GRID),
    "l2 without an intercept": L2RegressorCV(GRID, fit_intercept=False),
    "dropout": DropoutRegressorCV([0.9, 0.5, 0.1, 0.01]),
    "dropout to zero, l1": DropoutRegressorCV([0.9, 0.5, 0.01], drop_to="zero", l1_lambda=0.05),
}
each_model = pytest.mark.parametrize("name", MODELS)
each_class = pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV, DropoutRegressorCV])
REGRESSOR = {
    L1RegressorCV: (L1Regressor, "l1_lambda", "lambdas_"),
    L2RegressorCV: (L2Regressor, "l2_lambda", "lambdas_"),
    DropoutRegressorCV: (DropoutRegressor, "dropout_rate", "dropout_rates_"),
}
pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")


def model_of(name, **params):
    """A new estimator, with other parameters."""
    template = MODELS[name]
    return type(template)(**{**template.get_params(), **params})


def fold_moments(X, y, s, splits):
    return [
        Moments.from_data(X[test], y[test], None if s is None else s[test]) for _, test in splits
    ]


def refitted_errors(model, X, y, s, splits):
    """The errors of fits at each value of the grid on each fold: by the regressor, on rows."""
    cls, parameter, grid = REGRESSOR[type(model)]
    own, names = model.get_params(), cls().get_params().keys()
    params = {k: v for k, v in own.items() if k in names and k != "verbose"}
    errors = np.empty((len(getattr(model, grid)), len(splits)))
    for j, (train, test) in enumerate(splits):
        for k, value in enumerate(getattr(model, grid)):
            one = cls(**{**params, parameter: value})
            one.fit(X[train], y[train], None if s is None else s[train])
            missed = ((y[test] - one.predict(X[test])) ** 2).reshape(len(test), -1).mean(axis=1)
            errors[k, j] = np.average(missed, weights=None if s is None else s[test])
    return errors


# ---------------------------------------------------------------------------- from moments


@pytest.mark.parametrize(("targets", "weighted"), [(None, False), (None, True), (2, True)])
@each_model
def test_the_errors_are_those_of_fits_on_rows(name, weighted, targets):
    X, y = regression(N, P, targets=targets)
    s = np.random.default_rng(0).integers(0, 3, N).astype(float) if weighted else None
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    model = model_of(name).fit_moments(fold_moments(X, y, s, splits))
    assert_allclose(model.mse_path_, refitted_errors(model, X, y, s, splits), rtol=1e-9)
    rows = model_of(name, cv=splits).fit(X, y, s)
    assert set(vars(rows)) == set(vars(model))
    for attribute in ("mse_mean_", "mse_se_", "coef_path_", "intercept_path_", "coef_"):
        actual, expected = getattr(model, attribute), getattr(rows, attribute)
        assert_allclose(actual, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())
    chosen = REGRESSOR[type(model)][1] + "_"
    assert getattr(model, chosen) == getattr(rows, chosen)


@each_class
def test_an_automatic_grid_is_that_of_all_rows(cls):
    X, y = regression(N, P)
    splits = list(KFold(5).split(X))
    model = cls().fit_moments(fold_moments(X, y, None, splits))
    rows, grid = cls(cv=5).fit(X, y), REGRESSOR[cls][2]
    assert_allclose(getattr(model, grid), getattr(rows, grid), rtol=1e-12)
    assert_allclose(model.mse_path_, rows.mse_path_, rtol=1e-9)
    assert_coef(model, rows.coef_, rows.intercept_, rtol=1e-8)
    assert model.n_features_in_ == P
    assert np.all(model.dual_gap_ <= 1e-10 * np.var(y))


@each_class
def test_folds_far_from_zero_and_from_each_other(cls):
    """Of means of 2^12 standard deviations a merge keeps 16 - 4 digits."""
    X, y = regression(N, P)
    X, y = np.rint(X * 2**20) / 2**20, np.rint(y * 2**20) / 2**20
    splits = list(KFold(4).split(X))
    near = cls(GRID[1:]).fit_moments(fold_moments(X, y, None, splits))
    far = cls(GRID[1:]).fit_moments(fold_moments(X + 2.0**12, y - 2.0**12, None, splits))
    assert_allclose(far.mse_path_, near.mse_path_, rtol=1e-9)
    assert_coef(far, near.coef_, rtol=1e-9)


@each_class
def test_names_and_float_types_come_with_the_moments(cls):
    pd = pytest.importorskip("pandas")
    X, y = regression(N, P)
    table = pd.DataFrame(X.astype(np.float32), columns=list("abcdef"))
    folds = [Moments.from_data(table[k : k + 40], y[k : k + 40]) for k in (0, 40, 80)]
    model = cls(GRID[1:]).fit_moments(folds)
    assert_array_equal(model.feature_names_in_, list("abcdef"))
    assert model.coef_.dtype == np.float32
    assert model.predict(table).shape == (N,)
    model.fit_moments([Moments.from_data(X[k : k + 60], y[k : k + 60]) for k in (0, 60)])
    assert not hasattr(model, "feature_names_in_")


@each_class
def test_what_moments_cannot_do_is_refused(cls):
    X, y = regression(N, P)
    folds = fold_moments(X, y, None, KFold(3).split(X))
    nothing = Moments.from_data(X, y, 0.0)
    for params, message in [
        ({"scoring": "r2"}, "`scoring` needs rows"),
        ({"cv": KFold(3)}, "cv must be an integer or None"),
    ]:
        with pytest.raises(ValueError, match=message):
            cls(**params).fit_moments(folds)
    if cls is not DropoutRegressorCV:
        criterion = {L1RegressorCV: "bic", L2RegressorCV: "gcv"}[cls]
        with pytest.raises(ValueError, match="`criterion` needs rows"):
            cls(criterion=criterion).fit_moments(folds)
    with pytest.raises(ValueError, match="two folds or more; got 1"):
        cls().fit_moments(folds[:1])
    with pytest.raises(TypeError, match="one per fold; got an object of type Moments"):
        cls().fit_moments(sum(folds))
    with pytest.raises(TypeError, match=r"list of skreg\.Moments"):
        cls().fit_moments([X, X])
    with pytest.raises(ValueError, match="Fold 1 has no row of positive weight"):
        cls().fit_moments([folds[0], nothing])
    with pytest.raises(ValueError, match="5 features cannot be merged"):
        cls().fit_moments([folds[0], Moments.from_data(X[:, 1:], y)])
    model = cls().fit_moments(folds)
    before = vars(model).copy()
    with pytest.raises(TypeError):
        model.fit_moments([X])
    assert vars(model) == before


# ---------------------------------------------------------------------------- on Dask


@pytest.fixture
def da():
    return pytest.importorskip("dask.array")


@pytest.mark.parametrize(("chunks", "weighted"), [(7, True), (40, False), (55, True), (120, False)])
@each_model
def test_dask_arrays_are_cut_where_kfold_cuts(da, name, weighted, chunks):
    X, y = regression(N, P)
    s = np.random.default_rng(0).integers(0, 3, N).astype(float) if weighted else None
    lazy = [da.from_array(a, chunks=chunks) for a in (X, y, *([s] if weighted else []))]
    model, rows = model_of(name, cv=7).fit(*lazy), model_of(name, cv=7).fit(X, y, s)
    assert_allclose(model.mse_path_, rows.mse_path_, rtol=1e-9)
    assert_coef(model, rows.coef_, rows.intercept_, rtol=1e-8)
    assert_allclose(model.predict(lazy[0]).compute(), rows.predict(X), rtol=1e-7)


@each_class
def test_without_an_integer_there_are_five_folds(da, cls):
    X, y = regression(N, P)
    model = cls(GRID[1:]).fit(da.from_array(X, chunks=50), y)
    assert_allclose(model.mse_path_, cls(GRID[1:], cv=5).fit(X, y).mse_path_, rtol=1e-9)


def test_dataframes_are_cut_between_partitions():
    dd, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    X, y = regression(N, P)
    table = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    frame = dd.from_pandas(table, npartitions=6)
    model = L1RegressorCV(GRID, cv=3).fit(frame[list("abcdef")], frame["y"])
    rows = L1RegressorCV(GRID, cv=3).fit(X, y)
    assert_allclose(model.mse_path_, rows.mse_path_, rtol=1e-9)
    assert_array_equal(model.feature_names_in_, list("abcdef"))
    with pytest.raises(ValueError, match=r"7 folds need as many partitions .*; X has 6"):
        L1RegressorCV(GRID, cv=7).fit(frame[list("abcdef")], frame["y"])


def test_each_partition_is_made_once_for_all_folds(da, tmp_path):
    def made(block_info):
        (k,) = block_info[None]["chunk-location"][:1]
        with (tmp_path / "made").open("a") as file:
            file.write(f"{k}\n")
        return np.random.default_rng(k).normal(size=block_info[None]["chunk-shape"])

    X = da.map_blocks(made, chunks=((25,) * 8, (4,)), dtype=float, meta=np.empty((0, 0)))
    L2RegressorCV(GRID, cv=5).fit(X, np.arange(200.0))
    assert sorted((tmp_path / "made").read_text().split()) == sorted(map(str, range(8)))


def test_what_does_not_go_with_dask_is_refused(da):
    X, y = regression(N, P)
    lazy, spoiled = da.from_array(X, chunks=30), X.copy()
    spoiled[100, 0] = np.nan
    model = L1RegressorCV(GRID)
    with pytest.raises(ValueError, match="Partition 3: Input X contains NaN"):
        model.fit(da.from_array(spoiled, chunks=30), y)
    with pytest.raises(ValueError, match="`scoring` needs rows in memory"):
        L1RegressorCV(GRID, scoring="r2").fit(lazy, y)
    with pytest.raises(ValueError, match="cv must be an integer or None to go with Dask"):
        L1RegressorCV(GRID, cv=KFold(3)).fit(lazy, y)
    with pytest.raises(ValueError, match="`groups` needs rows in memory"):
        model.fit(lazy, y, groups=np.arange(N))
    with pytest.raises(ValueError, match="n_splits=200 greater than the number of samples"):
        L1RegressorCV(GRID, cv=200).fit(lazy, y)
    with pytest.raises(ValueError, match="Fold 0 has no row of positive weight"):
        model.fit(lazy, y, np.where(np.arange(N) < 30, 0.0, 1.0))
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(lazy, None)
    assert vars(model) == vars(L1RegressorCV(GRID))


@each_class
def test_a_number_of_folds_that_is_not_that_of_the_list_is_an_error(cls):
    X, y = regression(N, P)
    folds = fold_moments(X, y, None, list(KFold(4).split(X)))
    with pytest.raises(ValueError, match="cv=7 does not go with the moments of 4 folds"):
        cls(cv=7).fit_moments(folds)
    assert_array_equal(cls(cv=4).fit_moments(folds).coef_, cls().fit_moments(folds).coef_)
