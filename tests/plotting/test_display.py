"""The displays: what they draw is what was computed, and a reader can read it."""

import itertools
import pickle
import re
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, Ridge, RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import (
    CVDisplay,
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    RegularizationPathDisplay,
    regularization_path,
)
from skreg.plotting import flag_labels as flags

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.collections import LineCollection, PolyCollection  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from skreg.plotting import drawing as drawing_module  # noqa: E402

REGRESSORS = [L1Regressor(), L2Regressor(), DropoutRegressor()]
each_regressor = pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda r: type(r).__name__)
PARAMETERS = ["l1_lambda", "l2_lambda", "dropout_rate"]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frame():
    """The diabetes data with the names of its columns, which are of mean 0 and norm 1."""
    return load_diabetes(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def wide():
    """40 x 500, of which five columns matter."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 500))
    return X, X[:, :5].sum(axis=1) + 0.3 * rng.standard_normal(40)


def six_inches(**kwargs):
    """Axes of a figure of 600 x 450 pixels."""
    return plt.subplots(figsize=(6, 4.5), dpi=100, layout="constrained", **kwargs)[1]


def invented(parameter="l1_lambda", n_values=30, n_features=4, seed=0):
    """A path of made-up coefficients: what is drawn does not depend on where they come from."""
    rng = np.random.default_rng(seed)
    odds = np.geomspace(10, 0.01, n_values)
    return {
        "parameter": parameter,
        "values": odds / (1 + odds) if parameter == "dropout_rate" else odds,
        "coefs": rng.standard_normal((n_values, n_features)).cumsum(axis=0),
    }


# The convention of scikit-learn's displays


def test_the_constructor_stores_what_is_drawn():
    data = {**invented(), "feature_names": list("abcd"), "chosen": {"min": 1.0}}
    assert vars(RegularizationPathDisplay(**data)) == data
    data = {"parameter": "l2_lambda", "values": [1, 2], "mean": [3, 4], "se": [0.1, 0.2]}
    stored = vars(CVDisplay(**data, n_nonzeros=[1, 2], chosen={}, score_name="R2"))
    assert stored == {**data, "n_nonzeros": [1, 2], "chosen": {}, "score_name": "R2"}


def test_path_display_draws_on_new_axes_or_on_those_given():
    display = RegularizationPathDisplay(**invented(), chosen={"min": 1.0})
    assert display.plot() is display
    assert isinstance(display.ax_, Axes)
    assert isinstance(display.figure_, Figure)
    assert all(isinstance(line, Line2D) for line in display.lines_ + display.chosen_lines_)
    assert isinstance(display.other_lines_, LineCollection)
    first = display.ax_
    _, ax = plt.subplots()
    assert display.plot(ax).ax_ is ax
    assert display.figure_ is ax.figure is not first.figure


def test_cv_display_draws_on_new_axes_or_on_those_given():
    display = CVDisplay(parameter="l2_lambda", values=[1, 2, 3], mean=[3, 2, 4], se=[1, 1, 1])
    assert display.plot() is display
    assert isinstance(display.ax_, Axes)
    assert isinstance(display.figure_, Figure)
    assert isinstance(display.line_, Line2D)
    assert isinstance(display.fill_between_, PolyCollection)
    first = display.ax_
    _, ax = plt.subplots()
    assert display.plot(ax=ax).ax_ is ax
    assert display.figure_ is ax.figure is not first.figure


def test_keywords_change_the_lines():
    display = RegularizationPathDisplay(**invented(), chosen={"min": 1.0})
    display.plot(line_kw={"lw": 5, "c": "red"}, chosen_kw={"ls": "-", "color": "blue"})
    assert {(line.get_linewidth(), line.get_color()) for line in display.lines_} == {(5, "red")}
    assert display.chosen_lines_[0].get_linestyle() == "-"
    assert display.chosen_lines_[0].get_color() == "blue"
    display = CVDisplay(parameter="l2_lambda", values=[1, 2], mean=[3, 2], se=[1, 1])
    display.plot(score_name="Loss", line_kw={"c": "red"}, fill_between_kw={"alpha": 0.5})
    assert display.line_.get_color() == "red"
    assert display.fill_between_.get_alpha() == 0.5
    assert display.ax_.get_ylabel().startswith("Loss")


@pytest.mark.parametrize(
    "draw",
    [
        lambda: RegularizationPathDisplay(**invented()).plot(),
        lambda: RegularizationPathDisplay.from_path(None),
        lambda: RegularizationPathDisplay.from_estimator(L1Regressor()),
        lambda: CVDisplay(parameter="l1_lambda", values=[1], mean=[1]).plot(),
        lambda: CVDisplay.from_estimator(L1RegressorCV()),
    ],
)
def test_without_matplotlib_the_error_says_how_to_get_it(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Display\.\w+ requires matplotlib\. You can install"):
        draw()


def test_a_picture_is_pickled_with_its_figure(frame):
    path = regularization_path(L1Regressor(), *frame, values=[1, 0.1, 0])
    display = RegularizationPathDisplay.from_path(path, chosen={"min": 0.1})
    again = pickle.loads(pickle.dumps(display))
    again.figure_.canvas.draw()
    assert_array_equal(again.lines_[0].get_ydata(), display.lines_[0].get_ydata())


# What is drawn is what was computed


@each_regressor
def test_the_lines_are_the_coefficients_of_single_fits(regressor, frame):
    X, y = frame
    values = [0.5, 0.05, 0.001]
    display = RegularizationPathDisplay.from_estimator(regressor, X, y, values=values)
    texts = [name.get_text() for name in display.names_]
    assert texts == list(X.columns)
    parameter = display.parameter
    for value in values:
        coef = type(regressor)(value).fit(X, y).coef_
        for feature, line in enumerate(display.lines_):
            (place,) = np.flatnonzero(line.get_xdata() == value)
            assert_allclose(line.get_ydata()[place], coef[feature], rtol=1e-5, atol=1e-4)
    assert display.ax_.get_xlabel().startswith(parameter)


def test_the_largest_at_the_chosen_value_are_named_and_the_others_grey():
    data = invented(n_features=5)
    data["coefs"][:, 3] = 0
    data["coefs"][20] = [0.1, -9, 3, 0, 2]
    data["coefs"][25] = data["coefs"][0] = [0, 0, 0, 0, 100]
    display = RegularizationPathDisplay(**data, chosen={"weak": data["values"][20], "strong": 9})
    display.plot(n_labels=2)
    assert [name.get_text() for name in display.names_] == ["x1", "x2"]
    assert_array_equal([line.get_ydata() for line in display.lines_], data["coefs"].T[[1, 2]])
    grey = [segment[:, 1] for segment in display.other_lines_.get_segments()]
    assert_array_equal(grey, data["coefs"].T[[0, 4]])  # not the one that is 0 throughout


def test_without_a_chosen_value_the_largest_anywhere_are_named():
    data = invented(n_features=5)
    data["coefs"] *= 0.01
    data["coefs"][3, 4], data["coefs"][29, 0] = 100, -50
    display = RegularizationPathDisplay(**data).plot(n_labels=2)
    assert [name.get_text() for name in display.names_] == ["x0", "x4"]


def test_features_are_named_by_column_or_by_name():
    display = RegularizationPathDisplay(**invented(), feature_names=["a", "b", "c", "d"])
    display.plot(features=["d", 0, "d", np.int64(3)])
    assert [name.get_text() for name in display.names_] == ["a", "d"]
    assert display.plot(features=[]).lines_ == []
    assert display.plot(n_labels=0).names_ == []
    assert len(display.other_lines_.get_segments()) == 4


def test_values_may_come_in_any_order():
    data = invented()
    shuffled = np.random.default_rng(1).permutation(30)
    mixed = {**data, "values": data["values"][shuffled], "coefs": data["coefs"][shuffled]}
    display = RegularizationPathDisplay(**mixed).plot()
    assert_array_equal(display.lines_[0].get_xdata(), data["values"])
    assert_array_equal(display.lines_[0].get_ydata(), data["coefs"][:, 0])


def test_one_value_is_drawn_as_dots():
    display = RegularizationPathDisplay(
        parameter="l1_lambda", values=[1.0], coefs=[[1.0, 2.0]], chosen={"min": 1.0}
    ).plot()
    assert display.lines_[0].get_marker() == "o"
    assert_legible(display.figure_)


def test_the_numbers_on_top_are_those_of_scikit_learn(frame):
    X, y = frame
    path = regularization_path(L1Regressor(), X, y, n_values=12)
    display = RegularizationPathDisplay.from_path(path, ax=six_inches())
    display.figure_.canvas.draw()
    axis = display.top_ax_.xaxis
    assert len(axis.get_majorticklocs()) >= 5
    for value, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True):
        lasso = Lasso(value * (1 + 1e-9), tol=1e-8, max_iter=100_000).fit(X, y)
        assert int(label.get_text()) == np.count_nonzero(lasso.coef_)
    assert display.top_ax_.get_xlabel() == "Number of nonzero coefficients"


def test_no_numbers_on_top_where_they_are_all_the_same(frame):
    path = regularization_path(L2Regressor(), *frame, n_values=5)
    assert RegularizationPathDisplay.from_path(path).top_ax_ is None


def test_the_numbers_on_top_follow_the_axis():
    data = invented()
    data["coefs"][:10, 1] = 0
    display = RegularizationPathDisplay(**data).plot()
    display.ax_.set_xlim(1, 0.1)
    display.figure_.canvas.draw()
    assert display.top_ax_.get_xlim() == (1, 0.1)
    ticks = display.top_ax_.get_xticks()
    assert len(ticks) >= 2
    assert 0.1 <= ticks.min() <= ticks.max() <= 1


def test_one_target_is_drawn(frame):
    X, y = frame
    Y = np.column_stack([y, -2 * y])
    path = regularization_path(L2Regressor(), X, Y, n_values=5)
    with pytest.raises(ValueError, match=r"path is of 2 targets; choose one by `target`, 0 to 1"):
        RegularizationPathDisplay.from_path(path)
    first, second = (RegularizationPathDisplay.from_path(path, target=target) for target in (0, 1))
    assert_allclose(second.lines_[2].get_ydata(), -2 * first.lines_[2].get_ydata())
    with pytest.raises(ValueError, match="target == 2, must be <= 1"):
        RegularizationPathDisplay.from_path(path, target=2)
    with pytest.raises(TypeError, match="target must be an instance of int"):
        RegularizationPathDisplay.from_path(path, target="y")
    alone = regularization_path(L2Regressor(), X, y, n_values=5)
    lines = RegularizationPathDisplay.from_path(alone, target=0).lines_
    assert_allclose(lines[2].get_ydata(), first.lines_[2].get_ydata())


# The axis of the strengths


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("zero", [False, True], ids=["positive", "with 0"])
def test_strengths_fall_evenly_by_their_logarithm_from_the_left(parameter, zero):
    data = invented(parameter)
    if zero:
        data["values"][-1] = 0
    display = RegularizationPathDisplay(**data).plot()
    x = display.ax_.transData.transform(np.column_stack([data["values"], np.zeros(30)]))[:, 0]
    assert np.isfinite(x).all()
    steps = np.diff(x)
    assert (steps > 0).all()  # to the right, as they weaken
    even = steps[:-1] if zero else steps
    assert_allclose(even, even[0], rtol=1e-6)  # geometric strengths, or odds of rates
    names = {"l1_lambda": "log", "l2_lambda": "log", "dropout_rate": "logit"}
    assert display.ax_.get_xscale() == ("function" if zero else names[parameter])


@pytest.mark.parametrize(
    ("parameter", "values", "expected"),
    [
        ("l1_lambda", np.geomspace(20, 0.002, 9), ["0.01", "0.1", "1", "10"]),
        ("l1_lambda", [3, 2, 1, 0.4], ["0.5", "1", "2"]),
        ("l1_lambda", [1.0, 0.9, 0.8], ["0.8", "0.85", "0.9", "0.95", "1"]),
        ("l1_lambda", [10, 1, 0.1, 0], ["0", "0.1", "1", "10"]),
        ("l1_lambda", [0.0], ["0"]),
        ("l1_lambda", [0.137], ["0.137"]),
        ("l2_lambda", np.geomspace(1, 1e-6, 9), [f"$10^{{{k}}}$" for k in range(-6, 1)]),
        ("l2_lambda", np.geomspace(1e4, 1e-8, 9), [f"$10^{{{k}}}$" for k in range(-8, 5, 2)]),
        (
            "l2_lambda",
            [5e-7, 2e-7, 1e-7],
            [r"$10^{-7}$", r"$2\times 10^{-7}$", r"$5\times 10^{-7}$"],
        ),
        ("dropout_rate", [0.99, 0.5, 0.001], ["0.001", "0.01", "0.1", "0.5", "0.9", "0.99"]),
        ("dropout_rate", [0.8, 0.6, 0.5], ["0.5", "0.6", "0.7", "0.8"]),
        ("dropout_rate", [0.5, 0.3, 0.2, 0], ["0", "0.2", "0.3", "0.4", "0.5"]),
    ],
)
def test_ticks_are_round_and_within_the_path(parameter, values, expected):
    values = np.asarray(values, dtype=float)
    coefs = np.ones((len(values), 1))
    display = RegularizationPathDisplay(parameter=parameter, values=values, coefs=coefs)
    axis = display.plot(six_inches()).ax_.xaxis
    display.figure_.canvas.draw()
    ticks = sorted(zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True))
    assert [label.get_text() for _, label in ticks] == expected
    assert_legible(display.figure_)


def test_ticks_appear_when_one_zooms_in():
    display = RegularizationPathDisplay(**invented()).plot(six_inches())
    display.ax_.set_xlim(0.7, 0.4)
    display.figure_.canvas.draw()
    ticks = display.ax_.get_xticks()
    assert len(ticks) >= 3
    assert_allclose([ticks.min(), ticks.max()], [0.4, 0.7])


# The chosen values


def test_chosen_values_are_marked_under_their_names():
    display = RegularizationPathDisplay(**invented(), chosen={"min": 0.1, "1-SE": 1.0}).plot()
    assert [line.get_xdata()[0] for line in display.chosen_lines_] == [1.0, 0.1]
    assert [name.get_text() for name in display.chosen_names_] == ["1-SE", "min"]
    styles = {line.get_linestyle() for line in display.chosen_lines_}
    assert len(styles) == 2


def test_values_that_coincide_share_one_mark():
    display = RegularizationPathDisplay(**invented(), chosen={"min": 0.1, "1-SE": 0.1}).plot()
    assert len(display.chosen_lines_) == 1
    assert [name.get_text() for name in display.chosen_names_] == ["min = 1-SE"]


def test_a_chosen_value_beyond_the_path_is_in_the_picture():
    display = RegularizationPathDisplay(**invented(), chosen={"mine": 1000.0}).plot()
    assert display.ax_.get_xlim()[0] > 1000


def test_flags_neither_meet_nor_pierce_each_other():
    rng = np.random.default_rng(0)
    crowded = 0
    for _ in range(2000):
        k = rng.integers(1, 4)
        x = np.sort(np.clip(rng.random(k) * rng.choice([1, 0.1]) + rng.choice([0, 0.9]), 0, 1))
        widths = rng.uniform(0.03, 0.15, k)
        placed = flags.arrange(x, widths)
        assert_array_equal([flag.x for flag in placed], x)
        assert_allclose([flag.right - flag.left for flag in placed], widths)
        assert all(flag.x in (flag.left, flag.right) for flag in placed)
        outside = any(flag.left < 0 or flag.right > 1 for flag in placed)
        clash = any(
            (one.row == two.row and one.left < two.right and two.left < one.right)
            or (one.left < two.x < one.right and two.row <= one.row)
            for one, two in itertools.permutations(placed, 2)
        )
        assert not clash
        crowded += outside
    assert crowded == 0


# Cross-validation


def test_folds_mean_and_standard_error_are_those_of_single_fits(frame):
    X, y = frame
    folds = KFold(4, shuffle=True, random_state=0)
    model = L2RegressorCV(np.geomspace(1, 1e-6, 7), cv=folds).fit(X, y)
    display = CVDisplay.from_estimator(model)
    x, mean = display.line_.get_data()
    band = display.fill_between_.get_paths()[0].vertices
    for value in x[[0, 3, 6]]:
        losses = -cross_val_score(
            L2Regressor(value), X, y, cv=folds, scoring="neg_mean_squared_error"
        )
        se = losses.std(ddof=1) / np.sqrt(4)
        assert_allclose(mean[x == value], losses.mean(), rtol=1e-8)
        heights = band[np.isclose(band[:, 0], value, rtol=1e-12), 1]
        assert_allclose(heights.min(), losses.mean() - se, rtol=1e-8)
        assert_allclose(heights.max(), losses.mean() + se, rtol=1e-8)
    assert display.ax_.get_ylabel().startswith("Mean squared error")
    assert "standard error" in display.ax_.get_ylabel()


def test_leave_one_out_is_that_of_ridgecv(frame):
    X, y = frame
    values = np.geomspace(1, 1e-6, 5)
    display = CVDisplay.from_estimator(L2RegressorCV(values).fit(X, y))
    ridge = RidgeCV(values * len(y), store_cv_results=True).fit(X, y)
    assert_allclose(display.line_.get_xdata(), values)
    assert_allclose(display.line_.get_ydata(), ridge.cv_results_.mean(axis=0), rtol=1e-8)
    assert display.fill_between_ is not None


@pytest.mark.parametrize(
    ("model", "label", "best"),
    [
        (
            L2RegressorCV(scoring="r2", cv=5),
            "R2\nmean \N{PLUS-MINUS SIGN} standard error",
            np.argmax,
        ),
        (
            L2RegressorCV(scoring="neg_mean_absolute_error"),
            "Negative mean absolute error",
            np.argmax,
        ),
        (L1RegressorCV(criterion="aic"), "AIC", np.argmin),
        (L1RegressorCV(criterion="bic"), "BIC", np.argmin),
        (L2RegressorCV(criterion="gcv"), "GCV", np.argmin),
        (
            DropoutRegressorCV([0.5, 0.1, 0.004, 1e-6]),
            "Mean squared error (squared units of y)\nmean",
            np.argmin,
        ),
    ],
    ids=["r2", "mae", "aic", "bic", "gcv", "mse"],
)
def test_what_was_chosen_by_is_drawn(model, label, best, frame):
    model.fit(*frame)
    display = CVDisplay.from_estimator(model)
    assert display.ax_.get_ylabel().startswith(label)
    x, y = display.line_.get_data()
    assert x[best(y)] in [line.get_xdata()[0] for line in display.chosen_lines_]
    knows_se = "standard error" in display.ax_.get_ylabel()
    assert (display.fill_between_ is not None) == knows_se
    assert ("1-SE" in display.chosen) == knows_se


def test_a_score_of_leaving_one_out_has_no_standard_error(frame):
    display = CVDisplay.from_estimator(L2RegressorCV(scoring="r2").fit(*frame))
    assert display.se is None
    assert list(display.chosen) == ["best"]


def test_path_of_a_cross_validated_estimator(frame):
    model = L1RegressorCV(20, cv=3).fit(*frame)
    display = RegularizationPathDisplay.from_estimator(model)
    assert_array_equal(display.lines_[2].get_xdata(), model.lambdas_)
    at = np.flatnonzero(model.lambdas_ == model.l1_lambda_)[0]
    assert_allclose([line.get_ydata()[at] for line in display.lines_], model.coef_, atol=1e-3)
    assert display.chosen == {"min": model.lambda_min_, "1-SE": model.lambda_1se_}
    assert display.top_ax_ is not None
    assert [name.get_text() for name in display.names_] == list(frame[0].columns)


def test_several_targets_share_one_curve_and_their_nonzeros(frame):
    X, y = frame
    rng = np.random.default_rng(0)
    Y = np.column_stack([y, rng.permutation(y)])
    model = L1RegressorCV(10, cv=3).fit(X, Y)
    display = CVDisplay.from_estimator(model)
    either = (model.coef_path_ != 0).any(axis=1).sum(axis=1)
    assert_array_equal(display.n_nonzeros, either)
    with pytest.raises(ValueError, match="2 targets; choose one by `target`"):
        RegularizationPathDisplay.from_estimator(model)
    lines = RegularizationPathDisplay.from_estimator(model, target=1).lines_
    assert_array_equal(lines[0].get_ydata(), model.coef_path_[:, 1, 0])


def test_pipelines_pass_on_their_names(frame):
    X, y = frame
    pipe = make_pipeline(StandardScaler(), L2RegressorCV(10)).fit(X, y)
    display = RegularizationPathDisplay.from_estimator(pipe)
    assert [name.get_text() for name in display.names_] == list(X.columns)
    assert CVDisplay.from_estimator(pipe).parameter == "l2_lambda"
    alone = make_pipeline(L2RegressorCV(10)).fit(X, y)
    assert RegularizationPathDisplay.from_estimator(alone).feature_names is not None
    bare = make_pipeline(StandardScaler(), L2RegressorCV(10)).fit(X.to_numpy(), y)
    names = RegularizationPathDisplay.from_estimator(bare).names_
    assert [name.get_text() for name in names] == [f"x{k}" for k in range(10)]


def test_the_path_of_a_regressor_in_a_pipeline_is_that_behind_its_other_steps(frame):
    X, y = frame
    pipe = make_pipeline(StandardScaler(), L2Regressor(0.5)).fit(X, y)
    display = RegularizationPathDisplay.from_estimator(pipe, X, y, values=[0.5, 0.1])
    coef = Ridge(0.5 * len(y)).fit(StandardScaler().fit_transform(X), y).coef_
    assert_allclose([line.get_ydata()[0] for line in display.lines_], coef, rtol=1e-8)
    assert [name.get_text() for name in display.names_] == list(X.columns)


def test_a_regressor_is_marked_where_it_stands_on_its_path(frame):
    on = RegularizationPathDisplay.from_estimator(L1Regressor(0.25), *frame, n_values=20)
    assert on.chosen == {"0.25": 0.25}
    beyond = RegularizationPathDisplay.from_estimator(L1Regressor(1e6), *frame, n_values=20)
    assert beyond.chosen == {}
    rates = DropoutRegressor(np.full(10, 0.5))
    each = RegularizationPathDisplay.from_estimator(rates, *frame, n_values=20)
    assert each.chosen == {}
    own = RegularizationPathDisplay.from_estimator(
        L1Regressor(0.25), *frame, n_values=20, chosen={"mine": 0.5}
    )
    assert own.chosen == {"mine": 0.5}


def test_sample_weights_reach_the_path(frame):
    X, y = frame
    weights = np.arange(len(y), dtype=float)
    display = RegularizationPathDisplay.from_estimator(
        L2Regressor(), X, y, sample_weight=weights, values=[0.1]
    )
    coef = Ridge(0.1 * weights.sum()).fit(X, y, weights).coef_
    assert_allclose([line.get_ydata()[0] for line in display.lines_], coef, rtol=1e-8)


def test_errors_that_differ_much_are_drawn_on_a_logarithmic_axis():
    data = {"parameter": "l2_lambda", "values": [3, 2, 1], "se": [0.5, 0.5, 2.5]}
    near = CVDisplay(**data, mean=[1.0, 2.0, 5.0]).plot()
    assert near.ax_.get_yscale() == "linear"
    far = CVDisplay(**data, mean=[1.0, 2.0, 50.0]).plot()
    assert far.ax_.get_yscale() == "log"
    assert_legible(far.figure_)
    score = CVDisplay(**data, mean=[-1.0, -2.0, -50.0]).plot()
    assert score.ax_.get_yscale() == "linear"


def test_errors_that_are_not_finite_are_left_out():
    mean = [3.0, np.inf, 2.0, np.nan]
    display = CVDisplay(parameter="l2_lambda", values=[4, 3, 2, 1], mean=mean).plot()
    low, high = display.ax_.get_ylim()
    assert 1 < low < 2 < 3 < high < 4


# What goes wrong


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parameter": "alpha"}, ValueError, r"parameter must be one of \['l1_lambda'"),
        ({"values": [1.0, 2.0]}, ValueError, "inconsistent numbers of samples: .2, 30"),
        ({"values": -np.ones(30)}, ValueError, r"values must be in \[0, inf\)"),
        ({"values": np.full(30, np.nan)}, ValueError, "Input values contains NaN"),
        ({"values": np.ones((30, 1))}, ValueError, "values must be a 1D array"),
        ({"coefs": np.ones((30, 2, 4))}, ValueError, "Found array with dim 3"),
        ({"coefs": np.full((30, 4), np.inf)}, ValueError, "Input coefs contains infinity"),
        ({"feature_names": ["a"]}, ValueError, r"feature_names has shape \(1,\); expected \(4,\)"),
        ({"chosen": [1.0]}, TypeError, "chosen must be an instance of dict, not list"),
        ({"chosen": {"min": -1.0}}, ValueError, r"chosen must be in \[0, inf\)"),
        ({"chosen": {"min": np.nan}}, ValueError, "Input chosen contains NaN"),
    ],
)
def test_unusable_data(change, error, message):
    display = RegularizationPathDisplay(**{**invented(), **change})
    with pytest.raises(error, match=message):
        display.plot()
    assert plt.get_fignums() == []  # nothing was begun


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_labels": -1}, ValueError, "n_labels == -1, must be >= 0"),
        ({"n_labels": 1.5}, TypeError, "n_labels must be an instance of int"),
        ({"features": ["nobody"]}, ValueError, "features contains 'nobody', which is neither"),
        ({"features": [4]}, ValueError, "features contains 4, .* column from 0 to 3"),
        ({"features": [-1]}, ValueError, "features contains -1"),
    ],
)
def test_unusable_options(options, error, message):
    with pytest.raises(error, match=message):
        RegularizationPathDisplay(**invented()).plot(**options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": [1.0]}, r"mean has shape \(1,\); expected \(2,\)"),
        ({"se": [1.0]}, r"se has shape \(1,\); expected \(2,\)"),
        ({"n_nonzeros": [1]}, r"n_nonzeros has shape \(1,\); expected \(2,\)"),
        ({"mean": [np.nan, np.inf]}, "mean must contain at least one finite number"),
        ({"values": [0.5, 1.0]}, r"values must be in \[0, 1\)"),
        ({"parameter": "alpha"}, "parameter must be one of"),
    ],
)
def test_unusable_scores(change, message):
    data = {"parameter": "dropout_rate", "values": [0.5, 0.1], "mean": [1.0, 2.0], **change}
    with pytest.raises(ValueError, match=message):
        CVDisplay(**data).plot()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("cv", [L1RegressorCV(), L2RegressorCV(), DropoutRegressorCV()])
@pytest.mark.parametrize("display", [RegularizationPathDisplay, CVDisplay])
def test_unfitted_estimators(display, cv, frame):
    with pytest.raises(NotFittedError, match=f"This {type(cv).__name__} instance is not fitted"):
        display.from_estimator(cv)
    with pytest.raises(NotFittedError, match=f"This {type(cv).__name__} instance is not fitted"):
        display.from_estimator(make_pipeline(StandardScaler(), cv))
    pipe = make_pipeline(StandardScaler(), L1Regressor())
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        RegularizationPathDisplay.from_estimator(pipe, *frame)


def test_what_is_not_a_path_or_not_ours(frame):
    with pytest.raises(TypeError, match="path must be an instance of RegularizationPath, not dict"):
        RegularizationPathDisplay.from_path({})
    with pytest.raises(TypeError, match="ends in one, not Ridge"):
        RegularizationPathDisplay.from_estimator(Ridge(), *frame)
    with pytest.raises(TypeError, match=r"must be an L1RegressorCV, .*, not L1Regressor"):
        CVDisplay.from_estimator(L1Regressor())
    with pytest.raises(ValueError, match="X and y are needed to compute the path of L1Regressor"):
        RegularizationPathDisplay.from_estimator(L1Regressor())


# Legible


def boxes_of(figure):
    """Where the texts of a figure stand, by what they say, drawn without leaders."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = {}
    everything = [ax for outer in figure.axes for ax in (outer, *outer.child_axes)]
    for number, ax in enumerate(everything):
        texts = [*ax.texts, ax.title]
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_visible():
                low, high = sorted(axis.get_view_interval())
                texts.append(axis.label)
                texts += [
                    label
                    for place, label in zip(
                        axis.get_majorticklocs(), axis.get_ticklabels(), strict=True
                    )
                    if low <= place <= high
                ]
        for place, text in enumerate(texts):
            if text.get_text() and text.get_visible():
                key = f"{text.get_text()} ({number}.{place})"
                boxes[key] = Text.get_window_extent(text, renderer)
    return boxes


def assert_legible(figure, smallest=10):
    """No text is over another, leaves the figure, or is smaller than some pixels."""
    boxes = boxes_of(figure)
    for name, box in boxes.items():
        assert min(box.width, box.height) >= 1, name
        assert max(box.width, box.height) >= smallest / 2, name
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name
    for (name, box), (other, another) in itertools.combinations(boxes.items(), 2):
        width = min(box.x1, another.x1) - max(box.x0, another.x0)
        height = min(box.y1, another.y1) - max(box.y0, another.y0)
        assert min(width, height) <= 0.5, f"{name} over {other}"  # half a pixel


def test_the_judge_of_legibility_sees_what_overlaps():
    ax = six_inches()
    ax.text(0.5, 0.5, "one")
    assert_legible(ax.figure)
    ax.text(0.5, 0.51, "another")
    with pytest.raises(AssertionError, match="over"):
        assert_legible(ax.figure)


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize(
    ("n_features", "min_", "one_se"),
    [
        (2, None, None),
        (10, -1, -2),
        (10, 1, 0),
        (10, 15, 15),
        (500, 20, 5),
        pytest.param(5000, 20, 5, marks=pytest.mark.slow),
    ],
)
def test_pictures_of_600_pixels_are_legible(parameter, n_features, min_, one_se):
    data = invented(parameter, n_features=n_features, seed=n_features)
    data["coefs"][:8, ::2] = 0  # so that there are numbers on top
    names = [f"f{k}" if k % 7 else f"a long name of the feature {k}" for k in range(n_features)]
    values = data["values"]
    chosen = {} if min_ is None else {"min": values[min_], "1-SE": values[one_se], "own": values[6]}
    display = RegularizationPathDisplay(**data, feature_names=names, chosen=chosen)
    display.plot(six_inches())
    assert len(display.names_) == min(n_features, 10)
    assert len(display.other_lines_.get_segments()) == n_features - len(display.names_)
    assert_legible(display.figure_)
    ax = display.ax_
    ends = max(ax.transData.transform(line.get_xydata())[:, 0].max() for line in display.lines_)
    boxes = [Text.get_window_extent(name) for name in display.names_]
    assert min(box.x0 for box in boxes) > ends
    assert max(box.x1 for box in boxes) < ax.bbox.x1


@pytest.mark.parametrize("model", [L1RegressorCV(), L2RegressorCV(), DropoutRegressorCV()])
def test_pictures_of_estimators_are_legible(model, wide):
    model.fit(*wide)
    path = RegularizationPathDisplay.from_estimator(model, ax=six_inches())
    assert len(path.names_) == 10
    assert len(path.other_lines_.get_segments()) > 10
    assert_legible(path.figure_)
    assert_legible(CVDisplay.from_estimator(model, ax=six_inches()).figure_)


def test_curves_stay_below_the_names_of_the_marks():
    data = invented(n_features=6)
    display = RegularizationPathDisplay(**data, chosen={"min": 0.1, "1-SE": 0.11}).plot()
    display.figure_.draw_without_rendering()
    top = max(
        display.ax_.transData.transform(line.get_xydata())[:, 1].max() for line in display.lines_
    )
    assert top < min(Text.get_window_extent(name).y0 for name in display.chosen_names_)
    bottom, height = display.ax_.get_ylim()
    assert bottom < data["coefs"].min()
    assert height > data["coefs"].max()


def test_small_pictures_name_fewer_features_and_are_legible():
    data = invented(n_features=50)
    data["coefs"][:8, ::2] = 0
    ax = plt.subplots(figsize=(3, 2), dpi=100, layout="constrained")[1]
    display = RegularizationPathDisplay(**data, chosen={"min": 0.1, "1-SE": 1.0}).plot(ax)
    assert 1 <= len(display.names_) < 10
    assert_legible(display.figure_)


@pytest.mark.parametrize("width", [2, 3, 4])
def test_a_tick_at_zero_has_room(width):
    ax = plt.subplots(figsize=(width, 3), dpi=100, layout="constrained")[1]
    values = [10, 1, 0.1, 0.01, 0]
    RegularizationPathDisplay(parameter="l1_lambda", values=values, coefs=np.eye(5)).plot(ax)
    assert 0 in ax.get_xticks()
    assert_legible(ax.figure)


@pytest.mark.parametrize("layout", ["constrained", "subfigures"])
def test_two_pictures_beside_each_other_are_legible(layout):
    data = invented(n_features=50)
    data["coefs"][:8, ::2] = 0
    figure = plt.figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    if layout == "subfigures":
        axes = [sub.subplots() for sub in figure.subfigures(1, 2)]
    else:
        axes = figure.subplots(1, 2)
    for ax in axes:
        RegularizationPathDisplay(**data, chosen={"min": 0.1}).plot(ax)
        ax.set_title("A title above the numbers")
    if layout == "constrained":  # `figure.axes` does not hold those of subfigures
        assert_legible(figure)
    figure.canvas.draw()


def test_without_a_layout_engine_the_names_are_within_the_axes():
    _, ax = plt.subplots(figsize=(6, 4.5), dpi=100)
    display = RegularizationPathDisplay(**invented(n_features=20), chosen={"min": 0.1}).plot(ax)
    assert_legible(display.figure_)


def test_names_are_shown_as_they_are():
    names = ["$y$", "a_b^c", "two\nlines", "x" * 60]
    display = RegularizationPathDisplay(**invented(), feature_names=names).plot()
    texts = [name.get_text() for name in display.names_]
    assert texts[:3] == ["$y$", "a_b^c", "two lines"]
    assert re.fullmatch("x+\N{HORIZONTAL ELLIPSIS}x+", texts[3])
    assert len(texts[3]) == 20
    assert not any(name.get_parse_math() for name in display.names_)


def test_names_have_the_colour_of_their_lines_darker():
    display = RegularizationPathDisplay(**invented()).plot()
    for line, name in zip(display.lines_, display.names_, strict=True):
        color = np.array(to_rgb(line.get_color()))
        shown = np.array(to_rgb(name.get_color()))
        assert (shown <= color).all()
        assert_allclose(shown * color.sum(), color * shown.sum(), atol=1e-12)


def test_names_and_marks_have_the_contrast_that_wcag_asks_of_text():
    display = RegularizationPathDisplay(**invented(n_features=7), chosen={"min": 1.0}).plot()
    for text in display.names_ + display.chosen_names_:
        luminance = TO_XYZ[1] @ linear_rgb(text.get_color())
        assert (1 + 0.05) / (luminance + 0.05) >= 4.5  # WCAG 2.2, success criterion 1.4.3


def test_long_names_leave_room_for_the_lines():
    ax = plt.subplots(figsize=(3, 3), dpi=100, layout="constrained")[1]
    names = [f"a name of twenty {k:03d}" for k in range(4)]
    display = RegularizationPathDisplay(**invented(), feature_names=names).plot(ax)
    assert_legible(display.figure_)
    ends = ax.transAxes.inverted().transform(ax.transData.transform([[0.01, 0.0], [10.0, 0.0]]))
    assert ends[0, 0] - ends[1, 0] > 0.4
    assert all("\N{HORIZONTAL ELLIPSIS}" in name.get_text() for name in display.names_)


def test_names_that_are_given_come_first(frame):
    X, y = frame
    path = regularization_path(L2Regressor(), X, y, values=[1.0])
    own = [f"own {k}" for k in range(10)]
    for display in (
        RegularizationPathDisplay.from_path(path, feature_names=own),
        RegularizationPathDisplay.from_estimator(L2Regressor(), X, y, feature_names=own),
    ):
        assert [name.get_text() for name in display.names_] == own


def test_lines_differ_in_colour_or_style():
    display = RegularizationPathDisplay(**invented(n_features=20)).plot(n_labels=14)
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_}) == 14


def test_labels_are_moved_apart_in_order():
    rng = np.random.default_rng(0)
    for heights in [rng.random(7), np.zeros(7), np.ones(7), np.array([0.5]), np.linspace(0, 1, 7)]:
        moved = drawing_module.apart(heights, 0.05, 0.9)
        order = np.argsort(heights, kind="stable")
        assert (np.diff(moved[order]) >= 0.05 - 1e-12).all()
        assert moved.min() >= 0
        assert moved.max() <= 0.85 + 1e-12
    assert_allclose(drawing_module.apart(np.array([0.9, 0.1, 0.5]), 0.05), [0.9, 0.1, 0.5])


# Simulations of dichromats: G. M. Machado, M. M. Oliveira & L. A. F. Fernandes (2009). A
# physiologically-based model for simulation of color vision deficiency. IEEE TVCG 15(6), table 1,
# severity 1.0, for linear RGB.
DICHROMATS = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # sRGB, IEC 61966-2-1


def linear_rgb(color):
    """The intensities of a colour's red, green and blue."""
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(linear):
    """CIELAB of linear RGB."""
    ratio = TO_XYZ @ np.clip(linear, 0, 1) / (TO_XYZ @ np.ones(3))
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("sight", DICHROMATS)
def test_colour_blind_readers_tell_the_lines_apart(sight):
    display = RegularizationPathDisplay(**invented(n_features=7)).plot()
    seen = [
        lab(np.array(DICHROMATS[sight]) @ linear_rgb(line.get_color())) for line in display.lines_
    ]
    apart = [np.linalg.norm(one - two) for one, two in itertools.combinations(seen, 2)]
    assert min(apart) > 10  # four times what can just be noticed
