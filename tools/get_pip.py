# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installs pip in the virtual environment of the running Python, from the wheel that is bundled with Python.

ansible-test runs this script instead of the one that it would download (see tools/sanity). The requested version of pip
is ignored, because any bundled version can install the requirements of the sanity tests.
"""

from __future__ import annotations

import ensurepip

ensurepip.bootstrap(default_pip=True)
