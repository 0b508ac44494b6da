# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for hosts."""

from __future__ import annotations

from .rule import Rule

HOST = {
    "port_is_bridge": Rule(
        "a trunk is an interface that leads to other hosts",
        "it is a bridge of Open vSwitch itself, and cannot be on {bridge}; {rule}",
        "set cloudrepo_uplink to another interface",
    ),
    "port_of_another_bridge": Rule(
        "a port is taken from another bridge only by its administrator",
        "it belongs to {other}, not to {bridge}; {rule}",
        "set cloudrepo_uplink to another interface, or remove this one from {other}",
    ),
    "openflow_numbers_exhausted": Rule(
        "each port has an OpenFlow number of its own",
        "all OpenFlow numbers of such ports ({first}-{last}) are in use",
        "delete slices from this host, or deploy fewer VMs on it",
    ),
    "socket_of_another_user": Rule(
        "only the owner of its folder listens on a socket of a VM",
        "{object} listens at {path}, but {folder} belongs to user {owner}",
    ),
    "owner_of_socket_unknown": Rule(
        "only the owner of its folder listens on a socket of a VM",
        "{object} cannot be checked: {folder} is not a folder",
    ),
    "nat_rules_missing": Rule(
        "a file with rules for NAT contains the tables of this collection",
        "{object} does not contain the nftables tables of this collection",
        "run cloudrepo.slices.site, which writes it again",
    ),
    "machine_lost": Rule(
        "the VMs of a machine that was declared lost do not run",
        "{object} was declared lost, so {count} VMs do not run: {names}",
        "run cloudrepo.slices.site to use it again, then cloudrepo.slices.deploy and cloudrepo.slices.orphans",
    ),
    "machine_copied": Rule(
        "VMs only run on the machine that was claimed",
        "{object} is not the machine that {claim} claimed: its mark is {got}, that of the claimed one is {wanted}; so "
        "{count} VMs do not start: {names}",
        "run cloudrepo.slices.site to use this machine, then cloudrepo.slices.deploy and cloudrepo.slices.orphans",
    ),
    "claim_unreadable": Rule(
        "a claim is stored as this collection writes it",
        "{object} is not a valid claim ({why})",
        "remove it and run cloudrepo.slices.site",
    ),
    "applied_order_unreadable": Rule(
        "an applied work order is stored as this collection writes it",
        "{object} cannot be read as an applied work order ({why}); without it, the slice may not be rebuilt",
    ),
    "revisions_unreadable": Rule(
        "the revisions of applied work orders are stored as this collection writes them",
        "{object} cannot be read as a list of applied work orders ({why})",
        "remove it and deploy again",
    ),
    "vm_folder_missing": Rule(
        "the configuration of a VM is written to its folder",
        "{object} does not exist",
        "run cloudrepo.slices.qcow2_images, which creates it",
    ),
    "systemd_missing": Rule(
        "VMs and their networks are units of systemd",
        "it runs without systemd, but {rule}",
        "boot the host with systemd; in a container, it must be the first process",
    ),
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
        "add {user} to the group sudo there, or set ansible_user to a user who may use sudo",
    ),
    "python_too_old": Rule(
        "modules for hosts need Python 3.9 or newer",
        "{rule}, but its interpreter is older",
        "set ansible_python_interpreter to /usr/bin/python3 of Debian 12",
    ),
    "python_missing": Rule(
        "modules for hosts need Python 3.9 or newer",
        "{rule}, but its interpreter was not found",
        "run ansible {host} -m ansible.builtin.raw -a 'apt-get install --yes python3', or set "
        "ansible_python_interpreter to its path",
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
    "image_is_another": Rule(
        "an image may only be used as the type it was verified as",
        "{path} is used as {wanted}, but was verified as {content}",
    ),
    "cd_without_file_system": Rule("the image in a CD drive must be ISO 9660", "{path} is not ISO 9660; {rule}"),
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
        "run the deploy again as an admin with -e base_images_refetch=true to fetch it again",
    ),
    "base_image_unusable": Rule(
        "a base image on a host must be as registered",
        "{object} is damaged: {why}",
        "run site, or as an admin the deploy of its VMs, with -e base_images_refetch=true to fetch it again",
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
        "a disk must be a complete qcow2 image, and its only other file a base image",
        "disk {path} is damaged: {why}; {rule}",
        "restore it, or move it away and deploy with -e recreate_disks={vm_id} to create it empty",
    ),
    "disk_cut_short": Rule(
        "a disk must be as large as its tables say",
        "disk {path} is damaged: {why}; {rule}",
        "restore it, or run truncate --size={needed} {path} and qemu-img check -r all {path} on its worker to go on "
        "with zeros in place of what is missing",
    ),
    "disk_deleted": Rule(
        "a disk that QEMU has open is not created again",
        "disk {path} was deleted while the VM was running; {rule}",
        "copy {file}, which is the disk as long as {unit} runs",
    ),
    "uefi_variables_missing": Rule(
        "variables with which a VM has started are only created again on request",
        "UEFI variables {path} are missing; {rule}",
        "restore them, or deploy with -e recreate_disks={vm_id} to start with those of OVMF",
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
        "{object} belongs to cloud {held}, claimed from controller {controller} at {since}, and not to {got}{vlans}",
        "run cloudrepo.slices.site with -e claim_hosts=true to take the host over",
    ),
    "another_incarnation": Rule(
        "a host follows one database of its cloud",
        "{object} follows another database of cloud {cloud}, claimed from controller {controller} at {since}: "
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
        "a host is identified by its machine, not by its address",
        "{object} is another machine: its mark is {got}, expected {wanted}",
        "run cloudrepo.slices.site, which recognizes workers with new addresses and refuses a machine it does not know",
    ),
    "worker_renumbered": Rule(
        "a worker is reached at the address that it has in the database",
        "{object} was reached at {got}, and the database has its machine at {known}; {rule}",
        "run cloudrepo.slices.site, which changes the address in the database",
    ),
    "worker_unregistered": Rule(
        "only a worker of the database has orphans",
        "{object} was reached at {got}, and the database has no worker there; {rule}",
        "run cloudrepo.slices.site, which registers it",
    ),
    "host_unclaimed": Rule(
        "a host belongs to a cloud before it gets work orders",
        "{object} belongs to no cloud",
        "run cloudrepo.slices.site",
    ),
    "claim_missing": Rule(
        "the claim of a host is in its state folder, with the disks of its VMs",
        "{object} was prepared with the state folder {path}, which contains no claim",
        "mount the file system of {path} if it is not mounted, or restore the folder; if what it contained is lost, "
        "run cloudrepo.slices.site with -e claim_hosts=true",
    ),
    "state_folder_changed": Rule(
        "a host has one state folder, which contains its claim and the disks of its VMs",
        "{object} was prepared with the state folder {held}, and not with {got}, which contains no claim",
        "set cloudrepo_state_dir to {held}; or stop all VMs on the host and move the folder to {got}, then run "
        "cloudrepo.slices.site",
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
        "the worker has another VM with this id: {where} belongs to {held}, not to {got}",
        "deploy its slice to see why it is not on that worker",
    ),
    "vm_not_deployed": Rule(
        "a VM is on its worker once its slice was deployed",
        "{object} was not deployed on its worker, which has no {where}",
        "run cloudrepo.slices.deploy for its slice",
    ),
    "console_denied": Rule(
        "only root may open the consoles of VMs on their worker",
        "user {user} may not read {path} on the worker; {rule}",
        "set ansible_become to true, or ansible_user to root, for the worker in the inventory",
    ),
    "console_without_sudo": Rule(
        "the console connection becomes root on the worker with sudo -n",
        "sudo on the worker refuses: {why}; {rule}",
        "set ansible_user to root for the worker, or let the user who logs in there use sudo without a password",
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
    "disk_of_another_vm": Rule(
        "a file is only used as the disk that it was created as",
        "{path} is {held}, not disk {got}; {rule}",
        "move it back to where it was; cp without options makes a copy that may be used as another disk",
    ),
    "folder_of_another_slice": Rule(
        "the folder of a VM belongs to its slice",
        "{path} on this host belongs to slice {owner} ({held}), the work order is for slice {got}",
        "move the folder back if somebody has renamed it; otherwise delete that VM of slice {owner} first",
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
    "path_in_use": Rule(
        "files and folders of a role replace nothing else",
        "{object} exists and is a {got}, not a {expected}; {rule}",
        "rename or remove it",
    ),
    "packet_rules_invalid": Rule("nft must accept all packet rules", "nft rejects it: {why}"),
    "folder_missing": Rule("the folder of an installed file must exist", "{object} does not exist"),
    "group_missing": Rule("the group of a folder must exist", "group {group} does not exist"),
    "device_is_no_tap": Rule(
        "an interface of a VM is a tap on its worker",
        "network device {device} exists on this host and is not a tap; {rule}",
        "rename or remove it",
    ),
    "removal_group_in_use": Rule(
        "the netdev group that is used to remove taps contains no other devices",
        "{object} is used to remove taps, but contains {devices}",
        "move them to another group with ip link set dev NAME group default",
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
        "an orphan is removed only if an earlier run has listed it",
        "no earlier run has listed it, or it has changed since; {rule}",
        "run cloudrepo.slices.orphans again to remove it",
    ),
    "worker_in_use": Rule(
        "the role worker can only be removed from a host without VMs and disks",
        "{rule}; slices with objects: {slices}; disks: {disks}; deleted disks in the trash: {deleted}",
        "delete its VMs and remove its orphans; deleted disks are removed after their retention time",
    ),
    "orphan_in_use": Rule(
        "a disk in use cannot be removed", "{unit} uses it", "list its slice as well, or deploy the slice"
    ),
    "orphan_open": Rule(
        "a disk in use cannot be removed",
        "a process on this host has {path} open; {rule}",
        "stop the process, which fuser {path} shows",
    ),
    "orphan_superseded": Rule(
        "objects are compared with a database that is as new as the host",
        "this host has applied a work order of revision {applied}, and the database was read at revision {got}; {rule}",
        "run cloudrepo.slices.orphans again; if the host still refuses, the database is older than the host, and "
        "cloudrepo.slices.site shows what to do",
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
    "database_put_back": Rule(
        "a work order comes from a database with all work orders that the host has applied",
        "{object} has applied revision {applied}, which the database of this work order ({got}) has never issued: it "
        "was reverted to an earlier state",
        "restore a newer state if there is one; otherwise run cloudrepo.slices.site, which takes in what hosts have in "
        "use, and deploy again",
    ),
    "report_superseded": Rule(
        "a report must not change the state of VMs once a report for a newer work order has been recorded",
        "this run's report is for revision {got}, but one for revision {recorded} has already been recorded; the "
        "recorded states of {vms} are kept",
    ),
    "database_behind": Rule(
        "a database must not be older than what its hosts have applied",
        "{object} has applied revision {known}, the newest of this database is {newest}",
        "run cloudrepo.slices.deploy with -e slice_all=true -e accept_database=true to make the hosts follow this "
        "database; --check --diff shows first what that undoes",
    ),
    "revision_too_high": Rule(
        "a revision must leave room for later revisions",
        "{object} must be at most {most}, got {got}, which this collection cannot have issued; {rule}",
        "delete the folder STATE_DIR/revisions of the host that has applied it",
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
    "owners_differ": Rule(
        "a name belongs to one user at a time",
        "{object} has UUID {held} as the owner of slice {slice}, and {got} as the owner of slice {other}",
        "list the UUID of one of the slices in -e rebuild_without to leave it out; its objects are orphans then",
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
        "deploy the slice; if the database no longer has the user data, set it again",
    ),
    "invalid_startup": Rule("a start-up must be valid", "{rule}"),
    "invalid_startup_result": Rule("a result of a start-up must be one that this collection has made", "{rule}"),
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
    "startup_unreadable": Rule(
        "the log and the record of a start-up must be files that root owns, next to the disk",
        "the start-up was not completed: {why}; {rule}",
        "move them away, and deploy again",
    ),
    "startup_not_begun_over_ssh": Rule(
        "a start-up over ssh begins when root has a shell in the guest",
        "{user} got no root shell over ssh at {address} within {timeout_s} s: {why}",
        "check the guest's ssh server, and the key of this user, and deploy again",
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
