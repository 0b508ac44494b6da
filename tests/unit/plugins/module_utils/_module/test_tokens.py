# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens are issued by admins, for users that exist, with a key that only its owner can read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import identities
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import tokens
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.tokens import issue
from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import Key, verify
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import between
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .._domain import builders


@pytest.fixture
def cluster() -> Cluster:
    made = builders.cluster()
    made.identify(title="lab")
    identities.identify_user(made, made.users["alice"])
    return made


def params(folder: Path, **args: Any) -> dict[str, Any]:
    path = str(folder / "keys" / "acting.key")
    return {"acting_user": "admin", "user": "alice", "valid_h": 1, "key_file": path, **args}


def test_tokens_are_valid_and_the_key_is_created_once(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "acting.key"
    predicted = issue(cluster, params(tmp_path), check_mode=True)
    assert not path.exists()
    first = issue(cluster, params(tmp_path), check_mode=False)
    assert path.stat().st_mode & 0o777 == 0o600
    key = Key.read(path.read_text(encoding="utf-8"), "file")
    again = issue(cluster, params(tmp_path), check_mode=False)
    assert [change.kind for change in first.changes] == ["acting key"]
    assert (first.changes, again.changes) == (predicted.changes, [])
    uuid = cluster.users["alice"].uuid
    assert cluster.cloud is not None
    for made in (first, again):
        token = verify(made.result["token"], key, now=0)
        assert (token.user, token.uuid, token.cloud) == ("alice", uuid, cluster.cloud.uuid)
    assert key.secret not in str(first)


def test_a_user_without_a_uuid_gets_one_with_the_first_token(cluster: Cluster, tmp_path: Path) -> None:
    del cluster.users["alice"].extra["uuid"]
    issue(cluster, params(tmp_path, user="admin"), check_mode=False)
    first = issue(cluster, params(tmp_path), check_mode=False)
    uuid = cluster.users["alice"].uuid
    assert uuid is not None
    assert first.changes == [between("user", "alice", {"uuid": None}, {"uuid": uuid})]
    assert issue(cluster, params(tmp_path), check_mode=False).changes == []
    assert cluster.users["alice"].uuid == uuid


@pytest.mark.parametrize("valid_h", [1, 48])
def test_a_token_expires_after_the_given_hours(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valid_h: int
) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    monkeypatch.setattr(tokens.time, "time", now.timestamp)
    done = issue(cluster, params(tmp_path, valid_h=valid_h), check_mode=False)
    until = now + timedelta(hours=valid_h)
    assert done.result["expires"] == until.strftime("%Y-%m-%dT%H:%M:%SZ")
    key = Key.read((tmp_path / "keys" / "acting.key").read_text(encoding="utf-8"), "file")
    assert verify(done.result["token"], key, now=0).expires == until.timestamp()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"acting_user": "alice"}, "admins_only"),
        ({"user": "nobody"}, "not_found"),
        ({"valid_h": 0}, "out_of_range"),
        ({"valid_h": 8785}, "out_of_range"),
    ],
)
def test_a_refused_call_creates_no_key(cluster: Cluster, tmp_path: Path, args: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        issue(cluster, params(tmp_path, **args), check_mode=False)
    assert [each.code for each in refused.value.refusals] == [code]
    assert not (tmp_path / "keys").exists()


def test_a_key_of_another_cloud_stays(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    path, text = tmp_path / "keys" / "acting.key", str(Key.new("0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02"))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="it is the key of cloud") as caught:
        issue(cluster, params(tmp_path), check_mode=False)
    assert [each.code for each in caught.value.refusals] == ["acting_key_of_another_cloud"]
    assert path.read_text(encoding="utf-8") == text


def test_a_database_without_a_cloud_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        issue(builders.cluster(), params(tmp_path), check_mode=False)
    assert [each.code for each in caught.value.refusals] == ["cloud_missing"]
    assert str(caught.value) == (
        "token: the database has no cloud yet; a token is valid in one cloud; run cloudrepo.slices.site"
    )
