# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sys

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import (
    NOT_FOUND,
    TIMED_OUT,
    SubprocessRunner,
    observed,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed


def test_a_command_reads_its_input_and_returns_its_output():
    result = SubprocessRunner().run([sys.executable, "-c", "print(input() + '!')"], stdin="hello\n")

    assert (result.rc, result.stdout) == (0, "hello!\n")


def test_a_failure_has_all_details():
    with pytest.raises(CommandFailed) as failed:
        SubprocessRunner().run([sys.executable, "-c", "import sys; print('out'); sys.exit('broken')"])

    assert failed.value.fields["rc"] == 1
    assert failed.value.fields["stdout"] == "out\n"
    assert "broken" in failed.value.message


def test_a_failure_can_be_accepted_as_a_result():
    assert SubprocessRunner().run([sys.executable, "-c", "exit(3)"], check=False).rc == 3


def test_a_missing_program_is_a_failure():
    with pytest.raises(CommandFailed) as failed:
        SubprocessRunner().run(["no-such-program-of-ours"])

    assert failed.value.fields["rc"] == NOT_FOUND


def test_a_command_has_a_time_limit():
    assert SubprocessRunner(timeout_s=0.1).run(["sleep", "20"], check=False).rc == TIMED_OUT


def test_an_unprepared_host_has_no_objects():
    def look() -> int:
        SubprocessRunner().run(["no-such-program-of-ours"])
        return 1

    assert observed(look, nothing=0, missing_ok=True) == 0
    with pytest.raises(CommandFailed):
        observed(look, nothing=0, missing_ok=False)


def test_output_is_text_in_one_language_and_input_is_empty():
    program = (
        "import os, sys; sys.stdout.buffer.write(b'\\xff' + os.environ['LC_ALL'].encode() + sys.stdin.read().encode())"
    )
    assert SubprocessRunner().run([sys.executable, "-c", program]).stdout == "\ufffdC"


def test_what_did_not_run_is_told():
    runner = SubprocessRunner(timeout_s=0.1)
    missing, late = (runner.run(argv, check=False) for argv in (["no-such-program-of-ours"], ["sleep", "20"]))
    assert missing.stderr == "no-such-program-of-ours: command not found"
    assert late.stderr == "sleep: timed out after 0.1 s"


def test_exit_codes_are_those_of_a_shell_and_of_timeout():
    assert (NOT_FOUND, TIMED_OUT) == (127, 124)
    assert SubprocessRunner().run(["no-such-program-of-ours"], check=False).rc == 127
    assert SubprocessRunner()._timeout_s == 300
