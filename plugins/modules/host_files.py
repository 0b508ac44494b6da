#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Install users, folders, files and units of a role in one call
version_added: 1.0.0
description:
  - Installs everything that a role of this collection puts on a host. One call replaces one task per folder and file,
    which takes most of the time of a run that changes nothing.
  - All belong to root. Missing parents of folders are created with mode V(0755).
  - All files are written to disk before the first one replaces an existing file. If one of them is below
    C(/etc/systemd/system), systemd reads its units again.
  - Files whose names end in C(.nft) are checked by C(nft) first. If it refuses one, nothing is changed, except that
    users may have been created, because rules may name them.
  - It can also install C(slices-host), the program that the units run. It is a single file with a subcommand for each
    purpose, such as restoring flows when Open vSwitch starts. It is built from the collection's code on the host.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  folders:
    description:
      - Folders to create.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path of the folder.
        type: path
        required: true
      mode:
        description:
          - Its permissions as an octal number.
        type: str
        default: "0755"
      group:
        description:
          - Its group.
        type: str
        default: root
  files:
    description:
      - Files to write. Their folders must exist or be listed in O(folders).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path of the file.
        type: path
        required: true
      content:
        description:
          - Its whole content.
        type: str
        required: true
      mode:
        description:
          - Its permissions as an octal number.
        type: str
        default: "0644"
  users:
    description:
      - Users and groups to create first, as a configuration of C(systemd-sysusers).
    type: str
    default: ""
  units:
    description:
      - Units to enable and start at last. If one does not start, the message contains its last log lines.
    type: list
    elements: str
    default: []
  program:
    description:
      - Path for C(slices-host). It requires C(/usr/bin/python3), version 3.9 or newer.
      - If omitted, it is not installed.
    type: path
"""

EXAMPLES = r"""
- name: Install slices-host and a unit
  cloudrepo.slices.host_files:
    folders:
      - path: /usr/local/lib/cloudrepo
    files:
      - path: /etc/systemd/system/slices-example.service
        content: |
          [Service]
          ExecStart=/bin/true
    program: /usr/local/lib/cloudrepo/slices-host
    units: [slices-example.service]
"""

RETURN = r"""
paths:
  description: Paths of the files that are written, also in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/slices-example.service]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.files import File
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_files import Wanted
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import zipapp
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import Steps, reconcile

ARGUMENTS = {
    "folders": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0755"},
            "group": {"type": "str", "default": "root"},
        },
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    "users": {"type": "str", "default": ""},
    "units": {"type": "list", "elements": "str", "default": []},
    "program": {"type": "path"},
}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[host_files.Installation]:
    """Return how the host gets what a role installs."""
    runner = SubprocessRunner()
    program = [] if params["program"] is None else [File(params["program"], zipapp.build(), 0o755)]
    wanted = Wanted(
        users=params["users"],
        folders=tuple(host_files.read_folder(each) for each in params["folders"]),
        files=(*(host_files.read_file(each) for each in params["files"]), *program),
        units=tuple(params["units"]),
    )
    return Steps(
        plan=lambda: host_files.plan(wanted, runner, missing_ok=missing_ok),
        apply=lambda todo: host_files.apply(todo, runner),
        result=lambda todo: {"paths": todo.paths},
    )


if __name__ == "__main__":
    main()
