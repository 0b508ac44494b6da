#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_tool
short_description: Install slices-host, the helper program of the systemd units
version_added: 1.0.0
description:
  - Installs C(slices-host) on a worker or a network node. It is a single file with a subcommand for each purpose, such
    as restoring flows when Open vSwitch starts.
  - It is built from the collection's code on the host, and replaced only if it differs.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  path:
    description:
      - Path of the program. The folder must exist.
      - The program requires C(/usr/bin/python3), version 3.9 or newer.
    type: path
    default: /usr/local/lib/cloudrepo/slices-host
"""

EXAMPLES = r"""
- name: Install slices-host
  cloudrepo.slices.host_tool:
"""

RETURN = r"""
path:
  description: Path of the program.
  returned: success
  type: str
  sample: /usr/local/lib/cloudrepo/slices-host
sha256:
  description: SHA-256 checksum of the program.
  returned: success
  type: str
  sample: 8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import install
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "default": install.PATH}},
        supports_check_mode=True,
    )

    def action() -> Outcome:
        path = module.params["path"]
        todo = install.plan(path)
        if not module.check_mode:
            install.apply(todo)
        return Outcome(todo.changes, {"path": path, "sha256": todo.sha256})

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
