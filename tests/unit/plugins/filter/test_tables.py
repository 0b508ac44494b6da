# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.filter.tables import slices_table

from ..module_utils._domain.builders import cluster, put, topology


def test_slices_as_modules_return_them() -> None:
    slice_ = put(cluster(), topology())
    assert slices_table([slice_.to_dict()]).splitlines()[1].split() == [
        *("web", "1000", "admin", "design", "0/2", "1/20", "10.0.10.1", "10.0.10.2")
    ]


def test_a_pool_with_the_management_vlan_has_one_vlan_less() -> None:
    slice_ = put(cluster(), topology())
    assert slices_table([slice_.to_dict()], 119).splitlines()[1].split()[5] == "1/19"
