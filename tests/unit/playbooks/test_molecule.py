# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks for the scenarios of others, up to where they need hosts, and the example in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ..plugins.module_utils._domain.builders import cluster, put, topology
from .runs import Done, run

EXAMPLE = Path(__file__).resolve().parents[3] / "docs/examples/router"
SCENARIO = EXAMPLE / "molecule/default"


def molecule(folder: Path, playbook: str, *options: str, text: str | None = None) -> Done:
    scenario = folder / "scenario"
    scenario.mkdir(exist_ok=True)
    (folder / "run/inventory").mkdir(parents=True, exist_ok=True)
    if text is not None:
        (scenario / "topology.yml").write_text(text)
    environment = {
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder / "run"),
        "MOLECULE_SCENARIO_DIRECTORY": str(scenario),
        "MOLECULE_SCENARIO_NAME": "bgp",
    }
    held = cluster()
    put(held, topology("web"))
    return run(folder, playbook, {}, *options, environment=environment, database=held.to_dict())


def inventory(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "run/inventory/cloudrepo.slices.yml").read_text())
    return found


def test_the_slice_is_named_after_scenario_and_run_and_the_name_is_kept(tmp_path: Path) -> None:
    text = "slices: [{vms: [{name: vm1, flavor: nowhere}]}]\ninventory: {group_by: [slice]}"
    done = molecule(tmp_path, "molecule_create", text=text)
    found = inventory(tmp_path)
    [name] = found["names"]
    assert name.startswith("mol-bgp-")
    assert f"slice {name}: flavor nowhere" in done.stdout
    assert found == {
        "plugin": "cloudrepo.slices.slices",
        "database": str(tmp_path / "database.yaml"),
        "names": [name],
        "hostname": "{{ cloudrepo_vm_name }}",
        "jump_host": "netnode",
        "group_by": ["slice"],
    }
    assert f"slice {name}: flavor nowhere" in molecule(tmp_path, "molecule_create").stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "topology.yml does not exist; create it with the topology of the scenario"),
        ("slices: []", "a scenario has one slice, in the list slices of its topology, got 0"),
    ],
)
def test_a_scenario_without_a_topology_is_refused(tmp_path: Path, text: str | None, told: str) -> None:
    done = molecule(tmp_path, "molecule_create", text=text)
    assert done.rc != 0
    assert told in done.stdout
    assert not (tmp_path / "run/inventory/cloudrepo.slices.yml").exists()


@pytest.mark.parametrize(
    ("slice_", "named"),
    [
        ({"vms": [{"name": "vm1"}, {"name": "worker1"}]}, "VM worker1: the inventory has a host of this name"),
        ({"vms": [{"name": "workers"}]}, "VM workers: the inventory has a group of this name"),
        ({"vms": [{"name": "localhost"}]}, "VM localhost: the inventory has a host of this name"),
        ({"vms": [{"title": "Worker1!"}]}, "VM worker1: the inventory has a host of this name"),
        (
            {"topology_type": "linear", "size": 2, "name_pattern": "worker{n}", "flavor": "cirros"},
            "VM worker1: the inventory has a host of this name",
        ),
    ],
)
def test_a_vm_does_not_take_the_place_of_a_host(tmp_path: Path, slice_: dict[str, Any], named: str) -> None:
    """Its role would be run on the host, as root."""
    vms = [{"flavor": "cirros", **each} for each in slice_.get("vms", ())]
    done = molecule(tmp_path, "molecule_create", text=yaml.safe_dump({"slices": [{**slice_, "vms": vms}]}))
    assert done.failure["msg"] == (
        f"{named}, which the role would run on; rename the VM, or set hostname under inventory in the topology"
    )
    assert not (tmp_path / "run/inventory/cloudrepo.slices.yml").exists()
    stored = yaml.safe_load((tmp_path / "database.yaml").read_text())
    assert [each["name"] for each in stored["slices"].values()] == ["web"]


def test_a_scenario_may_name_the_hosts_of_its_vms_itself(tmp_path: Path) -> None:
    hostname = "{{ cloudrepo_slice_name }}-{{ cloudrepo_vm_name }}"
    vms = [{"name": "worker1", "flavor": "nowhere"}]
    text = yaml.safe_dump({"slices": [{"vms": vms}], "inventory": {"hostname": hostname}})
    assert "flavor nowhere" in molecule(tmp_path, "molecule_create", text=text).stdout
    assert inventory(tmp_path)["hostname"] == hostname


@pytest.mark.parametrize("options", ["{names: [prod]}", "{names: prod, database: /other.yaml, group_by: [slice]}"])
def test_a_scenario_does_not_use_another_slice_than_its_own(tmp_path: Path, options: str) -> None:
    """The role would run on its VMs, and C(molecule_destroy) would delete it."""
    done = molecule(tmp_path, "molecule_create", text=f"slices: [{{vms: [{{name: vm1}}]}}]\ninventory: {options}")
    assert done.rc != 0
    assert "plugin, database, names, acting_user are set by molecule_create; remove what it sets there" in done.stdout
    assert not (tmp_path / "run/inventory/cloudrepo.slices.yml").exists()


def test_a_playbook_of_the_scenario_does_not_run_on_hosts_of_the_cloud(tmp_path: Path) -> None:
    (tmp_path / "scenario").mkdir()
    (tmp_path / "scenario/converge.yml").write_text("- hosts: all\n  roles: [web]\n")
    done = molecule(tmp_path, "molecule_create", text="slices: [{vms: [{name: vm1, flavor: cirros}]}]")
    assert done.failure["msg"] == (
        "converge.yml: hosts: all matches hosts of the cloud: localhost, netnode, worker1; set hosts to cloudrepo_vms, "
        "or to VMs or groups of them"
    )
    assert "WARNING" not in done.stderr
    assert not (tmp_path / "run/inventory/cloudrepo.slices.yml").exists()


def test_a_run_without_molecule_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "molecule_create", {})
    assert done.failure["msg"] == (
        "MOLECULE_EPHEMERAL_DIRECTORY is not set; this playbook can only be run in a Molecule scenario; run molecule "
        "create"
    )


def test_there_is_nothing_to_wait_for_before_the_slice_is_created(tmp_path: Path) -> None:
    done = molecule(tmp_path, "molecule_prepare")
    assert done.failure["msg"] == "the scenario has no slice; run molecule create"


def test_other_slices_are_not_destroyed(tmp_path: Path) -> None:
    """This is the first step of C(molecule test)."""
    done = molecule(tmp_path, "molecule_destroy")
    assert done.rc == 0, done.stdout
    stored = yaml.safe_load((tmp_path / "database.yaml").read_text())
    assert [each["name"] for each in stored["slices"].values()] == ["web"]


def test_the_example_describes_three_vms_and_two_links_in_a_few_lines() -> None:
    [slice_] = yaml.safe_load((SCENARIO / "topology.yml").read_text())["slices"]
    assert (len(slice_["vms"]), len(slice_["links"])) == (3, 2)
    written = [
        line for name in ("molecule", "topology") for line in (SCENARIO / f"{name}.yml").read_text().splitlines()
    ]
    assert len([line for line in written if line != "---"]) <= 15
    imported = {
        name: yaml.safe_load((SCENARIO / f"{name}.yml").read_text())[0]["ansible.builtin.import_playbook"]
        for name in ("create", "prepare", "destroy")
    }
    assert imported == {name: f"cloudrepo.slices.molecule_{name}" for name in imported}


def test_the_slice_of_the_example_is_stored() -> None:
    held = cluster()
    slice_ = put(held, {"name": "x", **yaml.safe_load((SCENARIO / "topology.yml").read_text())["slices"][0]})
    assert [vm.name for vm in slice_.vms] == ["left", "router", "right"]
