"""Fixtures of the pictures: data, axes of 600 x 450 pixels, and a judge of what can be read."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_diabetes


@pytest.fixture(autouse=True)
def plt():
    """pyplot without a window; figures are closed after each test."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="session")
def named_diabetes():
    """The diabetes data with the names of its columns."""
    pytest.importorskip("pandas")
    return load_diabetes(return_X_y=True, as_frame=True)


@pytest.fixture
def new_ax(plt):
    """Return a function that makes axes of 600 x 450 pixels, or another size in inches."""

    def new(*size):
        return plt.subplots(figsize=size or (6, 4.5), dpi=100, layout="constrained")[1]

    return new


@pytest.fixture
def path_data():
    """Return a function that invents a path: what is drawn does not depend on its origin."""

    def invent(parameter="l1_lambda", n_values=30, n_features=4, seed=0):
        rng = np.random.default_rng(seed)
        odds = np.geomspace(10, 0.01, n_values)
        return {
            "parameter": parameter,
            "values": odds / (1 + odds) if parameter == "dropout_rate" else odds,
            "coefs": rng.standard_normal((n_values, n_features)).cumsum(axis=0),
        }

    return invent


def texts_of(figure):
    """The visible texts of a figure and the boxes in which they stand, without leaders."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    texts = []
    for ax in [ax for outer in figure.axes for ax in (outer, *outer.child_axes)]:
        texts += [*ax.texts, ax.title]
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_visible():
                low, high = sorted(axis.get_view_interval())
                labels = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
                texts += [axis.label, *(label for at, label in labels if low <= at <= high)]
        texts += ax.get_legend().get_texts() if ax.get_legend() else []
    return [(t.get_text(), Text.get_window_extent(t)) for t in texts if t.get_text()]


@pytest.fixture
def assert_legible():
    """Return a function that fails if a text is over another, or leaves the figure."""

    def judge(figure):
        texts = texts_of(figure)
        for text, box in texts:
            assert max(box.width, box.height) >= 5, text
            assert min(box.x0, box.y0) >= 0, text
            assert box.x1 <= figure.bbox.x1, text
            assert box.y1 <= figure.bbox.y1, text
        for (text, box), (other, another) in itertools.combinations(texts, 2):
            width = min(box.x1, another.x1) - max(box.x0, another.x0)
            height = min(box.y1, another.y1) - max(box.y0, another.y0)
            assert min(width, height) <= 0.5, f"{text} over {other}"  # half a pixel

    return judge
