# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import load_nat
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.load_nat import load
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refusal, Refused

from ..fakes import FakeRunner
from .mains import exit_of

LIST = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")
SHARES = ("nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")


def test_the_listing_of_rules_is_recorded_after_they_are_loaded(tmp_path):
    runner = FakeRunner().tell("nft", "-f", "nat.nft").tell(*LIST, stdout="table ip cloudrepo {\n}\n")
    runner.tell(*SHARES, stdout="table ip cloudrepo_shares {\n}\n")
    load("nat.nft", runner, run_dir=str(tmp_path))
    assert [argv[1] for argv in runner.argvs] == ["-f", "--stateless", "--stateless"]
    assert (tmp_path / "slices-nat.rules").read_text() == "table ip cloudrepo {\n}\ntable ip cloudrepo_shares {\n}\n"


def test_refused_rules_keep_the_recorded_listing(tmp_path):
    (tmp_path / "slices-nat.rules").write_text("as before")
    runner = FakeRunner().tell("nft", "-f", "nat.nft", rc=1, stderr="syntax error")
    with pytest.raises(CommandFailed, match="syntax error"):
        load("nat.nft", runner, run_dir=str(tmp_path))
    assert (tmp_path / "slices-nat.rules").read_text() == "as before"


@pytest.mark.parametrize(("rules", "shares"), [(1, 0), (0, 1)])
def test_a_file_without_both_tables_is_an_error(tmp_path, rules, shares):
    runner = FakeRunner().tell("nft", "-f", "nat.nft").tell(*LIST, rc=rules).tell(*SHARES, rc=shares)
    with pytest.raises(Refused) as refused:
        load("nat.nft", runner, run_dir=str(tmp_path))
    assert refused.value.refusals == [Refusal("nat_rules_missing", "nat.nft")]
    assert refused.value.message.startswith("nat.nft does not contain the nftables tables of this collection; run ")


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, load_nat, "load", "nat.nft") == (7, ("nat.nft",))
