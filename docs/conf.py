"""How the documentation is built: `sphinx-build -W docs docs/_build/html`, offline.

New pages are reStructuredText; the Markdown pages are those that are read on a code host as well.
Every number and picture is made in the build, or printed by an example that the tests run.
"""

import inspect
import warnings
from pathlib import Path

from sphinx.errors import ConfigError
from sphinx_gallery.sorting import ExplicitOrder

import skreg

project = "skreg"
author = copyright = "the skreg developers"
version = release = skreg.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # Formulas are set by MathJax, in a copy that this package puts beside the pages: no page asks
    # an outside host for anything. (MathML would need no script, but the converters from TeX that
    # could be had lose accents and limits, and browsers without a font for it set it poorly.)
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "benchmarks/results", "examples", "**/.ipynb_checkpoints"]
templates_path = ["_templates"]
default_role = "code"
suppress_warnings = ["config.cache"]  # an order of examples, as an object, cannot be cached

# Reference

autosummary_generate = True
autodoc_typehints = "none"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # the template below lists them
numpydoc_validation_checks = {
    "all",
    "SA01",  # See Also: where there is something to see
    "ES01",  # an extended summary: where there is something to add
    "EX01",  # an example: of every class and function, which the tests see to; not of methods
    "GL01",  # the summary stands on the line of the quotes, as ruff's numpy convention has it
    "RT02",  # what is returned is named, as scikit-learn does
    "YD01",
}


def own_methods(name):
    """Return the public methods that a class of skreg defines and documents, by name.

    Methods whose docstring has no sections serve the package itself; what scikit-learn gives every
    estimator is documented there.
    """
    functions = inspect.getmembers(getattr(skreg, name), inspect.isroutine)
    return [
        method
        for method, function in functions
        if not method.startswith("_")
        and (getattr(function, "__module__", None) or "").startswith("skreg")
        and "----" in (function.__doc__ or "")
        and not method.endswith("_request")
        and method != "get_metadata_routing"
    ]


# As data, not as a function: with that, every build would begin afresh.
autosummary_context = {"own_methods": {name: own_methods(name) for name in skreg.__all__}}

# Gallery and pictures

warnings.filterwarnings("error", category=UserWarning)  # of an example: it would be printed

# What is fundamental, then what is real, then what is special.
ORDER = [
    "three_paths",
    "one_scale",
    "missing_pixels",
    "one_standard_error",
    "house_prices",
    "spectra",
    "text",
    "network_table",
    "network_digits",
    "adaptive_lasso",
    "stream",
    "loops",
]
for name in ORDER:
    if not Path(__file__).with_name("examples").joinpath(f"plot_{name}.py").exists():
        raise ConfigError(f"ORDER in conf.py names {name!r}: there is no examples/plot_{name}.py")
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("skreg",),
    "within_subsection_order": ExplicitOrder([*(f"plot_{name}.py" for name in ORDER), "*"]),
    "show_memory": False,
    "write_computation_times": False,  # its page asks an outside host for a table
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
    "abort_on_example_error": True,
    "image_srcset": ["2x"],
}
plot_formats = [("png", 150)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_apply_rcparams = True
plot_rcparams = {
    "figure.figsize": (6.4, 4.0),
    "figure.constrained_layout.use": True,
    "font.size": 9,
}

# Pages

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "pydata_sphinx_theme"
html_title = f"skreg {release}"
html_static_path = ["_static"]
html_css_files = ["skreg.css"]
html_favicon = "_static/skreg.svg"
html_context = {"default_mode": "auto"}  # as the reader's system has it
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {name: [] for name in ("index", "start", "coming_from", "changelog")}
html_theme_options = {
    "logo": {"text": "skreg"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,  # one line from 1100 pixels on
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def link_to_scikit_learn(app, env, node, contnode):
    """Return a link to scikit-learn's page of one of its objects, without asking for its index."""
    from docutils import nodes

    target = node.get("reftarget", "")
    if not target.startswith("sklearn."):
        return None
    page = f"https://scikit-learn.org/stable/modules/generated/{target}.html"
    return nodes.reference("", "", contnode, internal=False, refuri=page)


def setup(app):
    """Connect the resolver of links."""
    app.connect("missing-reference", link_to_scikit_learn)
