# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The high-water mark of a database: the highest values of its counters and what is in use, in a file next to it.

Restoring an older database, by hand or from a backup, also restores its counters. Ids would then be allocated again
while hosts may still have objects with these ids. Therefore a restore does not lower the mark. The same applies to VLAN
pools, addresses and VNC ports of slices that the older database does not have, and to lost machines.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ..bounds import MACHINE_ID
from ..cloud import Cloud
from ..cluster import LEFT_BEHIND, Cluster, numbers_by_kind
from ..errors import DatabaseRefused, Refusal
from ..stored_fields import FieldError, Record, at, integer, list_of, text, uuid_text
from .files import read_whole, write_whole

MACHINE_ID_PATH = "/etc/machine-id"
CONTAINER_PATHS = ("/run/.containerenv", "/.dockerenv")
"""Files that exist in containers of Podman and CRI-O, and of Docker."""
POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
"""An environment variable in all pods of Kubernetes."""


def read_machine_id() -> str | None:
    """Return the machine-id of this machine, C(None) if it has none.

    That of a container is the one of its image, or is made at each start. It changes without a copy of the database.
    """
    if POD_VARIABLE in os.environ or any(os.path.exists(path) for path in CONTAINER_PATHS):
        return None
    try:
        found = read_whole(MACHINE_ID_PATH).decode(errors="replace").strip()
    except OSError:
        return None
    return found if MACHINE_ID.allows(found) else None


class HighWater:
    """The high-water mark of a database that is a file.

    Args:
        database: the path of the database.
        name: its name for messages.
    """

    def __init__(self, database: str, *, name: str) -> None:
        self.path = f"{database}.high-water"
        self._database, self._name = database, name

    def locate(self, cloud: Cloud) -> Cloud:
        """Return the identity of the database here: another incarnation if it is a copy.

        Its place is the path and the inode of its folder. The root of every file system has the same inode, so the
        machine counts as well.
        """
        place = f"{self._database} {os.stat(os.path.dirname(self._database)).st_ino}"
        return cloud.found_at(place, read_machine_id())

    def lift(self, cluster: Cluster) -> None:
        """Raise the counters of a cluster that was read to the mark.

        If its revision is lower, it is an older version. What was in use since and is not in it is left behind, and
        machines that were declared lost since remain so. What is left behind can also change without a new revision.

        Raises:
            DatabaseError: the mark cannot be read.
        """
        mark = self._read()
        if mark is not None:
            is_older = (cluster.revision or 0) < (mark["revision"] or 0)
            cluster.lift(next_vm_id=mark["next_vm_id"], revision=mark["revision"], issued=mark["issued"])
            cluster.leave_behind(mark["in_use" if is_older else "left_behind"])
            if is_older and cluster.cloud is not None and cluster.cloud.incarnation == mark["incarnation"]:
                cluster.lost_marks |= {*mark["lost_marks"]} - cluster.all_lost_marks

    def recognize(self, present: Cluster, backup: Cluster) -> None:
        """Give a lost database the identity of its backup and the lost machines, if the mark is of that incarnation."""
        mark = self._read()
        if present.cloud is None and backup.cloud is not None and mark is not None:
            if mark["incarnation"] == backup.cloud.incarnation:
                present.set_cloud(backup.cloud)
                present.lost_marks = frozenset(mark["lost_marks"])

    def note(self, cluster: Cluster) -> None:
        """Write the counters of a cluster and what it has in use as the mark, before the cluster is stored.

        Raises:
            OSError: the mark cannot be written.
        """
        mark = {
            "next_vm_id": cluster.next_vm_id,
            "revision": cluster.revision,
            "incarnation": cluster.cloud.incarnation if cluster.cloud else None,
            "in_use": cluster.in_use(),
            "left_behind": cluster.extra.get(LEFT_BEHIND, {}),
            "issued": cluster.issued,
            "lost_marks": sorted(cluster.all_lost_marks),
        }
        if mark != self._read():
            write_whole(self.path, (json.dumps(mark) + "\n").encode())

    def _read(self) -> dict[str, Any] | None:
        try:
            record = Record(json.loads(read_whole(self.path)))
            for key in ("in_use", "left_behind"):
                record.check(key, numbers_by_kind)
            record.check("issued", list_of(integer))
            record.check("lost_marks", list_of(text))
            return {
                "next_vm_id": record.take("next_vm_id", int),
                "revision": record.take("revision", int, None),
                "incarnation": at(
                    ("incarnation",), lambda value: value and uuid_text(value), record.take("incarnation", str, None)
                ),
                "in_use": record.take_default("in_use", {}, dict),
                "left_behind": record.take_default("left_behind", {}, dict),
                "issued": record.take_default("issued", [], list),
                "lost_marks": record.take_default("lost_marks", [], list),
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, FieldError) as error:
            figures = {"database": self._name, "why": str(error)}
            raise DatabaseRefused([Refusal("high_water_unreadable", self.path, figures)]) from error
