#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: base_images
short_description: Verify the base images of a worker
version_added: 1.0.0
description:
  - Verifies base images on a worker, and records their size and modification time next to them.
    M(cloudrepo.slices.slice_apply) compares these, and does not start VMs from an image that has changed since or is
    damaged.
  - An image is verified by its SHA-256. It must be qcow2 or raw, complete, undamaged and not encrypted, without a
    backing file and without an external data file; C(qemu-img) checks the tables of qcow2. A kernel or an initrd must
    be one by its content.
  - A file that was copied to C(PATH.new), or C(PATH.RUN.new) with O(run), is installed as C(PATH) if it is valid, and
    removed if it is not. It replaces a damaged image; VMs that run on the latter have to be restarted. If C(PATH) is
    valid, because another run has installed it, the new file is removed.
  - Runs wait for each other. New files that are older than a day are removed, because their runs have ended.
  - Images belong to root, and only their mode V(0444) is allowed.
  - This module does not fetch images. The role P(cloudrepo.slices.base_images#role) does.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  images:
    description:
      - The base images, as in C(images) of a work order.
    type: list
    elements: dict
    default: []
    suboptions:
      checksum:
        description:
          - SHA-256 checksum of the image in hexadecimal.
        type: str
        required: true
      path:
        description:
          - Path of the image on the worker.
        type: str
        required: true
      source:
        description:
          - A file on the orchestrator, or a URL. Not used by this module.
        type: str
        required: true
      content:
        description:
          - What it is. V(disk) is the image of a disk or CD, V(kernel) a Linux kernel for x86 (bzImage), and V(initrd)
            an archive that it unpacks.
        type: str
        choices: [disk, kernel, initrd]
        default: disk
  verify:
    description:
      - Whether to compute the checksums of all images, including those that have not changed since they were verified,
        and those in O(state_dir) that O(images) does not list.
    type: bool
    default: false
  run:
    description:
      - What distinguishes the new files of this run from those of others that fetch the same images.
    type: str
  state_dir:
    description:
      - The folder whose subfolder C(images) contains the base images.
    type: str
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Verify all base images of this worker
  cloudrepo.slices.base_images:
    verify: true
"""

RETURN = r"""
missing:
  description: The paths of images that are not on this worker.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/cloudrepo/images/2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae.img]
damaged:
  description: The images that are damaged.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the image.
      type: str
      sample: /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img
    message:
      description: What is wrong with the image, and how to fix it.
      type: str
      sample: >-
        base image /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img is
        damaged: 1048576 bytes with the SHA-256 …
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import base_images
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import for_all
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import Image, WorkerOrder

ARGUMENTS = {
    "images": {**WorkerOrder.arguments()["images"], "required": False, "default": []},
    "verify": {"type": "bool", "default": False},
    "run": {"type": "str"},
    "state_dir": {"type": "str", "default": STATE_DIR},
}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], _missing_ok: bool) -> Steps[base_images.Plan]:
    """Return how base images are verified and installed."""
    wanted = for_all(params["images"], Image.from_dict)
    folder, runner = f"{params['state_dir']}/images", SubprocessRunner()
    return Steps(
        plan=lambda: base_images.plan(wanted, folder=folder, verify=params["verify"], runner=runner, run=params["run"]),
        apply=lambda todo: base_images.install(todo.examined, folder=folder),
        result=lambda todo: todo.result,
        failure=lambda todo: todo.failure,
        lock=lambda: base_images.locked(folder),
    )


if __name__ == "__main__":
    main()
