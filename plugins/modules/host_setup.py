#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_setup
short_description: Prepare a worker or network node in one call
version_added: 1.0.0
description:
  - Claims a host for a cloud, configures its bridge, and installs users, folders, files and units, and on a worker the
    flows that all slices share. On the network node it restores services that have been changed. It also returns what
    M(cloudrepo.slices.host_info) returns.
  - The roles P(cloudrepo.slices.worker#role) and P(cloudrepo.slices.network_node#role) consist mainly of this call. A
    run that changes nothing would take several times as long with a task for each step.
  - A host that does not run systemd is refused.
  - The host is claimed first, as by M(cloudrepo.slices.host_claim). If another cloud has claimed it, or another copy of
    the database, nothing is changed.
  - If one of O(packages) is missing, only the claim is made. RV(missing_packages) returns them, so that they can be
    installed before the next call. Check mode predicts the changes of both calls.
  - The bridge is configured as by M(cloudrepo.slices.ovs_bridge).
  - All users, folders and files belong to root. Missing parents of folders are created with mode V(0755).
  - What others have changed is repaired. Owners and modes of folders and files are restored, including those of what
    the host remembers in O(state_dir), and access control lists are removed. A link in place of a file is replaced.
    Masks, drop-ins and units of the same name in another folder of systemd are removed, and units that ran with them
    are restarted, except for VMs.
  - All files are written to disk before the first one replaces an existing file. If one of them is below
    C(/etc/systemd/system), systemd reads its units again.
  - Files whose names end in C(.nft) are checked by C(nft) first. If it refuses one, no file is changed, except that
    users may have been created, because rules may name them.
  - It can also install C(slices-host), the program that the units run. It is a single file with a subcommand for each
    purpose, such as restoring flows when Open vSwitch starts. It is built from the collection's code on the host.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.claim
  - cloudrepo.slices.cloud
  - cloudrepo.slices.datapath
  - cloudrepo.slices.bridge
options:
  controller:
    description:
      - The name of the controller, for the messages of refused calls. Required with O(cloud_uuid). Without both, the
        host is not claimed.
    type: str
  state_dir:
    description:
      - The folder for the state of the host. It is created if it does not exist.
    type: str
    default: /var/lib/cloudrepo
  uplink:
    description:
      - The interface whose MTU is returned as RV(trunk_mtu).
    type: str
  management_addresses:
    description:
      - IPv4 addresses of this host on VLAN 400. Before anything is changed, and in check mode as well, O(uplink) is
        searched for other machines that answer for one of them (ARP, RFC 5227), such as the network node of another
        cloud on the same trunk.
      - If this host does not have the address yet, the call is refused. Otherwise the module warns.
      - There is no search without O(uplink), or if it is down.
    type: list
    elements: str
    default: []
  packages:
    description:
      - Debian packages that have to be installed before anything but the claim is changed.
    type: list
    elements: str
    default: []
  owner:
    description:
      - Owner of the ports, if a bridge is shared, for example by a worker and a network node on the same host. A port
        that two owners list belongs to the first one.
      - If the host is claimed for a cloud, V(worker) and V(network_node) are also stored as its roles in
        C(STATE_DIR/roles.json), so that C(cloudrepo.slices.site) notices when the host no longer has one.
      - If omitted, the ports have no owner, and any later task that does not list them removes them.
    type: str
  folders:
    description:
      - Folders to create.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path of the folder.
        type: path
        required: true
      mode:
        description:
          - Its permissions as an octal number.
        type: str
        default: "0755"
      group:
        description:
          - Its group.
        type: str
        default: root
  files:
    description:
      - Files to write. Their folders must exist or be listed in O(folders).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Path of the file.
        type: path
        required: true
      content:
        description:
          - Its whole content.
        type: str
        required: true
      mode:
        description:
          - Its permissions as an octal number.
        type: str
        default: "0644"
  users:
    description:
      - Users and groups to create first, as a configuration of C(systemd-sysusers).
    type: str
    default: ""
  units:
    description:
      - Units to enable and start last. If one does not start, the message contains its last log lines.
    type: list
    elements: str
    default: []
  program:
    description:
      - Path for C(slices-host). It requires C(/usr/bin/python3), version 3.9 or newer.
      - If omitted, it is not installed.
    type: path
  services:
    description:
      - Units that have read O(files) or O(program). If these have changed, the units are reloaded or restarted in this
        order, also by the next call if this one is interrupted.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the unit. All instances of a template with C(*) as the instance.
        type: str
        required: true
      state:
        description:
          - How the unit reads changed files. V(restarted_if_active) does not start it, and ignores a failure.
        type: str
        choices: [reloaded, restarted, restarted_if_active]
        required: true
  checksums:
    description:
      - Path of a file for the checksums of the files that O(services) have read. Required with O(services).
    type: path
  vms:
    description:
      - Whether VMs will be connected to the bridge. Installs the flows that all slices share, and the packet filter
        between taps and the host's own network, as M(cloudrepo.slices.ovs_ports) does without any slice.
    type: bool
    default: false
  network_services:
    description:
      - Whether the host is the network node. Packet rules, the gateway of VLAN 400 and units that are missing or have
        been changed are restored last, as by M(cloudrepo.slices.network_services) without any slice. Check mode does
        not predict this if any of the files would be written.
    type: bool
    default: false
  nat_links:
    description:
      - As for M(cloudrepo.slices.network_services). Used with O(network_services).
    type: str
    default: 169.254.64.0/24
  user:
    description:
      - Prefix of the users of VMs, as for M(cloudrepo.slices.ovs_ports).
    type: str
    default: cloudrepo
seealso:
  - module: cloudrepo.slices.host_claim
  - module: cloudrepo.slices.host_info
  - module: cloudrepo.slices.network_services
  - module: cloudrepo.slices.ovs_bridge
  - module: cloudrepo.slices.ovs_ports
"""

EXAMPLES = r"""
- name: Create the bridge with its uplink, and install slices-host and a unit
  cloudrepo.slices.host_setup:
    packages: [openvswitch-switch]
    owner: worker
    fail_mode: secure
    ports:
      - name: trunk0
    folders:
      - path: /usr/local/lib/cloudrepo
    files:
      - path: /etc/systemd/system/slices-example.service
        content: |
          [Service]
          ExecStart=/bin/true
    program: /usr/local/lib/cloudrepo/slices-host
    units: [slices-example.service]
"""

RETURN = r"""
machine_id:
  description: The content of C(/etc/machine-id), null if there is none.
  returned: success
  type: str
  sample: 0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90
cores:
  description: The number of logical CPUs.
  returned: success
  type: int
  sample: 8
ram_gb:
  description: Memory in GiB.
  returned: success
  type: float
  sample: 31.2
netem:
  description: Whether the kernel has netem, which delays and drops packets.
  returned: success
  type: bool
  sample: true
kvm:
  description: Whether there is C(/dev/kvm), which the accelerator V(kvm) needs.
  returned: success
  type: bool
  sample: true
trunk_mtu:
  description: The MTU of O(uplink), null if it is not set or does not exist.
  returned: success
  type: int
  sample: 9000
interfaces:
  description:
    - The network interfaces with their IPv4 addresses. C(kind) is that of a virtual device, C(master) the bridge or
      bond that it belongs to. Empty if the command C(ip) is missing.
  returned: success
  type: list
  elements: dict
  sample: [{name: eth0, mtu: 1500, addresses: [192.0.2.11/24], kind: null, master: null}]
missing_packages:
  description: Those of O(packages) that are not installed.
  returned: success
  type: list
  elements: str
  sample: [tcpdump]
claim:
  description: The cloud that the host belongs to, null if no cloud has claimed it; in check mode as it would be.
  returned: success
  type: dict
  contains:
    uuid:
      description: The UUID of the cloud.
      type: str
      sample: "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
    title:
      description: The name of the cloud for messages.
      type: str
      sample: "lab"
    incarnation:
      description: The UUID of the cloud's database. A copy of the database has another one.
      type: str
      sample: "9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00"
    since:
      description: When the cloud claimed the host, in UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    controller:
      description: The controller that claimed it.
      type: str
      sample: "controller1"
    machine_mark:
      description: HMAC-SHA256 of the machine-id of the claimed machine, with the UUID of the cloud as the key.
      type: str
      sample: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
    vlan_pools:
      description: The VLAN pools of the cloud's slices, as ranges.
      type: str
      sample: "0-99"
    management_vlan:
      description: The management VLAN of the cloud.
      type: int
      sample: 400
roles:
  description: The roles for which the host was prepared, V(worker) and V(network_node), including O(owner).
  returned: success
  type: list
  elements: str
  sample: [worker]
lost_machines:
  description:
    - The marks of lost machines that the host tells workers as the network node, as
      O(cloudrepo.slices.network_services#module:lost_machines).
  returned: success
  type: list
  elements: dict
  sample: []
highest_id:
  description: The highest id of all slices and VMs with objects on the host, null if there is none.
  returned: success
  type: int
  sample: 1036
highest_revision:
  description: The highest revision of a work order that the host has begun to apply, null if there is none.
  returned: success
  type: int
  sample: 1795371735123
slices:
  description: The slices with objects on the host and what they use there, whether they are in the database or not.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      reservations: [{address: 10.60.7.101}]
      vlans: [{vlan_id: 100}]
      vnc_ports: [{vnc_port: 5901}]
orphans:
  description: VMs of the other cloud from which the host is taken over, also in check mode.
  returned: if the host is claimed
  type: list
  elements: str
  sample: []
paths:
  description: Paths of the files that are written, also in check mode.
  returned: if no packages are missing, or in check mode
  type: list
  elements: str
  sample: [/etc/systemd/system/slices-example.service]
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    claims,
    host_facts,
    host_files,
    reloads,
    state_files,
    systemd,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    BRIDGE_ARGUMENTS,
    CLAIM_ARGUMENTS,
    CLOUD_ARGUMENTS,
    DATAPATH_ARGUMENTS,
    GRAMMARS,
    SERVICES_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.files import File
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import duplicates
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.job import Job
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import read_links
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner, SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import claim_steps, datapath_steps, zipapp
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile_all
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

_FOLDER = {
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0755"},
    "group": {"type": "str", "default": "root"},
}
_FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
}
_SERVICE = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": list(reloads.COMMANDS)},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **CLOUD_ARGUMENTS,
    **CLAIM_ARGUMENTS,
    "state_dir": {"type": "str", "default": STATE_DIR},
    "uplink": {"type": "str"},
    "management_addresses": {"type": "list", "elements": "str", "default": []},
    "packages": {"type": "list", "elements": "str", "default": []},
    **DATAPATH_ARGUMENTS,
    **BRIDGE_ARGUMENTS,
    "folders": {"type": "list", "elements": "dict", "default": [], "options": _FOLDER},
    "files": {"type": "list", "elements": "dict", "default": [], "options": _FILE},
    "users": {"type": "str", "default": ""},
    "units": {"type": "list", "elements": "str", "default": []},
    "program": {"type": "path"},
    "services": {"type": "list", "elements": "dict", "default": [], "options": _SERVICE},
    "checksums": {"type": "path"},
    "vms": {"type": "bool", "default": False},
    "network_services": {"type": "bool", "default": False},
    "nat_links": SERVICES_ARGUMENTS["nat_links"],
    "user": {"type": "str", "default": "cloudrepo"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_together=[("cloud_uuid", "cloud_title", "cloud_incarnation", "controller")],
        supports_check_mode=True,
    )
    reconcile_all(module, stages, GRAMMARS)


def stages(params: dict[str, Any], missing_ok: bool) -> Iterator[Steps[Any]]:
    """Yield how each part of the host is prepared, in the order in which they depend on each other."""
    vlan, runner = params["management_vlan"], SubprocessRunner()
    settings = datapath.read_settings(params, management_vlan=vlan)
    folders = Folders(params["state_dir"], read_links(params["nat_links"]))
    # Without it, packages would be installed before the first unit cannot be started.
    systemd.refuse_other_init()
    called_by = claims.caller(params)
    seen = _Seen(_facts(params, runner, called_by))
    yield _look(lambda: seen)
    if params["uplink"] and params["management_addresses"]:
        yield _look(lambda: _answers(params, runner))
    if called_by is not None:
        yield claim_steps.claim(params, called_by)
        yield claim_steps.role(params["owner"], state_dir=params["state_dir"])
    yield Steps(plan=lambda: state_files.plan(params["state_dir"]), apply=state_files.apply)
    if seen.result["missing_packages"] and not missing_ok:
        return
    yield datapath_steps.bridge(params["bridge"], params, runner, missing_ok=missing_ok)
    files = (*(host_files.read_file(each) for each in params["files"]), *_program(params["program"]))
    installation = _files(params, files, runner, missing_ok=missing_ok)
    yield installation
    if params["services"]:
        services = [reloads.read_service(each) for each in params["services"]]
        yield Steps(
            plan=lambda: reloads.plan(services, files, path=params["checksums"]),
            apply=lambda todo: reloads.apply(todo, runner),
        )
    if params["vms"]:
        yield datapath_steps.ports((), params["user"], settings, runner, missing_ok=missing_ok)
    # In check mode, a new host does not have the services yet.
    if params["network_services"] and not (missing_ok and installation.plan().paths):
        yield Job((), folders, runner, params["bridge"], missing_ok=missing_ok).steps


@dataclass(frozen=True)
class _Seen:
    """Information about the host, which changes nothing."""

    result: dict[str, Any]
    changes: tuple[Change, ...] = ()


def _look(look: Callable[[], _Seen]) -> Steps[_Seen]:
    return Steps(plan=look, apply=lambda _seen: None, result=lambda seen: seen.result)


def _facts(params: dict[str, Any], runner: Runner, called_by: claims.Caller | None) -> dict[str, Any]:
    """Return the facts, without the lost machines of another cloud, from which the host is taken over."""
    facts = host_facts.look(params, runner)
    is_other = called_by is not None and facts["claim"] is not None and facts["claim"]["uuid"] != called_by.uuid
    return {**facts, "lost_machines": []} if is_other else facts


def _answers(params: dict[str, Any], runner: Runner) -> _Seen:
    """Search for other machines with the addresses of this host."""
    warnings = duplicates.find(
        params["uplink"], params["management_addresses"], runner, management_vlan=params["management_vlan"]
    )
    return _Seen({"warnings": warnings} if warnings else {})


def _program(path: str | None) -> Iterator[File]:
    if path is not None:
        yield File(path, zipapp.content(path), 0o755)


def _files(
    params: dict[str, Any], files: tuple[File, ...], runner: Runner, *, missing_ok: bool
) -> Steps[host_files.Installation]:
    wanted = host_files.Wanted(
        users=params["users"],
        folders=tuple(host_files.read_folder(each) for each in params["folders"]),
        files=files,
        units=tuple(params["units"]),
    )
    return Steps(
        plan=cache(lambda: host_files.plan(wanted, runner, missing_ok=missing_ok)),
        apply=lambda todo: host_files.apply(todo, runner),
        result=lambda todo: {"paths": todo.paths},
    )


if __name__ == "__main__":
    main()
