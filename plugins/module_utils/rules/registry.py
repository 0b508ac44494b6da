# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for users, flavors and workers."""

from __future__ import annotations

from .rule import Rule

REGISTRY = {
    "image_without_checksum": Rule(
        "an image at a URL needs its SHA-256 as checksum", "{rule}, got {got} without checksum"
    ),
    "checksum_without_image": Rule("{option} requires {image}", "{rule}, which is not set"),
    "image_not_found": Rule("image must be a file on the orchestrator", "{rule}, got {got}"),
    "checksum_mismatch": Rule(
        "checksum must be that of the image", "image {image} has SHA-256 {seen}, checksum is {got}"
    ),
    "admins_only": Rule("only admins may do this", "{user} is not an admin; {rule}"),
    "invalid_password_hash": Rule("password_hash must be a SHA-256 digest of 64 hex digits or a scrypt hash", "{rule}"),
    "two_passwords": Rule("password and password_hash are mutually exclusive", "{rule}"),
    "first_admin_stays": Rule("the first admin must stay registered and an admin", "{rule}"),
    "user_owns_slices": Rule(
        "a user with slices cannot be removed", "{object} still owns slices: {slices}", "delete them first"
    ),
    "invalid_uuid": Rule("a UUID must be 32 lower-case hex digits in groups of 8-4-4-4-12", "{rule}, got {got!r}"),
    "user_uuid_is_fixed": Rule(
        "the UUID of a user cannot change",
        "{object} has UUID {uuid}, got {got}; {rule}",
        "add the removed user under an unused name, or remove this one first",
    ),
    "user_uuid_in_use": Rule("a UUID identifies one user", "UUID {got} is that of user {user}; {rule}"),
    "invalid_image": Rule("image must be a path or URL", "{rule}, got {got!r}"),
    "invalid_checksum": Rule("checksum must be a SHA-256 digest of 64 hex digits", "{rule}, got {got!r}"),
    "disk_smaller_than_image": Rule("disk_gb must be at least {least}, the size of the disk in the image"),
    "flavor_in_use": Rule("a flavor in use cannot be removed", "{object} is used by VMs: {vms}"),
    "flavor_of_kinds": Rule(
        "a flavor that provides the image of a kind cannot be removed",
        "it provides the image of these kinds: {kinds}",
        "give the kind another image",
    ),
    "invalid_worker_ip": Rule(
        "a worker needs an IPv4 address", "{rule}, got {got!r}", "set worker_ip for this host in the inventory"
    ),
    "invalid_machine_id": Rule(
        "a machine-id must be {form}",
        "{rule}, got {got!r}",
        "run systemd-machine-id-setup on the host, which writes /etc/machine-id",
    ),
    "machine_shared": Rule(
        "each worker must have its own machine-id",
        "{count} workers have this machine-id ({workers}); {rule}",
        "create new ones with systemd-machine-id-setup on the cloned hosts",
    ),
    "address_shared": Rule(
        "each worker must have one entry, and an address of its own",
        "{count} hosts of the inventory have this address (machines {machines}); {rule}",
        "correct ansible_host or worker_ip of those with another address, or remove duplicate entries of the same host",
    ),
    "another_machine": Rule(
        "a worker is identified by its machine-id",
        "the host at this address has machine-id {got}, the worker in the database has {known} and {vms} VMs; {rule}",
        "set worker_accept_machine to {got} if it is the same worker, otherwise give this host another address",
    ),
    "another_network_node": Rule(
        "the network node is identified by its machine-id",
        "the host in the group network_node has machine-id {got}, that of the database has {known} and may still serve "
        "its reservations and NAT; {rule}",
        "run cloudrepo.slices.site with -e network_node_accept_machine={got} if the former machine is gone for good or "
        "was reinstalled, and then cloudrepo.slices.deploy with -e slice_all=true; otherwise put it back into the "
        "group",
    ),
    "network_node_reached": Rule(
        "only a network node that is gone for good is lost",
        "the host in the group network_node was reached, its machine-id is {got}; {rule}",
        "run cloudrepo.slices.site without network_node_lost, and with -e network_node_accept_machine={got} if this "
        "machine has replaced the former one",
    ),
    "address_in_use": Rule(
        "an address belongs to one worker",
        "machine {got} now has the address {ip}, which in the database is that of {known} with {vms} VMs; {rule}",
        "give it another address, or remove worker {ip} first",
    ),
    "worker_holds_vms": Rule(
        "a worker with VMs cannot be removed", "{object} still has VMs: {vms}", "delete them first"
    ),
}
