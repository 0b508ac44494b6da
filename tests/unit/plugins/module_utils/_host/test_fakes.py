# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The recording fake rejects everything that a test has not prepared."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from .fakes import MORE, FakeMonitor, FakeRunner, UnexpectedCommand, UnusedAnswer


def test_an_unused_answer_of_the_fake_fails() -> None:
    runner = FakeRunner().tell("ip", "link").tell("tc", MORE)
    FakeRunner().tell("nft")
    runner.run(["tc", "qdisc"])
    with pytest.raises(UnusedAnswer, match=r"^not run: ip link; nft$"):
        FakeRunner.check_answers()
    FakeRunner.check_answers()  # the list of fakes has been reset


def test_each_of_several_answers_must_be_used() -> None:
    runner = FakeRunner().tell("ip", stdout="first").tell("ip", stdout="second")
    assert runner.run(["ip"]).stdout == "first"
    with pytest.raises(UnusedAnswer):
        FakeRunner.check_answers()
    assert [runner.run(["ip"]).stdout for _time in range(2)] == ["second", "second"]
    FakeRunner.check_answers()


@pytest.mark.parametrize("argv", [["ip"], ["ip", "link", "show"], ["ip", "address"], ["tc", "link"]])
def test_an_unknown_argument_of_the_fake_fails(argv: list[str]) -> None:
    runner = FakeRunner().tell("ip", "link")
    with pytest.raises(UnexpectedCommand):
        runner.run(argv)
    runner.run(["ip", "link"])


def test_announced_further_arguments_are_accepted() -> None:
    runner = FakeRunner().tell("ip", MORE, stdout="any").tell("ip", "link", MORE, stdout="link")
    said = [runner.run(argv).stdout for argv in (["ip", "address"], ["ip", "link"], ["ip", "link", "show"], ["ip"])]
    assert said == ["any", "link", "link", "any"]
    with pytest.raises(UnexpectedCommand):
        runner.run(["tc"])


def test_a_failing_command_is_recorded_and_reported() -> None:
    done: list[list[str]] = []
    runner = FakeRunner().tell("ip", rc=2, stderr="no").on("tc", MORE, do=lambda argv: done.append(list(argv)))
    with pytest.raises(CommandFailed) as caught:
        runner.run(["ip"], stdin="text")
    assert caught.value.fields["rc"] == 2
    assert runner.run(["ip"], check=False).stderr == "no"
    runner.run(["tc", "qdisc"])
    assert (runner.argvs, runner.stdins) == ([["ip"], ["ip"], ["tc", "qdisc"]], ["text", None, None])
    assert done == [["tc", "qdisc"]]


def test_a_fake_monitor_must_give_all_of_its_answers_and_no_others() -> None:
    monitor = FakeMonitor().tell("set_link").tell("set_password", error="too long")
    with monitor.connect("qmp.sock") as session:
        session.execute("set_link", {"name": "nic-eth0", "up": False})
        with pytest.raises(UnexpectedCommand, match="no answer prepared for query-status"):
            session.execute("query-status")
        with pytest.raises(UnexpectedCommand, match="set_link takes"):
            session.execute("set_link", {"name": "nic-eth0", "up": "no"})
    with pytest.raises(UnusedAnswer, match="not run: set_password"):
        FakeRunner.check_answers()
