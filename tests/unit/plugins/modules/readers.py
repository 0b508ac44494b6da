# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses the orchestrator's work orders like hosts."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    SERVICES_ARGUMENTS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder


def read_back(orders: dict[str, Any]) -> None:
    """Check that each work order is unchanged after being passed to a host's module and parsed there."""
    for order in orders["workers"].values():
        assert WorkerOrder.from_dict(order).to_dict() == order
        slices = read_slices(passed(WORK_ORDER_ARGUMENTS, order), state_dir="/var/lib/cloudrepo")
        assert [slice_.to_dict() for slice_ in slices] == order["slices"]
    order = orders["network_node"]
    assert NetworkOrder.from_dict(order).to_dict() == order
    services, refused = read_services(passed(SERVICES_ARGUMENTS, order), links=read_links("169.254.64.0/24"))
    assert refused == {}
    assert [slice_.to_dict() for slice_ in services] == order["slices"]


def passed(arguments: dict[str, Any], order: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an order's slices after validation as a module's arguments."""
    result = ArgumentSpecValidator(arguments).validate({"slices": order["slices"]})
    assert result.error_messages == []
    slices: list[dict[str, Any]] = result.validated_parameters["slices"]
    return slices
