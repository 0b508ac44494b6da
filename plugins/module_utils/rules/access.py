# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for who acts, and for files of jobs."""

from __future__ import annotations

from .rule import Rule

ACCESS = {
    "unknown_acting_user": Rule("only registered users may act", "{object} does not exist"),
    "acting_user_unproved": Rule(
        "a job acts for the user who launched it, or for the user whom a credential names",
        "no user launched it (launch type {launch_type}), so the acting user cannot be verified",
        "add a credential that sets CLOUDREPO_ACTING_USER or CLOUDREPO_ACTING_TOKEN",
    ),
    "acting_token_malformed": Rule("a token must be a result of the module acting_token", "{rule}"),
    "acting_token_invalid": Rule("a token must be signed with the cloud's key", "{rule}"),
    "acting_token_expired": Rule(
        "a token must not have expired", "the token of {user} expired at {expired}", "create another with acting_token"
    ),
    "acting_token_of_earlier_user": Rule(
        "a token is valid for the user whom it was issued for, not for a later one of the same name",
        "it was issued for an earlier user {user} (UUID {got}), the present one has UUID {present}; {rule}",
        "create another with acting_token",
    ),
    "acting_token_of_another_cloud": Rule(
        "a token is valid in its own cloud", "it belongs to cloud {got}, this is cloud {cloud}; {rule}"
    ),
    "file_vanishes": Rule(
        "a job must write files to a permanent folder",
        "the file would be lost with the execution environment of job {job}",
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
    "awx_export_unusable": Rule("a file must contain what awx.awx.export or the API of AWX returns", "{rule}"),
    "awx_templates_missing": Rule(
        "a file must contain the job templates that run playbooks of cloudrepo.slices",
        "no job template in it runs a playbook of cloudrepo.slices",
        "check that it is of the right AWX, and complete",
    ),
    "awx_refused": Rule("AWX must accept the object", "{why}"),
    "unknown_lists": Rule("lists of objects must be of a known kind", "unknown lists {got}; known: {known}"),
    "acting_key_malformed": Rule("a key must have the form UUID:KEY, with the UUID of its cloud", "{rule}"),
    "acting_key_of_another_cloud": Rule(
        "tokens are signed with the cloud's key", "it is the key of cloud {got}, this is cloud {cloud}; {rule}"
    ),
    "cloud_missing": Rule(
        "a token is valid in one cloud", "the database has no cloud yet; {rule}", "run cloudrepo.slices.site"
    ),
    "acting_key_missing": Rule(
        "tokens are checked with the cloud's key",
        "{object} does not exist; {rule}",
        "add a credential that sets {variable}, or mount the file into the execution environment",
    ),
    "acting_key_unreadable": Rule("tokens are checked with the cloud's key", "it cannot be read: {why}; {rule}"),
    "acting_key_readable": Rule(
        "only the owner of the cloud's key may read it",
        "its mode is {mode} and must be 0600; {rule}",
        "run chmod 0600 {object}",
    ),
    "acting_keys_differ": Rule(
        "environment and file must have the same key of the cloud",
        "it is not the key in {path}; {rule}",
        "remove the key from the environment",
    ),
    "acting_user_empty": Rule("the acting user must be a non-empty name", "{rule}, got {got!r}"),
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
