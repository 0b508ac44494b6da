# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options of modules that run VMs on a worker."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(RUNNING_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  vnc_address:
    description:
      - Address for the VNC displays of the VMs, the C(worker_ip) of the work order.
    type: str
  vnc_listen:
    description:
      - Where VNC displays listen. V(worker) is O(vnc_address), V(loopback) is 127.0.0.1. Both require the password of
        the VM.
      - V(unix) is the Unix socket C(/run/cloudrepo/VM_ID/vnc.sock), which is accessible only to root and requires no
        password. With V(none) there is no display.
      - A change takes effect at the next start of a VM.
    type: str
    choices: [worker, loopback, unix, none]
    default: worker
  vnc_passwords:
    description:
      - Display passwords by VM id, 1 to 8 characters, as returned by M(cloudrepo.slices.vnc_password_info).
      - Required for each VM whose C(vnc_password_id) differs from the one that this host has stored, except in check
        mode. A new password takes effect without a restart, and existing connections stay open.
    type: dict
    default: {}
  user_data:
    description:
      - User data of guests by VM id, as returned by M(cloudrepo.slices.user_data_info).
      - Required for each VM with C(user_data_id) whose disk for cloud-init has to be written, except in check mode.
    type: dict
    default: {}
  accelerator:
    description:
      - QEMU accelerators, separated by colons. The first one that works is used.
    type: str
    choices: [kvm:tcg, kvm, tcg]
    default: kvm:tcg
  checksum_offload:
    description:
      - Whether guests can offload checksums to the virtual network card, which is faster.
      - Set this to V(false) with Open vSwitch's userspace datapath, which forwards packets without checksums, so that
        TCP connections hang.
    type: bool
    default: true
  restart:
    description:
      - Whether to restart VMs whose changes cannot take effect while they run.
      - If false, they keep running with their old configuration, even after a crash, and are returned in
        RV(restart_required).
    type: bool
    default: false
  start_timeout_s:
    description:
      - Seconds to wait for the QMP monitor of a VM after its start.
    type: int
    default: 60
"""
