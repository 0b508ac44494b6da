# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The passwords of VMs' displays.

They are derived from one key, which is stored outside of slices. Therefore slices contain no secret that could appear
in a result, a diff or a work order, and every stored VM has a password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

from ..cluster import VNC_KEY, Cluster, slice_label
from ..models import VM, Slice

VERSION = "vnc_password_version"
"""The extra field of a VM with the version of its password, missing for version 1."""
KEPT = "vnc_passwords"
"""The field beyond the model with passwords that are not derived, by the VM's UUID: those of a database that was
rebuilt without the former key. Each is valid for one version of the password."""
LENGTH = 8  # the maximum of VNC authentication
# Without similar letters and digits, because people type passwords.
ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def has_key(cluster: Cluster) -> bool:
    """Return whether there is a key, and therefore a password for every VM."""
    return VNC_KEY in cluster.extra


def make_key(cluster: Cluster) -> None:
    """Create the cluster's key if it has none."""
    cluster.extra.setdefault(VNC_KEY, secrets.token_hex(32))


def version(vm: VM) -> int:
    """Return the version of the VM's password, starting from 1."""
    return int(vm.extra.get(VERSION, 1))


def password(cluster: Cluster, vm: VM) -> str | None:
    """Return the password of the VM's display, C(None) without a key."""
    kept = _kept(cluster, vm)
    if kept is not None:
        return str(kept["password"])
    digest = _digest(cluster, vm, "password")
    if digest is None:
        return None
    number = int.from_bytes(digest, "big")
    letters = []
    for _place in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(letters)


def password_id(cluster: Cluster, vm: VM) -> str | None:
    """Return an id of the password, by which hosts detect a change without knowing the password."""
    kept = _kept(cluster, vm)
    if kept is not None:
        return str(kept["id"])
    digest = _digest(cluster, vm, "id")
    return None if digest is None else digest.hex()[:16]


def keep(cluster: Cluster, vm: VM, *, password_id: str, password: str) -> None:
    """Keep the password that the VM's display has, until another version is requested."""
    entry = {"id": password_id, "password": password, "version": version(vm)}
    cluster.extra = {**cluster.extra, KEPT: {**cluster.extra.get(KEPT, {}), str(vm.uuid): entry}}


def _kept(cluster: Cluster, vm: VM) -> dict[str, Any] | None:
    found: dict[str, Any] | None = cluster.extra.get(KEPT, {}).get(vm.uuid)
    return found if found is not None and found["version"] == version(vm) else None


def with_passwords(cluster: Cluster, slices: Iterable[Slice]) -> list[dict[str, Any]]:
    """Return the displays of the slices' VMs, with their passwords."""
    return [
        {
            "slice_id": slice_.slice_id,
            "slice": slice_label(slice_),
            "vm_id": vm.vm_id,
            "name": vm.name,
            "worker_ip": vm.worker_ip,
            "vnc_port": vm.vnc_port,
            "password": password(cluster, vm),
        }
        for slice_ in slices
        for vm in slice_.live_vms
    ]


def _digest(cluster: Cluster, vm: VM, what: str) -> bytes | None:
    key = cluster.extra.get(VNC_KEY)
    if key is None:
        return None
    # Includes the owner: after restoring an old backup, a VM of another tenant may get an id that was in use before.
    message = f"{what} {vm.vm_id} {version(vm)} {vm.owner}"
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
