"""``python -m skreg``: what it prints, its exit status, and the mistakes it explains."""

import contextlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest

import skreg.__main__ as command
from skreg.cli.compare import Result

main = command.main

MODELS = [
    "LinearRegression",
    "RidgeCV",
    "L2RegressorCV",
    "DropoutRegressorCV",
    "LassoCV",
    "L1RegressorCV",
]


def run(*arguments):
    """The exit status, and the lines on standard output and standard error."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        status = main([str(argument) for argument in arguments])
    return status, output.getvalue().splitlines(), errors.getvalue().splitlines()


# What it prints


def test_default_command(default_run):
    status, lines, errors, _ = default_run
    assert (status, errors) == (0, "")
    assert lines[0] == "diabetes: 442 rows, features: 10, target: progression"
    head = ["model", "R2", "RMSE", "strength", "nonzero", "search", "s"]
    assert lines[1].split() == head
    assert [line.split()[0] for line in lines[2:8]] == MODELS
    assert max(map(len, lines)) <= 100


def test_printed_numbers_are_those_of_the_comparison(default_run):
    _, lines, _, results = default_run
    for result, line in zip(results, lines[2:8], strict=True):
        name, r2, _, r2_sd, rmse, _, rmse_sd, strength, nonzero, seconds = line.split()
        assert name == result.name
        np.testing.assert_allclose(float(r2), result.r2.mean(), atol=5e-5)
        np.testing.assert_allclose(float(r2_sd), result.r2.std(ddof=1), atol=5e-5)
        np.testing.assert_allclose(float(rmse), result.rmse.mean(), atol=5e-3)
        np.testing.assert_allclose(float(rmse_sd), result.rmse.std(ddof=1), atol=5e-3)
        chosen = f"{result.parameter}={result.strength:.3g}" if result.parameter else "-"
        assert strength == chosen
        assert nonzero == f"{np.count_nonzero(result.coef)}/10"
        assert float(seconds) >= 0


def test_a_table_of_ones_own(houses, tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "h.csv").write_text(houses.lines(sep=";", head="Fläche,Zimmer,$preis$"), "cp1252")
    status, lines, errors = run(tmp_path / "h.csv", "--target", "$preis$")
    assert (status, errors) == (0, [])
    assert lines[:5] == [
        "h.csv: cp1252 (assumed), separator ';', decimal mark '.'",
        "  Fläche   number    30.5 to 199.5",
        "  Zimmer   number    1 to 6",
        "  $preis$  target    43423 to 374894",
        "h.csv: 120 rows, features: 2, target: $preis$",
    ]
    rows = [line.split() for line in lines[6:12]]
    assert [row[0] for row in rows] == MODELS
    for row in rows:
        assert float(row[1]) == pytest.approx(0.937, abs=0.003)
        assert float(row[4]) == pytest.approx(21400, abs=300)


def test_a_tab_may_be_said_as_one_types_it(houses, tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "h.csv").write_text(houses.lines(sep="\t"))
    for mark in ("tab", "\t", r"\t"):
        assert "no column" in complaint(tmp_path / "h.csv", "--target", "p", "--sep", mark)


def test_columns_of_the_comparison_are_as_wide_as_their_cells(monkeypatch):
    small = np.array([0.003018, 0.003177, 0.002859])
    signed = np.array([-0.05884, 0.02248, -0.01818])
    result = Result("LassoCV", signed, small, 0.1, 0, small)
    monkeypatch.setattr(command, "compare", lambda table: [result])
    _, lines, _ = run()
    assert " -0.01818 +- 0.04066 0.003018 +- 0.000159 " in lines[2]
    assert len(lines[2]) == 100


def test_edge_and_convergence_are_said(monkeypatch):
    scores = np.array([0.1, 0.2, 0.3])
    edge = Result("LassoCV", scores, scores, 0.1234, 3, scores, "alpha", 2.0, True)
    monkeypatch.setattr(command, "compare", lambda table: [edge])
    _, lines, _ = run()
    assert lines[2].split()[-3:] == ["alpha=2*", "3/3", "0.123"]
    assert lines[-1] == "LassoCV: fits that stopped before convergence: 3"


def test_help_explains(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("--target price", "--sep", "--decimal", "--encoding", "--drop", "--plot", "alpha"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 100


# What goes wrong


def complaint(*arguments):
    """The one line on standard error, from a command that ends with status 2 and prints nothing."""
    status, output, errors = run(*arguments)
    assert (status, output, len(errors)) == (2, [], 1)
    assert errors[0].startswith("skreg: ")
    return errors[0]


def test_wrong_usage(capsys):
    for arguments in (["--colour"], ["--plot"], ["a.csv", "b.csv"], ["a.csv", "--sep", ";;"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert "python -m skreg: error: " in capsys.readouterr().err
    assert "--target COLUMN" in complaint("a.csv")
    for arguments in (["--target", "a"], ["--drop", "a"], ["--decimal", ","]):
        assert "FILE --target COLUMN" in complaint(*arguments)


def test_an_unusable_table_is_one_line(tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "a.csv").write_text("a,b\n1,2,3,4\n" * 20)
    assert "more cells in a row than names" in complaint(tmp_path / "a.csv", "--target", "b")
    (tmp_path / "c.csv").write_text("a,b\n" + "1,2\n1,3\n" * 20)
    status, lines, errors = run(tmp_path / "c.csv", "--target", "b")
    assert (status, lines[1]) == (2, "  a  left out  nothing to learn from: 40 '1'")
    assert "no feature" in errors[0]
    assert "No such file" in complaint(tmp_path / "b\n.csv", "--target", "b")


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("pandas", ["houses.csv", "--target", "price"]), ("matplotlib.figure", ["--plot", "a.png"])],
)
def test_absent_extras(monkeypatch, module, arguments):
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("skreg.cli.reading", "skreg.cli.plot"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(name, raising=False)
    assert "'.[plot]'" in complaint(*arguments)


def test_interrupt(monkeypatch):
    def interrupted(table):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "compare", interrupted)
    assert run()[0::2] == (130, [])


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_reader_that_stops_early():
    arguments = [sys.executable, "-m", "skreg"]
    with subprocess.Popen(arguments, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout.readline().startswith("diabetes")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
