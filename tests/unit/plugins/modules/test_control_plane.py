# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control-plane modules from end to end: arguments in, database changed, result and diff out."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers

from ..module_utils._domain.builders import AHEAD_OF_CLOCKS, ROOM, refused
from ..module_utils._host.disk.images import raw
from ..uuids import Uuids
from .documented import check_changes

MODULES = "ansible_collections.cloudrepo.slices.plugins.modules"


class Control:
    """Runs module mains on one database."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], uuids: Uuids) -> None:
        self.path = folder / "database.yaml"
        self.image = folder / "image.raw"
        raw(self.image)
        self._capsys, self._uuids = capsys, uuids

    def run(self, module: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Return the result of the module; it contains C(failed) if the module has failed."""
        self._uuids.turn(check=check)
        args = {"database": str(self.path), **arguments, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(args), pytest.raises(SystemExit):
            importlib.import_module(f"{MODULES}.{module}").main()
        result: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return result

    def prepare(self) -> None:
        self.run("worker", workers=[{"ip": f"10.0.10.{number}", **ROOM} for number in (1, 2)])
        self.run("flavor", name="cirros", image=str(self.image))


@pytest.fixture
def control(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Control:
    return Control(tmp_path, capsys, Uuids(monkeypatch))


@pytest.fixture
def ready(control: Control) -> Control:
    control.prepare()
    # Otherwise the first plan creates a random key.
    with control.path.open("a") as file:
        file.write(f"vnc_key: {'k' * 64}\nrevision: {AHEAD_OF_CLOCKS}\n")
    return control


WEB = {
    "name": "web",
    "vms": [{"name": "vm1", "flavor": "cirros", "internet": True}, {"name": "vm2", "flavor": "cirros"}],
    "links": [{"endpoints": ["vm1:eth1", "vm2:eth1"]}],
}


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("user", {"name": "alice", "quota_vms": 6}),
        ("worker", {"ip": "10.0.10.7", "cores": 4}),
        ("flavor", {"name": "big", "cores": 4, "ram_gb": 2, "disk_gb": 10, "image": "IMAGE"}),
        ("slice", WEB),
    ],
)
def test_lifecycle_of_an_object(ready: Control, module: str, arguments: dict[str, Any]) -> None:
    arguments = {key: str(ready.image) if value == "IMAGE" else value for key, value in arguments.items()}
    before = ready.path.read_text()
    dry = ready.run(module, check=True, **arguments)
    assert dry["changed"]
    assert ready.path.read_text() == before
    real = ready.run(module, **arguments)
    # The arguments, which differ and which ansible-core 2.21 does not return.
    assert {**real, "invocation": None} == {**dry, "invocation": None}
    assert real["diff"]["after"]
    after = ready.path.read_text()
    again = ready.run(module, **arguments)
    assert (again["changed"], again["diff"]) == (False, {"before": "", "after": ""})
    key = "ip" if module == "worker" else "name"
    assert ready.run(module, **{key: arguments[key], "state": "absent"}, check=True)["changed"]
    assert ready.path.read_text() == after
    assert ready.run(module, **{key: arguments[key], "state": "absent"})["changed"]
    assert not ready.run(module, **{key: arguments[key], "state": "absent"})["changed"]
    counters = ("next_vm_id", "revision", "noted", "issued_revisions")
    left, first = (yaml.safe_load(text) for text in (ready.path.read_text(), before))
    left["users"]["admin"].pop("uuid", None)  # the slice gave its owner one
    assert {**left, **dict.fromkeys(counters)} == {**first, **dict.fromkeys(counters)}


def test_one_refusal_in_a_list_stores_nothing(ready: Control) -> None:
    before = ready.path.read_text()
    result = ready.run("user", users=[{"name": "bob"}, {"name": "carol", "quota_vms": -1}])
    assert result["failed"]
    figures = {"option": "quota_vms", "got": -1, "least": 0, "most": 10**9}
    assert refused(result) == [Refusal("out_of_range", "user carol", figures)]
    assert ready.path.read_text() == before


def test_each_slice_of_a_list_is_stored_or_refused_on_its_own(ready: Control) -> None:
    slices = [{**WEB, "name": "one"}, {**WEB, "name": "two", "owner": "nobody"}, {**WEB, "name": "one"}, WEB]
    dry = ready.run("slice", check=True, slices=slices)
    result = ready.run("slice", slices=slices)
    assert result["changed"]
    assert refused(result) == refused(dry)
    assert refused(result) == [
        Refusal("slice_listed_twice", "slice one of admin", {"count": 2}),
        Refusal("unknown_reference", "slice two", {"kind": "user", "name": "nobody", "known": ["admin"]}),
    ]
    assert [each["slice"] for each in result["refused"]] == ["admin/one", "nobody/two"]
    stored = yaml.safe_load(ready.path.read_text())["slices"]
    assert [slice_["name"] for slice_ in stored.values()] == ["web"]


def test_passwords_are_in_no_output(ready: Control) -> None:
    first = ready.run("user", name="alice", password="correct horse")
    second = ready.run("user", name="alice", password="battery staple")
    assert (first["changed"], second["changed"]) == (True, True)
    assert second["diff"]["after"].endswith("password_set true (password changed)\n")
    digest = ready.path.read_text().split("alice")[2].split("password_hash: ")[1].split()[0]
    for said in (first, second):
        text = json.dumps(said)
        assert "horse" not in text
        assert "staple" not in text
        assert digest not in text


def test_the_mtu_of_the_network_nodes_uplink_is_stored_with_the_workers(ready: Control) -> None:
    said = {"workers": [{"ip": "10.0.10.1"}], "network_node_trunk_mtu": 1500}
    before = ready.path.read_text()
    dry = ready.run("worker", check=True, **said)
    assert (dry["changed"], ready.path.read_text()) == (True, before)
    assert ready.run("worker", **said)["diff"] == {"before": "", "after": "host network_node: trunk_mtu 1500\n"}
    assert not ready.run("worker", **said)["changed"]
    assert not ready.run("worker", workers=[{"ip": "10.0.10.1"}])["changed"]
    more = ready.run("worker", **{**said, "network_node_trunk_mtu": 9000})
    assert more["diff"]["before"] == "host network_node: trunk_mtu 1500\n"
    wrong = ready.run("worker", **{**said, "network_node_trunk_mtu": 67})
    figures = {"option": "trunk_mtu", "got": 67, "least": 68, "most": 65535}
    assert refused(wrong) == [Refusal("out_of_range", "network node", figures)]


def test_tenants_cannot_register_objects(ready: Control) -> None:
    ready.run("user", name="alice")
    result = ready.run("worker", ip="10.0.10.9", acting_user="alice")
    assert refused(result) == [Refusal("admins_only", "worker", {"user": "alice"})]


def test_images_are_inspected(ready: Control, tmp_path: Path) -> None:
    size = {"cores": 1, "ram_gb": 1, "disk_gb": 1}
    missing = tmp_path / "missing.img"
    for image, code in (
        (str(missing), "image_not_found"),
        ("https://images.example.org/x.img", "image_without_checksum"),
    ):
        result = ready.run("flavor", name="x", **size, image=image)
        assert refused(result) == [Refusal(code, "flavor x", {"got": image})]
    seen = hashlib.sha256(ready.image.read_bytes()).hexdigest()
    wrong = ready.run("flavor", name="x", **size, image=str(ready.image), checksum="ab" * 32)
    figures = {"image": str(ready.image), "seen": seen, "got": "ab" * 32}
    assert refused(wrong) == [Refusal("checksum_mismatch", "flavor x", figures)]
    with ready.image.open("r+b") as file:
        file.truncate(3 << 30)
    small = ready.run("flavor", name="x", **size, image=str(ready.image))
    assert refused(small) == [Refusal("disk_smaller_than_image", "flavor x", {"got": 1, "least": 3})]


def test_lifecycle_of_a_slice(ready: Control) -> None:
    stored = ready.run("slice", **WEB)
    assert [(each["action"], each["name"]) for each in stored["changes"]] == [
        ("create", "web"),
        ("create", "web/vm1"),
        ("create", "web/vm2"),
        ("create", "web/1"),
    ]
    dry = ready.run("slice_plan", check=True, names=["web"])
    plan = ready.run("slice_plan", names=["web"])
    assert (plan["changed"], plan["slice_ids"], dry["work_orders"]) == (True, [1000], plan["work_orders"])
    check_changes("slice", stored)
    check_changes("slice_plan", plan)
    assert plan["changes"] == dry["changes"]
    assert plan["changes"][0] == {
        "kind": "vm",
        "name": "web/vm1",
        "id": 1001,
        "slice_id": 1000,
        "action": "update",
        "before": {"status": "pending", "power": "running", "observed": None, "pid": None},
        "after": {"status": "design", "power": "running", "observed": None, "pid": None},
        "reason": "status pending → design",
        "restart": False,
    }
    assert plan["diff"]["before"].startswith("vm web/vm1 (1001): status pending, power running\n")
    assert plan["diff"]["after"].startswith("vm web/vm1 (1001): status design, power running\n")
    assert not ready.run("slice_plan", names=["1000"])["changed"]
    reports = [
        {"host": "w1", "target": "10.0.10.1", "vms": [{"vm_id": 1001, "state": "running", "pid": "71"}]},
        {"host": "w2", "target": "10.0.10.2", "failure": "no disk"},
    ]
    report = ready.run("slice_report", names=["web"], reports=reports)
    assert report["failures"] == ["w2: no disk"]
    assert report["slices"][0]["status"] == "error"
    assert "vm1  1001  10.0.10.1  running  71 " in report["tables"][0]
    assert ready.run("slice_plan", names=["web"])["recorded"] is None
    info = ready.run("slice_info", all=True)
    assert (info["slices"], info["changed"]) == (report["slices"], False)
    gone = ready.run("slice", name="web", state="absent")
    assert gone["slices"][0]["status"] == "deleting"
    assert {each["action"] for each in gone["changes"]} == {"delete"}
    assert [each["kind"] for each in gone["changes"]] == ["slice", "vm", "vm", "link"]
    reports = [{**each, "failure": None} for each in reports]
    forged = ready.run("slice_report", names=["web"], reports=reports)
    assert (forged["waiting"], [each["status"] for each in forged["slices"]]) == ([1000], ["deleting"])
    told = ready.run("slice_plan", names=["web"])["work_orders"]["workers"]
    reports = [{**each, "answers": answers(told[each["target"]]["slices"])} for each in reports]
    last = ready.run("slice_report", names=["web"], reports=reports)
    assert (last["slices"], last["changed"], last["failures"]) == ([], True, [])
    assert "vm web/vm2 (1002): status deleting, power running, observed unknown\n" in last["diff"]["before"]
    assert last["diff"]["after"] == ""


def test_only_one_module_of_the_database_returns_display_passwords(ready: Control) -> None:
    ready.path.write_text(ready.path.read_text().replace(f"vnc_key: {'k' * 64}\n", ""))
    ready.run("user", users=[{"name": "alice", "quota_vms": 4}, {"name": "bob"}])
    ready.run("slice", **WEB, owner="alice")
    (before,) = {each["password"] for each in ready.run("vnc_password_info", names=["web"])["displays"]}
    plan = ready.run("slice_plan", names=["web"])
    told = ready.run("vnc_password_info", names=["web"], acting_user="alice")
    passwords = {each["name"]: each["password"] for each in told["displays"]}
    others = ready.run("vnc_password_info", names=["web"], acting_user="bob")
    new = ready.run("vm", slice="web", name="vm1", vnc_password_version=2)
    after = {each["name"]: each["password"] for each in ready.run("vnc_password_info", all=True)["displays"]}

    assert (before, told["changed"]) == (None, False)
    assert "VNC key cluster: displays every VM has a password\n" in plan["diff"]["after"]
    assert refused(others) == [Refusal("not_found", "slice web", {"known": []})]
    assert [each["reason"] for each in new["changes"]] == ["vnc_password_version 1 → 2"]
    assert (after["vm1"] != passwords["vm1"], after["vm2"] == passwords["vm2"]) == (True, True)
    key = yaml.safe_load(ready.path.read_text())["vnc_key"]
    results = [
        plan,
        new,
        ready.run("slice_plan", names=["web"]),
        ready.run("slice_info", all=True),
        ready.run("vm_info"),
        ready.run("slice_report", names=["web"], reports=[{"host": "w", "target": "10.0.10.1"}]),
        ready.run("database", state="backup"),
        ready.run("database", state="check"),
        ready.run("database", state="migrate", destination=str(ready.path.with_name("other.yaml"))),
    ]
    for secret in (key, *passwords.values(), *after.values()):
        assert secret not in json.dumps(results)
    other = ready.run("vnc_password_info", all=True, database=str(ready.path.with_name("other.yaml")))
    assert {each["name"]: each["password"] for each in other["displays"]} == after, "they follow the database"


@pytest.mark.parametrize("module", ["slice", "slice_plan"])
def test_disks_of_the_listed_vms_are_recreated(ready: Control, module: str) -> None:
    ready.run("slice", **WEB)
    args = {"work_orders": True, **WEB} if module == "slice" else {"names": ["web"]}
    plan = ready.run(module, recreate_disks=["vm2"], **args)
    vms = [vm for order in plan["work_orders"]["workers"].values() for vm in order["slices"][0]["vms"]]
    assert [(vm["name"], vm["disks"][0].get("recreate")) for vm in vms] == [("vm1", None), ("vm2", True)]
    wrong = ready.run(module, recreate_disks=["vm9"], **args)
    assert refused(wrong) == [Refusal("not_found", "VM vm9", {"known": ["web/vm1", "web/vm2"]})]


def test_disks_can_only_be_recreated_with_work_orders(ready: Control) -> None:
    figures = {"option": "recreate_disks", "needs": "work_orders"}
    done = ready.run("slice", recreate_disks=["vm2"], **WEB)
    assert refused(done) == [Refusal("option_needs_option", "settings", figures)]
    assert not ready.run("slice_info")["slices"]


def test_storing_a_slice_can_create_its_work_orders(ready: Control) -> None:
    dry = ready.run("slice", check=True, work_orders=True, **WEB)
    assert dry["work_orders"]["workers"]["10.0.10.2"]["slices"][0]["vms"][0]["name"] == "vm2"
    assert ready.run("slice_info", all=True)["slices"] == []
    done = ready.run("slice", work_orders=True, **WEB)
    assert [vm["status"] for vm in done["slices"][0]["vms"]] == ["design", "design"]
    again = ready.run("slice_plan", names=["web"])
    assert not again["changed"]
    for key in ("work_orders", "slice_ids", "tables"):
        assert done[key] == again[key]
    # The key of the passwords was not stored in check mode.
    for key in ("slice_ids", "tables", "vms_to_start"):
        assert done[key] == dry[key]
    assert done["vms_to_start"] == [1001, 1002]
    assert not ready.run("slice", work_orders=True, **WEB)["changed"]


def test_an_unchanged_slice_returns_its_recorded_state(ready: Control) -> None:
    assert ready.run("slice", work_orders=True, **WEB)["recorded"] is None
    vms = [{"vm_id": 1001, "state": "running", "pid": "71"}, {"vm_id": 1002, "state": "stopped", "pid": None}]
    revision = ready.run("slice_plan", names=["web"])["work_orders"]["network_node"]["slices"][0]["revision"]
    reports = [
        {"host": "w1", "target": "10.0.10.1", "vms": vms[:1], "revision": revision},
        {"host": "w2", "target": "10.0.10.2", "vms": vms[1:], "revision": revision},
    ]
    assert ready.run("slice_report", names=["web"], reports=reports)["failures"] == []
    assert ready.run("slice_plan", names=["web"])["recorded"] == vms
    assert not ready.run("slice_report", names=["web"], reports=reports)["changed"]
    ready.run("slice", name="web", vms=WEB["vms"], links=[])
    assert ready.run("slice_plan", names=["web"])["recorded"] is None, "the VLAN of its link is not released yet"
    assert ready.run("slice_plan", names=["web"], state="absent")["recorded"] is None


def test_a_slice_whose_requirements_are_no_longer_met_is_not_planned(ready: Control) -> None:
    ready.run("slice", **WEB)
    ready.run("worker", ip="10.0.10.2", trunk_mtu=1000)
    before = ready.path.read_text()
    small = {"needed": 1500, "host": "worker 10.0.10.2", "trunk_mtu": 1000}
    assert Refusal("trunk_mtu_too_small", "link web/1", small) in refused(ready.run("slice_plan", names=["web"]))
    assert ready.path.read_text() == before
    ready.run("worker", ip="10.0.10.2", trunk_mtu=1500)
    ready.run("slice_plan", names=["web"])
    ready.run("worker", ip="10.0.10.2", trunk_mtu=1000)
    assert ready.run("slice_plan", names=["web"], state="absent")["slice_ids"] == [1000]
    assert ready.run("slice_plan", names=["web"])["slice_ids"] == [1000], "it is being deleted"


def test_deleting_a_slice_creates_empty_work_orders(ready: Control) -> None:
    ready.run("slice", **{**WEB, "name": "unheard"})
    ready.run("slice", work_orders=True, **WEB)
    dry = ready.run("slice_plan", check=True, state="absent", all=True)
    done = ready.run("slice_plan", state="absent", names=["unheard", "web", "no-such-slice"])
    assert (done["work_orders"], done["diff"]) == (dry["work_orders"], dry["diff"])
    assert (done["changes"], {each["action"] for each in done["changes"]}) == (dry["changes"], {"delete"})
    assert [slice_["slice_id"] for slice_ in done["work_orders"]["network_node"]["slices"]] == done["slice_ids"]
    assert all(not slice_["vms"] for order in done["work_orders"]["workers"].values() for slice_ in order["slices"])
    assert "slice web (" in done["diff"]["after"]
    assert "slice unheard (" not in done["diff"]["after"]
    assert [slice_["status"] for slice_ in ready.run("slice_info", all=True)["slices"]] == ["deleting"]
    again = ready.run("slice_plan", state="absent", names=["web"])
    assert (again["changed"], again["slice_ids"]) == (False, done["slice_ids"])
    nobody = ready.run("slice_plan", state="absent", names=["no-such-slice"], owner="admin")
    assert (nobody["changed"], nobody["slice_ids"]) == (False, [])


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        *((f"{kind}_info", {}) for kind in ("flavor", "link", "network", "user", "vlan", "vm", "worker")),
        *((module, {"all": True}) for module in ("slice_info", "slice_plan", "slice_report", "vnc_password_info")),
        ("holdings_info", {}),
    ],
)
def test_a_missing_database_is_not_an_empty_one(control: Control, module: str, arguments: dict[str, Any]) -> None:
    reports: dict[str, Any] = {"reports": []} if module == "slice_report" else {}
    result = control.run(module, **arguments, **reports)
    assert result["failed"]
    assert result["msg"].startswith(f"database {control.path} does not exist; ")
    assert list(control.path.parent.glob("database*")) == []


@pytest.mark.parametrize("check", [True, False])
def test_modules_that_create_objects_create_the_database(control: Control, check: bool) -> None:
    assert control.run("user", name="alice", check=check)["changed"]
    assert control.path.exists() is not check


def test_a_damaged_database_is_reported(ready: Control) -> None:
    ready.path.write_text("users: [\n")
    result = ready.run("slice_info", all=True)
    assert result["msg"] == (f"database {ready.path}, line 2: did not find expected node content; it was not changed")
    assert "Traceback" not in json.dumps(result)


def revisions(plan: dict[str, Any]) -> set[int]:
    orders = [*plan["work_orders"]["workers"].values(), plan["work_orders"]["network_node"]]
    return {slice_["revision"] for order in orders for slice_ in order["slices"]}


def test_a_work_order_has_the_revision_of_the_last_change(ready: Control) -> None:
    first = ready.run("slice", work_orders=True, **WEB)
    stored = ready.path.read_text()
    assert revisions(first) == {AHEAD_OF_CLOCKS + 1}
    assert revisions(ready.run("slice", work_orders=True, **WEB)) == {AHEAD_OF_CLOCKS + 1}
    assert revisions(ready.run("slice_plan", names=["web"])) == {AHEAD_OF_CLOCKS + 1}
    assert ready.path.read_text() == stored
    ready.run("vm", slice="web", name="vm3", flavor="cirros")
    assert revisions(ready.run("slice_plan", names=["web"])) == {AHEAD_OF_CLOCKS + 3}, "vm3 was handed out"
    reports = [{"host": "w", "target": "10.0.10.1", "vms": [{"vm_id": 1001, "state": "running", "pid": "1"}]}]
    assert ready.run("slice_report", names=["web"], reports=reports)["changed"]
    assert revisions(ready.run("slice_plan", names=["web"])) == {AHEAD_OF_CLOCKS + 3}
    foretold = ready.run("slice_plan", check=True, state="absent", names=["web"])
    given_up = ready.run("slice_plan", state="absent", names=["web"])
    assert revisions(foretold) == revisions(given_up) == {AHEAD_OF_CLOCKS + 4}


def test_work_orders_of_a_restored_database_are_newer_than_all_earlier_ones(ready: Control) -> None:
    ready.run("slice", work_orders=True, **WEB)
    backup = ready.run("database", state="backup")["backup"]
    ready.run("vm", slice="web", name="vm3", flavor="cirros")
    assert ready.run("database", state="restore", name=backup)["changed"]
    assert revisions(ready.run("slice_plan", names=["web"])) == {AHEAD_OF_CLOCKS + 3}
    assert not ready.run("database", state="restore", name=backup)["changed"]
