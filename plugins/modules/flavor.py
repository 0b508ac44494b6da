#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: flavor
short_description: Sizes of VMs and the base images they start from
version_added: 1.0.0
description:
  - Registers sizes of VMs. A new database knows C(cirros) and C(ubuntu), whose images it has not seen yet; a flavor can
    be used as soon as it is registered with an image that exists.
  - Where O(image) is a file on the orchestrator, its checksum is read from it. Registering a flavor again after the
    file has changed gives later VMs the new image; VMs that exist keep the one they were made from.
  - A file is refused if it is damaged, cut short, empty, encrypted, compressed as a whole, has a backing file or an
    external data file, or is of another format than qcow2 and raw; the refusal names the command that mends it. What it
    is follows from its content, not from its name. The tables of a qcow2 image are checked by C(qemu-img), if that is
    installed on the orchestrator. An image at a URL is inspected where it arrives, on the workers.
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
      - Whether the flavor exists. One that a VM was made from is not removed.
    type: str
    choices: [present, absent]
    default: present
  cores:
    &cores
    description:
      - Virtual processor cores. A new flavor needs this, O(ram_gb), O(disk_gb) and O(image).
    type: int
  ram_gb:
    &ram_gb
    description:
      - Memory in GiB.
    type: float
  disk_gb:
    &disk_gb
    description:
      - Size of the disk in GiB; no smaller than the disk in the image.
    type: float
  image:
    &image
    description:
      - The base image, a qcow2 or raw file on the orchestrator, or a URL that the workers fetch. A raw image needs a
        boot sector or a file system.
    type: str
  checksum:
    &checksum
    description:
      - The image's SHA-256 in hex digits. It is needed for a URL, and checked for a file.
    type: str
  convert:
    &convert
    description:
      - Whether an image of another format is converted to qcow2. This handles vmdk, vdi, vhdx, vpc, qcow, qed and
        parallels, also compressed, and compressed qcow2 and raw images. It needs C(qemu-img) on the orchestrator.
      - The result is stored beside O(image), with C(.qcow2) appended to its name, and the flavor has that as its image.
        It is made again when O(image) has changed.
      - O(image) must be one file on the orchestrator, and O(checksum) is that of this file.
    type: bool
    default: false
  flavors:
    description:
      - Several flavors at once, instead of O(name).
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
      convert: *convert
"""

EXAMPLES = r"""
- name: A size that starts from a file
  cloudrepo.slices.flavor:
    name: small
    cores: 1
    ram_gb: 0.25
    disk_gb: 1
    image: "{{ lab_guest_image }}"

- name: A size that starts from the disk of another hypervisor
  cloudrepo.slices.flavor:
    name: appliance
    cores: 2
    ram_gb: 2
    disk_gb: 8
    image: "{{ appliance_image }}"
    convert: true

- name: A size whose image the workers fetch
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
  description: The flavors named, as they are stored.
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

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registering import require_admin
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import images, registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, within
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cores": {"type": "int"},
    "ram_gb": {"type": "float"},
    "disk_gb": {"type": "float"},
    "image": {"type": "str"},
    "checksum": {"type": "str"},
    "convert": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(**listed(SPEC, "flavors", "name"))
    acting_user = module.params["acting_user"]

    def action() -> Outcome:
        within(module, lambda cluster: require_admin(cluster, acting_user, "flavor"), write=False)
        # Outside of the transaction that stores them: others would wait while large files are read.
        wants, warnings = images.inspect_all(
            entries(module.params, SPEC, "flavors"), SubprocessRunner(timeout_s=3600), check_mode=module.check_mode
        )
        done = within(
            module,
            lambda cluster: registries.register(cluster, registries.FLAVORS, wants, acting_user=acting_user),
        )
        return replace(done, result={**done.result, "warnings": warnings}) if warnings else done

    run(module, action)


if __name__ == "__main__":
    main()
