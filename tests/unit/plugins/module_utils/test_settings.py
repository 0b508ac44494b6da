# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.settings import SETTINGS, problems

from ...scripts import ROOT

ROLES = ("worker", "network_node")
# These are read by the filter management_problems, and by modules.
ELSEWHERE = {
    "cloud",
    "management_network",
    "infrastructure_networks",
    "dns_servers",
    "nat_links",
    "work_order",
}


def options(role: str) -> dict[str, Any]:
    """The variables of a role that are not booleans, by name."""
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
    return {name: option for name, option in specs["main"]["options"].items() if option["type"] != "bool"}


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_a_role_has_a_grammar(role: str) -> None:
    known = {name for name in SETTINGS if name.startswith(f"{role}_")}
    assert {name for name in options(role) if name.removeprefix(f"{role}_") not in ELSEWHERE} == known


@pytest.mark.parametrize("role", ROLES)
def test_a_role_checks_every_variable_before_it_uses_any(role: str) -> None:
    tasks = yaml.safe_load((ROOT / f"roles/{role}/tasks/main.yml").read_text())
    users = [number for number, task in enumerate(tasks) if re.search(rf"\b{role}_", str(task))]
    first = tasks[users[0]]
    assert "setting_problems" in str(first["vars"])
    listed = first["vars"][f"__{role}_settings"]
    assert listed == {name: f"{{{{ {name} }}}}" for name in SETTINGS if name.startswith(f"{role}_")}


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_right(role: str) -> None:
    defaults = {name: option.get("default") for name, option in options(role).items() if name in SETTINGS}
    assert list(problems(defaults)) == []


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", ["a\nExecStart=x", "a b", "$(x)", "%i", "{{ x }}", ["-x"], "a;b", 'a"', {"a": 1}])
def test_values_with_a_special_meaning_are_refused(name: str, value: Any) -> None:
    found = [refusal.figures for refusal in problems({name: value})]
    assert [(figures["field"], figures["got"]) for figures in found] == [(name, value)]


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("worker_console_log_kib", 1, 1 << 30),
        ("worker_disk_retention_h", 0, 8760),
        ("worker_lost_machines_port", 1, 65535),
        ("worker_fence_timeout_s", 1, 600),
        ("network_node_lost_machines_port", 1, 65535),
        ("network_node_connections_per_vm", 1, 1_000_000),
        ("network_node_connections_per_slice", 1, 1_000_000),
        ("network_node_connection_rate_per_vm", 1, 1_000_000),
        ("network_node_connection_rate_per_slice", 1, 1_000_000),
        ("network_node_query_rate_per_vm", 1, 1_000_000),
    ],
)
def test_numbers_have_limits(name: str, least: int, most: int) -> None:
    assert [value for value in (least, most, str(most)) if list(problems({name: value}))] == []
    assert [value for value in (least - 1, most + 1, 1.5) if not list(problems({name: value}))] == []


@pytest.mark.parametrize("name", ["worker_network_node_address", "network_node_address"])
def test_an_address_may_be_empty(name: str) -> None:
    assert [value for value in ("", None, "10.0.0.1", "fe80::1") if list(problems({name: value}))] == []
    assert len(list(problems({name: "none"}))) == 1
