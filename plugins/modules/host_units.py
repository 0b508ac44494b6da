#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_units
short_description: Enable and start several systemd units in one call
version_added: 1.0.0
description:
  - Enables and starts units of this collection. Units that already run and are enabled are not touched.
  - If a unit does not start, the message contains its last log lines.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  units:
    description:
      - Names of the units, with their types.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Enable and start the units that restore flows and taps
  cloudrepo.slices.host_units:
    units: [slices-flows.service, slices-taps.service]
"""

RETURN = r"""
units:
  description: The units that are enabled or started, also in check mode.
  returned: success
  type: list
  elements: str
  sample: [slices-flows.service]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_units
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import Steps, reconcile


def main() -> None:
    def steps(params: dict[str, Any], _missing_ok: bool) -> Steps[host_units.Todo]:
        runner = SubprocessRunner()
        return Steps(
            plan=lambda: host_units.plan(params["units"], runner),
            apply=lambda todo: host_units.apply(todo, runner),
            result=lambda todo: {"units": list(todo.states)},
        )

    arguments = {"units": {"type": "list", "elements": "str", "required": True}}
    reconcile(AnsibleModule(argument_spec=arguments, supports_check_mode=True), steps, GRAMMARS)


if __name__ == "__main__":
    main()
