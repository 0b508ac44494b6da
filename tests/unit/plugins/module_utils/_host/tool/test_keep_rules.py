# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import keep_rules
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.keep_rules import keep
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, SlicesError

from ..fakes import FakeRunner

LOAD = ("nft", "-f", "nat.nft")
LIST = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")
SHARES = ("nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")
TABLES = ("ip cloudrepo", "ip cloudrepo_shares")
RULES = "table ip cloudrepo {\n}\n"
# As nft monitor prints them.
FLUSHED = [
    "delete chain ip cloudrepo forward\n",
    "delete table ip cloudrepo\n",
    "# new generation 3 by process 1 (nft)\n",
]
FLUSHED_CHAIN = ["delete rule ip cloudrepo forward handle 2\n", "# new generation 4 by process 2 (nft)\n"]
REPLACED = [
    "add table ip cloudrepo\n",
    "delete table ip cloudrepo\n",
    "add table ip cloudrepo\n",
    "add chain ip cloudrepo forward { type filter hook forward priority filter; policy accept; }\n",
    "# new generation 5 by process 3 (nft)\n",
]
OTHERS = ["delete table ip cloudrepo_more\n", "# new generation 6 by process 4 (nft)\n"]


def loads(events: list[str], *listings: str) -> int:
    """How often rules are loaded, if the table is listed like this, first after they were loaded at the start."""
    runner = FakeRunner().tell(*LOAD)
    for listing in listings:
        runner.tell(*LIST, stdout=listing, rc=0 if listing else 1)
    with pytest.raises(SlicesError, match="nft monitor has ended, so table ip cloudrepo is not watched"):
        keep(["ip cloudrepo"], "nat.nft", events, runner)
    return runner.argvs.count(list(LOAD))


@pytest.mark.parametrize(
    ("events", "listings", "count"),
    [
        ([], [RULES], 1),
        (OTHERS, [RULES], 1),
        (FLUSHED, [RULES, "", RULES], 2),
        (FLUSHED_CHAIN, [RULES, "table ip cloudrepo {", RULES], 2),
        # Its own transaction, and one of another process that was faster.
        (FLUSHED + REPLACED, [RULES, "", RULES, RULES], 2),
        (FLUSHED + REPLACED, [RULES, RULES, RULES], 1),
        # After a deploy with other rules, these are kept.
        (REPLACED + FLUSHED_CHAIN, [RULES, "new", "new"], 1),
        (REPLACED + FLUSHED, [RULES, "new", "", "new"], 2),
        (REPLACED, [RULES, "", RULES], 2),
        (FLUSHED + FLUSHED, [RULES, "", "", "", RULES], 3),
        (FLUSHED + OTHERS + FLUSHED, [RULES, "", RULES, "", RULES], 3),
    ],
)
def test_changed_rules_are_loaded_again(events: list[str], listings: list[str], count: int) -> None:
    assert loads(events, *listings) == count


@pytest.mark.parametrize(
    ("events", "listings", "count"),
    [
        (["delete table ip cloudrepo_shares\n", "# new generation 3 by process 1 (nft)\n"], ["s", "", "s"], 2),
        (["flush chain ip cloudrepo_shares x\n", "# new generation 3 by process 1 (nft)\n"], ["s", "", "s"], 2),
        # A deploy adds and removes the addresses of slices.
        (["add element ip cloudrepo_shares slices\n", "# new generation 3 by process 1 (nft)\n"], ["s", "s"], 1),
    ],
)
def test_every_table_of_the_file_is_watched(events: list[str], listings: list[str], count: int) -> None:
    runner = FakeRunner().tell(*LOAD).tell(*LIST, stdout=RULES)
    for listing in listings:
        runner.tell(*SHARES, stdout=listing, rc=0 if listing else 1)
    with pytest.raises(SlicesError, match="table ip cloudrepo, ip cloudrepo_shares is not watched"):
        keep(TABLES, "nat.nft", events, runner)
    assert runner.argvs.count(list(LOAD)) == count


def test_rules_that_the_kernel_rejects_are_an_error() -> None:
    with pytest.raises(CommandFailed, match="syntax error"):
        keep(["ip cloudrepo"], "nat.nft", [], FakeRunner().tell(*LOAD, rc=1, stderr="syntax error"))


def test_the_output_of_nft_monitor_is_read_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nft").write_text(f"""#!/bin/sh
echo "$*" >> {tmp_path}/called
[ "$1" = monitor ] && printf 'delete table ip cloudrepo\\n# new generation 3 by process 1 (nft)\\n'
exit 0
""")
    (tmp_path / "nft").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert keep_rules.main("ip", "cloudrepo,cloudrepo_shares", "nat.nft") == 1
    assert capsys.readouterr().err.startswith("slices-host: nft monitor has ended")
    called = (tmp_path / "called").read_text().splitlines()
    assert called.count("monitor") == 1
    assert called.count("-f nat.nft") == 2, "at the start, and after the table was deleted"
    assert {" ".join(LIST[1:]), " ".join(SHARES[1:])} <= {*called}
