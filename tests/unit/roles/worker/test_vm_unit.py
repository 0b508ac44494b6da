# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sandbox of a VM's unit, as systemd rates it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible.plugins.filter.core import FilterModule
from jinja2 import Environment

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import SHUTDOWN_S

TEMPLATE = Path(__file__).parents[4] / "roles/worker/templates/vm.conf.j2"


def unit(folder: Path, **variables: object) -> Path:
    """Write a VM's unit, which is the template of its slice with the drop-in of all slices."""
    environment = Environment(trim_blocks=True)
    environment.filters.update(FilterModule().filters())
    values = {"worker_state_dir": "/var/lib/cloudrepo", "worker_private_mounts": False, **variables}
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(values)
    path = folder / "cloudrepo-1000@1001.service"
    path.write_text(template_text("cloudrepo-0", None) + text, encoding="utf-8")
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd rates it")
@pytest.mark.parametrize(("private_mounts", "tenths"), [(False, 31), (True, 17)])
def test_the_exposure_level_of_a_vm_unit_stays_below_the_limit(
    tmp_path: Path, private_mounts: bool, tenths: int
) -> None:
    def is_within(threshold: int) -> bool:
        path = unit(tmp_path, worker_private_mounts=private_mounts)
        argv = ["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", "--no-pager", str(path)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "Overall exposure level" in done.stdout, done.stderr
        return done.returncode == 0

    assert is_within(tenths)
    assert not is_within(tenths - 1)


def test_a_private_file_system_includes_the_folder_of_the_vm(tmp_path: Path) -> None:
    lines = unit(tmp_path, worker_state_dir="/srv/vms", worker_private_mounts=True).read_text().splitlines()
    assert {"ProtectSystem=strict", "ReadWritePaths=-/srv/vms/vms/%i"} <= set(lines)
    assert not any(line.startswith(("Private", "ProtectSystem")) for line in unit(tmp_path).read_text().splitlines())


def test_a_host_that_shuts_down_waits_for_guests_longer_than_any_of_them_may_take(tmp_path: Path) -> None:
    folder = TEMPLATE.parent
    lines = (folder / "slices-power-down.service.j2").read_text(encoding="utf-8").splitlines()
    (limit,) = (int(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStopSec="))
    assert limit >= SHUTDOWN_S.most + 30
    # It is stopped before them.
    assert "Before=slices-power-down.service" in unit(tmp_path).read_text().splitlines()
