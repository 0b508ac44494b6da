# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import reloads
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.files import text_file
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from .fakes import FakeRunner

SERVICES = tuple(
    map(
        reloads.Service,
        ("slices-nat.service", "slices-dhcp.service", "slices-network@*.service"),
        ("reloaded", "restarted", "restarted_if_active"),
    )
)


def plan(folder: Path, text: str = "rules\n") -> reloads.Plan:
    return reloads.plan(SERVICES, [text_file("/etc/cloudrepo/nat.nft", text, mode=0o644)], path=f"{folder}/read")


def runner(*, rc: int = 0) -> FakeRunner:
    fake = FakeRunner().tell("systemctl", "reload", "--", "slices-nat.service")
    return fake.tell("systemctl", "restart", "--", "slices-dhcp.service", rc=rc)


def test_services_are_reloaded_once_and_again_when_their_files_change(tmp_path: Path) -> None:
    fake = runner().tell("systemctl", "try-restart", "--", "slices-network@*.service", rc=1)
    reloads.apply(plan(tmp_path), fake)
    assert [argv[1] for argv in fake.argvs] == ["reload", "restart", "try-restart"]
    assert stat.S_IMODE((tmp_path / "read").stat().st_mode) == 0o600
    assert plan(tmp_path) == reloads.Plan()
    reloads.apply(plan(tmp_path), FakeRunner())
    assert plan(tmp_path, "other rules\n").services == SERVICES


def test_an_interrupted_reload_is_repeated(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed):
        reloads.apply(plan(tmp_path), runner(rc=1))
    assert plan(tmp_path).services == SERVICES


def test_each_service_is_a_change(tmp_path: Path) -> None:
    changes = plan(tmp_path).changes
    assert [change.action for change in changes] == ["reload", "restart", "try-restart"]
    assert diff(changes[:1]) == {
        "before": "unit slices-nat.service: files as before\n",
        "after": "unit slices-nat.service: files as written\n",
    }


def test_a_service_is_read_from_the_arguments() -> None:
    wanted = {"name": "slices-nat.service", "state": "reloaded"}
    assert reloads.read_service(wanted) == reloads.Service("slices-nat.service", "reloaded")
