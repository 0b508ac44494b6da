# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts jobs like AWX, from templates like those of the portal.

AWX decides which variables reach a job, adds its own, marks strings as untrusted, and writes all of it into a private
data directory for ansible-runner. These rules were read in AWX's models and tasks; test_launcher.py states each one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PREFIXES = ("awx", "tower")
NOT_ARTIFACTS = ("_ansible_no_log",)


class Rejected(ValueError):
    """AWX starts no job with these answers."""


@dataclass(frozen=True)
class Workflow:
    """The workflow job that a job is a node of."""

    id: int
    name: str
    launch_type: str
    schedule: str | None = None


@dataclass(frozen=True)
class Job:
    """A job that is about to start.

    Attributes:
        template: the options of its job template.
        launch_type: C(manual), C(relaunch), C(scheduled), C(webhook), C(callback) or C(workflow).
        variables: the result of C(accepted) and C(merged).
        user: the AWX user who launched it, or the workflow that it is part of.
        environment: what its credentials set.
    """

    template: Mapping[str, Any]
    launch_type: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    workflow: Workflow | None = None
    schedule: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    id: int = 42


def accepted(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the answers that a template takes: to questions of its survey, and all if it asks for variables.

    Raises:
        Rejected: the survey rejects an answer, or lacks one.
    """
    survey = _survey(template)
    problems = [problem for question in survey for problem in _problems(question, answers)]
    if problems:
        raise Rejected("; ".join(problems))
    return _valid(template, answers)


def _valid(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    asked = {question["variable"]: not list(_problems(question, answers)) for question in _survey(template)}
    takes_all = template["ask_variables_on_launch"]
    return {name: value for name, value in answers.items() if asked.get(name, takes_all)}


def merged(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a template, then the valid defaults of its survey, then those of the launch."""
    defaults = {
        question["variable"]: question["default"]
        for question in _survey(template)
        if question.get("default") is not None
        and not list(_problems(question, {question["variable"]: question["default"]}))
    }
    return {**(template.get("extra_vars") or {}), **defaults, **given}


def of_node(
    template: Mapping[str, Any],
    own: Mapping[str, Any],
    artifacts: Mapping[str, Any],
    workflow: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the variables of a node's launch.

    The node's own must be asked for; invalid ones are left out, and the job starts without missing ones. Artifacts of
    earlier nodes and the variables of the workflow need not be asked for.
    """
    kept = {name: value for name, value in artifacts.items() if name not in NOT_ARTIFACTS}
    return {**_valid(template, own), **kept, **workflow}


def of_webhook(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a launch by a webhook: the request of anybody who knows the key."""
    return {f"{prefix}_webhook_payload": dict(event) for prefix in PREFIXES}


def meta(job: Job) -> dict[str, Any]:
    """Return the variables that AWX sets itself. Values that a job does not have are omitted."""
    said: dict[str, Any] = {
        "job_id": job.id,
        "job_launch_type": job.launch_type,
        "job_template_name": job.template["name"],
    }
    if job.workflow is not None:
        said["workflow_job_id"] = job.workflow.id
        said["workflow_job_name"] = job.workflow.name
        said["workflow_job_launch_type"] = job.workflow.launch_type
        if job.workflow.schedule is not None:
            said["parent_job_schedule_name"] = job.workflow.schedule
    if job.user is not None:
        said.update(user_id=7, user_name=job.user, user_email="", user_first_name="", user_last_name="")
    elif job.schedule is not None:
        said["schedule_name"] = job.schedule
    return {f"{prefix}_{name}": value for name, value in said.items() for prefix in PREFIXES}


class _Untrusted(yaml.SafeDumper):
    """Marks all strings, keys as well, so that Ansible evaluates no template in them."""


_Untrusted.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


def dumped(variables: Mapping[str, Any], trusted: Mapping[str, Any]) -> str:
    """Return variables as YAML. Only those that a template has with the same value are trusted."""
    return "".join(
        yaml.dump(
            {name: value},
            Dumper=yaml.SafeDumper if name in trusted and trusted[name] == value else _Untrusted,
            default_flow_style=False,
        )
        for name, value in variables.items()
    )


def arguments(job: Job) -> list[str]:
    """Return the options of ansible-playbook."""
    check = ["--check"] if job.template.get("job_type") == "check" else []
    return [*check, "-u", "root", *(["--diff"] if job.template.get("diff_mode") else [])]


def injected(kind: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that a credential sets. The injectors of the portal name one input each."""
    injectors = kind["injectors"]["env"]
    return {variable: inputs[text.removeprefix("{{ ").removesuffix(" }}")] for variable, text in injectors.items()}


def lay_out(job: Job, folder: Path, inventory: Mapping[str, Any]) -> None:
    """Write the private data directory of a job, without its project."""
    for name in ("inventory", "env"):
        (folder / name).mkdir(parents=True)
    # AWX writes an inventory as a script.
    script = folder / "inventory/hosts"
    script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(dict(inventory))!r})\n", encoding="utf-8")
    script.chmod(0o700)
    variables = {**job.variables, **meta(job)}
    environment = {**job.environment, "JOB_ID": str(job.id), "INVENTORY_ID": "1"}
    content = {
        "extravars": dumped(variables, job.template.get("extra_vars") or {}),
        "envvars": json.dumps(environment),
        "cmdline": " ".join(arguments(job)),
    }
    for name, text in content.items():
        (folder / "env" / name).write_text(text, encoding="utf-8")


def _survey(template: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = template["survey_spec"]["spec"] if template["survey_enabled"] else ()
    return found


def _problems(question: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a survey rejects an answer. Only required answers may not be missing."""
    variable, kind = question["variable"], question["type"]
    if variable not in answers:
        if question["required"]:
            yield f"{variable} is missing"
        return
    value = answers[variable]
    if kind == "multiplechoice":
        if value not in question["choices"]:
            yield f"{variable} is not one of the choices"
    elif isinstance(value, bool) or not isinstance(value, int if kind == "integer" else str):
        yield f"{variable} is not of type {kind}"
    else:
        size = len(value) if isinstance(value, str) else value
        least, most = question.get("min"), question.get("max")
        if (least is not None and size < least) or (most is not None and size > most):
            yield f"{variable} is out of bounds"
