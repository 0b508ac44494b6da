#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: user
short_description: Manage users and their quotas
version_added: 1.0.0
description:
  - Adds, changes and removes users, who own slices. A call with one user or a list of users is stored completely or, if
    any rule refuses it, not at all.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  name:
    &name
    description:
      - The user's name.
    type: str
  state:
    &state
    description:
      - Whether the user should exist. Users who own slices cannot be removed, nor can C(admin).
      - The tokens of a removed user are refused, and a later user of the same name sees neither the user's history nor
        the user's deleted slices.
      - V(verified) only checks whether O(password) is correct. Users can check their own passwords, admins those of all
        users.
    type: str
    choices: [present, absent, verified]
    default: present
  password:
    &password
    description:
      - The password. Only its hash is stored. A user without a password cannot log in.
    type: str
  password_scheme:
    &password_scheme
    description:
      - How the password is hashed. V(sha256) is the unsalted digest of the data model, V(scrypt) is salted and slow to
        brute-force. The default is the scheme of the stored password, or V(sha256) for a new user.
    type: str
    choices: [sha256, scrypt]
  password_hash:
    &password_hash
    description:
      - The SHA-256 digest of the password in hexadecimal, or its scrypt hash, instead of O(password).
    type: str
  quota_vms:
    &quota_vms
    description:
      - Maximum number of VMs of the user. The default for a new user is 10.
    type: int
  role:
    &role
    description:
      - An V(admin) can manage the slices of all users, and users, flavors and workers. The default for a new user is
        V(tenant).
    type: str
    choices: [admin, tenant]
  uuid:
    &uuid
    description:
      - The UUID by which tokens, the history and deleted slices know the user. A new user gets a new one, also under
        the name of a removed user.
      - Set it to add a removed user again, with what belonged to this user. The name may be another one, for which the
        old tokens are not valid. The history contains the UUID, and so does the message of
        M(cloudrepo.slices.deleted_slice) that refuses a slice of a removed user.
    type: str
  users:
    description:
      - A list of users, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      state: *state
      password: *password
      password_scheme: *password_scheme
      password_hash: *password_hash
      quota_vms: *quota_vms
      role: *role
      uuid: *uuid
"""

EXAMPLES = r"""
- name: Add a tenant with a quota of six VMs
  cloudrepo.slices.user:
    name: alice
    quota_vms: 6

- name: Add two users and remove another
  cloudrepo.slices.user:
    users:
      - name: bob
        quota_vms: 4
        password_hash: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
      - name: carol
        quota_vms: 4
      - name: dave
        state: absent

- name: Add a removed user again, who keeps the history and the deleted slices
  cloudrepo.slices.user:
    name: dave
    quota_vms: 4
    uuid: 3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77

- name: Check whether a password is correct
  cloudrepo.slices.user:
    name: alice
    password: "{{ alice_password }}"
    state: verified
  register: login
  failed_when: login is failed or not login.verified.alice
"""

RETURN = r"""
users:
  description: The given users as they are stored, without their password hashes.
  returned: success
  type: list
  elements: dict
  sample:
    - name: alice
      username: alice
      quota_vms: 6
      used_vms: 4
      slices: [1000]
      uuid: 9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21
      password_set: false
verified:
  description: For each user with O(state=verified), whether the password is correct.
  returned: success
  type: dict
  sample: {alice: true}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import passwords
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME},
    "state": {"type": "str", "choices": ["present", "absent", "verified"], "default": "present"},
    "password": {"type": "str", "no_log": True},
    "password_scheme": {"type": "str", "choices": list(passwords.SCHEMES), "no_log": False},
    "password_hash": {"type": "str", "no_log": True},
    "quota_vms": {"type": "int"},
    "role": {"type": "str", "choices": ["admin", "tenant"]},
    "uuid": {"type": "str"},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return listed(SPEC, "users", "name")


def run(module: Module) -> None:
    """Run the module and exit it."""
    wants = entries(module.params, SPEC, "users")
    transact(module, lambda cluster: registries.put_users(cluster, wants, acting_user=module.params["acting_user"]))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
