# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments of modules that carry work orders out (docs/work-order.md): on workers, and on the network node."""

from __future__ import annotations

from typing import Any

from .qemu.config import VNC_PLACES

_INTERFACE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "tap": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "vlan_id": {"type": "int"},
    "link_id": {"type": "int"},
    "address": {"type": "str"},
    "mtu": {"type": "int"},
    "qinq": {"type": "bool"},
    "forward_bpdu": {"type": "bool"},
    "up": {"type": "bool"},
    "tx_kbps": {"type": "int"},
    "rx_kbps": {"type": "int"},
    "delay_ms": {"type": "float"},
    "jitter_ms": {"type": "float"},
    "loss_percent": {"type": "float"},
}

_PEER: dict[str, Any] = {
    "mac": {"type": "str", "required": True},
    "address": {"type": "str"},
}

_VM: dict[str, Any] = {
    "vm_id": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "cores": {"type": "int", "required": True},
    "ram_mib": {"type": "int", "required": True},
    "disk_bytes": {"type": "int", "required": True},
    "overlay": {"type": "str", "required": True},
    "backing_file": {"type": "str", "required": True},
    "vnc_port": {"type": "int", "required": True},
    "vnc_password_id": {"type": "str", "no_log": False},
    "state": {"type": "str", "default": "running", "choices": ["running", "stopped"]},
    "interfaces": {"type": "list", "elements": "dict", "required": True, "options": _INTERFACE},
}

WORK_ORDER_ARGUMENTS: dict[str, Any] = {
    "slices": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "slice_id": {"type": "int", "required": True},
            "revision": {"type": "int"},
            "peers": {"type": "list", "elements": "dict", "default": [], "options": _PEER},
            "vms": {"type": "list", "elements": "dict", "required": True, "options": _VM},
        },
    },
    "state_dir": {"type": "str", "default": "/var/lib/cloudrepo"},
    "user": {"type": "str", "default": "cloudrepo"},
}

WIRING_ARGUMENTS: dict[str, Any] = {
    "bridge": {"type": "str", "default": "br-int"},
    "gateway": {"type": "str", "default": "10.60.7.1"},
    "dhcp_server": {"type": "str", "default": "10.60.7.2"},
    "prune_vlans": {"type": "bool", "default": False},
}

RUNNING_ARGUMENTS: dict[str, Any] = {
    "vnc_address": {"type": "str"},
    "vnc_listen": {"type": "str", "default": VNC_PLACES[0], "choices": list(VNC_PLACES)},
    "vnc_passwords": {"type": "dict", "default": {}, "no_log": True},
    "accelerator": {"type": "str", "default": "kvm:tcg"},
    "checksum_offload": {"type": "bool", "default": True},
    "restart": {"type": "bool", "default": False},
    "start_timeout_s": {"type": "int", "default": 60},
}

_RESERVATION: dict[str, Any] = {
    "vm_id": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "ip": {"type": "str", "required": True},
}

_MEMBER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
}

_NETWORK: dict[str, Any] = {
    "vlan_id": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "cidr": {"type": "str", "required": True},
    "server_ip": {"type": "str", "required": True},
    "gateway": {"type": "bool", "default": False},
    "dhcp_range": {"type": "str"},
    "nat": {"type": "bool", "default": False},
    "mtu": {"type": "int"},
    "members": {"type": "list", "elements": "dict", "default": [], "options": _MEMBER},
}

SERVICES_ARGUMENTS: dict[str, Any] = {
    "bridge": {"type": "str", "default": "br-int"},
    "state_dir": {"type": "str", "default": "/var/lib/cloudrepo"},
    "nat_links": {"type": "str", "default": "169.254.64.0/24"},
    "slices": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "slice_id": {"type": "int", "required": True},
            "revision": {"type": "int"},
            "reservations": {"type": "list", "elements": "dict", "default": [], "options": _RESERVATION},
            "networks": {"type": "list", "elements": "dict", "default": [], "options": _NETWORK},
        },
    },
}
