"""The picture of a path shows what was computed, in scikit-learn's convention for displays."""

import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import (
    CVDisplay,
    DropoutRegressor,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    RegularizationPathDisplay,
    regularization_path,
)


def texts(artists):
    return [artist.get_text() for artist in artists]


def test_the_constructor_stores_what_is_drawn(path_data):
    data = {**path_data(), "feature_names": list("abcd"), "chosen": {"min": 1.0}, "knots": [1.0]}
    assert vars(RegularizationPathDisplay(**data)) == data


def test_plot_draws_on_new_axes_or_on_those_given(path_data, plt):
    display = RegularizationPathDisplay(**path_data(), chosen={"min": 1.0})
    assert display.plot() is display
    first = display.ax_
    assert display.figure_ is first.figure
    ax = plt.subplots()[1]
    assert display.plot(ax=ax).ax_ is ax
    assert display.figure_ is ax.figure is not first.figure


def test_keywords_change_the_lines(path_data):
    display = RegularizationPathDisplay(**path_data(), chosen={"min": 1.0})
    display.plot(line_kw={"lw": 5, "c": "red"})
    assert {(line.get_linewidth(), line.get_color()) for line in display.lines_} == {(5, "red")}


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "skreg.plotting.drawing", raising=False)
    monkeypatch.delattr("skreg.plotting.drawing", raising=False)
    with pytest.raises(ImportError, match=r"displays require matplotlib\. You can install"):
        CVDisplay(parameter="l1_lambda", values=[1], mean=[1]).plot()
    with pytest.raises(ImportError, match="displays require matplotlib"):
        RegularizationPathDisplay.from_estimator(L1Regressor(), [[1], [2]], [1, 2])


@pytest.mark.parametrize("zero", [False, True], ids=["positive", "with 0"])
@pytest.mark.parametrize("parameter", ["l1_lambda", "dropout_rate"])
def test_a_picture_is_pickled_with_its_figure(parameter, zero, path_data):
    data = path_data(parameter)
    data["values"][-1] *= not zero
    data["coefs"][:8, ::2] = 0  # so that there are numbers on top
    display = RegularizationPathDisplay(**data, chosen={"min": 0.1}).plot()
    again = pickle.loads(pickle.dumps(display))
    again.figure_.canvas.draw()
    assert_array_equal(again.lines_[0].get_ydata(), display.lines_[0].get_ydata())
    assert texts(again.top_ax_.get_xticklabels()) == texts(display.top_ax_.get_xticklabels())


# What is drawn is what was computed


@pytest.mark.parametrize("regressor", [L1Regressor, L2Regressor, DropoutRegressor])
def test_the_lines_are_the_coefficients_of_single_fits(regressor, named_diabetes):
    X, y = named_diabetes
    values = [0.001, 0.5, 0.05]
    display = RegularizationPathDisplay.from_estimator(regressor(), X, y, values=values)
    assert texts(display.names_) == list(X.columns)
    assert display.ax_.get_xlabel().startswith(display.parameter)
    for value in values:
        coef = regressor(value).fit(X, y).coef_
        for feature, line in enumerate(display.lines_):
            height = line.get_ydata()[line.get_xdata() == value]
            assert_allclose(height, coef[feature], rtol=1e-5, atol=1e-4)


def test_the_largest_at_the_weakest_chosen_value_are_named(path_data):
    data = path_data(n_features=5)
    data["coefs"][:, 3] = 0
    data["coefs"][20] = [0.1, -9, 3, 0, 2]
    data["coefs"][25] = data["coefs"][0] = [0, 0, 0, 0, 100]
    display = RegularizationPathDisplay(**data, chosen={"weak": data["values"][20], "strong": 9})
    display.plot(n_labels=2)
    assert texts(display.names_) == ["x1", "x2"]
    assert_array_equal([line.get_ydata() for line in display.lines_], data["coefs"].T[[1, 2]])
    grey = [segment[:, 1] for segment in display.other_lines_.get_segments()]
    assert_array_equal(grey, data["coefs"].T[[0, 4]])  # not the one that is 0 throughout


def test_without_a_chosen_value_the_largest_anywhere_are_named(path_data):
    data = path_data(n_features=5)
    data["coefs"] *= 0.01
    data["coefs"][3, 4], data["coefs"][29, 0] = 100, -50
    display = RegularizationPathDisplay(**data).plot(n_labels=2)
    assert texts(display.names_) == ["x0", "x4"]


@pytest.mark.parametrize(
    ("features", "named"),
    [
        (["d", 0, "d", np.int64(3)], ["a", "d"]),
        ("bmi", ["bmi"]),
        (2, ["bmi"]),
        ([], []),
    ],
)
def test_features_are_given_by_column_or_by_name(features, named, path_data):
    display = RegularizationPathDisplay(**path_data(), feature_names=["a", "b", "bmi", "d"])
    display.plot(features=features)
    assert texts(display.names_) == named
    assert len(display.lines_) == len(named)
    assert len(display.other_lines_.get_segments()) == 4 - len(named)


def test_values_may_come_in_any_order(path_data):
    data = path_data()
    shuffled = np.random.default_rng(1).permutation(30)
    mixed = {**data, "values": data["values"][shuffled], "coefs": data["coefs"][shuffled]}
    display = RegularizationPathDisplay(**mixed).plot()
    assert_array_equal(display.lines_[0].get_xdata(), data["values"])
    assert_array_equal(display.lines_[0].get_ydata(), data["coefs"][:, 0])


def test_the_numbers_on_top_are_those_of_scikit_learn(named_diabetes, new_ax):
    X, y = named_diabetes
    path = regularization_path(L1Regressor(), X, y, n_values=12)
    display = RegularizationPathDisplay.from_path(path, ax=new_ax())
    display.figure_.canvas.draw()
    axis = display.top_ax_.xaxis
    assert len(axis.get_majorticklocs()) >= 5
    for value, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True):
        lasso = Lasso(value * (1 + 1e-9), tol=1e-8, max_iter=100_000).fit(X, y)
        assert int(label.get_text()) == np.count_nonzero(lasso.coef_)
    display.ax_.set_xlim(1, 0.1)
    display.figure_.canvas.draw()
    assert display.top_ax_.get_xlim() == (1, 0.1)


def test_no_numbers_on_top_if_all_are_the_same(path_data):
    assert RegularizationPathDisplay(**path_data()).plot().top_ax_ is None


def test_knots_are_marked_where_they_are_known(named_diabetes):
    path = regularization_path(L1Regressor(), *named_diabetes, values=[3.0, 0.3, 0.03])
    path = replace(path, knots=np.array([2.1, 1.9, 0.2, 0.001]), entered=np.array([2, 8, 3, ~3]))
    display = RegularizationPathDisplay.from_path(path)
    x, y = display.knots_line_.get_data()
    assert_array_equal(x, [2.1, 1.9, 0.2])  # not beyond the path
    assert_array_equal(y, 0)
    nothing_enters = replace(path, knots=np.array([]), entered=np.array([], dtype=int))
    assert RegularizationPathDisplay.from_path(nothing_enters).knots_line_.get_xdata().size == 0
    unknown = replace(path, knots=None, entered=None)
    assert RegularizationPathDisplay.from_path(unknown).knots_line_ is None


def test_one_target_is_drawn(named_diabetes):
    X, y = named_diabetes
    path = regularization_path(L2Regressor(), X, np.column_stack([y, -2 * y]), n_values=5)
    with pytest.raises(ValueError, match=r"path is of 2 targets; choose one by `target`, 0 to 1"):
        RegularizationPathDisplay.from_path(path)
    first, second = (RegularizationPathDisplay.from_path(path, target=target) for target in (0, 1))
    assert_allclose(second.lines_[2].get_ydata(), -2 * first.lines_[2].get_ydata())
    path = replace(path, knots=[path.values[:1], path.values[1:3]])
    display = RegularizationPathDisplay.from_path(path, target=1)
    assert_array_equal(display.knots_line_.get_xdata(), path.values[1:3])
    with pytest.raises(ValueError, match="target == 2, must be <= 1"):
        RegularizationPathDisplay.from_path(path, target=2)
    with pytest.raises(TypeError, match="target must be an instance of int"):
        RegularizationPathDisplay.from_path(path, target="y")


def test_a_cross_validated_estimator_holds_its_path(named_diabetes):
    model = L1RegressorCV(20, cv=3).fit(*named_diabetes)
    display = RegularizationPathDisplay.from_estimator(model)
    assert_array_equal(display.lines_[2].get_xdata(), model.lambdas_)
    assert_array_equal(display.lines_[2].get_ydata(), model.coef_path_[:, 2])
    assert display.chosen == {"min": model.lambda_min_, "1-SE": model.lambda_1se_}
    labels = [f"min: {model.lambda_min_:.3g}", f"1-SE: {model.lambda_1se_:.3g}"]
    assert texts(display.ax_.get_legend().get_texts()) == labels
    assert texts(display.names_) == list(named_diabetes[0].columns)


def test_a_regressor_marks_its_own_strength_if_it_is_on_the_path(named_diabetes):
    display = RegularizationPathDisplay.from_estimator(L1Regressor(0.5), *named_diabetes)
    assert texts(display.ax_.get_legend().get_texts()) == ["l1_lambda: 0.5"]
    display = RegularizationPathDisplay.from_estimator(L1Regressor(50), *named_diabetes)
    assert display.ax_.get_legend() is None


def test_pipelines_pass_on_their_names(named_diabetes):
    X, y = named_diabetes
    pipe = make_pipeline(StandardScaler(), L2RegressorCV(10)).fit(X, y)
    display = RegularizationPathDisplay.from_estimator(pipe)
    assert texts(display.names_) == list(X.columns)
    pipe = make_pipeline(StandardScaler(), L2Regressor()).fit(X, y)
    display = RegularizationPathDisplay.from_estimator(pipe, X, y, n_values=5)
    assert texts(display.names_) == list(X.columns)
    alone = make_pipeline(L2Regressor())
    own = [f"own {column}" for column in X.columns]
    display = RegularizationPathDisplay.from_estimator(alone, X, y, feature_names=own)
    assert texts(display.names_) == own


# What goes wrong


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parameter": "alpha"}, ValueError, r"parameter must be one of \['l1_lambda'"),
        ({"values": [1.0, 2.0]}, ValueError, "inconsistent numbers of samples: .2, 30"),
        ({"values": -np.ones(30)}, ValueError, r"values must be in \[0, inf\)"),
        ({"values": np.ones((30, 1))}, ValueError, "values must be a 1D array"),
        ({"coefs": np.full((30, 4), np.inf)}, ValueError, "Input coefs contains infinity"),
        ({"feature_names": ["a"]}, ValueError, "feature_names has 1 names, not 4"),
        ({"chosen": {"min": -1.0}}, ValueError, r"chosen must be in \[0, inf\)"),
    ],
)
def test_unusable_data(change, error, message, path_data, plt):
    display = RegularizationPathDisplay(**{**path_data(), **change})
    with pytest.raises(error, match=message):
        display.plot()
    assert plt.get_fignums() == []  # nothing was begun


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_labels": -1}, ValueError, "n_labels == -1, must be >= 0"),
        ({"n_labels": 1.5}, TypeError, "n_labels must be an instance of int"),
        ({"features": "nobody"}, ValueError, "features has 'nobody', neither a feature"),
        ({"features": [True]}, ValueError, "features has True, neither a feature"),
        ({"features": True}, ValueError, "features has True, neither a feature"),
        ({"features": np.ones(4, bool)}, ValueError, "features has .*True.*, neither a feature"),
        ({"features": [1.0]}, ValueError, "features has 1.0, neither a feature"),
        ({"features": -1}, ValueError, "features has -1, .* nor a column"),
    ],
)
def test_unusable_options(options, error, message, path_data):
    with pytest.raises(error, match=message):
        RegularizationPathDisplay(**path_data()).plot(**options)


def test_what_is_not_a_path_or_not_ours(named_diabetes):
    with pytest.raises(TypeError, match="path must be a RegularizationPath, not dict"):
        RegularizationPathDisplay.from_path({})
    with pytest.raises(TypeError, match="ends in one, not Ridge"):
        RegularizationPathDisplay.from_estimator(Ridge(), *named_diabetes)
    with pytest.raises(ValueError, match="X and y are needed to compute the path of L1Regressor"):
        RegularizationPathDisplay.from_estimator(L1Regressor())
    with pytest.raises(NotFittedError, match="This L1RegressorCV instance is not fitted"):
        RegularizationPathDisplay.from_estimator(make_pipeline(StandardScaler(), L1RegressorCV()))
