# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that a signal ends reports what to do next, without any configuration."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.interruptions import DEFAULT, NOTHING

from .runs import prepare, surroundings

TASK = "Check the caller and the variables, and select the slices"


@pytest.mark.parametrize(("number", "rc"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 99)])
@pytest.mark.parametrize(("options", "told"), [((), DEFAULT), (("--check",), NOTHING)])
def test_an_interrupted_run_reports_what_to_do_next(
    number: signal.Signals, rc: int, options: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    """The run reads its topologies from a pipe. Opening it for writing waits for the task that reads it."""
    pipe = tmp_path / "topologies"
    os.mkfifo(pipe)
    command = prepare(tmp_path, "deploy", {"slices_file": str(pipe)}, *options)
    with (
        subprocess.Popen(
            command, cwd=tmp_path, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as started,
        pipe.open("w"),
    ):
        started.send_signal(number)
        said = started.communicate(timeout=60)[1]
    assert started.returncode == rc
    assert f"cloudrepo.slices.deploy: ended by {number.name}.\nlocalhost was at the task: {TASK}\n{told}\n" in said
    assert said.count("ended by") == 1
    assert not (tmp_path / "database.yaml").exists()
