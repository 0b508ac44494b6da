# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed
from ansible_collections.cloudrepo.slices.plugins.module_utils.next_steps import NOT_PREPARED, SWITCH, next_step

# What these programs print, as seen on Debian 12.
ALARM = "2026-11-27T02:00:00Z|00002|fatal_signal|WARN|terminating with signal 14 (Alarm clock)"
NO_DATABASE = "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)"
NO_PIDFILE = 'ovs-appctl: cannot read pidfile "/var/run/openvswitch/ovs-vswitchd.pid" (No such file or directory)'


@pytest.mark.parametrize(
    ("program", "rc", "output", "advice"),
    [
        ("ovs-vsctl", -14, ALARM, SWITCH),
        ("ovs-vsctl", 142, "", SWITCH),
        ("ovs-vsctl", 1, NO_DATABASE, SWITCH),
        ("ovs-ofctl", 1, "ovs-ofctl: br-cloud is not a bridge or a socket", SWITCH),
        ("ovs-ofctl", 1, "ovs-ofctl: br-cloud: failed to connect to socket (Connection refused)", SWITCH),
        ("/usr/bin/ovs-appctl", 1, NO_PIDFILE, SWITCH),
        ("ovs-vsctl", 127, "ovs-vsctl: command not found", NOT_PREPARED),
        ("qemu-img", 127, "qemu-img: command not found", NOT_PREPARED),
        ("ovs-vsctl", 1, "ovs-vsctl: no bridge named br-cloud", NOT_PREPARED),
        ("systemctl", 5, "Failed to start cloudrepo-nat.service: Unit cloudrepo-nat.service not found.", NOT_PREPARED),
        ("systemctl", 1, "Failed to enable unit: Unit file cloudrepo-nat.service does not exist.", NOT_PREPARED),
        (
            "systemctl",
            1,
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
            "hosts need systemd as their init",
        ),
    ],
)
def test_a_known_failure_ends_with_its_next_step(program: str, rc: int, output: str, advice: str) -> None:
    assert next_step([program, "argument"], rc, output) == advice
    failed = CommandFailed(cmd=[program, "argument"], rc=rc, stdout="", stderr=output)
    assert failed.message.endswith(f"; {advice}")
    assert failed.message.startswith(f"{program} failed with code {rc}: ")


@pytest.mark.parametrize(
    ("program", "rc", "output"),
    [
        ("ovs-vsctl", 1, "ovs-vsctl: constraint violation: 5000 is not in the valid range 0 to 4,095 (inclusive)"),
        ("ip", -14, "Alarm clock"),
        ("ip", 2, "connect: Connection refused"),
        ("systemctl", 1, "Job for cloudrepo-7@1.service failed because the control process exited with error code."),
        ("qemu-img", 1, "qemu-img: Could not open 'a.qcow2': Image is not in qcow2 format"),
    ],
)
def test_other_failures_have_no_next_step(program: str, rc: int, output: str) -> None:
    assert next_step([program], rc, output) is None
    assert CommandFailed(cmd=[program], rc=rc, stdout="", stderr=output).message.endswith(output)
