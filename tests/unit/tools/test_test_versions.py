# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""C(make test-versions), and that the supported versions are stated as they are tested."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

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


def test_each_job_with_the_newest_version_has_its_python_and_must_use_it() -> None:
    """Those that run C(newest), and the half of the scenarios with C(newcomer)."""
    scenarios = (ROOT / "tools/molecule").read_text(encoding="utf-8")
    [second] = re.findall(r"^SECOND_HALF=\((.*)\)$", scenarios, re.MULTILINE)
    half = 2 if "newcomer" in second.split() else 1
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    wanted = [part for part in job["strategy"]["matrix"]["part"] if part in ("newest", f"molecule-{half}")]
    assert len(wanted) == 2
    assert job["env"][versions.NEED_NEWEST] == "1"
    condition = " || ".join(f"matrix.part == '{part}'" for part in wanted)
    [install] = [step for step in job["steps"] if "python install" in step.get("run", "")]
    [uv] = [step for step in job["steps"] if "setup-uv" in step.get("uses", "")]
    [tests] = [step for step in job["steps"] if "tools/test.py" in step.get("run", "")]
    assert install["run"] == f"uv python install {list(versions.CORES.values())[-1]}"
    assert install["env"]["UV_PYTHON_BIN_DIR"] == "/usr/local/bin", "which is in PATH"
    assert uv["if"] == install["if"] == condition
    assert [step for step in job["steps"] if step in (uv, install, tests)] == [uv, install, tests]


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
    monkeypatch.setattr(versions, "test", lambda core, _options, **_options_of_pip: ended[core])
    assert versions.main(list(ended)) == code


@pytest.mark.parametrize("code", [0, 1])
def test_sanity_uses_the_ansible_core_of_each_version(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "sanity"
    script.write_text(f'#!/bin/sh\necho "$ANSIBLE_TEST_FOLDER $*" >>{tmp_path}/calls\nexit {code}\n')
    script.chmod(0o755)
    (tmp_path / "2.20/bin").mkdir(parents=True)
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(versions, "FOLDER", tmp_path)
    tested = versions.Ended("2.20", "3.12", 0, "")
    monkeypatch.setattr(versions, "test", lambda _core, _options, **_options_of_pip: tested)
    assert versions.main(["--sanity", "2.20", "2.21"]) == code
    assert (tmp_path / "calls").read_text() == f"{tmp_path}/2.20/bin --oldest-and-newest\n"


@pytest.mark.parametrize("arguments", [["2.9"], ["newest", "--fast"]])
def test_what_is_unknown_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert versions.main(arguments) == 2
    said = (
        f"unknown versions: {arguments[-1]}; choose from 2.19, 2.20, 2.21, oldest, newest, --quick, --bin, --sanity\n"
    )
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("there", "oldest", "newest"),
    [({"3.11", "3.12", "3.13"}, "2.19", "2.21"), ({"3.12"}, "2.20", "2.20"), (set(), "2.19", "2.21")],
)
def test_the_oldest_and_the_newest_are_those_that_can_be_tested(
    there: set[str], oldest: str, newest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "interpreter", lambda python: f"/bin/python{python}" if python in there else None)
    monkeypatch.delenv(versions.NEED_NEWEST, raising=False)
    assert (versions.named("oldest"), versions.named("newest"), versions.named("2.20")) == (oldest, newest, "2.20")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"3.11", "3.12", "3.13"}, "newest: ansible-core 2.21, Python 3.13\n"),
        ({"3.11"}, "newest: ansible-core 2.19, Python 3.11; Python 3.13 of ansible-core 2.21 not found\n"),
        (set(), "newest: ansible-core 2.21, Python 3.13; Python 3.13 of ansible-core 2.21 not found\n"),
    ],
)
def test_it_is_said_which_version_the_newest_is(
    there: set[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(versions.NEED_NEWEST, raising=False)
    monkeypatch.setattr(versions, "interpreter", lambda python: f"/bin/python{python}" if python in there else None)
    versions.named("newest")
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("options", [["--quick"], ["--bin"]])
def test_an_older_version_is_an_error_where_the_newest_is_required(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(versions.NEED_NEWEST, "1")
    monkeypatch.setattr(versions, "interpreter", lambda python: "/bin/python3" if python != "3.13" else None)
    monkeypatch.setattr(versions, "test", lambda *_arguments, **_options: pytest.fail("an older version is tested"))
    assert versions.main(["newest", *options]) == 1
    said = "newest: CLOUDREPO_NEED_NEWEST=1 requires ansible-core 2.21; Python 3.13 of ansible-core 2.21 not found\n"
    assert capsys.readouterr() == ("", said)
    assert versions.named("oldest") == "2.19"


def test_make_test_runs_a_short_selection_on_the_newest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other parts have the oldest, which is pinned."""
    calls: list[tuple[str, list[str], bool]] = []

    def test(core: str, options: list[str], *, update: bool) -> Any:
        calls.append((core, options, update))
        return versions.Ended(core, "", 0, "")

    monkeypatch.setattr(versions, "test", test)
    monkeypatch.setattr(versions, "interpreter", lambda python: python)
    [command] = re.findall(r"^exec python tools/test_versions\.py (.*)$", (ROOT / "tools/newest").read_text(), re.M)
    assert versions.main(command.split()) == 0
    assert calls == [(list(versions.CORES)[-1], versions.QUICK, False)]
    assert "newest" in load("tools/test.py").PARTS
    assert [path for path in versions.QUICK if not (ROOT / path).exists()] == []


def test_an_environment_that_is_there_is_made_again_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> None:
        calls.append(command)
        (tmp_path / "2.21").mkdir(exist_ok=True)

    monkeypatch.setattr(versions, "FOLDER", tmp_path)
    monkeypatch.setattr(versions.subprocess, "run", run)
    monkeypatch.setattr(versions, "interpreter", lambda python: f"/bin/python{python}")
    assert [versions.main(["2.21", "--bin"]) for _time in range(2)] == [0, 0]
    assert [Path(command[0]).name for command in calls] == ["python3.13", "python"]
    assert capsys.readouterr().out == f"{tmp_path}/2.21/bin\n" * 2
    versions.environment("2.21", "/bin/python3.13", update=True)
    versions.environment("2.21", "/opt/python3.13", update=False)
    assert len(calls) == 6


def test_a_version_without_its_python_has_no_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(versions, "interpreter", lambda _python: None)
    assert versions.main(["--bin", "2.20"]) == 1
    assert capsys.readouterr().err == "ansible-core 2.20: Python 3.12 not found\n"
