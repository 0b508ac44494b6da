# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and faults: commands of tc and the switch, parsing of their output, and plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import shaping
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import Flow
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.shaping import (
    NOTHING,
    Host,
    LimitPlan,
    Qdisc,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_info import TRY_NETEM
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import Interface
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ..fakes import MORE, FakeRunner, nic, orders, slices, vm

TAP = "tap_1001_eth1"
NUMBERS = {TAP: 1000}
METER = "meter=1000,kbps,burst,band=type=drop,rate=2000,burst_size=600\n"
QDISCS = ("tc", "-json", "qdisc", "show")
OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")
METERS = (*OFCTL, "dump-meters", "br-int")
TBF = f"qdisc replace dev {TAP} root handle 1: tbf rate 8000000bit burst 20000 limit 120000\n"


def limited(**settings: Any) -> tuple[SliceOrder, ...]:
    return orders(vm(1001, interfaces=[{**nic(1001, 1, 100), **settings}]))


EMPTY = Host()


def plan(order: tuple[SliceOrder, ...], have: Host = EMPTY, **changes: Any) -> LimitPlan:
    values: dict[str, Any] = {"numbers": NUMBERS, "spoken": [], "fresh": (), **changes}
    return shaping.plan(order, have, **values)


def lines(**settings: Any) -> list[str]:
    """Return the lines of tc for an interface."""
    (machine,) = all_vms(limited(**settings))
    return shaping.qdisc_of(machine.interfaces[0]).add(TAP, machine.interfaces[0].mtu)


def test_each_fault_is_one_of_netem() -> None:
    for fault in Interface.FAULTS:
        (machine,) = all_vms(limited(**{"delay_ms": 1, fault: 1}))
        qdisc = shaping.qdisc_of(machine.interfaces[0])
        assert qdisc.attributes is not None
        assert (qdisc.attributes[fault], qdisc.has_netem) == (1, True)


def shown(*qdiscs: dict[str, Any]) -> str:
    return json.dumps([{"dev": "eth0", "kind": "noqueue", "root": True, "options": {}}, *qdiscs])


def test_rate_and_faults_are_passed_to_tc() -> None:
    assert lines(rx_kbps=8000) == [TBF.strip()]
    assert lines(delay_ms=20, jitter_ms=2.5, loss_percent=0.1) == [
        f"qdisc replace dev {TAP} root handle 1: netem limit 10000 delay 20000us 2500us loss random 0.1%"
    ]
    assert lines(loss_percent=100) == [f"qdisc replace dev {TAP} root handle 1: netem limit 10000 loss random 100%"]
    assert lines(duplicate_percent=2.5) == [f"qdisc replace dev {TAP} root handle 1: netem limit 10000 duplicate 2.5%"]
    assert lines(loss_percent=1, duplicate_percent=3, rx_kbps=8000) == [
        f"qdisc replace dev {TAP} root handle 1: netem limit 10000 loss random 1% duplicate 3%",
        TBF.strip().replace("replace", "add").replace("root handle 1:", "parent 1:1 handle 2:"),
    ]
    assert lines(delay_ms=0.5) == [f"qdisc replace dev {TAP} root handle 1: netem limit 10000 delay 500us"]
    # The tbf is a child of the netem. Its burst has room for some frames even at a low rate, and for jumbo frames.
    assert lines(delay_ms=5, rx_kbps=8, mtu=9000) == [
        f"qdisc replace dev {TAP} root handle 1: netem limit 10000 delay 5000us",
        f"qdisc add dev {TAP} parent 1:1 handle 2: tbf rate 8000bit burst 36088 limit 180440",
    ]
    assert lines(tx_kbps=8000, up=False) == []


def test_created_qdiscs_are_recognized() -> None:
    runner = FakeRunner().tell(
        *QDISCS,
        stdout=shown(
            {
                "dev": TAP,
                "kind": "netem",
                "handle": "1:",
                "root": True,
                "options": {
                    "limit": 10000,
                    "delay": {"delay": 0.019999936, "jitter": 0.0025, "correlation": 0},
                    "loss-random": {"loss": 0.0009999999, "correlation": 0},
                },
            },
            {
                "dev": TAP,
                "kind": "tbf",
                "handle": "2:",
                "parent": "1:1",
                "options": {"rate": 1000000, "burst": 19997, "lat": 100000},
            },
        ),
    )
    runner.tell(*TRY_NETEM)
    order = limited(rx_kbps=8000, delay_ms=20, jitter_ms=2.5, loss_percent=0.1)
    have = shaping.observe(order, runner, bridge="br-int", folder="/nowhere")

    assert not plan(order, have).qdiscs
    assert plan(limited(rx_kbps=8001, delay_ms=20, jitter_ms=2.5, loss_percent=0.1), have).qdiscs
    assert plan(limited(rx_kbps=8000, delay_ms=20.1, jitter_ms=2.5, loss_percent=0.1), have).qdiscs
    assert plan(limited(rx_kbps=8000, delay_ms=20, jitter_ms=2.5, loss_percent=0.2), have).qdiscs
    (change,) = (each for each in plan(limited(rx_kbps=8000), have).changes if each.kind == "qdisc")
    shaped = {"rate_kbps": 8000, "burst_bytes": 19997, "delay_ms": 20, "jitter_ms": 2.5, "loss_percent": 0.1}
    assert (change.id, change.action, change.before) == (TAP, "update", shaped)


def told(tmp_path: Path, kind: str, **options: Any) -> Host:
    """Return the observed state for this output of tc for a tap."""
    runner = FakeRunner().tell(*QDISCS, stdout=shown({"dev": TAP, "kind": kind, "options": options})).tell(*TRY_NETEM)
    return shaping.observe(limited(rx_kbps=1, delay_ms=1), runner, bridge="br-int", folder=str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"delay_ms": 1234.564}, {"delay": {"delay": 1.23456, "jitter": 0}}),
        ({"delay_ms": 2000, "jitter_ms": 1234.564}, {"delay": {"delay": 2, "jitter": 1.23456}}),
        ({"loss_percent": 100 / 3}, {"loss-random": {"loss": 0.333333}}),
        ({"loss_percent": 12.34567}, {"loss-random": {"loss": 0.123457}}),
        ({"duplicate_percent": 12.34567}, {"duplicate": {"duplicate": 0.123457}}),
        (
            {"loss_percent": 0.1, "duplicate_percent": 100.0 / 3},
            {"loss-random": {"loss": 0.001}, "duplicate": {"duplicate": 0.333333}},
        ),
    ],
)
def test_tc_prints_six_digits(tmp_path: Path, settings: dict[str, float], said: dict[str, Any]) -> None:
    have = told(tmp_path, "netem", **said)
    assert not plan(limited(**settings), have).qdiscs
    assert plan(limited(**{key: value * 1.0001 for key, value in settings.items()}), have).qdiscs


def test_a_delay_below_a_microsecond_is_zero() -> None:
    assert lines(delay_ms=0.0009, jitter_ms=0.0009) == []
    assert lines(delay_ms=0.0009, jitter_ms=0.0009, loss_percent=1) == lines(loss_percent=1)
    assert lines(delay_ms=0.001)[0].endswith(" delay 1us")


def test_a_slow_bucket_beyond_the_range_of_tc_is_recognized(tmp_path: Path) -> None:
    have = told(tmp_path, "tbf", rate=125, burst=1728)
    assert not plan(limited(rx_kbps=1, mtu=9000), have).qdiscs
    assert plan(limited(rx_kbps=1, mtu=1500), have).qdiscs, "else it would drop the frames of a larger MTU"


def test_without_limits_nothing_is_queried(tmp_path: Path) -> None:
    assert shaping.observe(limited(), FakeRunner(), bridge="br-int", folder=str(tmp_path)) == Host()
    assert not plan(limited()).changes


def test_limits_in_both_directions_are_saved_and_set(tmp_path: Path) -> None:
    order = limited(tx_kbps=2000, rx_kbps=8000)
    todo = plan(order)
    runner = FakeRunner().tell(*OFCTL, MORE).tell("tc", "-batch", "-")
    shaping.prepare(todo, runner, bridge="br-int", folder=str(tmp_path))

    assert [argv[3:] for argv in runner.argvs] == [["add-meter", "br-int", METER.strip()]]
    assert (tmp_path / "1000.meters").read_text() == METER
    assert (tmp_path / "1000.qdiscs").read_text() == TBF
    shaping.finish(todo, runner, bridge="br-int")
    assert (runner.argvs[1:], runner.stdins[1:]) == ([["tc", "-batch", "-"]], [TBF])
    assert todo.changes == [
        Change("meter", 1000, "create", after={"rate_kbps": 2000, "burst_kbit": 600}),
        Change("qdisc", TAP, "create", after={"rate_kbps": 8000, "burst_bytes": 20000}),
        Change("file", "flows/1000.meters", "write", after={"lines": 1}),
        Change("file", "flows/1000.qdiscs", "write", after={"lines": 1}),
    ]


def test_a_rejected_meter_is_not_saved(tmp_path: Path) -> None:
    todo = plan(limited(tx_kbps=2000))
    runner = FakeRunner().tell(*OFCTL, MORE, rc=1, stderr="OFPMMFC_OUT_OF_METERS")
    with pytest.raises(CommandFailed):
        shaping.prepare(todo, runner, bridge="br-int", folder=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def made(tmp_path: Path, *, meters: str = "2000") -> Host:
    """Return the observed limits of the previous test."""
    (tmp_path / "1000.meters").write_text(METER)
    (tmp_path / "1000.qdiscs").write_text(TBF)
    said = "OFPST_METER_CONFIG reply (OF1.4) (xid=0x2):\nmeter=1000 kbps burst bands=\n"
    said += f"type=drop rate={meters} burst_size=600\n"
    qdisc = {"dev": TAP, "kind": "tbf", "options": {"rate": 1000000, "burst": 20000, "lat": 100000}}
    runner = FakeRunner().tell(*METERS, stdout=said).tell(*QDISCS, stdout=shown(qdisc))
    return shaping.observe(limited(), runner, bridge="br-int", folder=str(tmp_path))


def test_objects_in_the_desired_state_are_unchanged(tmp_path: Path) -> None:
    assert not plan(limited(tx_kbps=2000, rx_kbps=8000), made(tmp_path)).changes


def test_drift_is_repaired(tmp_path: Path) -> None:
    order = limited(tx_kbps=2000, rx_kbps=8000)
    todo = plan(order, made(tmp_path, meters="9999"))
    runner = FakeRunner().tell(*OFCTL, MORE)
    shaping.prepare(todo, runner, bridge="br-int", folder=str(tmp_path))

    assert [argv[3] for argv in runner.argvs] == ["mod-meter"]
    assert plan(order, made(tmp_path), fresh={TAP}).qdiscs == {TAP: (NOTHING, Qdisc(1000000, 20000), 1500)}


def test_a_changed_rate_replaces_the_old_one_before_ports_are_changed(tmp_path: Path) -> None:
    todo = plan(limited(rx_kbps=16000), made(tmp_path))
    runner = FakeRunner().tell(*OFCTL, MORE).tell("tc", "-batch", "-")
    shaping.prepare(todo, runner, bridge="br-int", folder=str(tmp_path))

    assert runner.stdins == [f"qdisc del dev {TAP} root\n"]
    shaping.finish(todo, runner, bridge="br-int")
    assert runner.stdins[1] == f"qdisc replace dev {TAP} root handle 1: tbf rate 16000000bit burst 40000 limit 240000\n"


def test_unlisted_limits_are_removed_with_their_files(tmp_path: Path) -> None:
    todo = plan(limited(), made(tmp_path))
    runner = FakeRunner().tell(*OFCTL, MORE).tell("tc", "-batch", "-")
    shaping.prepare(todo, runner, bridge="br-int", folder=str(tmp_path))
    assert runner.stdins == [f"qdisc del dev {TAP} root\n"]
    assert list(tmp_path.iterdir()) == []

    # Deleting a meter also deletes the flows that use it, so it is deleted after them.
    shaping.finish(todo, runner, bridge="br-int")
    assert runner.argvs[1][3:] == ["del-meter", "br-int", "meter=1000"]


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, {"meter", "qdisc", "file"}),
        ({"tx_kbps": 4000, "rx_kbps": 9000}, {"meter", "qdisc", "file"}),
        ({"tx_kbps": 4000, "rx_kbps": 8000}, {"meter", "file"}),
        ({"tx_kbps": 2000, "rx_kbps": 9000}, {"qdisc", "file"}),
    ],
)
def test_a_change_of_limits_is_one_of_their_slice(tmp_path: Path, settings: dict[str, int], kinds: set[str]) -> None:
    todo = plan(limited(**settings), made(tmp_path))
    assert ({change.kind for change in todo.changes}, slices(todo.changes)) == (kinds, {1000})
    # Number 1000 was that of a port of another slice before.
    new = orders(vm(2001, interfaces=[{**nic(2001, 1, 100), "tx_kbps": 9}]), slice_id=2000)
    todo = plan(new, made(tmp_path), numbers={"tap_2001_eth1": 1000})
    assert [(change.id, change.to_dict()["slice_id"]) for change in todo.changes if change.kind == "meter"] == [
        (1000, 2000)
    ]


def test_a_meter_that_another_slice_uses_is_kept(tmp_path: Path) -> None:
    other = Flow(2000, 0, 50, frozenset({"in_port=1000"}), "meter:1000,NORMAL")
    assert plan(limited(), made(tmp_path), spoken=[other]).meters == {}


def test_fast_ports_have_large_buckets() -> None:
    assert shaping.meter_of(2_000_000) == (2_000_000, 200_000)


def test_netem_is_tested_only_if_it_is_required(tmp_path: Path) -> None:
    def look(*, rc: int | None = None, **settings: Any) -> Host:
        runner = FakeRunner().tell(*QDISCS, stdout="[]")
        if rc is not None:
            runner.tell(*TRY_NETEM, rc=rc)
        if "tx_kbps" in settings:
            runner.tell(*METERS)
        return shaping.observe(limited(**settings), runner, bridge="br-int", folder=str(tmp_path))

    look(tx_kbps=5, rx_kbps=5)
    assert look(rc=0, delay_ms=5).netem
    have = look(rc=2, delay_ms=5, loss_percent=1)
    with pytest.raises(Refused) as refused:
        plan(limited(rx_kbps=5, delay_ms=5, loss_percent=1), have)
    figures = {"asked": "delay 5 ms, loss 1 %", "host": "this host"}
    assert refused.value.refusals == [Refusal("netem_missing", "VM 1001 (vm1) eth1", figures)]


def test_saved_qdiscs_are_those_of_the_taps(tmp_path: Path) -> None:
    other = TBF.replace("eth1", "eth10")
    (tmp_path / "1000.qdiscs").write_text(other + TBF)
    assert shaping.saved_qdiscs(str(tmp_path), 1000, [TAP]) == [TBF.strip()]
    assert shaping.saved_qdiscs(str(tmp_path), 1000, ["tap_1001_eth10", TAP]) == [other.strip(), TBF.strip()]
    assert shaping.saved_qdiscs(str(tmp_path), 1003, [TAP]) == []


def test_foreign_qdiscs_are_removed(tmp_path):
    saved = tmp_path / "1000.qdiscs"
    saved.write_text(TBF)
    root = {"dev": TAP, "kind": "prio", "handle": "8001:", "root": True, "options": {}}
    runner = FakeRunner().tell(*QDISCS, stdout=shown(root))
    order = limited()
    todo = plan(order, shaping.observe(order, runner, bridge="br-int", folder=str(tmp_path)))
    assert Change("qdisc", TAP, "delete", before={"kind": "prio"}) in todo.changes
    assert todo.qdiscs == {TAP: (Qdisc(foreign="prio"), NOTHING, 1500)}

    kernels_own = {**root, "kind": "fq_codel", "handle": "0:"}
    runner = FakeRunner().tell(*QDISCS, stdout=shown(kernels_own))
    have = shaping.observe(order, runner, bridge="b", folder=str(tmp_path))
    assert not plan(order, have).qdiscs


@pytest.mark.parametrize(
    ("have", "want", "is_like"),
    [
        (Qdisc(rate=1000, burst=10), Qdisc(rate=1000, burst=12), True),
        (Qdisc(rate=1000, burst=10), Qdisc(rate=1000, burst=13), False),
        (Qdisc(rate=1000, burst=10_000), Qdisc(rate=1000, burst=10_200), True),
        (Qdisc(rate=1000, burst=10_000), Qdisc(rate=1000, burst=10_300), False),
        (Qdisc(rate=1000), Qdisc(rate=1001), False),
        (Qdisc(delay_us=100), Qdisc(delay_us=102), True),
        (Qdisc(delay_us=100), Qdisc(delay_us=103), False),
        (Qdisc(jitter_us=100), Qdisc(jitter_us=102), True),
        (Qdisc(jitter_us=100), Qdisc(jitter_us=103), False),
        (Qdisc(chances={"loss_percent": 1}), Qdisc(chances={"loss_percent": 1.000001}), True),
        (Qdisc(chances={"loss_percent": 1}), Qdisc(chances={"loss_percent": 1.1}), False),
        (Qdisc(chances={"duplicate_percent": 1}), Qdisc(chances={"duplicate_percent": 1.000001}), True),
        (Qdisc(chances={"duplicate_percent": 1}), Qdisc(chances={"loss_percent": 1}), False),
        (Qdisc(chances={"duplicate_percent": 1}), NOTHING, False),
        (Qdisc(foreign="fq"), NOTHING, False),
    ],
)
def test_qdiscs_differ_beyond_the_precision_of_the_kernel(have: Qdisc, want: Qdisc, is_like: bool) -> None:
    assert have.is_like(want) is want.is_like(have) is is_like


@pytest.mark.parametrize(
    ("qdisc", "text", "attributes", "has_netem"),
    [
        (Qdisc(), "none", None, False),
        (Qdisc(rate=1_000_000, burst=1500), "rate 8000 kbit/s", {"rate_kbps": 8000, "burst_bytes": 1500}, False),
        (Qdisc(delay_us=1500), "delay 1.5 ms", {"delay_ms": 1.5}, True),
        (Qdisc(jitter_us=250), "jitter 0.25 ms", {"jitter_ms": 0.25}, True),
        (Qdisc(chances={"loss_percent": 0.1234567}), "loss 0.123457 %", {"loss_percent": 0.123457}, True),
        (Qdisc(chances={"duplicate_percent": 2}), "duplicate 2 %", {"duplicate_percent": 2}, True),
        (Qdisc(foreign="fq_codel"), "fq_codel", {"kind": "fq_codel"}, False),
        (
            Qdisc(125_000, 1, 1000, 1000, {"loss_percent": 1}, "red"),
            "rate 1000 kbit/s, delay 1 ms, jitter 1 ms, loss 1 %, red",
            {
                "rate_kbps": 1000,
                "burst_bytes": 1,
                "delay_ms": 1,
                "jitter_ms": 1,
                "loss_percent": 1,
                "kind": "red",
            },
            True,
        ),
    ],
)
def test_qdiscs_are_told_in_the_units_of_topologies(
    qdisc: Qdisc, text: str, attributes: dict[str, Any] | None, has_netem: bool
) -> None:
    assert (str(qdisc), qdisc.attributes, qdisc.has_netem) == (text, attributes, has_netem)


def test_saved_limits_can_be_read_by_all_users(tmp_path: Path) -> None:
    order = limited(rx_kbps=1000)
    todo = plan(order)
    shaping.prepare(todo, FakeRunner(), bridge="br-int", folder=str(tmp_path))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}
