# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.holdings import holdings
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark

from .builders import cluster, put, topology


def test_hosts_get_all_slices_and_their_own_disks() -> None:
    held = cluster(workers=3)
    slice_ = put(held, topology())
    hand_out([slice_])
    held.workers["10.0.10.2"].extra["machine_id"] = "a" * 32
    name = {"slice_id": 1000, "slice_uuid": slice_.uuid}
    first, second = ({"path": vm.qcow_image, "uuid": vm.disks[0].uuid} for vm in slice_.vms)
    cloud = held.identify(title="lab")
    expected = {
        "machines": [
            {"address": "10.0.10.1"},
            {"address": "10.0.10.2", "mark": machine_mark(cloud.uuid, "a" * 32)},
            {"address": "10.0.10.3"},
        ],
        "workers": {
            "10.0.10.1": [{**name, "disks": [first]}],
            "10.0.10.2": [{**name, "disks": [second]}],
            "10.0.10.3": [name],
        },
        "network_node": [name],
        "cloud": cloud.to_result(),
        "revision": held.revision,
    }
    assert holdings(held, "admin") == expected
    # Objects that are being deleted may still exist on hosts.
    teardown.remove(held, slice_)
    assert holdings(held, "admin") == expected
    held.revise()
    assert holdings(held, "admin") == {**expected, "revision": held.revision}


def test_only_admins_get_the_objects_of_hosts() -> None:
    with pytest.raises(Refused) as refused:
        holdings(cluster(), "alice")
    assert refused.value.refusals == [Refusal("admins_only", "orphans", {"user": "alice"})]
