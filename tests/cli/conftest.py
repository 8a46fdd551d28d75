"""The default command, run once, and a table with a known R2 to be written in many ways."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

import skreg.__main__ as command


class Houses:
    """120 houses: sqm, rooms, and a price of which the two explain 94%."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.sqm = rng.uniform(30, 200, 120).round(1)
        self.rooms = rng.integers(1, 7, 120)
        noise = 20000 * rng.normal(size=120)
        self.price = (1500 * self.sqm + 10000 * self.rooms + noise).round().astype(int)

    def r2(self, sqm):
        """Of least squares on these sqm and the rooms, by NumPy alone."""
        A = np.column_stack([np.ones(120), sqm, self.rooms])
        residual = self.price - A @ np.linalg.lstsq(A, self.price, rcond=None)[0]
        return 1 - residual.var() / self.price.var()

    def lines(self, sqm=None, sep=",", head="sqm,rooms,price", end="", price=None):
        """The CSV file as text, with other cells in the columns of sqm and price."""
        columns = (
            self.sqm if sqm is None else sqm,
            self.rooms,
            self.price if price is None else price,
        )
        rows = [sep.join(map(str, row)) + end for row in zip(*columns, strict=True)]
        return "\n".join([head.replace(",", sep), *rows]) + "\n"


@pytest.fixture(scope="session")
def houses():
    return Houses()


@pytest.fixture(scope="session")
def shared_data():
    """The folder of the real data; skips the test where it is absent."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.exists():
        pytest.skip("the real data are not beside this repository")
    return folder


@pytest.fixture(scope="session")
def default_run():
    """The command without arguments, run once: exit status, lines, errors, results."""
    results, compare = [], command.compare
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        patch.setattr(command, "compare", lambda table: results.extend(compare(table)) or results)
        status = command.main([])
    return status, output.getvalue().splitlines(), errors.getvalue(), results
