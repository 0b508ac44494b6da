# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adds, changes and removes users, flavors and workers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .. import bounds
from ..cluster import ADMIN, NETWORK_NODE_TRUNK_MTU, NO_PASSWORD, Cluster, slice_label
from ..errors import Refusal, Refused
from ..identity import PATTERN
from ..models import User
from ..workers import MACHINE_ID, Worker
from . import cd, identities, kinds, passwords
from .passwords import DIGEST

WORKER_FIELDS = ("cores", "ram_gb", "disk_gb", "max_vms", "cpu_overcommit", "ram_overcommit", "schedulable")
WORKER_OFFERS = ("trunk_mtu", "netem")
"""Properties of a worker's network: extra fields, which exist once they were set."""


def require_admin(cluster: Cluster, acting_user: str, where: str) -> None:
    """Refuse a user who is no admin.

    Args:
        cluster: the database.
        acting_user: who calls.
        where: the object in the refusal, such as C(user bob).

    Raises:
        Refused: the acting user is no admin.
    """
    if not cluster.is_admin(acting_user):
        raise Refused([Refusal("admins_only", where, {"user": acting_user})])


def put_user(cluster: Cluster, want: Mapping[str, Any]) -> User:
    """Add or change a user.

    Args:
        cluster: changed in place.
        want: C({name, password, password_scheme, password_hash, quota_vms, role, uuid}); null leaves a value unchanged.
            C(uuid) is that of a removed user who is added again. If the password matches the stored hash, the hash is
            kept, unless C(password_scheme) requests another scheme.

    Raises:
        Refused: a value is out of bounds, or the UUID is that of another user.
    """
    name = want["name"]
    where = f"user {name}"
    user = cluster.users.get(name) or User(name, NO_PASSWORD)
    before = user.to_dict() if name in cluster.users else None
    refusals = list(_uuid_problems(cluster, user, want.get("uuid")))
    quota = user.quota_vms if want.get("quota_vms") is None else want["quota_vms"]
    digest = want.get("password_hash")
    refusals += bounds.IDENTIFIER.problems(where, "user", name)
    refusals += bounds.QUOTA_VMS.problems(where, "quota_vms", quota)
    if digest is not None and passwords.scheme_of(digest) is None:
        refusals.append(Refusal("invalid_password_hash", where))
    if digest is not None and want.get("password") is not None:
        refusals.append(Refusal("two_passwords", where))
    if name == ADMIN and want.get("role") == "tenant":
        refusals.append(Refusal("first_admin_stays", where))
    if refusals:
        raise Refused(refusals)
    if want.get("password") is not None:
        digest = _stored_password(user, want["password"], want.get("password_scheme"))
    user.password_hash = digest or user.password_hash
    user.quota_vms = quota
    if want.get("role") is not None and (want["role"] == ADMIN) is not cluster.is_admin(name):
        if name != ADMIN:
            user.extra["role"] = want["role"]
    cluster.users[name] = user
    if want.get("uuid") is not None or user.to_dict() != before:
        identities.identify_user(cluster, user, want.get("uuid"))
    return user


def _uuid_problems(cluster: Cluster, user: User, uuid: str | None) -> Iterator[Refusal]:
    """Yield why a user cannot have a UUID."""
    where = f"user {user.username}"
    if uuid is None:
        return
    if re.fullmatch(PATTERN, uuid) is None:
        yield Refusal("invalid_uuid", where, {"got": uuid})
    elif user.uuid not in (None, uuid):
        yield Refusal("user_uuid_is_fixed", where, {"uuid": user.uuid, "got": uuid})
    for each in cluster.users.values():
        if each.uuid == uuid and each.username != user.username:
            yield Refusal("user_uuid_in_use", where, {"got": uuid, "user": each.username})


def _stored_password(user: User, password: str, scheme: str | None) -> str:
    have = passwords.scheme_of(user.password_hash)
    scheme = scheme or have or passwords.SHA256
    if scheme == have and passwords.verify(password, user.password_hash):
        return user.password_hash
    return passwords.hashed(password, scheme)


def verify_user(cluster: Cluster, name: str, password: str | None, *, acting_user: str) -> bool:
    """Return whether a password is correct; false for an unknown user.

    Raises:
        Refused: the acting user is neither this user nor an admin, or no password was given.
    """
    if acting_user != name:
        require_admin(cluster, acting_user, f"password of {name}")
    if password is None:
        raise Refused([Refusal("option_missing", f"user {name}", {"kind": "verified user", "option": "password"})])
    user = cluster.users.get(name)
    return passwords.verify(password, user.password_hash if user else NO_PASSWORD)


def remove_user(cluster: Cluster, name: str) -> None:
    """Remove a user who owns no slices. Deleted ones keep the UUID, which no later user of the name has.

    Raises:
        Refused: the user owns slices, or is the first admin.
    """
    if name not in cluster.users:
        return
    owned = [f"{slice_label(slice_)} ({slice_.slice_id})" for slice_ in cluster.slices_of(name)]
    if owned:
        raise Refused([Refusal("user_owns_slices", f"user {name}", {"count": len(owned), "slices": owned})])
    if name == ADMIN:
        raise Refused([Refusal("first_admin_stays", f"user {ADMIN}")])
    identities.identify_user(cluster, cluster.users[name])
    del cluster.users[name]


def put_flavor(cluster: Cluster, want: Mapping[str, Any]) -> dict[str, Any]:
    """Add or change a flavor.

    Args:
        cluster: changed in place.
        want: C({name, cores, ram_gb, disk_gb, image, checksum, virtual_size_gb, content, kind}); C(checksum) is the
            SHA-256 of the image, C(virtual_size_gb) its virtual size, and C(content) what it is if it is the image of a
            CD (see C(cd)); they are null if unknown. An empty C(kind) removes it.
    """
    name = want["name"]
    refusals: list[Refusal] = []
    where = f"flavor {name}"
    flavor = dict(cluster.flavors.get(name, {}))
    required = ("cores", "ram_gb", "disk_gb", "image")
    flavor.update({key: want[key] for key in (*required, "kind") if want.get(key) is not None})
    if not flavor.get("kind"):
        flavor.pop("kind", None)
    missing = [key for key in required if key not in flavor]
    if missing:
        raise Refused([Refusal("option_missing", where, {"kind": "new flavor", "option": missing})])
    refusals += bounds.IDENTIFIER.problems(where, "flavor", name)
    refusals += kinds.unknown(where, cluster, want.get("kind") or None)
    for key, limit in bounds.FLAVOR.items():
        refusals.extend(limit.problems(where, key, flavor[key]))
    for key in ("virtual_size_gb", "content"):
        if want.get(key) is not None:
            flavor[key] = want[key]
        elif want.get("image") is not None:
            flavor.pop(key, None)
    if want.get("checksum") is not None:
        flavor["checksum"] = want["checksum"]
    refusals += _image_problems(where, flavor, want.get("checksum"))
    if refusals:
        raise Refused(refusals)
    cluster.flavors[name] = flavor
    return flavor


def _image_problems(where: str, flavor: Mapping[str, Any], checksum: str | None) -> Iterator[Refusal]:
    """Yield refusals for a flavor's image; C(checksum) is the new one, if there is one."""
    if not flavor["image"].isprintable() or not flavor["image"]:
        yield Refusal("invalid_image", where, {"got": flavor["image"]})
    least = flavor.get("virtual_size_gb")
    if least is not None and 0 < flavor["disk_gb"] < least:
        yield Refusal("disk_smaller_than_image", where, {"got": flavor["disk_gb"], "least": least})
    if checksum is not None and not DIGEST.fullmatch(checksum):
        yield Refusal("invalid_checksum", where, {"got": checksum})


def remove_flavor(cluster: Cluster, name: str) -> None:
    """Remove a flavor.

    Raises:
        Refused: a VM has its image as the base of its disk or as its CD, or a kind names it.
    """
    flavor = cluster.flavors.get(name)
    if flavor is None:
        return
    users = [f"{label}/{vm.name}" for label, vm in cluster.vms_from(flavor["image"], flavor.get("checksum"))]
    users += [
        f"{slice_label(slice_)}/{vm.name}"
        for slice_ in cluster.slices.values()
        for vm in slice_.vms
        if cd.has_image(vm, flavor)
    ]
    refusals = []
    if users:
        users = list(dict.fromkeys(users))
        refusals.append(Refusal("flavor_in_use", f"flavor {name}", {"count": len(users), "vms": users}))
    if kinds_of := [kind for kind, data in cluster.kinds.items() if data.get("image") == name]:
        refusals.append(Refusal("flavor_of_kinds", f"flavor {name}", {"kinds": kinds_of}))
    if refusals:
        raise Refused(refusals)
    del cluster.flavors[name]


def put_worker(cluster: Cluster, want: Mapping[str, Any]) -> Worker:
    """Add or change a worker.

    Args:
        cluster: changed in place.
        want: C(ip) and any of the other fields of C(Worker); null leaves a value unchanged.

    Raises:
        Refused: the address is not IPv4, or a value is out of bounds.
    """
    ip, refusals = want["ip"], []
    where = f"worker {ip}"
    worker = cluster.workers.get(ip) or Worker(ip)
    try:
        ipaddress.IPv4Address(ip)
    except ValueError:
        refusals.append(Refusal("invalid_worker_ip", where, {"got": ip}))
    for key, limit in bounds.WORKER.items():
        refusals += limit.problems(where, key, want.get(key))
    refusals += bounds.TRUNK_MTU.problems(where, "trunk_mtu", want.get("trunk_mtu"))
    if refusals:
        raise Refused(refusals)
    for key in WORKER_FIELDS:
        if want.get(key) is not None:
            setattr(worker, key, want[key])
    worker.extra.update({key: want[key] for key in (MACHINE_ID, *WORKER_OFFERS) if want.get(key) is not None})
    cluster.workers[ip] = worker
    return worker


def note_network_node(cluster: Cluster, trunk_mtu: int) -> None:
    """Store the MTU of the network node's uplink, in bytes.

    Raises:
        Refused: it is out of bounds.
    """
    refusals = list(bounds.TRUNK_MTU.problems("network node", "trunk_mtu", trunk_mtu))
    if refusals:
        raise Refused(refusals)
    cluster.extra[NETWORK_NODE_TRUNK_MTU] = trunk_mtu


def remove_worker(cluster: Cluster, ip: str) -> None:
    """Remove a worker.

    Raises:
        Refused: VMs are placed on it.
    """
    held = [f"{vm.name} ({vm.vm_id})" for vm in cluster.vms_on(ip)]
    if held:
        raise Refused([Refusal("worker_holds_vms", f"worker {ip}", {"count": len(held), "vms": held})])
    cluster.workers.pop(ip, None)
