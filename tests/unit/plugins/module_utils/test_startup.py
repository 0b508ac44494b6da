# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start-ups as JSON, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import startup
from ansible_collections.cloudrepo.slices.plugins.module_utils.startup import File, Startup

SECRET = "hunter2-Zq8"


def messages(data: Any) -> list[str]:
    return [refusal.message for refusal in startup.problems("VM web/vm1", json.dumps(data))]


def test_a_start_up_is_read_with_its_defaults_and_written_in_one_form() -> None:
    given = {"commands": ["true"], "files": [{"path": "/etc/a", "content": "ü\n", "mode": None}], "timeout_s": 9}
    found = Startup.from_text(json.dumps(given))
    assert found == Startup((File("/etc/a", "ü\n", "0644"),), ("true",))
    assert Startup.from_text(found.text()) == found
    assert (found.length, startup.timeout_s(json.dumps(given))) == (6, 9)
    # Its id follows from this form: with another one, all start-ups would run again.
    assert found.text() == (
        '{"commands": ["true"], "files": [{"content": "\\u00fc\\n", "mode": "0644", "path": "/etc/a"}]}'
    )


@pytest.mark.parametrize(("given", "via"), [(None, None), ({}, None), ({"via": None}, None), ({"via": "ssh"}, "ssh")])
def test_a_start_up_may_say_how_it_gets_into_the_guest(given: Any, via: str | None) -> None:
    assert startup.via(json.dumps(given)) == via
    assert startup.is_valid(json.dumps(given))


@pytest.mark.parametrize("nothing", [None, {}, {"files": None, "commands": [], "timeout_s": None}])
def test_a_start_up_may_be_empty(nothing: Any) -> None:
    assert messages(nothing) == []
    assert Startup.from_text(json.dumps(nothing)) == Startup()
    assert startup.timeout_s(json.dumps(nothing)) == startup.DEFAULT_TIMEOUT_S == 600


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (SECRET, "VM web/vm1: startup must be a dictionary"),
        ([SECRET], "VM web/vm1: startup must be a dictionary"),
        ({"commands": SECRET}, "VM web/vm1: commands of startup must be a list"),
        ({"files": {"path": SECRET}}, "VM web/vm1: files of startup must be a list"),
        ({"file": [SECRET]}, "VM web/vm1 startup: field file is unknown"),
        ({"files": [SECRET]}, "VM web/vm1: startup file 1 must be a dictionary"),
        (
            {"files": [{"path": "/a", "text": SECRET, "content": ""}]},
            "VM web/vm1 startup file 1: field text is unknown",
        ),
        ({"files": [{"content": SECRET}]}, "VM web/vm1 startup file 1: path is missing"),
        ({"files": [{"path": "/a"}]}, "VM web/vm1 startup file 1: content is missing"),
        (
            {"files": [{"path": "etc/a", "content": SECRET}]},
            "VM web/vm1: path of startup file 1 must be an absolute path of at most 1,024 characters, without control "
            "characters",
        ),
        (
            {"files": [{"path": "/a", "content": f"{SECRET}\0"}]},
            "VM web/vm1: content of startup file 1 must be text without null characters",
        ),
        (
            {"files": [{"path": "/a", "content": 1}]},
            "VM web/vm1: content of startup file 1 must be text without null characters",
        ),
        (
            {"files": [{"path": "/a", "content": "", "mode": 420}]},
            "VM web/vm1: mode of startup file 1 must be four octal digits in quotes, such as '0644'",
        ),
        ({"commands": ["true", ""]}, "VM web/vm1: startup command 2 must be 1-4,096 characters"),
        ({"commands": ["true"], "timeout_s": "1"}, "VM web/vm1: timeout_s of startup must be a number of seconds"),
        ({"commands": ["true"], "timeout_s": True}, "VM web/vm1: timeout_s of startup must be a number of seconds"),
        ({"commands": ["true"], "timeout_s": 0}, "VM web/vm1: timeout_s of startup must be 1-86400, got 0"),
        ({"commands": ["true"], "via": "telnet"}, "VM web/vm1: via of startup must be console or ssh"),
        ({"commands": ["true"] * 257}, "VM web/vm1: number of startup commands must be 0-256, got 257"),
        (
            {"files": [{"path": f"/{number}", "content": ""} for number in range(65)]},
            "VM web/vm1: number of startup files must be 0-64, got 65",
        ),
        (
            {"files": [{"path": "/a", "content": "a" * 262_140}], "commands": ["false"]},
            "VM web/vm1: length of startup must be 0-262144, got 262145",
        ),
    ],
)
def test_what_is_wrong_is_told_without_the_content(wrong: Any, message: str) -> None:
    assert messages(wrong) == [message]
    assert not startup.is_valid(json.dumps(wrong))


def test_a_text_that_is_no_json_is_refused() -> None:
    (found,) = startup.problems("VM web/vm1", f"commands: [{SECRET}]")
    assert found.message == "VM web/vm1: startup must be a dictionary"


def test_the_limits_are_allowed() -> None:
    longest = {"path": f"/{'a' * 1023}", "content": "a" * (262_144 - 4096 * 2), "mode": "0000"}
    assert messages({"files": [longest], "commands": ["a" * 4096, "b" * 4096], "timeout_s": 86_400}) == []
    files = [{"path": f"/a b/ü{number}", "content": ""} for number in range(64)]
    assert messages({"files": files, "commands": ["true"] * 256}) == []


def test_a_text_that_is_nested_too_deeply_is_refused() -> None:
    [refusal] = startup.problems("VM web/a", '{"commands": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert refusal.message == "VM web/a: startup must be a dictionary"


def test_a_key_that_is_set_twice_is_refused() -> None:
    [refusal] = startup.problems("VM web/a", '{"commands": ["secret"], "commands": ["other"]}')
    assert refusal.message == "VM web/a startup: commands is set twice"
    [refusal] = startup.problems("VM web/a", '{"files": [{"path": "/a", "content": "x", "path": "/b"}]}')
    assert refusal.message == "VM web/a startup: path is set twice"


def test_two_files_at_one_path_are_refused() -> None:
    files = [{"path": f"/etc/{name}", "content": name} for name in "aba"]
    [refusal] = startup.problems("VM web/a", json.dumps({"files": files}))
    assert refusal.message == "VM web/a: path of startup file 3 must be a path that no file before it has"
