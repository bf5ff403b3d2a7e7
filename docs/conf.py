# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation as a site. build.sh puts beside these pages what is generated, and calls Sphinx on all of it."""

from __future__ import annotations

import json
from pathlib import Path

COLLECTION = Path(__file__).parents[1]

project = "egee.box"
author = "egee.box contributors"
project_copyright = "2026, egee.box contributors"
release = json.loads((COLLECTION / "MANIFEST.json").read_text())["collection_info"]["version"]

root_doc = "docs/index"
include_patterns = ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/**", "roles/*/README.md"]
# What another page includes.
exclude_patterns = ["docs/magrathea/allowed.md"]
extensions = ["myst_parser", "sphinx_antsibull_ext"]
# Pages link to sections by the anchors that forges give them too.
myst_heading_anchors = 3
# A block without a language is what a terminal shows.
highlight_language = "none"

html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 2}
# Tables of messages are wide, and the theme would not break their lines.
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
