# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments of modules that apply work orders (docs/work-order.md) on workers and on the network node."""

from __future__ import annotations

from typing import Any

from ..bounds import DISK_RETENTION_H, ISSUED_REVISIONS, REVISION, VLAN
from ..claim import VLAN_POOLS_RULE, Claim
from ..defaults import ACCELERATORS, BRIDGE, DHCP_SERVER, GATEWAY, STATE_DIR, VNC_PLACES
from ..grammar import (
    ACCOUNT,
    ADDRESS,
    DEVICE,
    FILE,
    HOST_NAME,
    INTERFACE,
    MACHINE_MARK,
    MARK,
    MODE,
    PACKAGE,
    PATH,
    TITLE,
    UNIT,
    UNITS,
    UUID,
    Grammars,
    integer,
    many,
    optional,
    text,
)
from ..network_order import NetworkOrder
from ..vlans import POOLS_PATTERN
from ..work_order import WorkerOrder

CLOUD_ARGUMENTS: dict[str, Any] = {
    name: WorkerOrder.arguments()[name] for name in ("cloud_uuid", "cloud_title", "cloud_incarnation")
}

ISSUED_ARGUMENTS: dict[str, Any] = {"issued_revisions": WorkerOrder.arguments()["issued_revisions"]}
MACHINE_ARGUMENTS: dict[str, Any] = {"machine_mark": WorkerOrder.arguments()["machine_mark"]}

CLAIM_ARGUMENTS: dict[str, Any] = {
    "controller": {"type": "str"},
    "claim": {"type": "bool", "default": False},
    **{name: Claim.arguments()[name] for name in ("vlan_pools", "management_vlan")},
}

WORK_ORDER_ARGUMENTS: dict[str, Any] = {
    **CLOUD_ARGUMENTS,
    "slices": WorkerOrder.arguments()["slices"],
    "state_dir": {"type": "str", "default": STATE_DIR},
    "user": {"type": "str", "default": "cloudrepo"},
}

COMPLETE_ARGUMENTS: dict[str, Any] = {"complete": WorkerOrder.arguments()["complete"]}

DATAPATH_ARGUMENTS: dict[str, Any] = {
    "bridge": {"type": "str", "default": BRIDGE},
    "gateway": {"type": "str", "default": GATEWAY},
    "dhcp_server": {"type": "str", "default": DHCP_SERVER},
    "prune_vlans": {"type": "bool", "default": False},
}

PORT_ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "default": "system", "choices": ["system", "internal"]},
    "vlan_id": {"type": "int"},
}

BRIDGE_ARGUMENTS: dict[str, Any] = {
    "owner": {"type": "str"},
    "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
    "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
    "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT_ARGUMENTS},
}

DISK_ARGUMENTS: dict[str, Any] = {"disk_retention_h": {"type": "int", "default": 24}}

RUNNING_ARGUMENTS: dict[str, Any] = {
    "vnc_address": {"type": "str"},
    "vnc_listen": {"type": "str", "default": VNC_PLACES[0], "choices": list(VNC_PLACES)},
    "vnc_passwords": {"type": "dict", "default": {}, "no_log": True},
    "user_data": {"type": "dict", "default": {}, "no_log": True},
    "accelerator": {"type": "str", "default": ACCELERATORS[0], "choices": list(ACCELERATORS)},
    "checksum_offload": {"type": "bool", "default": True},
    "restart": {"type": "bool", "default": False},
    "start_timeout_s": {"type": "int", "default": 60},
}

SERVICES_ARGUMENTS: dict[str, Any] = {
    **CLOUD_ARGUMENTS,
    "bridge": {"type": "str", "default": BRIDGE},
    "state_dir": {"type": "str", "default": STATE_DIR},
    "nat_links": {"type": "str", "default": "169.254.64.0/24"},
    "slices": NetworkOrder.arguments()["slices"],
    "revision": NetworkOrder.arguments()["revision"],
    "lost_machines": NetworkOrder.arguments()["lost_machines"],
    "machine_mark": NetworkOrder.arguments()["machine_mark"],
    **ISSUED_ARGUMENTS,
    **COMPLETE_ARGUMENTS,
}

CALLS: dict[str, dict[str, Any]] = {
    "slice_apply": {
        "argument_spec": {
            **WORK_ORDER_ARGUMENTS,
            **DATAPATH_ARGUMENTS,
            **RUNNING_ARGUMENTS,
            **DISK_ARGUMENTS,
            **ISSUED_ARGUMENTS,
            **COMPLETE_ARGUMENTS,
            **MACHINE_ARGUMENTS,
        },
        "required_if": [("vnc_listen", "worker", ["vnc_address"])],
    },
    "network_services": {"argument_spec": SERVICES_ARGUMENTS},
}
"""What AnsibleModule gets on the arguments of modules that the program on a host can also run."""

GRAMMARS: Grammars = {
    "state_dir": PATH,
    "path": PATH,
    "user": ACCOUNT,
    "bridge": DEVICE,
    "name": DEVICE,
    "uplink": optional(DEVICE),
    "management_addresses": many(ADDRESS),
    "ports": {"name": DEVICE, "vlan_id": integer(1, 4094)},
    "owner": MARK,
    "interface": INTERFACE,
    "folders": {"path": PATH, "mode": MODE, "group": ACCOUNT},
    "files": {"path": FILE, "mode": MODE},
    "program": PATH,
    "run": text(r"[a-z0-9]{1,32}", "1-32 lower-case letters and digits"),
    "units": many(UNIT),
    "services": {"name": UNITS},
    "checksums": PATH,
    "packages": many(PACKAGE),
    "vnc_address": ADDRESS,
    "address": ADDRESS,
    "disk_retention_h": integer(int(DISK_RETENTION_H.least), int(DISK_RETENTION_H.most)),
    "vm_uuid": optional(UUID),
    "cloud_uuid": UUID,
    "cloud_incarnation": UUID,
    "cloud_title": TITLE,
    "revision": integer(int(REVISION.least), int(REVISION.most)),
    "lost_machines": {"mark": MACHINE_MARK},
    "machine_mark": optional(MACHINE_MARK),
    "issued_revisions": optional(text(ISSUED_REVISIONS.pattern, ISSUED_REVISIONS.rule)),
    "controller": HOST_NAME,
    "vlan_pools": text(POOLS_PATTERN, VLAN_POOLS_RULE),
    "management_vlan": integer(int(VLAN.least), int(VLAN.most)),
}
"""The syntax of arguments that no choices, parser or contract defines."""
