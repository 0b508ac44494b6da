# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The database of Open vSwitch: its rows, and changes in one transaction."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovsdb
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL, Port, Switch

from ..fakes import MORE, FakeRunner


def table(*headings: str, rows: list[list[Any]]) -> str:
    return json.dumps({"headings": headings, "data": rows})


def test_the_database_of_open_vswitch_is_read_in_one_call():
    text = table(
        *("name", "ports", "datapath_type", "fail_mode"),
        rows=[["br-int", ["set", [["uuid", "p1"], ["uuid", "p2"]]], "", "secure"]],
    )
    text += "\n" + table(
        *("_uuid", "name", "tag", "vlan_mode", "trunks", "external_ids", "interfaces", "qos", "other_config"),
        rows=[
            [
                *(["uuid", "p1"], "tap_1", 100, "access", ["set", []], ["map", [["a", "b"]]], ["uuid", "i1"]),
                *(["uuid", "q2"], ["map", [["qinq-ethtype", "802.1q"]]]),
            ],
            [
                *(["uuid", "p2"], "gw", ["set", []], ["set", []], ["set", [2, 1]], ["map", []], ["uuid", "i2"]),
                *(["uuid", "q1"], ["map", []]),
            ],
        ],
    )
    text += "\n" + table(
        *("_uuid", "type", "ofport", "ofport_request"),
        rows=[[["uuid", "i1"], "", 1000, 1000], [["uuid", "i2"], "internal", -1, ["set", []]]],
    )
    mark = ["map", [["cloudrepo-limits", "true"]]]
    text += "\n" + table(
        *("_uuid", "type", "external_ids"),
        rows=[[["uuid", "q1"], "linux-noop", ["map", []]], [["uuid", "q2"], "linux-noop", mark]],
    )
    runner = FakeRunner().tell(*VSCTL, "--format=json", MORE, stdout=text)

    assert ovsdb.observe(runner) == Switch(
        noop_qos="q2",
        bridges={"br-int": "system"},
        ports={
            "tap_1": Port(
                *("tap_1", "br-int"),
                tag=100,
                vlan_mode="access",
                external_ids={"a": "b"},
                number=1000,
                live_number=1000,
                own_qdisc=True,
                tunnel_ethertype="802.1q",
            ),
            "gw": Port("gw", "br-int", trunks=(1, 2), kind="internal", live_number=-1),
        },
        fail_modes={"br-int": "secure"},
    )
    assert len(runner.argvs) == 1


UUID = {name: ["uuid", name] for name in ("p1", "i1", "q1")}


def observed(bridge: dict[str, Any] | None = None, interfaces: list[list[Any]] | None = None, **port: Any) -> Switch:
    """Return a switch with bridge br-int and port p, whose rows have the values of the arguments."""
    nothing: list[Any] = ["set", []]
    bridges = {"name": "br-int", "ports": UUID["p1"], "datapath_type": "", "fail_mode": nothing, **(bridge or {})}
    ports = {
        "_uuid": UUID["p1"],
        "name": "p",
        **dict.fromkeys(("tag", "vlan_mode", "trunks", "qos"), nothing),
        "external_ids": ["map", []],
        "interfaces": UUID["i1"],
        "other_config": ["map", []],
        **port,
    }
    text = "".join(table(*rows, rows=[list(rows.values())]) for rows in (bridges, ports))
    found = [[UUID["i1"], "", 7, nothing]] if interfaces is None else interfaces
    text += table("_uuid", "type", "ofport", "ofport_request", rows=found)
    text += table("_uuid", "type", "external_ids", rows=[])
    return ovsdb.observe(FakeRunner().tell(*VSCTL, "--format=json", MORE, stdout=f" {text}\n"))


def test_a_port_with_the_minimum_of_columns() -> None:
    have = observed()
    assert have == Switch({"br-int": "system"}, {"p": Port("p", "br-int", live_number=7)}, {"br-int": "standalone"})


@pytest.mark.parametrize(
    ("trunks", "found"), [(["set", []], ()), (5, (5,)), (["set", [5]], (5,)), (["set", [9, 3, 5]], (3, 5, 9))]
)
def test_a_set_with_one_value_is_read_as_the_value(trunks: Any, found: tuple[int, ...]) -> None:
    assert observed(trunks=trunks).ports["p"].trunks == found


def test_a_bridge_without_ports_and_a_port_on_no_bridge() -> None:
    assert observed(bridge={"ports": ["set", []]}).ports == {}
    assert observed(bridge={"datapath_type": "netdev"}).bridges == {"br-int": "netdev"}


def test_a_port_without_an_interface_has_no_number() -> None:
    port = observed(interfaces=[]).ports["p"]
    assert (port.kind, port.number, port.live_number) == ("system", None, None)


def test_a_qos_row_is_recognized_by_its_mark() -> None:
    assert not observed(qos=UUID["q1"]).ports["p"].own_qdisc


@pytest.mark.parametrize("vlan_mode", ["access", "dot1q-tunnel", "trunk", "native-untagged", None])
def test_a_trunk_without_a_list_carries_any_vlan(vlan_mode: str | None) -> None:
    is_trunk = vlan_mode not in ("access", "dot1q-tunnel")
    assert Port("p", "br-int", vlan_mode=vlan_mode).attributes["trunks"] == ("any" if is_trunk else None)
    assert Port("p", "br-int", vlan_mode=vlan_mode, trunks=(5, 6)).attributes["trunks"] == "5-6"


def test_only_external_ids_of_the_collection_are_read() -> None:
    port = Port("p", "br-int", external_ids={"cloudrepo-vm": "1", "vm": "2", "cloudrepo-link": "3"})
    assert list(port.our_ids.items()) == [("cloudrepo-link", "3"), ("cloudrepo-vm", "1")]
    assert port.attributes["external_ids"] == port.our_ids


def test_commands_are_sent_in_one_transaction_and_without_commands_nothing_is_called() -> None:
    runner = FakeRunner().tell(*VSCTL, "--", "add-br", "a", "--", "del-br", "b")
    ovsdb.commit(iter([["add-br", "a"], ("del-br", "b")]), runner)
    ovsdb.commit([], runner)
    assert len(runner.argvs) == 1


def test_external_ids_are_sorted() -> None:
    assert ovsdb.ids({"b": "2", "a": "1"}) == ["external_ids:a=1", "external_ids:b=2"]


def test_columns_that_keep_frames_from_a_port_are_read_if_somebody_has_set_them():
    text = table("name", "ports", "datapath_type", "fail_mode", rows=[["br-int", ["uuid", "p1"], "", "secure"]])
    ports = ("_uuid", "name", "tag", "vlan_mode", "trunks", "external_ids", "interfaces", "qos", "other_config")
    none, empty = ["set", []], ["map", []]
    row = [["uuid", "p1"], "tap_1", 100, "access", none, empty, ["uuid", "i1"], none, empty]
    interfaces = ("_uuid", "type", "ofport", "ofport_request", "ingress_policing_rate")

    def altered(*, protected: bool, rate: int) -> tuple[str, ...]:
        told = [
            text,
            table(*ports, "protected", rows=[[*row, protected]]),
            table(*interfaces, rows=[[["uuid", "i1"], "", 1, 1, rate]]),
            table("_uuid", "type", "external_ids", rows=[]),
        ]
        runner = FakeRunner().tell(*VSCTL, "--format=json", MORE, stdout="\n".join(told))
        return ovsdb.observe(runner).ports["tap_1"].altered

    assert altered(protected=False, rate=0) == ()
    assert altered(protected=True, rate=1000) == ("protected", "ingress_policing_rate")
