# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

VM_RUN = Path(__file__).parents[4] / "roles/worker/files/vm-run"
NOBODY = 65534


class Unit:
    """The command of a VM's unit, run as a user other than root, with a record of the arguments of slices-host."""

    def __init__(self, folder: Path) -> None:
        self.links, self.told = folder / "links_down", folder / "told"
        self._script = folder / "vm-run"
        self._script.write_bytes(VM_RUN.read_bytes())
        (folder / "slices-host").write_text('#!/bin/sh\ncd "${0%/*}" && echo "$*" > new && mv new told\n')
        for name in ("vm-run", "slices-host"):
            (folder / name).chmod(0o755)

    def start(self, uid: int | None) -> subprocess.CompletedProcess[str]:
        """Run the command; a shell that prints its pid replaces QEMU."""
        argv = [self._script, self.links, "qmp.sock", "/bin/sh", "-c", "echo $$"]
        return subprocess.run(argv, user=uid, capture_output=True, text=True, check=False)


@pytest.fixture
def unit() -> Iterator[Unit]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Unit(Path(folder))


# Only root can change to another user.
UID = NOBODY if os.getuid() == 0 else None


def test_carriers_are_dropped_in_parallel_with_the_start_of_qemu(unit):
    unit.links.write_text("nic-eth0\n")
    done = unit.start(UID)
    deadline = time.monotonic() + 10
    while not unit.told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert unit.told.read_text() == f"drop-carrier {unit.links} qmp.sock {done.stdout}"
    assert done.returncode == 0


@pytest.mark.parametrize("text", ["", None])
def test_a_vm_whose_nics_all_have_carrier_only_starts_qemu(unit, text):
    if text is not None:
        unit.links.write_text(text)
    done = unit.start(UID)
    assert (done.returncode, done.stderr) == (0, "")
    assert not unit.told.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be root")
def test_no_vm_is_started_as_root(unit):
    done = unit.start(None)
    assert done.returncode == 1
    assert done.stderr == "vm-run: the unit names no user; deploy its slice\n"
