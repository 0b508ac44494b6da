# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The faults that C(make mutants) inserts into the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ..scripts import ROOT, load

mutants = load("tools/mutants.py")
UTILITY = "plugins/module_utils/errors.py"


@pytest.mark.parametrize(
    ("source", "faulty"),
    [
        (
            "if a < 1:\n    pass\n",
            ["if (not (a < 1)):\n    pass\n", "if (a <= 1):\n    pass\n", "if a < 2:\n    pass\n"],
        ),
        ("x = [a for a in b if a]\n", ["x = [a for a in b if True]\n"]),
        ("x = a and b\n", ["x = (a or b)\n"]),
        ("def f() -> int:\n    'é'\n    g()\n    return a\n", ["pass", "return None"]),
        ("with locked(a):\n    pass\n", ["with __import__('contextlib').nullcontext():\n    pass\n"]),
        ("with opened(a) as file:\n    pass\n", []),
        ("x: Literal[1] = True\n", ["x: Literal[1] = False\n"]),
        ("if TYPE_CHECKING:\n    import a\n", []),
        ("return_ = None\n'words'\n", []),
        ("a = integer('b', sample=1, limit=2)\n", ["a = integer('b', sample=1, limit=3)\n"]),
    ],
)
def test_faults(source: str, faulty: list[str]) -> None:
    found = [mutant.text(source.encode()).decode() for mutant in mutants.mutants("a.py", source.encode())]
    assert len(found) == len(faulty)
    for text, expected in zip(found, faulty):
        assert expected in text
        ast.parse(text)


def test_a_sample_depends_on_its_seed() -> None:
    first = mutants.sample(ROOT, count=20, seed=1)
    assert first == mutants.sample(ROOT, count=20, seed=1) != mutants.sample(ROOT, count=20, seed=2)
    assert {mutant.path for mutant in mutants.sample(ROOT, count=9, seed=1, only="errors")} == {UTILITY}


def test_a_fault_is_tested_with_the_tests_of_the_same_name(tmp_path: Path) -> None:
    assert mutants.tests_of(ROOT, UTILITY) == [
        "tests/unit/plugins/module_utils/test_errors.py",
        mutants.EVERYWHERE,
    ]
    path = tmp_path / UTILITY
    path.parent.mkdir(parents=True)
    path.write_text("def size():\n    return 1\n")
    test = tmp_path / "tests/unit/plugins/module_utils/test_errors.py"
    test.parent.mkdir(parents=True)
    test.write_text(f"import runpy\ndef test():\n    assert runpy.run_path({str(path)!r})['size']() == 1\n")
    result, constant = mutants.sample(tmp_path, count=2, seed=1)
    assert {mutants.judge(tmp_path, each, whole=False) for each in (result, constant)} == {mutants.KILLED}
    test.write_text("def test():\n    pass\n")
    assert mutants.judge(tmp_path, constant, whole=False) == mutants.SURVIVED
    test.unlink()
    assert mutants.judge(tmp_path, constant, whole=False) == mutants.UNTESTED
    assert path.read_text() == "def size():\n    return 1\n"
