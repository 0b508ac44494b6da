#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: user
short_description: Users of the cluster and their quotas
version_added: 1.0.0
description:
  - Adds, changes and removes the users who own slices. One call takes one user or a list; either all of it is
    stored or, if a rule refuses any of it, nothing.
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
      - Whether the user exists. A user who owns slices is not removed, nor is C(admin).
      - C(verified) changes nothing; it tells whether O(password) is the user's. Everybody may ask for oneself, an admin
        for all.
    type: str
    choices: [present, absent, verified]
    default: present
  password:
    &password
    description:
      - The password, of which a hash is stored. A user without one cannot log in anywhere.
    type: str
  password_scheme:
    &password_scheme
    description:
      - How the password is hashed. C(sha256) is the data model's plain digest, C(scrypt) has a salt and takes long to
        guess. By default as the user's password is stored now, C(sha256) for a new user.
    type: str
    choices: [sha256, scrypt]
  password_hash:
    &password_hash
    description:
      - The SHA-256 hex digest of the password, or its scrypt hash, for those who do not want to hand out the password
        itself.
    type: str
  quota_vms:
    &quota_vms
    description:
      - How many VMs the user may own. A new user gets 10.
    type: int
  role:
    &role
    description:
      - An C(admin) may act on everybody's slices and change users, flavors and workers. A new user is a C(tenant).
    type: str
    choices: [admin, tenant]
  users:
    description:
      - Several users at once, instead of O(name).
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
"""

EXAMPLES = r"""
- name: A tenant who may own six VMs
  cloudrepo.slices.user:
    name: alice
    quota_vms: 6

- name: Two students, and one who has left
  cloudrepo.slices.user:
    users:
      - name: bob
        quota_vms: 4
        password_hash: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
      - name: carol
        quota_vms: 4
      - name: dave
        state: absent

- name: Ask whether a password is right
  cloudrepo.slices.user:
    name: alice
    password: "{{ alice_password }}"
    state: verified
  register: login
  failed_when: login is failed or not login.verified.alice
"""

RETURN = r"""
users:
  description: The users named, as they are stored, without the digests of their passwords.
  returned: success
  type: list
  elements: dict
  sample:
    - name: alice
      username: alice
      quota_vms: 6
      used_vms: 4
      slices: [1000]
      password_set: false
verified:
  description: For each user whose state was to be C(verified), whether the password is the user's.
  returned: success
  type: dict
  sample: {alice: true}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import passwords
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "verified"], "default": "present"},
    "password": {"type": "str", "no_log": True},
    "password_scheme": {"type": "str", "choices": list(passwords.SCHEMES), "no_log": False},
    "password_hash": {"type": "str", "no_log": True},
    "quota_vms": {"type": "int"},
    "role": {"type": "str", "choices": ["admin", "tenant"]},
}


def main() -> None:
    module = AnsibleModule(**listed(SPEC, "users", "name"))
    wants = entries(module.params, SPEC, "users")
    transact(module, lambda cluster: registries.put_users(cluster, wants, acting_user=module.params["acting_user"]))


if __name__ == "__main__":
    main()
