# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans and applies the installation of a role's users, folders, files and units on a host in one call."""

from __future__ import annotations

import grp
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..changes import Change, between
from ..errors import Refusal, Refused
from . import access, files, host_units, unit_overrides
from .access import FILE, FOLDER, Access
from .files import File
from .runner import NOT_FOUND, Runner
from .systemd import UNIT_DIR

_PACKET_RULES = ".nft"
# The message of systemd-sysusers for each object that it creates or changes.
_SYSUSERS_SAID = re.compile(r"^(?:Creating|Adding|Would add) (user|group) '([^']+)'", re.M)


@dataclass(frozen=True)
class Folder:
    """A folder of root."""

    path: str
    mode: int
    group: str = "root"


@dataclass(frozen=True)
class Wanted:
    """The objects that a role installs.

    Attributes:
        users: a configuration of C(systemd-sysusers); may be empty.
        folders: parents before children.
        files: all files.
        units: the units to enable and start.
    """

    users: str = ""
    folders: tuple[Folder, ...] = ()
    files: tuple[File, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installation:
    """The objects that are missing or differ.

    Attributes:
        users: the configuration of C(systemd-sysusers), empty if there is nothing to create.
        created: the users and groups that it creates.
        folders: each with who may use it on the host, or None if it is missing.
        files: each with its content and who may use it on the host, or None if it is missing.
        overrides: the masks and drop-ins beside units of this collection.
        units: the units that are not running or not enabled.
    """

    users: str = ""
    created: tuple[Change, ...] = ()
    folders: tuple[tuple[Folder, Access | None], ...] = ()
    files: tuple[tuple[File, tuple[bytes, Access] | None], ...] = ()
    overrides: tuple[str, ...] = ()
    units: host_units.Todo = field(default_factory=host_units.Todo)

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return [
            *self.created,
            *(_folder_change(folder, have) for folder, have in self.folders),
            *(_file_change(file, have) for file, have in self.files),
            *unit_overrides.changes(self.overrides),
            *self.units.changes,
        ]

    @property
    def paths(self) -> list[str]:
        """The paths of the files that differ."""
        return [file.path for file, _have in self.files]


def read_folder(wanted: Mapping[str, Any]) -> Folder:
    """Return a folder of the module's arguments."""
    return Folder(wanted["path"], int(wanted["mode"], 8), wanted["group"])


def read_file(wanted: Mapping[str, Any]) -> File:
    """Return a file of the module's arguments."""
    return files.text_file(wanted["path"], wanted["content"], mode=int(wanted["mode"], 8))


def plan(wanted: Wanted, runner: Runner, *, missing_ok: bool = False) -> Installation:
    """Compare the desired objects with those on the host.

    Args:
        wanted: the objects.
        runner: runs commands on the host.
        missing_ok: whether the host may be without the programs that check them.

    Raises:
        Refused: a path exists with another type, or nft rejects a file.
        CommandFailed: systemd does not respond.
    """
    created = _users_to_create(wanted.users, runner)
    folders = [(folder, _observe_folder(folder)) for folder in wanted.folders]
    seen = [(file, _observe_file(file)) for file in wanted.files]
    todo = Installation(
        users=wanted.users if created else "",
        created=created,
        folders=tuple((folder, have) for folder, have in folders if not _has_folder(folder, have)),
        files=tuple((file, have) for file, have in seen if not _has_file(file, have)),
        overrides=unit_overrides.observe({unit_overrides.HOST}),
        units=host_units.plan(wanted.units, runner),
    )
    # Rules may name users, so they are checked once these exist.
    if not created:
        check_rules(todo, runner, missing_ok=missing_ok)
    return todo


def check_rules(todo: Installation, runner: Runner, *, missing_ok: bool) -> None:
    """Check packet rules with nft, so that invalid rules never replace the current ones.

    Args:
        todo: the plan.
        runner: runs commands on the host.
        missing_ok: whether the host may be without nft.

    Raises:
        Refused: nft rejects a file.
    """
    for file, _have in todo.files:
        if file.path.endswith(_PACKET_RULES):
            done = runner.run(["nft", "--check", "--file", "-"], stdin=file.content.decode(), check=False)
            if done.rc != 0 and not (missing_ok and done.rc == NOT_FOUND):
                figures = {"why": done.stderr.strip(), "rc": done.rc}
                raise Refused([Refusal("packet_rules_invalid", file.path, figures)])


def apply(todo: Installation, runner: Runner) -> None:
    """Create users and folders, write files, reload systemd after a change of unit files, and start units.

    Raises:
        CommandFailed: a user cannot be created.
        Refused: nft rejects a file, or a group or the folder of a file does not exist.
        SlicesError: a unit did not start.
    """
    if todo.users:
        runner.run(["systemd-sysusers", "-"], stdin=todo.users)
        check_rules(todo, runner, missing_ok=False)
    for folder, _have in todo.folders:
        _create(folder)
    parents = dict.fromkeys(os.path.dirname(path) for path in todo.paths)
    missing = [Refusal("folder_missing", f"folder {path}") for path in parents if not os.path.isdir(path)]
    if missing:
        raise Refused(missing)
    # A mask is removed before its unit is written, and drop-ins before units start.
    unit_overrides.remove(todo.overrides, runner)
    files.write_all(file for file, _have in todo.files)
    if any(path.startswith(UNIT_DIR + "/") for path in todo.paths):
        runner.run(["systemctl", "daemon-reload"])
    host_units.apply(todo.units, runner)
    unit_overrides.restart(todo.overrides, runner)


def _users_to_create(users: str, runner: Runner) -> tuple[Change, ...]:
    if not users:
        return ()
    done = runner.run(["systemd-sysusers", "--dry-run", "-"], stdin=users)
    return tuple(between(kind, name, None, {}) for kind, name in _SYSUSERS_SAID.findall(done.stderr))


def _create(folder: Folder) -> None:
    try:
        gid = grp.getgrnam(folder.group).gr_gid
    except KeyError:
        raise Refused([Refusal("group_missing", f"folder {folder.path}", {"group": folder.group})]) from None
    files.make_folders(os.path.dirname(folder.path))
    os.makedirs(folder.path, mode=0o700, exist_ok=True)
    access.give(os.path.realpath(folder.path), Access(FOLDER, 0 if os.geteuid() == 0 else -1, gid, folder.mode))


def _observe_folder(folder: Folder) -> Access | None:
    # An administrator may move a folder to another file system, and leave a link.
    have = access.observe(os.path.realpath(folder.path))
    if have is not None and have.kind != FOLDER:
        raise Refused([Refusal("path_in_use", folder.path, {"got": have.kind, "expected": FOLDER})])
    return have


def _observe_file(file: File) -> tuple[bytes, Access] | None:
    have = access.observe(file.path)
    if have is None:
        return None
    if have.kind == FOLDER:
        raise Refused([Refusal("path_in_use", file.path, {"got": have.kind, "expected": FILE})])
    if have.kind != FILE:
        return b"", have
    with open(file.path, "rb", opener=files.at_once) as opened:
        return opened.read(), have


def _has_folder(folder: Folder, have: Access | None) -> bool:
    return have is not None and _is_right(have, FOLDER, folder.mode) and _group_name(have.gid) == folder.group


def _has_file(file: File, have: tuple[bytes, Access] | None) -> bool:
    return have is not None and have[0] == file.content and _is_right(have[1], FILE, file.mode)


def _is_right(have: Access, kind: str, mode: int) -> bool:
    return have == access.of_root(have, kind, mode)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _folder_change(folder: Folder, have: Access | None) -> Change:
    after = {"mode": f"{folder.mode:04o}", "group": folder.group}
    if have is None:
        return between("folder", folder.path, None, after)
    before = {"mode": f"{have.mode:04o}", "group": _group_name(have.gid)}
    return between("folder", folder.path, *_with_unusual_attributes(before, after, have, FOLDER))


def _file_change(file: File, have: tuple[bytes, Access] | None) -> Change:
    after = {"mode": f"{file.mode:04o}", **_content(file.content, None if have is None else have[0])}
    if have is None:
        return between("file", file.path, None, after)
    old, held = have
    before = {"mode": f"{held.mode:04o}", **_content(old, file.content)}
    return between("file", file.path, *_with_unusual_attributes(before, after, held, FILE))


def _with_unusual_attributes(
    before: Mapping[str, Any], after: Mapping[str, Any], have: Access, kind: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the attributes with those that are usually right, if they are not."""
    root = os.geteuid()
    pairs = {
        "type": (have.kind, kind),
        "owner": (have.uid, root),
        "access_list": ("set" if have.has_list else "none", "none"),
    }
    odd = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    was, will = ({name: pair[side] for name, pair in odd.items()} for side in (0, 1))
    return {**before, **was}, {**after, **will}


def _content(content: bytes, other: bytes | None) -> dict[str, Any]:
    """Return the lines that are only in C(content), or its checksum if it is binary."""
    if b"\0" in content or b"\0" in (other or b""):
        return {"sha256": files.checksum(content)}
    lines, others = (_lines(each) for each in (content, other or b""))
    return {"lines": [line for line in lines if line not in others]}


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()
