#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: flavor
short_description: Manage flavors, the sizes and base images of VMs
version_added: 1.0.0
description:
  - Registers flavors. A new database has the flavors C(cirros) and C(ubuntu) without images. A flavor can be used once
    it is registered with an existing image.
  - If O(image) is a file on the orchestrator, its checksum is computed. If the file has changed and the flavor is
    registered again, new VMs use the new image. Existing VMs keep theirs.
  - A file is refused if it is damaged, truncated, empty, encrypted or compressed as a whole, if it has a backing file
    or an external data file, or if its format is neither qcow2 nor raw. The message contains the command that fixes it.
    The format is detected from the content, not from the file name. C(qemu-img) checks the tables of a qcow2 image, if
    it is installed on the orchestrator. An image at a URL is inspected on the workers after the download.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  name:
    &name
    description:
      - The flavor's name.
    type: str
  state:
    &state
    description:
      - Whether the flavor should exist. A flavor that a VM was created from cannot be removed.
    type: str
    choices: [present, absent]
    default: present
  cores:
    &cores
    description:
      - Number of virtual CPUs. Required for a new flavor, as are O(ram_gb), O(disk_gb) and O(image).
    type: int
  ram_gb:
    &ram_gb
    description:
      - Memory in GiB.
    type: float
  disk_gb:
    &disk_gb
    description:
      - Size of the disk in GiB, at least the virtual size of the image.
    type: float
  image:
    &image
    description:
      - The base image, a qcow2 or raw file on the orchestrator or a URL from which the workers download it. A raw image
        must have a boot sector or a file system.
    type: str
  checksum:
    &checksum
    description:
      - SHA-256 checksum of the image in hexadecimal. Required for a URL, verified for a file.
    type: str
  kind:
    &kind
    description:
      - The kind of guest in the image, as M(cloudrepo.slices.kind) registers it or one of the shipped ones. Empty for
        none. Without this option, an existing flavor keeps its kind.
    type: str
  convert:
    &convert
    description:
      - Whether to convert an image of another format to qcow2. Supported are vmdk, vdi, vhdx, vpc, qcow, qed and
        parallels, compressed or not, and compressed qcow2 and raw images. Requires C(qemu-img) on the orchestrator.
      - The result is stored next to O(image), with C(.qcow2) appended to its name, and is used as the flavor's image.
        It is converted again if O(image) has changed.
      - O(image) must be a single file on the orchestrator. O(checksum) is the checksum of this file.
    type: bool
    default: false
  flavors:
    description:
      - A list of flavors, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      state: *state
      cores: *cores
      ram_gb: *ram_gb
      disk_gb: *disk_gb
      image: *image
      checksum: *checksum
      kind: *kind
      convert: *convert
"""

EXAMPLES = r"""
- name: Register a flavor with a local image
  cloudrepo.slices.flavor:
    name: small
    cores: 1
    ram_gb: 0.25
    disk_gb: 1
    image: "{{ lab_guest_image }}"

- name: Register a flavor with an image of another hypervisor
  cloudrepo.slices.flavor:
    name: appliance
    cores: 2
    ram_gb: 2
    disk_gb: 8
    image: "{{ appliance_image }}"
    convert: true

- name: Register a flavor whose image the workers download
  cloudrepo.slices.flavor:
    flavors:
      - name: router
        cores: 2
        ram_gb: 1
        disk_gb: 4
        image: https://images.example.org/router.qcow2
        checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

RETURN = r"""
flavors:
  description: The given flavors as they are stored.
  returned: success
  type: list
  elements: dict
  sample:
    - name: small
      cores: 1
      ram_gb: 0.25
      disk_gb: 1
      image: /srv/images/guest.qcow2
      checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import require_admin
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import edge, images, registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, within
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME, NUMBER

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cores": {"type": "int"},
    "ram_gb": {"type": NUMBER},
    "disk_gb": {"type": NUMBER},
    "image": {"type": "str"},
    "checksum": {"type": "str"},
    "kind": {"type": NAME},
    "convert": {"type": "bool", "default": False},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return listed(SPEC, "flavors", "name")


def run(module: Module) -> None:
    """Run the module and exit it."""
    acting_user = module.params["acting_user"]

    def action() -> edge.Outcome:
        within(module, lambda cluster: require_admin(cluster, acting_user, "flavor"), write=False, create=True)
        # Outside of the transaction that stores them: others would wait while large files are read.
        wants, warnings = images.inspect_all(
            entries(module.params, SPEC, "flavors"), SubprocessRunner(timeout_s=3600), check_mode=module.check_mode
        )
        done = within(
            module,
            lambda cluster: registries.register(cluster, registries.FLAVORS, wants, acting_user=acting_user),
        )
        return replace(done, result={**done.result, "warnings": warnings}) if warnings else done

    edge.run(module, action)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
