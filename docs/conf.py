"""Settings of Sphinx, which makes the documentation's site (`make docs`)."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

from nnunet_multiphase import __version__  # noqa: E402 (found by the line above)

project = "nnunet-multiphase"
author = "nnunet-multiphase contributors"
copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "command_options",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # tests/test_notebooks.py and tests/chain/test_demo.py run them
exclude_patterns = ["_ext"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page that is included begins where it stands

autodoc_typehints = "none"  # the text says units and shapes
add_module_names = False
toc_object_entries = False
autodoc_mock_imports: list[str] = []
napoleon_numpy_docstring = False
nitpicky = False

html_theme = "furo"
html_title = "nnunet-multiphase"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_copyright = False
html_show_sphinx = False
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "monokai"
