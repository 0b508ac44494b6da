# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages of playbooks and roles, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "interface_captured",
            "VM web/vm1 eth1",
            {},
            "VM web/vm1 eth1: another run is capturing its traffic; stop that capture with -e capture_stop=true, or "
            "repeat the command when it has ended",
        ),
        (
            "file_of_others",
            "/tmp/displays.txt",
            {"kind": "a symbolic link", "variable": "displays_dest"},
            "/tmp/displays.txt is a symbolic link, so others could read what is written to it; remove it, or choose "
            "another path with -e displays_dest=PATH",
        ),
        (
            "vm_named_like_host",
            "VM worker1",
            {"kind": "host"},
            "VM worker1: the inventory has a host of this name, which the role would run on; rename the VM, or set "
            "hostname under inventory in the topology",
        ),
        (
            "source_changed",
            "the file",
            {"got": "ab12", "expected": "cd34"},
            "the file differs from the registered one: its SHA-256 is ab12, expected cd34; restore the file, or "
            "register its flavor or kind again for new VMs",
        ),
    ],
)
def test_message(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
