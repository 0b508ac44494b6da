# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of Sphinx for the documentation site (tools/docs)."""

project = "cloudrepo.slices"
project_copyright = "the cloudrepo.slices authors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
root_doc = "index"
html_theme = "furo"
html_title = "cloudrepo.slices"
html_show_sphinx = False
# Pages which are linked from others, and stand in no list of contents.
exclude_patterns = [
    "bench",
    "extensions",
    "inventory",
    "playbooks",
    "plugins",
    "tests",
    "tools",
    "roles/*/files",
    "roles/*/templates",
]
suppress_warnings = ["toc.not_included"]
