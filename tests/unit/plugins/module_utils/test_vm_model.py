# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VM with its disks; C(test_models) compares it with the data model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_model import VM, Disk

FIXTURE = Path(__file__).parents[3] / "fixtures" / "slice_1000.json"
STORED = json.loads(FIXTURE.read_text(encoding="utf-8"))["vms"][0]


def test_an_observation_is_stored_if_the_words_of_the_data_model_are_not_sufficient() -> None:
    vm = VM(1, "v", "a", "10.0.10.1", 5901, [])
    plain = set(vm.to_dict())
    vm.see(Observed("running", "4821"))
    assert set(vm.to_dict()) == plain
    vm.see(Observed("running", "4821", "2026-01-31T12:00:00Z"))
    assert vm.to_dict()["observed"] == {"state": "running", "since": "2026-01-31T12:00:00Z"}
    vm.see(Observed("paused", "4821"))
    assert (vm.status, vm.pid, vm.to_dict()["observed"]) == ("stopped", "4821", {"state": "paused"})
    again = VM.from_dict(vm.to_dict())
    assert (again.observed, again.to_dict()) == (vm.observed, vm.to_dict())


def test_the_first_disk_is_the_image_of_the_data_model_and_further_ones_are_listed_with_it() -> None:
    vm = VM(1, "v", "a", "10.0.10.1", 5901, [], qcow_image="x.qcow2")
    plain = set(vm.to_dict())
    data = Disk("data.qcow2")
    data.extra["size_gb"] = 2
    vm.disks.append(data)
    stored = vm.to_dict()
    assert set(stored) - plain == {"disks"}
    assert stored["disks"] == [{"path": "x.qcow2"}, {"path": "data.qcow2", "size_gb": 2}]
    assert VM.from_dict(stored).to_dict() == stored
    with pytest.raises(FieldError, match=r"disks: the first one is x.qcow2, but qcow_image is other"):
        VM.from_dict({**stored, "qcow_image": "other"})


def test_a_vm_takes_its_flavor_with_all_its_disks() -> None:
    flavor = {"cores": 1, "ram_gb": 0.5, "disk_gb": 2}
    vm = VM(1001, "vm1", "admin", "10.0.10.1", 5901, [], qcow_image="x.qcow2")
    assert vm.size is None
    vm.flavor = {}
    assert vm.size is None
    vm.flavor = flavor
    assert vm.size == flavor
    vm.disks.append(Disk("data.qcow2"))
    vm.disks[1].extra["size_gb"] = 5
    assert vm.size == {**flavor, "disk_gb": 7}
    vm.disks[1].extra["given_up"] = True
    assert (vm.size, vm.data_disks, vm.given_up_disks) == ({**flavor, "disk_gb": 7}, [], [vm.disks[1]])


def test_what_can_be_derived_from_the_data_model_is_not_stored() -> None:
    plain = VM.from_dict(STORED)
    assert plain.to_dict() == STORED
    assert (plain.pinned_to, plain.size, plain.disks[0].first_seen) == (None, plain.flavor, None)
    plain.extra["placement"] = {"worker": "10.0.10.1"}
    assert plain.pinned_to == "10.0.10.1"
    plain.disks[0].extra["first_seen"] = "2026-01-01T00:00:00Z"
    assert plain.to_dict()["disks"][0]["first_seen"] == plain.disks[0].first_seen == "2026-01-01T00:00:00Z"
    plain.flavor = None
    plain.disks.append(Disk("/b"))
    assert plain.size is None


def test_a_vm_that_was_seen_was_in_a_work_order() -> None:
    vm = VM(1001, "vm1", "admin", "10.0.10.1", 5901, [])
    assert (vm.handed_out, vm.observed) == (False, None)
    vm.see(Observed("running", "1"))
    assert (vm.handed_out, vm.pid, vm.status) == (True, "1", "running")


def test_the_size_of_a_data_disk_is_0_unless_it_is_known() -> None:
    disks = [{"path": STORED["qcow_image"]}, {"path": "/b", "name": "db"}]
    vm = VM.from_dict({**STORED, "disks": disks})
    assert [disk.size_gb for disk in vm.disks] == [0, 0]
    assert vm.size == vm.flavor
    vm.disks[1].extra["size_gb"] = 2.5
    assert vm.size == {**(vm.flavor or {}), "disk_gb": 3.5}
    assert [disk.name for disk in vm.data_disks] == ["db"]
    vm.disks[1].extra["given_up"] = True
    assert ([*vm.data_disks], [disk.name for disk in vm.given_up_disks]) == ([], ["db"])
