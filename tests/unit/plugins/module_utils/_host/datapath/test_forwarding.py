# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import forwarding
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import OFCTL

from ..fakes import FakeRunner

DUMP = (*OFCTL, "--no-stats", "dump-flows", "br-int", "table=0")
MODE = ("ovs-vsctl", "--timeout=30", "get-fail-mode", "br-int")
ADD = (*OFCTL, "add-flow", "br-int", "priority=0,actions=NORMAL")


@pytest.mark.parametrize(
    ("flows", "mode", "forwards"),
    [
        (" priority=0 actions=NORMAL\n", None, True),
        (" priority=50,in_port=1 actions=drop\n priority=0 actions=NORMAL\n", None, True),
        ("", "\n", False),
        ("", "standalone\n", False),
        ("", "secure\n", True),
        (" priority=0,in_port=1 actions=NORMAL\n priority=0 actions=drop\n", "standalone\n", False),
    ],
)
def test_a_bridge_without_the_flow_forwards_nothing_unless_a_worker_has_others(
    flows: str, mode: str | None, forwards: bool
) -> None:
    runner = FakeRunner().tell(*DUMP, stdout=flows)
    if mode is not None:
        runner.tell(*MODE, stdout=mode)
    assert forwarding.forwards("br-int", runner) is forwards


def test_the_flow_is_added_where_it_is_missing() -> None:
    runner = FakeRunner().tell(*DUMP).tell(*MODE, stdout="standalone\n").tell(*ADD)
    forwarding.restore("br-int", runner)
    assert runner.argvs[-1] == [*ADD]


def test_what_forwards_gets_no_flow() -> None:
    runner = FakeRunner().tell(*DUMP).tell(*MODE, stdout="secure\n")
    forwarding.restore("br-int", runner)
    assert len(runner.argvs) == 2


def test_a_bridge_that_does_not_exist_forwards_nothing() -> None:
    runner = FakeRunner().tell(*DUMP, rc=1).tell(*MODE, rc=1)
    assert not forwarding.forwards("br-int", runner)
