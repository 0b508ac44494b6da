# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules that playbooks and roles check themselves, with the filter C(refusal)."""

from __future__ import annotations

from .rule import Rule

PLAYBOOK = {
    "worker_not_in_inventory": Rule(
        "workers with VMs must be in the inventory",
        "{object} is on worker {worker_ip}, which is not in the inventory",
        "add the worker to the group workers",
    ),
    "interface_captured": Rule(
        "an interface has one capture at a time",
        "another run is capturing its traffic",
        "stop that capture with -e capture_stop=true, or repeat the command when it has ended",
    ),
    "file_of_others": Rule(
        "a file for secrets must be a regular file of the current user",
        "{object} is {kind}, so others could read what is written to it",
        "remove it, or choose another path with -e {variable}=PATH",
    ),
    "no_files_to_save": Rule(
        "the files to save are write_files of user data and files of start-ups",
        "{object} has no VM with files in its user data or start-up",
    ),
    "vms_not_in_inventory": Rule(
        "VMs with files to save must be hosts of the group cloudrepo_vms",
        "VMs {vms} are not hosts of the group cloudrepo_vms",
        "add a source of the inventory plugin cloudrepo.slices.slices with -i",
    ),
    "files_unreadable": Rule("files to save must be readable in the guest", "cannot read {paths}"),
    "run_without_molecule": Rule(
        "this playbook can only be run in a Molecule scenario", "{object} is not set; {rule}", "run molecule create"
    ),
    "topology_missing": Rule(
        "a scenario needs a topology", "{object} does not exist", "create it with the topology of the scenario"
    ),
    "vm_named_like_host": Rule(
        "a VM must not have the name of a host or group of the inventory",
        "the inventory has a {kind} of this name, which the role would run on",
        "rename the VM, or set hostname under inventory in the topology",
    ),
    "slice_of_scenario_missing": Rule(
        "the slice of a scenario must be created first", "{object} has no slice", "run molecule create"
    ),
    "source_changed": Rule(
        "the file of a base image must keep its registered checksum",
        "{object} differs from the registered one: its SHA-256 is {got}, expected {expected}",
        "restore the file, or register its flavor or kind again for new VMs",
    ),
}
