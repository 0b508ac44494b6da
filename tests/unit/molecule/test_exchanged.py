# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transactions with the rules for VMs in the output of nft."""

from __future__ import annotations

import pytest

from ..scripts import load

exchanges = load("extensions/molecule/networks/files/exchanged.py").exchanges

ADD, DELETE = "add chain ip cloudrepo from_vms { comment }", "delete chain ip cloudrepo from_vms"
END = "# new generation 7 by process 1 (nft)"


@pytest.mark.parametrize(
    ("lines", "count", "missing"),
    [
        ([], 0, 0),
        ([END], 0, 0),
        (["add table inet watched", END], 0, 0),
        ([ADD, END], 1, 0),
        ([DELETE, ADD, END], 1, 0),
        ([ADD, DELETE, END], 1, 1),
        ([DELETE, END, ADD, END], 2, 1),
        ([DELETE, ADD, END, "add rule ip other x", END, DELETE, ADD, END], 2, 0),
        ([DELETE, ADD], 0, 0),
        ([DELETE.replace("from_vms", "other"), END], 0, 0),
    ],
)
def test_rules_are_missing_after_a_transaction_that_does_not_restore_them(
    lines: list[str], count: int, missing: int
) -> None:
    assert exchanges(lines) == (count, missing, [])


def test_an_error_of_nft_is_reported() -> None:
    assert exchanges(["# ERROR: 5 events lost", END]) == (0, 0, ["# ERROR: 5 events lost"])
