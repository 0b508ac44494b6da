# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import tap_filter, taps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import ovs_ports

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, TAP_FILTER, FakeRunner, nic, vm

NOTHING = '{"headings": [], "data": []}\n' * 4
SLICES = [{"slice_id": 1000, "vms": [vm(1001, None, 100)]}]


OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")
LIST_FILTER = ("nft", "--stateless", "list", "table", "inet", "cloudrepo_taps")
QDISCS = ("tc", "-json", "qdisc", "show")
IP_BATCH = ("ip", "-batch", "-")


def looked_at(loaded: str = TAP_FILTER) -> FakeRunner:
    """Return a host with the answers for a plan."""
    host = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
    host.tell(*OFCTL, "--no-stats", "--no-names", "dump-flows", MORE)
    return host.tell(*LIST_FILTER, stdout=loaded, rc=int(not loaded))


def runner(loaded: str = TAP_FILTER) -> FakeRunner:
    """Return a host on which ports and flows can also be created."""
    host = looked_at(loaded).tell("ovs-vsctl", "--timeout=60", "--", MORE)
    return host.tell(*OFCTL, "--bundle", "add-flows", "br-int", "-")


def test_taps_are_created_before_flows_and_flows_before_ports(monkeypatch, tmp_path):
    monkeypatch.setattr(taps, "observe", taps.Devices)
    host = runner().tell(*IP_BATCH)
    slices = [{"slice_id": 1000, "vms": [vm(1001, None, 100, state_dir=str(tmp_path))]}]
    result = modules.run(monkeypatch, ovs_ports, host, slices=slices, user="me", state_dir=str(tmp_path))

    assert [argv[0] for argv in host.argvs] == ["nft", "ovs-vsctl", "ovs-ofctl", "ip", "ovs-ofctl", "ovs-vsctl"]
    saved = (tmp_path / "flows" / "1000.flows").read_text()
    assert saved == "cookie=0x636c7264000003e8,table=0,priority=50,in_port=1000,actions=NORMAL\n"
    assert saved in (host.stdins[4] or "")
    assert sorted(result["flows"]) == sorted((host.stdins[4] or "").splitlines())
    assert result["diff"]["after"].startswith(
        f"tap tap_1001_eth0: state up, group 1000, owner {os.getuid()}, mtu 1500, arp false\n"
        f"tap tap_1001_eth1: state up, group 1000, owner {os.getuid()}, mtu 1500, arp false\n"
        "port tap_1001_eth1: bridge br-int, vlan_mode access, tag 100,"
    )


def test_check_mode_plans_for_an_unprepared_host(monkeypatch):
    monkeypatch.setattr(taps, "observe", taps.Devices)
    host = FakeRunner().tell(*LIST_FILTER, rc=127).tell("ovs-vsctl", MORE, rc=127).tell(*OFCTL, MORE, rc=127)
    args = {"slices": SLICES, "user": "no-such-user-of-ours"}
    result = modules.run(monkeypatch, ovs_ports, host, _ansible_check_mode=True, **args)

    assert result["changed"]
    assert "tap tap_1001_eth0: state up, group 1000, mtu 1500, arp false\n" in result["diff"]["after"]
    assert "failed" not in result
    assert "no-such-user-of-ours" in modules.run(monkeypatch, ovs_ports, host, **args)["msg"]


def test_invalid_work_orders_are_refused(monkeypatch):
    slices = [{"slice_id": 1000, "vms": [vm(1001, 5000)]}]
    result = modules.run(monkeypatch, ovs_ports, FakeRunner(), slices=slices)

    figures = {"field": "vlan_id", "allowed": "1-4094", "got": 5000}
    assert refused(result) == [Refusal("field_not_allowed", "slice 1000, VM 1001, interface eth0", figures)]


def test_the_packet_filter_of_taps_is_loaded_before_a_tap_is_created(monkeypatch, tmp_path):
    monkeypatch.setattr(taps, "observe", taps.Devices)
    slices = [{"slice_id": 1000, "vms": [vm(1001, None, 100, state_dir=str(tmp_path))]}]
    for left in ("", TAP_FILTER.splitlines()[0]):
        host = runner(left).tell(*IP_BATCH).tell("nft", "-f", tap_filter.RULES)
        result = modules.run(monkeypatch, ovs_ports, host, slices=slices, user="me", state_dir=str(tmp_path))

        changes = [argv for argv in host.argvs if argv[0] in ("nft", "ip") and argv[1] != "--stateless"]
        assert [argv[:2] for argv in changes] == [["nft", "-f"], ["ip", "-batch"]]
        assert result["diff"]["before"].startswith("packet filter cloudrepo_taps: taps open to the host's own stack\n")
        assert result["diff"]["after"].startswith("packet filter cloudrepo_taps: taps closed to the host's own stack\n")


def test_infrastructure_without_an_address_is_refused(monkeypatch):
    result = modules.run(monkeypatch, ovs_ports, FakeRunner(), slices=[], gateway="10.60.7", dhcp_server="10.60.7")

    where, address = "management network", "10.60.7"
    assert refused(result) == [
        Refusal("invalid_address", where, {"option": "gateway", "got": address}),
        Refusal("invalid_address", where, {"option": "dhcp_server", "got": address}),
        Refusal("same_address", where, {"got": address}),
    ]


def test_limits_are_added_before_flows_and_removed_after_ports(monkeypatch, tmp_path):
    monkeypatch.setattr(taps, "observe", taps.Devices)
    host = runner().tell(*IP_BATCH).tell("tc", "-batch", "-").tell(*QDISCS, stdout="[]")
    host.tell(*OFCTL, "dump-meters", "br-int").tell(*OFCTL, "add-meter", MORE)
    nics = [{**nic(1001, 0, 100), "tx_kbps": 500, "rx_kbps": 700}]
    slices = [{"slice_id": 1000, "vms": [vm(1001, interfaces=nics, state_dir=str(tmp_path))]}]
    result = modules.run(monkeypatch, ovs_ports, host, slices=slices, user="me", state_dir=str(tmp_path))

    told = [
        [argv[0], *(word for word in argv if word.endswith("-meter") or word == "add-flows")] for argv in host.argvs
    ]
    assert told[-5:] == [["ip"], ["ovs-ofctl", "add-meter"], ["ovs-ofctl", "add-flows"], ["ovs-vsctl"], ["tc"]]
    assert "qdisc tap_1001_eth0: rate_kbps 700, burst_bytes 6088\n" in result["diff"]["after"]


def test_faults_that_the_kernel_does_not_support_are_refused_before_anything_is_changed(monkeypatch, tmp_path):
    nics = [{**nic(1001, 0, 100), "delay_ms": 20}]
    slices = [{"slice_id": 1000, "vms": [vm(1001, interfaces=nics, state_dir=str(tmp_path))]}]
    monkeypatch.setattr(taps, "observe", taps.Devices)
    for check_mode in (True, False):
        host = looked_at().tell(*QDISCS, stdout="[]")
        host.tell("unshare", "--net", "tc", MORE, rc=2, stderr="Error: Specified qdisc kind is unknown.")
        args = {"slices": slices, "user": "me", "state_dir": str(tmp_path)}
        result = modules.run(monkeypatch, ovs_ports, host, _ansible_check_mode=check_mode, **args)

        figures = {"asked": "delay 20 ms", "host": "this host"}
        assert refused(result) == [Refusal("netem_missing", "VM 1001 (vm1) eth0", figures)]
        looks = ["--stateless", "--format=json", "dump-flows", "show", "netem"]
        assert [next(word for word in argv if word in looks) for argv in host.argvs] == looks
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
