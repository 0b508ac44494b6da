# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The faults."""

from __future__ import annotations

from . import clock, databases, disks, guests, interruptions, network, power, storage, switch, together, workers

_KINDS = (interruptions, power, switch, storage, network, together, guests, disks, clock, databases, workers)
FAULTS = [fault for kind in _KINDS for fault in kind.FAULTS]
