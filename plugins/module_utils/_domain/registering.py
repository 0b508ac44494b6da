# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, flavors and workers: what may be registered, changed and removed."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ..cluster import ADMIN, NO_PASSWORD, Cluster, Worker, slice_label
from ..errors import Refused
from ..models import User
from .coherence import LABEL_RULE

USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")


def require_admin(cluster: Cluster, acting_user: str, what: str) -> None:
    """Refuse what only an admin may do."""
    if not cluster.is_admin(acting_user):
        raise Refused([f"{what}: {acting_user} is no admin, and only admins may change it"])


def password_digest(password: str) -> str:
    """Return the SHA-256 hex digest under which the data model stores a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def put_user(cluster: Cluster, want: Mapping[str, Any]) -> User:
    """Add or change a user.

    Args:
        cluster: changed in place.
        want: C({name, password, password_hash, quota_vms, role}); null leaves what is there.
    """
    name, reasons = want["name"], []
    user = cluster.users.get(name) or User(name, NO_PASSWORD)
    quota = user.quota_vms if want.get("quota_vms") is None else want["quota_vms"]
    if not USERNAME.fullmatch(name):
        reasons.append(f"user {name!r}: a name is letters, digits and _ . @ -, 64 at most, not beginning with . @ -")
    if quota < 0:
        reasons.append(f"user {name}: a quota of {quota} VMs is below 0")
    digest = want.get("password_hash")
    if digest is not None and not DIGEST.fullmatch(digest):
        reasons.append(f"user {name}: password_hash is no SHA-256 hex digest of 64 digits")
    if name == ADMIN and want.get("role") == "tenant":
        reasons.append(f"user {ADMIN}: the first admin stays an admin")
    if reasons:
        raise Refused(reasons)
    if want.get("password") is not None:
        digest = password_digest(want["password"])
    user.password_hash = digest or user.password_hash
    user.quota_vms = quota
    if want.get("role") is not None and (want["role"] == ADMIN) is not cluster.is_admin(name):
        if name != ADMIN:
            user.extra["role"] = want["role"]
    cluster.users[name] = user
    return user


def remove_user(cluster: Cluster, name: str) -> None:
    """Remove a user who owns nothing."""
    if name not in cluster.users:
        return
    owned = [f"{slice_label(one)} ({one.slice_id})" for one in cluster.slices_of(name)]
    if owned:
        raise Refused([f"user {name} owns {len(owned)} slices: {', '.join(owned)}; delete them first"])
    if name == ADMIN:
        raise Refused([f"user {ADMIN}: the first admin cannot be removed"])
    del cluster.users[name]


def put_flavor(cluster: Cluster, want: Mapping[str, Any]) -> dict[str, Any]:
    """Add or change a flavor.

    Args:
        cluster: changed in place.
        want: C({name, cores, ram_gb, disk_gb, image, checksum, virtual_size_gb}); C(checksum) is the image's SHA-256
            and may be null where it is not known, C(virtual_size_gb) the image's virtual size where that is known.
    """
    name, reasons = want["name"], []
    flavor = dict(cluster.flavors.get(name, {}))
    flavor.update({key: want[key] for key in ("cores", "ram_gb", "disk_gb", "image") if want.get(key) is not None})
    missing = [key for key in ("cores", "ram_gb", "disk_gb", "image") if key not in flavor]
    if missing:
        raise Refused([f"flavor {name} is new and lacks {', '.join(missing)}"])
    if not USERNAME.fullmatch(name):
        reasons.append(f"flavor {name!r}: a name is {LABEL_RULE}")
    reasons.extend(
        f"flavor {name}: {key} is {flavor[key]:g}, and must be above 0"
        for key in ("cores", "ram_gb", "disk_gb")
        if flavor[key] <= 0
    )
    least = want.get("virtual_size_gb")
    if least is not None and 0 < flavor["disk_gb"] < least:
        reasons.append(f"flavor {name}: disk_gb is {flavor['disk_gb']:g}, and its image holds a disk of {least:g}")
    if want.get("checksum") is not None:
        flavor["checksum"] = want["checksum"]
        if not DIGEST.fullmatch(flavor["checksum"]):
            reasons.append(f"flavor {name}: checksum {flavor['checksum']!r} is no SHA-256 of 64 hex digits")
    if reasons:
        raise Refused(reasons)
    cluster.flavors[name] = flavor
    return flavor


def remove_flavor(cluster: Cluster, name: str) -> None:
    """Remove a flavor that no VM was made from."""
    flavor = cluster.flavors.get(name)
    if flavor is None:
        return
    image = flavor.get("checksum"), flavor["image"]
    users = [
        f"{slice_label(one)}/{vm.name}"
        for one in cluster.slices.values()
        for vm in one.vms
        if vm.flavor and (vm.flavor.get("checksum"), vm.flavor["image"]) == image
    ]
    if users:
        raise Refused([f"flavor {name} is in use by {len(users)} VMs: {', '.join(users)}"])
    del cluster.flavors[name]


def put_worker(cluster: Cluster, want: Mapping[str, Any]) -> Worker:
    """Add or change a worker.

    Args:
        cluster: changed in place.
        want: C(ip) and any of the other fields of C(Worker); null leaves what is there.
    """
    ip, reasons = want["ip"], []
    worker = cluster.workers.get(ip) or Worker(ip)
    try:
        ipaddress.IPv4Address(ip)
    except ValueError:
        reasons.append(f"worker {ip!r}: that is no IPv4 address")
    for key in ("cores", "ram_gb", "disk_gb", "max_vms", "cpu_overcommit", "ram_overcommit", "schedulable"):
        if want.get(key) is not None:
            setattr(worker, key, want[key])
            if key != "schedulable" and (want[key] < 0 or (want[key] == 0 and key != "max_vms")):
                reasons.append(f"worker {ip}: {key} is {want[key]:g}, and must be above 0")
    if reasons:
        raise Refused(reasons)
    cluster.workers[ip] = worker
    return worker


def remove_worker(cluster: Cluster, ip: str) -> None:
    """Remove a worker that holds no VM."""
    held = [f"{vm.name} ({vm.vm_id})" for vm in cluster.vms() if vm.worker_ip == ip]
    if held:
        raise Refused([f"worker {ip} holds {len(held)} VMs: {', '.join(held)}; delete them first"])
    cluster.workers.pop(ip, None)
