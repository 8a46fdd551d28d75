"""The shape of the package: short modules, imports in one direction, nothing heavy among them."""

import ast
import subprocess
import sys
from pathlib import Path

import skreg

ROOT = Path(skreg.__file__).parent
# A module imports from its own layer and those to its left.
LAYERS = "problem", "solvers", "linear", "model_selection", "plotting", "cli"
BASE = "_objective", "_solution"  # imported by all, and of the package only each other
# Beside the layers, and used by none of them.
NETWORK = {"problem", "solvers", "linear", "model_selection", "network"}
TOP = "__init__", "__main__"  # what the package offers


def module_name(path):
    parts = ("skreg", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


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


def layer(name):
    """The folder of a module, or its own name at the top of the package."""
    return name.split(".")[1] if "." in name else "__init__"


def allowed(importing):
    """The layers that a layer may import from."""
    if importing in TOP:
        return {*BASE, *LAYERS, *NETWORK}
    if importing in BASE:
        return set(BASE)
    if importing == "network":
        return {*BASE, *NETWORK}
    return {*BASE, *LAYERS[: LAYERS.index(importing) + 1]}


def test_imports_point_one_way():
    wrong = [
        (name, imported)
        for name in MODULES
        for imported in imported_by(name)
        if layer(imported) not in allowed(layer(name))
    ]
    assert not wrong
    assert sum(len(list(imported_by(name))) for name in MODULES) > len(MODULES)


def test_no_import_closes_a_cycle():
    graph, done, path = {name: set(imported_by(name)) for name in MODULES}, set(), []

    def visit(name):
        assert name not in path, " <- ".join([*path, name])
        if name not in done:
            path.append(name)
            for imported in graph[name]:
                visit(imported)
            done.add(path.pop())

    for name in graph:
        visit(name)


def test_no_module_is_longer_than_400_lines_and_each_says_what_it_holds():
    sources = {name: path.read_text() for name, path in MODULES.items()}
    assert not [name for name, text in sources.items() if len(text.splitlines()) > 400]
    assert not [name for name, text in sources.items() if not ast.get_docstring(ast.parse(text))]


def test_importing_the_package_imports_nothing_heavy_and_says_nothing():
    heavy = {"matplotlib", "pandas", "polars", "dask", "pytest"}
    code = (
        "import sys, sklearn.linear_model; before = {*sys.modules}; "
        "import skreg; print(*{*sys.modules} - before)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    imported = set(run.stdout.split())
    assert "skreg" in imported
    assert not imported & heavy  # but for what scikit-learn imports itself
    assert run.stderr == ""


def test_what_the_package_offers_is_there_and_documented():
    for name in skreg.__all__:
        assert getattr(skreg, name).__doc__
