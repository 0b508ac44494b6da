# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on databases, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "relative_path",
            "database",
            {"got": "d.yaml", "absolute": "/srv/d.yaml"},
            "database must be an absolute path, got 'd.yaml'; in this folder that would be /srv/d.yaml",
        ),
        (
            "database_missing",
            "database /srv/d.yaml",
            {},
            "database /srv/d.yaml does not exist; set the option database (in playbooks cloudrepo_database) to that of "
            "the cluster, or run cloudrepo.slices.site, which creates it",
        ),
        (
            "database_unreadable",
            "database /srv/d.yaml",
            {"why": "Permission denied"},
            "database /srv/d.yaml cannot be read: Permission denied; run as a user who may read it, such as root with "
            "become, or set the option database (in playbooks cloudrepo_database) to another",
        ),
        (
            "invalid_database_url",
            "database postgresql://h:port/d",
            {},
            "database postgresql://h:port/d: not a valid database URL; database must be a path or a URL of SQLAlchemy",
        ),
        (
            "password_in_query",
            "database postgresql://h/d?password=***",
            {},
            "database postgresql://h/d?password=***: a password in the query string is not supported, because it would "
            "be logged; move it before the @, or better to ~/.pgpass",
        ),
        (
            "unsupported_driver",
            "database mysql://h/d",
            {"drivers": ["postgresql+psycopg", "sqlite"], "got": "mysql"},
            "database mysql://h/d: driver must be one of postgresql+psycopg, sqlite, got mysql",
        ),
        (
            "database_without_path",
            "database sqlite://",
            {"form": "sqlite:////absolute/path"},
            "database sqlite:// has no path; use sqlite:////absolute/path",
        ),
        (
            "database_violates_rules",
            "database /srv/d.yaml",
            {"count": 2, "breaches": "this; that"},
            "database /srv/d.yaml violates 2 rules: this; that; restore a backup, or run cloudrepo.slices.database "
            "with state=migrate and repair=true",
        ),
        (
            "repair_not_allowed",
            "database /srv/d.yaml",
            {"count": 2, "breaches": "this; that"},
            "database /srv/d.yaml violates 2 rules: this; that; set repair to true to repair them in the migration",
        ),
        (
            "disk_taken_back",
            "VM web/vm1",
            {"disks": ["/v/1001/vm1_img.qcow2", "/v/1001/log_8d2e4f60.qcow2"]},
            "VM web/vm1: in this version its disks are being deleted, and they were taken back since: "
            "/v/1001/vm1_img.qcow2, /v/1001/log_8d2e4f60.qcow2; a version of the database must not delete disks that "
            "VMs have now; restore another version, or first delete the VM or its data disks if they are no longer "
            "needed",
        ),
        (
            "not_found",
            "backup /srv/d.yaml.backups/odd",
            {"known": ["00000002-b.yaml", "00000001-a.yaml"]},
            "backup /srv/d.yaml.backups/odd does not exist; existing: 00000002-b.yaml, 00000001-a.yaml",
        ),
    ],
)
def test_a_message_names_the_database(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
