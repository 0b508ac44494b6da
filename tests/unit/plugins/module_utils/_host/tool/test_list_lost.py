# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import fences
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import list_lost


def test_a_worker_gets_the_complete_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / fences.FILE).write_text("1" * 64 + "\n")
    assert list_lost.main(str(tmp_path)) == 0
    assert fences.read_answer(capsys.readouterr().out) == ("1" * 64,)
