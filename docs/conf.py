"""Settings of the documentation site. Build it with `make docs`; no network is needed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

import make_http  # noqa: E402

import number_prediction  # noqa: E402

project = "number_prediction"
copyright = "the number_prediction contributors"  # noqa: A001
version = release = number_prediction.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["form/**", "_build"]
default_role = "code"  # docstrings put names between single backticks
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks' outputs are stored; `make notebooks` makes them anew
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
maximum_signature_line_length = 88

# Names of other packages, and of modules that are not public, have no page here.
nitpick_ignore_regex = [(r"py:.*", r"(?!number_prediction\.).*|number_prediction(\.[a-z_]+)+\..*")]
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "furo"
html_title = "number_prediction"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True


def copy_notebooks(app: Sphinx, _: object) -> None:
    """Sphinx reads documents below its own folder, so the notebooks are copied into it."""
    folder = Path(app.srcdir) / "tutorials"
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copyfile(notebook, folder / notebook.name)


def write_http_reference(app: Sphinx, _: object) -> None:
    """The routes of the server, from its own OpenAPI document."""
    page = Path(app.srcdir) / "reference" / "http-api.md"
    page.write_text(make_http.render(), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("config-inited", copy_notebooks)
    app.connect("config-inited", write_http_reference)
