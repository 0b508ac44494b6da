# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.taps import REMOVAL_GROUP, Devices, Tap
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ..fakes import ACCOUNTS, FakeRunner, nic, orders, slices, vm

UID = 998


def device(root: Path, name: str, **files: object) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    for file, value in files.items():
        (folder / file).write_text(f"{value}\n")


def tap(name: str, group: int = 1000, owner: int = UID, **changes: bool) -> Tap:
    return Tap(name=name, group=group, owner=owner, **{"plugged": True, **changes})


def told(**differing: object) -> dict[str, object]:
    """Return the attributes of a tap for a change."""
    return {"state": "up", "group": 1000, "owner": UID, "mtu": 1500, "arp": False, **differing}


def devices(*found: Tap, **others: int) -> Devices:
    return Devices({each.name: each for each in found}, others)


def test_devices_are_read_from_sysfs(tmp_path):
    device(tmp_path, "lo", netdev_group=0, flags="0x9")
    device(
        tmp_path, "tap_1001_eth0", netdev_group=1000, tun_flags="0x1802", owner=UID, flags="0x1183", carrier=1, mtu=1400
    )
    device(tmp_path, "tap_1002_eth0", netdev_group=1000, tun_flags="0x1002", owner=-1, flags="0x1002")
    device(tmp_path, "tun0", netdev_group=7, tun_flags="0x1001")
    (tmp_path / "bonding_masters").write_text("")

    assert taps.observe(str(tmp_path)) == Devices(
        taps={
            "tap_1001_eth0": Tap("tap_1001_eth0", 1000, UID, busy=True, plugged=True, mtu=1400),
            "tap_1002_eth0": Tap("tap_1002_eth0", 1000, -1, up=False, persistent=False, arp=True),
        },
        others={"lo": 0, "tun0": 7},
    )


def test_missing_taps_are_created_in_one_batch():
    todo = taps.plan(orders(vm(1001, None, 100)), Devices(), accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_present(todo, runner)

    assert runner.argvs == [["ip", "-batch", "-"]]
    assert runner.stdins == [
        "tuntap add dev tap_1001_eth0 mode tap user 998\n"
        "link set dev tap_1001_eth0 addrgenmode none\n"
        "link set dev tap_1001_eth0 arp off group 1000 up\n"
        "tuntap add dev tap_1001_eth1 mode tap user 998\n"
        "link set dev tap_1001_eth1 addrgenmode none\n"
        "link set dev tap_1001_eth1 arp off group 1000 up\n"
    ]
    assert todo.changes == [
        Change("tap", "tap_1001_eth0", "create", after=told()),
        Change("tap", "tap_1001_eth1", "create", after=told()),
    ]


@pytest.mark.parametrize(
    ("found", "action"),
    [
        ([], "create"),
        ([tap("tap_2001_eth0", 2000, owner=997, up=False)], "update"),
        ([tap("tap_2001_eth0", 1000, owner=997, up=False)], "update"),
        ([tap("tap_2001_eth0", 1000, owner=0)], "recreate"),
        ([tap("tap_2001_eth0", 2000, owner=997), tap("tap_2002_eth0", 2000)], "delete"),
        ([tap("tap_2001_eth0", 2000, owner=997), tap("renamed", 2000, owner=997)], "delete"),
    ],
)
def test_a_change_of_a_tap_is_one_of_its_slice(found: list[Tap], action: str) -> None:
    accounts = Accounts("cloudrepo", {2000: Account(997, 997)})
    todo = taps.plan(orders(vm(2001, 100), slice_id=2000), devices(*found), accounts=accounts)
    assert [change.action for change in todo.changes] == [action]
    assert slices(todo.changes) == {2000}


def test_a_complete_host_has_no_changes():
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", busy=True)), accounts=ACCOUNTS)

    assert not todo.changes
    assert todo.unplugged == frozenset()
    taps.apply_present(todo, FakeRunner())
    taps.apply_absent(todo, FakeRunner())


def test_unlisted_taps_of_the_slice_are_removed_as_one_group():
    have = devices(
        tap("tap_1001_eth0"), tap("tap_1002_eth0"), tap("tap_7_eth0", group=REMOVAL_GROUP), tap("tap_1003_eth0", 1003)
    )
    todo = taps.plan(orders(vm(1001, 100)), have, accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_absent(todo, runner)

    assert runner.stdins == [
        f"link set dev tap_1002_eth0 group {REMOVAL_GROUP}\n"
        f"link set dev tap_7_eth0 group {REMOVAL_GROUP}\n"
        f"link del group {REMOVAL_GROUP}\n"
    ]
    assert todo.changes == [
        Change("tap", "tap_1002_eth0", "delete", before=told()),
        Change("tap", "tap_7_eth0", "delete", before=told(group=REMOVAL_GROUP)),
    ]
    # An interrupted run has moved the other one.
    assert [change.to_dict()["slice_id"] for change in todo.changes] == [1000, None]


def test_devices_of_others_in_the_group_of_the_slice_are_kept():
    todo = taps.plan(orders(), devices(replace(tap("vnet0"), owner=0), eno1=1000), accounts=ACCOUNTS)

    assert not todo.changes


def test_a_renamed_tap_with_the_group_and_user_of_the_slice_is_removed():
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("mine"), tap("tap_1002_eth0")), accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_absent(todo, runner)
    assert runner.stdins == [
        f"link del dev mine\nlink set dev tap_1002_eth0 group {REMOVAL_GROUP}\nlink del group {REMOVAL_GROUP}\n"
    ]
    assert [(change.id, change.action) for change in todo.changes] == [
        ("mine", "delete"),
        ("tap_1002_eth0", "delete"),
        ("tap_1001_eth0", "create"),
    ]


def test_a_renamed_tap_that_lost_its_group_as_well_is_known_by_the_user_of_the_slice():
    have = devices(tap("mine", 0), tap("of_another", 0, UID + 1))
    todo = taps.plan(orders(vm(1001, 100)), have, accounts=ACCOUNTS)
    assert [each.name for each in todo.remove] == ["mine"]


def test_a_deleted_slice_leaves_no_renamed_tap():
    """Its user may be that of another slice by then, so the group has to be its own."""
    have = devices(tap("mine"), tap("tap_1001_eth0"), tap("next", 1100))
    todo = taps.plan(orders(), have, accounts=ACCOUNTS)
    assert [each.name for each in todo.remove] == ["mine", "tap_1001_eth0"]


def test_the_removal_group_must_not_contain_other_devices():
    with pytest.raises(Refused) as caught:
        taps.plan(orders(), devices(tap("tap_1_eth0"), eno1=REMOVAL_GROUP), accounts=ACCOUNTS)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures) == ("removal_group_in_use", {"devices": ["eno1"]})
    assert refusal.message == (
        f"netdev group {REMOVAL_GROUP} is used to remove taps, but contains eno1; move them to another group with "
        "ip link set dev NAME group default"
    )


def test_a_tap_with_the_name_of_another_device_is_refused():
    with pytest.raises(Refused) as caught:
        taps.plan(orders(vm(1001, 100)), devices(tap_1001_eth0=0), accounts=ACCOUNTS)
    assert [(each.code, each.figures) for each in caught.value.refusals] == [
        ("device_is_no_tap", {"device": "tap_1001_eth0"})
    ]
    assert str(caught.value) == (
        "VM 1001 (vm1): network device tap_1001_eth0 exists on this host and is not a tap; an interface of a VM is a "
        "tap on its worker; rename or remove it"
    )


@pytest.mark.parametrize(
    ("changes", "before"),
    [({"up": False}, {"state": "down"}), ({"group": 7}, {"group": 7}), ({"arp": True}, {"arp": True})],
)
def test_state_and_group_are_corrected_in_place(changes, before):
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", **changes)), accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_present(todo, runner)

    assert runner.stdins == ["link set dev tap_1001_eth0 arp off group 1000 up\n"]
    assert todo.changes == [Change("tap", "tap_1001_eth0", "update", told(**before), told())]


def test_an_unused_tap_of_another_user_is_recreated():
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", owner=0)), accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_present(todo, runner)

    assert (runner.stdins[0] or "").startswith("tuntap del dev tap_1001_eth0 mode tap\ntuntap add")
    assert todo.unplugged == {"tap_1001_eth0"}
    assert todo.changes == [Change("tap", "tap_1001_eth0", "recreate", told(owner=0), told())]


@pytest.mark.parametrize("changes", [{"busy": True}, {"up": False}])
def test_a_tap_of_another_user_that_may_be_open_is_kept(changes):
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", owner=0, **changes)), accounts=ACCOUNTS)

    assert todo.recreate == ()
    assert todo.kept == ("tap_1001_eth0",)


def test_owners_are_ignored_if_the_user_does_not_exist_yet():
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", owner=0)), accounts=Accounts("cloudrepo"))

    assert not todo.changes


def test_a_tap_that_no_bridge_has_open_is_unplugged():
    todo = taps.plan(orders(vm(1001, 100)), devices(tap("tap_1001_eth0", plugged=False)), accounts=ACCOUNTS)

    assert not todo.changes
    assert todo.unplugged == {"tap_1001_eth0"}


def test_a_tap_has_the_mtu_of_its_link():
    order = orders(vm(1001, interfaces=[{**nic(1001, 0, 100), "mtu": 9000}, nic(1001, 1, 100)]))
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_present(taps.plan(order, Devices(), accounts=ACCOUNTS), runner)
    assert "link set dev tap_1001_eth0 mtu 9000 arp off group 1000 up\n" in (runner.stdins[0] or "")
    assert "link set dev tap_1001_eth1 arp off group 1000 up\n" in (runner.stdins[0] or "")

    have = devices(tap("tap_1001_eth0", busy=True), Tap("tap_1001_eth1", 1000, UID, busy=True, plugged=True, mtu=1400))
    todo = taps.plan(order, have, accounts=ACCOUNTS)
    taps.apply_present(todo, runner)
    assert runner.stdins[1] == (
        "link set dev tap_1001_eth0 mtu 9000 arp off group 1000 up\n"
        "link set dev tap_1001_eth1 mtu 1500 arp off group 1000 up\n"
    )
    assert todo.changes == [
        Change("tap", "tap_1001_eth0", "update", told(), told(mtu=9000)),
        Change("tap", "tap_1001_eth1", "update", told(mtu=1400), told()),
    ]


def test_taps_belong_to_the_users_of_their_slices():
    two = Accounts("cloudrepo", {1000: Account(998, 998), 1001: Account(997, 997)})
    order = orders(vm(1001, 100)) + orders(vm(1002, 120), slice_id=1001)
    todo = taps.plan(order, devices(tap("tap_1001_eth0"), tap("tap_1002_eth0", 1001)), accounts=two)
    runner = FakeRunner().tell("ip", "-batch", "-")
    taps.apply_present(todo, runner)

    assert todo.changes == [Change("tap", "tap_1002_eth0", "recreate", told(group=1001), told(group=1001, owner=997))]
    assert "tuntap add dev tap_1002_eth0 mode tap user 997\n" in (runner.stdins[0] or "")
    assert "tap_1001" not in (runner.stdins[0] or "")


def test_a_tap_of_another_user_is_recreated_after_its_vm_was_stopped():
    have = devices(tap("tap_1001_eth0", owner=0, busy=True), tap("tap_1002_eth0", owner=0, busy=True))
    todo = taps.plan(orders(vm(1001, 100), vm(1002, 100)), have, accounts=ACCOUNTS, freed=[1002])

    assert ([old.name for old, _new in todo.recreate], todo.kept) == (["tap_1002_eth0"], ("tap_1001_eth0",))
    assert todo.unplugged == {"tap_1002_eth0"}


def test_taps_that_no_process_has_open():
    machine = vm(1001, None, 100, 101, 102)
    found = devices(
        tap("tap_1001_eth0", busy=True), tap("tap_1001_eth1"), tap("tap_1001_eth2", up=False), tap("tap_1002_eth0")
    )
    assert taps.unheld(orders(machine), found) == {"tap_1001_eth1", "tap_1001_eth3"}


@pytest.mark.parametrize("saved", [Tap("tap_1001_eth1", 1000, 998), Tap("tap_1001_eth1", 1000, 998, mtu=9000)])
def test_a_saved_tap_is_read_back(saved: Tap) -> None:
    assert taps.read_saved(taps.saved_line(saved)) == saved


@pytest.mark.parametrize(
    "line", ["", "tap_1001_eth1", "tap_1001_eth1 1", "tap_1001_eth1 1 2 3 4", "tap_1001_eth1 1 -2", "eth0 1 2"]
)
def test_a_line_of_another_format_is_not_a_tap(line: str) -> None:
    with pytest.raises(ValueError, match="does not describe a tap"):
        taps.read_saved(line)


def test_a_host_that_starts_gets_its_taps_back() -> None:
    wanted = [Tap("tap_1001_eth0", 1000, 998), Tap("tap_1001_eth1", 1000, 998), Tap("tap_1001_eth2", 1000, 998)]
    other = Tap("tap_1001_eth1", 1000, 899)
    todo = taps.plan_restore(wanted, Devices({each.name: each for each in (wanted[2], other)}))
    assert (todo.create, todo.recreate, todo.remove) == ((wanted[0],), ((other, wanted[1]),), ())
    assert todo.made == {"tap_1001_eth0", "tap_1001_eth1"}


def test_a_value_in_sysfs_that_is_not_a_number_is_ignored(tmp_path) -> None:
    device(tmp_path, "eth9", netdev_group="many")
    assert taps.observe(str(tmp_path)).others == {}


def test_a_device_that_is_down_has_no_carrier(tmp_path) -> None:
    """Its file exists, but reading it is an error."""
    device(tmp_path, "tap_1001_eth0", netdev_group=1000, tun_flags="0x1802", owner=UID, flags="0x1002")
    (tmp_path / "tap_1001_eth0/carrier").mkdir()
    assert not taps.observe(str(tmp_path)).taps["tap_1001_eth0"].busy


@pytest.mark.parametrize(
    ("tun_flags", "flags", "tap"),
    [
        ("0x2", "0x0", {"up": False, "persistent": False, "plugged": False, "arp": True}),
        ("0x802", "0x0", {"up": False, "persistent": True, "plugged": False, "arp": True}),
        ("0x2", "0x1", {"up": True, "persistent": False, "plugged": False, "arp": True}),
        ("0x2", "0x80", {"up": False, "persistent": False, "plugged": False, "arp": False}),
        ("0x2", "0x100", {"up": False, "persistent": False, "plugged": True, "arp": True}),
    ],
)
def test_each_flag_of_a_device_means_one_thing(tmp_path, tun_flags, flags, tap) -> None:
    device(tmp_path, "tap_1001_eth0", netdev_group=1000, tun_flags=tun_flags, owner=UID, flags=flags)
    assert taps.observe(str(tmp_path)).taps == {"tap_1001_eth0": Tap("tap_1001_eth0", 1000, UID, **tap)}


def test_the_group_of_removed_taps_is_one_that_nobody_else_chooses() -> None:
    assert taps.REMOVAL_GROUP.to_bytes(4, "big") == b"clrd"
