"""The shape of the package: short modules, imports without a cycle, nothing heavy among them."""

import ast
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


def test_the_map_of_the_modules_is_complete_and_in_the_order_of_imports():
    path = Path(__file__).parents[1] / "docs" / "contributing.md"
    rows = [line.split("|")[1] for line in path.read_text().splitlines() if line.startswith("| `")]
    place = {
        "skreg." + name.strip(" `").removesuffix(".py").replace("/", "."): k
        for k, row in enumerate(rows)
        for name in row.split(",")
    }
    shown = [name for name, file in MODULES.items() if file.name != "__init__.py"]
    assert sorted(place) == sorted(shown)
    for name in shown:
        for imported in imported_by(name):
            if imported in place:
                assert place[imported] <= place[name], (name, imported)


def test_imports_between_folders_point_one_way():
    order = ["views", "solvers", "data", "estimators", "strengths", "pictures", "command"]
    folders = [name for name in order if (ROOT / name).is_dir()]
    assert {path.parent.name for path in MODULES.values()} == {*folders, ROOT.name}
    for name in MODULES:
        for imported in imported_by(name):
            ends = [part.split(".")[1:2] for part in (name, imported)]
            if all(end and end[0] in order for end in ends):
                importing, its = (order.index(end[0]) for end in ends)
                assert its <= importing, (name, imported)


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
