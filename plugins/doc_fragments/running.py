# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of how a worker runs VMs."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(RUNNING_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  vnc_address:
    description:
      - The address that the VMs' displays listen on, the C(worker_ip) of the work order.
    type: str
  vnc_listen:
    description:
      - Where the VMs' displays listen. V(worker) is O(vnc_address), V(loopback) is 127.0.0.1. There they ask for the
        password of their VM.
      - V(unix) is the Unix socket C(/run/cloudrepo/VM_ID/vnc.sock), which root alone can reach, and which asks for no
        password. With V(none) there is no display.
      - A VM that runs takes another value when it next starts.
    type: str
    choices: [worker, loopback, unix, none]
    default: worker
  vnc_passwords:
    description:
      - By VM id what its display asks for, 1 to 8 characters, as M(cloudrepo.slices.vnc_password_info) tells it.
      - Needed for each VM of whose password this host has not noted the C(vnc_password_id), except in check mode.
        It takes effect without a restart. Who is connected stays connected.
    type: dict
    default: {}
  accelerator:
    description:
      - QEMU accelerators, in order of preference.
    type: str
    choices: [kvm:tcg, kvm, tcg]
    default: kvm:tcg
  checksum_offload:
    description:
      - Whether guests may leave the checksums of their packets to the network card, which costs them less.
      - Open vSwitch's userspace datapath passes such packets on as they are, and TCP then hangs. Say no there.
    type: bool
    default: true
  restart:
    description:
      - Whether VMs that cannot become as wanted while they run are stopped and started anew.
      - If not, they keep running as they were started, also after a crash, and are returned in RV(restart_required).
    type: bool
    default: false
  start_timeout_s:
    description:
      - Seconds that VMs have to answer after they were started.
    type: int
    default: 60
"""
