# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin, as Ansible's own InventoryManager calls it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.inventory import slices as plugin
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import Key, Token

from ...conftest import KINDS
from ...scripts import ROOT
from ..module_utils._domain.builders import cluster, deployed, link, put, topology, vm

Read = Callable[..., dict[str, Any]]

HOSTS = """\
servers:
  children:
    workers:
      hosts:
        worker1: {ansible_host: 10.0.10.1, ansible_ssh_common_args: -o User=root}
        worker2: {ansible_host: 10.0.10.2, ansible_connection: local}
    network_node:
      hosts:
        gate: {ansible_host: 10.0.10.3, ansible_user: ops}
"""


@pytest.fixture(scope="module")
def reader() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A YAML file, or the kind of database that a test asks for."""
    kind = getattr(request, "param", "yaml")
    if kind == "postgresql":
        url: str = request.getfixturevalue("new_postgresql")()
        return url
    return str(tmp_path / "database.yaml") if kind == "yaml" else f"sqlite:///{tmp_path}/database.sqlite"


@pytest.fixture
def read(reader: subprocess.Popen[str], tmp_path: Path, database: str) -> Read:
    """Read C(HOSTS) and a source of the plugin with these options."""

    def call(*, hosts: str = HOSTS, **options: Any) -> dict[str, Any]:
        source = {"plugin": "cloudrepo.slices.slices", "database": database, **options}
        paths = {"hosts.yml": yaml.safe_load(hosts), "vms.slices.yml": source}
        for name, content in paths.items():
            (tmp_path / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(json.dumps([str(tmp_path / name) for name in paths]) + "\n")
        reader.stdin.flush()
        result: dict[str, Any] = json.loads(reader.stdout.readline())
        return result

    return call


@pytest.fixture
def stored(database: str) -> str:
    """The database with C(web) of admin, whose VMs run, and C(lab) of alice, which was not deployed."""
    held = cluster()
    deployed(put(held, topology("web", networks=[{"name": "lan", "members": ["vm1"]}])))
    put(held, topology("lab", owner="alice", vms=[vm("vm1", power="stopped")], links=[]))
    with open_store(database, lock_timeout_s=5, backups=0).transaction(write=True) as there:
        there.replace(held)
    return database


@pytest.mark.usefixtures("stored")
def test_vms_become_hosts_in_groups(read: Read) -> None:
    found = read()
    assert found["said"] == ""
    assert found["groups"]["cloudrepo_vms"] == ["web-vm1", "web-vm2", "lab-vm1"]
    assert found["children"]["cloudrepo_vms"] == ["slice_web", "slice_lab"]
    made = {
        name: hosts
        for name, hosts in found["groups"].items()
        if name.partition("_")[0] in plugin.rules.GROUPINGS and name != "network_node"
    }
    assert made == {
        "slice_web": ["web-vm1", "web-vm2"],
        "slice_lab": ["lab-vm1"],
        "owner_admin": ["web-vm1", "web-vm2"],
        "owner_alice": ["lab-vm1"],
        "flavor_cirros": ["web-vm1", "web-vm2", "lab-vm1"],
        "worker_10_0_10_1": ["web-vm1", "lab-vm1"],
        "worker_10_0_10_2": ["web-vm2"],
        "state_running": ["web-vm1", "web-vm2"],
        "state_pending": ["lab-vm1"],
        "network_web_lan": ["web-vm1"],
    }


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"names": [False]}, "names: got False; quote names"),
        ({"names": ["web", 1e3]}, "names: got 1000.0; quote names"),
        ({"owner": False}, "owner: got False; quote names"),
        ({"acting_user": 750}, "acting_user: got 750; quote names"),
        ({"jump_host": 7}, "jump_host: got 7; quote names"),
        ({"parent_group": True}, "parent_group: got True; quote names"),
        ({"kinds": [{"name": False}]}, "kinds: got False; quote names"),
        ({"kinds": [{"name": "linux", "flavors": [True]}]}, "kinds: got True; quote names"),
    ],
)
def test_names_of_other_types_are_refused(read: Read, options: dict[str, Any], told: str) -> None:
    """Ansible would search for a slice called False."""
    found = read(**options)
    assert told in found["said"]
    assert "cloudrepo_vms" not in found["groups"]


@pytest.mark.usefixtures("stored")
def test_a_slice_may_be_selected_by_its_id(read: Read) -> None:
    assert read(names=[1000])["groups"]["cloudrepo_vms"] == read(names="web")["groups"]["cloudrepo_vms"]


@pytest.mark.usefixtures("stored")
def test_a_host_has_variables_from_the_database(read: Read) -> None:
    found = read()["hosts"]["web-vm1"]
    found = {name: value for name, value in found.items() if not name.startswith("inventory_")}
    # The console of another VM with the same id on its worker is not opened.
    assert len(found.pop("cloudrepo_vm_uuid")) == 36
    interfaces = found.pop("cloudrepo_interfaces")
    assert interfaces[0] == {
        "name": "eth0",
        "guest_name": "eth0",
        "mac": "52:54:00:03:e9:00",
        "vlan_id": 400,
        "address": "10.60.7.101",
        "network": None,
        "addresses": [],
    }
    assert [(each["name"], each["vlan_id"], each["network"]) for each in interfaces[1:]] == [
        ("eth1", 100, None),
        ("eth2", 101, "lan"),
    ]
    (end,) = found.pop("cloudrepo_links")
    assert end == {
        "link_id": 1,
        "name": None,
        "vlan_id": 100,
        "interface": "eth1",
        "guest_interface": "eth1",
        "peer": "vm2",
        "peer_interface": "eth1",
        "peer_guest_interface": "eth1",
        "addresses": [],
        "peer_addresses": [],
    }
    assert found == {
        "ansible_host": "10.60.7.101",
        "ansible_ssh_common_args": plugin.THROUGH_JUMP_HOST,
        "cloudrepo_address": "10.60.7.101",
        "cloudrepo_connection": "jump",
        "cloudrepo_console": {"worker": "10.0.10.1", "socket": "/run/cloudrepo/1001/serial.sock"},
        "cloudrepo_cores": 1,
        "cloudrepo_flavor": "cirros",
        "cloudrepo_jump_host": "gate",
        "cloudrepo_kind": None,
        "cloudrepo_loopback": {},
        "cloudrepo_networks": ["lan"],
        "cloudrepo_owner": "admin",
        "cloudrepo_power": "running",
        "cloudrepo_ram_gb": 0.5,
        "cloudrepo_slice_id": 1000,
        "cloudrepo_slice_name": "web",
        "cloudrepo_state": "running",
        "cloudrepo_vm_id": 1001,
        "cloudrepo_vm_name": "vm1",
        "cloudrepo_vnc": {"host": "10.0.10.1", "port": 5901},
        "cloudrepo_worker": "10.0.10.1",
    }


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"web-vm1": "jump", "web-vm2": "console", "lab-vm1": "console"}),
        ({"hosts": "all: {}"}, {"web-vm1": "console", "web-vm2": "console", "lab-vm1": "console"}),
        ({"connection_preference": ["direct", "console"]}, {"web-vm1": "direct", "web-vm2": "console"}),
        ({"connection_preference": ["console", "direct"]}, {"web-vm1": "console", "web-vm2": "console"}),
        ({"connection_preference": ["direct"]}, {"web-vm1": "direct", "web-vm2": None}),
        ({"hosts": "all: {}", "jump_host": "bastion"}, {"web-vm1": "jump", "web-vm2": "console"}),
        (
            {"kinds": [{"name": "box", "flavors": "debian*, cir*", "connection_preference": "console"}]},
            {"web-vm1": "console", "web-vm2": "console"},
        ),
        (
            {"kinds": [{"name": "box", "flavors": "debian*", "connection_preference": "console"}]},
            {"web-vm1": "jump", "web-vm2": "console"},
        ),
        (
            {"kinds": [{"name": "box", "flavors": ["cir*"], "connection_preference": ["console"]}]},
            {"web-vm1": "console", "web-vm2": "console"},
        ),
    ],
)
def test_the_first_connection_that_is_possible_is_used(
    read: Read, options: dict[str, Any], expected: dict[str, str]
) -> None:
    found = read(**options)["hosts"]
    assert {name: found[name]["cloudrepo_connection"] for name in expected} == expected
    for name, connection in expected.items():
        is_console = found[name].get("ansible_connection") == "cloudrepo.slices.console"
        assert is_console == (connection == "console")


@pytest.mark.usefixtures("stored")
def test_kinds_determine_how_to_log_in(read: Read) -> None:
    linux = {"name": "linux", "flavors": ["cirros"], "user": "bob", "python_interpreter": "/usr/bin/python3"}
    found = read(kinds=[{"name": "router", "flavors": ["vyos*"]}, linux])
    assert found["groups"]["kind_linux"] == ["web-vm1", "web-vm2", "lab-vm1"]
    assert "kind_router" not in found["groups"]
    first = found["hosts"]["web-vm1"]
    assert (first["ansible_user"], first["ansible_python_interpreter"]) == ("bob", "/usr/bin/python3")
    # The user of a console is that of the worker.
    assert found["hosts"]["web-vm2"]["ansible_user"] == plugin.TO_WORKER["ansible_user"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "hosts"),
    [
        ({"names": ["web"]}, ["web-vm1", "web-vm2"]),
        ({"names": [1003]}, ["lab-vm1"]),
        ({"owner": "alice"}, ["lab-vm1"]),
        ({"acting_user": "alice"}, ["lab-vm1"]),
        ({"filters": ["cloudrepo_state == 'running'", "cloudrepo_address is none"]}, ["web-vm2"]),
        ({"filters": ["no_such_variable == 1"]}, []),
        ({"filters": ["cloudrepo_links"]}, ["web-vm1", "web-vm2"]),
        ({"filters": ["cloudrepo_links | length"]}, ["web-vm1", "web-vm2"]),
        ({"filters": ["cloudrepo_address"]}, ["web-vm1"]),
        ({"filters": ["cloudrepo_connection == 'jump'"]}, ["web-vm1"]),
        ({"filters": ["cloudrepo_kind == 'linux'"], "kinds": [{"name": "linux"}]}, ["web-vm1", "web-vm2", "lab-vm1"]),
        (
            {"hostname": "{{ cloudrepo_vm_name }}.{{ cloudrepo_owner }}.{{ cloudrepo_connection }}"},
            ["vm1.admin.jump", "vm2.admin.console", "vm1.alice.console"],
        ),
        ({"hostname": "{{ cloudrepo_vm_name }}.{{ cloudrepo_owner }}"}, ["vm1.admin", "vm2.admin", "vm1.alice"]),
    ],
)
def test_vms_are_selected_and_named(read: Read, options: dict[str, Any], hosts: list[str]) -> None:
    assert read(**options)["groups"]["cloudrepo_vms"] == hosts


def test_the_acting_user_is_determined_as_in_modules(stored: str, tmp_path: Path) -> None:
    source = tmp_path / "vms.slices.yml"
    hosts = {}
    for named in ("alice", None, "admin"):
        given = {"acting_user": named} if named else {}
        source.write_text(yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": stored, **given}))
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "inventory", "-i", str(source), "--list", "--limit=cloudrepo_vms"],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "CLOUDREPO_ACTING_USER": "alice"},
        )
        hosts[named] = list(json.loads(done.stdout)["_meta"]["hostvars"])
        said = "acting user: CLOUDREPO_ACTING_USER is alice, but the option acting_user is admin"
        assert (said in " ".join(done.stderr.split())) == (named == "admin")
    assert hosts == {"alice": ["lab-vm1"], None: ["lab-vm1"], "admin": []}


def listed(source: Path, *options: str, **environment: str) -> tuple[list[str], str]:
    """The VMs that ansible-inventory shows, and its messages."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "inventory", "-i", str(source), "--list", "--limit=cloudrepo_vms", *options],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return list(json.loads(done.stdout)["_meta"]["hostvars"]), " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("named", "extra", "environment", "hosts", "told"),
    [
        (None, "alice", {}, ["lab-vm1"], ""),
        ("alice", "alice", {}, ["lab-vm1"], ""),
        ("admin", "alice", {}, [], "acting user: the option acting_user is admin, but cloudrepo_acting_user is alice"),
        (
            None,
            "admin",
            {"CLOUDREPO_ACTING_USER": "alice"},
            [],
            "acting user: CLOUDREPO_ACTING_USER is alice, but cloudrepo_acting_user is admin",
        ),
        (None, "", {}, [], "cloudrepo_acting_user: "),
        (None, "{{ 'alice' }}", {}, [], "acting user {{ 'alice' }} does not exist"),
    ],
)
def test_an_extra_variable_names_the_acting_user(
    stored: str,
    tmp_path: Path,
    named: str | None,
    extra: str,
    environment: dict[str, str],
    hosts: list[str],
    told: str,
) -> None:
    source = tmp_path / "vms.slices.yml"
    given = {"acting_user": named} if named else {}
    source.write_text(yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": stored, **given}))
    found, said = listed(source, "-e", json.dumps({"cloudrepo_acting_user": extra}), **environment)
    assert found == hosts
    assert told in said


def test_the_cache_of_one_acting_user_is_not_shown_to_another(stored: str, tmp_path: Path) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    source = tmp_path / "vms.slices.yml"
    source.write_text(yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": stored, **cache}))
    assert len(listed(source)[0]) == 3
    assert listed(source, "-e", "cloudrepo_acting_user=alice")[0] == ["lab-vm1"]
    # Ansible's own keys are so short that somebody could make a source with the key of another one.
    keys = [path.name[-64:] for path in (tmp_path / "cache").iterdir()]
    assert [re.fullmatch("[0-9a-f]{64}", key) is not None for key in keys] == [True, True]


@pytest.mark.parametrize("database", ["{{ lookup('ansible.builtin.env', 'CLOUD') }}/d.yaml", "$CLOUD/d.yaml"])
def test_the_cache_of_one_database_is_not_shown_for_another(tmp_path: Path, database: str) -> None:
    for name, slice_ in (("one", "web"), ("two", "lab")):
        held = cluster()
        put(held, topology(slice_, vms=[vm("vm1")], links=[]))
        (tmp_path / name).mkdir()
        with open_store(f"{tmp_path}/{name}/d.yaml", lock_timeout_s=5, backups=0).transaction(write=True) as there:
            there.replace(held)
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    source = tmp_path / "vms.slices.yml"
    source.write_text(yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": database, **cache}))
    assert listed(source, CLOUD=str(tmp_path / "one"))[0] == ["web-vm1"]
    assert listed(source, CLOUD=str(tmp_path / "two"))[0] == ["lab-vm1"]
    # The same database by another way is answered from the cache.
    (tmp_path / "two/d.yaml").unlink()
    source.write_text(
        yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": f"{tmp_path}/two/d.yaml", **cache})
    )
    assert listed(source)[0] == ["lab-vm1"]


def test_a_token_of_an_earlier_user_of_the_name_reads_nothing_not_even_from_the_cache(
    stored: str, tmp_path: Path
) -> None:
    cloud, other = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10", "3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77"
    with open_store(stored, lock_timeout_s=5, backups=0).transaction(write=False) as held:
        present = str(held.users["alice"].uuid)
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    source = tmp_path / "vms.slices.yml"
    source.write_text(yaml.safe_dump({"plugin": "cloudrepo.slices.slices", "database": stored, **cache}))
    key = Key(cloud, "ab" * 32)

    def read_with(uuid: str) -> tuple[list[str], str]:
        token = Token("alice", uuid, 4_000_000_000, cloud).signed(key)
        given = {"CLOUDREPO_ACTING_TOKEN": token, "CLOUDREPO_ACTING_KEY": str(key)}
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "inventory", "-i", str(source), "--list", "--limit=cloudrepo_vms"],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **given, "CLOUDREPO_ACTING_KEY_FILE": "/nowhere"},
        )
        return list(json.loads(done.stdout)["_meta"]["hostvars"]), " ".join(done.stderr.split())

    assert read_with(present)[0] == ["lab-vm1"]
    hosts, said = read_with(other)
    assert hosts == []
    assert f"issued for an earlier user alice (UUID {other}), the present one has UUID {present}" in said


@pytest.mark.usefixtures("stored")
def test_constructed_features(read: Read) -> None:
    found = read(
        compose={"first_mac": "cloudrepo_interfaces[0].mac"},
        groups={"linked": "cloudrepo_links | length > 0"},
        keyed_groups=[{"key": "cloudrepo_power", "prefix": "power"}],
        group_by=[],
        parent_group="vms",
        strict=True,
    )
    assert found["hosts"]["web-vm2"]["first_mac"] == "52:54:00:03:ea:00"
    assert {name: found["groups"][name] for name in ("linked", "power_stopped", "vms")} == {
        "linked": ["web-vm1", "web-vm2"],
        "power_stopped": ["lab-vm1"],
        "vms": ["web-vm1", "web-vm2", "lab-vm1"],
    }
    assert not [name for name in found["groups"] if name.startswith(("slice_", "owner_"))]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["shop"]}, "slice shop does not exist; existing: "),
        ({"acting_user": "bob"}, "acting user bob does not exist"),
        ({"database": "/nowhere/database.yaml"}, "database /nowhere/database.yaml does not exist; "),
        ({"database": "database.yaml"}, "database must be an absolute path"),
        ({"filters": ["no_such_variable == 1"], "strict": True}, "filters: VM web/vm1 (1001): "),
        ({"compose": {"a": "no_such_variable"}, "strict": True}, "Could not set a for host web-vm1"),
        ({"hostname": "{{ no_such_variable }}"}, "hostname: VM web/vm1 (1001): "),
        ({"hostname": "vm", "strict": True}, "host name vm: 3 VMs have this name"),
        ({"hostname": "{{ none }}"}, "hostname: VM web/vm1 (1001): a host needs a name, got None"),
        ({"hostname": " "}, "hostname: VM web/vm1 (1001): a host needs a name, got ' '"),
        ({"parent_group": ""}, "parent_group: a group of all VMs needs a name"),
        (
            {"parent_group": "slice_web"},
            "parent_group: slice_web is the name of another group of VMs; give the group of all VMs another name",
        ),
        (
            {"parent_group": "workers"},
            "parent_group: workers is a group of the cloud's hosts; give the group of all VMs another name",
        ),
        (
            {"hosts": "all: {}", "strict": True},
            "connection_preference: no jump host for VMs with an address, because the group network_node has no host; "
            "list the source with this group first (those of a folder are read in the order of their names), or set "
            "jump_host",
        ),
        ({"owners": "alice"}, "inventory source: unknown options owners; known: acting_user, cache, "),
        ({"kinds": [{"name": "a", "users": "bob"}]}, "kind a: unknown options users; known: connection_preference, "),
        (
            {"database": "{{ cloudrepo_database }}"},
            "database: 'cloudrepo_database' is undefined; an inventory plugin cannot read variables of playbooks; set "
            "it to a path or URL, or set CLOUDREPO_DATABASE",
        ),
        ({"kinds": [{"flavors": ["*"]}]}, "kinds: a kind needs name"),
        (
            {"kinds": [{"name": "a", "connection_preference": ["telnet"]}]},
            "kind a: connection_preference may only contain direct, jump, console, got telnet",
        ),
    ],
)
def test_errors_are_reported(read: Read, options: dict[str, Any], message: str) -> None:
    found = read(**options)
    assert message in found["said"]
    assert {name for name in found["hosts"] if name.startswith(("web", "lab"))} == set()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("filters", "told"),
    [
        # A template is no expression.
        (["{{ cloudrepo_state == 'running' }}"], True),
        (["cloudrepo_state == 'running'", "no_such_variable"], True),
        (["no_such_variable if cloudrepo_state == 'running' else true"], False),
        (["cloudrepo_state == 'no such state'"], False),
    ],
)
def test_a_filter_that_fails_for_every_vm_is_reported(read: Read, filters: list[str], told: bool) -> None:
    said = read(filters=filters)["said"]
    assert (f"filters: {filters[-1]} fails for every VM, so none becomes a host: " in said) == told, said


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("given", "name"), [("Meine VMs: ü", "Meine_VMs___"), ("1st", "_1st")])
def test_the_name_of_the_group_of_all_vms_is_made_valid(read: Read, given: str, name: str) -> None:
    found = read(parent_group=given)
    assert found["said"] == ""
    assert found["groups"][name] == ["web-vm1", "web-vm2", "lab-vm1"]


@pytest.mark.usefixtures("stored")
def test_duplicate_names_are_reported_and_changed(read: Read) -> None:
    found = read(hostname="{{ cloudrepo_vm_name if cloudrepo_slice_name == 'web' else 'worker1' }}")
    assert found["groups"]["cloudrepo_vms"] == ["vm1", "vm2", "worker1-1004"]
    assert found["hosts"]["worker1"]["ansible_host"] == "10.0.10.1"
    assert "host name worker1: another host or a group has this name; renamed to worker1-1004" in found["said"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", ["servers", "workers", "all", "slice_web", "cloudrepo_vms", "localhost", "127.0.0.1"])
def test_a_host_is_not_called_like_a_group_or_the_controller(read: Read, name: str) -> None:
    """A play for the name would reach other hosts, or the VM would get the tasks of the controller."""
    found = read(hostname=f"{{{{ cloudrepo_vm_name if cloudrepo_slice_name == 'web' else '{name}' }}}}")
    assert found["groups"]["cloudrepo_vms"] == ["vm1", "vm2", f"{name}-1004"]
    assert name not in found["hosts"]
    assert f"host name {name}: another host or a group has this name; renamed to {name}-1004" in found["said"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, True),
        ({"connection_preference": ["jump"]}, True),
        ({"connection_preference": ["direct", "jump"]}, False),
        ({"connection_preference": ["console", "jump"]}, False),
        ({"jump_host": "bastion"}, False),
        ({"owner": "alice"}, False),
        ({"kinds": [{"name": "box", "connection_preference": ["console"]}]}, False),
    ],
)
def test_a_missing_jump_host_is_told_once(read: Read, options: dict[str, Any], told: bool) -> None:
    said = read(hosts="all: {}", **options)["said"]
    assert said.count("connection_preference: no jump host for VMs with an address") == told, said


def test_slices_with_the_same_name_have_separate_groups(read: Read, stored: str) -> None:
    with open_store(stored, lock_timeout_s=5, backups=0).transaction(write=True) as held:
        put(held, topology("web", owner="alice", vms=[vm("vm1")], links=[]))
    found = read(group_by=["slice"])
    assert found["children"]["cloudrepo_vms"] == ["slice_web_1000", "slice_lab", "slice_web_1005"]
    assert found["groups"]["slice_web_1005"] == ["web-vm1-1006"]
    assert (
        "group name slice_web: 2 groups would have this name; renamed to slice_web_1000, slice_web_1005"
        in found["said"]
    )


def test_a_cached_inventory_needs_no_database(read: Read, stored: str, tmp_path: Path) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = read(**cache)
    with open_store(stored, lock_timeout_s=5, backups=0).transaction(write=True) as held:
        put(held, topology("shop", vms=[vm("vm1")], links=[]))
    assert read(**cache)["hosts"] == first["hosts"]
    assert list(read(**cache, acting_user="alice")["hosts"])[-1:] == ["lab-vm1"]
    assert "web-vm1" not in read(**cache, acting_user="alice")["hosts"]
    assert "shop-vm1" in read()["hosts"]
    # A changed source is not answered with what it asked for before.
    assert read(**cache, names=["shop"])["groups"]["cloudrepo_vms"] == ["shop-vm1"]
    assert read(**cache, owner="alice")["groups"]["cloudrepo_vms"] == ["lab-vm1"]
    assert "does not exist" in read(**{**cache, "database": f"{tmp_path}/other.yaml"})["said"]


@pytest.mark.parametrize("database", KINDS, indirect=True)
def test_the_inventory_neither_waits_for_a_deploy_nor_delays_it(read: Read, stored: str) -> None:
    store = open_store(stored, lock_timeout_s=1, backups=0)
    with store.transaction(write=True) as held:
        held.users["alice"].quota_vms = 7
        done: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: done.append(read()))
        thread.start()
        thread.join(timeout=60)
        assert [list(found["hosts"])[-1] for found in done] == ["lab-vm1"]


def test_the_examples_are_valid_sources(stored: str, read: Read) -> None:
    with open_store(stored, lock_timeout_s=5, backups=0).transaction(write=True) as held:
        held.users["bob"] = type(held.users["alice"])("bob", "!")
        put(held, topology("play", owner="bob", vms=[vm("a"), vm("b")], links=[link("a:eth1", "b:eth1")]))
    seen = [read(**{**example, "cache": False}) for example in yaml.safe_load_all(plugin.EXAMPLES)]
    assert [each["said"] for each in seen] == ["", "", ""]
    assert [len(each["groups"]["cloudrepo_vms"]) for each in seen] == [5, 2, 2]
    assert seen[2]["groups"]["linked"] == ["play-a", "play-b"]


@pytest.mark.usefixtures("stored")
def test_connections_use_the_options_of_the_hosts_in_between(read: Read, tmp_path: Path) -> None:
    read()
    variables = ("host", "port", "user", "ssh_private_key_file", "ssh_common_args")
    shown = ", ".join(f"ansible_{name} | default(none)" for name in variables)
    sources = [f"--inventory={tmp_path / name}" for name in ("hosts.yml", "vms.slices.yml")]
    message = f"msg={{{{ [{shown}, cloudrepo_console_through | default(none)] }}}}"
    module = ("-m", "ansible.builtin.debug", "-a", message)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", *sources, "cloudrepo_vms", "--one-line", *module],
        check=True,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -F none",
        },
    )
    told = {line.split(" ")[0]: json.loads(line.partition("=> ")[2])["msg"] for line in done.stdout.splitlines()}
    own = "ssh -F none -l ops -o BatchMode=yes -W [%h]:%p 10.0.10.3"
    assert told == {
        "web-vm1": ["10.60.7.101", None, None, None, f"-o 'ProxyCommand={own}'", None],
        "web-vm2": ["10.0.10.2", None, None, None, None, "local"],
        "lab-vm1": ["10.0.10.1", None, None, None, "-o User=root", "ssh"],
    }


SSH = """\
#!/bin/sh
# In place of ssh: writes its options to a file, and runs the command here.
printf '%s\\n' "$@" > {options}
for command; do :; done
exec sh -c "$command"
"""
SUDO = """\
#!/bin/sh
[ "$1" = -n ] || exit 7
printf used > {used}
shift
exec "$@"
"""


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("becomes", [True, False])
def test_a_console_is_opened_as_ansible_logs_in_on_its_worker(read: Read, tmp_path: Path, becomes: bool) -> None:
    """The worker is known by its name alone, as to the configuration of ssh."""
    worker = {"worker_ip": "10.0.10.1", "ansible_ssh_extra_args": "-o Compression=yes", "ansible_become": becomes}
    read(hosts=yaml.safe_dump({"workers": {"hosts": {"worker1.example.org": worker}}}))
    commands = tmp_path / "commands"
    commands.mkdir()
    places = {"options": tmp_path / "options", "used": tmp_path / "used"}
    for name, text in (("ssh", SSH), ("sudo", SUDO)):
        (commands / name).write_text(text.format(**places))
        (commands / name).chmod(0o755)
    (tmp_path / "ansible.cfg").write_text("[defaults]\nremote_user = ops\n")
    sources = [f"--inventory={tmp_path / name}" for name in ("hosts.yml", "vms.slices.yml")]
    call = ["lab-vm1", "-m", "ansible.builtin.raw", "-a", "true", "-e", f"cloudrepo_state_dir={tmp_path}/state"]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", *sources, *call],
        check=False,
        capture_output=True,
        text=True,
        env={
            **{name: value for name, value in os.environ.items() if name != "ANSIBLE_REMOTE_USER"},
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
            "PATH": f"{commands}:{os.environ['PATH']}",
        },
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert f"VM 1004 was not deployed on its worker, which has no {tmp_path}/state/vms/1004/identity.json; run" in said
    options = (tmp_path / "options").read_text().splitlines()
    assert "Compression=yes" in options
    assert 'User="ops"' in options
    assert not [each for each in options if each.startswith("Port")]
    assert options[-2] == "worker1.example.org"
    assert places["used"].exists() is becomes


@pytest.mark.usefixtures("stored")
def test_a_jump_host_that_is_not_in_the_inventory_is_named(read: Read, tmp_path: Path) -> None:
    read(jump_host="bastion")
    call = ["web-vm1", "-m", "ansible.builtin.raw", "-a", "true"]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", f"--inventory={tmp_path / 'vms.slices.yml'}", *call],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (
        "jump host bastion: it is not in the inventory; add the source of this host with -i, or set jump_host"
        in " ".join((done.stdout + done.stderr).split())
    )


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("host", "told"),
    [
        (
            "web-vm1",
            "VM web/vm1 (1001) cannot be reached by jump, because there is no jump host; list the source with the "
            "group network_node before that of the VMs, or set jump_host",
        ),
        (
            "web-vm2",
            "VM web/vm2 (1002) cannot be reached by jump, because it has no address; set internet: true for the VM, or "
            "add console to connection_preference",
        ),
    ],
)
def test_a_vm_without_a_connection_is_not_looked_up_by_its_name(
    read: Read, tmp_path: Path, host: str, told: str
) -> None:
    """A tenant chooses the name, and ssh would look it up in DNS."""
    found = read(hosts="all: {}", connection_preference=["jump"])["hosts"][host]
    assert (found["cloudrepo_connection"], found["cloudrepo_connection_problem"]) == (None, told)
    call = [host, "-m", "ansible.builtin.raw", "-a", "true"]
    called = tmp_path / "called"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ntouch {called}\n")
    ssh.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "adhoc", f"--inventory={tmp_path / 'vms.slices.yml'}", *call],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_SSH_EXECUTABLE": str(ssh)},
    )
    assert done.returncode != 0
    assert told in " ".join((done.stdout + done.stderr).split())
    assert not called.exists()


def test_it_is_said_that_a_source_needs_its_suffix(tmp_path: Path) -> None:
    warned: list[str] = []
    reader = plugin.InventoryModule()
    reader.display = SimpleNamespace(warning=warned.append)
    contents = {"vms.yml": "plugin: cloudrepo.slices.slices\n", "other.yml": "plugin: ini\n", "hosts.yaml": "all: {}\n"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert not reader.verify_file(str(tmp_path / name))
    assert warned == [
        f"inventory source {tmp_path}/vms.yml: the name of a source of cloudrepo.slices.slices must end with "
        "slices.yml or slices.yaml; rename it"
    ]


def test_only_files_with_its_suffix_are_sources(tmp_path: Path) -> None:
    for name in ("slices.yml", "web.slices.yaml", "hosts.yml"):
        (tmp_path / name).touch()
    own = [
        name
        for name in ("slices.yml", "web.slices.yaml", "hosts.yml", "no.slices.yml")
        if plugin.InventoryModule().verify_file(str(tmp_path / name))
    ]
    assert own == ["slices.yml", "web.slices.yaml"]
