# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import Limit
from ansible_collections.cloudrepo.slices.plugins.module_utils.contract import (
    Contract,
    enclosing,
    flag,
    integer,
    ipv4_address,
    ipv4_network,
    json_object,
    mac_address,
    many,
    number,
    repeated,
    text,
    uuid,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

VLAN = Limit(1, 9, "VLAN", "this test")
LOAD = Limit(0, 100, "load of a port", "percent")


@dataclass(frozen=True)
class Port(Contract):
    NOUN = "port"
    KEY = "name"

    name: str = field(metadata=text("Its name.", sample=("a", "b"), pattern="[a-z]+", rule="a name"))
    switch: str = field(metadata=enclosing())
    vlan: int | None = field(default=None, metadata=integer("Its VLAN.", sample=(None, 5), limit=VLAN))
    mac: str | None = field(default=None, metadata=mac_address("Its MAC.", sample="52:54:00:00:00:01"))
    up: bool = field(default=True, metadata=flag("Whether it is up.", sample=None))
    load: float | None = field(default=None, metadata=number("How busy it is.", "In percent.", sample=0.5, limit=LOAD))

    def faults(self, where: str) -> Iterator[Refusal]:
        if self.vlan is not None and not self.up:
            yield Refusal("option_needs_option", where, {"option": "vlan", "needs": "up"})


@dataclass(frozen=True)
class Switch(Contract):
    NOUN = "switch"
    KEY = "switch"

    switch: str = field(metadata=text("Its name.", sample="s"))
    ports: tuple[Port, ...] = field(metadata=many(Port, "Its ports."))
    mode: str = field(default="access", metadata=text("How.", sample="trunk", choices=("access", "trunk")))
    uplinks: tuple[Port, ...] = field(default=(), metadata=many(Port, "Its ways out."))
    address: str | None = field(default=None, metadata=ipv4_address("Where.", sample=None))
    subnet: str | None = field(default=None, metadata=ipv4_network("In what.", sample=None))
    key_id: str | None = field(default=None, metadata=text("Which key.", sample=None, no_log=False))
    uuid: str | None = field(default=None, metadata=uuid("Which one.", sample=None))


@dataclass(frozen=True)
class Whole(Switch):
    SPARSE = False


PORT = {"name": "a"}
UUID = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"


def switch(**changes: Any) -> dict[str, Any]:
    return {"switch": "s", "ports": [], **changes}


def refusals(data: Any) -> list[Refusal]:
    with pytest.raises(Refused) as refused:
        Switch.from_dict(data)
    return refused.value.refusals


def not_allowed(where: str, field: str, allowed: str, got: Any) -> Refusal:
    return Refusal("field_not_allowed", where, {"field": field, "allowed": allowed, "got": got})


def test_written_data_is_read_back():
    ports = (Port(name="a", switch="s", vlan=5, load=0.5), Port(name="b", switch="s", mac="52:54:00:00:00:01"))
    value = Switch(switch="s", ports=ports, mode="trunk", address="10.0.0.1", subnet="10.0.0.0/8")
    assert Switch.from_dict(value.to_dict()) == value


def test_default_fields_are_omitted_and_null_is_read_as_the_default():
    data = switch(ports=[{"name": "a", "vlan": None, "up": True, "mac": None}], mode=None, uplinks=None)
    assert Switch.from_dict(data).to_dict() == switch(ports=[PORT])


def test_a_contract_that_is_not_sparse_contains_all_fields():
    assert Whole(switch="s", ports=()).to_dict() == {
        **switch(mode="access", uplinks=[]),
        **dict.fromkeys(["address", "subnet", "key_id", "uuid"]),
    }


def test_errors_of_nested_fields_contain_their_path():
    assert Switch.from_dict(switch(ports=[PORT])).ports[0].switch == "s"


def test_uuids_are_read_in_lower_case():
    assert Switch.from_dict(switch(uuid=UUID.upper())).uuid == UUID


def test_macs_are_read_in_lower_case_and_whole_numbers_as_numbers():
    (port,) = Switch.from_dict(switch(ports=[{**PORT, "mac": "52:54:00:AA:bb:CC", "load": 1}])).ports
    assert (port.mac, port.load) == ("52:54:00:aa:bb:cc", 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], [not_allowed("data", "switch", "a dictionary", [])]),
        ({"switch": "s"}, [Refusal("field_missing", "switch s", {"field": "ports"})]),
        (switch(ports=None), [Refusal("field_missing", "switch s", {"field": "ports"})]),
        (switch(ports={}), [not_allowed("switch s", "ports", "a list", {})]),
        (switch(ports=[3]), [not_allowed("switch s", "port", "a dictionary", 3)]),
        (
            switch(colour="red", size=1),
            [Refusal("field_unknown", "switch s", {"field": each}) for each in ("colour", "size")],
        ),
        (switch(mode="hub"), [not_allowed("switch s", "mode", "one of access, trunk", "hub")]),
        (switch(mode=1), [not_allowed("switch s", "mode", "of type str", 1)]),
        (switch(address="10.0.0"), [not_allowed("switch s", "address", "an IPv4 address", "10.0.0")]),
        (switch(subnet="10.0.0.1/8"), [not_allowed("switch s", "subnet", "an IPv4 network", "10.0.0.1/8")]),
        (switch(uuid=UUID[:-1]), [not_allowed("switch s", "uuid", "a UUID", UUID[:-1])]),
        (switch(ports=[{**PORT, "vlan": 10}]), [not_allowed("switch s, port a", "vlan", "1-9", 10)]),
        (switch(ports=[{**PORT, "vlan": True}]), [not_allowed("switch s, port a", "vlan", "of type int", True)]),
        (switch(ports=[{**PORT, "up": 1}]), [not_allowed("switch s, port a", "up", "of type bool", 1)]),
        (switch(ports=[{**PORT, "load": -1}]), [not_allowed("switch s, port a", "load", "0-100", -1)]),
        (switch(ports=[{**PORT, "mac": "5"}]), [not_allowed("switch s, port a", "mac", "a MAC address", "5")]),
        (
            switch(ports=[{**PORT, "vlan": 1, "up": False}]),
            [Refusal("option_needs_option", "switch s, port a", {"option": "vlan", "needs": "up"})],
        ),
        (
            switch(ports=[{"name": "A"}, {**PORT, "vlan": 0}], uplinks=[{}]),
            [
                not_allowed("switch s, port A", "name", "a name", "A"),
                not_allowed("switch s, port a", "vlan", "1-9", 0),
                Refusal("field_missing", "switch s, port None", {"field": "name"}),
            ],
        ),
    ],
)
def test_every_error_is_reported_with_its_place(data, expected):
    assert refusals(data) == expected


def test_the_argument_spec_is_derived_from_the_fields():
    port = {
        "name": {"type": "str", "required": True},
        "vlan": {"type": "int"},
        "mac": {"type": "str"},
        "up": {"type": "bool", "default": True},
        "load": {"type": "float"},
    }
    assert Switch.arguments() == {
        "switch": {"type": "str", "required": True},
        "ports": {"type": "list", "elements": "dict", "options": port, "required": True},
        "mode": {"type": "str", "choices": ["access", "trunk"], "default": "access"},
        "uplinks": {"type": "list", "elements": "dict", "options": port, "default": []},
        "address": {"type": "str"},
        "subnet": {"type": "str"},
        "key_id": {"type": "str", "no_log": False},
        "uuid": {"type": "str"},
    }


def test_the_samples_are_derived_from_the_fields():
    ports = [
        {"name": "a", "mac": "52:54:00:00:00:01", "load": 0.5},
        {"name": "b", "vlan": 5, "mac": "52:54:00:00:00:01", "load": 0.5},
    ]
    assert Switch.sample() == {"switch": "s", "ports": ports, "mode": "trunk", "uplinks": ports}


def test_duplicates_are_reported_once():
    assert repeated("work order", "tap", ["a", "b", "a", "a"]) == [
        Refusal("listed_twice", "work order", {"kind": "tap", "name": "a", "count": 3})
    ]


@dataclass(frozen=True)
class Note(Contract):
    NOUN = "note"
    KEY = "text"

    text: str = field(metadata=json_object("Some data.", sample="{}"))


@pytest.mark.parametrize("text", ["{}", '{"a": [1]}'])
def test_a_json_object_is_read_as_text(text: str) -> None:
    assert Note.from_dict({"text": text}).text == text


@pytest.mark.parametrize("text", ["[]", "1", "null", "{", ""])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Note.from_dict({"text": text})
    assert refused.value.refusals == [not_allowed(f"note {text}", "text", "a JSON object", text)]
