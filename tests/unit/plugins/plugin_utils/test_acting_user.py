# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The acting user by each rule. AWX writes the variables of jobs (C(awx_meta_vars)) over those of a tenant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import Key, Token
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import AWX, CREDENTIAL, SIGNED
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import (
    KEY,
    KEY_FILE,
    TOKEN,
    Decision,
    decide,
    read_key,
)

JOB = {"JOB_ID": "42"}
OWNER = "the caller can read the database"


def job(launch_type: str, user: str | None = None, **words: Any) -> dict[str, Any]:
    """The variables of AWX in a job, with both of its prefixes."""
    said = {"job_id": 42, "job_launch_type": launch_type, **words, **({} if user is None else {"user_name": user})}
    return {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in said.items()}


def workflow(launch_type: str, user: str | None = None) -> dict[str, Any]:
    """The variables of AWX in a job that is part of a workflow."""
    return job("workflow", user, workflow_job_id=41, workflow_job_launch_type=launch_type)


def decided(environment: dict[str, str], variables: dict[str, Any], *named: Any) -> Decision:
    sources = ("cloudrepo_acting_user", "the argument acting_user")
    return decide(environment, variables, list(zip(sources, named)))


def launched(user: str, how: str) -> Decision:
    return Decision(user, f"AWX job 42, launched by this user ({how})", AWX)


@pytest.mark.parametrize(
    ("environment", "variables", "named", "decision"),
    [
        # Whoever can read the database.
        ({}, {}, (), Decision("admin", OWNER, is_database_owner=True)),
        ({}, {"awx_user_name": "bob"}, (), Decision("admin", OWNER, is_database_owner=True)),
        (
            {},
            {},
            ("bob",),
            Decision("bob", "cloudrepo_acting_user; the caller can read the database", is_database_owner=True),
        ),
        (
            {},
            {},
            (None, "bob"),
            Decision("bob", "the argument acting_user; the caller can read the database", is_database_owner=True),
        ),
        (
            {"JOB_ID": ""},
            {"awx_job_id": None},
            (),
            Decision("admin", OWNER, is_database_owner=True),
        ),
        # The environment takes precedence.
        (
            {"CLOUDREPO_ACTING_USER": "bob"},
            {},
            (),
            Decision("bob", "CLOUDREPO_ACTING_USER in the controller's environment", CREDENTIAL),
        ),
        (
            {"CLOUDREPO_ACTING_USER": "bob", **JOB},
            job("scheduled"),
            ("bob", "bob"),
            Decision("bob", "CLOUDREPO_ACTING_USER in the controller's environment", CREDENTIAL),
        ),
        (
            {"CLOUDREPO_ACTING_USER": "bob", **JOB},
            job("manual", "alice"),
            (),
            Decision("bob", "CLOUDREPO_ACTING_USER in the controller's environment", CREDENTIAL),
        ),
        # A user has launched the job, or the workflow that it is part of.
        (JOB, job("manual", "bob"), (), launched("bob", "manual")),
        (JOB, job("relaunch", "bob"), ("bob",), launched("bob", "relaunch")),
        (JOB, workflow("manual", "bob"), (), launched("bob", "manual")),
        (JOB, workflow("relaunch", "bob"), (), launched("bob", "relaunch")),
        ({"AD_HOC_COMMAND_ID": "42"}, job("manual", "bob"), (), launched("bob", "manual")),
        ({}, job("manual", "bob"), (), launched("bob", "manual")),
    ],
)
def test_acting_users(environment: dict[str, str], variables: dict[str, Any], named: Any, decision: Decision) -> None:
    assert decided(environment, variables, *named) == decision


def unproved(launch_type: str) -> Refusal:
    return Refusal("acting_user_unproved", "job 42", {"launch_type": launch_type})


def differ(first: str, got: str, second: str, other: str, what: str = "acting user") -> Refusal:
    return Refusal("acting_users_differ", what, {"first": first, "got": got, "second": second, "other": other})


@pytest.mark.parametrize(
    ("environment", "variables", "named", "refusal"),
    [
        # AWX has no user in these, so the name is whatever somebody wrote into their variables.
        *(
            (JOB, job(how, name), (), unproved(how))
            for how in ("scheduled", "callback", "webhook", "dependency", "sync", "scm")
            for name in (None, "admin")
        ),
        *(
            (JOB, workflow(how, name), (), unproved(how))
            for how in ("scheduled", "webhook", "workflow")
            for name in (None, "admin")
        ),
        (JOB, job("workflow", "admin"), (), unproved("unknown")),
        (JOB, {**job("scheduled", "admin"), "awx_workflow_job_launch_type": "manual"}, (), unproved("scheduled")),
        (JOB, {}, (), unproved("unknown")),
        # The update of an inventory source, which AWX also starts before a job.
        ({"INVENTORY_UPDATE_ID": "42"}, {}, (), unproved("unknown")),
        (JOB, {"awx_user_name": "admin"}, (), unproved("unknown")),
        (JOB, job("manual"), (), unproved("manual")),
        ({}, {"awx_job_id": 42}, (), unproved("unknown")),
        ({}, {"tower_job_id": 42}, ("admin",), unproved("unknown")),
        # Words that differ.
        (
            {"CLOUDREPO_ACTING_USER": "bob"},
            {},
            ("admin",),
            differ("CLOUDREPO_ACTING_USER", "bob", "cloudrepo_acting_user", "admin"),
        ),
        (
            {"CLOUDREPO_ACTING_USER": "bob"},
            {},
            (None, "admin"),
            differ("CLOUDREPO_ACTING_USER", "bob", "the argument acting_user", "admin"),
        ),
        (JOB, job("manual", "bob"), ("admin",), differ("awx_user_name", "bob", "cloudrepo_acting_user", "admin")),
        ({}, {}, ("bob", "alice"), differ("cloudrepo_acting_user", "bob", "the argument acting_user", "alice")),
        (
            JOB,
            {**job("manual", "bob"), "tower_user_name": "admin"},
            (),
            differ("awx_user_name", "bob", "tower_user_name", "admin"),
        ),
        (
            JOB,
            {**job("scheduled"), "tower_job_launch_type": "manual"},
            (),
            differ("awx_job_launch_type", "scheduled", "tower_job_launch_type", "manual", "launch type"),
        ),
        ({"JOB_ID": "7"}, job("manual", "bob"), (), differ("JOB_ID", "7", "awx_job_id", "42", "job")),
        # Not a name: an empty field of a credential, a number, a list.
        ({"CLOUDREPO_ACTING_USER": ""}, {}, (), Refusal("acting_user_empty", "CLOUDREPO_ACTING_USER", {"got": ""})),
        ({"CLOUDREPO_ACTING_USER": " "}, {}, (), Refusal("acting_user_empty", "CLOUDREPO_ACTING_USER", {"got": " "})),
        (JOB, job("manual", ""), (), Refusal("acting_user_empty", "awx_user_name", {"got": ""})),
        ({}, {}, ("",), Refusal("acting_user_empty", "cloudrepo_acting_user", {"got": ""})),
        ({}, {}, (7,), Refusal("acting_user_empty", "cloudrepo_acting_user", {"got": 7})),
        ({}, {}, (["admin"],), Refusal("acting_user_empty", "cloudrepo_acting_user", {"got": ["admin"]})),
    ],
)
def test_refused_acting_users(
    environment: dict[str, str], variables: dict[str, Any], named: Any, refusal: Refusal
) -> None:
    with pytest.raises(Refused) as refused:
        decided(environment, variables, *named)
    assert refused.value.refusals == [refusal]


CLOUD = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
ACTING_KEY = Key(CLOUD, "ab" * 32)
BOB = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"


def with_token(user: str = "bob", key: Key = ACTING_KEY, **more: str) -> dict[str, str]:
    """An environment with the cloud's key and a token that expires in the distant future."""
    token = Token(user, BOB, 4_000_000_000, key.cloud).signed(key)
    return {TOKEN: token, KEY: str(ACTING_KEY), KEY_FILE: "/nowhere", **more}


@pytest.mark.parametrize(
    ("more", "variables", "named"),
    [
        ({}, {}, ()),
        ({}, {}, ("bob", "bob")),
        ({"CLOUDREPO_ACTING_USER": "bob"}, {}, ()),
        (JOB, job("scheduled", "admin"), ()),
        (JOB, job("manual", "alice"), ()),
    ],
)
def test_a_valid_token_determines_the_acting_user(more: dict[str, str], variables: dict[str, Any], named: Any) -> None:
    because = "CLOUDREPO_ACTING_TOKEN, signed with the cloud's key, until 2096-10-02T07:06:40Z"
    assert decided(with_token(**more), variables, *named) == Decision("bob", because, SIGNED, BOB)


@pytest.mark.parametrize(
    ("environment", "named", "code"),
    [
        (with_token(CLOUDREPO_ACTING_USER="alice"), (), "acting_users_differ"),
        (with_token(), ("admin",), "acting_users_differ"),
        (with_token(key=Key(CLOUD, "cd" * 32)), (), "acting_token_invalid"),
        (with_token(key=Key(CLOUD.replace("4", "5"), "ab" * 32)), (), "acting_token_of_another_cloud"),
        (with_token(**{TOKEN: ""}), (), "acting_token_malformed"),
        (with_token(**{TOKEN: Token("bob", BOB, 1, CLOUD).signed(ACTING_KEY)}), (), "acting_token_expired"),
        (with_token(**{KEY: "secret"}), (), "acting_key_malformed"),
        ({TOKEN: "x", KEY_FILE: "/nowhere"}, (), "acting_key_missing"),
    ],
)
def test_an_invalid_token_is_refused(environment: dict[str, str], named: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        decided(environment, {}, *named)
    assert [each.code for each in refused.value.refusals] == [code]


def test_a_key_file_of_another_owner_or_with_a_wide_mode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acting.key"
    path.write_text(str(ACTING_KEY), encoding="utf-8")
    path.chmod(0o600)
    assert read_key({KEY_FILE: str(path)}) == ACTING_KEY
    assert read_key({KEY_FILE: str(path), KEY: str(ACTING_KEY)}) == ACTING_KEY
    # A tenant's own credential would contain a tenant's own key.
    other = refused_key({KEY_FILE: str(path), KEY: str(Key(CLOUD, "cd" * 32))})
    assert other == Refusal("acting_keys_differ", KEY, {"path": str(path)})
    assert f"{KEY}: it is not the key in {path}; " in other.message
    for mode in (0o640, 0o604):
        path.chmod(mode)
        readable = refused_key({KEY_FILE: str(path)})
        assert readable == Refusal("acting_key_readable", str(path), {"mode": f"{mode:04o}"})
        assert readable.message.endswith(f"; run chmod 0600 {path}")


def test_a_missing_or_unreadable_key_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "acting.key"
    missing = refused_key({KEY_FILE: str(path)})
    assert missing == Refusal("acting_key_missing", str(path), {"variable": KEY})
    assert missing.message.startswith(f"{path} does not exist; tokens are checked with the cloud's key; ")
    assert read_key({KEY_FILE: str(path), KEY: str(ACTING_KEY)}) == ACTING_KEY
    path.write_bytes(b"\xff")
    path.chmod(0o600)
    assert refused_key({KEY_FILE: str(path)}).code == "acting_key_unreadable"
    path.unlink()
    path.mkdir(mode=0o700)
    folder = refused_key({KEY_FILE: str(path)})
    assert folder == Refusal("acting_key_unreadable", str(path), {"why": "Is a directory"})
    assert folder.message == f"{path}: it cannot be read: Is a directory; {folder.rule}"


def refused_key(environment: dict[str, str]) -> Refusal:
    """Return the only refusal of reading the key."""
    with pytest.raises(Refused) as refused:
        read_key(environment)
    (refusal,) = refused.value.refusals
    return refusal
