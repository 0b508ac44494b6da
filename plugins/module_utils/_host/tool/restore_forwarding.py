# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the bridge of a network node forward again after its flows were deleted."""

from __future__ import annotations

from ..datapath.forwarding import restore
from . import process


def main(bridge: str) -> int:
    """See C(restore)."""
    return process.run(lambda runner: restore(bridge, runner))
