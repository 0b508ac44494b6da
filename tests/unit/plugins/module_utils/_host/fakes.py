# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for a host that record what they are told and answer only what they were told to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import Settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Result
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

STATE_DIR = "/var/lib/cloudrepo"
TAP_FILTER = 'iifname "tap_*" drop\noifname "tap_*" drop\n'
PASSWORD_ID = "8b1a9953c4611296"
ACCOUNTS = Accounts("cloudrepo", {1000: Account(998, 998)})
ME = Accounts("cloudrepo", {1000: Account(os.getuid(), os.getgid())})


MORE = "..."
"""Stands for any further arguments, at the end of what a fake is told of a command."""


class UnexpectedCommand(AssertionError):
    """A command or an argument that the test did not tell the fake of."""


class UnusedAnswer(AssertionError):
    """An answer that the test prepared and that nobody asked for."""


class FakeRunner:
    """Records every argv and its standard input, and answers as it was told.

    A command is known by all of its words, or by its first ones before C(MORE); where several match, the longest does.
    C(settle) demands at the end of each test that every answer was asked for (conftest.py).
    """

    made: ClassVar[list[FakeRunner]] = []

    def __init__(self) -> None:
        self.argvs: list[list[str]] = []
        self.stdins: list[str | None] = []
        self._answers: dict[tuple[str, ...], list[Result]] = {}
        self._effects: dict[tuple[str, ...], Callable[[Sequence[str]], None]] = {}
        self._unused: dict[tuple[str, ...], int] = {}
        self.made.append(self)

    def tell(self, *words: str, stdout: str = "", stderr: str = "", rc: int = 0) -> FakeRunner:
        """Answer the command C(words); told again, answers are given in turn, and the last one stays."""
        self._answers.setdefault(words, []).append(Result(rc=rc, stdout=stdout, stderr=stderr))
        self._unused[words] = self._unused.get(words, 0) + 1
        return self

    def on(self, *words: str, do: Callable[[Sequence[str]], None]) -> FakeRunner:
        """Call C(do) with the argv of the command C(words)."""
        self._effects[words] = do
        return self.tell(*words)

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """See C(Runner)."""
        self.argvs.append(list(argv))
        self.stdins.append(stdin)
        known = [words for words in self._answers if _match(words, tuple(argv))]
        if not known:
            raise UnexpectedCommand(f"nobody told of {list(argv)}")
        words = max(known, key=len)
        self._unused[words] -= 1
        if words in self._effects:
            self._effects[words](argv)
        answers = self._answers[words]
        result = answers.pop(0) if len(answers) > 1 else answers[0]
        if check and result.rc != 0:
            raise CommandFailed(cmd=argv, rc=result.rc, stdout=result.stdout, stderr=result.stderr)
        return result

    @classmethod
    def settle(cls) -> None:
        """Forget all fakes; fail if one has an answer left.

        Raises:
            UnusedAnswer: names the commands.
        """
        made, cls.made[:] = list(cls.made), []
        unused = [" ".join(words) for fake in made for words, count in fake._unused.items() if count > 0]
        if unused:
            raise UnusedAnswer(f"nobody asked for {'; '.join(unused)}")


def _match(words: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    return argv[: len(words) - 1] == words[:-1] if words[-1] == MORE else argv == words


class FakeMonitor:
    """Monitors of VMs: those in C(answering) answer after as many tries as they are told, or always without it."""

    PID = 4821

    def __init__(self, answering: dict[str, int] | None = None, *, refusing: Sequence[str] = ()) -> None:
        self.links: list[tuple[str, str, bool]] = []
        self.passwords: list[tuple[str, str]] = []
        self._tries = answering
        self._refusing = refusing

    def plug(self, path: str, links: Mapping[str, bool]) -> int | None:
        """See C(Monitor)."""
        if self._tries is not None:
            self._tries[path] = self._tries.get(path, 1_000_000) - 1
            if self._tries[path] >= 0:
                return None
        if path in self._refusing:
            raise SlicesError(f"QEMU refused {path}")
        self.links += [(path, name, up) for name, up in links.items()]
        return self.PID

    def set_vnc_password(self, path: str, password: str) -> None:
        """See C(Monitor)."""
        if path in self._refusing:
            raise SlicesError(f"QEMU does not answer at {path}")
        self.passwords.append((path, password))


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


def settings(**changes: Any) -> Settings:
    """What the VMs of a host have in common."""
    values: dict[str, Any] = {
        "state_dir": STATE_DIR,
        "vnc_address": "10.0.10.1",
        "accelerator": "tcg",
        "checksum_offload": True,
        "accounts": ACCOUNTS,
    }
    return Settings(**{**values, **changes})


def nic(vm_id: int, index: int, vlan_id: int | None, link_id: int | None = None) -> dict[str, Any]:
    """An interface of a work order."""
    return {
        "name": f"eth{index}",
        "tap": f"tap_{vm_id}_eth{index}",
        "mac": f"52:54:00:03:e9:{index:02x}",
        "vlan_id": vlan_id,
        "link_id": link_id,
    }


def disk(vm_id: int = 1001, *, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """A disk of a work order."""
    values: dict[str, Any] = {
        "path": f"{state_dir}/vms/{vm_id}/vm{vm_id - 1000}_img.qcow2",
        "size_bytes": 1 << 30,
        "backing_file": f"{state_dir}/images/base.img",
    }
    return {**values, **changes}


def vm(vm_id: int = 1001, *vlan_ids: int | None, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """A VM of a work order with an interface for each VLAN."""
    values: dict[str, Any] = {
        "vm_id": vm_id,
        "name": f"vm{vm_id - 1000}",
        "cores": 1,
        "ram_mib": 512,
        "disks": [disk(vm_id, state_dir=state_dir)],
        "vnc_port": 4900 + vm_id,
        "vnc_password_id": PASSWORD_ID,
        "interfaces": [nic(vm_id, index, vlan_id, vlan_id) for index, vlan_id in enumerate(vlan_ids)],
    }
    return {**values, **changes}


def orders(*vms: dict[str, Any], slice_id: int = 1000, state_dir: str = STATE_DIR) -> tuple[SliceOrder, ...]:
    """A work order with one slice."""
    return read_slices([{"slice_id": slice_id, "vms": list(vms)}], state_dir=state_dir)
