#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: topology_import
short_description: Convert a topology from another tool
version_added: 1.0.0
description:
  - Reads GraphML or GML, such as the networks of the Internet Topology Zoo, a netlab or containerlab file, or a project
    of GNS3 (C(.gns3)), and returns the same nodes and links as the topology of a slice. Neither the database nor a host
    is changed.
  - Nodes become VMs. A label that is not a valid name becomes the VM's title, from which its name is made. Links
    between two nodes become links, others become networks, and so do bridges of containerlab and switches of GNS3.
  - Of netlab's addresses, the pools V(p2p), V(lan) and V(loopback), prefixes of links, and addresses of their ends and
    of loopback interfaces are converted.
  - Nodes whose device, kind or image belongs to a shipped kind of guest (M(cloudrepo.slices.kind_info)) get that kind,
    and their interfaces keep their names, such as V(swp3).
  - Start-up configuration whose text is in the file becomes O(cloudrepo.slices.slice#module:vms[].startup). This is
    C(startup-config) and C(exec) of containerlab's nodes, and netlab's C(configlets) and C(config.inline) without Jinja
    expressions. A script that begins with C(#!) is run, and so is any configuration of a netlab device C(linux).
    Others are loaded in guests of the kinds V(frr) and V(nokia-srlinux). Kinds whose start-ups go over ssh need
    O(internet=true).
  - Elements without a counterpart in a slice are listed in RV(not_imported), with their lines. This includes other
    addresses, routing, other start-up configuration, images, unknown kinds, and interface names that a kind does not
    have.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - ansible.builtin.files
attributes:
  check_mode:
    description: Can run in check mode and report what would change.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: full
options:
  src:
    description:
      - Path of the file, on the host where the module runs. Its encoding is UTF-8.
    type: path
    required: true
  format:
    description:
      - Its format. With V(auto) it is detected.
    type: str
    choices: [auto, graphml, gml, netlab, containerlab, gns3]
    default: auto
  name:
    description:
      - Name or title of the slice. The default is the name in the file, or V(imported).
    type: str
  flavor:
    description:
      - The flavor of VMs whose image and kind are not in O(flavors).
    type: str
    required: true
  flavors:
    description:
      - Flavors by the image of a node, or by its netlab device, containerlab kind or GNS3 node type. The image has
        precedence.
    type: dict
    default: {}
  kinds:
    description:
      - Kinds of guests by netlab device, containerlab kind or GNS3 node type, empty for none. The default is a shipped
        kind.
      - Interfaces of VMs whose kind is not shipped keep their names, which are checked by M(cloudrepo.slices.slice).
    type: dict
    default: {}
  internet:
    description:
      - Whether the VMs are on management VLAN 400.
    type: bool
    default: false
  dest:
    description:
      - Path of a file to write the topology to, as variables for C(cloudrepo.slices.deploy). By default it is only
        returned.
    type: path
"""

EXAMPLES = r"""
- name: Convert a network from the Topology Zoo
  cloudrepo.slices.topology_import:
    src: Aarnet.graphml
    flavor: cirros
    dest: aarnet.yml
  delegate_to: localhost
"""

RETURN = r"""
format:
  description: The format of the file.
  returned: success
  type: str
  sample: graphml
slice:
  description: The topology, as an entry of O(cloudrepo.slices.slice#module:slices).
  returned: success
  type: dict
  sample:
    name: aarnet
    title: AARNET
    vms:
      - name: sydney1
        title: Sydney1
        flavor: cirros
      - name: brisbane
        flavor: cirros
    links:
      - title: 10GigE
        endpoints: [sydney1, brisbane]
not_imported:
  description: The elements without a counterpart in a slice.
  returned: success
  type: list
  elements: dict
  contains:
    line:
      description: The line of the file where it occurs first.
      type: int
      returned: always
    what:
      description: The kind of element.
      type: str
      returned: always
    count:
      description: How often it occurs.
      type: int
      returned: always
  sample:
    - line: 74
      what: Country of a node
      count: 19
not_imported_lines:
  description: The same as text.
  returned: success
  type: list
  elements: str
  sample:
    - "line 74: Country of a node (19 times)"
"""

import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import formats, yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import UnreadableTopology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.topology_import import Options, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"type": "path", "required": True},
    "format": {"type": "str", "choices": ["auto", *formats.READERS], "default": "auto"},
    "name": {"type": NAME},
    "flavor": {"type": NAME, "required": True},
    "flavors": {"type": "dict", "default": {}},
    "kinds": {"type": "dict", "default": {}},
    "internet": {"type": "bool", "default": False},
    "dest": {"type": "path"},
}


def convert(params: dict[str, Any]) -> dict[str, Any]:
    """Return the result of the module.

    Raises:
        Refused: the file cannot be read.
    """
    try:
        with open(params["src"], encoding="utf-8-sig") as file:
            text = file.read()
        form, graph = formats.read(text, params["format"])
    except (OSError, UnicodeDecodeError) as error:
        raise Refused([Refusal("file_unreadable", "src", {"got": params["src"], "why": str(error)})]) from error
    except UnreadableTopology as error:
        raise Refused([Refusal("topology_unreadable", params["src"], {"why": error.message})]) from error
    options = Options(params["name"], params["flavor"], params["flavors"], params["internet"], params["kinds"])
    made = topology(graph, options)
    lines = [
        f"line {remark.line}: {remark.what}" + (f" ({remark.count} times)" if remark.count > 1 else "")
        for remark in graph.remarks
    ]
    remarks = [remark.to_dict() for remark in graph.remarks]
    return {"format": form, "slice": made, "not_imported": remarks, "not_imported_lines": lines}


def write(module: AnsibleModule, dest: str, text: str) -> dict[str, Any]:
    """Write a file if its content differs, and return whether it did, and the diff."""
    before = ""
    if os.path.exists(dest):
        with open(dest, encoding="utf-8", errors="replace") as file:
            before = file.read()
    if before != text and not module.check_mode:
        handle, path = tempfile.mkstemp(dir=module.tmpdir)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        module.atomic_move(path, dest)
    file_args = module.load_file_common_arguments(module.params, path=dest)
    changed = module.set_fs_attributes_if_different(file_args, before != text) if os.path.exists(dest) else True
    return {"changed": changed, "diff": {"before": before, "after": text, "after_header": dest, "before_header": dest}}


def act(module: AnsibleModule) -> Outcome:
    """Convert the file, and write the topology if there is a C(dest)."""
    result, dest = convert(module.params), module.params["dest"]
    if dest is None:
        return Outcome(result=result)
    return Outcome(result={**result, **write(module, dest, yaml_lines.dump({"slices": [result["slice"]]}))})


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, add_file_common_args=True)
    run(module, lambda: act(module))


if __name__ == "__main__":
    main()
