"""How Sphinx makes the user's guide: `make docs`.

The root of the checkout is its source directory, so that links between README, ARCHITECTURE and docs are checked too.
Pages of commands and settings are made of the programs' own help.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "meshpilot"
author = "the meshpilot authors"
copyright = "the meshpilot authors; Apache-2.0"
extensions = ["myst_parser", "reference"]
root_doc = "docs/index"
include_patterns = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/*.md"]
exclude_patterns = [
    ".*",
    "build",
    "generated",
    "pilot",
    "ca",
    "webhook",
    "tests",
    "benchmarks",
    "protos",
    "locks",
    "*.egg-info",
]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # README begins with a title of its own level everywhere
html_theme = "furo"
html_title = "meshpilot"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
