#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: awx_check
short_description: Find settings of AWX that are not locked
version_added: 1.0.0
description:
  - Reads objects of AWX from a file and returns the settings by which a tenant could act for somebody else, or run
    something else than the playbooks of this collection. Nothing is changed, and AWX is not connected to.
  - Checks job templates that run a playbook in O(playbooks) or use a credential which sets one of the environment
    variables C(CLOUDREPO_*), the workflows that contain them, and who may change or use their projects, inventories and
    credentials.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  src:
    description:
      - Path of a JSON file, on the host where the module runs. It has the C(assets) that C(awx.awx.export) returns, an
        answer of the API such as that of C(/api/v2/job_templates/), or the lists of C(infra.aap_configuration).
      - Roles are only checked if there are C(teams) and C(users).
    type: path
    required: true
  playbooks:
    description:
      - Names of playbooks, without their folders and C(.yml).
    type: list
    elements: str
    required: true
  admins:
    description:
      - Teams and users that may have any role. System administrators of AWX are not checked either.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Find settings that are not locked
  cloudrepo.slices.awx_check:
    src: awx.json
    playbooks: [deploy, delete, status]
    admins: [cloudrepo admins]
  delegate_to: localhost
"""

RETURN = r"""
unlocked:
  description: The settings that are not locked.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: The type and name of the object.
      type: str
      returned: always
    setting:
      description: The setting, or the role and who has it.
      type: str
      returned: always
    why:
      description: What a tenant could do.
      type: str
      returned: always
  sample:
    - object: "job template cloudrepo: status, a slice"
      setting: ask_credential_on_launch
      why: a credential can name the acting user and the database
lines:
  description: The same as text.
  returned: success
  type: list
  elements: str
  sample:
    - "job template cloudrepo: status, a slice: ask_credential_on_launch: a credential can name the acting user and the
      database"
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils import awx_settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path", "required": True},
    "playbooks": {"type": "list", "elements": "str", "required": True},
    "admins": {"type": "list", "elements": "str", "default": []},
}


def check(params: dict[str, Any]) -> Outcome:
    """Return the outcome of the module.

    Raises:
        Refused: the file cannot be read.
    """
    try:
        with open(params["src"], encoding="utf-8") as file:
            data = json.load(file)
        found = awx_settings.check(data, params["playbooks"], params["admins"])
    except (OSError, ValueError) as error:
        raise Refused([Refusal("file_unreadable", "src", {"got": params["src"], "why": str(error)})]) from error
    except awx_settings.UnreadableObjects as error:
        raise Refused([Refusal("awx_export_unusable", params["src"])]) from error
    except awx_settings.NoTemplates as error:
        raise Refused([Refusal("awx_templates_missing", params["src"])]) from error
    return Outcome(result={"unlocked": [each.to_dict() for each in found], "lines": [each.line for each in found]})


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, lambda: check(module.params))


if __name__ == "__main__":
    main()
