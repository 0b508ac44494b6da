# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How AWX makes the variables of a job, rule by rule."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from . import launcher
from .launcher import Job, Rejected, Workflow, accepted, dumped, merged, meta, of_node

COUNT = {"variable": "count", "type": "integer", "required": True, "default": 5, "min": 1, "max": 9}
NAME = {"variable": "name", "type": "text", "required": True, "default": "", "min": 1, "max": 8}
NOTE = {"variable": "note", "type": "text", "required": False, "default": "", "min": 0, "max": 8}
SURE = {"variable": "sure", "type": "multiplechoice", "required": False, "choices": ["true", "false"]}


def template(*questions: dict[str, Any], **options: Any) -> dict[str, Any]:
    survey = {"name": "", "description": "", "spec": list(questions)}
    locked = {"name": "t", "ask_variables_on_launch": False, "survey_enabled": bool(questions), "survey_spec": survey}
    return {**locked, **options}


def test_a_template_accepts_answers_to_its_survey_and_ignores_other_variables() -> None:
    given = {"name": "web", "count": 3, "forged": 1}
    assert accepted(template(COUNT, NAME, NOTE), given) == {"name": "web", "count": 3}


def test_a_template_that_prompts_for_variables_accepts_all() -> None:
    given = {"name": "web", "count": 3, "forged": 1}
    assert accepted(template(COUNT, NAME, ask_variables_on_launch=True), given) == given


@pytest.mark.parametrize(
    "answers",
    [
        {"count": 3},
        {"name": "", "count": 3},
        {"name": "too long a name", "count": 3},
        {"name": 5, "count": 3},
        {"name": ["web"], "count": 3},
        {"name": "web", "count": "3"},
        {"name": "web", "count": True},
        {"name": "web", "count": 0},
        {"name": "web", "count": 10},
        {"name": "web", "count": 3, "sure": True},
    ],
)
def test_an_answer_that_a_survey_does_not_take_starts_no_job(answers: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        accepted(template(COUNT, NAME, SURE), answers)


def test_a_launch_beats_the_defaults_of_the_survey_which_beat_the_variables_of_the_template() -> None:
    fixed = {"count": 1, "name": "fixed", "other": 2}
    made = template(COUNT, NAME, NOTE, extra_vars=fixed)
    # The default of NAME is too short to be one.
    assert merged(made, {}) == {"count": 5, "name": "fixed", "note": "", "other": 2}
    assert merged(made, {"count": 3, "other": 4}) == {"count": 3, "name": "fixed", "note": "", "other": 4}


def test_variables_and_artifacts_of_a_workflow_reach_a_template_without_prompts() -> None:
    made = template()
    assert of_node(made, {"own": 1}, {}, {}) == {}
    assert of_node(made, {}, {"artifact": 1, "_ansible_no_log": True}, {}) == {"artifact": 1}
    assert of_node(made, {}, {"both": "artifact"}, {"both": "workflow"}) == {"both": "workflow"}


def test_a_node_starts_without_invalid_and_missing_answers() -> None:
    made = template(COUNT, NAME)
    assert of_node(made, {"count": 10, "name": "web"}, {}, {}) == {"name": "web"}
    assert of_node(made, {}, {"count": 10}, {}) == {"count": 10}


def said(job: Job) -> dict[str, Any]:
    """The variables of AWX about a job, with both of its prefixes."""
    both = [
        {name.removeprefix(f"{prefix}_"): value for name, value in meta(job).items() if name.startswith(f"{prefix}_")}
        for prefix in launcher.PREFIXES
    ]
    assert both[0] == both[1]
    return both[0]


def test_a_job_that_a_person_launched_has_the_name_of_the_person() -> None:
    found = said(Job(template(), "manual", user="alice"))
    assert (found["job_id"], found["job_launch_type"], found["user_name"]) == (42, "manual", "alice")


@pytest.mark.parametrize("launch_type", ["scheduled", "webhook", "callback"])
def test_other_jobs_have_no_name_of_a_user(launch_type: str) -> None:
    found = said(Job(template(), launch_type, schedule="nightly"))
    assert found["job_launch_type"] == launch_type
    assert found["schedule_name"] == "nightly"
    assert [name for name in found if name.startswith("user")] == []


def test_a_job_of_a_workflow_has_the_launch_type_of_the_workflow() -> None:
    workflow = Workflow(41, "request", "scheduled", schedule="nightly")
    found = said(Job(template(), "workflow", workflow=workflow))
    assert (found["job_launch_type"], found["workflow_job_launch_type"]) == ("workflow", "scheduled")
    assert (found["workflow_job_id"], found["workflow_job_name"]) == (41, "request")
    assert found["parent_job_schedule_name"] == "nightly"


class Marked(str):
    """A string with the tag C(!unsafe)."""


class Loader(yaml.SafeLoader):
    """Distinguishes strings with the tag from others."""


Loader.add_constructor("!unsafe", lambda loader, node: Marked(loader.construct_scalar(node)))


def test_strings_are_untrusted_unless_the_template_has_them() -> None:
    given = {"fixed": "{{ a }}", "changed": "{{ b }}", "other": ["{{ c }}", {"{{ d }}": 1}]}
    found = yaml.load(dumped(given, {"fixed": "{{ a }}", "changed": "{{ x }}"}), Loader)
    assert found == given
    assert [type(found["fixed"]), type(found["changed"])] == [str, Marked]
    text, mapping = found["other"]
    assert [type(text), *map(type, mapping)] == [Marked, Marked]


def test_awx_beats_variables_of_the_same_name_but_only_with_words_that_it_has(tmp_path: Path) -> None:
    forged = {"awx_user_name": "admin", "awx_job_id": 1}
    for name, job in {
        "manual": Job(template(), "manual", forged, user="bob"),
        "scheduled": Job(template(), "scheduled", forged, schedule="nightly"),
    }.items():
        launcher.lay_out(job, tmp_path / name, {})
    users = {
        name: yaml.load((tmp_path / name / "env/extravars").read_text(encoding="utf-8"), Loader)
        for name in ("manual", "scheduled")
    }
    assert (users["manual"]["awx_user_name"], users["manual"]["awx_job_id"]) == ("bob", 42)
    assert (users["scheduled"]["awx_user_name"], users["scheduled"]["awx_job_id"]) == ("admin", 42)


def test_the_environment_contains_the_id_of_the_job_and_values_of_credentials(tmp_path: Path) -> None:
    kind = {"injectors": {"env": {"CLOUDREPO_ACTING_USER": "{{ user }}"}}}
    environment = launcher.injected(kind, {"user": "alice"})
    # Not even a credential can set the id.
    job = Job(template(job_type="check", diff_mode=True), "scheduled", environment={**environment, "JOB_ID": "1"})
    launcher.lay_out(job, tmp_path, {"orchestrator": {"hosts": ["localhost"]}})
    found = json.loads((tmp_path / "env/envvars").read_text(encoding="utf-8"))
    assert found == {"CLOUDREPO_ACTING_USER": "alice", "JOB_ID": "42", "INVENTORY_ID": "1"}
    assert (tmp_path / "env/cmdline").read_text(encoding="utf-8") == "--check -u root --diff"
    told = subprocess.run([tmp_path / "inventory/hosts"], capture_output=True, check=True)
    assert json.loads(told.stdout) == {"orchestrator": {"hosts": ["localhost"]}}
