# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Masks and drop-ins beside the units of slices are seen and removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import unit_overrides

from .fakes import FakeRunner, slices


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Return the unit folders of a host with the units of two slices."""
    found = {"unit_dir": tmp_path / "etc", "runtime_dir": tmp_path / "run"}
    for folder in found.values():
        folder.mkdir()
    for slice_id in (1000, 1003):
        (tmp_path / f"etc/cloudrepo-{slice_id}@.service").write_text("[Unit]\n")
    (tmp_path / "etc/cloudrepo-.service.d").mkdir()
    (tmp_path / "etc/cloudrepo-.service.d/vm.conf").write_text("[Service]\n")
    return {name: str(folder) for name, folder in found.items()}


@pytest.mark.parametrize(
    "name",
    [
        "etc/cloudrepo-1000@1001.service",
        "run/cloudrepo-1000@1001.service",
        "run/cloudrepo-1000@.service",
        "etc/cloudrepo-1000@1001.service.d",
        "etc/cloudrepo-1000@.service.d",
        "run/cloudrepo-1000@1001.service.d",
    ],
)
def test_an_override_is_reported_and_removed(tmp_path: Path, folders: dict[str, str], name: str) -> None:
    assert unit_overrides.observe({1000, 1003}, **folders) == ()
    path = tmp_path / name
    if name.endswith(".d"):
        path.mkdir()
        (path / "zz.conf").write_text("[Service]\nUser=root\n")
    else:
        path.symlink_to("/dev/null")
    assert unit_overrides.observe({1003}, **folders) == ()
    found = unit_overrides.observe({1000}, **folders)
    assert found == ((1000, str(path)),)
    assert [(change.kind, change.id, change.action) for change in unit_overrides.changes(found)] == [
        ("unit override", str(path), "delete")
    ]
    assert slices(unit_overrides.changes(found)) == {1000}
    unit_overrides.remove(found, FakeRunner().tell("systemctl", "daemon-reload"))
    assert unit_overrides.observe({1000}, **folders) == ()
    assert (tmp_path / "etc/cloudrepo-1000@.service").read_text() == "[Unit]\n"
    assert Path("/dev/null").exists()


def test_without_overrides_systemd_is_not_called() -> None:
    unit_overrides.remove((), FakeRunner())
