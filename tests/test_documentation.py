"""What the documentation shows is run: the docstrings' examples, and the README's."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skreg

README = Path(__file__).parent.parent / "README.md"
MODULES = [m.name for m in pkgutil.walk_packages(skreg.__path__, "skreg.") if "__" not in m.name]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name):
    pytest.importorskip("matplotlib")  # skreg._plot
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_estimator_shows_an_example():
    for name in skreg.__all__:
        assert ">>> " in getattr(skreg, name).__doc__


def test_the_readme_examples_print_what_it_says(capsys):
    text = README.read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\s+prints `(.*?)`", text, flags=re.DOTALL)
    assert len(examples) == text.count("```python")
    for code, promised in examples:
        exec(code, {})
        assert capsys.readouterr().out.strip() == promised
