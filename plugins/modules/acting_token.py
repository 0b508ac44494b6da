#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: acting_token
short_description: Create a token for an acting user
version_added: 1.0.0
description:
  - Returns a token that contains a user and an expiry time, and is signed with the cloud's key. A run with the token in
    C(CLOUDREPO_ACTING_TOKEN) in the controller's environment acts on behalf of this user. An AWX credential sets it for
    jobs that no person launches, such as scheduled ones.
  - The token also contains the UUID of the user. It is refused after the user was removed, also if there is a user of
    the same name again.
  - The controller checks the token with the same key. This is the file O(key_file), the file that
    C(CLOUDREPO_ACTING_KEY_FILE) names, or the text in C(CLOUDREPO_ACTING_KEY), in the controller's environment.
  - Tokens are not stored. To revoke all of them before they expire, delete O(key_file) and run the module again.
  - Use it with C(no_log), because the result contains the token.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  user:
    description:
      - The user on whose behalf runs with the token act.
    type: str
    required: true
  valid_h:
    description:
      - Number of hours until the token expires, 1 to 8784.
    type: int
    default: 24
  key_file:
    description:
      - The file with the cloud's key on the orchestrator. It is created with mode 0600 if it does not exist.
    type: path
    default: /etc/cloudrepo/acting.key
notes:
  - Only admins may use it.
"""

EXAMPLES = r"""
- name: Create a token that lets a nightly schedule act for alice for 90 days
  cloudrepo.slices.acting_token:
    user: alice
    valid_h: 2160
  no_log: true
  register: alice_token
"""

RETURN = r"""
token:
  description: The token.
  returned: success
  type: str
  sample: WyJhbGljZSIsIDE3OTgwNjE4MzUsICI0YzFmNmE3ZSJd.2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90
user:
  description: The user.
  returned: success
  type: str
  sample: alice
expires:
  description: The time at which the token expires, in UTC.
  returned: success
  type: str
  sample: "2026-12-24T12:57:15Z"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import tokens
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import KEY_FILE
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONTROL_ARGUMENTS,
            "user": {"type": NAME, "required": True},
            "valid_h": {"type": "int", "default": 24},
            # The option is not a secret, the content of the file is.
            "key_file": {"type": "path", "default": KEY_FILE, "no_log": False},
        },
        supports_check_mode=True,
    )
    transact(
        module,
        lambda cluster: tokens.issue(cluster, module.params, check_mode=module.check_mode),
        create=False,
    )


if __name__ == "__main__":
    main()
