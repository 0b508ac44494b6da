# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installs pip into the virtual environment whose Python runs this, from the wheel that comes with that Python.

ansible-test runs it in place of the script of this kind that it would fetch (see tools/sanity). The version of pip that
it asks for is not looked at: every Python's own can install what the sanity tests need.
"""

from __future__ import annotations

import ensurepip

ensurepip.bootstrap(default_pip=True)
