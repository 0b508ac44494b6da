# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All rules for which requests are refused, by code, with their texts.

C(Refusal) combines the message from the object, the violation and the next step. Figures are in braces in the texts. A
sentence may also contain C({rule}), and may start with C({object}), which is otherwise prepended with a colon.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A rule and its texts.

    Attributes:
        rule: the rule, with its limits.
        sentence: the violation.
        next_step: what to do, as an imperative, if it is not obvious.
    """

    rule: str
    sentence: str = "{rule}, got {got}"
    next_step: str = ""


_ANY = {
    "out_of_range": Rule("{option} must be {least}-{most}"),
    "invalid_name": Rule("a {kind} name must be {form}", "{rule}, got {got!r}"),
    "invalid_title": Rule("a {kind} title must be {form}", "{rule}, got {got!r}"),
    "invalid_time": Rule("{option} must be a date or time such as 2026-12-31T18:00:00Z", "{rule}, got {got!r}"),
    "too_small": Rule("{option} must be at least {least}"),
    "option_missing": Rule("a {kind} needs {option}", "{rule}"),
    "option_needs_option": Rule("{option} needs {needs}", "{rule}, which is false"),
    "invalid_address": Rule("{option} must be an IPv4 address", "{rule}, got {got!r}"),
    "invalid_ipv6_address": Rule("{option} must be an IPv6 address", "{rule}, got {got!r}"),
    "invalid_subnet": Rule("{option} must be an IPv4 network", "{rule}, got {got!r} ({why})"),
    "invalid_ipv6_subnet": Rule("{option} must be an IPv6 network", "{rule}, got {got!r} ({why})"),
    "address_outside_subnet": Rule("{option} must be the address of a host in {subnet}"),
    "subnet_outside_subnet": Rule("{option} must be within {subnet}"),
    "range_reversed": Rule(
        "the first address of a range must not be after its last one", "{option} is {first}-{last}; {rule}"
    ),
    "range_holds_server": Rule(
        "a range must not include the address of the gateway or DHCP server",
        "{option} {first}-{last} includes {server}; {rule}",
    ),
    "subnet_too_small": Rule(
        "{option} must have an address for each use", "{option} {got} has {room} addresses, {needed} needed"
    ),
    "same_address": Rule("gateway and DHCP server must have different addresses", "{rule}, got {got} for both"),
    "invalid_user_data": Rule("user data must be {form}", "{rule}"),
    "user_data_not_yaml": Rule(
        "user data that begins with #cloud-config must be a YAML mapping", "line {line} of the user data: {rule}"
    ),
    "startup_malformed": Rule("{part} must be {form}", "{rule}"),
    "startup_needs_console": Rule(
        "a start-up needs a shell or a login on the serial console of the guest",
        "{rule}, and kind {name} has none",
        "register a kind with console, or use user data of cloud_init",
    ),
    "invalid_ssh_key": Rule("an ssh key must be {form}", "key {number}: {rule}"),
    "invalid_guest_address": Rule(
        "an address needs a prefix length, such as 10.0.0.1/24", "{object} cannot have address {got!r}: {why}"
    ),
    "option_of_other_checks": Rule("{option} can only be used with these checks: {checks}", "{rule}; check is {got}"),
    "guest_file_too_long": Rule(
        "a file for cloud-init has {form}",
        "its {file} for cloud-init would have {got} characters; {rule}",
        "give it fewer ssh keys or addresses",
    ),
    "check_needs_address": Rule(
        "these checks need an address on the management VLAN: {checks}",
        "{rule}; check is {got}",
        "set internet to true",
    ),
    "invalid_check_option": Rule("{option} must be {form}", "{rule}"),
    "address_from_dhcp": Rule("an interface on the management VLAN gets its address by DHCP", "{rule}, got {got}"),
    "guest_address_twice": Rule("addresses on a link or network are unique", "{address} belongs to {ends}; {rule}"),
    "listed_twice": Rule("list entries must be unique", "{kind} {name} is listed {count} times"),
    "not_found": Rule("references must exist", "{object} does not exist; existing: {known}"),
    "unknown_reference": Rule("references must exist", "{kind} {name} does not exist; existing: {known}"),
}

_ARGUMENTS = {
    "required_option_is_null": Rule("a required option must not be null", "{object} is required, got null"),
    "all_options_are_null": Rule("one of these options is required", "{rule}, all are null"),
    "null_in_list": Rule("lists must not contain null", "{object} contains null"),
    "slice_listed_twice": Rule("a slice must be listed only once", "{object} is listed {count} times"),
    "destination_not_empty": Rule(
        "the destination of a migration must be empty",
        "{object} is not empty",
        "set replace to true to replace its content",
    ),
}

_SELECTION = {
    "nothing_selected": Rule("exactly one variable selects slices", "nothing is selected", "set one of {accepted}"),
    "several_variables": Rule(
        "exactly one variable selects slices", "{variables} are all set", "set one of {accepted}"
    ),
    "variable_not_accepted": Rule(
        "a playbook accepts some of the variables that select slices",
        "this playbook does not accept {variables}",
        "set one of {accepted}",
    ),
    "variable_is_empty": Rule("a variable that selects slices must have a value", "{object} is {state}"),
    "topologies_unreadable": Rule("slices must be YAML or JSON", "{rule} ({why})"),
    "key_set_twice": Rule("a mapping has each key once", "{why}"),
    "file_unreadable": Rule(
        "a file of topologies must be readable", "{object} must be a file that can be read, got {got} ({why})"
    ),
    "variables_of_admins": Rule(
        "tenants may only set {accepted}",
        "{user} is not an admin and may not set {variables}; {rule}",
        "set them in the inventory",
    ),
    "core_too_old": Rule(
        "ansible-core must be {oldest} or newer", "{object} must be {oldest} or newer, got {got}", "install a newer one"
    ),
    "orchestrator_missing": Rule("the group orchestrator must have a host", "{rule}"),
    "workers_missing": Rule(
        "the group workers must have a host", "{rule}", "add one, as in inventory/example of the collection"
    ),
    "started_in_the_middle": Rule(
        "a playbook must run from its start, where it checks the call",
        "{object} {got!r} skips the check of the call",
        "run the playbook from its start",
    ),
    "orchestrator_left_out": Rule(
        "the orchestrator takes part in every run", "{object} excludes the orchestrator", "add {host} to it"
    ),
    "database_vanishes": Rule(
        "a job of AWX needs a database that outlives it",
        "{object} does not exist, and would vanish with the environment of job {job}; {rule}",
        "set cloudrepo_database to the URL of a PostgreSQL database",
    ),
}

_CONTRACT = {
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
    "disk_elsewhere": Rule("a disk must be a .qcow2 file in {folder}", "{rule}, got {got!r}"),
    "wanted_and_given_up": Rule("a disk is wanted or given up", "{disk} is listed as both; {rule}"),
}

_REGISTRY = {
    "image_without_checksum": Rule(
        "an image at a URL needs its SHA-256 as checksum", "{rule}, got {got} without checksum"
    ),
    "image_not_found": Rule("image must be a file on the orchestrator", "{rule}, got {got}"),
    "checksum_mismatch": Rule(
        "checksum must be that of the image", "image {image} has SHA-256 {seen}, checksum is {got}"
    ),
    "admins_only": Rule("only admins may do this", "{user} is not an admin; {rule}"),
    "invalid_password_hash": Rule("password_hash must be a SHA-256 digest of 64 hex digits or a scrypt hash", "{rule}"),
    "two_passwords": Rule("password and password_hash are mutually exclusive", "{rule}"),
    "first_admin_stays": Rule("the first admin must stay registered and an admin", "{rule}"),
    "user_owns_slices": Rule(
        "a user with slices cannot be removed", "owns {count} slices ({slices})", "delete them first"
    ),
    "invalid_image": Rule("image must be a path or URL", "{rule}, got {got!r}"),
    "invalid_checksum": Rule("checksum must be a SHA-256 digest of 64 hex digits", "{rule}, got {got!r}"),
    "disk_smaller_than_image": Rule("disk_gb must be at least {least}, the size of the disk in the image"),
    "flavor_in_use": Rule("a flavor in use cannot be removed", "used by {count} VMs ({vms})"),
    "flavor_of_kinds": Rule(
        "a flavor whose image new VMs of a kind get cannot be removed",
        "it is the image of kind {kinds}",
        "give the kind another image",
    ),
    "invalid_worker_ip": Rule(
        "a worker needs an IPv4 address", "{rule}, got {got!r}", "set worker_ip for this host in the inventory"
    ),
    "invalid_machine_id": Rule("a machine-id must be {form}", "{rule}, got {got!r}"),
    "machine_shared": Rule(
        "each worker must have its own machine-id",
        "{count} workers have this machine-id ({workers}); {rule}",
        "create new ones with systemd-machine-id-setup on the cloned hosts",
    ),
    "another_machine": Rule(
        "a worker is identified by its machine-id",
        "the host at this address has machine-id {got}, the worker in the database has {known} and {vms} VMs; {rule}",
        "set worker_accept_machine to {got} if it is the same worker, otherwise give this host another address",
    ),
    "address_in_use": Rule(
        "an address belongs to one worker",
        "machine {got} now has the address {ip}, which in the database is that of {known} with {vms} VMs; {rule}",
        "give it another address, or remove worker {ip} first",
    ),
    "worker_holds_vms": Rule("a worker with VMs cannot be removed", "has {count} VMs ({vms})", "delete them first"),
}

_BASE_IMAGE = "a base image must be qcow2, or raw with a boot sector or a file system"
_IMAGE = {
    "image_empty": Rule(_BASE_IMAGE, "{object} is empty; {rule}", "fetch it again"),
    "image_format": Rule(_BASE_IMAGE, "{object} is {format}; {rule}", "run {command}{alternative}"),
    "image_content": Rule(_BASE_IMAGE, "{object} is {content}; {rule}"),
    "image_compressed": Rule(
        "a base image must not be compressed as a file", "{object} is {format}; {rule}", "run {command}{alternative}"
    ),
    "convert_needs_file": Rule("convert needs a file on the orchestrator", "{rule}, got {got}"),
    "converter_missing": Rule(
        "convert needs {program} on the orchestrator", "{rule}, which is not installed", "install {package}"
    ),
    "image_not_unpacked": Rule(
        "a compressed image must be complete", "{object} cannot be unpacked with {format}: {why}", "fetch it again"
    ),
    "image_of_several_files": Rule(
        "an image to convert must be one file",
        "{object} is {format} that refers to other files; {rule}",
        "run qemu-img convert where those files are",
    ),
    "image_encrypted": Rule("a base image must not be encrypted", "{object} is encrypted; {rule}", "run {command}"),
    "image_has_backing_file": Rule(
        "a base image must contain the complete disk",
        "{object} has the backing file {backing_file}; {rule}",
        "run {command} where that file is",
    ),
    "image_has_data_file": Rule(
        "a base image must contain the complete disk",
        "{object} has an external data file; {rule}",
        "run {command} where that file is",
    ),
    "image_too_new": Rule(
        "a base image must be qcow2 version 2 or 3 with known features",
        "{object} is qcow2 version {version} with the incompatible features {features}; {rule}",
    ),
    "image_cut_short": Rule(
        "a base image must be complete", "{object} has {got} bytes, its content needs {needed}", "fetch it again"
    ),
    "image_damaged": Rule(
        "a base image must be undamaged", "{object} is damaged: {why}", "run {command} or fetch it again"
    ),
}

_ACCESS = {
    "unknown_acting_user": Rule("only registered users may act", "{object} does not exist"),
    "acting_user_unproved": Rule(
        "a job acts for the user who launched it, or for the user whom a credential names",
        "no user launched it (launch type {launch_type}), so nothing proves who acts",
        "add a credential that sets CLOUDREPO_ACTING_USER or CLOUDREPO_ACTING_TOKEN",
    ),
    "acting_token_invalid": Rule("a token proves who acts if it is signed with the cloud's key", "{why}; {rule}"),
    "acting_token_expired": Rule(
        "a token must not have expired", "the token of {user} expired at {expired}", "create another with acting_token"
    ),
    "acting_token_of_another_cloud": Rule(
        "a token is valid in its own cloud", "it belongs to cloud {got}, this is cloud {cloud}; {rule}"
    ),
    "file_vanishes": Rule(
        "a job must write files to a permanent folder",
        "the file would vanish with the environment of job {job}",
        "set {setting} in the inventory to a folder that execution environments mount",
    ),
    "files_dir_missing": Rule("the folder for files must be an absolute path that exists"),
    "awx_unknown": Rule(
        "the environment must contain the URL of AWX",
        "none of {names} is set",
        "set CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN",
    ),
    "awx_modules_missing": Rule(
        "the objects are created by modules of {collection}",
        "it is not installed, or lacks {modules}",
        "install it with ansible-galaxy collection install {collection}",
    ),
    "awx_refused": Rule("AWX must accept the object", "{why}"),
    "unknown_lists": Rule("lists of objects must be of a known kind", "{got} are not among {known}"),
    "acting_key_unusable": Rule("tokens are checked with the cloud's key", "{why}; {rule}"),
    "acting_user_empty": Rule("the acting user must be a name, and not empty", "{rule}, got {got!r}"),
    "acting_users_differ": Rule(
        "all sources of the acting user must agree", "{first} is {got}, but {second} is {other}; {rule}"
    ),
    "not_owner_or_admin": Rule("only admins may act for other users", "{user} is not an admin; {rule}"),
    "ambiguous_vm": Rule(
        "a VM is identified by its id, or by a name that is unique among the selected slices",
        "{count} VMs have this name ({found})",
        "give SLICE/NAME or the id",
    ),
    "ambiguous_slice": Rule(
        "a slice is identified by its id, by its name and owner, or by a unique name",
        "{count} slices have this name ({found})",
        "give the owner or the id",
    ),
}

_TOPOLOGY = {
    "duplicate_name": Rule("names are unique within a slice", "{count} {kind}s are named {name}; {rule}"),
    "ambiguous_title": Rule(
        "endpoints refer to one VM", "several VMs have the title {title!r}; {rule}", "give the names of the VMs instead"
    ),
    "slice_title_differs": Rule(
        "a slice without a name is identified by its title",
        "the name {got} is made from the title {title!r}, and the slice of that name has the title {stored!r}; {rule}",
        "give the slice a name",
    ),
    "names_differ_in_case": Rule(
        "names are unique within a slice regardless of case", "{kind}s {names} differ only in case; {rule}"
    ),
    "numeric_name": Rule("a name must not consist of digits only, because it would be read as an id"),
    "endpoint_count": Rule("a link has 2 endpoints"),
    "link_to_itself": Rule("a link must connect two different VMs", "{rule}, got VM {vm} twice"),
    "member_twice": Rule("a VM joins a network with one interface", "VM {vm} is a member {count} times; {rule}"),
    "management_interface": Rule("links and networks take eth1 and up, because eth0 is the management interface"),
    "interface_in_use": Rule("an interface is on one link or network at most", "{endpoint} is already in use; {rule}"),
    "too_few_interfaces": Rule(
        "each link or network of a VM takes one data interface",
        "{segments} links and networks, at most {most} data interfaces; {rule}",
    ),
    "interface_without_segment": Rule(
        "without data_interfaces a VM has one data interface for each of its links and networks",
        "eth{highest} is named, but the VM is on {segments} links and networks",
        "set data_interfaces to {highest} or more",
    ),
    "size_of_custom_topology": Rule(
        "size is for generated topologies",
        "{rule}, got size {got} for a custom one",
        "list the VMs or set topology_type",
    ),
    "name_pattern_without_number": Rule("name_pattern must contain {{n}}, the number of the VM", "{rule}, got {got!r}"),
    "segments_of_tree_only": Rule("segments: networks needs topology_type tree"),
    "topology_too_large": Rule(
        "a slice may use as many VLANs as its vlan_pools hold, {pool_size} each",
        "{segments} {kind} need {needed} VLAN pools, vlan_pools is {pools}, a trunk has {pool_count}",
    ),
    "rate_out_of_range": Rule("{option} must be {least}-{most}", next_step="omit it for no limit"),
    "jitter_without_delay": Rule("jitter_ms needs delay_ms, which it varies", "{rule}, got jitter_ms {got}"),
    "dhcp_range_format": Rule("dhcp_range must be FIRST,LAST within {subnet}", "{rule}, got {got!r}"),
    "special_subnet": Rule("{option} must not be loopback, link-local, multicast or reserved"),
    "special_address": Rule("{option} must not be loopback, link-local, multicast or reserved"),
    "address_pool_exhausted": Rule(
        "a pool must have room for the whole slice",
        "{pool} {subnet} has room for {room} with prefix length {length}, {needed} needed",
    ),
    "address_outside_pool": Rule("a loopback must be in its pool", "address {got} is not in {pool} {subnet}"),
    "address_is_reserved": Rule(
        "a static address must not be that of the gateway or DHCP server, or in the DHCP range",
        "address {got} of {vm} is within {reserved}; {rule}",
    ),
    "address_without_subnet": Rule("an address needs a subnet", "{rule}, got {got}", "set {option} or {pool}"),
    "subnets_overlap": Rule("subnets must not overlap", "{subnet} of {of} overlaps {other} of {other_of}"),
    "nat_overlaps_infrastructure": Rule(
        "a network with nat must not overlap the networks of the infrastructure", "{got} overlaps {other}; {rule}"
    ),
}

_CHANGE = {
    "name_in_use": Rule(
        "names are unique within a slice", "{kind} {name} cannot be renamed to {got}, which exists; {rule}"
    ),
    "identifier_missing": Rule("a {kind} is identified by its name or its {key}", "{rule}, neither is given"),
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
        "based_on is {got}, the slice has revision {revision}, and the history does not reach back to what was changed",
        "check the topology against the slice and set based_on to the slice's revision, or set overwrite=true",
    ),
    "revision_unknown": Rule(
        "based_on must be a revision of this database", "based_on is {got}, the newest revision is {newest}"
    ),
    "owner_is_fixed": Rule("the owner of a slice cannot change", "owned by {owner}, got {got}; {rule}"),
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
    "slice_not_deleted_yet": Rule(
        "a slice can be restored once its hosts have deleted it",
        "slice {slice_id} still exists",
        "delete it first",
    ),
    "allocated_meanwhile": Rule(
        "a deleted slice is restored with its ids and VLANs",
        "{what} has been allocated to another slice in the meantime; {rule}",
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
    "kind_in_use": Rule("a kind can be removed if nothing has it", "{count} flavors and VMs have it ({users}); {rule}"),
    "kind_names_ambiguous": Rule(
        "a name such as eth2 must be that of the same interface in topologies and in the guest",
        "interfaces would be called {names} and so on; {rule}",
    ),
    "kind_without_cloud_init": Rule("guests of kind {name} have no cloud-init", "{rule}; cloud_init is set"),
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
    "worker_is_fixed": Rule("a VM cannot move to another worker", "on worker {worker}, got {got}; {rule}"),
    "image_is_fixed": Rule(
        "the base image of a disk cannot change",
        "made from {image}, flavor {flavor} has {got}; {rule}",
        "add a VM with another name",
    ),
    "disk_cannot_shrink": Rule("a disk never shrinks", "{disk} would have {got} GiB after {size}; {rule}"),
    "disk_not_in_trash": Rule(
        "restore must be the UUID of a data disk of the slice in the trash",
        "no data disk {got} is in the trash; there: {known}",
    ),
    "disk_not_in_trash_yet": Rule(
        "a data disk is restored from the trash",
        "data disk {got} is that of VM {vm}; {rule}",
        "deploy the slice without {disk} in the data_disks of VM {vm}, and restore it then",
    ),
    "image_is_no_cd": Rule(
        "cdrom needs the image of a CD (ISO 9660)", "{image} of flavor {flavor} has no such file system; {rule}"
    ),
    "cd_is_no_disk": Rule(
        "a disk needs an image with a boot sector",
        "{image} of flavor {flavor} is the image of a CD without one; {rule}",
        "give the VM another flavor, and this one as its cdrom",
    ),
    "boot_without_cd": Rule("a VM boots from a CD if it has one", "{rule}, got boot {got} without cdrom"),
    "boot_order": Rule("boot must be {form}", "{rule}, got {got}"),
    "disk_on_another_worker": Rule(
        "a data disk stays on its worker", "data disk {got} is on worker {worker}, the VM on {other}; {rule}"
    ),
    "disk_name_in_use": Rule(
        "names of data disks are unique within a VM",
        "data disk {got} cannot be restored as {name}, which is another disk of this VM; {rule}",
        "restore it with another name",
    ),
    "password_version_lowered": Rule("vnc_password_version must not decrease", "{rule}, got {got} after {version}"),
}

_CAPACITY = {
    "quota_exceeded": Rule(
        "a user may own quota_vms VMs", "{quota} VMs allowed, {used} owned, {requested} more requested"
    ),
    "no_workers": Rule(
        "a VM needs a worker",
        "the cluster has no workers",
        "run cloudrepo.slices.site, which registers the workers of the inventory",
    ),
    "not_schedulable": Rule("a worker takes new VMs while schedulable is true", "schedulable is false"),
    "worker_lost": Rule("a worker takes new VMs unless it is lost", "state is lost"),
    "capacity_unknown": Rule(
        "a worker takes new VMs once its cores and ram_gb are known",
        "{unknown} not known",
        "run site, or register it with both",
    ),
    "resource_exhausted": Rule(
        "a worker allocates no more than it has",
        "{total} {resource} total, {allocated} allocated, {requested} requested",
    ),
    "no_room": Rule("a VM needs a worker with room for it", "no worker has room: {shortages}"),
    "no_room_to_grow": Rule("a VM grows on its worker", "no room to grow: {shortages}"),
    "no_free_pool": Rule(
        "live slices share the VLAN pools {pools} of the cloud",
        "{used} of the cloud's VLAN pools {pools} are in use, {free} are free",
        "delete a slice, or let the cloud use more pools (cloudrepo_vlan_pools)",
    ),
    "vlan_pools_invalid": Rule(
        "vlan_pools must be ranges of pools, 0-99, such as 0-49,60-79", "{rule}, got {got!r}: {why}"
    ),
    "vlans_shared": Rule(
        "clouds on the same trunk have no VLAN in common",
        "{object} ({own}) and its neighbour {other} ({others}) have VLANs {vlans} in common; {rule}",
        "set cloudrepo_vlan_pools and cloudrepo_management_vlan of each of them",
    ),
    "vlans_in_use": Rule(
        "the VLANs of the cloud change only as far as no slice uses them",
        "{object} keeps its VLANs, because {count} of its slices would be left without theirs: {found}",
        "delete these slices first, or keep the setting",
    ),
    "vlans_of_another_setting": Rule(
        "a slice has VLANs of the cloud", "{breach}; {rule}", "deploy the topology as a new slice"
    ),
    "too_few_vlans": Rule(
        "each link, network and reservation takes one VLAN of the slice's pools",
        "{total} VLANs in pools {pools}, {releasing} of them still taken by removed links; {links} links, "
        "{networks} networks and {reserved} reserved VLANs requested",
    ),
    "no_free_id": Rule("ids of slices and VMs are at most {most}", "all ids up to {most} were used"),
    "no_free_vnc_port": Rule("each VM needs its own VNC port", "all VNC ports {first}-{last} are in use"),
    "no_free_address": Rule(
        "each VM with internet has an address on VLAN {vlan}", "all addresses {first}-{last} on VLAN {vlan} are in use"
    ),
    "netem_missing": Rule(
        "delay, jitter and loss need netem in the kernel",
        "{asked} requested, but the kernel of {host} has no netem",
    ),
    "trunk_mtu_too_small": Rule(
        "a trunk needs the MTU of its links and networks, plus 4 bytes for qinq",
        "the trunk needs an MTU of {needed}, {host} has {trunk_mtu}",
    ),
}

_HOST = {
    "sudo_missing": Rule(
        "Ansible becomes root with sudo",
        "{rule}, which this host does not have",
        "install sudo on it, or set ansible_user to root, and ansible_become to false",
    ),
    "sudo_password_missing": Rule(
        "Ansible becomes root with sudo",
        "sudo requires the password of {user}",
        "run the playbook with --ask-become-pass, set ansible_become_password in a vault, or let {user} use sudo "
        "without a password",
    ),
    "sudo_password_wrong": Rule(
        "Ansible becomes root with sudo",
        "sudo does not accept the password of {user}",
        "check ansible_become_password, or what was entered at --ask-become-pass",
    ),
    "sudo_forbidden": Rule(
        "Ansible becomes root with sudo",
        "{user} may not use sudo on this host",
        "add {user} to the group sudo there, or set ansible_user to one who may",
    ),
    "package_lists_not_fetched": Rule(
        "hosts get packages from a mirror of Debian",
        "apt could not fetch its package lists, so packages are missing: {why}",
        "run apt-get update on the host, and check its DNS servers, its proxy and the sources in /etc/apt",
    ),
    "unknown_package": Rule(
        "hosts get packages from a mirror of Debian",
        "apt knows no package {name}",
        "check the sources in /etc/apt of the host, which must have Debian 12 with the component main",
    ),
    "packages_not_installed": Rule(
        "hosts get packages from a mirror of Debian",
        "apt could not install the packages: {why}",
        "run apt-get --fix-broken install on the host",
    ),
    "cd_without_file_system": Rule("the image in a CD drive must be ISO 9660", "{path} is not; {rule}"),
    "base_image_missing": Rule(
        "base images must be on the host and verified",
        "{object} is not on this host, or has not been verified since it changed",
    ),
    "base_image_not_installed": Rule(
        "a base image is installed once it is verified", "{object} was not installed as {path}: {why}"
    ),
    "base_image_damaged": Rule(
        "a VM needs an undamaged base image",
        "base image {path} is damaged: {why}",
        "run the deploy again with -e base_images_refetch=true to have it fetched again",
    ),
    "base_image_unusable": Rule(
        "a base image on a host must be as registered",
        "{object} is damaged: {why}",
        "run site, or the deploy of its VMs, with -e base_images_refetch=true to have it fetched again",
    ),
    "base_image_replaced": Rule(
        "a VM needs the base image that is on the host",
        "base image {path} was replaced while the VM was running",
        "run the deploy again with -e apply_work_order_restart=true",
    ),
    "disk_smaller_than_base": Rule(
        "a disk must be at least as large as its base image", "{rule}, got {got} bytes for {least} bytes of {image}"
    ),
    "disk_missing": Rule(
        "a disk that has existed is only created again on request",
        "disk {path} is missing, last seen {seen}; {rule}",
        "restore it, or deploy with -e recreate_disks={vm_id} to create it empty",
    ),
    "disk_damaged": Rule(
        "a disk must be a qcow2 image",
        "disk {path} is damaged: {why}; {rule}",
        "restore it, or move it away and deploy with -e recreate_disks={vm_id} to create it empty",
    ),
    "disk_deleted": Rule(
        "a disk that QEMU has open is not created again",
        "disk {path} was deleted while the VM was running; {rule}",
        "copy {file}, which is the disk as long as {unit} runs",
    ),
    "vm_hung": Rule(
        "a running VM must answer on its monitor",
        "QEMU (process {pid}) does not answer: {why}",
        "restart the VM with -e apply_work_order_restart=true",
    ),
    "vm_suspended_by_signal": Rule(
        "a running VM must answer on its monitor",
        "QEMU (process {pid}) is stopped by a signal",
        "continue it with kill -CONT {pid}, or restart the VM with -e apply_work_order_restart=true",
    ),
    "vm_failed": Rule(
        "a running VM must report that it runs",
        "QEMU (process {pid}) reports the state {status}",
        "restart the VM with -e apply_work_order_restart=true",
    ),
    "vm_io_error": Rule(
        "a running VM must be able to write to its disk",
        "QEMU stopped the VM after an I/O error",
        "check the worker's disk for free space and errors, then run the deploy again",
    ),
    "another_cloud": Rule(
        "a host belongs to one cloud",
        "{object} belongs to cloud {held} since {since}, claimed from controller {controller}, and not to {got}{vlans}",
        "run cloudrepo.slices.site with -e claim_hosts=true to take the host over",
    ),
    "another_incarnation": Rule(
        "a host follows one database of its cloud",
        "{object} follows another database of cloud {cloud} since {since}, claimed from controller {controller}: "
        "incarnation {held}, and not the copy {got}",
        "run cloudrepo.slices.site with -e claim_hosts=true if this database replaces the other one",
    ),
    "address_answered": Rule(
        "only the network node answers for its addresses on the management VLAN",
        "{object} needs {address} on VLAN {vlan} with MAC {own}, but {who} on {interface} answers for it "
        "with MAC {mac}",
        "run cloudrepo.slices.site with -e retire=true if that is a former network node; otherwise take it off the "
        "trunk, or give each cloud a management VLAN or a trunk of its own",
    ),
    "not_this_machine": Rule(
        "a worker is its machine, not its address",
        "{object} is not the worker that the call is for: its machine has the mark {got}, that worker's has {wanted}",
        "run cloudrepo.slices.site, which recognizes workers with new addresses and refuses a machine it does not know",
    ),
    "host_unclaimed": Rule(
        "a host belongs to a cloud before it gets work orders",
        "{object} belongs to no cloud",
        "run cloudrepo.slices.site",
    ),
    "slice_not_planned": Rule("a host refuses a slice whose objects it cannot compare", "{object}: {why}"),
    "another_slice": Rule(
        "an id identifies one slice on a host",
        "this host has another slice with this id: {where} belongs to {held}, the work order is for {got}",
        "run cloudrepo.slices.site, then delete this slice and deploy it again, so that it gets another id",
    ),
    "another_vm": Rule(
        "an id identifies one VM on a host",
        "this host has another VM with this id: {where} belongs to {held}, the work order is for {got}",
        "delete this VM and deploy it again, so that it gets another id",
    ),
    "not_this_vm": Rule(
        "an id identifies one VM on a host",
        "this host has another VM with this id: {where} belongs to {held}, not to {got}",
        "deploy its slice, which tells why it is not on this host",
    ),
    "path_replaced": Rule(
        "symbolic links in the folder of a VM are not followed",
        "{path} is a {got} instead of a {expected}; {rule}",
        "restore or remove it",
    ),
    "another_disk": Rule(
        "a path identifies one disk on a host",
        "this host has another disk: {path} is {held}, the work order is for {got}",
        "delete this VM and deploy it again, so that it gets another id",
    ),
    "folder_of_another_slice": Rule(
        "the folder of a VM belongs to its slice",
        "{path} on this host belongs to slice {owner} ({held}), the work order is for slice {got}",
        "delete that VM of slice {owner} first",
    ),
    "folder_without_owner": Rule(
        "the folder of a VM must contain its owner",
        "{path} on this host contains disks, but its {mark} is missing or damaged",
        "delete the folder if its disks are no longer needed",
    ),
    "port_of_another_slice": Rule(
        "a port belongs to one slice",
        "port {port} on this host belongs to slice {holder} ({held})",
        "delete that VM of slice {holder} first",
    ),
    "vlan_of_another_slice": Rule(
        "a VLAN belongs to one slice",
        "VLAN {vlan_id} is in use by port {port} of slice {holder} ({held}) on this host",
        "deploy or delete slice {holder} first",
    ),
    "pool_of_another_slice": Rule(
        "a VLAN pool and its user on hosts belong to one slice",
        "slice {holder} ({held}) on this host has the same VLAN pool: {path}",
        "delete slice {holder} first",
    ),
    "orphan_seen_once": Rule(
        "an orphan is removed only if an earlier run has seen it",
        "seen for the first time; {rule}",
        "run cloudrepo.slices.orphans again to remove it",
    ),
    "worker_in_use": Rule(
        "the role worker can only be removed from a host without VMs and disks",
        "{rule}; slices with objects: {slices}; disks: {disks}; deleted disks in the trash: {deleted}",
        "move or delete its VMs and remove its orphans; deleted disks are removed after their retention time",
    ),
    "orphan_in_use": Rule(
        "a disk in use cannot be removed", "{unit} uses it", "list its slice as well, or deploy the slice"
    ),
    "ambiguous_orphan": Rule(
        "an orphan is removed only if it is the only one with its UUID",
        "{count} orphans have this UUID: {found}",
        "list one by its path",
    ),
    "orphan_unknown": Rule("only orphans can be removed", "no host has an orphan with this name; orphans: {known}"),
    "user_missing": Rule(
        "a slice with VMs needs its user on the host",
        "{object} of slice {slice_id} does not exist on this host",
        "run the role worker",
    ),
    "user_shared": Rule(
        "each slice must run as its own user",
        "slices {slices} would all run as {object}, because they have the same VLAN pool",
    ),
    "order_superseded": Rule(
        "a work order must not be older than the last one that the host has applied",
        "this work order has revision {got}, this host has applied revision {applied}",
        "run the deploy again; if the host still refuses, the database is older than the host, and "
        "-e accept_database=true makes the host follow it, which --check --diff shows first",
    ),
    "report_superseded": Rule(
        "a report must not change the state of VMs after one on a newer work order has been recorded",
        "this run's report answers revision {got}, and one on revision {recorded} was recorded before; the recorded "
        "states of {vms} are kept",
    ),
    "database_behind": Rule(
        "a database must not be older than what its hosts have applied",
        "{object} has applied revision {known}, the newest of this database is {newest}",
        "run cloudrepo.slices.deploy with -e slice_all=true -e accept_database=true to make the hosts follow this "
        "database; --check --diff shows first what that undoes",
    ),
    "host_not_read": Rule(
        "a database is rebuilt from all hosts",
        "{object} could not be read: {failure}",
        "run the rebuild again when the host can be reached, or list it in -e rebuild_without to leave it out",
    ),
    "clouds_differ": Rule(
        "a database is rebuilt from the hosts of one cloud",
        "{object} belongs to cloud {held}, others to {others}",
        "list the hosts of the other cloud in -e rebuild_without",
    ),
    "nothing_to_rebuild": Rule(
        "a database is rebuilt from hosts that belong to a cloud",
        "no host belongs to a cloud",
        "run cloudrepo.slices.site, which creates a database",
    ),
    "invalid_record": Rule(
        "a host stores slices as the database does",
        "{object} is invalid on host {host}: {why}",
        "list the host in -e rebuild_without to leave it out",
    ),
    "slices_differ": Rule(
        "an id identifies one slice",
        "{object} has UUID {held} on host {host}, and {got} on {other}",
        "list one of the hosts in -e rebuild_without to leave it out",
    ),
    "vm_on_several_hosts": Rule(
        "a VM is on one host",
        "{object} is on {hosts}",
        "list a host in -e rebuild_without to leave it out",
    ),
    "rebuild_violates_rule": Rule(
        "a rebuilt database violates no rule",
        "{breach}",
        "list a host or the UUID of a slice in -e rebuild_without to leave it out: {slices}",
    ),
    "database_exists": Rule(
        "a database is rebuilt only if it does not exist",
        "{object} exists",
        "restore a backup, or move the database away if it is not the one of these hosts",
    ),
    "address_reserved": Rule(
        "an address on the management VLAN is reserved for one VM",
        "address {address} of VM {vm_id} is reserved for slice {holder} on this host",
        "deploy or delete that slice first",
    ),
    "password_id_missing": Rule("a VM on a host with VNC passwords needs vnc_password_id", "{rule}"),
    "password_missing": Rule(
        "a VNC password that changes must be in vnc_passwords",
        "its VNC password changes, but vnc_passwords does not include it",
    ),
    "invalid_password": Rule("a VNC password must be 1-8 printable ASCII characters", "{rule}"),
    "invalid_vm_id": Rule("the keys of {option} must be ids of VMs", "{rule}, got {got!r}"),
    "user_data_missing": Rule(
        "user data that is written to a disk for cloud-init must be in user_data",
        "the disk for cloud-init has to be written, but user_data does not include this VM; {rule}",
        "deploy the slice; if the database does not have the user data any more, set it again",
    ),
    "invalid_startup": Rule("a start-up must be valid", "{rule}"),
    "startup_missing": Rule(
        "a start-up that runs must be in startups",
        "the start-up has to run, but the database does not have its files and commands; {rule}",
        "set startup of this VM again",
    ),
    "startup_not_begun": Rule(
        "a start-up begins when the guest has a prompt on its serial console",
        "the start-up did not begin within {timeout_s} s: {why}",
        "check the console of the guest, and deploy again",
    ),
    "startup_file_failed": Rule(
        "a file of a start-up must be written completely",
        "file {path} could not be written (return code {rc}): {output}",
        "correct it, and deploy again",
    ),
    "startup_command_failed": Rule(
        "each command of a start-up must end with return code 0",
        "command {number} of the start-up ({command}) failed with return code {rc}: {output}",
        "correct it, and deploy again",
    ),
    "startup_cut_off": Rule(
        "a start-up ends within {timeout_s} s",
        "{step} of the start-up did not end: {why}; {rule}; its output: {output}",
        "correct it, or set a longer timeout_s, and deploy again",
    ),
    "vm_not_on_host": Rule(
        "a capture needs a VM that was started on the host", "{object} was never started on this host"
    ),
    "vm_not_running": Rule("a capture needs a running VM", "{object} is not running"),
    "capture_missing": Rule("only a capture that exists can be stopped", "no capture exists"),
    "capture_running": Rule(
        "an interface has one capture at a time", "another capture is running ({running})", "stop it first"
    ),
}

RULES: dict[str, Rule] = {
    **_ANY,
    **_ARGUMENTS,
    **_SELECTION,
    **_CONTRACT,
    **_REGISTRY,
    **_IMAGE,
    **_ACCESS,
    **_TOPOLOGY,
    **_CHANGE,
    **_CAPACITY,
    **_HOST,
}
