# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that is no longer a worker."""

from __future__ import annotations

import grp
import pwd
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    acls,
    roles,
    worker_orphans,
    worker_retirement,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovsdb
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import DISK, SLICE, Orphan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.retirement import PROGRAM, Places
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ....locks import is_held
from .fakes import MORE, FakeRunner, uuid

ROLE = Path(__file__).parents[5] / "roles/worker"
TRUNK = Port("trunk0", "br-int", None, "trunk", (1,), external_ids={"cloudrepo-infrastructure": "worker"})


class Host:
    """A host below a folder, with the role C(worker) and perhaps another one."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, *held: Orphan, node: bool = False) -> None:
        self.root, self.state, self.places = root, root / "state", Places(str(root))
        self.state.mkdir()
        have = (roles.WORKER, roles.NETWORK_NODE) if node else (roles.WORKER,)
        roles.apply(roles.RolesPlan((), have), state_dir=str(self.state))
        self.switch = Switch({"br-int": "system"}, {"trunk0": TRUNK}, {"br-int": "secure"})
        monkeypatch.setattr(ovsdb, "observe", lambda _runner: self.switch)
        monkeypatch.setattr(worker_orphans, "observe", lambda _runner, **_named: None)
        monkeypatch.setattr(worker_orphans, "find", lambda known, _held: held if known == [] else ())
        users = [SimpleNamespace(pw_name=name) for name in ("root", "cloudrepo-0", "cloudrepo-99", "cloudrepo-100")]
        groups = [SimpleNamespace(gr_name="kvm", gr_gid=1), SimpleNamespace(gr_name="cloudrepo", gr_gid=990)]
        monkeypatch.setattr(pwd, "getpwall", lambda: users)
        monkeypatch.setattr(grp, "getgrall", lambda: groups)
        closed = f"{root}/tmp"
        monkeypatch.setattr(acls, "names", lambda path, gid: (path, gid) == (closed, 990))

    def runner(self, *, units: str = "", tables: int = 1) -> FakeRunner:
        runner = FakeRunner().tell("systemctl", "show", MORE, stdout=units).tell("nft", "--stateless", MORE, rc=tables)
        return runner if len(roles.read(str(self.state))) > 1 else runner.tell("ip", MORE, stdout="[]")

    def plan(self, runner: FakeRunner) -> worker_retirement.WorkerRetirementPlan:
        where = {"state_dir": str(self.state), "user": "cloudrepo", "bridge": "br-int"}
        return worker_retirement.plan(runner, **where, places=self.places)

    def apply(self, todo: worker_retirement.WorkerRetirementPlan, runner: FakeRunner) -> None:
        with worker_retirement.locked(str(self.state)):
            worker_retirement.apply(todo, runner, state_dir=str(self.state), places=self.places)


def test_all_files_and_units_of_the_role_are_known() -> None:
    wanted = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    files = [each["path"] for name in ("files", "fence_files") for each in wanted[f"__worker_{name}"]]
    parts = worker_retirement.PARTS
    assert sorted(files) == sorted(parts.files)
    setup = (ROLE / "tasks/setup.yml").read_text()
    units = setup[setup.index("units: >-") : setup.index("vms: true")] + wanted["__worker_fence_units"]
    assert sorted(re.findall(r"'(slices-[^']+)'", units)) == sorted(parts.units)
    folders = [each["path"] for each in wanted["__worker_folders"] if each["path"].startswith("/")]
    assert set(folders) - {"/etc/tmpfiles.d"} <= set(parts.folders), "systemd has this one on all hosts"
    state = [each["path"].partition("}}/")[2] for each in wanted["__worker_folders"] if "}}/" in each["path"]]
    assert set(state) <= set(parts.state)
    tables = re.findall(r"^table (\w+ \w+) \{", (ROLE / "templates/taps.nft.j2").read_text(), re.M)
    assert tables == list(parts.tables)
    closed = re.findall(r"^a\+ (\S+) ", (ROLE / "templates/tmpfiles.conf.j2").read_text(), re.M)
    assert closed == list(worker_retirement.CLOSED)
    assert f"program: {PROGRAM}\n" in setup


def test_a_host_without_the_role_is_not_observed(tmp_path: Path) -> None:
    roles.apply(roles.RolesPlan((), (roles.NETWORK_NODE,)), state_dir=str(tmp_path))
    todo = worker_retirement.plan(FakeRunner(), state_dir=str(tmp_path), user="cloudrepo", bridge="br-int")
    with worker_retirement.locked(str(tmp_path)):
        worker_retirement.apply(todo, FakeRunner(), state_dir=str(tmp_path))
    assert todo.changes == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["roles.json"]


def test_everything_of_the_role_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch)
    kept = []
    for path in (
        *worker_retirement.PARTS.files,
        PROGRAM,
        "state/images/a.img",
        "state/cloud.json",
        "state/revisions/1",
    ):
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        kept += [file] if path.startswith(("state/cloud", "state/rev")) else []
    runner = host.runner(units="Id=slices-taps.service\nActiveState=active\nUnitFileState=enabled\n", tables=0)
    todo = host.plan(runner)
    told = {(change.kind, change.id, change.action) for change in todo.changes if change.kind != "path"}
    assert told == {
        ("access control list", f"{tmp_path}/tmp", "delete"),
        ("users", "cloudrepo-0 to cloudrepo-99", "delete"),
        ("group", "cloudrepo", "delete"),
        ("unit", "slices-taps.service", "update"),
        ("port", "trunk0", "delete"),
        ("bridge", "br-int", "delete"),
        ("packet rules", "inet cloudrepo_taps", "delete"),
        ("host", "roles", "delete"),
    }
    opened: list[Any] = []
    monkeypatch.setattr(acls, "remove", lambda path, gid: opened.append((path, gid)))
    held: list[bool] = []
    disable = ("systemctl", "disable", "--quiet", "--now", "--", "slices-taps.service")
    runner.on(*disable, do=lambda _argv: held.append(is_held(host.state / "flows")))
    runner.tell(*ovsdb.VSCTL, "--", MORE).tell("userdel", "cloudrepo-0").tell("userdel", "cloudrepo-99")
    runner.tell("groupdel", "cloudrepo").tell("nft", "-f", "-").tell("systemctl", "daemon-reload")
    host.apply(todo, runner)
    assert held == [True]
    assert opened == [(f"{tmp_path}/tmp", 990)]
    assert [argv[0] for argv in runner.argvs[-7:]] == [
        *("systemctl", "ovs-vsctl", "userdel", "userdel", "groupdel", "nft", "systemctl")
    ]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == kept


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (
            (Orphan(SLICE, 1005, uuid(5), holds=("port tap_1006_eth0",)),),
            "slices with objects: 1005; disks: 0; deleted disks in the trash: 0",
        ),
        ((Orphan(DISK, 1005, uuid(6), "/vms/1006/a.qcow2", 1006),), "slices with objects: 1005; disks: 1; deleted"),
        # One in a folder that does not say whose it is.
        (
            (Orphan(SLICE, 1005, uuid(5)), Orphan(DISK, None, uuid(6), "/vms/1006/a.qcow2", 1006)),
            "slices with objects: 1005; disks: 1; deleted",
        ),
    ],
)
def test_a_host_with_objects_of_tenants_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: tuple[Orphan, ...], says: str
) -> None:
    host = Host(tmp_path, monkeypatch, *held)
    with pytest.raises(Refused, match=re.escape(says)):
        host.plan(FakeRunner())


def test_a_host_with_deleted_disks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if nothing says any more whose they are."""
    host = Host(tmp_path, monkeypatch)
    folder = host.state / "trash/1795371735-1006"
    folder.mkdir(parents=True)
    (folder / "vm1_img.qcow2").touch()
    with pytest.raises(Refused, match="slices with objects: none; disks: 0; deleted disks in the trash: 1"):
        host.plan(FakeRunner())


def test_objects_that_a_network_node_on_the_host_uses_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch, node=True)
    (tmp_path / PROGRAM.lstrip("/")).parent.mkdir(parents=True)
    (tmp_path / PROGRAM.lstrip("/")).write_text("")
    todo = host.plan(host.runner())
    assert (todo.left.bridge, todo.left.fail_modes) == ({}, {"br-int": "secure"})
    assert [port.name for port in todo.left.handed] == ["trunk0"]
    assert todo.left.paths == ()
    assert todo.left.roles.want == ("network_node",)
