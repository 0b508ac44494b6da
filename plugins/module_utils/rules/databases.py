# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the database that a caller names, and for its backups."""

from __future__ import annotations

from .rule import Rule

DATABASE = {
    "relative_path": Rule(
        "paths must be absolute, so that runs from all folders use the same database",
        "{object} must be an absolute path, got {got!r}; in this folder that would be {absolute}",
    ),
    "database_missing": Rule(
        "only modules that change the cluster create its database",
        "{object} does not exist",
        "set the option database (in playbooks cloudrepo_database) to that of the cluster, or run "
        "cloudrepo.slices.site, which creates it",
    ),
    "database_unreadable": Rule(
        "a database is read by a user who may read it and its folder",
        "{object} cannot be read: {why}",
        "run as a user who may read it, such as root with become, or set the option database (in playbooks "
        "cloudrepo_database) to another",
    ),
    "database_unwritable": Rule(
        "a database is written by a user who may write to its folder",
        "{object} cannot be {doing} by user {user}: {path}: {why}",
        "run as root, set ansible_become to true for the orchestrator, or set cloudrepo_database to a path that this "
        "user may write to",
    ),
    "invalid_database_url": Rule("database must be a path or a URL of SQLAlchemy", "not a valid database URL; {rule}"),
    "password_in_query": Rule(
        "a password in the query string is not supported, because it would be logged",
        "{rule}",
        "move it before the @, or better to ~/.pgpass",
    ),
    "unsupported_driver": Rule("driver must be one of {drivers}"),
    "database_without_path": Rule("the URL of an SQLite database has a path", "{object} has no path", "use {form}"),
    "database_replaced": Rule(
        "only runs of this collection write a database, one at a time",
        "{object} was replaced by another program during this run, which has not changed it",
        "run again",
    ),
    "database_locked": Rule(
        "one run at a time changes a database",
        "{object} is locked by {holder}; gave up after {timeout_s} s",
        "run again",
    ),
    "library_missing": Rule(
        "a database is read with libraries of Python",
        "{object} requires {library} for Ansible's Python interpreter on this host",
        "install {package}, or set ansible_python_interpreter to an interpreter that has it",
    ),
    "database_invalid": Rule("a database fits the model of this collection", "{why}; it was not changed"),
    "change_rejected": Rule("a change fits the tables of an SQL database", "{object} rejected the change: {why}"),
    "row_twice": Rule(
        "numbers, addresses and names of objects are unique in an SQL database",
        "{object} exists twice, which is not possible in an SQL database",
    ),
    "value_not_storable": Rule(
        "an SQL database stores values that JSON can represent",
        "{object} is a {type}, which cannot be stored in an SQL database",
    ),
    "high_water_unreadable": Rule(
        "the highest ids are stored as this collection writes them",
        "{object}, which contains the highest ids of {database}, cannot be read ({why})",
        "remove it, and run cloudrepo.slices.site, which reads them from the hosts",
    ),
    "change_unreadable": Rule(
        "a change is stored only if the next run can read it",
        "{object} could not be read with this change: {why}; it was not changed",
    ),
    "unsupported_schema": Rule(
        "a database must have schema version {supported}",
        "{object} has schema version {got}, but this collection supports {supported}",
        "use the release of the collection that created it",
    ),
    "backup_damaged": Rule(
        "the SHA-256 of a backup must begin with the digits in its name",
        "{object} is damaged: its SHA-256 begins with {got}, but its name contains {expected}",
        "restore another backup",
    ),
    "database_violates_rules": Rule(
        "a database violates no rules",
        "{object} violates {count} rules: {breaches}",
        "restore a backup, or run cloudrepo.slices.database with state=migrate and repair=true",
    ),
    "repair_not_allowed": Rule(
        "a database is only migrated without violations of rules",
        "{object} violates {count} rules: {breaches}",
        "set repair to true to repair them in the migration",
    ),
    "disk_taken_back": Rule(
        "a version of the database must not delete disks that VMs have now",
        "in this version its disks are being deleted, and they were taken back since: {disks}; {rule}",
        "restore another version, or first delete the VM or its data disks if they are no longer needed",
    ),
}
