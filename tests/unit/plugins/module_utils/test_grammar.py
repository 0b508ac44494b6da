# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import (
    ACCOUNT,
    ADDRESS,
    DEVICE,
    FILE,
    HOST_NAME,
    INTERFACE,
    LABEL,
    MACHINE_MARK,
    MARK,
    MODE,
    PACKAGE,
    PATH,
    TITLE,
    UNIT,
    UNITS,
    UUID,
    VM,
    Grammar,
    flag,
    integer,
    is_ipv4_address,
    is_ipv4_network,
    listed,
    malformed,
    many,
    one_of,
    optional,
    text,
)


@pytest.mark.parametrize(
    ("grammar", "right", "wrong"),
    [
        (
            PATH,
            ("/var/lib/cloudrepo", "/a", "/srv/.cloud/a+b_c-d", "/...", f"/{'a' * 127}"),
            ("", "/", "a", "a/b", "//a", "/a/", "/a/..", "/a/../b", "/a b", "/a\n", "/ä", f"/{'a' * 128}", None),
        ),
        (
            DEVICE,
            ("br-int", "eth0.100", "enp0s31f6", "_x", "a" * 15),
            ("", "-x", ".", "..", "a b", "eth0:1", "a/b", "a" * 16, "eth0\n", "nat_*"),
        ),
        (ACCOUNT, ("cloudrepo", "_a-1", "a" * 28), ("", "1a", "Root", "a b", "a" * 29, "a\n", "-a")),
        (ADDRESS, ("10.0.0.1", "fe80::1", "::"), ("", "10.0.0.256", "10.0.0.1/8", "fe80::1%a", "x", 1)),
        (INTERFACE, ("eth0", "eth0.1"), ("", "-eth0", "a" * 16, "eth0\n")),
        (MARK, ("worker", "network_node"), ("", "Worker", "a b", "1", "a" * 32)),
        (integer(1, 100), (1, "1", 100, "100"), (0, 101, "101", "1.0", 1.0, True, "", "1\n", "9" * 5000, None)),
        (one_of("kvm", "tcg"), ("kvm", "tcg"), ("", "kvm:tcg", "KVM", None, ["kvm"])),
        (many(DEVICE), ([], ["eth0", "eth1"]), ("eth0", ["-"], [1], {"eth0": 1}, None)),
        (optional(DEVICE), ("", "eth0"), (" ", "-", None)),
        (listed(DEVICE), ([], ["eth0"], "eth0", "eth0,eth1"), ("", "eth0,", "eth0, eth1", ["-"], 1, None)),
        (flag(), (True, False, 1, 0, "yes", "No", "TRUE", "off", "1"), ("", "y", 2, -1, None, [], 1.0)),
        (text("a+", "some a", longest=3), ("a", "aaa"), ("", "aaaa", "b", "a\n", None)),
        (text("a+", "some a"), ("a" * 1000,), ("",)),
        (FILE, ("/etc/a@b.service", f"/{'a' * 127}"), ("a", "/a/../b", f"/{'a' * 128}")),
        (MODE, ("0644", "0000"), ("644", "1644", "0800", 420, "06440")),
        (UNIT, ("a.service", "a-1@x.timer", "a.socket", "a@.service"), ("a", "A.service", "a.mount", "a@*.service")),
        (UNITS, ("a.service", "a@*.service"), ("*.service", "a@x*.service")),
        (PACKAGE, ("qemu-utils", "g++", "7z"), ("", "a", "-a", "A")),
        (LABEL, ("a", "A-1", "a" * 63), ("", "a" * 64, "-a", "a-", "a_b")),
        (VM, ("1001", "web/vm1", "a.b_c"), ("", "/a", "a/", "a b")),
        (HOST_NAME, ("a", "a.b-c_d", "a" * 253), ("", "a" * 254, ".a", "a.")),
        (UUID, ("7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11",), ("7F1C7F0E-3A52-4C8E-9D1A-5B0F6E2C4D11", "")),
        (MACHINE_MARK, ("0" * 64, "f" * 64), ("0" * 63, "0" * 65, "F" * 64)),
        (TITLE, ("a", "é b", "a" * 64), ("", "a" * 65, "a\n", "a\u2029", "\u202eb")),
    ],
)
def test_a_grammar_accepts_only_its_values(grammar: Grammar, right: tuple[Any, ...], wrong: tuple[Any, ...]) -> None:
    assert [value for value in right if not grammar.allows(value)] == []
    assert [value for value in wrong if grammar.allows(value)] == []


def test_addresses_and_networks_are_matched_completely() -> None:
    assert (is_ipv4_address("10.0.0.1"), is_ipv4_network("10.0.0.0/8")) == (True, True)
    assert not any(map(is_ipv4_address, ("10.0.0.1\n", "010.0.0.1", "1", 1, None)))
    assert not any(map(is_ipv4_network, ("10.0.0.1/8", "10.0.0.0/8\n", "10.0.0.0/33", 1, None)))


def test_every_value_that_does_not_match_its_grammar_is_refused_by_name() -> None:
    values = {"bridge": "a b", "state_dir": None, "free": "\n", "ports": [{"name": "eth0"}, {"name": "-", "type": "x"}]}
    grammars = {"bridge": DEVICE, "state_dir": PATH, "ports": {"name": DEVICE}}
    wrong = {"allowed": DEVICE.rule, "field": "bridge", "got": "a b"}
    assert [(each.code, each.object, each.figures) for each in malformed(values, grammars)] == [
        ("field_not_allowed", "settings", wrong),
        ("field_not_allowed", "settings, ports[1]", {**wrong, "field": "name", "got": "-"}),
    ]
    assert next(malformed({"uplink": " "}, {"uplink": optional(DEVICE)}), None) == Refusal(
        "field_not_allowed", "settings", {"field": "uplink", "allowed": f"empty or {DEVICE.rule}", "got": " "}
    )
