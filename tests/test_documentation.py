"""Every code example in docstrings, README and guide runs and prints what it promises."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skreg

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [
    page
    for page in sorted([*ROOT.glob("docs/*.rst"), *ROOT.glob("docs/guide/*.rst")])
    if ">>> " in page.read_text(encoding="utf-8")
]
MODULES = [m.name for m in pkgutil.walk_packages(skreg.__path__, "skreg.") if "__" not in m.name]
MARKDOWN = [page.relative_to(ROOT).as_posix() for page in sorted(ROOT.glob("docs/*.md"))]
OPTIONAL = {"skreg.plotting": ["matplotlib"], "skreg.cli": ["matplotlib", "pandas"]}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name):
    for module in OPTIONAL.get(".".join(name.split(".")[:2]), []):
        pytest.importorskip(module)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_estimator_shows_an_example():
    for name in skreg.__all__:
        assert ">>> " in getattr(skreg, name).__doc__


def test_the_reference_lists_everything_public():
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^   (\w+)$", page, flags=re.MULTILINE)) == sorted(skreg.__all__)


@pytest.mark.parametrize("name", ["L1Regressor", "L2Regressor", "DropoutRegressor"])
def test_the_reference_names_the_solvers_that_an_estimator_takes(name):
    estimator = getattr(skreg, name)
    named = re.search(r"solver : \{(.*?)\}", estimator.__doc__)[1]
    (options,) = estimator._parameter_constraints["solver"]
    assert set(re.findall(r'"(\w+)"', named)) == options.options


def test_the_readme_examples_print_what_it_says(capsys):
    text = README.read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\s+prints `(.*?)`", text, flags=re.DOTALL)
    assert len(examples) == text.count("```python")
    for code, promised in examples:
        exec(code, {})
        assert capsys.readouterr().out.strip() == promised


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_in_the_guide(page, monkeypatch, request):
    if ".. plot::" in page.read_text(encoding="utf-8"):
        plt = pytest.importorskip("matplotlib.pyplot")
        request.addfinalizer(lambda: plt.close("all"))
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


def test_every_page_of_the_guide_shows_its_formula_picture_and_code():
    for page in (ROOT / "docs" / "guide").glob("[!i]*.rst"):
        text = page.read_text(encoding="utf-8")
        formula, picture, code = (text.index(part) for part in (".. math::", ".. plot::", ">>> "))
        assert formula < picture < code


def test_the_contribution_guide_says_what_each_folder_holds():
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = page.partition("## Where things are")[2].partition("Each module")[0]
    named = re.findall(r"^\| `([\w.]+/?)` \|", table, flags=re.MULTILINE)
    package = Path(skreg.__file__).parent
    folders = [f"{path.parent.name}/" for path in package.glob("*/__init__.py")]
    modules = [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    assert {*folders, *modules} <= set(named)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *MARKDOWN])
def test_the_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:\\s*Port 8787 is already in use")  # by another's dashboard
def test_the_recipes_for_large_data_run(tmp_path, monkeypatch):
    for module in ("pandas", "pyarrow", "dask.dataframe", "dask.distributed"):
        pytest.importorskip(module)
    text = (ROOT / "docs" / "large_data.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    recipes = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert recipes
    names, coefs = {}, []
    for recipe in recipes:
        exec(recipe, names)
        if "model" in names:
            coefs.append(names["model"].coef_)
    for coef in coefs[1:]:  # the same table, however it was read
        assert_allclose(coef, coefs[0], rtol=1e-10)
    assert_allclose(names["models"][0].coef_, [3, 0, -1, 0, 0], atol=0.05)
    assert names["search"].best_params_["polynomialfeatures__degree"] == 1


def test_the_types_that_models_hold_are_where_the_page_says():
    """A reader trusts them by name when loading a model."""
    names = re.findall(
        r"`(skreg(?:\.\w+)+)\.(\w+)`", (ROOT / "docs" / "persistence.md").read_text()
    )
    assert len(names) > 10
    for module, name in names:
        assert getattr(importlib.import_module(module), name).__module__ == module


def test_the_recipes_for_keeping_models_run(tmp_path, monkeypatch):
    io = pytest.importorskip("skops.io")
    text = (ROOT / "docs" / "persistence.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    for recipe in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(recipe, names)
    X, y = names["X"], names["y"]
    expected = skreg.L1Regressor(0.1).fit(X, y)
    for model in (names["model"], names["again"]):
        assert_allclose(model.coef_, expected.coef_, rtol=1e-8)
    listed = dict(re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|$", text, flags=re.MULTILINE))
    path = re.search(r"`([\w.]+\.CoefPath)`", text)[1]
    linear = {name for name in skreg.__all__ if "Regressor" in name and "Network" not in name}
    assert set(listed) == linear
    for name, trusted in listed.items():
        model = getattr(skreg, name)().fit(X, y)
        data = io.dumps(model)
        types = [trusted, *([path] if name.endswith("CV") else [])]
        assert io.get_untrusted_types(data=data) == types
        loaded = io.loads(data, trusted=types)
        assert_array_equal(loaded.predict(X), model.predict(X))
