# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on hosts, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "vm_hung",
            "VM 1001 (vm1)",
            {"pid": 4711, "why": "no greeting within 5 s"},
            (
                "VM 1001 (vm1): QEMU (process 4711) does not answer: no greeting within 5 s; restart the VM "
                "with -e apply_work_order_restart=true"
            ),
        ),
        (
            "disk_missing",
            "VM 1001 (vm1)",
            {"path": "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2", "seen": "2026-01-31T12:00:00Z", "vm_id": 1001},
            (
                "VM 1001 (vm1): disk /var/lib/cloudrepo/vms/1001/vm1_img.qcow2 is missing, last seen "
                "2026-01-31T12:00:00Z; a disk that has existed is only created again on request; restore it, "
                "or deploy with -e recreate_disks=1001 to create it empty"
            ),
        ),
        (
            "database_put_back",
            "this host",
            {"applied": "7 (then)", "got": "9 (now)"},
            "this host has applied revision 7 (then), which the database of this work order (9 (now)) has never "
            "issued: it was reverted to an earlier state; restore a newer state if there is one; otherwise run "
            "cloudrepo.slices.site, which takes in what hosts have in use, and deploy again",
        ),
        (
            "order_superseded",
            "slice 1000",
            {"got": "5", "applied": "6"},
            (
                "slice 1000: this work order has revision 5, this host has applied revision 6; run the deploy"
                " again; if the host still refuses, the database is older than the host, and -e "
                "accept_database=true makes the host follow it, which --check --diff shows first"
            ),
        ),
        ("host_unclaimed", "worker 10.0.10.1", {}, "worker 10.0.10.1 belongs to no cloud; run cloudrepo.slices.site"),
        (
            "folder_of_another_slice",
            "VM 1004 (a)",
            {"path": "/srv/vms/1004", "owner": 1006, "held": "u1", "got": "u2"},
            "VM 1004 (a): /srv/vms/1004 on this host belongs to slice 1006 (u1), the work order is for slice u2; move "
            "the folder back if somebody has renamed it; otherwise delete that VM of slice 1006 first",
        ),
        (
            "claim_missing",
            "this host",
            {"path": "/srv/state"},
            "this host was prepared with the state folder /srv/state, which contains no claim; mount the file system "
            "of /srv/state if it is not mounted, or restore the folder; if what it contained is lost, run "
            "cloudrepo.slices.site with -e claim_hosts=true",
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
