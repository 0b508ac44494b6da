# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run says when a signal ends it: what it leaves behind, and what to do next.

Ansible itself says nothing after SIGTERM, and only C(User interrupted execution) after Ctrl-C. A callback plugin would
have to be enabled in everybody's configuration. Ansible's main process, however, imports the action plugin of a task
before it forks, and C(guard) is the first task of every playbook.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

from ansible import context
from ansible.executor.task_queue_manager import TaskQueueManager

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import Playbook, read_table

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTHING = "Nothing was changed (check mode)."
DEFAULT = (
    "Each change of the database was stored completely or not at all. Hosts may have been changed in part. Run the same"
    " playbook again with the same variables to complete what this run has begun."
)


def announce() -> None:
    """Make this process say what to do next when a signal ends its run.

    The signals then do what they did before. A process without a run of Ansible is left alone.
    """
    for number in SIGNALS:
        before = signal.getsignal(number)
        manager = getattr(before, "__self__", None)
        if isinstance(manager, TaskQueueManager):
            signal.signal(number, _Handler(manager, before))


class _Handler:
    """Says the words, and passes the signal on."""

    def __init__(self, manager: Any, before: Any) -> None:
        self._manager, self._before, self._pid = manager, before, os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal. A fork that has not set its own handlers yet says nothing."""
        if os.getpid() == self._pid:
            with contextlib.suppress(Exception):  # whatever is wrong with the words, the signal has to end the run
                _say(self._words(number))
        self._before(number, frame)

    def _words(self, number: int) -> str:
        arguments = context.CLIARGS
        return words(
            signal.Signals(number).name,
            [str(each) for each in arguments.get("args") or ()],
            read_table().playbooks,
            check_mode=bool(arguments.get("check")),
            tasks=list(_tasks(self._manager)),
        )


def words(
    signal_name: str,
    playbooks: Iterable[str],
    table: Mapping[str, Playbook],
    *,
    check_mode: bool,
    tasks: Iterable[tuple[str, str]] = (),
) -> str:
    """Return what a run says.

    Args:
        signal_name: such as C(SIGTERM).
        playbooks: the playbooks of the command line, by name or path.
        table: those of the collection.
        check_mode: whether the run changes nothing.
        tasks: the host and the name of each task that had not ended.
    """
    given = list(playbooks)
    lines = [f"{', '.join(given)}: ended by {signal_name}."]
    # A host does not notice that its caller is gone before it has ended the task.
    lines += [f"{host} was at the task: {name}" for host, name in tasks]
    if check_mode:
        return "\n".join([*lines, NOTHING])
    known = [table[name] for name in map(_name, given) if name in table]
    return "\n".join([*lines, *dict.fromkeys(each.interrupted or DEFAULT for each in known or [Playbook("")])])


def _name(playbook: str) -> str:
    """Return the name in the collection of C(cloudrepo.slices.deploy), C(playbooks/deploy.yml) and so on."""
    path = PurePath(playbook)
    return path.stem if path.suffix in (".yml", ".yaml") else path.name.rpartition(".")[2]


def _tasks(manager: Any) -> Iterator[tuple[str, str]]:
    """Yield host and name of each task that runs in a fork."""
    for worker in manager._workers:
        if worker is not None and worker.is_alive():
            yield worker._host.get_name(), worker._task.get_name()


def _say(text: str) -> None:
    """Write to standard error, past the buffer that the signal may have interrupted."""
    os.write(2, f"\n{text}\n".encode())
