# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for work orders."""

from __future__ import annotations

from .rule import Rule

CONTRACT = {
    "field_missing": Rule("{field} is required", "{field} is missing"),
    "field_unknown": Rule("only documented fields are allowed", "field {field} is unknown"),
    "field_not_allowed": Rule("{field} must be {allowed}", "{rule}, got {got!r}"),
    "not_on_management_vlan": Rule(
        "an interface with a reserved address is on the management VLAN of its host",
        "{interface} is on VLAN {got}, but the management VLAN of this host is {held}",
        "run cloudrepo.slices.site, which sets the management VLAN of the cloud on all hosts",
    ),
    "on_management_vlan": Rule(
        "a link or network is not on the management VLAN of its host",
        "{interface} is on VLAN {got}, which is the management VLAN of this host",
        "run cloudrepo.slices.site, which sets the management VLAN of the cloud on all hosts",
    ),
    "management_vlan": Rule("vlan_id must not be {vlan}, the management VLAN", "{rule}"),
    "firmware_missing": Rule(
        "a VM with UEFI needs OVMF on its worker",
        "{path} does not exist; {rule}",
        "add ovmf to worker_packages and run cloudrepo.slices.site",
    ),
    "kernel_missing": Rule(
        "initrd and kernel_arguments are for a kernel that is booted directly", "{option} is set without kernel; {rule}"
    ),
    "kernel_needs_bios": Rule(
        "a kernel that is booted directly needs firmware bios", "{rule}, got {got} with kernel {kernel}"
    ),
    "disk_elsewhere": Rule("a disk must be a .qcow2 file in {folder}", "{rule}, got {got!r}"),
    "wanted_and_given_up": Rule("a disk must not be both in disks and in given_up", "{disk} is in both; {rule}"),
}
