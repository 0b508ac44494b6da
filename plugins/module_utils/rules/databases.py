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
    "repair_not_allowed": Rule(
        "a database is only migrated without violations of rules",
        "{object} violates {count} rules: {breaches}",
        "set repair to true to repair them in the migration",
    ),
}
