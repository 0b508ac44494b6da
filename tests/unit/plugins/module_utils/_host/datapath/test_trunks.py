# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Links that need more than the reduced MTU of a trunk are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import trunks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovs import INFRASTRUCTURE
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import Crossing, SliceOrder


def test_only_trunks_of_the_collection_with_a_device_are_checked(tmp_path: Path) -> None:
    ours = {INFRASTRUCTURE: "uplink"}
    ports = [
        Port("trunk0", "br-int", vlan_mode="trunk", external_ids=ours),
        Port("bond0", "br-int", vlan_mode="trunk", external_ids=ours),
        Port("gw400", "br-int", 400, "access", external_ids=ours),
        Port("theirs", "br-int", vlan_mode="trunk"),
    ]
    for name in ("trunk0", "gw400", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mtu").write_text("1500\n")
    assert trunks.mtus(Switch(ports={port.name: port for port in ports}), str(tmp_path)) == {"trunk0": 1500}


@pytest.mark.parametrize(("mtu", "is_refused"), [(9003, True), (9004, False), (9005, False)])
def test_a_slice_whose_link_exceeds_the_trunk_mtu_is_refused(mtu: int, is_refused: bool) -> None:
    jumbo = SliceOrder(1000, (), trunk=(Crossing("link web/core", 9004),))
    figures = {"needed": 9004, "host": "trunk0", "trunk_mtu": mtu}
    refusal = (1000, Refusal("trunk_mtu_too_small", "link web/core", figures))
    found = list(trunks.conflicts([jumbo, SliceOrder(1035, ())], {"trunk0": mtu}))
    assert found == ([refusal] if is_refused else [])
    assert [refusal.figures for _slice_id, refusal in found] == [figures] * is_refused
