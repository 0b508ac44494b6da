# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each task of the modules' EXAMPLES is written to a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ..scripts import load

ROOT = Path(__file__).parents[3]
write_examples = load("extensions/molecule/examples/files/write_examples.py")
MODULE = 'DOCUMENTATION = "x"\n\nEXAMPLES = r"""\n- name: First\n  one: {a: 1}\n- name: Second\n  two:\n"""\n'


def test_examples_are_written_to_numbered_files_with_the_names_of_their_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/vm.py").write_text(MODULE)
    (tmp_path / "modules/__init__.py").write_text("")
    for _each in range(2):
        write_examples.main(tmp_path / "modules", tmp_path / "made/out")
    assert capsys.readouterr().out.split() == ["vm-0", "vm-1"] * 2
    assert sorted(path.name for path in (tmp_path / "made/out").iterdir()) == ["vm-0.yml", "vm-1.yml"]
    assert yaml.safe_load((tmp_path / "made/out/vm-1.yml").read_text()) == [{"name": "Second", "two": None}]


def test_a_module_without_examples_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "vm.py").write_text('DOCUMENTATION = "x"\n')
    with pytest.raises(SystemExit, match="vm"):
        write_examples.examples(tmp_path / "vm.py")


def test_every_example_is_run_by_the_scenario_or_listed_as_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examples.main(ROOT / "plugins/modules", tmp_path / "out")
    plays = yaml.safe_load((ROOT / "extensions/molecule/examples/converge.yml").read_text(encoding="utf-8"))
    lists = plays[0]["vars"]
    listed = [*lists["on_the_network_node"]]
    for name in ("on_the_orchestrator", "on_a_worker", "not_run"):
        listed += [example for some in lists[name] for example in some]
    assert sorted(listed) == sorted(capsys.readouterr().out.split())
