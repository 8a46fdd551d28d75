"""The shape of the package: short modules, imports without a cycle, nothing heavy among them."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skreg

ROOT = Path(skreg.__file__).parent


def module_name(path):
    parts = ("skreg", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
each = pytest.mark.parametrize("name", MODULES)


def imported_by(name):
    """The modules of the package that one of them imports, at its top or in a function."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            full = [f"{source}.{alias.name}" for alias in node.names]
            targets = [target if target in MODULES else source for target in full]
        else:
            continue
        yield from (target for target in targets if target in MODULES and target != name)


@each
def test_no_module_is_longer_than_400_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= 400


@each
def test_every_module_says_what_it_is(name):
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))


def test_imports_form_no_cycle():
    graph = {name: set(imported_by(name)) for name in MODULES}
    assert any(graph.values())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_the_map_names_every_folder_in_the_order_of_imports():
    page = (Path(__file__).parents[1] / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = page.partition("## Where things are")[2].partition("Each module")[0]
    order = [name.removesuffix(".py") for name in re.findall(r"^\| `([\w.]+)/?` \|", table, re.M)]
    part = {name: name.split(".")[1] for name in MODULES if name != "skreg"}
    assert set(part.values()) == set(order)
    for name in part:
        for imported in imported_by(name):
            if imported in part:
                assert order.index(part[imported]) <= order.index(part[name]), (name, imported)


def test_the_search_for_cycles_finds_one():
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_importing_the_package_imports_nothing_heavy():
    heavy = "matplotlib", "pandas", "polars", "dask", "pytest"
    program = f"import sys, skreg; print(*[m for m in {heavy!r} if m in sys.modules])"
    bare = f"import sys, sklearn.linear_model; print(*[m for m in {heavy!r} if m in sys.modules])"
    ours, theirs = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for code in (program, bare)
    )
    assert set(ours.stdout.split()) <= set(theirs.stdout.split())


def test_importing_the_package_says_nothing_and_warns_of_nothing():
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import skreg"], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_what_the_package_offers_is_there_and_documented():
    for name in skreg.__all__:
        if not name.startswith("__"):
            assert getattr(skreg, name).__doc__
