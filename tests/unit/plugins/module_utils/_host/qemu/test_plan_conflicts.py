# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units and files of other VMs with the ids of an order."""

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import STARTED, render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Host
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit, Units, template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ..fakes import PASSWORD_ID, orders, settings, uuid, vm

SETTINGS = settings()
FOLDER = SETTINGS.folder(1001)
ORDER = orders(vm(1001, 100, vm_uuid=uuid(2)), slice_uuid=uuid(1))


def running(slice_uuid: str = uuid(1), vm_uuid: str = uuid(2)) -> Host:
    """A host on which VM 1001 runs."""
    started = orders(vm(1001, 100, vm_uuid=vm_uuid), slice_uuid=slice_uuid)[0].vms[0]
    return Host(
        Units(
            {1001: Unit(1000, 1001, "active", 4821)},
            frozenset({(1000, 1001)}),
            {1000: template_text("cloudrepo-0", slice_uuid)},
        ),
        {f"{FOLDER}/{name}": text for name, text in render(started, SETTINGS).items()},
        {1001: PASSWORD_ID},
    )


def test_objects_that_a_run_started_belong_to_it() -> None:
    assert qemu_plan.plan(ORDER, running(), settings=SETTINGS, restart=False).changes == []
    assert qemu_plan.plan_prune(orders(slice_uuid=uuid(1)), running()).stop == (Unit(1000, 1001, "active", 4821),)


@pytest.mark.parametrize(
    ("have", "refusal"),
    [
        (
            running(slice_uuid=uuid(9)),
            Refusal(
                "another_slice",
                "slice 1000",
                {"where": "unit cloudrepo-1000@.service", "held": uuid(9), "got": uuid(1)},
            ),
        ),
        (
            running(vm_uuid=uuid(9)),
            Refusal("another_vm", "VM 1001 (vm1)", {"where": f"{FOLDER}/vm.json", "held": uuid(9), "got": uuid(2)}),
        ),
    ],
)
def test_objects_of_others_are_not_adopted(have: Host, refusal: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        qemu_plan.plan(ORDER, have, settings=SETTINGS, restart=True)
    assert refused.value.refusals == [refusal]


def test_objects_of_others_are_not_stopped() -> None:
    with pytest.raises(Refused) as refused:
        qemu_plan.plan_prune(orders(slice_uuid=uuid(1)), running(slice_uuid=uuid(9)))
    assert [each.code for each in refused.value.refusals] == ["another_slice"]


def test_a_new_uuid_does_not_require_a_restart() -> None:
    have = running()
    path = f"{FOLDER}/{STARTED}"
    said = json.loads(have.texts[path])
    assert (said.pop("slice_uuid"), said.pop("vm_uuid")) == (uuid(1), uuid(2))
    todo = qemu_plan.plan(
        ORDER,
        Host(have.units, {**have.texts, path: json.dumps(said, indent=2, sort_keys=True) + "\n"}, have.passwords),
        settings=SETTINGS,
        restart=False,
    )
    assert ([write.name for write in todo.writes], todo.restart_required) == (["vm.json"], ())
