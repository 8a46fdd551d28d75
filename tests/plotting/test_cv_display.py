"""The picture of a cross-validation shows the means, standard errors and choices of its folds."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import (
    CVDisplay,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
)


def test_the_constructor_stores_what_is_drawn():
    data = {"parameter": "l2_lambda", "values": [1, 2], "mean": [3, 4], "se": [0.1, 0.2]}
    data |= {"n_nonzeros": [1, 2], "chosen": {}, "score_name": "R2"}
    assert vars(CVDisplay(**data)) == data


def test_plot_draws_on_new_axes_or_on_those_given(plt):
    display = CVDisplay(parameter="l2_lambda", values=[1, 2, 3], mean=[3, 2, 4], se=[1, 1, 1])
    assert display.plot() is display
    assert display.figure_ is display.ax_.figure
    ax = plt.subplots()[1]
    assert display.plot(ax=ax).ax_ is ax
    assert_array_equal(display.line_.get_xdata(), [3, 2, 1])


def test_a_picture_is_pickled_with_its_figure():
    data = {"parameter": "l2_lambda", "values": [1, 2], "mean": [3, 2], "n_nonzeros": [2, 1]}
    again = pickle.loads(pickle.dumps(CVDisplay(**data).plot()))
    again.figure_.canvas.draw()
    assert_array_equal(again.line_.get_ydata(), [2, 3])
    assert again.top_ax_ is not None


def test_keywords_change_the_line_and_the_band():
    display = CVDisplay(parameter="l2_lambda", values=[1, 2], mean=[3, 2], se=[1, 1])
    display.plot(line_kw={"c": "red"}, fill_between_kw={"alpha": 0.5})
    assert display.line_.get_color() == "red"
    assert display.fill_between_.get_alpha() == 0.5


def test_mean_and_standard_error_are_those_of_single_fits(diabetes):
    X, y = diabetes
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
    assert display.ax_.get_ylabel() == "Mean squared error\nmean \N{PLUS-MINUS SIGN} standard error"


def test_leave_one_out_is_that_of_ridgecv(diabetes):
    X, y = diabetes
    values = np.geomspace(1, 1e-6, 5)
    display = CVDisplay.from_estimator(L2RegressorCV(values).fit(X, y))
    ridge = RidgeCV(values * len(y), store_cv_results=True).fit(X, y)
    assert_allclose(display.line_.get_xdata(), values)
    assert_allclose(display.line_.get_ydata(), ridge.cv_results_.mean(axis=0), rtol=1e-8)
    assert display.fill_between_ is not None


@pytest.mark.parametrize(
    ("model", "label", "best", "chosen"),
    [
        (L2RegressorCV(scoring="r2", cv=5), "R2\nmean", np.argmax, ["best", "1-SE"]),
        (
            L2RegressorCV(scoring="neg_mean_absolute_error"),
            "Negative mean absolute error",
            np.argmax,
            ["best"],
        ),
        (L1RegressorCV(criterion="aic"), "AIC", np.argmin, ["AIC"]),
        (L2RegressorCV(criterion="gcv"), "GCV", np.argmin, ["GCV"]),
        (DropoutRegressorCV([0.5, 0.1, 0.004, 1e-6]), "Mean squared", np.argmin, ["min", "1-SE"]),
    ],
)
def test_what_was_chosen_by_is_drawn(model, label, best, chosen, diabetes):
    display = CVDisplay.from_estimator(model.fit(*diabetes))
    assert display.ax_.get_ylabel().startswith(label)
    x, y = display.line_.get_data()
    assert x[best(y)] in [line.get_xdata()[0] for line in display.chosen_lines_]
    assert list(display.chosen) == chosen
    assert (display.fill_between_ is not None) == ("1-SE" in chosen)


def test_several_targets_share_one_curve_and_their_nonzeros(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, np.random.default_rng(0).permutation(y)])
    model = L1RegressorCV(10, cv=3).fit(X, Y)
    either = (model.coef_path_ != 0).any(axis=1).sum(axis=1)
    display = CVDisplay.from_estimator(model)
    assert_array_equal(display.n_nonzeros, either)
    assert display.top_ax_ is not None


def test_errors_of_different_sizes_are_on_a_logarithmic_axis():
    display = CVDisplay(parameter="l1_lambda", values=[1, 2, 3], mean=[1, 5, 11])
    assert display.plot().ax_.get_yscale() == "log"
    display.mean = [1, 5, np.nan]
    assert display.plot().ax_.get_yscale() == "linear"


def test_a_pipeline_ends_in_the_cross_validation(diabetes):
    pipe = make_pipeline(StandardScaler(), L2RegressorCV(10)).fit(*diabetes)
    assert CVDisplay.from_estimator(pipe).parameter == "l2_lambda"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": [1.0]}, "inconsistent numbers of samples: .2, 1"),
        ({"values": [0.5, 1.0]}, r"values must be in \[0, 1\)"),
    ],
)
def test_unusable_data(change, message, plt):
    data = {"parameter": "dropout_rate", "values": [0.5, 0.1], "mean": [1.0, 2.0], **change}
    with pytest.raises(ValueError, match=message):
        CVDisplay(**data).plot()
    assert plt.get_fignums() == []


def test_what_is_not_cross_validated():
    with pytest.raises(TypeError, match=r"must be an L1RegressorCV, .*, not L1Regressor"):
        CVDisplay.from_estimator(L1Regressor())
    with pytest.raises(NotFittedError, match="This L2RegressorCV instance is not fitted"):
        CVDisplay.from_estimator(L2RegressorCV())
