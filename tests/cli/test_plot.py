"""The figure of ``python -m skreg --plot``."""

import itertools

import numpy as np
import pytest

import skreg.__main__ as command
from skreg.cli.compare import CHOICES, Result, load_builtin, searches

figure_module = pytest.importorskip("matplotlib.figure")
plotting = pytest.importorskip("skreg.cli.plot")


def invented(table):
    """Results as the comparison might give them."""
    scores = np.array([0.4, 0.5, 0.6])
    names = [type(search).__name__ for search in searches(len(table.y))]
    found = scores, scores, 0.1, 0, scores
    return [Result(name, *found, CHOICES.get(name, [""])[0], 0.1, False) for name in names]


@pytest.fixture(scope="module")
def figure():
    table = load_builtin()
    return plotting.draw(table, invented(table))


def test_figure_shows_paths_scores_and_names_apart(figure):
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    Text = pytest.importorskip("matplotlib.text").Text
    columns = load_builtin().columns
    renderer = agg.FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    assert len(figure.axes) == 4
    assert figure.axes[-1].get_title() == "R2 out of fold"
    for ax in figure.axes[:3]:
        names = [text for text in ax.texts if text.get_text() in columns]
        boxes = [Text.get_window_extent(text, renderer) for text in names]  # without the line
        boxes.sort(key=lambda box: box.y0)
        assert len(names) == 7
        assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))
        assert max(box.x1 for box in boxes) <= figure.bbox.x1


def test_figure_is_saved(figure, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(plotting, "draw", lambda table, results: figure)
    monkeypatch.setattr(command, "compare", invented)
    assert command.main(["--plot", str(tmp_path / "out.png")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"figure: {tmp_path / 'out.png'}"
    image = (tmp_path / "out.png").read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert np.frombuffer(image[16:24], ">u4").tolist() == [1500, 1000]


def test_figure_that_cannot_be_saved(capsys, tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name, message in {
        "out.xyz": "'xyz' is not supported",
        "out": "is not supported",
        "missing/out.png": "No such file or directory",
        "folder.png": "Is a directory",
    }.items():
        assert command.main(["--plot", str(tmp_path / name)]) == 2
        output, errors = capsys.readouterr()
        assert (output, errors.count("\n")) == ("", 1)
        assert message in errors


def test_a_full_disk_is_said(capsys, monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "compare", invented)
    monkeypatch.setattr(plotting, "draw", lambda table, results: figure_module.Figure())
    monkeypatch.setattr(figure_module.Figure, "savefig", full)
    assert command.main(["--plot", str(tmp_path / "out.png")]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "No space left on device" in errors


def test_a_new_file_is_not_left_behind_by_a_later_failure(monkeypatch, tmp_path):
    def interrupted(table):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "compare", interrupted)
    (tmp_path / "old.png").write_text("old")
    for name in ("new.png", "old.png"):
        assert command.main(["--plot", str(tmp_path / name)]) == 130
    assert [file.name for file in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_text() == "old"


def test_a_level_may_have_the_name_of_another_column(tmp_path):
    reading = pytest.importorskip("skreg.cli.reading")
    levels = ["u"] * 15 + ["(rare)"] * 15 + ["v", "w"]
    rows = [f"{level},{i % 7},{i % 5}\n" for i, level in enumerate(levels)]
    (tmp_path / "a.csv").write_text("c,c=u,y\n" + "".join(rows))
    table = reading.read_table(str(tmp_path / "a.csv"), "y")
    assert len(plotting.draw(table, invented(table)).axes[0].texts) == 4


def test_all_regularised_models_are_in_the_panel_of_scores():
    r2 = {"": [-90.0, -80.0], "alpha": [0.99, 0.999], "l1_lambda": [-0.6, -0.5]}
    found = np.ones(2), 0.1, 0, np.ones(2)
    results = [Result(name, np.array(folds), *found, name, 0.1) for name, folds in r2.items()]
    ax = figure_module.Figure().subplots()
    plotting.draw_scores(ax, results)
    left, right = ax.get_xlim()
    assert -2 < left < -0.6
    assert right == 1
