"""The comparison: what it makes of a table, and its numbers beside an independent computation."""

import os
import re
import warnings
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold

from skreg.cli.compare import (
    RIDGES,
    SHARES,
    Candidate,
    InputError,
    Table,
    candidates,
    compare,
    judge,
    load_builtin,
    load_csv,
    spread,
)

pd = pytest.importorskip("pandas")

AMES = Path(__file__).parents[3] / "shared" / "data" / "ames_housing.csv.xz"


def houses(n_rows: int = 60) -> "pd.DataFrame":
    """Return a table with every kind of column: numbers, booleans, text, an id, missing values."""
    rng = np.random.default_rng(0)
    area, rooms = rng.uniform(40, 200, n_rows), rng.integers(1, 7, n_rows)
    town = rng.choice(["Ulm", "Bonn", "Kiel"], n_rows)
    garden = rng.random(n_rows) < 0.5
    price = 3 * area + 20 * rooms + 50 * (town == "Bonn") + 30 * garden + rng.normal(0, 20, n_rows)
    frame = pd.DataFrame({"id": [f"h{i:05d}" for i in range(n_rows)], "area": area, "rooms": rooms})
    frame = frame.assign(town=town, garden=garden, empty=np.nan, price=price)
    frame["rooms"] = frame["rooms"].astype(float)
    frame.loc[[3, 8], "rooms"] = np.nan
    frame.loc[[5, 9, 12], "town"] = np.nan
    return frame


def saved(frame: "pd.DataFrame", path: Path, **options) -> str:
    frame.to_csv(path, index=False, **options)
    return str(path)


def prepared(table: Table) -> "pd.DataFrame":
    prepare = clone(table.prepare).fit(table.X)
    return pd.DataFrame(prepare.transform(table.X), columns=prepare.get_feature_names_out())


# What becomes of a table


def test_builtin_is_the_diabetes_data():
    table = load_builtin()
    assert table.X.shape == (442, 10)
    assert table.y.shape == (442,)
    assert table.columns[:3] == ["age", "sex", "bmi"]


def test_csv_is_read_in_full(tmp_path):
    frame = houses()
    frame.loc[[0, 1], "price"] = np.nan
    table = load_csv(saved(frame, tmp_path / "houses.csv"), "price")
    assert table.columns == ["id", "area", "rooms", "town", "garden"]
    assert table.left_out == ["2 rows without a target", "1 empty column"]
    np.testing.assert_allclose(table.y, frame["price"][2:], rtol=1e-12)

    X = prepared(table)
    assert list(X.columns) == [
        "number__area",
        "number__rooms",
        "number__garden",
        "category__id=(rare)",
        "category__town=Bonn",
        "category__town=Kiel",
        "category__town=Ulm",
        "category__town=(rare)",
    ]
    numbers = frame[2:][["area", "rooms", "garden"]].astype(float)
    numbers = numbers.fillna(numbers.median())
    expected = (numbers - numbers.mean()) / numbers.std(ddof=0)
    np.testing.assert_allclose(X.iloc[:, :3], expected, atol=1e-12)
    town = frame[2:]["town"].reset_index(drop=True)
    np.testing.assert_array_equal(X["category__town=Bonn"], town == "Bonn")
    np.testing.assert_array_equal(X["category__town=(rare)"], town.isna())


def test_a_common_missing_value_is_a_category(tmp_path):
    frame = houses()
    frame.loc[:19, "town"] = np.nan
    X = prepared(load_csv(saved(frame, tmp_path / "houses.csv"), "price"))
    np.testing.assert_array_equal(X["category__town=(missing)"], frame["town"].isna())


def test_ids_do_not_become_a_column_per_row(tmp_path):
    frame = pd.concat([houses(300)] * 4, ignore_index=True)
    frame["id"] = [f"h{i}" for i in range(len(frame))]
    table = load_csv(saved(frame, tmp_path / "houses.csv"), "price")
    assert prepared(table).shape[1] < 10


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators(tmp_path, separator):
    expected = load_csv(saved(houses(), tmp_path / "a.csv"), "price")
    table = load_csv(saved(houses(), tmp_path / "b.csv", sep=separator), "price")
    assert table.columns == expected.columns
    np.testing.assert_array_equal(table.y, expected.y)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(tmp_path, separator):
    """As spreadsheets write them in half of Europe; rows differ in how many commas they have."""
    frame = houses()
    frame.loc[::3, "price"] = 7.0
    expected = load_csv(saved(frame, tmp_path / "a.csv"), "price")
    written = saved(frame, tmp_path / "b.csv", sep=separator, decimal=",")
    Path(written).write_text(re.sub(r"\b7,0\b", "7", Path(written).read_text()))
    table = load_csv(written, "price")
    np.testing.assert_array_equal(table.y, expected.y)
    pd.testing.assert_frame_equal(table.X, expected.X)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_pipe_is_read_once(tmp_path):
    text = Path(saved(houses(), tmp_path / "houses.csv")).read_text()
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_text, args=[text])
    writer.start()
    assert len(load_csv(str(tmp_path / "pipe"), "price").y) == 60
    writer.join()


def test_compressed_table(tmp_path):
    table = load_csv(saved(houses(), tmp_path / "houses.csv.xz"), "price")
    assert table.X.shape == (60, 5)


def test_infinite_and_enormous_numbers_count_as_missing(tmp_path):
    frame = houses()
    frame.loc[0, "area"], frame.loc[1, "area"] = np.inf, -1e200
    frame.loc[2, "price"] = np.inf
    table = load_csv(saved(frame, tmp_path / "houses.csv"), "price")
    assert len(table.y) == 59
    assert table.X["area"].isna().sum() == 2


def test_row_numbers_are_left_out(tmp_path):
    houses().to_csv(tmp_path / "houses.csv")
    table = load_csv(str(tmp_path / "houses.csv"), "price")
    assert table.columns == ["id", "area", "rooms", "town", "garden"]
    assert table.left_out == ["1 unnamed column", "1 empty column"]


def test_mixed_columns_are_text(tmp_path):
    frame = houses()
    frame["mixed"] = ["1", "True", "x"] * 20
    frame["flag"] = [True, False, None] * 20
    X = prepared(load_csv(saved(frame, tmp_path / "houses.csv"), "price"))
    mixed = [name for name in X.columns if "mixed" in name or "flag" in name]
    assert mixed == [
        "category__mixed=1",
        "category__mixed=True",
        "category__mixed=x",
        "category__flag=(missing)",
        "category__flag=False",
        "category__flag=True",
    ]


def test_a_column_may_be_empty_in_a_training_fold(tmp_path):
    frame = houses()
    frame["sparse"], frame["note"] = np.nan, np.nan
    frame.loc[4, "sparse"] = 1.0
    frame["note"] = frame["note"].astype(object)
    frame.loc[4, "note"] = "x"
    table = load_csv(saved(frame, tmp_path / "houses.csv"), "price")
    result = judge(table, candidates(table.y)[0])
    assert np.isfinite(result.r2).all()


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "y", "as CSV: No columns"),
        ("a,y\n", "y", "no usable row"),
        ("a,y\n1,\n2,\n", "y", "no usable row"),
        ("y\n1\n2\n", "y", "no feature"),
        ("a,y\n,1\n,2\n", "y", "no feature"),
        ("a,y\n1,1\n2,2\n", "y", "2 usable rows; 5 folds need at least 10"),
        ("a,y\n" + "1,3\n" * 20, "y", "constant"),
        ("a,y\n1,1\n2,dear\n", "y", "not numeric: it holds 'dear'"),
        ("Price,area\n1,1\n", "price", "did you mean 'Price'?"),
        ("area,prices,prize\n1,1,1\n", "price", "did you mean 'prices' or 'prize'?"),
        ("a,b\n1,1\n", "price", "its columns are 'a', 'b'"),
        (",".join("abcdefghij") + "\n", "price", "'h' and 2 more"),
        ('a,b\n1,"x\n', "b", "as CSV"),
    ],
)
def test_unusable_tables(tmp_path, text, target, message):
    path = tmp_path / "houses.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_csv(str(path), target)
    assert message in str(error.value)


# Its numbers


def test_candidates_share_one_scale():
    table = load_builtin()
    X = table.prepare.fit_transform(table.X)
    models = {model.name: model for model in candidates(table.y)}
    pairs = [
        ("Ridge", "L2Regressor"),
        ("Lasso", "L1Regressor"),
        ("DropoutRegressor", "L2Regressor"),
    ]
    for one, other in pairs:
        for a, b in zip(models[one].strengths, models[other].strengths, strict=True):
            if one == "Lasso":  # its default tolerance is loose
                models[one].estimator.set_params(tol=1e-12, max_iter=10**5)
            first, second = (m.fit(X, table.y) for m in (models[one].at(a), models[other].at(b)))
            np.testing.assert_allclose(first.coef_, second.coef_, rtol=1e-6, atol=1e-6)


def test_the_strongest_l1_candidate_leaves_nothing(tmp_path):
    table = load_csv(saved(houses(), tmp_path / "houses.csv"), "price")
    model = candidates(table.y)[3]
    assert not model.at(model.strengths[-1]).fit(prepared(table).to_numpy(), table.y).coef_.any()


def least_squares(X, y, strength):
    return np.linalg.lstsq(X, y, rcond=None)[0]


def ridge(X, y, strength):
    return np.linalg.solve(X.T @ X + len(X) * strength * np.eye(X.shape[1]), X.T @ y)


def dropout(X, y, strength):
    odds = strength / (1 - strength)
    return np.linalg.solve(X.T @ X + odds * np.diag(np.diag(X.T @ X)), X.T @ y)


def lasso(X, y, strength):
    return Lasso(strength, fit_intercept=False, tol=1e-12, max_iter=10**5).fit(X, y).coef_


def fit_and_predict(solve, strength, X, y, X_new):
    mean = X.mean(axis=0)
    return (X_new - mean) @ solve(X - mean, y - y.mean(), strength) + y.mean()


def choice(solve, strengths, X, y):
    """The strength with the least mean, over 5 folds, of the mean squared error."""
    errors = np.zeros(len(strengths))
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        for i, strength in enumerate(strengths):
            guess = fit_and_predict(solve, strength, X[train], y[train], X[test])
            errors[i] += np.mean((y[test] - guess) ** 2)
    return strengths[errors.argmin()]


@pytest.mark.parametrize(
    ("name", "solve", "grid"),
    [
        ("LinearRegression", least_squares, lambda y: [None]),
        ("L1Regressor", lasso, lambda y: y.std() * SHARES),
        ("L2Regressor", ridge, lambda y: RIDGES),
        ("DropoutRegressor", dropout, lambda y: RIDGES / (1 + RIDGES)),
    ],
)
def test_scores_and_choice_agree_with_a_loop_by_hand(name, solve, grid):
    table = load_builtin()
    X, y = table.X, table.y
    strengths = grid(y)
    scores = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        mean, sd = X[train].mean(axis=0), X[train].std(axis=0)
        X_train, X_test = (X[train] - mean) / sd, (X[test] - mean) / sd
        strength = choice(solve, strengths, X_train, y[train])
        error = y[test] - fit_and_predict(solve, strength, X_train, y[train], X_test)
        scores.append((1 - error.var() / y[test].var() - error.mean() ** 2 / y[test].var(), error))
    candidate = next(model for model in candidates(y) if model.name == name)
    result = judge(table, candidate)
    np.testing.assert_allclose(result.r2, [r2 for r2, _ in scores], rtol=1e-6)
    rmse = [np.sqrt(np.mean(error**2)) for _, error in scores]
    np.testing.assert_allclose(result.rmse, rmse, rtol=1e-6)

    X = (X - X.mean(axis=0)) / X.std(axis=0)
    strength = choice(solve, strengths, X, y)
    assert result.strength == strength
    np.testing.assert_allclose(result.coef, solve(X, y - y.mean(), strength), rtol=1e-5, atol=1e-8)
    assert result.fit_seconds > 0
    assert result.unconverged == 0
    assert not result.at_edge


class Stubborn(RegressorMixin, BaseEstimator):
    """Predicts its strength, and says each time that it did not converge."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y):
        warnings.warn("not there yet", ConvergenceWarning, stacklevel=2)
        self.coef_ = np.zeros(X.shape[1])
        return self

    def predict(self, X):
        return np.full(len(X), self.strength)


def test_unconverged_fits_are_counted_and_an_edge_is_marked():
    table = load_builtin()
    candidate = Candidate("stubborn", Stubborn(), "strength", [1.0, 2.0, 150.0])
    result = judge(table, candidate)
    assert result.unconverged == 6 * (3 * 5 + 1) + 5
    assert result.at_edge
    assert result.strength == 150.0


class Deprecated(Stubborn):
    """Warns of something else than convergence."""

    def fit(self, X, y):
        warnings.warn("soon gone", FutureWarning, stacklevel=2)
        self.coef_ = np.zeros(X.shape[1])
        return self


def test_other_warnings_are_not_swallowed():
    with pytest.warns(FutureWarning, match="soon gone"):
        judge(load_builtin(), Candidate("deprecated", Deprecated()))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.5, 0.6, 0.7], "0.6000 +- 0.1000"),
        ([54.0, 55.0, 56.0], "55.00 +- 1.00"),
        ([31000.0, 32000.0, 33000.0], "32000 +- 1000"),
        ([0.0, 0.0, 0.0], "0 +- 0"),
        ([-1e20, 0.5, 0.5], "-3.33e+19 +- 6e+19"),
        ([1e-5, 2e-5, 3e-5], "2e-05 +- 1e-05"),
    ],
)
def test_spread(values, text):
    assert spread(np.array(values)) == text


@pytest.mark.skipif(not AMES.exists(), reason="needs ../shared/data/ames_housing.csv.xz")
def test_ames_is_read_in_full():
    table = load_csv(str(AMES), "Sale_Price")
    assert table.X.shape == (2930, 73)
    X = prepared(table)
    assert 200 < X.shape[1] < 300
    assert np.isfinite(X.to_numpy()).all()


@pytest.mark.skipif(not AMES.exists(), reason="needs ../shared/data/ames_housing.csv.xz")
def test_ames_rows_are_predicted_well(tmp_path):
    columns = ["Gr_Liv_Area", "Year_Built", "Total_Bsmt_SF", "Neighborhood", "Sale_Price"]
    frame = pd.read_csv(AMES, usecols=columns).sample(500, random_state=0)
    table = load_csv(saved(frame, tmp_path / "ames.csv"), "Sale_Price")
    result = judge(table, candidates(table.y)[4])
    assert result.parameter == "l2_lambda"
    assert result.r2.mean() > 0.7


@pytest.mark.slow
@pytest.mark.skipif(not AMES.exists(), reason="needs ../shared/data/ames_housing.csv.xz")
def test_ames_compared_in_full():
    results = list(compare(load_csv(str(AMES), "Sale_Price")))
    assert len(results) == 6
    by_name = {result.name: result for result in results}
    assert all(result.r2.mean() > 0.8 for result in results)
    lasso, l1 = by_name["Lasso"], by_name["L1Regressor"]
    np.testing.assert_allclose(l1.r2, lasso.r2, atol=1e-3)
    assert l1.strength == lasso.strength
    assert l1.unconverged == 0
