# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.filter.settings import FilterModule


def test_a_missing_interface_is_reported() -> None:
    missing = FilterModule().filters()["missing_interfaces"]
    values = {"network_node_uplink": "trunk0", "network_node_wan_interface": "eno1"}
    found = [{"name": "lo"}, {"name": "trunk0"}]
    assert missing(values, found) == [
        "settings: network_node_wan_interface is eno1, but this host has only the interfaces lo, trunk0"
    ]
    assert missing(values, [*found, {"name": "eno1"}]) == []
    assert missing({"worker_uplink": "", "network_node_wan_interface": None}, found) == []
    assert missing(values, []) == [], "the command ip is missing"


def test_each_invalid_setting_is_reported() -> None:
    problems = FilterModule().filters()["setting_problems"]
    assert problems({"worker_bridge": "br-int", "worker_uplink": "", "network_node_wan_interface": "eno1"}) == []
    assert problems({"worker_console_log_kib": 0, "worker_user": None}) == [
        "settings: worker_console_log_kib must be an integer, 1-1073741824, got 0"
    ]
