# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.load_nat import load
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, SlicesError

from ..fakes import FakeRunner

LIST = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")


def test_rules_are_noted_as_they_are_listed_once_they_are_loaded(tmp_path):
    runner = FakeRunner().tell("nft", "-f", "nat.nft").tell(*LIST, stdout="table ip cloudrepo {\n}\n")
    load("nat.nft", runner, run_dir=str(tmp_path))
    assert [argv[1] for argv in runner.argvs] == ["-f", "--stateless"]
    assert (tmp_path / "slices-nat.rules").read_text() == "table ip cloudrepo {\n}\n"


def test_rules_that_are_refused_leave_the_note_of_those_that_stay(tmp_path):
    (tmp_path / "slices-nat.rules").write_text("as before")
    runner = FakeRunner().tell("nft", "-f", "nat.nft", rc=1, stderr="syntax error")
    with pytest.raises(CommandFailed, match="syntax error"):
        load("nat.nft", runner, run_dir=str(tmp_path))
    assert (tmp_path / "slices-nat.rules").read_text() == "as before"


def test_a_file_without_our_table_is_an_error(tmp_path):
    with pytest.raises(SlicesError, match=r"nat\.nft contains no nftables table of this collection"):
        load("nat.nft", FakeRunner().tell("nft", "-f", "nat.nft").tell(*LIST, rc=1), run_dir=str(tmp_path))
