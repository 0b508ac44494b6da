# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every CI runs what C(make test) runs: .ci/run as a whole, and the workflow of GitHub in a job for each part."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ..scripts import ROOT, load

PART = "${{ matrix.part }}"
RULE = re.compile(r"^(?P<target>[a-z][a-z-]*):(?P<needs>[a-z -]*)(?:##.*)?\n(?P<recipe>(?:\t.*\n)*)", re.MULTILINE)
# Commands of the tests, as opposed to those that prepare the machine.
TESTS = re.compile(r"^(make|tools/|\.venv/)")


def rules() -> dict[str, tuple[list[str], list[str]]]:
    """Return the targets of the Makefile, each with what it needs and with its commands."""
    found = RULE.finditer((ROOT / "Makefile").read_text(encoding="utf-8"))
    return {
        rule["target"]: (rule["needs"].split(), [line.strip().lstrip("@") for line in rule["recipe"].splitlines()])
        for rule in found
    }


def workflow() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    return read


def commands(job: dict[str, Any]) -> list[str]:
    lines = [line.strip() for step in job["steps"] for line in step.get("run", "").splitlines()]
    return [line for line in lines if TESTS.match(line)]


def test_the_workflow_has_a_job_for_each_part() -> None:
    job = workflow()["jobs"]["test"]
    assert job["strategy"]["matrix"]["part"] == list(load("tools/test.py").PARTS)


def test_each_job_runs_the_commands_of_make_test() -> None:
    needs, recipe = rules()["test"]
    assert commands(workflow()["jobs"]["test"]) == [
        *(f"make {need}" for need in needs),
        *(f"{it} {PART}" for it in recipe),
    ]


def test_other_jobs_call_targets_of_the_makefile() -> None:
    called = [line for name, job in workflow()["jobs"].items() if name != "test" for line in commands(job)]
    assert [line for line in called if line not in {f"make {target}" for target in rules()}] == []


def test_the_ci_script_calls_make_test() -> None:
    lines = Path(ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "make" in line and not line.startswith("#")] == ["exec make test"]


def test_each_part_has_a_tool() -> None:
    tools = [words[0] for words in load("tools/test.py").PARTS.values()]
    assert [tool for tool in tools if not (ROOT / "tools" / tool).is_file()] == []
