# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens that prove who acts, as results of a module."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from .. import bounds
from .._domain import identities
from .._domain.registration import require_admin
from .._host import files
from ..acting_token import Key, Token, utc
from ..changes import Change, between
from ..cluster import Cluster
from ..errors import Refusal, Refused
from .edge import Outcome


def issue(cluster: Cluster, params: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Return a token for a user, and create the cloud's key, and the user's UUID, if there is none.

    Raises:
        Refused: the acting user is not an admin, there is no such user or no cloud yet, or the file is not this
            cloud's key.
    """
    require_admin(cluster, params["acting_user"], "acting_token")
    user, path = params["user"], params["key_file"]
    refusals = list(bounds.TOKEN_H.problems("acting_token", "valid_h", params["valid_h"]))
    if user not in cluster.users:
        refusals.append(Refusal("not_found", f"user {user}", {"known": sorted(cluster.users)}))
    if cluster.cloud is None:
        refusals.append(Refusal("cloud_missing", "token"))
    if refusals or cluster.cloud is None:
        raise Refused(refusals)
    key, changes = _key(path, cluster.cloud.uuid, check_mode=check_mode)
    stored = cluster.users[user]
    before = {"uuid": stored.uuid}
    identities.identify_user(cluster, stored)
    if before != {"uuid": stored.uuid}:
        changes.append(between("user", user, before, {"uuid": stored.uuid}))
    token = Token(user, str(stored.uuid), int(time.time()) + params["valid_h"] * 3600, key.cloud)
    return Outcome(changes, {"token": token.signed(key), "user": user, "expires": utc(token.expires)})


def _key(path: str, cloud: str, *, check_mode: bool) -> tuple[Key, list[Change]]:
    text = files.read_text(path)
    if text is None:
        key = Key.new(cloud)
        if not check_mode:
            files.make_folders(os.path.dirname(path))
            files.write_text(path, str(key), mode=0o600)
        return key, [between("acting key", path, None, {"cloud": cloud})]
    key = Key.read(text, path)
    if key.cloud != cloud:
        raise Refused([Refusal("acting_key_of_another_cloud", path, {"got": key.cloud, "cloud": cloud})])
    return key, []
