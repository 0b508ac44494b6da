# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine that was made from a disk of a worker has its enabled VMs, and starts none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, host_info, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import check_machine
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark

from ..fakes import FakeRunner, uuid
from .mains import exit_of

MACHINE, CLONE = "a" * 32, "b" * 32
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-*@*.service")
LAB = claims.Caller(uuid(1), "lab", uuid(2))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder, which contains the enabled units as well, of a worker that site has claimed."""
    monkeypatch.setattr(host_info, "MACHINE_ID_PATH", str(tmp_path / "machine-id"))
    (tmp_path / "machine-id").write_text(f"{MACHINE}\n")
    claim(tmp_path)
    systemd.enable([(1000, 1001), (1003, 1004)], unit_dir=str(tmp_path))
    return tmp_path


def claim(host: Path) -> None:
    params = {"state_dir": str(host), "controller": "controller1", "claim": False}
    claims.apply(claims.plan_for(params, LAB, now="2026-01-31T12:00:00Z"), state_dir=str(host))


def check(host: Path, runner: FakeRunner) -> None:
    check_machine.check(str(host), runner, unit_dir=str(host))


def test_vms_of_the_claimed_machine_start(host: Path) -> None:
    check(host, FakeRunner())
    assert len(systemd.enabled_names(str(host))) == 2


@pytest.mark.parametrize(
    ("machine_id", "mark"),
    [(CLONE, machine_mark(uuid(1), CLONE)), ("", "missing"), ("uninitialized", "missing"), (None, "missing")],
)
def test_a_copied_host_starts_no_vms_before_site_and_deploy(host: Path, machine_id: str | None, mark: str) -> None:
    if machine_id is None:
        (host / "machine-id").unlink()
    else:
        (host / "machine-id").write_text(machine_id)
    names = systemd.enabled_names(str(host))
    runner = FakeRunner().tell(*SHOW).tell("systemctl", "stop", "--no-block", "--", *names)
    with pytest.raises(Refused) as error:
        check(host, runner)
    for told in ("lab", uuid(1), mark, machine_mark(uuid(1), MACHINE), *names, "site", "deploy", "orphans"):
        assert told in error.value.message
    (refusal,) = error.value.refusals
    assert (refusal.code, refusal.figures["count"]) == ("machine_copied", len(names))
    assert systemd.enabled_names(str(host)) == []


def test_a_copied_host_is_used_once_site_has_claimed_it(host: Path) -> None:
    (host / "machine-id").write_text(CLONE)
    claim(host)
    check(host, FakeRunner())


def test_an_emptied_machine_id_does_not_make_the_next_one_the_claimed_one(host: Path) -> None:
    (host / "machine-id").write_text("")
    claim(host)
    (host / "machine-id").write_text(CLONE)
    runner = FakeRunner().tell(*SHOW).tell("systemctl", "stop", "--no-block", "--", *systemd.enabled_names(str(host)))
    with pytest.raises(Refused, match="this host is not the machine that lab"):
        check(host, runner)


def test_a_copied_host_without_vms_logs_nothing(host: Path) -> None:
    systemd.disable([(1000, 1001), (1003, 1004)], unit_dir=str(host))
    (host / "machine-id").write_text(CLONE)
    check(host, FakeRunner().tell(*SHOW))


def test_an_unclaimed_host_is_not_checked(tmp_path: Path) -> None:
    check(tmp_path, FakeRunner())


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, check_machine, "check", "/s") == (7, ("/s",))
