# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Detection of restored ports of networks."""

from __future__ import annotations

from typing import Any

import pytest

from ..scripts import load

ports = load("extensions/molecule/networks/files/ports.py")


def link(**changes: Any) -> dict[str, Any]:
    return {
        "ifname": "net_160",
        "flags": ["BROADCAST", "UP", "LOWER_UP"],
        "mtu": 1400,
        "addr_info": [{"local": "10.30.0.1", "prefixlen": 24}, {"local": "fe80::1", "prefixlen": 64}],
        **changes,
    }


@pytest.mark.parametrize(
    ("links", "mtu", "is_back"),
    [
        ([link()], 1400, True),
        ([link()], None, True),
        ([link(mtu=1500)], None, True),
        ([link(mtu=1500)], 1400, False),
        ([link(flags=["BROADCAST"])], 1400, False),
        ([link(addr_info=[])], 1400, False),
        ([link(addr_info=[{"local": "10.30.0.1", "prefixlen": 16}])], 1400, False),
        ([], 1400, False),
    ],
)
def test_a_port_is_up_with_its_address_and_its_mtu(links: list[Any], mtu: int | None, is_back: bool) -> None:
    assert ports.is_back(links, "10.30.0.1/24", mtu) is is_back


@pytest.mark.parametrize(
    ("said", "code", "links"),
    [('[{"a": 1}, {}]', 0, [{"a": 1}]), ("", 0, []), ("", 1, []), ('[{"a": 1}]', 1, [])],
)
def test_a_missing_namespace_has_no_ports(
    said: str, code: int, links: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ports.subprocess.run
    script = f"printf %s '{said}'; exit {code}"
    monkeypatch.setattr(ports.subprocess, "run", lambda _command, **options: run(["sh", "-c", script], **options))
    assert ports.ask("slice-1000", "net_100") == links
