# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Masks, drop-ins and other files that change units of the collection are seen and removed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import systemd, unit_overrides
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.unit_overrides import HOST, UNIT_PATH

from .fakes import FakeRunner

REPOSITORY = Path(__file__).parents[5]
RELOAD = ("systemctl", "daemon-reload")
OURS = (
    "cloudrepo-1000@.service",
    "cloudrepo-1003@.service",
    "cloudrepo-.service.d/vm.conf",
    "slices-dhcp.service",
    "slices-flows.service",
    "slices-lost.socket",
    "slices-logs.timer",
    "slices-names@.service",
    "slices-power-down.service",
    "multi-user.target.wants/cloudrepo-1000@1001.service",
    "multi-user.target.wants/slices-names@1000.service",
    "ovs-vswitchd.service.wants/slices-flows.service",
    "nftables.service.d/cloudrepo-taps.conf",
)
"""Files of the collection."""
OF_OTHERS = (
    "etc/cloudrepo.service",
    "etc/slices-of-others.service",
    "etc/slices-capture-1000-1001-eth0.service.d/x.conf",
    "run/systemd/transient/slices-capture-1000-1001-eth0.service",
    "etc/nftables.service.d/x.conf",
    "etc/service.d/x.conf",
    "usr/local/lib/systemd/system/ssh.service",
    "run/systemd/system/ssh.service",
    "run/systemd/system/multi-user.target.wants/ssh.service",
)
"""Files of others."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a host that is worker and network node, with the units of two slices."""
    for path in (*(f"etc/{name}" for name in OURS), *OF_OTHERS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("[Unit]\n")
    return tmp_path


def observe(root: Path, *slice_ids: int) -> tuple[str, ...]:
    return unit_overrides.observe(slice_ids, unit_dir=f"{root}/etc", root=str(root))


OF_SLICES = [
    "etc/cloudrepo-1000@1001.service",
    "etc/cloudrepo-1000@1001.service.d",
    "etc/cloudrepo-1000@.service.d",
    "etc/cloudrepo-1000@1001.service.requires",
    "etc/cloudrepo-1000.slice",
    "etc/graphical.target.wants/cloudrepo-1000@1001.service",
    "etc/systemd/system.control/cloudrepo-1000@1001.service.d",
    "etc/systemd/system.control/cloudrepo-1000.slice.d",
    "run/systemd/system.control/cloudrepo-1000@1001.service.d",
    "run/systemd/system/cloudrepo-1000@1001.service",
    "run/systemd/system/cloudrepo-1000@.service",
    "run/systemd/system/cloudrepo-1000@1001.service.d",
    "run/systemd/system/multi-user.target.wants/cloudrepo-1000@1001.service",
    "run/systemd/transient/cloudrepo-1000@1001.service",
    "usr/local/lib/systemd/system/cloudrepo-1000@1001.service",
    "usr/lib/systemd/system/cloudrepo-1000@.service.d",
]
OF_HOST = [
    "etc/cloudrepo-.service.d/zz.conf",
    "etc/cloudrepo-.slice.d",
    "etc/cloudrepo.slice",
    "etc/slices-.service.d",
    "etc/slices-dhcp.service.d",
    "etc/slices-names@1000.service",
    "etc/slices-names@1000.service.d",
    "etc/slices-names@.service.d",
    "etc/slices-lost.socket.d",
    "etc/slices-logs.timer.d",
    "etc/systemd/system.control/cloudrepo-.service.d",
    "etc/systemd/system.control/slices-fence.service",
    "run/systemd/system/slices-flows.service",
    "run/systemd/system/slices-network@1000.service",
    "usr/local/lib/systemd/system/slices-lost@.service.d",
]


@pytest.mark.parametrize(
    ("name", "owner"), [*((name, 1000) for name in OF_SLICES), *((name, HOST) for name in OF_HOST)]
)
def test_an_override_is_reported_and_removed(root: Path, name: str, owner: int) -> None:
    assert observe(root, HOST, 1000, 1003) == ()
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith((".d", ".requires")):
        path.mkdir()
        (path / "zz.conf").write_text("[Service]\nUser=root\n")
    else:
        path.symlink_to("/dev/null")
    assert observe(root, *({HOST, 1000, 1003} - {owner})) == ()
    found = observe(root, owner)
    assert found == (str(path),)
    assert [(change.kind, change.id, change.action) for change in unit_overrides.changes(found)] == [
        ("unit override", str(path), "delete")
    ]
    unit_overrides.remove(found, FakeRunner().tell(*RELOAD))
    assert observe(root, HOST, 1000, 1003) == ()
    assert all((root / path).exists() for path in (*(f"etc/{name}" for name in OURS), *OF_OTHERS))
    assert Path("/dev/null").exists()


def test_a_folder_of_drop_ins_that_is_a_link_is_removed_without_what_it_leads_to(root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / "elsewhere/zz.conf").write_text("")
    (root / "etc/slices-flows.service.d").symlink_to(root / "elsewhere")
    unit_overrides.remove(observe(root, HOST), FakeRunner().tell(*RELOAD))
    assert observe(root, HOST) == ()
    assert (root / "elsewhere/zz.conf").exists()


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/etc/systemd/system/slices-dhcp.service.d", "slices-dhcp.service"),
        ("/etc/systemd/system/slices-.service.d", "slices-*.service"),
        ("/etc/systemd/system/slices-names@.service.d", "slices-names@*.service"),
        ("/run/systemd/system/slices-names@1000.service", "slices-names@1000.service"),
    ],
)
def test_units_of_the_host_that_ran_with_an_override_are_restarted(path: str, pattern: str) -> None:
    runner = FakeRunner().tell("systemctl", "try-restart", "--", pattern)
    unit_overrides.restart([path, path, "/etc/systemd/system/cloudrepo-.service.d/zz.conf"], runner)
    assert len(runner.argvs) == 1


def test_vms_keep_running() -> None:
    unit_overrides.restart([f"/etc/systemd/system/{Path(name).name}" for name in OF_SLICES], FakeRunner())


@pytest.mark.parametrize(
    ("name", "vm_ids"),
    [
        ("cloudrepo-1000@1001.service.d", {1001}),
        ("cloudrepo-1000@1001.service", {1001}),
        ("cloudrepo-1000@.service.d", {1001, 1002}),
        ("cloudrepo-.service.d", {1001, 1002, 1004}),
        ("cloudrepo-.service.d/zz.conf", {1001, 1002, 1004}),
        ("cloudrepo-1000@1001.service.requires", set()),
        ("graphical.target.wants/cloudrepo-1000@1001.service", set()),
        ("cloudrepo-1000.slice.d", set()),
        ("slices-flows.service.d", set()),
    ],
)
def test_running_vms_may_have_been_started_with_an_override(tmp_path: Path, name: str, vm_ids: set[int]) -> None:
    vms = [(1000, 1001), (1000, 1002), (1003, 1004)]
    assert unit_overrides.changed_vms([f"{tmp_path}/{name}"], vms) == vm_ids


def test_no_vm_was_started_with_a_mask(tmp_path: Path) -> None:
    (tmp_path / "cloudrepo-1000@1001.service").symlink_to("/dev/null")
    assert unit_overrides.changed_vms([f"{tmp_path}/cloudrepo-1000@1001.service"], [(1000, 1001)]) == set()


def test_without_overrides_systemd_is_not_called() -> None:
    unit_overrides.remove((), FakeRunner())
    unit_overrides.restart((), FakeRunner())


def test_every_unit_that_roles_install_is_known(tmp_path: Path) -> None:
    texts = [(REPOSITORY / f"roles/{role}/vars/main.yml").read_text() for role in ("worker", "network_node")]
    units = re.findall(rf"{systemd.UNIT_DIR}/(\S+\.(?:service|timer|socket))$", "\n".join(texts), re.M)
    assert len(units) > 10
    for unit in units:
        (tmp_path / UNIT_PATH[0][1:] / f"{unit}.d").mkdir(parents=True)
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc" / unit).write_text("[Unit]\n")
    assert [Path(path).name for path in observe(tmp_path, HOST)] == sorted(f"{unit}.d" for unit in units)


@pytest.mark.parametrize(
    ("path", "slice_id"),
    [
        ("/etc/systemd/system/cloudrepo-1000@1001.service.d", 1000),
        ("/etc/systemd/system/cloudrepo-1000@.service.d", 1000),
        ("/run/systemd/system/cloudrepo-1000.slice.d", 1000),
        ("/etc/systemd/system/slices-fence.service.d", None),
        ("/etc/systemd/system/ssh.service.d", None),
    ],
)
def test_an_override_belongs_to_the_slice_of_its_unit(path: str, slice_id: int | None) -> None:
    found = unit_overrides._slice_of(path)
    assert (None if found is None else found.slice_id) == slice_id
