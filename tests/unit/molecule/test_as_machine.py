# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root file system of another machine."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import high_water

from ..scripts import load

as_machine = load("extensions/molecule/failures/files/as_machine.py")


def test_everything_is_there_except_what_is_hidden(tmp_path: Path) -> None:
    for folder in ("etc", "run/lock"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (".dockerenv", "etc/machine-id", "run/.containerenv", "run/x.pid"):
        (tmp_path / name).touch()
    (tmp_path / "lib").symlink_to("usr/lib")
    hidden = [f"{tmp_path}/.dockerenv", f"{tmp_path}/run/.containerenv"]
    found = [path.removeprefix(f"{tmp_path}/") for path in as_machine.binds(str(tmp_path), hidden)]
    assert found == ["etc", "lib", "run/lock", "run/x.pid"]
    found = [path.removeprefix(f"{tmp_path}/") for path in as_machine.binds(str(tmp_path), ())]
    assert found == [".dockerenv", "etc", "lib", "run"]


def test_a_machine_has_nothing_by_which_a_database_recognizes_a_container() -> None:
    assert {*as_machine.CONTAINER_PATHS} == {*high_water.CONTAINER_PATHS}
    assert as_machine.POD_VARIABLE == high_water.POD_VARIABLE
    assert as_machine.MACHINE_ID_PATH == high_water.MACHINE_ID_PATH
