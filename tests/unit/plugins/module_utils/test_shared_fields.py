# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import shared_fields
from ansible_collections.cloudrepo.slices.plugins.module_utils.contract import Contract, Spec
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder, Services
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder, WorkerOrder

METADATA: dict[str, dict[str, Any]] = {name: value for name, value in vars(shared_fields).items() if name.isupper()}


def specs(contract: type[Contract]) -> dict[str, Spec]:
    return {part.name: part.spec for part in contract.parts()}


def test_each_sample_is_allowed() -> None:
    found = {name: next(iter(metadata.values())) for name, metadata in METADATA.items()}
    assert len(found) > 5
    wrong = [name for name, spec in found.items() if spec.allows and not all(map(spec.allows, spec.samples))]
    assert wrong == []


@pytest.mark.parametrize(
    ("worker", "network_node", "names"),
    [
        (WorkerOrder, NetworkOrder, {"cloud_uuid", "cloud_title", "cloud_incarnation", "complete", "issued_revisions"}),
        (SliceOrder, Services, {"slice_id", "slice_uuid", "revision", "record", "receipt", "trunk"}),
    ],
)
def test_both_work_orders_describe_them_alike(
    worker: type[Contract], network_node: type[Contract], names: set[str]
) -> None:
    first, second = specs(worker), specs(network_node)
    assert {name for name in first.keys() & second.keys() if first[name] is second[name]} >= names
