# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What no restore lowers: how far a database's counters have come, in a file beside it.

Whoever puts an older database back, by hand or by a backup, puts its counters back as well. Hosts may hold what had the
numbers that would be given out again.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ..cluster import Cluster
from ..errors import DatabaseError
from ..stored_fields import FieldError, Record, at, uuid_text
from .files import write_whole


class HighWater:
    """The mark of a database in a file.

    Args:
        database: the path of that file.
        name: what it is called in messages.
    """

    def __init__(self, database: str, *, name: str) -> None:
        self.path = f"{database}.high-water"
        self._database, self._name = database, name

    @property
    def place(self) -> str:
        """What tells this place from that of a copy: the path, and the folder that it leads to."""
        return f"{self._database} {os.stat(os.path.dirname(self._database)).st_ino}"

    def lift(self, cluster: Cluster) -> None:
        """Lift the counters of a cluster that was read above all that was handed out here.

        Raises:
            DatabaseError: the mark cannot be read.
        """
        mark = self._read()
        if mark is not None:
            cluster.lift(next_vm_id=mark["next_vm_id"], revision=mark["revision"])

    def recognize(self, present: Cluster, backup: Cluster) -> None:
        """Let what is left of a lost database be what its backup says that it is, if that was here last."""
        mark = self._read()
        if present.cloud is None and backup.cloud is not None and mark is not None:
            if mark["incarnation"] == backup.cloud.incarnation:
                present.become(backup.cloud)

    def note(self, cluster: Cluster) -> None:
        """Note how far a cluster has come that is about to be stored.

        Raises:
            OSError: the mark cannot be written.
        """
        mark = {
            "next_vm_id": cluster.next_vm_id,
            "revision": cluster.revision,
            "incarnation": cluster.cloud.incarnation if cluster.cloud else None,
        }
        if mark != self._read():
            write_whole(self.path, (json.dumps(mark) + "\n").encode())

    def _read(self) -> dict[str, Any] | None:
        try:
            with open(self.path, encoding="utf-8") as file:
                record = Record(json.load(file))
            return {
                "next_vm_id": record.take("next_vm_id", int),
                "revision": record.take("revision", int, None),
                "incarnation": at(
                    ("incarnation",), lambda value: value and uuid_text(value), record.take("incarnation", str, None)
                ),
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, FieldError) as error:
            raise DatabaseError(
                f"{self.path}, which contains the highest ids of {self._name}, cannot be read ({error}); remove it, "
                "and run cloudrepo.slices.site, which reads them from the hosts",
            ) from error
