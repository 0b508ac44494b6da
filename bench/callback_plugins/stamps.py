# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records when plays and tasks begin and end, as lines of JSON in the file $BENCH_STAMPS."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stamps
type: aggregate
short_description: Record when plays and tasks begin and end
description:
  - Writes a line of JSON for each to the file in the environment variable E(BENCH_STAMPS).
author:
  - the cloudrepo.slices authors (@cloudrepo)
"""

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Time stamps in seconds of the system clock."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stamps"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._file = open(os.environ["BENCH_STAMPS"], "w", encoding="utf-8")  # noqa: SIM115 until Ansible ends

    def _stamp(self, event: str, **more: Any) -> None:
        self._file.write(json.dumps({"event": event, "at": time.time(), **more}) + "\n")
        self._file.flush()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._stamp("play", name=play.get_name())

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._stamp("task_begins", host=host.get_name(), task=task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        timings_s = result.result.get("timings_s") or {}
        self._stamp("task_ends", host=result.host.get_name(), task=result.task.get_name(), timings_s=timings_s)

    v2_runner_on_skipped = v2_runner_on_ok

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002 as Ansible calls it
        self.v2_runner_on_ok(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 as Ansible calls it
        self._stamp("end")
