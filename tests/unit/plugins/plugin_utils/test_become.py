# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.become import explained

HOST = {"inventory_hostname": "worker1"}
MISSING = (
    "host worker1: Ansible becomes root with sudo, which this host does not have; install sudo on it, or set "
    "ansible_user to root, and ansible_become to false"
)
PASSWORD = (
    "host worker1: sudo requires the password of ops; run the playbook with --ask-become-pass, set "
    "ansible_become_password in a vault, or let ops use sudo without a password"
)
WRONG = (
    "host worker1: sudo does not accept the password of ops; check ansible_become_password, or what was entered at "
    "--ask-become-pass"
)
FORBIDDEN = (
    "host worker1: ops may not use sudo on this host; add ops to the group sudo there, or set ansible_user to a user "
    "who may use sudo"
)
OLD = (
    "host worker1: modules for hosts need Python 3.9 or newer, but its interpreter is older; set "
    "ansible_python_interpreter to /usr/bin/python3 of Debian 12"
)

NO_PYTHON = (
    "host worker1: modules for hosts need Python 3.9 or newer, but its interpreter was not found; run ansible worker1 "
    "-m ansible.builtin.raw -a 'apt-get install --yes python3', or set ansible_python_interpreter to its path"
)


# As ansible-core 2.19 and sudo 1.9 say it.
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("Premature end of stream.\n>>> Standard Error\n/bin/sh: 1: sudo: not found", MISSING),
        ("bash: line 1: sudo: command not found", MISSING),
        ("Missing sudo password", PASSWORD),
        ("Premature end of stream.\n>>> Standard Error\nsudo: a password is required", PASSWORD),
        ("sudo: a terminal is required to read the password; either use the -S option", PASSWORD),
        ("Incorrect sudo password", WRONG),
        ("sudo: 1 incorrect password attempt", WRONG),
        ("ops is not in the sudoers file.\nThis incident has been reported to the administrator.", FORBIDDEN),
        ("Sorry, user ops is not allowed to execute '/bin/sh -c true' as root on worker1.", FORBIDDEN),
        ('  File "/tmp/AnsiballZ_host_info.py", line 7\nSyntaxError: future feature annotations is not defined', OLD),
        ('  File "/tmp/AnsiballZ_host_info.py", line 7\n  File "x.zip"\n    ^\nSyntaxError: invalid syntax', OLD),
        ("ansible-core requires a minimum of Python version 3.8. Current version: 3.7.16", OLD),
        ("/bin/sh: 1: /usr/bin/python3: not found", NO_PYTHON),
        ("bash: line 1: python3.11: command not found", NO_PYTHON),
        ("/bin/sh: /usr/bin/python3: No such file or directory", NO_PYTHON),
        ("/usr/bin/env: \u2018python3\u2019: No such file or directory", NO_PYTHON),
        ("sudo: /usr/bin/python3: command not found", NO_PYTHON),
        ("The module interpreter '/usr/bin/python3' was not found.", NO_PYTHON),
    ],
)
def test_a_refusal_of_sudo_has_its_next_step(said: str, message: str) -> None:
    def refuse() -> Mapping[str, Any]:
        raise AnsibleError(said)

    raised = explained("ops", HOST, refuse)
    printed = {"failed": True, "msg": "No start of json char found", "module_stdout": "", "module_stderr": said}
    assert raised == explained("ops", HOST, lambda: printed)
    assert explained("ops", HOST, lambda: {**printed, "module_stderr": "", "module_stdout": said}) == raised
    assert (raised["failed"], raised["changed"], raised["msg"]) == (True, False, message)
    assert [refusal["object"] for refusal in raised["refusals"]] == ["host worker1"]


@pytest.mark.parametrize(
    "why",
    [
        "'ABCMeta' object is not subscriptable",
        "Ansible requires Python 3.9 or newer on the target. Current version: 3.8.18",
    ],
)
def test_an_exception_of_an_old_python_is_explained(why: str) -> None:
    ended = {"failed": True, "exception": f"CapturedErrorSummary(event=Event(msg={why!r}))"}
    assert explained("ops", HOST, lambda: ended)["msg"] == OLD


def test_a_user_that_is_not_known_is_described() -> None:
    said = {"failed": True, "module_stderr": "Missing sudo password"}
    assert "the password of the user who logs in;" in explained(None, HOST, lambda: said)["msg"]


@pytest.mark.parametrize(
    "result",
    [
        {"changed": True, "stdout": "sudo: not found"},
        {"failed": True, "msg": "sudo: not found"},
        {"failed": True, "exception": "TypeError: 'NoneType' object is not subscriptable"},
        {"failed": True, "module_stderr": 'File "/tmp/AnsiballZ_host_info.py"\nMemoryError'},
        {"failed": True, "module_stderr": "/usr/bin/python3: can't open file '/tmp/x.py': No such file or directory"},
        {"changed": False, "module_stderr": "sudo: not found"},
        {"failed": True, "msg": "No start of json char found", "module_stderr": "Segmentation fault"},
    ],
)
def test_other_results_are_returned_as_they_are(result: dict[str, Any]) -> None:
    assert explained("ops", HOST, lambda: result) == result


def test_other_errors_are_raised() -> None:
    def disconnect() -> Mapping[str, Any]:
        raise AnsibleConnectionFailure("Connection timed out")

    with pytest.raises(AnsibleConnectionFailure, match="timed out"):
        explained("ops", HOST, disconnect)
