# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The units of a host show with which state folder it was prepared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import state_folder, systemd

ROOT = Path(__file__).parents[5]
TEMPLATES = {
    "slices-fence.service": ("roles/worker/templates/slices-fence.service.j2", "worker_state_dir"),
    "slices-lost@.service": ("roles/network_node/templates/lost@.service.j2", "network_node_state_dir"),
}


@pytest.fixture(autouse=True)
def unit_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(systemd, "UNIT_DIR", str(tmp_path))
    return tmp_path


def test_a_new_host_is_not_prepared(tmp_path: Path) -> None:
    assert state_folder.prepared() is None
    assert state_folder.misplaced(str(tmp_path)) is None


@pytest.mark.parametrize("unit", TEMPLATES)
def test_a_unit_of_each_role_contains_the_folder(unit_dir: Path, unit: str) -> None:
    template, variable = TEMPLATES[unit]
    text = (ROOT / template).read_text()
    assert f"{{{{ {variable} }}}}" in text
    (unit_dir / unit).write_text(
        text.replace(f"{{{{ {variable} }}}}", "/srv/state").replace("{{ __network_node_program }}", "/p")
    )
    assert state_folder.prepared() == "/srv/state"
    refusals = [state_folder.misplaced(folder) for folder in ("/srv/state", "/srv/other")]
    assert [each and each.code for each in refusals] == ["claim_missing", "state_folder_changed"]


def test_a_unit_that_was_changed_by_hand_says_nothing(unit_dir: Path) -> None:
    (unit_dir / "slices-fence.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert state_folder.prepared() is None
