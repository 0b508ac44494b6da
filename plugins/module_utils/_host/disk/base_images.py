# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base images of a host, and the kernels and initrds of its VMs.

They are verified on arrival; later, size and modification time identify them. The result of the verification is saved
in a note, a file next to the image. A VM is not created from an image that differs from its note until the image is
verified again. The note of a damaged image remains until it is replaced.

Several runs may fetch the same image at once, each under a name of its own. The first one that gets the lock of the
folder installs it, and the others find it installed.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...bounds import BOOT_IMAGES, IMAGE_CONTENTS
from ...changes import Change, between
from ...errors import Refusal, Refused, SlicesError, named
from ...work_order import Image as Wanted
from .. import access, files
from ..access import FILE, Given
from ..runner import Runner
from . import boot_images
from .inspection import inspect
from .qcow2 import Image

NOTE = ".json"
"""The suffix of a note, appended to the name of its image."""
ARRIVAL = ".new"
"""The suffix of a new image that is not verified yet."""
_COPY = ".ansible_tmp"
"""The prefix of a file that Ansible writes before it renames it to that of a new image."""
_STALE_S = 24 * 3600
"""A run that is alive does not need a new image for longer than this."""
_MODE, _NOTE_MODE = 0o444, 0o600


@dataclass(frozen=True)
class Note:
    """The result of an image's verification.

    Attributes:
        checksum: the expected SHA-256.
        size_bytes: the size of the file.
        mtime_ns: the modification time of the file.
        content: what it was verified as, one of C(IMAGE_CONTENTS).
        format: of a disk C(qcow2) or C(raw).
        virtual_bytes: the virtual size.
        damage: why no VM may use the image.
        is_replacement: whether it replaced another file, which running VMs may still use.
    """

    checksum: str
    size_bytes: int
    mtime_ns: int
    format: str = ""
    virtual_bytes: int = 0
    damage: str | None = None
    is_replacement: bool = False
    content: str = IMAGE_CONTENTS[0]

    @property
    def image(self) -> Image:
        """Its format and size."""
        return Image(self.format, self.virtual_bytes)


@dataclass(frozen=True)
class Examined:
    """The state of a desired image on this host.

    Attributes:
        wanted: the image.
        noted: the current note.
        note: the new note; C(None) if the image is missing.
        arrival: the new file of this run, if there is one.
        has_arrived: whether the new note is for this file, which is not installed yet.
        refusal: why this file is not installed.
        given: the current and the new owner, group and mode of the image and its note, by path, where they differ.
    """

    wanted: Wanted
    noted: Note | None
    note: Note | None
    arrival: str | None = None
    has_arrived: bool = False
    refusal: Refusal | None = None
    given: Given = field(default_factory=dict)

    @property
    def change(self) -> Change | None:
        """The change to the image, if any."""
        if self.refusal is not None or self.note is None or (self.note == self.noted and not self.has_arrived):
            return None
        return between("base image", self.wanted.path, *(_attributes(note) for note in (self.noted, self.note)))

    @property
    def openings(self) -> list[Change]:
        """The paths that others may use otherwise than they should."""
        return access.changes(self.given)

    @property
    def fault(self) -> str | None:
        """Why the image is unusable and how to fix it; C(None) if it is usable."""
        if self.note is None or self.note.damage is None:
            return None
        return Refusal("base_image_unusable", f"base image {self.wanted.path}", {"why": self.note.damage}).message


@dataclass(frozen=True)
class Plan:
    """The states of all desired images on this host."""

    examined: tuple[Examined, ...]

    @property
    def changes(self) -> list[Change]:
        """The images to install or to write a note for, and what gets another owner, group or mode."""
        changes = [each.change for each in self.examined if each.change is not None]
        return [*changes, *(change for each in self.examined for change in each.openings)]

    @property
    def failure(self) -> Refused | None:
        """The error for new files that are not installed, if any."""
        refusals = [each.refusal for each in self.examined if each.refusal is not None]
        return Refused(refusals) if refusals else None

    @property
    def result(self) -> dict[str, Any]:
        """The results of a module."""
        kept = [each for each in self.examined if each.refusal is None]
        return {
            "missing": [each.wanted.path for each in kept if each.note is None],
            "damaged": [{"path": each.wanted.path, "message": each.fault} for each in kept if each.fault],
        }


def known(path: str) -> Note | None:
    """Return the note of an image, C(None) if the image is missing or differs from its note."""
    note, state = _read_note(path), _stat(path)
    return note if note is not None and state is not None and _is_as_noted(note, state) else None


def locked(folder: str) -> AbstractContextManager[None]:
    """Lock the images of a host against other runs. Without the folder there is nothing to install."""
    return files.locked(folder) if os.path.isdir(folder) else nullcontext()


def noted_in(folder: str) -> Iterator[Wanted]:
    """Yield all images in a folder that have a note."""
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = f"{folder}/{name[: -len(NOTE)]}"
        note = _read_note(path) if name.endswith(NOTE) else None
        if note is not None:
            yield Wanted(checksum=note.checksum, path=path, source=path, content=note.content)


def plan(wants: Iterable[Wanted], *, folder: str, verify: bool, runner: Runner, run: str | None = None) -> Plan:
    """Examine all desired images and, if C(verify) is set, all images in C(folder) that have a note.

    C(run) is the part of the names of new files that is only this run's.
    """
    wanted = {image.path: image for image in noted_in(folder)} if verify else {}
    wanted.update((image.path, image) for image in wants)
    return Plan(tuple(examine(image, verify=verify, runner=runner, run=run) for image in wanted.values()))


def examine(wanted: Wanted, *, verify: bool, runner: Runner, run: str | None = None) -> Examined:
    """Examine an image, or the new file that will be installed because it is missing or damaged.

    Args:
        wanted: the image.
        verify: whether to compute the checksum even if the image matches its note.
        runner: runs C(qemu-img).
        run: as in C(plan).
    """
    found = _examine_installed(wanted, verify=verify, runner=runner)
    path = f"{wanted.path}.{run}{ARRIVAL}" if run else wanted.path + ARRIVAL
    if not os.path.exists(path):
        return found
    if found.note is not None and found.note.damage is None:
        return replace(found, arrival=path)
    note = _examine_file(wanted, path, found.noted, runner)
    if note.damage is not None:
        figures = {"path": wanted.path, "why": note.damage}
        refusal = Refusal("base_image_not_installed", f"base image {wanted.source}", figures)
        return Examined(wanted, found.noted, note, arrival=path, has_arrived=True, refusal=refusal)
    note = replace(note, is_replacement=note.is_replacement or found.note is not None)
    return Examined(wanted, found.noted, note, arrival=path, has_arrived=True)


def _examine_installed(wanted: Wanted, *, verify: bool, runner: Runner) -> Examined:
    noted, state = _read_note(wanted.path), _stat(wanted.path)
    if state is None:
        return Examined(wanted, noted, None)
    given = _wrong_permissions(wanted.path)
    is_wanted = noted is not None and (noted.checksum, noted.content) == (wanted.checksum, wanted.content)
    if noted is not None and is_wanted and _is_as_noted(noted, state) and not verify:
        return Examined(wanted, noted, noted, given=given)
    return Examined(wanted, noted, _examine_file(wanted, wanted.path, noted, runner), given=given)


def install(examined: Iterable[Examined], *, folder: str) -> None:
    """Install new files, write the notes, and remove new files that are not installed, also those of killed runs.

    The folder is locked.
    """
    examined = tuple(examined)
    changed = [each for each in examined if each.change is not None]
    for each in changed:
        path = each.wanted.path
        if each.has_arrived and each.arrival is not None:
            os.chmod(each.arrival, _MODE)
            with named(path):
                files.flush(each.arrival)
            os.replace(each.arrival, path)
    for path, (_old, new) in (pair for each in examined for pair in each.given.items()):
        access.give(path, new)
    files.write_all(
        files.text_file(each.wanted.path + NOTE, json.dumps(asdict(each.note)) + "\n", mode=_NOTE_MODE)
        for each in changed
        if each.note is not None
    )
    for path in [*(each.arrival for each in examined if each.arrival is not None), *_leftovers(folder)]:
        files.remove(path)


def _leftovers(folder: str) -> Iterator[str]:
    """Yield what killed runs have left: drafts of notes, which only the holder of the lock writes, and new images.

    Another run may still need a new image, unless that is old. Its modification time is that of its source.
    """
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = f"{folder}/{name}"
        is_draft = name.startswith(".") and name.endswith(files.DRAFT)
        is_image = name.startswith(_COPY) or name.endswith(ARRIVAL)
        if is_draft or (is_image and _is_stale(path)):
            yield path


def _is_stale(path: str) -> bool:
    try:
        return time.time() - os.lstat(path).st_ctime > _STALE_S
    except FileNotFoundError:
        return False  # renamed by the run that has fetched it


def _examine_file(wanted: Wanted, path: str, noted: Note | None, runner: Runner) -> Note:
    state = os.stat(path)
    note = Note(
        checksum=wanted.checksum,
        size_bytes=state.st_size,
        mtime_ns=state.st_mtime_ns,
        is_replacement=noted is not None and noted.is_replacement,
        content=wanted.content,
    )
    if not stat.S_ISREG(state.st_mode):
        return replace(note, damage="it is not a file")
    seen = files.sha256(path)
    if seen != wanted.checksum:
        return replace(note, damage=f"{state.st_size} bytes with the SHA-256 {seen} in place of {wanted.checksum}")
    object = f"base image {wanted.source}"
    try:
        if wanted.content in BOOT_IMAGES:
            return replace(note, format=boot_images.inspect(path, wanted.content, object=object))
        image = inspect(path, runner, object=object, source=wanted.source).image
    except Refused as refused:
        return replace(note, damage="; ".join(refusal.message for refusal in refused.refusals))
    return replace(note, format=image.format, virtual_bytes=image.virtual_bytes)


def _wrong_permissions(path: str) -> Given:
    """Return the image and its note if others may use them otherwise: all VMs read the image, and nobody writes it."""
    found = access.wrong_permissions([(os.path.realpath(path), FILE, _MODE), (path + NOTE, FILE, _NOTE_MODE)])
    # The content of anything but a file is damaged, and it is installed again.
    return {name: pair for name, pair in found.items() if pair[0].kind == FILE}


def _is_as_noted(note: Note, state: os.stat_result) -> bool:
    return (note.size_bytes, note.mtime_ns) == (state.st_size, state.st_mtime_ns)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SlicesError(f"base image {path} cannot be read: {error.strerror}", path=path) from error


def _read_note(path: str) -> Note | None:
    try:
        return Note(**json.loads(files.read_text(path + NOTE) or ""))
    except (TypeError, ValueError):
        return None


def _attributes(note: Note | None) -> Mapping[str, Any] | None:
    if note is None:
        return None
    return {
        "checksum": note.checksum,
        "size_bytes": note.size_bytes,
        "mtime_ns": note.mtime_ns,
        **({"content": note.content} if note.content in BOOT_IMAGES else {}),
        "format": note.format or None,
        "damage": note.damage,
    }
