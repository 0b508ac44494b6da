# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on inventory sources, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "name_of_other_type",
            "names",
            {"got": False},
            "names: got False; quote names that YAML reads as something else, such as no, on, 007, 0x10, 12:30 or 1e3",
        ),
        (
            "unknown_options",
            "kind linux",
            {"got": ["users"], "known": ["name", "user"]},
            "kind linux: unknown options users; known: name, user; list them with ansible-doc -t inventory "
            "cloudrepo.slices.slices",
        ),
        (
            "host_names_equal",
            "host name vm",
            {"count": 2, "renamed": ["vm-1001", "vm-1004"]},
            "host name vm: 2 VMs have this name; renamed to vm-1001, vm-1004",
        ),
        (
            "host_name_in_use",
            "host name vm",
            {"count": 1, "renamed": ["vm-1001"]},
            "host name vm: another host or a group has this name; renamed to vm-1001",
        ),
        (
            "group_names_equal",
            "group name owner_a_b",
            {"count": 2, "renamed": ["owner_a_b_1", "owner_a_b_2"]},
            "group name owner_a_b: 2 groups would have this name; renamed to owner_a_b_1, owner_a_b_2",
        ),
        (
            "group_name_in_use",
            "parent_group",
            {"got": "slice_web"},
            "parent_group: slice_web is the name of another group of VMs; give the group of all VMs another name",
        ),
        (
            "group_of_cloud",
            "parent_group",
            {"got": "workers"},
            "parent_group: workers is a group of the cloud's hosts; give the group of all VMs another name",
        ),
        (
            "jump_host_missing",
            "connection_preference",
            {},
            "connection_preference: no jump host for VMs with an address, because the group network_node has no host; "
            "list the source with this group first (those of a folder are read in the order of their names), or set "
            "jump_host",
        ),
        (
            "no_connection_without_address",
            "VM web/vm2 (1002)",
            {"preferred": ["direct", "jump"]},
            "VM web/vm2 (1002) cannot be reached by direct, jump, because it has no address; set internet: true for "
            "the VM, or add console to connection_preference",
        ),
        (
            "no_connection_without_jump_host",
            "VM web/vm1 (1001)",
            {"preferred": ["jump"]},
            "VM web/vm1 (1001) cannot be reached by jump, because there is no jump host; list the source with the "
            "group network_node before that of the VMs, or set jump_host",
        ),
    ],
)
def test_a_message_names_the_option(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
