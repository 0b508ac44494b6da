# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import ipaddress

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.orphans import Held
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import SLICE, Orphan
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import KnownSlice
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from .....locks import is_held
from ..fakes import MORE, FakeRunner, uuid

PORT = Port("net_100", "br-int", external_ids={"cloudrepo-services": "1005", "cloudrepo-slice-uuid": uuid(5)})
LEFT = Held({"reservations /dhcp/1005": 1005}, {"slices-names@1005.service": 1005}, (PORT,))
NO_PORTS = '{"headings": [], "data": []}\n' * 4


def test_an_unknown_slice_is_an_orphan():
    holds = ("reservations /dhcp/1005", "unit slices-names@1005.service", "port net_100")
    assert orphans.find([], LEFT) == (Orphan(SLICE, 1005, uuid(5), holds=holds),)
    assert orphans.find([KnownSlice(1005, uuid(9))], LEFT) == orphans.find([], LEFT)
    assert orphans.find([KnownSlice(1005, uuid(5))], LEFT) == ()


def test_a_record_without_other_objects_is_an_orphan() -> None:
    held = Held(records={("/applied/network_node/1005.json", 1005): uuid(5)})
    holds = ("record /applied/network_node/1005.json",)
    assert orphans.find([], held) == (Orphan(SLICE, 1005, uuid(5), holds=holds),)
    assert orphans.find([KnownSlice(1005, uuid(5))], held) == ()


def test_without_networks_a_slice_is_identified_by_its_id():
    held = Held(LEFT.files, LEFT.units)
    assert orphans.find([KnownSlice(1005, uuid(9))], held) == ()
    assert [each.name for each in orphans.find([], held)] == ["1005"]


def test_another_slice_with_the_id_of_one_in_the_database_is_an_orphan():
    held = Held({"reservations /s/dhcp/hosts.d/1005": 1005}, uuids={1005: uuid(5)})
    assert orphans.find([KnownSlice(1005, uuid(5))], held) == ()
    assert [each.name for each in orphans.find([KnownSlice(1005, uuid(9))], held)] == [uuid(5)]


def test_what_only_the_host_has_is_returned_for_a_work_order_with_all_slices(tmp_path):
    for slice_id in (1005, 1006):
        for path in (f"dhcp/hosts.d/{slice_id}", f"names/{slice_id}.uuid"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{uuid(slice_id % 10)}\n" if path.endswith("uuid") else "")
    runner = FakeRunner().tell("ovs-vsctl", MORE, stdout=NO_PORTS).tell("systemctl", "show", MORE)
    folders = Folders(str(tmp_path), ipaddress.IPv4Network("169.254.64.0/24"))
    slices = [{"slice_id": 1005, "slice_uuid": uuid(5)}]
    (left,) = orphans.only_here(slices, folders, runner, unit_dir=str(tmp_path))
    assert (left["slice_id"], left["uuid"]) == (1006, uuid(6))
    assert left["holds"] == [f"reservations {tmp_path}/dhcp/hosts.d/1006", f"names {tmp_path}/names/1006.uuid"]
    unprepared = FakeRunner().tell("systemctl", "show", MORE).tell("ovs-vsctl", MORE, rc=127)
    assert orphans.only_here(slices, folders, unprepared, unit_dir=str(tmp_path)) == []


def test_files_and_units_of_all_slices_are_observed(tmp_path):
    for path in ("dhcp/hosts.d/1005", "dhcp/hosts.d/1006", "names/1005.conf", "networks/1007/leases", "names/other"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "units/multi-user.target.wants").mkdir(parents=True)
    (tmp_path / "units/multi-user.target.wants/slices-names@1006.service").symlink_to("/x")
    runner = FakeRunner().tell("ovs-vsctl", MORE, stdout=NO_PORTS)
    states = {"slices-network@1007": "active", "slices-network@1008": "inactive", "ssh": "active"}
    shown = "\n".join(f"Id={name}.service\nActiveState={state}\n" for name, state in states.items())
    runner.tell("systemctl", "show", MORE, stdout=shown)
    folders = Folders(str(tmp_path), ipaddress.IPv4Network("169.254.64.0/24"))
    held = orphans.observe(folders, runner, unit_dir=str(tmp_path / "units"))

    assert held.units == {"slices-network@1007.service": 1007, "slices-names@1006.service": 1006}
    assert held.files == {
        f"reservations {tmp_path}/dhcp/hosts.d/1005": 1005,
        f"reservations {tmp_path}/dhcp/hosts.d/1006": 1006,
        f"names {tmp_path}/names/1005.conf": 1005,
        f"networks {tmp_path}/networks/1007": 1007,
    }


def test_orphans_are_removed_with_their_records_and_late_work_orders_are_refused_then(tmp_path, monkeypatch):
    called: list[str] = []
    for module, name in ((orphans.plan, "plan"), (orphans.apply, "apply"), (orphans.state, "observe")):
        monkeypatch.setattr(module, name, lambda *_arguments, _name=name, **_options: called.append(_name))
    folders = Folders(str(tmp_path), ipaddress.IPv4Network("169.254.64.0/24"))
    orphans.remove([], folders, FakeRunner(), bridge="br-int")
    assert called == []
    records = tmp_path / "applied/network_node"
    records.mkdir(parents=True)
    for slice_id in (1005, 1006):
        (records / f"{slice_id}.json").write_text("{}")
    orphans.remove([Orphan(SLICE, 1005, uuid(5))], folders, FakeRunner(), bridge="br-int", revision=5000)
    assert called == ["observe", "plan", "apply"]
    assert [path.name for path in records.iterdir()] == ["1006.json"]
    late = Services(1005, uuid(5), 4000)
    refused = revisions.older([late], state_dir=str(tmp_path), kind=revisions.NETWORK_NODE)
    assert [refusal.code for refusal in refused[1005]] == ["order_superseded"]


def test_the_lock_is_that_of_work_orders(tmp_path):
    folders = Folders(str(tmp_path), ipaddress.IPv4Network("169.254.64.0/24"))
    with orphans.locked(folders):
        assert is_held(tmp_path / "flows")
    assert not is_held(tmp_path / "flows")
