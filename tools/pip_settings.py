# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the user's settings of pip, from files and the environment, as a configuration file (see tools/sanity)."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys

settings = configparser.RawConfigParser()
listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
for line in listing.stdout.splitlines():
    name, _equals, value = line.partition("=")
    section, _dot, key = name.rpartition(".")
    section = section.replace(":env:", "global")
    if not settings.has_section(section):
        settings.add_section(section)
    settings.set(section, key, ast.literal_eval(value).replace("\n", "\n    "))
if not settings.has_section("global"):
    settings.add_section("global")
settings.set("global", "quiet", "2")  # only errors are shown
settings.write(sys.stdout)
