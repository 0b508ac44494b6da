# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who acts: the one place that decides it, by what a tenant cannot write.

Extra variables beat everything, so none of them is believed by itself. AWX puts its own words over variables of the
same name, but writes only those that it has: a job of a schedule has no user, and C(awx_user_name) is then whatever the
schedule's variables say. It is believed where AWX has a user: when a person has launched the job, or the workflow that
the job is part of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import ADMIN
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

ENVIRONMENT = "CLOUDREPO_ACTING_USER"
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
        Refused: a job without a user, an empty name, or two words that differ.
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
    if ENVIRONMENT in environment:
        proved = _word(ENVIRONMENT, environment[ENVIRONMENT])
        return proved, f"{ENVIRONMENT} in the controller's environment"
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
