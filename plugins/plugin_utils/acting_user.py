# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Determines the acting user, from sources that a tenant cannot write to.

Extra variables have the highest precedence, so they are not trusted on their own. A credential sets environment
variables: a name, or a token that is signed with the cloud's key (C(acting_token)). AWX overrides extra variables with
the names of its own, but it does not always set all of them: a job of a schedule has no user, so C(awx_user_name) may
come from the schedule's variables. It is only trusted if a person has launched the job, or the workflow that it is part
of.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils import acting_token
from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import Key
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import ADMIN
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import (
    ADMINISTRATOR,
    AWX,
    CREDENTIAL,
    SIGNED,
)

ENVIRONMENT = "CLOUDREPO_ACTING_USER"
TOKEN = "CLOUDREPO_ACTING_TOKEN"
KEY = "CLOUDREPO_ACTING_KEY"
KEY_FILE = "CLOUDREPO_ACTING_KEY_FILE"
"""Environment variables with the key to verify tokens, and with the path of its file."""
VARIABLE = "cloudrepo_acting_user"
JOB_IDS = ("JOB_ID", "AD_HOC_COMMAND_ID", "INVENTORY_UPDATE_ID")
"""The environment variables of a job, of an ad-hoc command and of the update of an inventory source."""
AWX_PREFIXES = ("awx", "tower")
"""AWX sets each of its variables with both prefixes."""
PERSONAL = ("manual", "relaunch")
"""The launch types of jobs that a person has launched."""
_WHERE = "acting user"


@dataclass(frozen=True)
class Decision:
    """The acting user.

    Attributes:
        user: the acting user.
        because: the source of the user, as a phrase.
        proof: the kind of proof, as in C(history.PROOFS).
        user_uuid: the UUID of the user in a token, which whoever reads the database has to compare; C(None) without a
            token.
        is_database_owner: whether the caller is trusted only because of access to the database. Such a caller may act
            on behalf of any user.
    """

    user: str
    because: str
    proof: str = ADMINISTRATOR
    user_uuid: str | None = None
    is_database_owner: bool = False


@dataclass(frozen=True)
class Statement:
    """A user name and its source; for a token also the user's UUID."""

    source: str
    user: str
    uuid: str | None = None


def decide(environment: Mapping[str, str], variables: Mapping[str, Any], named: Sequence[tuple[str, Any]]) -> Decision:
    """Return the acting user.

    Args:
        environment: the environment of the controller, which a credential can set and a caller cannot.
        variables: the extra variables, not templated; only those of AWX are used.
        named: user names without proof, each with its source; C(None) if a source does not name one.

    Raises:
        Refused: a job has no user, a name is empty, a token is invalid, or two sources contradict each other.
    """
    named_users = [_statement(source, user) for source, user in named if user is not None]
    proved, because = _proof(environment, variables)
    if proved is not None:
        _require_agreement([proved, *named_users])
        proof = {ENVIRONMENT: CREDENTIAL, TOKEN: SIGNED}.get(proved.source, AWX)
        return Decision(proved.user, because, proof, proved.uuid)
    if named_users:
        _require_agreement(named_users)
        return Decision(
            named_users[0].user, f"{named_users[0].source}; the caller can read the database", is_database_owner=True
        )
    return Decision(ADMIN, "the caller can read the database", is_database_owner=True)


def job_id(environment: Mapping[str, str], variables: Mapping[str, Any]) -> str | None:
    """Return the id of the AWX job; null without one. It proves nothing."""
    job_ids = [*_environment_ids(environment), *_awx_variables(variables, "job_id")]
    return job_ids[0].user if job_ids else None


def _proof(environment: Mapping[str, str], variables: Mapping[str, Any]) -> tuple[Statement | None, str]:
    """Return the proven user and the source; C(None) for a run outside AWX and without a credential."""
    statements = [_statement(ENVIRONMENT, environment[ENVIRONMENT])] if ENVIRONMENT in environment else []
    if TOKEN in environment:
        token = acting_token.verify(environment[TOKEN], read_key(environment), now=time.time())
        statement = Statement(TOKEN, token.user, token.uuid)
        _require_agreement([statement, *statements])
        return statement, f"{TOKEN}, signed with the cloud's key, until {acting_token.utc(token.expires)}"
    if statements:
        return statements[0], f"{ENVIRONMENT} in the controller's environment"
    job_ids = [*_environment_ids(environment), *_awx_variables(variables, "job_id")]
    if not job_ids:
        return None, ""
    _require_agreement(job_ids, "job")
    job, launched = job_ids[0].user, _launch_type(variables)
    users = [
        _statement(statement.source, variables[statement.source])
        for statement in _awx_variables(variables, "user_name")
    ]
    if not users or launched not in PERSONAL:
        raise Refused([Refusal("acting_user_unproved", f"job {job}", {"launch_type": launched or "unknown"})])
    _require_agreement(users)
    return users[0], f"AWX job {job}, launched by this user ({launched})"


def read_key(environment: Mapping[str, str]) -> Key:
    """Return the cloud's key, from the environment or from a file that only its owner can read.

    Raises:
        Refused: there is no key, other users can read it, or environment and file have different keys.
    """
    found = [Key.read(environment[KEY], KEY)] if KEY in environment else []
    path = environment.get(KEY_FILE, acting_token.KEY_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise Refused([Refusal("acting_key_readable", path, {"mode": f"{mode:04o}"})])
            found.append(Key.read(file.read(), path))
    except FileNotFoundError as error:
        if not found:
            raise Refused([Refusal("acting_key_missing", path, {"variable": KEY})]) from error
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise Refused([Refusal("acting_key_unreadable", path, {"why": why})]) from error
    if len(set(found)) > 1:
        # A caller who may choose the credential must not be able to replace the key.
        raise Refused([Refusal("acting_keys_differ", KEY, {"path": path})])
    return found[0]


def _launch_type(variables: Mapping[str, Any]) -> str | None:
    """Return the launch type of the job, or of the workflow that it is part of."""
    for what in ("job_launch_type", "workflow_job_launch_type"):
        types = list(_awx_variables(variables, what))
        _require_agreement(types, "launch type")
        if not types or types[0].user != "workflow":
            return types[0].user if types else None
    return "workflow"


def _environment_ids(environment: Mapping[str, str]) -> Iterator[Statement]:
    yield from (Statement(name, environment[name]) for name in JOB_IDS if environment.get(name))


def _awx_variables(variables: Mapping[str, Any], what: str) -> Iterator[Statement]:
    names = (f"{prefix}_{what}" for prefix in AWX_PREFIXES)
    yield from (Statement(name, str(variables[name])) for name in names if variables.get(name) is not None)


def _statement(source: str, user: Any) -> Statement:
    if not isinstance(user, str) or not user.strip():
        raise Refused([Refusal("acting_user_empty", source, {"got": user})])
    return Statement(source, str(user))


def _require_agreement(statements: Sequence[Statement], what: str = _WHERE) -> None:
    """Refuse different values, because one of them must be wrong."""
    for other in statements[1:]:
        if other.user != statements[0].user:
            figures = {
                "first": statements[0].source,
                "got": statements[0].user,
                "second": other.source,
                "other": other.user,
            }
            raise Refused([Refusal("acting_users_differ", what, figures)])
