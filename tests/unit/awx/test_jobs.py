# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs of the portal's templates, run by ansible-runner with a database on PostgreSQL.

The environment of each job is deleted after it. No job connects to a host: those of a tenant who names a slice of
another are refused before that, and the others only read the database.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .. import postgres
from ..plugins.module_utils._domain.builders import CHECKSUM, ROOM, link, put, topology, vm
from ..scripts import ROOT
from .launcher import Job, Workflow, accepted, injected, lay_out, merged, of_node, of_webhook

PASSWORD = "word-of-the-database"
FOREIGN = ("redvm1", "redvm2", "red title")
"""What only alice and admins may read."""


class _Loader(yaml.SafeLoader):
    """Reads C(!unsafe) as the text that AWX gets."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def portal(kind: str, file: str = "") -> dict[str, dict[str, Any]]:
    """The objects of a kind by their names."""
    found = yaml.load((ROOT / f"awx/{file or f'portal/{kind}'}.yml").read_text(encoding="utf-8"), _Loader)
    return {entry["name"]: entry for entry in found[kind]}


TEMPLATES = portal("controller_templates", "tenant")
OF_ADMINS = portal("controller_templates")
TYPES = portal("controller_credential_types")
INVENTORY = portal("controller_inventories")["cloudrepo hosts"]["variables"]


def locked(name: str) -> dict[str, Any]:
    return TEMPLATES[f"cloudrepo {{{{ portal_tenant }}}}: {name}"]


def unlocked(name: str) -> dict[str, Any]:
    """A template whose administrator lets variables be asked at launch."""
    return {**locked(name), "ask_variables_on_launch": True, "survey_enabled": False}


@dataclass(frozen=True)
class Cloud:
    """A database with a slice of alice, and bob, who has none."""

    url: str
    slice_id: int
    uuid: str

    @property
    def content(self) -> Any:
        with open_store(self.url, lock_timeout_s=30, backups=0).transaction(write=False) as held:
            return held.to_dict()

    @property
    def forms(self) -> list[Any]:
        """The slice by its name, with its owner, by its id and by its UUID."""
        return ["red", "alice/red", self.slice_id, self.uuid]


@pytest.fixture(scope="module")
def cloud(new_postgresql: Callable[[], str]) -> Cloud:
    # The server asks for no password, but takes one.
    url = new_postgresql().replace("tester@", f"tester:{PASSWORD}@")
    with open_store(url, lock_timeout_s=30, backups=0).transaction(write=True) as held:
        held.flavors["cirros"]["checksum"] = CHECKSUM
        held.workers["192.0.2.1"] = Worker("192.0.2.1", **ROOM)
        for name in ("alice", "bob"):
            held.users[name] = User(name, "!", quota_vms=6)
        vms = [vm("redvm1", internet=True), vm("redvm2")]
        want = topology("red", owner="alice", title="red title", vms=vms, links=[link("redvm1:eth1", "redvm2:eth1")])
        made = put(held, want)
        slice_id, uuid = made.slice_id, made.extra["uuid"]
    return Cloud(url, slice_id, uuid)


@dataclass(frozen=True)
class Done:
    """What ansible-runner kept of a job."""

    status: str
    events: list[dict[str, Any]]

    @property
    def text(self) -> str:
        return json.dumps(self.events, ensure_ascii=False)

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [each["event_data"]["res"] for each in self.events if each["event"] == "runner_on_failed"]

    @property
    def hosts(self) -> list[str]:
        """The hosts with a result of any kind."""
        return sorted({each["event_data"]["host"] for each in self.events if each["event"].startswith("runner_on_")})

    @property
    def acting(self) -> list[str]:
        """The users for whom tasks have acted."""
        results = [each["event_data"].get("res") or {} for each in self.events]
        return [res["acting_user"] for res in results if "acting_user" in res]

    @property
    def artifacts(self) -> dict[str, Any]:
        """What AWX passes to the next jobs of a workflow."""
        [stats] = [each["event_data"] for each in self.events if each["event"] == "playbook_on_stats"]
        return dict(stats.get("artifact_data") or {})

    @property
    def message(self) -> str:
        return str(self.failures[-1]["msg"])

    def result(self, task: str) -> dict[str, Any]:
        """The result of a task on localhost."""
        [found] = [
            each["event_data"]["res"]
            for each in self.events
            if each["event"] == "runner_on_ok" and each["event_data"]["task"] == task
        ]
        return dict(found)


def run(job: Job, folder: Path) -> Done:
    """Run a job and read its events."""
    nobody = {"ansible_host": "192.0.2.1", "ansible_ssh_executable": "/bin/false"}
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"localhost": local, "worker1": nobody, "gateway": nobody}
    files = folder.parent / "files"
    files.mkdir(exist_ok=True)
    inventory = {
        "all": {"vars": {**INVENTORY, "cloudrepo_files_dir": str(files)}},
        "orchestrator": {"hosts": ["localhost"]},
        "workers": {"hosts": ["worker1"]},
        "network_node": {"hosts": ["gateway"]},
        "_meta": {"hostvars": hosts},
    }
    lay_out(job, folder, inventory)
    (folder / "project").mkdir()
    (folder / "project/playbooks").symlink_to(ROOT / "playbooks")
    user = unprivileged(files, folder)
    arguments = [str(folder), job.template["playbook"], str(job.id)]
    # ansible-playbook is beside the Python of the tests.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # The user may have no home.
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "ANSIBLE_REMOTE_TMP": str(folder / "tmp")}
    subprocess.run([sys.executable, "-c", RUNNER, *arguments], cwd=folder, env=environment, check=True, **user)
    kept = folder / f"artifacts/{job.id}"
    # AWX runs jobs as an unprivileged user.
    assert kept.stat().st_uid != 0
    events = [json.loads(path.read_text(encoding="utf-8")) for path in (kept / "job_events").glob("[0-9]*-*.json")]
    return Done((kept / "status").read_text(encoding="utf-8"), sorted(events, key=lambda event: event["counter"]))


RUNNER = """
import sys, ansible_runner
folder, playbook, ident = sys.argv[1:]
ansible_runner.run(private_data_dir=folder, playbook=playbook, ident=ident, quiet=True)
"""


def unprivileged(*folders: Path) -> dict[str, Any]:
    """Give folders to a user without privileges, and return the arguments to run a process as this user.

    Without root, this is whoever runs the tests.
    """
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(postgres.USER)
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture
def start(cloud: Cloud) -> Iterator[Callable[[Job], Done]]:
    """Start a job with the credential for the database, in a folder that vanishes."""
    database = injected(TYPES["cloudrepo database"], {"database": cloud.url})
    # Others cannot enter pytest's folders.
    with tempfile.TemporaryDirectory(prefix="cloudrepo-jobs-") as place:
        os.chmod(place, 0o755)

        def start(job: Job) -> Done:
            made = Job(**{**vars(job), "environment": {**database, **job.environment}})
            return run(made, Path(place) / str(job.id))

        yield start


def acting(user: str) -> dict[str, str]:
    return injected(TYPES["cloudrepo acting user"], {"user": user})


Start = Callable[[Job], Done]


@pytest.fixture
def unharmed(cloud: Cloud) -> Iterator[None]:
    """Check that a job has changed nothing."""
    before = cloud.content
    yield
    assert cloud.content == before


def assert_untold(done: Done) -> None:
    assert [word for word in (*FOREIGN, PASSWORD) if word in done.text] == []


def assert_refused(done: Done, told: str) -> None:
    assert done.status == "failed"
    assert told in done.message
    assert done.hosts == ["localhost"]
    assert_untold(done)


def launched(template: Mapping[str, Any], user: str, answers: Mapping[str, Any], **words: Any) -> Job:
    """A job that a person launches."""
    given = merged(template, accepted(template, answers))
    return Job(template, words.pop("launch_type", "manual"), given, user=user, **words)


@pytest.mark.usefixtures("unharmed")
def test_a_prompt_shows_no_slice_of_another_tenant(start: Start, cloud: Cloud) -> None:
    done = start(launched(unlocked("status, a slice"), "bob", {"slice_name": cloud.forms}))
    assert_refused(done, "does not exist")
    assert [form for form in cloud.forms if f"slice {form} does not exist" not in done.message] == []


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("template", "more", "told"),
    [
        ("smoke test, a slice", {}, "slice red does not exist"),
        # A call for each name.
        ("undelete, a slice", {"slice_name": "red", "recreate_disks": "redvm1"}, "deleted slice red does not exist"),
        ("deploy, a slice", {"recreate_disks": "1001", "overwrite": True}, "slice red does not exist"),
        ("displays, a slice", {}, "slice red does not exist"),
    ],
)
def test_a_prompt_reaches_no_host_for_a_slice_of_another_tenant(
    template: str, more: dict[str, Any], told: str, start: Start, cloud: Cloud
) -> None:
    assert_refused(start(launched(unlocked(template), "bob", {"slice_name": cloud.forms, **more})), told)


@pytest.mark.usefixtures("unharmed")
def test_a_survey_captures_no_traffic_of_another_tenant(start: Start, cloud: Cloud) -> None:
    answers = {"capture_vm": "redvm1", "capture_interface": "eth1", "capture_seconds": 1, "capture_mib": 1}
    answers = {"slice_name": cloud.uuid, "capture_stop": "true", **answers}
    done = start(launched(locked("capture, a slice"), "bob", answers))
    assert done.status == "failed"
    assert f"slice {cloud.uuid} does not exist" in done.message
    assert done.hosts == ["localhost"]
    assert [word for word in ("redvm2", "red title", PASSWORD) if word in done.text] == []


@pytest.mark.usefixtures("unharmed")
def test_a_prompt_deletes_no_slice_of_another_tenant(start: Start, cloud: Cloud) -> None:
    """A slice that does not exist is deleted already, so the hosts get their work orders: empty ones."""
    done = start(launched(unlocked("delete, a slice"), "bob", {"slice_name": cloud.forms}))
    orders = done.result("Delete the slices and plan the work orders")["work_orders"]
    assert orders["network_node"] == {"slices": []}
    assert [order["slices"] for order in orders["workers"].values()] == [[]]
    assert_untold(done)


@pytest.mark.usefixtures("unharmed")
def test_a_survey_shows_no_history_of_another_tenant(start: Start, cloud: Cloud) -> None:
    done = start(launched(locked("history, a slice"), "bob", {"slice_name": cloud.uuid, "history_limit": 50}))
    assert done.result("Find the entries")["entries"] == []
    assert_untold(done)


@pytest.mark.usefixtures("unharmed")
def test_a_topology_in_a_survey_changes_no_slice_of_another_tenant(start: Start, cloud: Cloud) -> None:
    text = yaml.safe_dump([{"name": cloud.uuid, "owner": "alice", "vms": []}])
    flags = dict.fromkeys(("apply_work_order_restart", "wait_ready"), "false")
    answers = {"slices": text, "overwrite": "true", **flags, "wait_ready_seconds": 300}
    done = start(launched(locked("deploy, topologies"), "bob", answers))
    assert_refused(done, "bob is not an admin; only admins may act for other users")


@pytest.mark.usefixtures("unharmed")
def test_a_relaunched_job_acts_for_the_user_who_relaunched_it(start: Start) -> None:
    """With the variables of the job of another user."""
    job = launched(locked("displays, a slice"), "bob", {"slice_name": "red"}, launch_type="relaunch")
    assert_refused(start(job), "slice red does not exist")


FORGED = {
    "slice_all": True,
    **{f"{prefix}_user_name": "alice" for prefix in ("awx", "tower")},
    **{f"{prefix}_job_launch_type": "manual" for prefix in ("awx", "tower")},
}
"""What a tenant sets where AWX sets nothing. The launch type is one that AWX sets always."""
WORKFLOW = Workflow(41, "cloudrepo: request topologies", "scheduled", schedule="mine")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("template", "job"),
    [
        ("delete, a slice", {"launch_type": "scheduled", "schedule": "mine", "variables": FORGED}),
        ("displays, a slice", {"launch_type": "callback", "variables": FORGED}),
        ("status, all slices of the user", {"launch_type": "webhook", "variables": of_webhook(FORGED)}),
        ("history, a slice", {"launch_type": "workflow", "workflow": WORKFLOW, "variables": FORGED}),
    ],
)
def test_a_job_that_no_person_launched_has_no_acting_user(template: str, job: dict[str, Any], start: Start) -> None:
    made = unlocked(template)
    assert_refused(
        start(Job(made, **{**job, "variables": merged(made, job["variables"])})), "the acting user cannot be verified"
    )


@pytest.mark.usefixtures("unharmed")
def test_artifacts_and_variables_of_a_workflow_do_not_determine_the_acting_user(start: Start) -> None:
    """They reach a template that asks for none, from a node before it that runs any playbook."""
    template = locked("status, all slices of the user")
    variables = of_node(template, {}, {"cloudrepo_acting_user": "alice"}, {"awx_user_name": "alice"})
    workflow = Workflow(41, "mine", "manual")
    done = start(Job(template, "workflow", merged(template, variables), user="bob", workflow=workflow))
    assert_refused(done, "awx_user_name is bob, but cloudrepo_acting_user is alice")


@pytest.mark.usefixtures("unharmed")
def test_forged_variables_are_refused_by_name(start: Start) -> None:
    forged = {
        "slice_name": "red",
        "awx_user_name": "admin",
        "delete_planned": {"work_orders": {}},
        "cloudrepo_database": "/tmp/own.yaml",
        "__apply_orders": {},
        "ansible_connection": "local",
    }
    done = start(launched(unlocked("delete, a slice"), "bob", forged))
    assert_refused(done, "playbook delete: bob is not an admin and may not set")
    assert done.failures[-1]["refused_variables"] == [
        *("__apply_orders", "ansible_connection", "cloudrepo_database", "delete_planned"),
    ]


@pytest.mark.usefixtures("unharmed")
def test_two_jobs_at_once_show_users_their_own_slices(start: Start) -> None:
    """One by a survey, and one by a schedule with a credential that names the user."""
    scheduled = locked("status, all slices of the user")
    jobs = [
        launched(locked("status, a slice"), "alice", {"slice_name": "red"}, id=43),
        Job(scheduled, "scheduled", merged(scheduled, {}), schedule="nightly", environment=acting("bob"), id=44),
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        of_alice, of_bob = pool.map(start, jobs)
    assert (of_alice.status, of_bob.status) == ("successful", "successful")
    assert [word for word in FOREIGN[:2] if word not in of_alice.text] == []
    assert PASSWORD not in of_alice.text
    assert_untold(of_bob)


def defaults(template: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The answers to a survey that its form shows."""
    asked = template["survey_spec"]["spec"] if template["survey_enabled"] else ()
    return {**{question["variable"]: question["default"] for question in asked}, **more}


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("name", ["deploy", "displays", "history", "smoke test", "wait"])
def test_all_slices_of_a_user_are_not_those_of_others(name: str, start: Start) -> None:
    template = locked(f"{name}, all slices of the user")
    done = start(launched(template, "bob", defaults(template)))
    assert "bob" in done.acting
    # The hosts cannot be reached, and get a work order from a deploy only.
    assert done.status == ("failed" if name == "deploy" else "successful"), done.text
    assert_untold(done)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("name", ["site", "orphans", "expiry", "remove an orphan"])
def test_a_tenant_who_launches_a_template_of_admins_is_refused(name: str, start: Start, cloud: Cloud) -> None:
    """AWX lets nobody do so unless a role was given by mistake."""
    template = OF_ADMINS[f"cloudrepo: {name}"]
    more = {"orphans_remove": cloud.uuid} if name == "remove an orphan" else {}
    assert_refused(start(launched(template, "bob", defaults(template, **more))), "bob is not an admin")


@pytest.mark.usefixtures("unharmed")
def test_a_schedule_of_admins_acts_for_the_user_of_its_credential(start: Start) -> None:
    """Without the credential, it acts for nobody; the audit of a tenant is about the tenant's slices."""
    expiry, audit = OF_ADMINS["cloudrepo: expiry"], OF_ADMINS["cloudrepo: audit"]
    nightly = Job(expiry, "scheduled", merged(expiry, {}), schedule="nightly", id=61)
    assert_refused(start(nightly), "the acting user cannot be verified")
    done = start(replace(nightly, environment=acting("admin"), id=62))
    assert done.status == "successful"
    assert "0 of 1 slices have expired." in done.text
    scheduled = Job(audit, "scheduled", merged(audit, {}), schedule="nightly", environment=acting("admin"), id=63)
    assert FOREIGN[0] in start(scheduled).text
    assert_untold(start(launched(audit, "bob", {}, id=64)))


GREEN = [topology("green", owner="alice", vms=[vm("greenvm1", internet=True)], links=[])]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("count", "status"), [(4, "failed"), (5, "successful")])
def test_a_request_waits_for_an_approval_only_above_the_quota(count: int, status: str, start: Start) -> None:
    """The job between the check and the approval. alice may have four more VMs."""
    vms = [vm(f"greenvm{number}") for number in range(count)]
    wanted = topology("green", owner="alice", vms=vms, links=[])
    template = locked("quota, topologies")
    given = of_node(template, {}, {"slices_result": {}}, {"slices": yaml.safe_dump([wanted])})
    workflow = Workflow(41, "request", "manual")
    jobs = {
        user: Job(template, "workflow", merged(template, given), user=user, workflow=workflow, id=id)
        for user, id in (("alice", 51), ("bob", 52))
    }
    done = start(jobs["alice"])
    assert done.status == status, done.text
    told = "user alice: 6 VMs allowed, 2 owned, 5 more requested" if count == 5 else "The quota is sufficient."
    assert told in done.text
    # The quota of another user is not told.
    refused = start(jobs["bob"])
    assert refused.status == "failed"
    assert "bob is not an admin; only admins may act for other users" in refused.text
    assert "6 VMs allowed" not in refused.text


def test_jobs_leave_what_the_next_job_of_their_workflow_needs(start: Start, cloud: Cloud) -> None:
    """The nodes of the portal's workflow, and one that writes the displays. No host is reached."""
    workflow, variables = Workflow(41, "request", "manual"), {"slices": yaml.safe_dump(GREEN)}
    left: dict[str, Any] = {}

    def node(name: str, id: int) -> Done:
        given = merged(locked(name), of_node(locked(name), {}, left, variables))
        done = start(Job(locked(name), "workflow", given, user="alice", workflow=workflow, id=id))
        left.update(done.artifacts)
        return done

    checked = node("check topologies", 45)
    slices = checked.artifacts["slices_result"]["slices"]
    assert [(each["name"], each["result"]) for each in slices] == [("alice/green", "failed")]
    assert set(checked.artifacts) == {"slices_result"}
    deployed = node("deploy, topologies", 46)
    [number] = deployed.artifacts["slice_name"]
    stored = cloud.content["slices"][str(number)]
    [result] = deployed.artifacts["slices_result"]["slices"]
    assert result == {"id": number, "name": "alice/green", "result": "failed", "revision": stored["revision"]}
    assert deployed.artifacts["slices_result"]["changes"] > 0
    assert node("wait, a slice", 49).result("Find the slices")["slices"][0]["slice_id"] == number
    assert node("status, a slice", 47).status == "successful"
    shown = node("displays, a slice", 48)
    assert shown.status == "successful"
    [path] = shown.artifacts["job_files"]
    assert path.endswith("/files/alice/48/displays.txt")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    password = Path(path).read_text(encoding="utf-8").split()[-1]
    assert len(password) == 8
    for done in (checked, deployed, shown):
        assert [secret for secret in (PASSWORD, password) if secret in done.text] == []
