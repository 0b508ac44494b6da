# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_info import TRY_NETEM
from ansible_collections.cloudrepo.slices.plugins.modules import host_info

from ..module_utils._host import modules
from ..module_utils._host.fakes import FakeRunner

SHOWN = '[{"ifname": "trunk0", "mtu": 9000}]'


def test_the_mtu_of_the_uplink_is_returned(monkeypatch, tmp_path):
    for arguments, mtu in (({"uplink": "trunk0"}, 9000), ({"uplink": ""}, None), ({}, None)):
        runner = FakeRunner().tell("ip", "-json", "-details", "address", "show", stdout=SHOWN).tell(*TRY_NETEM)
        result = modules.run(monkeypatch, host_info, runner, state_dir=str(tmp_path), **arguments)
        assert not result["changed"]
        assert result["trunk_mtu"] == mtu
        assert result["interfaces"] == [{"name": "trunk0", "mtu": 9000, "addresses": [], "kind": None, "master": None}]
        assert (result["claim"], result["highest_revision"]) == (None, None)
