"""How the documentation is built: `make docs`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from reference import write_pages  # noqa: E402  (beside this file)

import onlineml  # noqa: E402  (of this tree)

project = "onlineml"
copyright = "the onlineml developers"
version = release = onlineml.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
default_role = "py:obj"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "onlineml"
html_show_sphinx = False

write_pages(Path(__file__).parent / "reference")
