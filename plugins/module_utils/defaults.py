# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Defaults that must be the same on orchestrator and hosts.

The role C(cloudrepo) and the documentation of modules repeat them, which is compared by tests.
"""

from __future__ import annotations

DATABASE = "/var/lib/cloudrepo/database.yaml"
STATE_DIR = "/var/lib/cloudrepo"
BRIDGE = "br-int"
GATEWAY = "10.60.7.1"
"""On management VLAN 400, like the next one."""
DHCP_SERVER = "10.60.7.2"
VNC_PLACES = ("worker", "loopback", "unix", "none")
"""Where displays may listen, the default first."""
ACCELERATORS = ("kvm:tcg", "kvm", "tcg")
"""The accelerators of QEMU, the default first."""
PROGRAM = "/usr/local/lib/cloudrepo/slices-host"
"""The program that the roles install on hosts. No variable changes its path."""
