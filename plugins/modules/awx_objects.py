#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: awx_objects
short_description: Create objects in AWX
version_added: 1.0.0
description:
  - Creates job templates and other objects in AWX or in an automation controller, and changes those that differ.
    Objects that are not listed are left alone.
  - Calls a module of O(collection) for each object, where the task runs. The modules read the URL of AWX and the login
    from the environment of the controller, for example C(CONTROLLER_HOST) and C(CONTROLLER_OAUTH_TOKEN).
  - In check mode, an object that refers to one which does not exist yet counts as changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  objects:
    description:
      - Lists of objects, by the names that C(infra.aap_configuration) has for them, such as C(controller_templates).
        The keys of an object are options of the module.
    type: dict
    required: true
  collection:
    description:
      - The installed collection with the modules. C(ansible.controller) is that of the automation controller.
    type: str
    choices: [awx.awx, ansible.controller]
    default: awx.awx
requirements:
  - the collection in O(collection)
"""

EXAMPLES = r"""
- name: Create a team
  cloudrepo.slices.awx_objects:
    objects:
      aap_teams:
        - name: cloudrepo admins
          organization: Default
  delegate_to: localhost
"""

RETURN = r"""
objects:
  description: The objects up to the first one that could not be created, in the order of the calls.
  returned: success, or when an object could not be created
  type: list
  elements: dict
  contains:
    kind:
      description: The module.
      type: str
      returned: always
    name:
      description: The name of the object; for a role, its name and who has it.
      type: str
      returned: always
    changed:
      description: Whether it was created or changed.
      type: bool
      returned: always
  sample:
    - kind: team
      name: cloudrepo admins
      changed: true
lines:
  description: Those that were created or changed, as text.
  returned: success, or when an object could not be created
  type: list
  elements: str
  sample: [team cloudrepo admins]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS: dict[str, Any] = {
    "objects": {"type": "dict", "required": True},
    "collection": {"type": "str", "choices": ["awx.awx", "ansible.controller"], "default": "awx.awx"},
}


def main() -> None:
    """Refuse to run anywhere but in the action plugin, which calls other modules."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.fail_json(msg="awx_objects calls other modules, as an action plugin")


if __name__ == "__main__":
    main()
