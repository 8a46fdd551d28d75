"""``python -m skreg``: what it prints and draws, its exit status, and the mistakes it explains."""

import contextlib
import io
import itertools
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import skreg.__main__ as command
from skreg.cli import compare as comparing
from skreg.cli import plot as plotting
from skreg.cli.compare import compare, load_builtin, load_csv
from skreg.cli.plot import draw

main = command.main

MODELS = ["LinearRegression", "Ridge", "Lasso", "L1Regressor", "L2Regressor", "DropoutRegressor"]
PARAMETERS = [None, "alpha", "alpha", "l1_lambda", "l2_lambda", "dropout_rate"]


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A small CSV file with numbers, text and missing values."""
    pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    lines = ["area,town,garden,$price$"]
    for i in range(40):
        area, town = rng.uniform(40, 200), rng.choice(["Ulm", "Bonn", ""])
        price = 3 * area + 50 * (town == "Bonn") + rng.normal(0, 20)
        lines.append(f"{area if i else ''},{town},{rng.random() < 0.5},{price if i > 1 else ''}")
    path = tmp_path_factory.mktemp("tables") / "houses.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def python(*arguments, **options):
    """Run ``python -m skreg`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "skreg", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def default_run(tmp_path_factory):
    """The default command in a process of its own: exit status, output, errors, figure."""
    pytest.importorskip("matplotlib")
    figure = tmp_path_factory.mktemp("figures") / "out.png"
    process = python("--plot", str(figure))
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors, figure


@pytest.fixture(scope="module")
def csv_run(houses):
    """The command on the small table, in this process: exit status, output."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = main([houses, "--target", "$price$"])
    return status, output.getvalue()


def rows(output):
    return [line.split() for line in output.splitlines()[2:8]]


# What it prints


def test_default_command(default_run):
    status, output, errors, figure = default_run
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "diabetes: 442 rows, 10 columns, target progression"
    assert lines[1].split() == ["model", "R2", "RMSE", "strength", "nonzero", "fit", "ms"]
    assert [row[0] for row in rows(output)] == MODELS
    assert lines[-1] == f"figure: {figure}"
    assert max(map(len, lines[:9])) <= 100


def test_the_time_of_the_searches_is_compared(default_run):
    lines = [line for line in default_run[1].splitlines() if "CV chose" in line]
    assert [line.split()[0] for line in lines] == [f"{name}CV" for name in MODELS[3:]]
    for line in lines:
        milliseconds, ratio = re.fullmatch(
            r"\w+ chose in (\S+) ms, (\S+) times as fast as GridSearchCV", line
        ).groups()
        assert float(milliseconds) > 0
        assert float(ratio) > 0


def test_printed_numbers_are_those_of_the_comparison(default_run):
    results = list(compare(load_builtin()))
    printed = rows(default_run[1])
    for result, row, parameter in zip(results, printed, PARAMETERS, strict=True):
        name, r2, _, r2_sd, rmse, _, rmse_sd, strength, nonzero, milliseconds = row
        assert name == result.name
        np.testing.assert_allclose(float(r2), result.r2.mean(), atol=5e-5)
        np.testing.assert_allclose(float(r2_sd), result.r2.std(ddof=1), atol=5e-5)
        np.testing.assert_allclose(float(rmse), result.rmse.mean(), atol=5e-3)
        np.testing.assert_allclose(float(rmse_sd), result.rmse.std(ddof=1), atol=5e-3)
        chosen = "-" if parameter is None else f"{parameter}={result.strength:.3g}"
        assert strength.rstrip("*") == chosen
        assert nonzero == f"{np.count_nonzero(result.coef)}/10"
        assert float(milliseconds) > 0


def test_a_table_of_ones_own(csv_run, houses):
    status, output = csv_run
    assert status == 0
    first = "houses.csv: 38 rows, 3 columns, target $price$; 2 rows without a target left out"
    assert output.splitlines()[0] == first
    assert [row[0] for row in rows(output)] == MODELS
    r2 = [float(row[1]) for row in rows(output)]
    assert min(r2) > 0.9
    assert max(map(len, output.splitlines()[1:])) <= 100


def test_edge_and_convergence_are_said(capsys, monkeypatch):
    scores = np.array([0.1, 0.2, 0.3])
    result = comparing.Result("Lasso", scores, scores, "alpha", 2.0, True, scores, 0.1234, 3)
    monkeypatch.setattr(command, "compare", lambda table: [result])
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-3:] == ["alpha=2*", "3/3", "123"]
    assert lines[-1] == "Lasso: 3 fits stopped before convergence"


def test_help_explains(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("--target price", "GridSearchCV", "one-hot", "diabetes", "--plot", "alpha"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100


# What it draws


@pytest.fixture(scope="module")
def tables(houses):
    return {"diabetes": load_builtin(), "houses": load_csv(houses, "$price$")}


N_LINES = {"diabetes": 10, "houses": 5}  # columns, as the models see them
N_NAMED = {"diabetes": 7, "houses": 5}


@pytest.mark.parametrize("name", ["diabetes", "houses"])
def test_figure_shows_paths_scores_and_names_apart(tables, name):
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    Text = pytest.importorskip("matplotlib.text").Text
    table = tables[name]
    scores = np.array([0.4, 0.5, 0.6])
    results = [
        comparing.Result(model.name, scores, scores, model.parameter, 0.1, False, scores, 0.1, 0)
        for model in comparing.candidates(table.y)
    ]
    figure = draw(table, results)
    renderer = agg.FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["L1Regressor", "L2Regressor", "DropoutRegressor", "R2 out of fold"]
    for ax in figure.axes[:3]:
        names = [text for text in ax.texts if not text.get_text().startswith("chosen")]
        assert len(names) == N_NAMED[name]
        boxes = [Text.get_window_extent(text, renderer) for text in names]  # without the line
        boxes.sort(key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))
        assert max(box.x1 for box in boxes) <= ax.bbox.x1
    curves = [line.get_xydata() for line in figure.axes[0].lines]
    curves += figure.axes[0].collections[0].get_segments()
    starts = [curve[0, 1] for curve in curves if len(curve) == plotting.N_STRENGTHS]
    assert len(starts) == N_LINES[name]
    np.testing.assert_allclose(starts, 0, atol=1e-6 * np.ptp(table.y))


def test_figure_is_saved(default_run):
    image = default_run[3].read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert np.frombuffer(image[16:24], ">u4").tolist() == [1500, 1000]


# What goes wrong


def complaint(capsys, *arguments):
    """The one line on standard error, from a command that ends with status 2 and prints nothing."""
    assert main([str(argument) for argument in arguments]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith("skreg: ")
    return errors


TABLES = {
    "empty.csv": b"",
    "header.csv": b"area,price\n",
    "no_target.csv": b"area,price\n1,\n2,\n",
    "no_feature.csv": b"price\n" + b"1\n2\n" * 10,
    "short.csv": b"area,price\n" + b"1,2\n3,4\n" * 4,
    "constant.csv": b"area,price\n" + b"1,2\n3,2\n" * 10,
    "text.csv": b"area,price\n" + b"1,low\n3,high\n" * 10,
    "other.csv": b"area,Price\n" + b"1,2\n3,4\n" * 10,
    "newline.csv": b'area,"a\nb"\n1,2\n',
    "binary.csv": bytes(range(256)) * 8,
    "cut.csv.xz": b"\xfd7zXZ\x00" + bytes(20),
    "cut.csv.gz": b"\x1f\x8b\x08" + bytes(20),
}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", "No such file"),
        ("", "Is a directory"),
        ("empty.csv", "No columns"),
        ("header.csv", "no usable row"),
        ("no_target.csv", "no usable row"),
        ("no_feature.csv", "no feature"),
        ("short.csv", "8 usable rows; 5 folds need at least 10"),
        ("constant.csv", "constant"),
        ("text.csv", "not numeric: it holds 'low'"),
        ("other.csv", "no column 'price'; did you mean 'Price'?"),
        ("newline.csv", "no column 'price'"),
        ("binary.csv", "as CSV"),
        ("cut.csv.xz", "as CSV"),
        ("cut.csv.gz", "cut.csv.gz"),
    ],
)
def test_unusable_table(capsys, tmp_path, name, message):
    pytest.importorskip("pandas")
    if name in TABLES:
        (tmp_path / name).write_bytes(TABLES[name])
    assert message in complaint(capsys, tmp_path / name, "--target", "price")


def test_target_without_table_and_table_without_target(capsys, houses):
    assert "FILE --target COLUMN" in complaint(capsys, "--target", "price")
    assert "--target COLUMN" in complaint(capsys, houses)


@pytest.mark.parametrize("arguments", [["--colour"], ["--plot"], ["a.csv", "b.csv"]])
def test_wrong_usage(capsys, arguments):
    assert "see --help" in complaint(capsys, *arguments)


def test_figure_that_cannot_be_saved(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert "must end in one of" in complaint(capsys, "--plot", tmp_path / "out.xyz")
    assert "must end in one of" in complaint(capsys, "--plot", tmp_path / "out")
    assert "no such folder" in complaint(capsys, "--plot", tmp_path / "missing" / "out.png")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in complaint(capsys, "--plot", tmp_path / "folder.png")


def test_figure_that_fails_to_be_saved(capsys, monkeypatch, tmp_path):
    figure = pytest.importorskip("matplotlib.figure")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "compare", lambda table: [])
    monkeypatch.setattr(plotting, "draw", lambda table, results: figure.Figure())
    monkeypatch.setattr(figure.Figure, "savefig", full)
    assert main(["--plot", str(tmp_path / "out.png")]) == 2
    errors = capsys.readouterr().err
    assert errors == f"skreg: cannot write {tmp_path / 'out.png'}: No space left on device\n"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("pandas", ["houses.csv", "--target", "price"]), ("matplotlib.figure", ["--plot", "a.png"])],
)
def test_absent_extras(capsys, monkeypatch, tmp_path, module, arguments):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "houses.csv").touch()
    assert "'.[plot]'" in complaint(capsys, *arguments)


def test_interrupt(capsys, monkeypatch):
    def interrupted(table):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "compare", interrupted)
    assert main([]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_reader_that_stops_early():
    with python() as process:
        assert process.stdout.readline().startswith("diabetes")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
