# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder, revision_text

from ...generated import is_current


def test_the_sample_is_a_valid_order():
    order = WorkerOrder.from_dict(WorkerOrder.sample())
    (vm,) = order.slices[0].vms
    assert (vm.slice_id, vm.running, str(vm)) == (1000, True, "VM 1001 (vm1)")
    assert [(nic.name, nic.is_shaped) for nic in vm.interfaces] == [("eth0", False), ("eth1", True)]
    assert WorkerOrder.from_dict(order.to_dict()) == order


def test_a_revision_in_messages() -> None:
    assert revision_text(None) == "none"
    assert revision_text(1_795_371_735_007) == "1795371735007 (2026-11-22T18:22:15.007Z)"


@pytest.mark.parametrize(
    "name", ["docs/work-order.md", "plugins/doc_fragments/work_order.py", "plugins/modules/slice_plan.py"]
)
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)
