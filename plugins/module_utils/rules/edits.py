# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for changes of what exists."""

from __future__ import annotations

from .rule import Rule

EDITS = {
    "slice_damaged": Rule(
        "a stored slice must not contradict itself",
        "it was changed outside of the collection: {breaches}; {rule}",
        "restore a backup, or run cloudrepo.slices.database with state=migrate and repair=true",
    ),
    "name_in_use": Rule(
        "names are unique within a slice", "{kind} {name} cannot be renamed to {got}, which exists; {rule}"
    ),
    "title_of_several": Rule(
        "a {kind} without a name is identified by its title",
        "several have the title {title!r} ({names}); {rule}",
        "give the name instead",
    ),
    "identifier_missing": Rule("a {kind} is identified by its name or its {key}", "{rule}, and neither is set"),
    "ambiguous_link": Rule(
        "a link is identified by its id, its name, or endpoints that only one link has",
        "{count} links are between {endpoints} ({found})",
        "give the interfaces or the link_id",
    ),
    "vlan_not_reserved": Rule(
        "vlan_id must be a reserved VLAN", "VLAN {got} is not reserved", "omit vlan_id to reserve the next one"
    ),
    "unknown_slice_id": Rule("slice_id must be the id of a slice", "slice {got} does not exist"),
    "changed_since": Rule(
        "a topology must not undo changes that were made after the revision in based_on",
        "based_on is {got}, and {user} made revision {revision} at {at}, which this topology would undo: {changes}",
        "add these changes to the topology and set based_on to the slice's revision, or set overwrite=true",
    ),
    "changed_since_unknown": Rule(
        "a topology must not undo changes that were made after the revision in based_on",
        "based_on is {got}, the slice has revision {revision}, and the history no longer has the changes in between",
        "check the topology against the slice and set based_on to the slice's revision, or set overwrite=true",
    ),
    "revision_unknown": Rule(
        "based_on must be a revision of this database", "based_on is {got}, the newest revision is {newest}"
    ),
    "owner_is_fixed": Rule("the owner of a slice cannot change", "{object} is owned by {owner}, got {got}; {rule}"),
    "slice_is_being_deleted": Rule(
        "a slice that is being deleted cannot be changed",
        "slice {slice_id} is being deleted",
        "deploy it again after its deletion",
    ),
    "deleted_slice_expired": Rule(
        "a deleted slice can be restored as long as its disks are kept",
        "it was deleted at {deleted} and could be restored until {until}; the clock of this controller says {now}",
        "set the clock if it is wrong, and try again; the playbook orphans lists the disks that are still in the trash",
    ),
    "owner_was_removed": Rule(
        "a deleted slice is restored for its owner, not for a later user of the same name",
        "it belongs to user {owner} with UUID {uuid}, who was removed; {rule}",
        "add this user again with the module user and uuid {uuid}, under an unused name",
    ),
    "slice_not_deleted_yet": Rule(
        "a slice can be restored once its hosts have deleted it",
        "slice {slice_id} still exists",
        "delete it first",
    ),
    "allocated_meanwhile": Rule(
        "a deleted slice is restored with its ids and VLANs",
        "{what} has been allocated to another slice in the meantime; {rule}",
    ),
    "left_on_hosts": Rule(
        "a deleted slice is restored with its ids and VLANs",
        "hosts still have {what} of a slice that the database does not have; {rule}",
        "remove what is left with cloudrepo.slices.orphans, then run cloudrepo.slices.site",
    ),
    "slice_name_in_use": Rule(
        "names are unique among the slices of an owner", "name {got} is in use by slice {slice_id} of {owner}; {rule}"
    ),
    "unknown_flavor": Rule(
        "references must exist",
        "flavor {flavor} (VMs {vms}) does not exist; existing: {known}",
        "add it to cloudrepo_flavors and run cloudrepo.slices.site",
    ),
    "flavor_without_image": Rule(
        "a flavor needs a registered base image",
        "flavor {flavor} (VMs {vms}) has no base image; {image} was never registered",
        "set image in cloudrepo_flavors to a file, or to a URL with its checksum, and run cloudrepo.slices.site",
    ),
    "unknown_kind": Rule(
        "references must exist",
        "kind {name} does not exist; existing: {known}",
        "add it to cloudrepo_kinds and run cloudrepo.slices.site",
    ),
    "kind_in_use": Rule("a kind in use cannot be removed", "{object} is used by {users}; {rule}"),
    "kind_names_ambiguous": Rule(
        "a name such as eth2 must be that of the same interface in topologies and in the guest",
        "interfaces would be called {names} and so on; {rule}",
    ),
    "kind_without_cloud_init": Rule("guests of kind {name} have no cloud-init", "cloud_init is set, but {rule}"),
    "kind_has_fewer_interfaces": Rule("a VM of kind {name} has at most {most} data interfaces", "{rule}, got {got}"),
    "stored_without": Rule("a stored VM must have all fields of a work order", "stored without {what}"),
    "flavor_without_checksum": Rule(
        "a flavor needs a registered base image", "its flavor is stored without the checksum of a base image"
    ),
    "address_outside_management": Rule(
        "the management address of a VM never changes",
        "address {got} is not in the management network {subnet}",
        "delete the slice and deploy it again",
    ),
    "vm_without_flavor": Rule("a new VM needs a flavor", "{rule}"),
    "worker_is_fixed": Rule("a VM cannot move to another worker", "{object} is on worker {worker}, got {got}; {rule}"),
    "image_is_fixed": Rule(
        "the base image of a disk cannot change",
        "its disk was made from {image}, but flavor {flavor} has {got}; {rule}",
        "add a VM with another name",
    ),
    "disk_cannot_shrink": Rule("a disk never shrinks", "{disk} would have {got} GiB instead of {size} GiB; {rule}"),
    "disk_not_in_trash": Rule(
        "restore must be the UUID of a data disk of the slice in the trash",
        "data disk {got} is not in the trash, which contains: {known}",
    ),
    "disk_not_in_trash_yet": Rule(
        "a data disk is restored from the trash",
        "data disk {got} is still attached to VM {vm}; {rule}",
        "deploy the slice without {disk} in the data_disks of VM {vm}, then restore it",
    ),
    "image_is_no_cd": Rule(
        "cdrom needs the image of a CD (ISO 9660)", "{image} of flavor {flavor} is not ISO 9660; {rule}"
    ),
    "cd_is_no_disk": Rule(
        "a disk needs an image with a boot sector",
        "{image} of flavor {flavor} is the image of a CD without a boot sector; {rule}",
        "give the VM another flavor, and set cdrom to this one",
    ),
    "boot_without_cd": Rule("booting from a CD requires cdrom", "{rule}, got boot {got}"),
    "boot_order": Rule("boot must be {form}", "{rule}, got {got}"),
    "disk_on_another_worker": Rule(
        "a data disk stays on its worker", "data disk {got} is on worker {worker}, the VM on {other}; {rule}"
    ),
    "disk_name_in_use": Rule(
        "names of data disks are unique within a VM",
        "data disk {got} cannot be restored as {name}, which is another disk of this VM; {rule}",
        "restore it with another name",
    ),
    "password_version_lowered": Rule("vnc_password_version must not decrease", "{rule}: it is {version}, got {got}"),
}
