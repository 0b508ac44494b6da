# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that is no longer the network node."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovsdb
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import live, orphans, retirement
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import SLICE, Orphan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.retirement import PROGRAM, Places
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from .....locks import is_held
from ..fakes import MORE, FakeRunner, uuid

ROLE = Path(__file__).parents[6] / "roles/network_node"
OWN = {"cloudrepo-infrastructure": "network_node"}
GATEWAY = Port("gw400", "br-int", 400, "access", external_ids=OWN)
TRUNK = Port("trunk0", "br-int", None, "trunk", (1, 2), external_ids=OWN)
LOCAL = Port("br-int", "br-int")
VM = Port("tap_1", "br-int", 100, "access", external_ids={"cloudrepo-slice": "1000"})
SHOW = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload", "--")
DISABLE = ("systemctl", "disable", "--quiet", "--now", "--")
COMMIT = (*ovsdb.VSCTL, "--")


class Host:
    """A host below a folder, with the role C(network_node) and perhaps another one."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, *ports: Port, worker: bool = False) -> None:
        self.state, self.runner = root / "state", FakeRunner()
        self.places = Places(f"{root}", f"{root}/run", f"{root}/netns", f"{root}/sys")
        self.folders = Folders(str(self.state), ipaddress.IPv4Network("169.254.64.0/24"))
        self.state.mkdir()
        have = (roles.WORKER, roles.NETWORK_NODE) if worker else (roles.NETWORK_NODE,)
        roles.apply(roles.RolesPlan((), have), state_dir=str(self.state))
        self.switch = Switch({"br-int": "system"} if ports else {}, {port.name: port for port in ports})
        monkeypatch.setattr(ovsdb, "observe", lambda _runner: self.switch)
        self.runner.tell("systemctl", "show", "--property=Id,ActiveState,MainPID", MORE)

    def units(self, text: str = "") -> Host:
        self.runner.tell(*SHOW, *retirement.PARTS.units, stdout=text)
        return self

    def tables(self, rc: int) -> Host:
        for name in live.TABLES:
            self.runner.tell(*live.listing(name), rc=rc)
        return self

    def device(self, text: str = "[]") -> Host:
        self.runner.tell("ip", "-json", "address", "show", "dev", "br-int", stdout=text)
        return self

    def write(self, path: str, text: str = "") -> Path:
        file = self.state.parent / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def plan(self) -> retirement.RetirementPlan:
        return retirement.plan(self.folders, self.runner, bridge="br-int", places=self.places)

    def apply(self, todo: retirement.RetirementPlan) -> None:
        retirement.apply(todo, self.folders, self.runner, bridge="br-int", places=self.places)


def test_all_files_folders_and_units_of_the_role_are_known() -> None:
    wanted = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    files = [each["path"] for name in ("files", "lost_files") for each in wanted[f"__network_node_{name}"]]
    assert sorted(files) == sorted(retirement.PARTS.files)
    assert wanted["__network_node_program"] == PROGRAM
    setup = (ROLE / "tasks/setup.yml").read_text()
    units = setup[setup.index("units: >-") : setup.index("services:")]
    assert sorted(re.findall(r"'(slices-[^']+)'", units)) == sorted(retirement.PARTS.units)
    tables = re.findall(r"^table (ip \w+) \{", (ROLE / "templates/nat.nft.j2").read_text(), re.M)
    assert tables == list(live.TABLES)


def test_a_host_without_the_role_is_not_observed(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), ipaddress.IPv4Network("169.254.64.0/24"))
    roles.apply(roles.RolesPlan((), (roles.WORKER,)), state_dir=str(tmp_path))
    todo = retirement.plan(folders, FakeRunner(), bridge="br-int")
    retirement.apply(todo, folders, FakeRunner(), bridge="br-int")
    assert (todo.changes, todo.left.roles.want) == ([], ("worker",))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["roles.json"]


def test_everything_of_the_role_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch, LOCAL, GATEWAY, TRUNK).tables(0).device()
    host.units("Id=slices-nat.service\nActiveState=active\nUnitFileState=enabled\n")
    for path in (*retirement.PARTS.files, PROGRAM, "netns/slices-dhcp", "state/dhcp/leases"):
        host.write(path)
    kept = [host.write(path, "kept") for path in ("state/cloud.json", "state/revisions/network_node")]
    host.write("run/slices-gateway.live", "wan eth1\n")
    host.write("sys/net/ipv4/conf/eth1/forwarding", "1\n")
    host.write("sys/net/ipv4/conf/default/forwarding", "0\n")
    host.write("state/lost-machines")
    held: list[bool] = []
    host.runner.on(*DISABLE, "slices-nat.service", do=lambda _argv: held.append(is_held(host.state / "flows")))
    gone = [["--if-exists", "del-port", "br-int", port] for port in ("gw400", "trunk0")]
    host.runner.tell(*COMMIT, *gone[0], "--", *gone[1], "--", "--if-exists", "del-br", "br-int")
    host.runner.tell("ip", "netns", "delete", "slices-dhcp")
    host.runner.tell("sysctl", "-q", "-w", "net/ipv4/conf/eth1/forwarding=0")
    host.runner.tell("nft", "-f", "-").tell("systemctl", "daemon-reload")

    todo = host.plan()
    host.apply(todo)
    assert held == [True]
    order = [argv[0] for argv in host.runner.argvs[-6:]]
    assert order == ["systemctl", "ovs-vsctl", "ip", "sysctl", "nft", "systemctl"]
    assert host.runner.stdins[-2] == "delete table ip cloudrepo\ndelete table ip cloudrepo_shares\n"
    (forwarding,) = (change for change in todo.changes if change.kind == "forwarding")
    assert (forwarding.before, forwarding.after) == ({"enabled": True}, {"enabled": False})
    told = {(change.kind, change.id, change.action) for change in todo.changes if change.kind != "path"}
    assert told == {
        ("unit", "slices-nat.service", "update"),
        ("port", "gw400", "delete"),
        ("port", "trunk0", "delete"),
        ("bridge", "br-int", "delete"),
        ("namespace", "slices-dhcp", "delete"),
        ("forwarding", "eth1", "update"),
        ("packet rules", "ip cloudrepo", "delete"),
        ("packet rules", "ip cloudrepo_shares", "delete"),
        ("host", "roles", "delete"),
    }
    left = {path for path in tmp_path.rglob("*") if path.is_file() and path.parts[len(tmp_path.parts)] != "sys"}
    assert left == {*kept, tmp_path / "netns/slices-dhcp"}
    assert not (tmp_path / "etc/cloudrepo").exists()
    assert (tmp_path / "etc/systemd/system").is_dir()
    assert host.plan().changes == []


def test_objects_that_a_worker_on_the_host_uses_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch, LOCAL, GATEWAY, TRUNK, VM, worker=True).tables(1).units()
    program, flows = host.write(PROGRAM), host.write("state/flows/1000")
    taps = host.write("/etc/systemd/system/nftables.service.d/cloudrepo-taps.conf")
    own = host.write("/etc/systemd/system/nftables.service.d/cloudrepo-nat.conf")
    mark = ("set", "Port", "trunk0", "external_ids:cloudrepo-infrastructure=worker")
    host.runner.tell(*COMMIT, "--if-exists", "del-port", "br-int", "gw400", "--", *mark)
    host.runner.tell("systemctl", "daemon-reload")
    host.apply(host.plan())
    assert [path.exists() for path in (program, flows, taps, own)] == [True, True, True, False]
    assert roles.read(str(host.state)) == ("worker",)


@pytest.mark.parametrize(
    ("ports", "device"),
    [
        ((LOCAL, GATEWAY, VM), None),
        ((LOCAL, GATEWAY), '[{"ifname": "br-int", "flags": ["UP"]}]'),
        ((LOCAL, GATEWAY), '[{"ifname": "br-int", "addr_info": [{"family":"inet","local":"10.0.0.1","prefixlen":8}]}]'),
    ],
)
def test_a_bridge_that_others_use_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: tuple[Port, ...], device: str | None
) -> None:
    host = Host(tmp_path, monkeypatch, *ports).tables(1).units()
    todo = (host.device(device) if device else host).plan()
    assert (todo.left.bridge, [port.name for port in todo.left.ports]) == ({}, ["gw400"])


@pytest.mark.parametrize(("wan", "default"), [("1", "1"), ("0", "0")])
def test_forwarding_that_does_not_belong_to_the_role_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wan: str, default: str
) -> None:
    host = Host(tmp_path, monkeypatch).tables(1).units()
    host.write("run/slices-gateway.live", "wan eth1\n")
    host.write("sys/net/ipv4/conf/eth1/forwarding", wan)
    host.write("sys/net/ipv4/conf/default/forwarding", default)
    assert host.plan().wan is None


def test_services_of_slices_are_removed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = (Orphan(SLICE, 1005, uuid(5), holds=("unit slices-names@1005.service",)),)
    removed: list[tuple[Orphan, ...]] = []
    held: list[bool] = []

    def remove(those: tuple[Orphan, ...], folders: Folders, *_args: object, **_named: object) -> None:
        removed.append(those)
        held.append(is_held(Path(folders.state_dir) / "flows"))

    monkeypatch.setattr(orphans, "find", lambda known, _held: gone if known == [] else ())
    monkeypatch.setattr(orphans, "remove", remove)
    host = Host(tmp_path, monkeypatch).tables(1)
    host.units("Id=slices-nat.service\nActiveState=active\nUnitFileState=enabled\n")
    host.runner.on(*DISABLE, "slices-nat.service", do=lambda _argv: removed.append(()))
    todo = host.plan()
    host.apply(todo)
    assert (removed, held) == ([gone, ()], [True])
    assert todo.changes[0].before == {"holds": ["unit slices-names@1005.service"]}


def test_an_interrupted_call_keeps_the_role_for_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch).tables(1)
    host.units("Id=slices-nat.service\nActiveState=active\nUnitFileState=enabled\n")
    host.runner.tell(*DISABLE, MORE, rc=1)
    with pytest.raises(CommandFailed):
        host.apply(host.plan())
    assert roles.read(str(host.state)) == ("network_node",)


def test_units_that_go_are_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, monkeypatch).tables(1)
    host.units("Id=slices-nat.service\nActiveState=active\nUnitFileState=enabled\n")
    (change,) = (change for change in host.plan().changes if change.kind == "unit")
    assert (change.id, change.before, change.after) == (
        "slices-nat.service",
        {"state": "running", "startup": "enabled"},
        {"state": "stopped", "startup": "disabled"},
    )
