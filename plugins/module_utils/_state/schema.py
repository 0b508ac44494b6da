# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SQL schema, and the conversion of objects to rows.

A row contains its whole object as a JSON document; its other columns are those that constraints and queries use. VMs,
links and networks of a slice have their own rows, so that a change writes only what it changed. Values that are unique
in the cluster are rows of C(cloudrepo_leases), with kind and number as the primary key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..allocations import allocated
from ..cluster import slice_label
from ..errors import DatabaseRefused, Refusal
from ..models import VM, Slice, User

try:
    from sqlalchemy import (
        JSON,
        BigInteger,
        Column,
        Float,
        ForeignKey,
        Index,
        Integer,
        MetaData,
        String,
        Table,
        UniqueConstraint,
        text,
    )

    HAS_SQLALCHEMY = True
except ImportError:  # the import test of ansible-test runs without SQLAlchemy
    HAS_SQLALCHEMY = False

SCHEMA_VERSION = 1
PREFIX = "cloudrepo_"

Key = tuple[str, tuple[Any, ...]]
Row = dict[str, Any]
Rows = dict[Key, Row]

if HAS_SQLALCHEMY:
    METADATA = MetaData()

    def _slice_reference() -> Column[Any]:
        return Column(
            "slice_id",
            # Checked on commit, because rows are not written in the order of references.
            ForeignKey(f"{PREFIX}slices.slice_id", deferrable=True, initially="DEFERRED"),
            nullable=False,
        )

    TABLES: dict[str, Table] = {
        "meta": Table(
            f"{PREFIX}meta",
            METADATA,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("schema_version", Integer, nullable=False),
            Column("next_vm_id", BigInteger, nullable=False),
            Column("document", JSON, nullable=False),
        ),
        "users": Table(
            f"{PREFIX}users",
            METADATA,
            Column("username", String, primary_key=True),
            Column("document", JSON, nullable=False),
        ),
        "workers": Table(
            f"{PREFIX}workers",
            METADATA,
            Column("ip", String, primary_key=True),
            Column("position", Integer, nullable=False),
            Column("document", JSON, nullable=False),
        ),
        "flavors": Table(
            f"{PREFIX}flavors",
            METADATA,
            Column("name", String, primary_key=True),
            Column("position", Integer, nullable=False),
            Column("document", JSON, nullable=False),
        ),
        "slices": Table(
            f"{PREFIX}slices",
            METADATA,
            Column("slice_id", BigInteger, primary_key=True, autoincrement=False),
            Column(
                "owner",
                ForeignKey(f"{PREFIX}users.username", deferrable=True, initially="DEFERRED"),
                nullable=False,
            ),
            Column("label", String, nullable=False),
            Column("document", JSON, nullable=False),
            UniqueConstraint("owner", "label"),
        ),
        "vms": Table(
            f"{PREFIX}vms",
            METADATA,
            Column("vm_id", BigInteger, primary_key=True, autoincrement=False),
            _slice_reference(),
            Column("position", Integer, nullable=False),
            Column("name", String, nullable=False),
            Column("status", String, nullable=False),
            Column("worker_ip", String, nullable=False),
            Column("cores", Float),
            Column("ram_gb", Float),
            Column("disk_gb", Float),
            Column("image", String),
            Column("checksum", String),
            Column("document", JSON, nullable=False),
            Index(f"{PREFIX}vms_of_slice", "slice_id"),
            # Covers the sums of placement, so that it reads no documents.
            Index(f"{PREFIX}vms_on_worker", "worker_ip", "slice_id", "cores", "ram_gb", "disk_gb"),
            # A new VM may have the name of one that is being deleted.
            Index(
                f"{PREFIX}vm_names",
                "slice_id",
                "name",
                unique=True,
                postgresql_where=text("status <> 'deleting'"),
                sqlite_where=text("status <> 'deleting'"),
            ),
        ),
        "links": Table(
            f"{PREFIX}links",
            METADATA,
            _slice_reference(),
            Column("link_id", Integer, nullable=False),
            Column("vlan_id", Integer, nullable=False),
            Column("position", Integer, nullable=False),
            Column("document", JSON, nullable=False),
            UniqueConstraint("slice_id", "link_id"),
            UniqueConstraint("slice_id", "vlan_id"),
        ),
        "networks": Table(
            f"{PREFIX}networks",
            METADATA,
            _slice_reference(),
            Column("vlan_id", Integer, nullable=False),
            Column("position", Integer, nullable=False),
            Column("document", JSON, nullable=False),
            UniqueConstraint("slice_id", "vlan_id"),
        ),
        "allocations": Table(
            f"{PREFIX}allocations",
            METADATA,
            Column("kind", String, primary_key=True),
            Column("number", BigInteger, primary_key=True, autoincrement=False),
            _slice_reference(),
            Column("vm_id", BigInteger),
        ),
    }

    HISTORY = Table(
        f"{PREFIX}history",
        METADATA,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("at", String, nullable=False, index=True),
        Column("document", JSON, nullable=False),
    )
    """It is not in C(TABLES), because its rows are only added, and never compared."""

KEYS: dict[str, tuple[str, ...]] = {
    "meta": ("id",),
    "users": ("username",),
    "workers": ("ip",),
    "flavors": ("name",),
    "slices": ("slice_id",),
    "vms": ("vm_id",),
    "links": ("slice_id", "link_id"),
    "networks": ("slice_id", "vlan_id"),
    "allocations": ("kind", "number"),
}
"""The key columns of each table."""

UNIQUE: dict[str, tuple[str, ...]] = {"slices": ("owner", "label"), "vms": ("slice_id", "name"), "links": ("vlan_id",)}
"""Other columns with unique constraints. If one changes, the row is deleted and inserted again, because two rows may
exchange their values."""


def meta_rows(next_vm_id: int, document: Row) -> Iterator[tuple[Key, Row]]:
    yield _row("meta", id=1, schema_version=SCHEMA_VERSION, next_vm_id=next_vm_id, document=text_of(document))


def user_rows(user: User) -> Iterator[tuple[Key, Row]]:
    yield _row("users", username=user.username, document=text_of(user.to_dict()))


def worker_rows(position: int, ip: str, document: Row) -> Iterator[tuple[Key, Row]]:
    yield _row("workers", ip=ip, position=position, document=text_of(document))


def flavor_rows(position: int, name: str, flavor: Row) -> Iterator[tuple[Key, Row]]:
    yield _row("flavors", name=name, position=position, document=text_of(flavor))


def slice_rows(slice_: Slice) -> Iterator[tuple[Key, Row]]:
    """Yield the rows of a slice and of its VMs, links, networks and allocations."""
    document = slice_.to_dict()
    for children in ("vms", "links", "networks"):
        del document[children]
    yield _row(
        "slices", slice_id=slice_.slice_id, owner=slice_.owner, label=slice_label(slice_), document=text_of(document)
    )
    for position, vm in enumerate(slice_.vms):
        yield _vm_row(slice_, position, vm)
    for position, link in enumerate(slice_.links):
        yield _row(
            "links",
            slice_id=slice_.slice_id,
            link_id=link.link_id,
            vlan_id=link.vlan_id,
            position=position,
            document=text_of(link.to_dict()),
        )
    for position, network in enumerate(slice_.networks):
        yield _row(
            "networks",
            slice_id=slice_.slice_id,
            vlan_id=network.vlan_id,
            position=position,
            document=text_of(network.to_dict()),
        )
    yield from allocation_rows(slice_)


def allocation_rows(slice_: Slice) -> Iterator[tuple[Key, Row]]:
    """Yield the rows of the numbers that are allocated to a slice."""
    for allocation in allocated(slice_):
        yield _row(
            "allocations",
            kind=allocation.kind,
            number=allocation.number,
            slice_id=slice_.slice_id,
            vm_id=allocation.vm_id,
        )


def _vm_row(slice_: Slice, position: int, vm: VM) -> tuple[Key, Row]:
    flavor = vm.size or {}
    return _row(
        "vms",
        vm_id=vm.vm_id,
        slice_id=slice_.slice_id,
        position=position,
        name=vm.name,
        status=vm.status,
        worker_ip=vm.worker_ip,
        cores=flavor.get("cores"),
        ram_gb=flavor.get("ram_gb"),
        disk_gb=flavor.get("disk_gb"),
        image=flavor.get("image"),
        checksum=flavor.get("checksum"),
        document=text_of(vm.to_dict()),
    )


def text_of(document: Any) -> str:
    """Return a document as JSON text, which is independent of later changes of the object.

    Raises:
        DatabaseRefused: a value has no representation in JSON, such as a date from YAML.
    """
    return json.dumps(document, default=_reject)


def _reject(value: Any) -> Any:
    raise DatabaseRefused([Refusal("value_not_storable", f"value {value!r}", {"type": type(value).__name__})])


def _row(table: str, **columns: Any) -> tuple[Key, Row]:
    return (table, tuple(columns[name] for name in KEYS[table])), columns
