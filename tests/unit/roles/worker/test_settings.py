# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that a host cannot have are refused before it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ...playbooks.runs import run

WITHOUT_KVM = (
    "settings: apply_work_order_accelerator is kvm, but this host has no /dev/kvm; set it to kvm:tcg, or enable "
    "virtualization in the host's firmware or, if it is a VM itself, its hypervisor"
)
WITHOUT_TRUNK = "settings: worker_uplink is eth9, but this host has only the interfaces eth0"


@pytest.mark.parametrize(
    ("accelerator", "has_kvm", "told"),
    [
        ("kvm", False, [WITHOUT_TRUNK, WITHOUT_KVM]),
        ("kvm", True, [WITHOUT_TRUNK]),
        ("kvm:tcg", False, [WITHOUT_TRUNK]),
        ("tcg", False, [WITHOUT_TRUNK]),
        (None, False, [WITHOUT_TRUNK]),
    ],
)
def test_kvm_is_refused_on_a_host_without_it(
    tmp_path: Path, accelerator: str | None, has_kvm: bool, told: list[str]
) -> None:
    role = {"ansible.builtin.import_role": {"name": "cloudrepo.slices.worker"}}
    play = {"hosts": "workers", "gather_facts": False, "tasks": [role]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    # As an earlier play has read it, so that nothing connects to the host.
    seen = {"interfaces": [{"name": "eth0", "mtu": 1500, "addresses": []}], "kvm": has_kvm}
    values = {"cloudrepo_host_info": seen, "worker_uplink": "eth9"}
    if accelerator:
        values["apply_work_order_accelerator"] = accelerator
    done = run(tmp_path, str(tmp_path / "play.yml"), values)
    assert done.failure["msg"].splitlines() == told
