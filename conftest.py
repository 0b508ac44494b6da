# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the checkout importable as C(ansible_collections.cloudrepo.slices), and configures Hypothesis."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import hypothesis

ROOT = Path(__file__).resolve().parent
COLLECTIONS = ROOT / ".ansible" / "collections"


def _link_collection() -> None:
    """Make the link of tools/setup, for whoever runs pytest without it."""
    link = COLLECTIONS / "ansible_collections" / "cloudrepo" / "slices"
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # two workers of pytest-xdist at the same moment
        link.symlink_to("../../../..")


# Nothing above plugins/ has an __init__.py: all of them are namespace packages, which Python's own import finds.
_link_collection()
sys.path.insert(0, str(COLLECTIONS))
sys.path.insert(0, str(ROOT))  # processes that tests start find the tests as `tests`
os.environ.update(
    ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),  # for Ansible itself, where a test starts it
    ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
)

hypothesis.settings.register_profile(
    "slices",
    deadline=None,  # linters and the lab may have the cores: slow is no finding
    derandomize="CI" in os.environ,  # CI finds tomorrow what it finds today; people find something new
)
hypothesis.settings.load_profile("slices")
