# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects as rows: each row has a unique key, all columns of its table, and the complete object."""

from __future__ import annotations

import datetime
import importlib.util
import json
import sys

import pytest
from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import schema
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import allocated
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Interface, Link, Network, Slice, User


def a_slice() -> Slice:
    slice_ = Slice(1000, "alice")
    slice_.extra["name"] = "web"
    flavor = {"cores": 2, "ram_gb": 0.5, "disk_gb": 2.2, "image": "/i.img", "checksum": "ab" * 32}
    slice_.vms = [
        VM(1001, "vm1", "alice", "10.0.10.1", 5901, [Interface("eth0", None, "52:54:00:03:e9:00")], flavor=flavor),
        VM(1002, "vm2", "alice", "10.0.10.2", 5902, []),
    ]
    slice_.links = [Link(1, 100, 1001, "eth1", 1002, "eth1"), Link(2, 101, 1001, "eth2", 1002, "eth2")]
    slice_.networks = [Network(102, "192.168.102.0/24", None)]
    slice_.vlan_pool_used = [100, 101, 102]
    return slice_


def unique_columns(table: str) -> set[frozenset[str]]:
    """Return the columns of each unique constraint and index of a table."""
    found = schema.TABLES[table]
    constraints = [each.columns for each in found.constraints if isinstance(each, UniqueConstraint)]
    indexes = [each.columns for each in found.indexes if each.unique]
    return {frozenset(column.name for column in columns) for columns in (found.primary_key, *constraints, *indexes)}


@pytest.mark.parametrize("table", sorted(schema.TABLES))
def test_a_row_is_found_by_columns_that_no_two_rows_share(table: str) -> None:
    assert frozenset(schema.KEYS[table]) in unique_columns(table)


@pytest.mark.parametrize("table", sorted(schema.TABLES))
def test_constraints_are_on_keys_or_on_columns_whose_change_replaces_the_row(table: str) -> None:
    """Otherwise an UPDATE could conflict with a value that the next UPDATE would change."""
    known = {*schema.KEYS[table], *schema.UNIQUE.get(table, ())}
    assert set().union(*unique_columns(table)) <= known | {"slice_id"}
    assert {*schema.UNIQUE.get(table, ())} <= {column.name for column in schema.TABLES[table].columns}


def test_the_module_can_be_imported_without_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    spec = importlib.util.spec_from_file_location(schema.__name__, schema.__file__)
    assert spec is not None
    assert spec.loader is not None
    bare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bare)
    assert (bare.HAS_SQLALCHEMY, schema.HAS_SQLALCHEMY) == (False, True)
    # Databases have this number in them, and another one needs a migration.
    assert bare.SCHEMA_VERSION == 1


TABLES = {**schema.TABLES, "history": schema.HISTORY}


def test_only_columns_that_depend_on_the_flavor_may_be_null() -> None:
    found = {name: {column.name for column in table.columns if column.nullable} for name, table in TABLES.items()}
    optional = {"vms": {"cores", "ram_gb", "disk_gb", "image", "checksum"}, "allocations": {"vm_id"}}
    assert {name: columns for name, columns in found.items() if columns} == optional


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_column_is_numbered_by_the_server(table: str) -> None:
    assert "SERIAL" not in str(CreateTable(TABLES[table]).compile(dialect=postgresql.dialect()))


def test_references_are_checked_at_commit() -> None:
    keys = [key for table in TABLES.values() for key in table.foreign_keys]
    assert {key.column.table.name for key in keys} == {"cloudrepo_users", "cloudrepo_slices"}
    assert {(key.deferrable, key.initially) for key in keys} == {(True, "DEFERRED")}


def test_columns_that_are_searched_have_an_index() -> None:
    found = {column.name for index in schema.HISTORY.indexes for column in index.columns}
    assert found == {"at"}
    assert {index.name: bool(index.unique) for index in schema.TABLES["vms"].indexes} == {
        "cloudrepo_vms_of_slice": False,
        "cloudrepo_vms_on_worker": False,
        "cloudrepo_vm_names": True,
    }


def test_a_slice_has_rows_for_itself_and_its_objects() -> None:
    slice_ = a_slice()
    rows = list(schema.slice_rows(slice_))
    assert [key for key, _row in rows] == [
        ("slices", (1000,)),
        ("vms", (1001,)),
        ("vms", (1002,)),
        ("links", (1000, 1)),
        ("links", (1000, 2)),
        ("networks", (1000, 102)),
        *(("allocations", (allocation.kind, allocation.number)) for allocation in allocated(slice_)),
    ]
    assert {row["slice_id"] for _key, row in rows} == {1000}
    positions = [(key[0], row["position"]) for key, row in rows if "position" in row]
    assert positions == [("vms", 0), ("vms", 1), ("links", 0), ("links", 1), ("networks", 0)]


def test_the_slice_is_restored_from_its_rows() -> None:
    rows = list(schema.slice_rows(a_slice()))

    def documents(table: str) -> list[object]:
        return [json.loads(row["document"]) for key, row in rows if key[0] == table]

    (document,) = documents("slices")
    whole = {**document, **{children: documents(children) for children in ("vms", "links", "networks")}}
    assert whole == a_slice().to_dict()


def test_queried_columns_have_the_values_of_the_document() -> None:
    rows = dict(schema.slice_rows(a_slice()))
    assert (rows["slices", (1000,)]["owner"], rows["slices", (1000,)]["label"]) == ("alice", "web")
    first, second = rows["vms", (1001,)], rows["vms", (1002,)]
    assert (first["name"], first["worker_ip"], first["status"]) == ("vm1", "10.0.10.1", a_slice().vms[0].status)
    sizes = ("cores", "ram_gb", "disk_gb", "image", "checksum")
    assert [first[key] for key in sizes] == [2, 0.5, 2.2, "/i.img", "ab" * 32]
    assert [second[key] for key in sizes] == [None] * 5, "a VM without a flavor takes no room"
    assert [rows["links", (1000, number)]["vlan_id"] for number in (1, 2)] == [100, 101]


@pytest.mark.parametrize(
    "rows",
    [
        schema.meta_rows(1000, {}),
        schema.user_rows(User("alice", "!")),
        schema.worker_rows(0, "10.0.10.1", {}),
        schema.flavor_rows(0, "cirros", {}),
        schema.slice_rows(a_slice()),
    ],
)
def test_a_row_has_all_columns_of_its_table(rows: object) -> None:
    found = list(rows)  # type: ignore[call-overload] # iterators, of which mypy finds no common kind
    assert found
    for (table, key), row in found:
        assert set(row) == {column.name for column in schema.TABLES[table].columns}
        assert key == tuple(row[name] for name in schema.KEYS[table])


def test_a_document_is_a_copy_with_json_types_only() -> None:
    document = {"a": [1]}
    text = schema.text_of(document)
    document["a"].append(2)
    assert json.loads(text) == {"a": [1]}
    with pytest.raises(DatabaseError, match="date"):
        schema.text_of({"made": datetime.date(2026, 11, 22)})


def test_the_row_of_counters_is_that_of_stored_databases() -> None:
    ((key, row),) = schema.meta_rows(1009, {})
    assert (row["id"], row["next_vm_id"]) == (1, 1009)
    assert key[0] == "meta"
