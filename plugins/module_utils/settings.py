# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The allowed values of role variables that are used in files and commands on hosts without a module's validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .bounds import DISK_RETENTION_H
from .defaults import ACCELERATORS
from .errors import Refusal
from .grammar import ACCOUNT, ADDRESS, DEVICE, PACKAGE, PATH, Grammar, integer, malformed, many, one_of, optional

MOST_LOG_KIB = 1 << 30
MOST_PORT = 65535
MOST_FENCE_S = 600
ADDRESS_OR_EMPTY = Grammar("an IP address, or empty", lambda value: value in ("", None) or ADDRESS.allows(value))
DATAPATHS = ("system", "netdev")

SETTINGS: Mapping[str, Grammar] = {
    "worker_packages": many(PACKAGE),
    "worker_state_dir": PATH,
    "worker_user": ACCOUNT,
    "worker_bridge": DEVICE,
    "worker_uplink": optional(DEVICE),
    "worker_ovs_datapath_type": one_of(*DATAPATHS),
    "worker_accelerator": one_of(*ACCELERATORS),
    "worker_console_log_kib": integer(1, MOST_LOG_KIB),
    "worker_disk_retention_h": integer(int(DISK_RETENTION_H.least), int(DISK_RETENTION_H.most)),
    "worker_network_node_address": ADDRESS_OR_EMPTY,
    "worker_lost_machines_port": integer(1, MOST_PORT),
    "worker_fence_timeout_s": integer(1, MOST_FENCE_S),
    "network_node_packages": many(PACKAGE),
    "network_node_state_dir": PATH,
    "network_node_bridge": DEVICE,
    "network_node_uplink": optional(DEVICE),
    "network_node_wan_interface": DEVICE,
    "network_node_ovs_datapath_type": one_of(*DATAPATHS),
    "network_node_address": ADDRESS_OR_EMPTY,
    "network_node_lost_machines_port": integer(1, MOST_PORT),
    "network_node_connections_per_vm": integer(1, 1_000_000),
    "network_node_connections_per_slice": integer(1, 1_000_000),
    "network_node_connection_rate_per_vm": integer(1, 1_000_000),
    "network_node_connection_rate_per_slice": integer(1, 1_000_000),
    "network_node_query_rate_per_vm": integer(1, 1_000_000),
}


def problems(values: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal for each invalid variable of C(SETTINGS). Variables that are not set are null."""
    yield from malformed(values, {name: SETTINGS[name] for name in values})
