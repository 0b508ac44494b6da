# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, flavors and workers: what may be registered, changed and removed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..bounds import LEAST_MTU, MOST_TRUNK_MTU
from ..cluster import ADMIN, NETWORK_NODE_TRUNK_MTU, NO_PASSWORD, Cluster, Worker, slice_label
from ..errors import Refused
from ..models import User
from . import passwords
from .passwords import DIGEST

USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
NAME_RULE = "letters, digits and _ . @ -, 64 at most, not beginning with . @ -"
MOST = 1_000_000_000
"""No quota and no size is beyond this; what is came of a slip, and some stores could not hold it."""
WORKER_FIELDS = ("cores", "ram_gb", "disk_gb", "max_vms", "cpu_overcommit", "ram_overcommit", "schedulable")
WORKER_OFFERS = ("trunk_mtu", "netem")
"""What a worker's network offers: extra fields, which are there once somebody has said so."""


def require_admin(cluster: Cluster, acting_user: str, what: str) -> None:
    """Refuse what only an admin may do."""
    if not cluster.is_admin(acting_user):
        raise Refused([f"{what}: {acting_user} is not an admin, and only admins may change it"])


def put_user(cluster: Cluster, want: Mapping[str, Any]) -> User:
    """Add or change a user.

    A password that fits what is stored leaves it as it is, unless C(password_scheme) asks for another scheme.

    Args:
        cluster: changed in place.
        want: C({name, password, password_scheme, password_hash, quota_vms, role}); null leaves what is there.
    """
    name, reasons = want["name"], []
    user = cluster.users.get(name) or User(name, NO_PASSWORD)
    quota = user.quota_vms if want.get("quota_vms") is None else want["quota_vms"]
    digest = want.get("password_hash")
    if not USERNAME.fullmatch(name):
        reasons.append(f"user {name!r}: a name is {NAME_RULE}")
    if quota < 0:
        reasons.append(f"user {name}: a quota of {quota} VMs is below 0")
    elif quota > MOST:
        reasons.append(f"user {name}: a quota of {quota} VMs is above {MOST}")
    if digest is not None and passwords.scheme_of(digest) is None:
        reasons.append(f"user {name}: password_hash is neither a SHA-256 hex digest of 64 digits nor a scrypt hash")
    if digest is not None and want.get("password") is not None:
        reasons.append(f"user {name}: give password or password_hash, not both")
    if name == ADMIN and want.get("role") == "tenant":
        reasons.append(f"user {ADMIN}: the first admin stays an admin")
    if reasons:
        raise Refused(reasons)
    if want.get("password") is not None:
        digest = _stored_password(user, want["password"], want.get("password_scheme"))
    user.password_hash = digest or user.password_hash
    user.quota_vms = quota
    if want.get("role") is not None and (want["role"] == ADMIN) is not cluster.is_admin(name):
        if name != ADMIN:
            user.extra["role"] = want["role"]
    cluster.users[name] = user
    return user


def _stored_password(user: User, password: str, scheme: str | None) -> str:
    have = passwords.scheme_of(user.password_hash)
    scheme = scheme or have or passwords.SHA256
    if scheme == have and passwords.verify(password, user.password_hash):
        return user.password_hash
    return passwords.hashed(password, scheme)


def verify_user(cluster: Cluster, name: str, password: str | None, *, acting_user: str) -> bool:
    """Return whether that is the user's password; an unknown user has none.

    Raises:
        Refused: it is neither one's own password nor is one an admin, or there is no password to verify.
    """
    if acting_user != name:
        require_admin(cluster, acting_user, f"password of {name}")
    if password is None:
        raise Refused([f"user {name}: verifying takes a password"])
    user = cluster.users.get(name)
    return passwords.verify(password, user.password_hash if user else NO_PASSWORD)


def remove_user(cluster: Cluster, name: str) -> None:
    """Remove a user who owns nothing."""
    if name not in cluster.users:
        return
    owned = [f"{slice_label(slice_)} ({slice_.slice_id})" for slice_ in cluster.slices_of(name)]
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
        reasons.append(f"flavor {name!r}: a name is {NAME_RULE}")
    for key in ("cores", "ram_gb", "disk_gb"):
        reasons.extend(f"flavor {name}: {problem}" for problem in _size_problems(key, flavor[key]))
    if not flavor["image"].isprintable() or not flavor["image"]:
        reasons.append(f"flavor {name}: {flavor['image']!r} is not the path or URL of an image")
    if want.get("virtual_size_gb") is not None:
        flavor["virtual_size_gb"] = want["virtual_size_gb"]
    elif want.get("image") is not None:
        flavor.pop("virtual_size_gb", None)
    least = flavor.get("virtual_size_gb")
    if least is not None and 0 < flavor["disk_gb"] < least:
        reasons.append(f"flavor {name}: disk_gb is {flavor['disk_gb']:g}, and its image holds a disk of {least:g}")
    if want.get("checksum") is not None:
        flavor["checksum"] = want["checksum"]
        if not DIGEST.fullmatch(flavor["checksum"]):
            reasons.append(f"flavor {name}: checksum {flavor['checksum']!r} is not a SHA-256 of 64 hex digits")
    if reasons:
        raise Refused(reasons)
    cluster.flavors[name] = flavor
    return flavor


def _size_problems(key: str, value: float) -> Iterator[str]:
    if not value > 0:
        yield f"{key} is {value}, and must be above 0"
    elif value > MOST:
        yield f"{key} is {value}, and must not be above {MOST}"


def remove_flavor(cluster: Cluster, name: str) -> None:
    """Remove a flavor that no VM was made from."""
    flavor = cluster.flavors.get(name)
    if flavor is None:
        return
    users = [f"{label}/{vm.name}" for label, vm in cluster.vms_from(flavor["image"], flavor.get("checksum"))]
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
        reasons.append(f"worker {ip!r}: that is not an IPv4 address; set worker_ip for this host in the inventory")
    for key in WORKER_FIELDS:
        if want.get(key) is not None:
            if key != "schedulable" and (want[key] != 0 or key != "max_vms"):
                reasons.extend(f"worker {ip}: {problem}" for problem in _size_problems(key, want[key]))
    if want.get("trunk_mtu") is not None:
        reasons.extend(f"worker {ip}: {problem}" for problem in _mtu_problems(want["trunk_mtu"]))
    if reasons:
        raise Refused(reasons)
    for key in WORKER_FIELDS:
        if want.get(key) is not None:
            setattr(worker, key, want[key])
    worker.extra.update({key: want[key] for key in WORKER_OFFERS if want.get(key) is not None})
    cluster.workers[ip] = worker
    return worker


def _mtu_problems(mtu: int) -> Iterator[str]:
    if not LEAST_MTU <= mtu <= MOST_TRUNK_MTU:
        yield f"trunk_mtu is {mtu}, and {LEAST_MTU} to {MOST_TRUNK_MTU} are possible"


def note_network_node(cluster: Cluster, trunk_mtu: int) -> None:
    """Note what the uplink of the network node carries."""
    reasons = [f"network node: {problem}" for problem in _mtu_problems(trunk_mtu)]
    if reasons:
        raise Refused(reasons)
    cluster.extra[NETWORK_NODE_TRUNK_MTU] = trunk_mtu


def remove_worker(cluster: Cluster, ip: str) -> None:
    """Remove a worker that holds no VM."""
    held = [f"{vm.name} ({vm.vm_id})" for vm in cluster.vms_on(ip)]
    if held:
        raise Refused([f"worker {ip} holds {len(held)} VMs: {', '.join(held)}; delete them first"])
    cluster.workers.pop(ip, None)
