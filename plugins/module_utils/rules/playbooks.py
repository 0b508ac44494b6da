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
    "play_on_cloud": Rule(
        "a scenario's playbooks must not run on hosts of the cloud",
        "hosts: {pattern} matches hosts of the cloud: {hosts}",
        "set hosts to cloudrepo_vms, or to VMs or groups of them",
    ),
    "slice_of_scenario_missing": Rule(
        "the slice of a scenario must be created first", "{object} has no slice", "run molecule create"
    ),
    "source_changed": Rule(
        "a base image file must match its registered checksum",
        "{object} differs from the registered one: its SHA-256 is {got}, expected {expected}",
        "restore the file, or register its flavor or kind again for new VMs",
    ),
    "image_not_downloaded": Rule(
        "hosts must be able to download a base image whose source is a URL",
        "{object} cannot be downloaded: {why}",
        "check image and checksum of its flavor or kind, and whether this host reaches that server",
    ),
    "no_such_interface": Rule(
        "a host must have the interfaces of its settings",
        "{variable} is {name}, but this host has only the interfaces {known}",
    ),
    "same_interface": Rule(
        "settings must name different interfaces",
        "{variable} and {other} are both {name}; they must be different interfaces",
    ),
    "trunk_is_bridge": Rule(
        "a trunk must not be a bridge",
        "{variable} is {name}, which is a bridge itself",
        "name the interface that leads to the other hosts",
    ),
    "trunk_has_address": Rule(
        "a trunk must not have an address",
        "{variable} is {name}, which has the address {address}; the host would lose it",
        "move the address to another interface, or name another interface",
    ),
    "interface_of_bridge": Rule(
        "frames of an interface must not go to a bridge",
        "{variable} is {name}, a port of {master} ({kind}), so frames go to {master}",
        "remove it from {master}, or name another interface",
    ),
    "interface_of_bond": Rule(
        "frames of an interface must not go to a bond",
        "{variable} is {name}, a member of {master} ({kind}), so frames go to {master}",
        "name {master} instead",
    ),
    "kvm_missing": Rule(
        "the accelerator kvm needs /dev/kvm",
        "apply_work_order_accelerator is kvm, but this host has no /dev/kvm",
        "set it to kvm:tcg, or enable virtualization in the host's firmware or, if it is a VM itself, its hypervisor",
    ),
    "hosts_without_address": Rule(
        "the addresses of all hosts must be known, so that VMs cannot reach them",
        "VMs could reach {hosts}, because the inventory has no IPv4 address for them",
        "set ansible_host to an address, or worker_ip for a worker, or set cloudrepo_infrastructure_networks",
    ),
    "worker_not_registered": Rule(
        "work orders are for registered workers",
        "{object} is not registered",
        "run cloudrepo.slices.site, which registers the workers of the inventory",
    ),
    "worker_left_out": Rule(
        "workers with VMs must be in the inventory",
        "{object} has {held} and is not in the inventory",
        "add it to the group workers, or declare it lost if the machine is gone for good (cloudrepo.slices.worker with "
        "state=lost)",
    ),
    "network_node_missing": Rule(
        "a network node provides gateways, DHCP and the addresses on the management VLAN",
        "{object} has no host, so nothing provides gateways, DHCP and the addresses on the management VLAN",
        "add a host to it and run cloudrepo.slices.site",
    ),
    "network_node_left_out": Rule(
        "addresses, VLANs and deleted slices are only freed once the network node has released them",
        "{object} has no host, but the network node of the database may still serve what slices give up",
        "add it to the group again and repeat the run; if it is gone for good or was retired, run "
        "cloudrepo.slices.site with -e network_node_lost=true first",
    ),
}
