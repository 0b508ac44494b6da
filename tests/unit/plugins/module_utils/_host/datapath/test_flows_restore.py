# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What brings flows back when the switch starts, told by a stand-in for C(ovs-ofctl)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files

SCRIPT = Path(__file__).parents[6] / "roles" / "worker" / "files" / "flows-restore"
# Notes what it is told and refuses what speaks of something bad; a file is told by its text.
OFCTL = """#!/bin/sh
for last; do :; done
case $last in /*) last=$(cat "$last") ;; esac
case "$*" in *show*) exit 0 ;; *add-meter*) what=add-meter ;; *mod-meter*) what=mod-meter ;; *) what=add-flows ;; esac
echo "$what $last" >> "$TOLD"
case $last in *bad*) exit 1 ;; esac
"""
FLOCK = """#!/bin/sh
: > "$TOLD.waits"
exec {flock} "$@"
"""


class Restore:
    """A folder of saved flows, and the script on it."""

    def __init__(self, path: Path) -> None:
        self.folder, self.told_in = path / "flows", path / "told"
        self.folder.mkdir()
        for name, text in (("ovs-ofctl", OFCTL), ("flock", FLOCK.format(flock=shutil.which("flock")))):
            (path / name).write_text(text)
            (path / name).chmod(0o755)
        self.env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "TOLD": str(self.told_in)}

    def save(self, **texts: str) -> None:
        """Save files: C(web_flows) is C(web.flows)."""
        for name, text in texts.items():
            (self.folder / name.replace("_", ".")).write_text(f"{text}\n")

    def start(self) -> subprocess.Popen[bytes]:
        """Start the script."""
        return subprocess.Popen(["sh", str(SCRIPT), str(self.folder), "br-int"], env=self.env)

    @property
    def told(self) -> list[str]:
        """What the switch was told."""
        return self.told_in.read_text().splitlines() if self.told_in.exists() else []


@pytest.fixture
def restore(tmp_path: Path) -> Restore:
    return Restore(tmp_path)


def test_meters_come_before_flows(restore: Restore) -> None:
    restore.save(**{"1000_flows": "flow", "1000_meters": "meter=1\nmeter=2", "1000_qdiscs": "qdisc"})
    assert restore.start().wait() == 0
    assert restore.told == ["add-meter meter=1", "add-meter meter=2", "add-flows flow"]


def test_what_is_refused_keeps_nothing_else_from_the_switch(restore: Restore) -> None:
    restore.save(**{"0_flows": "shared", "1_flows": "bad", "2_flows": "good", "1_meters": "bad\nmeter=2"})
    assert restore.start().wait() == 1
    assert restore.told == [
        *("add-meter bad", "mod-meter bad", "add-meter meter=2"),
        *("add-flows shared", "add-flows bad", "add-flows good"),
    ]


def test_where_nothing_was_ever_saved_there_is_nothing_to_do(restore: Restore) -> None:
    restore.folder.rmdir()
    assert restore.start().wait() == 0


def test_it_waits_for_a_deploy_and_loads_what_that_saved(restore: Restore) -> None:
    restore.save(**{"1_flows": "old"})
    with files.locked(str(restore.folder)):
        started = restore.start()
        while not restore.told_in.with_suffix(".waits").exists():
            assert started.poll() is None, "it did not ask for the lock"
        restore.save(**{"1_flows": "new"})
    assert started.wait() == 0
    assert restore.told == ["add-flows new"]
