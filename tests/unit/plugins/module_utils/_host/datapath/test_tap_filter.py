# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Detection of the packet filter between taps and the host's own stack."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import tap_filter
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from ..fakes import TAP_FILTER, FakeRunner

LIST = ("nft", "--stateless", "list", "table", "inet", "cloudrepo_taps")
IN, OUT, VMS = TAP_FILTER.splitlines()


@pytest.mark.parametrize(
    ("said", "rc", "is_loaded"),
    [
        (f"table inet cloudrepo_taps {{\n{IN}\n{OUT}\n{VMS}\n}}\n", 0, True),
        (f"{IN}\n{OUT}", 0, False),
        (f"{IN}\n{VMS}", 0, False),
        (f"{OUT}\n{VMS}", 0, False),
        ("", 0, False),
        ("", 1, False),
        (TAP_FILTER, 1, False),
        (TAP_FILTER.replace("drop", "accept"), 0, False),
    ],
)
def test_both_directions_of_taps_and_the_users_of_vms_are_filtered(said: str, rc: int, is_loaded: bool) -> None:
    assert tap_filter.is_loaded(FakeRunner().tell(*LIST, stdout=said, rc=rc)) is is_loaded


def test_rules_are_loaded_in_one_transaction() -> None:
    tap_filter.load(FakeRunner().tell("nft", "-f", tap_filter.RULES))
    with pytest.raises(CommandFailed):
        tap_filter.load(FakeRunner().tell("nft", "-f", tap_filter.RULES, rc=1))
