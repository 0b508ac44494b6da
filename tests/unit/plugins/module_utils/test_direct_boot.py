# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fields for direct boot have the same rules in kinds and in work orders."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import direct_boot
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind

from ._host.fakes import orders, vm

BOOTS = {"kernel": "/k", "initrd": "/i", "kernel_arguments": "console=ttyS0"}


def of_kind(**fields: Any) -> list[Refusal]:
    sums = {f"{name}_checksum": "ab" * 32 for name in ("kernel", "initrd") if name in fields}
    with pytest.raises(Refused) as caught:
        Kind.from_dict({"name": "k", **sums, **fields})
    return caught.value.refusals


def of_order(**fields: Any) -> list[Refusal]:
    with pytest.raises(Refused) as caught:
        orders(vm(1001, 100, **fields))
    return caught.value.refusals


@pytest.mark.parametrize(
    ("fields", "code", "figures", "message"),
    [
        (
            {"initrd": "/i"},
            "kernel_missing",
            {"option": "initrd"},
            "initrd is set without kernel; initrd and kernel_arguments are for a kernel that is booted directly",
        ),
        (
            {"kernel_arguments": "quiet"},
            "kernel_missing",
            {"option": "kernel_arguments"},
            "kernel_arguments is set without kernel; initrd and kernel_arguments are for a kernel that is booted "
            "directly",
        ),
        (
            {"kernel": "/k", "firmware": "uefi"},
            "kernel_needs_bios",
            {"kernel": "/k", "got": "uefi"},
            "a kernel that is booted directly needs firmware bios, got uefi with kernel /k",
        ),
        (
            {"kernel": "/k", "kernel_arguments": "a" * 1001},
            "out_of_range",
            {"option": "length of kernel_arguments", "got": 1001, "least": 1, "most": 1000},
            "length of kernel_arguments must be 1-1000, got 1001",
        ),
        *(
            (
                {"kernel": "/k", "kernel_arguments": text},
                "field_not_allowed",
                {
                    "field": "kernel_arguments",
                    "allowed": "printable ASCII characters without double quotes",
                    "got": text,
                },
                f"kernel_arguments must be printable ASCII characters without double quotes, got {text!r}",
            )
            for text in ("quiet\nroot=/dev/sda", "quiet\n", "a\0b", 'dyndbg="a b"', "ä", "a\tb")
        ),
    ],
)
def test_what_cannot_be_booted_is_refused(
    fields: dict[str, Any], code: str, figures: dict[str, Any], message: str
) -> None:
    for where, found in (("kind k", of_kind(**fields)), ("slice 1000, VM 1001", of_order(**fields))):
        assert found == [Refusal(code, where, figures)]
        assert found[0].message == f"{where}: {message}"


def test_what_can_be_booted_has_its_fields() -> None:
    for fields in ({}, {"kernel": "/k"}, BOOTS, {**BOOTS, "kernel_arguments": "a" * 1000}):
        (order,) = orders(vm(1001, 100, **fields))
        assert direct_boot.given(order.vms[0]) == fields
        sums = {f"{name}_checksum": "ab" * 32 for name in ("kernel", "initrd") if name in fields}
        assert direct_boot.given(Kind.from_dict({"name": "k", **fields, **sums})) == fields
