# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import (
    AppliedSlice,
    AppliedVm,
    HostOrders,
    KnownDisplay,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ...generated import is_current


def test_it_is_read_back() -> None:
    applied = AppliedSlice(1000, '{"slice":{}}', revision=5, vms=(AppliedVm(1001, "running", "7"),))
    told = HostOrders("worker1", "10.0.10.1", applied=(applied,))
    assert HostOrders.from_dict(told.to_dict()) == told


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1', "1"])
def test_a_record_is_a_json_object(text: str) -> None:
    with pytest.raises(Refused) as caught:
        AppliedSlice.from_dict({"slice_id": 1000, "record": text})
    figures = {"field": "record", "allowed": "a JSON object", "got": text}
    assert caught.value.refusals == [Refusal("field_not_allowed", "slice 1000", figures)]


@pytest.mark.parametrize("name", ["plugins/modules/applied_orders_info.py", "plugins/modules/database_rebuild.py"])
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)


def test_a_password_is_a_secret_and_its_id_is_none() -> None:
    said = KnownDisplay.arguments()
    assert (said["password"]["no_log"], said["password_id"]["no_log"]) == (True, False)
