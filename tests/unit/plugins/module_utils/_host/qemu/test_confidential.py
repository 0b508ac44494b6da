# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import confidential
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ..fakes import orders, vm


def read(given: Mapping[Any, Any]) -> dict[int, str]:
    return confidential.read(
        given, option="texts", allows=str.islower, invalid=lambda vm: Refusal("invalid_password", vm)
    )


def test_texts_are_read_by_id() -> None:
    assert read({}) == {}
    assert read({"1001": "abc", 1002: "d"}) == {1001: "abc", 1002: "d"}


def test_all_invalid_texts_and_ids_are_refused_without_the_texts() -> None:
    with pytest.raises(Refused) as caught:
        read({"1001": "ABC", "1002": None, "web": "abc"})
    assert caught.value.refusals == [
        Refusal("invalid_password", "VM 1001"),
        Refusal("invalid_password", "VM 1002"),
        Refusal("invalid_vm_id", "settings", {"option": "texts", "got": "web"}),
    ]
    assert "ABC" not in str(caught.value)


def test_each_vm_without_its_text_is_refused() -> None:
    (one,) = orders(vm(1001), vm(1002))
    confidential.need([], lambda vm: Refusal("password_missing", str(vm)))
    with pytest.raises(Refused) as caught:
        confidential.need(one.vms, lambda vm: Refusal("password_missing", str(vm.vm_id)))
    assert [refusal.object for refusal in caught.value.refusals] == ["1001", "1002"]
