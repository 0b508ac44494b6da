# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who acts: the one place that decides it, by what a tenant cannot write.

Extra variables beat everything, so none of them is believed by itself. A credential writes to the environment: a name,
or a token that is signed with the key of the cloud (C(acting_token)). AWX puts its own words over variables of the same
name, but writes only those that it has: a job of a schedule has no user, and C(awx_user_name) is then whatever the
schedule's variables say. It is believed where AWX has a user: when a person has launched the job, or the workflow that
the job is part of.
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

ENVIRONMENT = "CLOUDREPO_ACTING_USER"
TOKEN = "CLOUDREPO_ACTING_TOKEN"
KEY = "CLOUDREPO_ACTING_KEY"
KEY_FILE = "CLOUDREPO_ACTING_KEY_FILE"
"""In the environment as well: the key with which tokens are checked, or where it is."""
VARIABLE = "cloudrepo_acting_user"
JOB_IDS = ("JOB_ID", "AD_HOC_COMMAND_ID")
"""In the environment of a job, and of an ad-hoc command."""
AWX_PREFIXES = ("awx", "tower")
"""AWX writes each of its words under both."""
PERSONAL = ("manual", "relaunch")
"""How a person launches."""
_WHERE = "acting user"


@dataclass(frozen=True)
class Decision:
    """Who acts.

    Attributes:
        user: on whose behalf the run acts.
        because: why that is believed, a phrase.
        is_database_owner: whether the caller is whoever may read the database, without a user of the cluster as proof;
            such a caller may act for anybody.
    """

    user: str
    because: str
    is_database_owner: bool = False


@dataclass(frozen=True)
class Word:
    """A statement of who acts, and where it stands."""

    source: str
    user: str


def decide(environment: Mapping[str, str], variables: Mapping[str, Any], named: Sequence[tuple[str, Any]]) -> Decision:
    """Return who acts.

    Args:
        environment: of the controller, where a credential may write and a caller may not.
        variables: the run's extra variables, not templated; of these, only AWX's own words are looked at.
        named: who is said to act by what proves nothing, each with where that stands; null where nothing is said.

    Raises:
        Refused: a job without a user, an empty name, a token that is not valid, or two words that differ.
    """
    said = [_word(source, user) for source, user in named if user is not None]
    proved, because = _proof(environment, variables)
    if proved is not None:
        _agree([proved, *said])
        return Decision(proved.user, because)
    if said:
        _agree(said)
        return Decision(said[0].user, f"{said[0].source}, by whoever can read the database", is_database_owner=True)
    return Decision(ADMIN, "whoever can read the database is its administrator", is_database_owner=True)


def _proof(environment: Mapping[str, str], variables: Mapping[str, Any]) -> tuple[Word | None, str]:
    """Return the user whom the run proves, and by what; nothing for a run on somebody's own controller."""
    words = [_word(ENVIRONMENT, environment[ENVIRONMENT])] if ENVIRONMENT in environment else []
    if TOKEN in environment:
        token = acting_token.verify(environment[TOKEN], read_key(environment), now=time.time())
        _agree([Word(TOKEN, token.user), *words])
        return Word(TOKEN, token.user), f"{TOKEN}, signed with the cloud's key, until {acting_token.utc(token.expires)}"
    if words:
        return words[0], f"{ENVIRONMENT} in the controller's environment"
    job_ids = [*_environment_ids(environment), *_said_by_awx(variables, "job_id")]
    if not job_ids:
        return None, ""
    _agree(job_ids, "job")
    job, launched = job_ids[0].user, _launch_type(variables)
    users = [_word(word.source, word.user) for word in _said_by_awx(variables, "user_name")]
    if not users or launched not in PERSONAL:
        raise Refused([Refusal("acting_user_unproved", f"job {job}", {"launch_type": launched or "unknown"})])
    _agree(users)
    return users[0], f"AWX job {job}, which this user has launched ({launched})"


def read_key(environment: Mapping[str, str]) -> Key:
    """Return the key of the cloud, of the controller's environment or in a file that only its owner can read.

    Raises:
        Refused: there is none, others can read it, or there are two.
    """
    found = [Key.read(environment[KEY], KEY)] if KEY in environment else []
    path = environment.get(KEY_FILE, acting_token.KEY_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise _unusable(path, f"its mode is {mode:04o} and must be 0600")
            found.append(Key.read(file.read(), path))
    except FileNotFoundError as error:
        if not found:
            raise _unusable(path, "it does not exist") from error
    except (OSError, ValueError) as error:
        raise _unusable(path, str(error)) from error
    if len(set(found)) > 1:
        # Whoever may choose a credential would bring a key of their own.
        raise _unusable(KEY, f"it is not the key in {path}")
    return found[0]


def _unusable(source: str, why: str) -> Refused:
    return Refused([Refusal("acting_key_unusable", source, {"why": why})])


def _launch_type(variables: Mapping[str, Any]) -> str | None:
    """Return how the job was launched, or the workflow that it is part of."""
    for what in ("job_launch_type", "workflow_job_launch_type"):
        types = list(_said_by_awx(variables, what))
        _agree(types, "launch type")
        if not types or types[0].user != "workflow":
            return types[0].user if types else None
    return "workflow"


def _environment_ids(environment: Mapping[str, str]) -> Iterator[Word]:
    yield from (Word(name, environment[name]) for name in JOB_IDS if environment.get(name))


def _said_by_awx(variables: Mapping[str, Any], what: str) -> Iterator[Word]:
    names = (f"{prefix}_{what}" for prefix in AWX_PREFIXES)
    yield from (Word(name, str(variables[name])) for name in names if variables.get(name) is not None)


def _word(source: str, user: Any) -> Word:
    if not isinstance(user, str) or not user.strip():
        raise Refused([Refusal("acting_user_empty", source, {"got": user})])
    return Word(source, str(user))


def _agree(words: Sequence[Word], what: str = _WHERE) -> None:
    """Refuse words that differ: one of them is not what it seems to be."""
    for other in words[1:]:
        if other.user != words[0].user:
            figures = {"first": words[0].source, "got": words[0].user, "second": other.source, "other": other.user}
            raise Refused([Refusal("acting_users_differ", what, figures)])
