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

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import install
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import Steps, reconcile


def main() -> None:
    def steps(params: dict[str, Any], _missing_ok: bool) -> Steps[install.Install]:
        return Steps(
            plan=lambda: install.plan(params["path"]),
            apply=install.apply,
            result=lambda todo: {"path": params["path"], "sha256": todo.sha256},
        )

    arguments = {"path": {"type": "path", "default": install.PATH}}
    reconcile(AnsibleModule(argument_spec=arguments, supports_check_mode=True), steps, GRAMMARS)


if __name__ == "__main__":
    main()
