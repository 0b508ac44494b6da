# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.modules import dhcp_reservations

from ..module_utils._host import modules
from ..module_utils._host.fakes import FakeRunner

ONE = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "ip": "10.60.7.101"}


def test_reservations_are_written_and_read(monkeypatch, tmp_path):
    args = {
        "hosts_dir": str(tmp_path),
        "service": "dhcp.service",
        "slices": [{"slice_id": 1000, "reservations": [ONE]}],
    }
    checked = modules.run(monkeypatch, dhcp_reservations, FakeRunner(), _ansible_check_mode=True, **args)
    assert (checked["changed"], checked["service_action"], list(tmp_path.iterdir())) == (True, None, [])

    runner = FakeRunner().tell("systemctl")
    result = modules.run(monkeypatch, dhcp_reservations, runner, **args)
    assert (result["changed"], result["service_action"]) == (True, "reload")
    assert (tmp_path / "1000").read_text() == "52:54:00:03:e9:00,10.60.7.101,vm1\n"

    assert not modules.run(monkeypatch, dhcp_reservations, FakeRunner(), **args)["changed"]
