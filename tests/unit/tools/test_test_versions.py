# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""C(make test-versions), and that the supported versions are stated as they are tested."""

from __future__ import annotations

import re
import sys

import pytest
import yaml

from ..scripts import ROOT, load

versions = load("tools/test_versions.py")


def test_support_and_requires_ansible_name_the_tested_versions() -> None:
    support = (ROOT / "SUPPORT.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"(2\.\d+) on Python (3\.\d+)", support)) == versions.CORES
    oldest = min(versions.CORES, key=lambda core: int(core.partition(".")[2]))
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"] == f">={oldest}.0"


def test_the_pinned_ansible_core_is_the_oldest() -> None:
    pinned = re.search(r"^ansible-core==(2\.\d+)\.", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert pinned[1] == next(iter(versions.CORES))


def test_the_workflow_installs_every_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    [installed] = [
        step["with"]["python-version"]
        for step in workflow["jobs"]["versions"]["steps"]
        if "python" in str(step.get("uses"))
    ]
    assert set(installed.split()) == set(versions.CORES.values())


def test_tools_have_the_versions_of_requirements_dev() -> None:
    text = "ansible-core==2.19.14\npytest==9.2.0\npsycopg[binary]==3.3.9\nPyYAML==6.0.3\ncertifi # none\n"
    text += "hypothesis==6.170.15\npytest-xdist==3.8.0\nSQLAlchemy==2.1.9\npytest-x==1\n"
    assert versions.requirements("2.20", text) == [
        *("ansible-core==2.20.*", "hypothesis==6.170.15", "psycopg[binary]==3.3.9", "pytest==9.2.0"),
        *("pytest-xdist==3.8.0", "PyYAML==6.0.3", "SQLAlchemy==2.1.9"),
    ]


def test_an_interpreter_is_found_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    own = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(versions, "candidates", lambda _python: ["/bin/false", sys.executable])
    assert versions.interpreter(own) == sys.executable
    assert versions.interpreter("2.6") is None


@pytest.mark.parametrize(
    ("printed", "summary"),
    [
        ("..\n18 failed, 309 passed in 1606.94s (0:26:46)\n", "18 failed, 309 passed in 1606.94s"),
        ("...\n===== 3 passed, 1 skipped in 0.51s =====\n", "3 passed, 1 skipped in 0.51s"),
        ("FAILED a.py - assert '1 passed'\n1 error in 2.00s\n", "1 error in 2.00s"),
    ],
)
def test_the_last_line_of_pytest_is_the_summary(printed: str, summary: str) -> None:
    assert versions.SUMMARY.findall(printed)[-1:] == [summary]


@pytest.mark.parametrize(
    ("codes", "code"), [([0, 0], 0), ([0, None], 0), ([0, 1], 1), ([None, None], 1), ([None, 2], 1)]
)
def test_the_exit_code(codes: list[int | None], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {core: versions.Ended(core, "3.11", each, "") for core, each in zip(versions.CORES, codes)}
    monkeypatch.setattr(versions, "test", lambda core, _options: ended[core])
    assert versions.main(list(ended)) == code


def test_an_unknown_version_is_refused() -> None:
    assert versions.main(["2.9"]) == 2
