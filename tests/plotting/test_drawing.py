"""A reader can read the pictures: ticks, names and marks keep apart, colours can be told apart."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skreg import CVDisplay, L1RegressorCV, RegularizationPathDisplay

# Simulations of dichromats: G. M. Machado, M. M. Oliveira & L. A. F. Fernandes (2009). A
# physiologically-based model for simulation of color vision deficiency. IEEE TVCG 15(6), table 1,
# severity 1.0, for linear RGB.
DICHROMATS = {
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


def labels_of(axis):
    """The tick labels of an axis in the order of their values."""
    ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
    return [label.get_text() for _, label in sorted(ticks, key=lambda t: t[0]) if label.get_text()]


@pytest.mark.parametrize("zero", [False, True], ids=["positive", "with 0"])
@pytest.mark.parametrize("parameter", ["l1_lambda", "dropout_rate"])
def test_strengths_fall_evenly_by_their_logarithm_from_the_left(parameter, zero, path_data):
    data = path_data(parameter)
    data["values"][-1] *= not zero
    display = RegularizationPathDisplay(**data).plot()
    x = display.ax_.transData.transform(np.column_stack([data["values"], np.zeros(30)]))[:, 0]
    steps = np.diff(x)
    assert (steps > 0).all()  # to the right, as they weaken
    if not (zero and parameter == "dropout_rate"):  # which is linear
        assert_allclose(steps[:-1], steps[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("parameter", "values", "expected"),
    [
        ("l1_lambda", np.geomspace(20, 0.002, 9), ["0.01", "0.1", "1", "10"]),
        ("l1_lambda", [3, 2, 1, 0.4], ["0.5", "1", "2"]),
        ("l1_lambda", [10, 1, 0.1, 0], ["0", "0.1", "1", "10"]),
        ("l1_lambda", [10, 1, 0.05, 0], ["0", "0.1", "1", "10"]),
        ("l2_lambda", [5e-7, 2e-7, 1e-7], ["1e-07", "2e-07", "5e-07"]),
        ("dropout_rate", [0.99, 0.5, 0.001], ["0.001", "0.01", "0.1", "0.5", "0.9", "0.99"]),
    ],
)
def test_ticks_are_round_and_within_the_path(parameter, values, expected, new_ax, assert_legible):
    values = np.asarray(values, dtype=float)
    coefs = np.ones((len(values), 1))
    display = RegularizationPathDisplay(parameter=parameter, values=values, coefs=coefs)
    axis = display.plot(new_ax()).ax_.xaxis
    display.figure_.canvas.draw()
    assert labels_of(axis) == expected
    assert_legible(display.figure_)


def test_ticks_appear_when_one_zooms_in(path_data):
    display = RegularizationPathDisplay(**path_data()).plot()
    display.ax_.set_xlim(10, 0.01)
    display.figure_.canvas.draw()
    assert len(labels_of(display.ax_.xaxis)) >= 3


def test_values_that_coincide_share_one_mark(path_data):
    chosen = {"min": 0.1, "1-SE": 0.1, "mine": 1000.0}
    display = RegularizationPathDisplay(**path_data(), chosen=chosen).plot()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["min = 1-SE: 0.1", "mine: 1e+03"]
    assert [line.get_xdata()[0] for line in display.chosen_lines_] == [0.1, 1000.0]
    assert display.ax_.get_xlim()[0] > 1000  # beyond the path, and in the picture


@pytest.mark.parametrize(
    ("parameter", "n_features", "min_", "one_se"),
    [
        ("l1_lambda", 2, None, None),
        ("l1_lambda", 500, 20, 5),
        ("l2_lambda", 10, 1, 0),
        ("l2_lambda", 10, 29, 28),
        ("dropout_rate", 500, 20, 5),
    ],
)
def test_pictures_of_600_pixels_are_legible(
    parameter, n_features, min_, one_se, path_data, new_ax, assert_legible
):
    from matplotlib.text import Text

    data = path_data(parameter, n_features=n_features, seed=n_features)
    data["coefs"][:8, ::2] = 0  # so that there are numbers on top
    names = [f"f{k}" if k % 7 else f"a long name of the feature {k}" for k in range(n_features)]
    values = data["values"]
    chosen = {} if min_ is None else {"min": values[min_], "1-SE": values[one_se], "own": values[6]}
    display = RegularizationPathDisplay(**data, feature_names=names, chosen=chosen)
    ax = display.plot(new_ax()).ax_
    assert len(display.names_) == min(n_features, 10)
    assert_legible(display.figure_)
    ends = np.array([ax.transData.transform(line.get_xydata()).max(0) for line in display.lines_])
    boxes = [Text.get_window_extent(name) for name in display.names_]
    assert min(box.x0 for box in boxes) > ends[:, 0].max()
    assert max(box.x1 for box in boxes) < ax.bbox.x1


def test_pictures_of_a_search_are_legible(new_ax, assert_legible):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 200))
    model = L1RegressorCV(30, cv=3).fit(X, X[:, :5].sum(axis=1) + rng.standard_normal(40))
    assert_legible(RegularizationPathDisplay.from_estimator(model, ax=new_ax()).figure_)
    assert_legible(CVDisplay.from_estimator(model, ax=new_ax()).figure_)


@pytest.mark.parametrize(("size", "length"), [((3, 2), 3), ((3, 3), 30)])
def test_small_pictures_leave_room_for_the_lines(size, length, path_data, new_ax, assert_legible):
    data = path_data(n_features=50)
    data["coefs"][:8, ::2] = 0
    names = [f"{k:03d}".rjust(length, "n") for k in range(50)]
    display = RegularizationPathDisplay(**data, feature_names=names, chosen={"min": 0.1})
    ax = display.plot(new_ax(*size)).ax_
    assert display.names_
    assert_legible(display.figure_)
    ends = ax.transAxes.inverted().transform(ax.transData.transform([[0.01, 0.0], [10.0, 0.0]]))
    assert ends[0, 0] - ends[1, 0] > 0.4


def test_two_pictures_beside_each_other(path_data, plt, assert_legible):
    data = path_data(n_features=50)
    data["coefs"][:8, ::2] = 0
    figure = plt.figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    for ax in figure.subplots(1, 2):
        RegularizationPathDisplay(**data, chosen={"min": 0.1}).plot(ax)
        ax.set_title("A title above the numbers")
    assert_legible(figure)


def test_a_picture_in_a_subfigure(path_data, plt):
    figure = plt.figure(layout="constrained")
    ax = figure.subfigures(1, 2)[1].subplots()
    assert RegularizationPathDisplay(**path_data()).plot(ax).figure_ is ax.figure


def test_without_a_layout_engine_the_names_are_within_the_axes(path_data, plt, assert_legible):
    ax = plt.subplots(figsize=(6, 4.5), dpi=100)[1]
    data = path_data(n_features=20)
    display = RegularizationPathDisplay(**data, chosen={"min": 0.1}).plot(ax)
    assert_legible(display.figure_)


def test_names_are_shown_as_they_are(path_data):
    names = ["$y$", "a_b^c", "two\nlines", "x" * 60]
    display = RegularizationPathDisplay(**path_data(), feature_names=names).plot()
    texts = [name.get_text() for name in display.names_]
    assert texts[:3] == ["$y$", "a_b^c", "two lines"]
    assert texts[3].replace("\N{HORIZONTAL ELLIPSIS}", "x", 1) == "x" * 20
    assert not any(name.get_parse_math() for name in display.names_)


def test_lines_differ_in_colour_or_style(path_data):
    display = RegularizationPathDisplay(**path_data(n_features=20)).plot(n_labels=14)
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_}) == 14


def linear_rgb(color):
    """The intensities of a colour's red, green and blue."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(linear):
    """CIELAB of linear RGB."""
    ratio = TO_XYZ @ np.clip(linear, 0, 1) / (TO_XYZ @ np.ones(3))
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_names_and_marks_have_the_contrast_that_wcag_asks_of_text(path_data):
    data = path_data(n_features=7)
    display = RegularizationPathDisplay(**data, chosen={"min": 1.0}).plot()
    for text in display.names_ + display.ax_.get_legend().get_texts():
        luminance = TO_XYZ[1] @ linear_rgb(text.get_color())
        assert (1 + 0.05) / (luminance + 0.05) >= 4.5  # WCAG 2.2, success criterion 1.4.3


@pytest.mark.parametrize("sight", DICHROMATS)
def test_colour_blind_readers_tell_the_lines_apart(sight, path_data):
    display = RegularizationPathDisplay(**path_data(n_features=7)).plot()
    colors = [line.get_color() for line in display.lines_]
    seen = [lab(np.array(DICHROMATS[sight]) @ linear_rgb(color)) for color in colors]
    apart = [np.linalg.norm(one - two) for one, two in itertools.combinations(seen, 2)]
    assert min(apart) > 10  # four times what can just be noticed
