# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every way in which AWX starts a job, with every playbook, for a tenant who names another tenant's slice.

The guard of each playbook runs in this process with the variables that AWX would pass, and so do the modules that read
the database afterwards. test_jobs.py runs some of the same jobs as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible.utils.context_objects import CLIArgs
from ansible.vars.manager import VariableManager

from ansible_collections.cloudrepo.slices.plugins.action.guard import ActionModule
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User
from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import read_table

from ..plugins.module_utils._domain import builders
from ..plugins.modules.module_calls import Door, Memory
from ..scripts import ROOT
from .launcher import Job, Workflow, lay_out, meta, of_node, of_webhook

PLAYBOOKS = read_table().playbooks
OF_TENANTS = sorted(name for name, playbook in PLAYBOOKS.items() if not playbook.admins_only)
RED, GONE = "4f9c2a61-0c7e-4b0e-9a55-3d1f6f1a0001", "4f9c2a61-0c7e-4b0e-9a55-3d1f6f1a0002"
"""The UUIDs of a slice of alice and of one that she has deleted. A tenant could know both."""


def held() -> Cluster:
    """A database with two slices of alice, one of which is deleted, and one of bob."""
    made = builders.cluster()
    made.users["bob"] = User("bob", "!", quota_vms=6)
    for name, uuid, owner in (("red", RED, "alice"), ("gone", GONE, "alice"), ("blue", "", "bob")):
        vms = [builders.vm(f"{name}vm{number}", internet=number == 1) for number in (1, 2)]
        links = [builders.link(f"{name}vm1:eth1", f"{name}vm2:eth1")]
        put = builders.put(made, builders.topology(name, owner=owner, title=f"{name} title", vms=vms, links=links))
        builders.deployed(put)
        if uuid:
            put.extra["uuid"] = uuid
    return made


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    made = Door(Memory(held()), monkeypatch)
    planned = made("slice_plan", names=["gone"], state="absent", disk_retention_h=24, acting_user="alice")
    assert not planned.get("failed")
    with made.store.transaction(write=True) as cluster:
        # What the reports of the hosts do.
        user, [gone] = cluster.users["alice"], planned["slice_ids"]
        del cluster.slices[gone]
        user.slices.remove(gone)
        user.used_vms -= 2
    return made


ID = next(slice_.slice_id for slice_ in held().slices.values() if slice_.name == "red")
FORMS = ["red", "alice/red", str(ID), RED]


def template(playbook: str, *, prompts: bool) -> dict[str, Any]:
    """A job template of a playbook, with or without a prompt for variables."""
    return {
        "name": playbook,
        "playbook": f"playbooks/{playbook}.yml",
        "ask_variables_on_launch": prompts,
        "survey_enabled": False,
    }


def selecting(playbook: str) -> dict[str, Any]:
    """The variables by which a tenant names the slice in all forms, or chooses all slices of its owner."""
    accepted = PLAYBOOKS[playbook].accepted
    return {"slice_name": forms(playbook)} if "slice_name" in accepted else {}


def forms(playbook: str) -> list[str]:
    """The ways to name a slice; one of them for a playbook that takes one slice."""
    return FORMS[:1] if PLAYBOOKS[playbook].one_slice else FORMS


FORGED = {f"{prefix}_{name}": word for prefix in ("awx", "tower") for name, word in {
    "user_name": "alice", "user_id": 1, "job_launch_type": "manual", "workflow_job_launch_type": "manual",
}.items()}  # fmt: skip
BY_BOB, BY_SCHEDULE = Workflow(41, "mine", "manual"), Workflow(41, "mine", "scheduled", schedule="mine")
NESTED = Workflow(41, "inner", "workflow")


def ways(playbook: str) -> dict[str, tuple[Job, str | None]]:
    """A job for each way, with who it acts for; null if nobody."""
    locked, open_ = template(playbook, prompts=False), template(playbook, prompts=True)
    chosen = selecting(playbook)
    forged = {**chosen, **FORGED}
    return {
        "prompt": (Job(open_, "manual", chosen, user="bob"), "bob"),
        "survey": (Job(locked, "manual", chosen, user="bob"), "bob"),
        "forged variables": (Job(open_, "manual", forged, user="bob"), "bob"),
        "relaunch": (Job(open_, "relaunch", forged, user="bob"), "bob"),
        "schedule": (Job(open_, "scheduled", forged, schedule="mine"), None),
        "webhook": (Job(open_, "webhook", {**forged, **of_webhook(forged)}), None),
        "callback": (Job(open_, "callback", forged), None),
        "workflow": (Job(locked, "workflow", of_node(locked, {}, forged, {}), user="bob", workflow=BY_BOB), "bob"),
        "workflow by a schedule": (
            Job(locked, "workflow", of_node(locked, {}, FORGED, forged), workflow=BY_SCHEDULE),
            None,
        ),
        "workflow in a workflow": (Job(locked, "workflow", forged, workflow=NESTED), None),
    }


WAYS = list(ways("status"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database, and an inventory that names it."""
    folder = tmp_path_factory.mktemp("site")
    with open_store(str(folder / "database.yaml"), lock_timeout_s=5, backups=0).transaction(write=True) as cluster:
        cluster.replace(held())
    nowhere = {"ansible_host": "192.0.2.1"}
    files = folder / "files"
    files.mkdir()
    inventory = {
        "all": {"vars": {"cloudrepo_database": str(folder / "database.yaml"), "cloudrepo_files_dir": str(files)}},
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "workers": {"hosts": {"worker1": nowhere}},
        "network_node": {"hosts": {"gateway": nowhere}},
    }
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    return folder


Guarded = Callable[..., dict[str, Any]]


@pytest.fixture
def guarded(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """Run the guard of a job's playbook with the environment and the variables that AWX writes."""

    def run(job: Job, inventory: str = "hosts.json") -> dict[str, Any]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        lay_out(job, folder, {})
        for name in (acting_user.ENVIRONMENT, acting_user.TOKEN, *acting_user.JOB_IDS):
            monkeypatch.delenv(name, raising=False)
        for name, value in json.loads((folder / "env/envvars").read_text(encoding="utf-8")).items():
            monkeypatch.setenv(name, value)
        variables = folder / "env/extravars"
        monkeypatch.setattr(context, "CLIARGS", CLIArgs({"extra_vars": [f"@{variables}"], "check": False}))
        return call(Path(job.template["playbook"]).stem, variables, site / inventory)

    return run


def call(playbook: str, variables: Path, inventory: Path) -> dict[str, Any]:
    """Run the guard of a playbook."""
    loader = DataLoader()
    hosts = InventoryManager(loader, sources=[str(inventory)])
    manager = VariableManager(loader, hosts)
    manager._extra_vars = loader.load_from_file(str(variables))
    play = Play.load({"hosts": "all", "gather_facts": False}, variable_manager=manager, loader=loader)
    task = Task()
    task._variable_manager, task._loader, task.args = manager, loader, {"playbook": playbook}
    found = manager.get_vars(play=play, host=hosts.get_host("localhost"))
    found["ansible_version"] = {"major": 2, "minor": 19, "full": "2.19.0"}
    # A survey does not let a job start without them.
    for name in PLAYBOOKS[playbook].required:
        found.setdefault(name, "red1")
    local = connection_loader.get("local", PlayContext())
    action = ActionModule(task, local, PlayContext(), loader, Templar(loader=loader, variables=found), None)
    result: dict[str, Any] = action.run(None, found)
    return result


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_job_acts_for_whoever_started_it_or_is_refused(playbook: str, way: str, guarded: Guarded) -> None:
    job, user = ways(playbook)[way]
    done = guarded(job)
    if user is None:
        assert [each["code"] for each in done["refusals"]] == ["acting_user_unproved"]
        assert "the acting user cannot be verified" in done["msg"]
    elif PLAYBOOKS[playbook].admins_only:
        assert [each["code"] for each in done["refusals"]] == ["admins_only"]
    elif not selecting(playbook):
        assert [each["code"] for each in done["refusals"]] == ["nothing_selected"]
    else:
        assert (done["acting_user"], list(done["names"])) == (user, forms(playbook))


def test_the_ways_have_the_launch_types_of_awx() -> None:
    types = {way: meta(job)["awx_job_launch_type"] for way, (job, _user) in ways("status").items()}
    assert set(types.values()) == {"manual", "relaunch", "scheduled", "webhook", "callback", "workflow"}
    # Whoever launches a workflow is the user of its jobs.
    assert [way for way, (job, user) in ways("status").items() if (job.user or None) != user] == []


def modules_of(playbook: str) -> set[str]:
    """The modules of a playbook that read the database, in itself and in what it imports."""
    control = set(yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]["control"])
    text = (ROOT / f"playbooks/{playbook}.yml").read_text(encoding="utf-8")
    imported = re.findall(r"import_playbook: (\S+)\.yml", text)
    own = set(re.findall(r"cloudrepo\.slices\.(\w+):", text)) & control
    return own.union(*(modules_of(each) for each in imported))


def calls(form: str) -> dict[str, list[dict[str, Any]]]:
    """The arguments by which these modules select slices, with those of a slice of alice."""
    chosen: list[dict[str, Any]] = [{"names": [form]}, {"owner": "alice"}, {"names": [form], "owner": "alice"}]
    topology = {"vms": [], "state": "present"}
    disk = {"recreate_disks": [f"{form}/redvm1", "redvm1", str(ID + 1)]}
    return {
        "vm_info": [{"slice": form}, {"slice": form, "owner": "alice"}, {"names": ["redvm1", str(ID + 1)]}],
        "slice_info": [*chosen, {"all": True}],
        "slice_history": [*chosen, {"all": True}],
        "vnc_password_info": [*chosen, {"all": True}],
        "user_data_info": [*chosen, {"all": True}],
        "deleted_slice": [{"name": form}, {"name": form, "owner": "alice"}],
        "slice_plan": [
            {**each, **more} for each in [*chosen, {"all": True}] for more in ({}, {"state": "absent"}, disk)
        ],
        "slice_report": [{**each, "reports": REPORTS} for each in [*chosen, {"all": True}]],
        "slice": [
            {"slices": [{**topology, "name": form}], "overwrite": True, "work_orders": True},
            {"slices": [{**topology, "name": form, "owner": "alice"}], "overwrite": True},
            {"slices": [{**topology, "slice_id": ID}], "overwrite": True},
            {"slices": [{"name": form, "state": "absent"}]},
        ],
    }


STOPPED = {"vm_id": ID + 1, "state": "stopped"}
REPORTS = [{"host": "w", "target": f"10.0.10.{number}", "vms": [STOPPED]} for number in (1, 2)]


def foreign(door: Door) -> dict[str, Any]:
    """All that the database has of alice."""
    data = door.data()
    slices = {number: each for number, each in data["slices"].items() if each["owner"] == "alice"}
    return {"slices": slices, "user": data["users"]["alice"], "deleted": data["deleted_slices"]}


TOLD = re.compile("redvm|gonevm|red title|gone title|52:54:00:03:e[9a]|10[.]60[.]7[.]10[12]")
"""What a result must not contain. Names and ids that the caller has given are in messages."""


@pytest.mark.parametrize("form", [*FORMS, "gone", "alice/gone", GONE])
@pytest.mark.parametrize("module", sorted(set().union(*map(modules_of, OF_TENANTS))))
def test_no_module_of_a_playbook_reads_or_changes_a_slice_of_another_tenant(module: str, form: str, door: Door) -> None:
    before = foreign(door)
    assert TOLD.search(json.dumps(before))
    for arguments in calls(form)[module]:
        done = door(module, acting_user="bob", **arguments)
        recreated = arguments.get("recreate_disks", ())
        text = json.dumps(done)
        for given in recreated:
            text = text.replace(given, "")
        assert TOLD.search(text) is None, (arguments, done)
        assert foreign(door) == before, arguments


def test_the_owner_may_do_what_another_tenant_may_not(door: Door) -> None:
    """Otherwise the test above could not fail."""
    before = foreign(door)
    for module, each in calls("red").items():
        results = [door(module, acting_user="alice", check_mode=True, **arguments) for arguments in each]
        assert any(not done.get("failed") for done in results) or module == "deleted_slice", (module, results)
    assert foreign(door) == before
    restored = door("deleted_slice", acting_user="alice", name="gone")
    assert not restored.get("failed"), restored["msg"]


LOOKALIKES = [
    "Alice",
    "ALICE",
    "alice ",
    " alice",
    "alic\u0435",
    "\uff41lice",
    "alice\u200b",
    "alice\n",
    "Admin",
    "admin ",
]
"""Other case, white space, a Cyrillic letter, a wide one, and a zero-width space."""


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_user_whose_name_only_looks_like_another_is_another_user(name: str, guarded: Guarded, door: Door) -> None:
    job, _user = ways("status")["prompt"]
    assert guarded(replace(job, user=name))["acting_user"] == name
    forged = {**job.variables, "cloudrepo_placement": "pack"}
    assert guarded(replace(job, user=name, variables=forged))["refused_variables"] == ["cloudrepo_placement"]
    done = door("slice_info", acting_user=name, all=True)
    assert [each["code"] for each in done["refusals"]] == ["unknown_acting_user"]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_no_kind_of_database_takes_one_name_for_another(name: str, database: str) -> None:
    store = open_store(database, lock_timeout_s=5, backups=0)
    with store.transaction(write=True) as cluster:
        cluster.replace(held())
    with store.transaction(write=False) as cluster:
        assert name not in cluster.users
        assert not cluster.is_admin(name)
        assert cluster.is_admin("admin")


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_job_of_a_user_without_a_name_is_refused(name: str, guarded: Guarded) -> None:
    job, _user = ways("status")["prompt"]
    assert [each["code"] for each in guarded(replace(job, user=name))["refusals"]] == ["acting_user_empty"]


@pytest.mark.parametrize(
    "name", ["16", "0x10", "020", "1_6", "+16", "0b10000", "16.0", "1.6e+1", "on", "True", "null", "~", "2026-01-31"]
)
def test_names_that_yaml_reads_as_numbers_and_the_like_remain_as_they_are_written(name: str, guarded: Guarded) -> None:
    """Ansible reads the first seven as the same number, so one user would act as another."""
    job, _user = ways("delete")["prompt"]
    done = guarded(replace(job, user=name, variables={"slice_name": name}))
    assert (done["acting_user"], list(done["names"])) == (name, [name])
    assert guarded(replace(job, user=name, variables={"slice_owner": name}))["owner"] == name


def test_a_name_that_was_written_as_a_number_is_no_user(guarded: Guarded) -> None:
    job, _user = ways("status")["prompt"]
    written = replace(job, user=16)  # type: ignore[arg-type] # AWX writes texts only
    assert [each["code"] for each in guarded(written)["refusals"]] == ["acting_user_empty"]


def test_a_user_called_admin_is_the_admin_of_the_database(guarded: Guarded) -> None:
    """AWX itself calls its first administrator so; awx_check reports any other user of this name."""
    job, _user = ways("status")["prompt"]
    done = guarded(replace(job, user="admin", variables={**job.variables, "cloudrepo_placement": "pack"}))
    assert done["acting_user"] == "admin"


ARTIFACTS: list[tuple[dict[str, Any], str]] = [
    ({"awx_user_name": "alice", "tower_user_name": "alice"}, ""),
    ({"awx_user_name": "admin", "awx_job_launch_type": "manual", "awx_workflow_job_launch_type": "manual"}, ""),
    ({"cloudrepo_acting_user": "alice"}, "awx_user_name is bob, but cloudrepo_acting_user is alice"),
    ({"slices_plan": {"work_orders": {}}}, "may not set slices_plan"),
    ({"apply_work_orders_plan": {}}, "may not set apply_work_orders_plan"),
    ({"ansible_connection": "local"}, "may not set ansible_connection"),
    ({"slice_owner": "alice"}, "several variables are set: slice_name, slice_owner"),
]


@pytest.mark.parametrize(("artifacts", "told"), ARTIFACTS)
def test_artifacts_of_an_earlier_node_neither_name_the_user_nor_set_what_a_tenant_may_not(
    artifacts: dict[str, Any], told: str, guarded: Guarded
) -> None:
    locked = template("status", prompts=False)
    variables = of_node(locked, {}, artifacts, {"slice_name": FORMS})
    done = guarded(Job(locked, "workflow", variables, user="bob", workflow=BY_BOB))
    if told:
        assert told in done["msg"]
    else:
        assert done["acting_user"] == "bob"
    # A schedule has started the same workflow, so AWX names nobody.
    done = guarded(Job(locked, "workflow", variables, workflow=BY_SCHEDULE))
    assert [each["code"] for each in done["refusals"]] == ["acting_user_unproved"]


def test_templates_in_what_a_tenant_sets_are_not_evaluated(guarded: Guarded, tmp_path: Path) -> None:
    """Not even in variables that AWX alone should set, and in those that Ansible itself reads."""
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/evaluated') }}}}"
    names = ["slice_name", "awx_x", "ansible_connection", "cloudrepo_database", "cloudrepo_acting_user", hostile]
    for name in names:
        done = guarded(Job(template("status", prompts=True), "manual", {name: hostile}, user="bob"))
        assert done.get("failed") or hostile in done["names"]
    assert not (tmp_path / "evaluated").exists()


LEFT = {"slices_result": {"slices": [], "changes": 0}, "job_files": ["/srv/x"], "slice_name": [ID]}


@pytest.mark.parametrize("playbook", OF_TENANTS)
def test_what_our_jobs_leave_is_accepted_by_the_next_job(playbook: str, guarded: Guarded) -> None:
    locked = template(playbook, prompts=False)
    topologies = {} if "slice_name" in PLAYBOOKS[playbook].accepted else {"slices": "[{name: web}]"}
    done = guarded(Job(locked, "workflow", of_node(locked, {}, LEFT, topologies), user="bob", workflow=BY_BOB))
    if topologies:
        assert (done["acting_user"], done["slices"], done["names"]) == ("bob", [{"name": "web"}], ())
        return
    assert (done["acting_user"], list(done["names"])) == ("bob", [str(ID)])


@pytest.mark.parametrize("playbook", OF_TENANTS)
def test_topologies_of_a_workflow_are_ignored_by_its_jobs_that_only_read(playbook: str, guarded: Guarded) -> None:
    locked = template(playbook, prompts=False)
    variables = of_node(locked, {}, LEFT, {"slices": "[{name: web}]"})
    done = guarded(Job(locked, "workflow", variables, user="bob", workflow=BY_BOB))
    if playbook in ("displays", "history", "smoke_test", "status", "wait"):
        assert (done["slices"], list(done["names"])) == (None, [str(ID)])
    elif playbook == "quota":
        assert (done["slices"], done["names"]) == ([{"name": "web"}], ())
    elif playbook == "deploy":
        assert "several variables are set: slices, slice_name" in done["msg"]
    else:
        assert done["refused_variables"] == ["slices"]


WRITING = [name for name in OF_TENANTS if PLAYBOOKS[name].writes]


@pytest.mark.parametrize("playbook", WRITING)
def test_files_of_a_job_go_to_a_folder_of_its_user_that_stays(
    playbook: str, guarded: Guarded, site: Path, tmp_path: Path
) -> None:
    job = ways(playbook)["prompt"][0]
    as_admin = replace(job, user="admin")
    missing = guarded(replace(as_admin, variables={**job.variables, "cloudrepo_files_dir": "/nowhere"}))
    assert (
        missing["msg"] == "cloudrepo_files_dir: the folder for files must be an absolute path that exists, got /nowhere"
    )
    given = {**job.variables, "cloudrepo_files_dir": str(tmp_path)}
    assert guarded(replace(as_admin, variables=given))["folder"] == f"{tmp_path}/admin/42"
    # A tenant chooses neither the folder nor the file.
    dest = PLAYBOOKS[playbook].writes
    for name in ("cloudrepo_files_dir", dest):
        assert guarded(replace(job, variables={**job.variables, name: "/tmp"}))["refused_variables"] == [name]
    own = guarded(replace(as_admin, variables={**given, dest: "/srv/file"}))
    assert own["folder"] is None
    assert guarded(job)["folder"] == f"{site}/files/bob/42"
    for name in ("../alice", ".", "a/b", "b b"):
        done = guarded(replace(job, user=name))
        assert [each["code"] for each in done["refusals"]] == ["invalid_name"]


@pytest.mark.parametrize("playbook", WRITING)
def test_a_job_without_a_folder_that_stays_writes_no_file(playbook: str, guarded: Guarded, site: Path) -> None:
    inventory = json.loads((site / "hosts.json").read_text(encoding="utf-8"))
    del inventory["all"]["vars"]["cloudrepo_files_dir"]
    (site / "without.json").write_text(json.dumps(inventory), encoding="utf-8")
    done = guarded(ways(playbook)["prompt"][0], "without.json")
    assert done["msg"] == (
        f"{PLAYBOOKS[playbook].writes}: the file would be lost with the execution environment of job 42; "
        "set cloudrepo_files_dir in the inventory to a folder that execution environments mount"
    )
