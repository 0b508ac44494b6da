# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder for files that a playbook writes on the controller, such as pcaps.

The environment of an AWX job vanishes when it ends, and all tenants have the same inventory. So the inventory sets a
folder that stays, in which each user and each job has its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import IDENTIFIER
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

SETTING = "cloudrepo_files_dir"


def problems(variable: str, files_dir: str, user: str, job: str | None) -> Iterator[Refusal]:
    """Yield why there is no folder.

    Args:
        variable: the variable for the file, which is not set.
        files_dir: the setting, empty without one.
        user: the acting user.
        job: the id of the job; null outside AWX.
    """
    if not files_dir:
        if job is not None:
            yield Refusal("file_vanishes", variable, {"job": job, "setting": SETTING})
        return
    # A folder that exists is one that the environment mounts.
    if not os.path.isabs(files_dir) or not os.path.isdir(files_dir):
        yield Refusal("files_dir_missing", SETTING, {"got": files_dir})
    yield from IDENTIFIER.problems(f"folder in {files_dir}", "user", user)
    if job is not None:
        yield from IDENTIFIER.problems(f"folder in {files_dir}", "job", job)


def folder(files_dir: str, user: str, job: str | None) -> str | None:
    """Return the folder; null for the current one. For the arguments see C(problems)."""
    return os.path.join(files_dir, user, *([] if job is None else [job])) if files_dir else None
