# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of AWX by which a tenant could act for somebody else, or run something else than our playbooks.

They are read from objects of AWX as its API returns them, as C(awx.awx.export) does, or as the portal in C(awx/) has
them. The three differ in how an object refers to others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cluster import ADMIN
from .errors import SlicesError

PREFIX = "CLOUDREPO_"
ACTING = ("CLOUDREPO_ACTING_USER", "CLOUDREPO_ACTING_TOKEN")
"""Environment variables that name the acting user."""

ASKED = {
    "ask_variables_on_launch": "extra variables have precedence over the inventory and over results",
    "ask_credential_on_launch": "a credential can name the acting user and the database",
    "ask_inventory_on_launch": "another inventory has other hosts and another database",
    "ask_execution_environment_on_launch": "another image may lack the checks of the collection",
    "ask_scm_branch_on_launch": "another branch may have other playbooks",
    "ask_job_type_on_launch": "a template that only checks could change hosts",
    "ask_limit_on_launch": "hosts could be left out",
    "ask_tags_on_launch": "tasks could be left out",
    "ask_skip_tags_on_launch": "tasks could be left out",
    "ask_instance_groups_on_launch": "another instance may have other files and networks",
    "ask_job_slice_count_on_launch": "a part of the inventory may lack the orchestrator",
}
ROLES = {
    "job_template": {"admin": "may change what its jobs run"},
    "workflow_job_template": {"admin": "may change what its jobs run"},
    "project": {"admin": "may replace its playbooks"},
    "inventory": {
        "admin": "may change its hosts and settings",
        "use": "may run other playbooks on its hosts",
        "ad hoc": "may run commands on its hosts",
        "adhoc": "may run commands on its hosts",
    },
    "credential": {"admin": "may change it", "use": "may use it in other templates"},
    "organization": {
        f"{what} admin".strip(): "may change objects of the portal"
        for what in ("", "project", "inventory", "credential", "workflow", "job template", "execution environment")
    }
    | {"execute": "may run all templates", "auditor": "sees all jobs, with their variables and output"},
}
"""Roles that a tenant must not have, by the type of object; in lower case."""
KINDS = {
    "controller_credential_types": "credential_types",
    "controller_credentials": "credentials",
    "controller_inventories": "inventories",
    "controller_templates": "job_templates",
    "controller_workflows": "workflow_job_templates",
    "inventory": "inventories",
}
"""Names of lists in other sources, by their names in the API."""
TYPES = {
    "credential": "credentials",
    "credential_type": "credential_types",
    "inventory": "inventories",
    "job_template": "job_templates",
    "team": "teams",
    "user": "users",
    "workflow_job_template": "workflow_job_templates",
}
JINJA = "ALLOW_JINJA_IN_EXTRA_VARS"
RUNNABLE = ("job_template", "workflow_job_template")
"""Objects whose jobs, with their variables and output, AWX shows to everybody who has any role on them."""


class UnreadableObjects(SlicesError):
    """Data without objects of AWX."""


class NoTemplates(SlicesError):
    """Objects of AWX without templates of ours."""


@dataclass(frozen=True)
class Unlocked:
    """A setting that is not locked.

    Attributes:
        object: the type and name of the object.
        setting: the setting, or the role and who has it.
        why: what a tenant could do.
    """

    object: str
    setting: str
    why: str

    def to_dict(self) -> dict[str, str]:
        """Return it for the result of a module."""
        return asdict(self)

    @property
    def line(self) -> str:
        """The setting as a line of text."""
        return f"{self.object}: {self.setting}: {self.why}"


class Objects:
    """The objects of an AWX, by their types in the API.

    Raises:
        UnreadableObjects: the data is no mapping of lists.
    """

    def __init__(self, data: Any) -> None:
        data = data.get("assets", data) if isinstance(data, Mapping) else data
        if not isinstance(data, Mapping):
            raise UnreadableObjects("this is neither an export nor an answer of the API")
        self.settings = data
        self.lists: dict[str, list[Mapping[str, Any]]] = {}
        for name, found in data.items():
            for each in found if isinstance(found, list) else ():
                if isinstance(each, Mapping):
                    kind = TYPES.get(str(each.get("type"))) if name == "results" else KINDS.get(name, name)
                    self.lists.setdefault(str(kind), []).append(each)

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the objects of a type."""
        return self.lists.get(kind, [])


def check(data: Any, playbooks: Sequence[str], admins: Sequence[str] = ()) -> list[Unlocked]:
    """Return the settings that are not locked.

    Args:
        data: the objects.
        playbooks: names of playbooks. Templates that run others are checked if they use a credential of the portal.
        admins: teams and users that may have any role.

    Raises:
        UnreadableObjects: see C(Objects).
        NoTemplates: no template runs one of these playbooks, so the data is incomplete or of another AWX.
    """
    objects = Objects(data)
    kinds = {str(each["name"]): each for each in objects.of("credential_types")}
    acting = _credentials(objects, kinds, ACTING)
    ours = _credentials(objects, kinds, (PREFIX,))
    granted = list(_granted(objects, admins))
    templates = [each for each in objects.of("job_templates") if _stem(each) in playbooks or ours & set(_used(each))]
    if not templates:
        raise NoTemplates("no job template in it runs a playbook of cloudrepo.slices")
    names = {str(each["name"]) for each in templates}
    workflows = [each for each in objects.of("workflow_job_templates") if names & set(_nodes(each))]
    protected = {
        "job_template": names,
        "workflow_job_template": {str(each["name"]) for each in workflows},
        "project": {name for each in templates for name in _names(each, "project")},
        "inventory": {name for each in templates for name in _names(each, "inventory")},
        "credential": ours | {name for each in templates for name in _used(each)},
    }
    return [
        *(found for each in templates for found in _template(each, acting)),
        *(found for each in workflows for found in _asked("workflow job template", each)),
        *(found for each in kinds.values() for found in _credential_type(each)),
        *_privileged(granted, protected),
        *_shared(granted, protected),
        *_acting_for_others(granted, {str(each["name"]): _used(each) for each in templates}, acting),
        *_users(objects, admins),
        *_jinja(objects.settings),
    ]


def _template(template: Mapping[str, Any], acting: set[str]) -> Iterator[Unlocked]:
    yield from _asked("job template", template)
    named = sorted(acting & set(_used(template)))
    for setting, who in (("webhook_service", "knows its key"), ("host_config_key", "knows it")):
        if named and template.get(setting):
            yield Unlocked(f"job template {template['name']}", setting, f"whoever {who} acts by credential {named[0]}")


def _asked(what: str, entry: Mapping[str, Any]) -> Iterator[Unlocked]:
    for setting, why in ASKED.items():
        if entry.get(setting):
            yield Unlocked(f"{what} {entry['name']}", setting, why)


def _credential_type(kind: Mapping[str, Any]) -> Iterator[Unlocked]:
    """Yield injectors of extra variables, which cannot be told from those of a tenant."""
    names = (kind.get("injectors") or {}).get("extra_vars") or {}
    for name in sorted(names):
        if name.startswith(PREFIX.lower()):
            yield Unlocked(
                f"credential type {kind['name']}", f"injectors, {name}", "an extra variable is no proof of who acts"
            )


@dataclass(frozen=True)
class _Grant:
    """A role of a user or team on an object."""

    role: str
    holder: str
    kind: str
    name: str

    def unlocked(self, why: str) -> Unlocked:
        return Unlocked(f"{self.kind.replace('_', ' ')} {self.name}", f"role {self.role} of {self.holder}", why)


def _granted(objects: Objects, admins: Sequence[str]) -> Iterator[_Grant]:
    """Yield the roles of those who are not admins."""
    for kind, key in (("teams", "name"), ("users", "username")):
        for holder in objects.of(kind):
            if holder.get(key) in admins or holder.get("is_superuser"):
                continue
            for role in (holder.get("related") or {}).get("roles") or ():
                on = role.get("content_object") or {}
                yield _Grant(str(role["name"]), f"{kind[:-1]} {holder[key]}", str(on.get("type")), str(on.get("name")))


def _privileged(granted: Iterable[_Grant], protected: Mapping[str, set[str]]) -> Iterator[Unlocked]:
    for grant in granted:
        why = ROLES.get(grant.kind, {}).get(grant.role.lower())
        if why is not None and grant.name in protected.get(grant.kind, {grant.name}):
            yield grant.unlocked(why)


def _shared(granted: Iterable[_Grant], protected: Mapping[str, set[str]]) -> Iterator[Unlocked]:
    """Yield the roles of those who see the jobs of other tenants."""
    holders: dict[tuple[str, str], list[_Grant]] = {}
    for grant in granted:
        if grant.kind in RUNNABLE and grant.name in protected[grant.kind]:
            holders.setdefault((grant.kind, grant.name), []).append(grant)
    for grants in holders.values():
        several = len({grant.holder for grant in grants}) > 1
        for grant in grants:
            if several or grant.holder.startswith("team "):
                yield grant.unlocked("whoever has a role on it sees the jobs of all, with their variables and output")


def _acting_for_others(
    granted: Iterable[_Grant], used: Mapping[str, Sequence[str]], acting: set[str]
) -> Iterator[Unlocked]:
    for grant in granted:
        named = sorted(acting & set(used.get(grant.name, ()))) if grant.kind == "job_template" else []
        if named and grant.role.lower() == "execute":
            yield grant.unlocked(f"acts by credential {named[0]}")


def _users(objects: Objects, admins: Sequence[str]) -> Iterator[Unlocked]:
    """Yield users whose name or kind is more than a role."""
    for user in objects.of("users"):
        name = str(user.get("username"))
        if user.get("is_superuser") or name in admins:
            continue
        if name == ADMIN:
            yield Unlocked(f"user {name}", "is_superuser, false", "acts as the admin of the database of this name")
        if user.get("is_system_auditor"):
            yield Unlocked(f"user {name}", "is_system_auditor", "sees all jobs, with their variables and output")


def _jinja(settings: Mapping[str, Any]) -> Iterator[Unlocked]:
    if settings.get(JINJA) == "always":
        yield Unlocked("settings of jobs", f"{JINJA}, always", "templates in variables of tenants are evaluated")


def _credentials(objects: Objects, kinds: Mapping[str, Mapping[str, Any]], prefixes: tuple[str, ...]) -> set[str]:
    """Return the credentials that set an environment variable with one of the prefixes."""
    setting = {
        name
        for name, kind in kinds.items()
        if any(each.startswith(prefixes) for each in (kind.get("injectors") or {}).get("env") or {})
    }
    return {str(each["name"]) for each in objects.of("credentials") if set(_names(each, "credential_type")) & setting}


def _stem(template: Mapping[str, Any]) -> str:
    """Return the name of a template's playbook without its folder and suffix."""
    return str(template.get("playbook", "")).rpartition("/")[2].partition(".")[0]


def _used(template: Mapping[str, Any]) -> list[str]:
    return _names(template, "credentials")


def _nodes(workflow: Mapping[str, Any]) -> list[str]:
    """Return the names of the templates of a workflow."""
    nodes = workflow.get("workflow_nodes") or (workflow.get("related") or {}).get("workflow_nodes") or ()
    return [name for node in nodes for name in _names(node, "unified_job_template")]


def _names(entry: Mapping[str, Any], what: str) -> list[str]:
    """Return the names of the objects to which another refers: by name, by natural key, or by id with a summary."""
    for source in (entry, entry.get("related"), entry.get("summary_fields")):
        found = source.get(what) if isinstance(source, Mapping) else None
        names = list(_named(found if isinstance(found, list) else [found]))
        if names:
            return names
    return []


def _named(found: Iterable[Any]) -> Iterator[str]:
    for each in found:
        name = each.get("name") if isinstance(each, Mapping) else each
        # The API has paths under "related".
        if isinstance(name, str) and not name.startswith("/"):
            yield name
