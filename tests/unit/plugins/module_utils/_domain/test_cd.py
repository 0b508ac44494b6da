# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CD drives and boot orders of VMs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.edits import put_vm
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import remove_flavor
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, put, refusals, topology, vm

STATE_DIR = "/var/lib/cloudrepo"
CD = {"cores": 1, "ram_gb": 1, "disk_gb": 1, "image": "/iso/alpine.iso", "checksum": "ef" * 32}
PATH = f"{STATE_DIR}/images/{'ef' * 32}.img"


def with_cd(**flavor: Any) -> Cluster:
    held = cluster()
    held.flavors["alpine"] = {**CD, **flavor}
    return held


def one(**options: Any) -> dict[str, Any]:
    return topology(vms=[vm("vm1", **options), vm("vm2")])


def edit(held: Cluster, slice_: Slice, **options: Any) -> Slice:
    """Change vm1 as the module C(vm) does."""
    want, _place = put_vm(wanted_from(slice_), {"name": "vm1", **options})
    return reconcile_slice(held, want, Settings(), acting_user="admin")


def ordered(held: Cluster, slice_: Slice) -> tuple[list[str], dict[str, Any]]:
    """The images and the first VM in the work order of its worker."""
    order = work_orders(held, [slice_], STATE_DIR)["workers"]["10.0.10.1"]
    return [image["path"] for image in order["images"]], order["slices"][0]["vms"][0]


def test_a_vm_with_a_cd_has_its_image_and_boots_from_it() -> None:
    held = with_cd(content="cd", virtual_size_gb=0.1)
    slice_ = put(held, one(cdrom="alpine", boot=["cdrom", "disk"]))
    assert slice_.vms[0].extra["cdrom"] == {"name": "alpine", "image": CD["image"], "checksum": CD["checksum"]}
    images, order = ordered(held, slice_)
    assert (PATH in images, order["cdrom"], order["boot"]) == (True, PATH, "cdrom,disk")
    images, order = ordered(held, put(held, one()))
    assert (PATH in images, "cdrom" in order, "boot" in order) == (False, False, False)


def test_a_change_of_the_drive_needs_a_restart_and_is_shown_by_name() -> None:
    held = with_cd()
    slice_ = deployed(put(held, one()))
    before = Slice.from_dict(slice_.to_dict())
    (change,) = changes(before, put(held, one(cdrom="alpine", boot=["cdrom"])))
    assert change.after is not None
    assert (change.after["cdrom"], change.after["boot"], change.restart) == ("alpine", ["cdrom"], True)


def test_an_edit_keeps_the_cd_although_its_flavor_has_another_image_or_is_gone() -> None:
    held = with_cd()
    slice_ = put(held, one(cdrom="alpine", boot=["disk", "cdrom"]))
    stored = slice_.vms[0].extra["cdrom"]
    held.flavors["alpine"] = {**CD, "checksum": "12" * 32}
    assert edit(held, slice_, title="A").vms[0].extra["cdrom"] == stored
    del held.flavors["alpine"]
    assert edit(held, held.slices[1000], title="B").vms[0].extra["cdrom"] == stored
    gone = edit(held, held.slices[1000], cdrom="", boot=[]).vms[0]
    assert {"cdrom", "boot"}.isdisjoint(gone.extra)


def test_a_topology_gets_the_current_image_of_the_flavor() -> None:
    held = with_cd()
    put(held, one(cdrom="alpine"))
    held.flavors["alpine"] = {**CD, "checksum": "12" * 32}
    assert put(held, one(cdrom="alpine")).vms[0].extra["cdrom"]["checksum"] == "12" * 32


@pytest.mark.parametrize(
    ("options", "flavor", "code"),
    [
        ({"cdrom": "nothing"}, {}, "unknown_reference"),
        ({"cdrom": "alpine"}, {"virtual_size_gb": 1.0}, "image_is_no_cd"),
        ({"cdrom": "ubuntu"}, {}, "flavor_without_image"),
        ({"boot": ["cdrom", "disk"]}, {}, "boot_without_cd"),
        ({"boot": ["disk", "disk"]}, {}, "boot_order"),
        ({"boot": ["floppy"]}, {}, "boot_order"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], flavor: dict[str, Any], code: str) -> None:
    (refusal,) = refusals(with_cd(**flavor), one(**options))
    assert (refusal.code, refusal.object) == (code, "VM web/vm1")
    assert refusal.message.startswith("VM web/vm1: ")


def test_a_cd_without_a_boot_sector_is_no_disk() -> None:
    want = topology(vms=[vm("vm1", flavor="alpine"), vm("vm2")])
    figures = {"flavor": "alpine", "image": CD["image"]}
    assert refusals(with_cd(content="cd"), want) == [Refusal("cd_is_no_disk", "VM web/vm1", figures)]
    assert refusals(with_cd(content="cd"), one(image="alpine")) == [Refusal("cd_is_no_disk", "VM web/vm1", figures)]
    slice_ = put(with_cd(content="disk and cd"), want)
    assert slice_.vms[0].flavor is not None
    assert "content" not in slice_.vms[0].flavor


def test_a_flavor_whose_image_is_in_a_drive_cannot_be_removed() -> None:
    held = with_cd()
    held.flavors["other"] = {**CD, "checksum": "12" * 32}
    put(held, one(cdrom="alpine"))
    with pytest.raises(Refused, match=r"flavor alpine is used by VMs: web/vm1"):
        remove_flavor(held, "alpine")
    remove_flavor(held, "other")
    put(held, one())
    remove_flavor(held, "alpine")
    assert {"alpine", "other"}.isdisjoint(held.flavors)


def test_a_vm_that_has_an_image_as_its_disk_and_its_cd_is_named_once() -> None:
    held = with_cd(content="disk and cd")
    put(held, topology(vms=[vm("vm1", flavor="alpine", cdrom="alpine"), vm("vm2")]))
    with pytest.raises(Refused, match=r"is used by VMs: web/vm1"):
        remove_flavor(held, "alpine")


def test_an_edit_gives_a_vm_a_cd_and_exchanges_it() -> None:
    held = with_cd()
    held.flavors["other"] = {**CD, "image": "/iso/other.iso", "checksum": "12" * 32}
    slice_ = put(held, one())
    for name in ("alpine", "other"):
        slice_ = edit(held, slice_, cdrom=name)
        assert slice_.vms[0].extra["cdrom"]["image"] == f"/iso/{name}.iso"
    (order,) = (work_orders(held, [slice_], STATE_DIR)["workers"]["10.0.10.1"]["slices"][0]["vms"][0],)
    assert order["cdrom"] == f"{STATE_DIR}/images/{'12' * 32}.img"
