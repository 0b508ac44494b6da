# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects that a host may have, as data between the database and the hosts."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import (
    Holdings,
    KnownDisk,
    KnownMachine,
    KnownSlice,
)

from ...generated import is_current

UUID = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"
DISK = KnownDisk("/var/lib/cloudrepo/vms/1001/vm1_img.qcow2", UUID)


@pytest.mark.parametrize(
    "held", [(), (KnownSlice(1000),), (KnownSlice(1000, UUID, (DISK, KnownDisk("/srv/a.qcow2"))), KnownSlice(1003))]
)
def test_it_is_read_back_from_its_dictionary(held: tuple[KnownSlice, ...]) -> None:
    assert Holdings.from_dict(Holdings(held).to_dict()) == Holdings(held)
    machines = (KnownMachine("10.0.10.1", "a" * 64), KnownMachine("10.0.10.2"))
    full = Holdings(held, revision=7, machines=machines)
    assert Holdings.from_dict(full.to_dict()) == full


@pytest.mark.parametrize("path", ["vm1_img.qcow2", "/srv/../etc/shadow", "/srv/a b", "/srv/a\nb", "/", ""])
def test_an_invalid_path_is_refused(path: str) -> None:
    data = {"known": [{"slice_id": 1000, "disks": [{"path": path}]}]}
    with pytest.raises(Refused) as caught:
        Holdings.from_dict(data)
    assert [(each.code, each.figures["got"]) for each in caught.value.refusals] == [("field_not_allowed", path)]


@pytest.mark.parametrize(
    "name",
    ["plugins/modules/holdings_info.py", "plugins/doc_fragments/orphans.py", "plugins/modules/worker_orphans.py"],
)
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)
