# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cloudrepo.slices.plugins.filter import molecule
from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds

from ..module_utils._domain.builders import cluster, topology
from ..modules.module_calls import Door, Memory

NOW = datetime(2026, 11, 27, 8, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        ("default", "mol-default-1f2e3d4c"),
        ("My role/BGP_full", "mol-my-role-bgp-full-1f2e3d4c"),
        ("x" * 100, f"mol-{'x' * 50}-1f2e3d4c"),
        ("", "mol-1f2e3d4c"),
        ("ü", "mol-1f2e3d4c"),
    ],
)
def test_the_name_is_valid_whatever_the_scenario_is_called(scenario: str, name: str) -> None:
    assert molecule.molecule_name(scenario, "1f2e3d4c") == name
    assert bounds.LABEL.allows(name)


def test_the_slice_has_the_name_of_the_run_and_the_time_at_which_it_expires() -> None:
    topology = {"slices": [{"name": "any", "vms": [{"name": "vm1"}]}], "inventory": {}}
    [found] = molecule.molecule_slices(topology, "mol-a-1", "a", hours=2, now=NOW)
    assert found == {
        "name": "mol-a-1",
        "title": "Molecule scenario a, until 2026-11-27T10:00:00Z",
        "vms": [{"name": "vm1"}],
    }
    assert bounds.OBJECT_TITLE.allows(molecule.molecule_slices(topology, "m", "s" * 500, hours=1)[0]["title"])


def test_the_topology_has_each_key_once() -> None:
    assert molecule.molecule_topology("slices: [{vms: []}]") == {"slices": [{"vms": []}]}
    with pytest.raises(AnsibleFilterError) as caught:
        molecule.molecule_topology("slices:\n- vms: []\n  vms: []\n")
    assert str(caught.value) == "topology of the scenario: line 3: vms is already set in line 2"


@pytest.mark.parametrize("topology", [None, [], {}, {"slices": []}, {"slices": [{}, {}]}, {"slices": ["web"]}])
def test_a_scenario_has_one_slice(topology: Any) -> None:
    told = "topology of the scenario: a scenario has one slice, in the list slices of its topology, got [02]"
    with pytest.raises(AnsibleFilterError, match=told):
        molecule.molecule_slices(topology, "mol-a-1", "a", hours=2)


def test_a_vm_named_like_a_host_or_group_is_told() -> None:
    groups = {"all": ["worker1", "left"], "ungrouped": [], "workers": ["worker1"]}
    hostvars = {"worker1": {"ansible_host": "10.0.10.1"}, "left": {"cloudrepo_vm_id": 1001}}
    names = ["left", "right", "worker1", "workers", "all", "localhost"]
    told = molecule.molecule_problems(names, hostvars, groups)
    kinds = {"worker1": "host", "workers": "group", "all": "group", "localhost": "host"}
    assert [each.partition(", ")[0] for each in told] == [
        f"VM {name}: the inventory has a {kind} of this name" for name, kind in kinds.items()
    ]


OWN = {"plugin": "cloudrepo.slices.slices", "names": ["mol-a-1"], "hostname": "{{ cloudrepo_vm_name }}"}


def test_a_scenario_adds_options_to_the_inventory_of_its_run() -> None:
    assert molecule.molecule_inventory({"slices": []}, OWN) == OWN
    given = {"hostname": "vm", "group_by": ["kind"]}
    assert molecule.molecule_inventory({"inventory": given}, OWN) == {**OWN, **given}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"names": "prod", "hostname": "vm"},
            "inventory sets names; a scenario's inventory has the VMs of its own run, so plugin, database, names, "
            "acting_user are set by molecule_create; remove what it sets there",
        ),
        ({"acting_user": "bob", "plugin": "x", "database": "/x"}, "inventory sets plugin, database, acting_user; a"),
        (["names"], "inventory must be a mapping of options of the inventory plugin, got ['names']"),
    ],
)
def test_a_scenario_does_not_replace_what_identifies_its_run(given: Any, told: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        molecule.molecule_inventory({"inventory": given}, OWN)
    assert str(caught.value).startswith(f"topology of the scenario: {told}")


GROUPS = {
    "all": ["localhost", "worker1", "worker2", "gate", "printer"],
    "ungrouped": ["printer"],
    "orchestrator": ["localhost"],
    "servers": ["worker1", "worker2", "gate"],
    "workers": ["worker1", "worker2"],
    "network_node": ["gate"],
}


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ("all", "gate, localhost, worker1, worker2"),
        ("'*'", "gate, localhost, worker1, worker2"),
        ("all:!orchestrator", "gate, worker1, worker2"),
        ("[vm1, network_node]", "gate"),
        ("worker?", "worker1, worker2"),
        ("workers[1]", "worker2"),
        ("~work.*2", "worker2"),
        ("localhost:servers:&network_node", "gate"),
        ("cloudrepo_vms", None),
        ("cloudrepo_vms[0]:vm1:slice_web:!vm2", None),
        ("localhost", None),
        ("printer", None),
        ("'{{ target }}'", None),
        ("[workers, '{{ target }}']", "worker1, worker2"),
    ],
)
def test_plays_of_a_scenario_do_not_match_hosts_of_the_cloud(tmp_path: Path, hosts: str, told: str | None) -> None:
    (tmp_path / "verify.yml").write_text(f"- name: Test\n  hosts: {hosts}\n  tasks: []\n")
    found = molecule.molecule_play_problems(str(tmp_path), GROUPS)
    assert [each.partition(" matches hosts of the cloud: ")[2].partition(";")[0] for each in found] == (
        [told] if told else []
    )


def test_playbooks_that_a_scenario_imports_are_read_and_those_of_collections_are_not(tmp_path: Path) -> None:
    scenario = tmp_path / "default"
    scenario.mkdir()
    for name in ("converge", "verify"):
        (scenario / f"{name}.yml").write_text("- import_playbook: ../both.yml\n- hosts: vm1\n")
    (scenario / "prepare.yml").write_text("- ansible.builtin.import_playbook: cloudrepo.slices.molecule_prepare\n")
    (scenario / "create.yml").write_text("- hosts: all\n")
    (scenario / "cleanup.yml").write_text("")
    (tmp_path / "both.yml").write_text("- hosts: gate\n")
    assert molecule.molecule_play_problems(str(scenario), GROUPS) == [
        "both.yml: hosts: gate matches hosts of the cloud: gate; set hosts to cloudrepo_vms, or to VMs or groups of "
        "them"
    ]


def made(number: int, hours: int, **other: Any) -> dict[str, Any]:
    name = f"mol-a-{number}"
    [found] = molecule.molecule_slices({"slices": [{}]}, name, "a", hours=hours, now=NOW)
    return {"slice_id": number, "owner": "admin", "status": "running", "revision": 7, **found, **other}


def test_expired_slices_of_molecule_get_another_hour_in_which_they_are_deleted() -> None:
    later = NOW.replace(hour=12)
    slices = [
        made(1, hours=24),
        made(2, hours=1),
        made(4, hours=1, status="deleting"),
        # Neither a title nor a name alone makes a slice one of Molecule.
        made(5, hours=1, name="web"),
        made(6, hours=1, title="until 2026-11-27T09:00:00Z"),
        {"slice_id": 7, "status": "running"},
    ]
    assert molecule.molecule_expired(slices, now=later) == [
        {
            "slice_id": 2,
            "name": "mol-a-2",
            "owner": "admin",
            "title": "Molecule scenario a, until 2026-11-27T13:00:00Z",
            "based_on": 7,
        }
    ]
    assert molecule.molecule_expired(slices, now=NOW) == []


@pytest.mark.parametrize("minutes", [0, 1])
def test_of_two_runs_at_the_same_time_one_claims_an_expired_slice(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    door = Door(Memory(cluster()), monkeypatch)
    door("slice", **topology("mol-a-1", title="Molecule scenario a, until 2026-11-27T07:00:00Z"))
    slices = door("slice_info", all=True)["slices"]
    claims = [molecule.molecule_expired(slices, now=NOW.replace(minute=each)) for each in (0, minutes)]
    answers = [door("slice", slices=[{**each, "append": True} for each in claim]) for claim in claims]
    assert [answer.get("changed", False) for answer in answers] == [True, False]
    [stored] = door("slice_info", all=True)["slices"]
    assert stored["title"] == "Molecule scenario a, until 2026-11-27T09:00:00Z"
    assert [vm["name"] for vm in stored["vms"]] == ["vm1", "vm2"]
