# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All limits of values and names, which the orchestrator enforces and hosts check again.

C(docs/limits.md) is generated from this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import Refusal
from .grammar import CONTROL_CHARACTERS, PATH_PATTERN, TITLE_PATTERN
from .vlans import POOL_COUNT, POOL_SIZE


@dataclass(frozen=True)
class Limit:
    """The minimum and maximum of a number.

    Attributes:
        what: description of the number, with its unit.
        why: the reason for the limit.
    """

    least: float
    most: float
    what: str
    why: str

    @property
    def rule(self) -> str:
        """The rule for messages."""
        return f"{self.least}-{self.most}"

    def allows(self, value: float) -> bool:
        """Return whether a value is within the limit. Values that are not numbers are not."""
        return self.least <= value <= self.most

    def problems(self, where: str, option: str, value: float | None) -> Iterator[Refusal]:
        """Yield a refusal if an option of C(where) is set and not within the limit."""
        if value is not None and not self.allows(value):
            figures = {"option": option, "got": value, "least": self.least, "most": self.most}
            yield Refusal("out_of_range", where, figures)


@dataclass(frozen=True)
class Form:
    """The syntax of a string.

    Attributes:
        pattern: a regular expression that the whole string matches.
        rule: the rule for messages.
        what: description of the string.
        why: the reason for the syntax.
    """

    pattern: str
    rule: str
    what: str
    why: str

    def allows(self, value: str) -> bool:
        """Return whether a string matches."""
        return re.fullmatch(self.pattern, value) is not None

    def problems(self, where: str, kind: str, name: str) -> Iterator[Refusal]:
        """Yield a refusal if the name of a C(kind) does not match."""
        if not self.allows(name):
            yield Refusal("invalid_name", where, {"kind": kind, "got": name, "form": self.rule})


LABEL_LENGTH = 63
_LABEL = rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{LABEL_LENGTH - 2}}}[A-Za-z0-9])?"
_LABEL_RULE = f"1-{LABEL_LENGTH} letters, digits and hyphens, with a letter or digit at both ends"
LABEL = Form(_LABEL, _LABEL_RULE, "name of a slice, link, network or reserved VLAN", "DNS (RFC 1123)")
VM_NAME = Form(
    rf"(?!(?:[0-9]+[WwDdHhMmSs]?|ignore|infinite)\Z){_LABEL}",
    f"{_LABEL_RULE}, and not digits only, a time such as 12h, ignore or infinite",
    "name of a VM",
    "DNS (RFC 1123); dnsmasq, for which these words are lease times and commands",
)
PATH = Form(PATH_PATTERN, "an absolute path", "path on a host", "units, commands and QEMU's configuration")
DISK_PATH = Form(
    rf"{PATH_PATTERN}/[A-Za-z0-9][A-Za-z0-9._-]{{0,{2 * LABEL_LENGTH}}}\.qcow2",
    "the absolute path of a .qcow2 file",
    "file of a disk",
    "the names of a VM and of a disk",
)
DISK_NAME_LENGTH = 20
"""Maximum length of the serial of a virtio disk, which is the name of a data disk."""
DISK_NAME = Form(
    rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{DISK_NAME_LENGTH - 2}}}[A-Za-z0-9])?",
    f"1-{DISK_NAME_LENGTH} letters, digits and hyphens, with a letter or digit at both ends",
    "name of a data disk",
    "the serial of a virtio disk",
)
INTERFACE_NAME = Form(r"eth(?:0|[1-9][0-9]{0,2})", "eth and a number", "name of an interface", "the names of taps")
DEVICE_NAME_LENGTH = 15
"""Maximum length of the name of a network device on Linux."""
TAP_NAME = Form(
    rf"tap_[A-Za-z0-9_.-]{{1,{DEVICE_NAME_LENGTH - 4}}}",
    "tap_ and 1-11 more characters",
    "name of a tap",
    f"Linux, whose devices have names of {DEVICE_NAME_LENGTH} characters",
)
RECEIPT = Form(r"[0-9a-f]{32}", "32 hexadecimal digits", "receipt of a work order", "the first half of an HMAC-SHA256")
ISSUED_REVISIONS = Form(
    r"[0-9]{1,15}(,[0-9]{1,15})*",
    "revisions, separated by commas",
    "last revisions of a database in a work order",
    "the database keeps the last 50",
)
MOMENT = Form(
    r"[0-9a-f-]{36} [0-9]{1,12}\.[0-9]{6}",
    "the id of a boot and the seconds since, with six decimals",
    "time of a report",
    "Linux, whose boot_id is a UUID",
)
MACHINE_ID = Form(r"[0-9a-f]{32}", "32 hexadecimal digits", "machine-id of a worker", "systemd's /etc/machine-id")
IDENTIFIER = Form(
    r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}",
    "1-64 letters, digits and _ . @ -, with none of . @ - at the beginning",
    "name of a user, flavor or kind",
    "paths and mail addresses",
)
GUEST_INTERFACE = Form(
    r"[A-Za-z][A-Za-z0-9/._-]{0,31}",
    "1-32 letters, digits and / . _ -, beginning with a letter",
    "name of an interface in the guest",
    "endpoints of links, which have the form VM:INTERFACE",
)
INTERFACE_PATTERN = Form(
    r"[A-Za-z][A-Za-z0-9/._-]{0,24}\{n\}",
    "1-25 letters, digits and / . _ -, beginning with a letter, and {n}",
    "names of a kind's data interfaces",
    "names with up to 4 digits",
)
OBJECT_TITLE = Form(
    rf"[^{CONTROL_CHARACTERS}]{{1,200}}",
    "1-200 characters without control characters",
    "title of a slice, VM, link or network",
    "one line of a table",
)
TITLE = Form(TITLE_PATTERN, "1-64 printable characters", "title of a cloud", "what fits in a message")

SEED_FILE = Form(
    r"[^\x00]{0,65536}", "at most 65,536 characters", "file for cloud-init", "what a guest reads at its first start"
)
USER_DATA = Form(
    r"(?=[^\x00]*\Z)#(?:cloud-config[ \t\r]*|![^\n]+)\n[\s\S]*\S[\s\S]*",
    "a line #cloud-config or #!COMMAND, and more lines",
    "user data of a guest",
    "cloud-init",
)
USER_DATA_LENGTH = Limit(1, 65_536, "user data of a guest, in characters", "what a guest reads at its first start")
SSH_KEY = Form(
    r"(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}(?: [^\x00-\x1f\x7f]*)?",
    "one line with a type, such as ssh-ed25519, and the key in base64",
    "ssh key of a guest",
    "OpenSSH's authorized_keys",
)

CHECKS_ON_WORKER = ("console", "command", "cloud_init")
CHECKS_ON_NETWORK_NODE = ("ping", "ssh", "tcp", "http")
"""The checks that show whether a guest is ready, by the host that makes them."""
URL_PATH = Form(
    r"/[\x21-\x7e]{0,1023}",
    "/ and up to 1,023 ASCII characters without spaces",
    "path of a check with HTTP",
    "one line of a request",
)
COMMAND = Form(
    r"[^\x00]{1,4096}", "1-4,096 characters", "command of a check", "what is typed on a serial console in a moment"
)

GUEST_PATH = Form(
    r"(?=[\s\S]{2,1024}\Z)(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]+)+",
    "an absolute path of at most 1,024 characters, without control characters",
    "path of a file of a start-up",
    "one argument of a command in the guest",
)
GUEST_MODE = Form(r"0[0-7]{3}", "four octal digits in quotes, such as '0644'", "mode of a file of a start-up", "chmod")
GUEST_TEXT = Form(r"[^\x00]*", "text without null characters", "content of a file of a start-up", "shells")
STARTUP_COMMAND = Form(
    r"[^\x00]{1,4096}", "1-4,096 characters", "command of a start-up", "what is typed on a serial console in a moment"
)
STARTUP_ID = Form(r"[0-9a-f]{32}", "32 hexadecimal digits", "id of a start-up", "the first half of an HMAC-SHA256")
STARTUP_FILES = Limit(0, 64, "files of a start-up", "the time to type them on a serial console")
STARTUP_COMMANDS = Limit(0, 256, "commands of a start-up", STARTUP_FILES.why)
STARTUP_LENGTH = Limit(0, 262_144, "files and commands of a start-up together, in characters", STARTUP_FILES.why)
STARTUP_S = Limit(1, 86_400, "time limit of a start-up, in seconds", "a day")
CONSOLE_START, SSH_START = STARTUP_WAYS = ("console", "ssh")
"""How files and commands of a start-up get into a guest; the usual way is the first."""
CONSOLES = ("shell", "login", "none")
"""What a guest has on its serial console; the usual one is the first."""
CONSOLE_LINE = Form(
    r"[\x20-\x7e]{1,200}",
    "1-200 printable ASCII characters",
    "what logs in to a guest",
    "one line of a terminal",
)

BOOT_DEVICES = ("disk", "cdrom", "network")
_DEVICE = "|".join(BOOT_DEVICES)
BOOT_ORDER = Form(
    rf"(?!.*\b({_DEVICE})\b.*\b\1\b)({_DEVICE})(,({_DEVICE}))*",
    f"a list of {', '.join(BOOT_DEVICES)}, each at most once",
    "boot order of a VM",
    "QEMU's bootindex",
)

SHA256 = Form("[0-9a-f]{64}", "64 hexadecimal digits", "checksum of an image", "SHA-256")
IMAGE_SOURCE = Form(r"[^\x00-\x1f\x7f]+", "a path or URL", "source of an image", "one line of a file")
KERNEL_ARGUMENTS = Form(
    "[ !#-~]+",
    "printable ASCII characters without double quotes",
    "arguments of a kernel that is booted directly",
    "QEMU's configuration",
)
KERNEL_ARGUMENTS_LENGTH = Limit(
    1, 1000, "arguments of a kernel that is booted directly, in characters", "one line of QEMU's configuration"
)
KERNEL, INITRD = BOOT_IMAGES = ("kernel", "initrd")
IMAGE_CONTENTS = ("disk", *BOOT_IMAGES)
"""What an image on a worker can be; the usual one is the first."""

UTC_TIME = Form(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "a time in UTC, such as 2026-01-31T12:00:00Z",
    "time at which something was seen",
    "ISO 8601",
)

DEFAULT_MTU = 1500
MTU = Limit(68, 65521, "MTU of a link or network, without Ethernet header and VLAN tags", "IPv4; Linux's taps")
IPV6_MTU = Limit(1280, MTU.most, "MTU of a link or network with an IPv6 subnet", "IPv6 (RFC 8200)")
DHCP_MTU = Limit(576, MTU.most, "MTU of a network with DHCP", "DHCP (RFC 2131)")
TRUNK_MTU = Limit(MTU.least, 65535, "MTU of a trunk", "Linux")
RATE_KBPS = Limit(1, 100_000_000, "rate limit of an interface, in kbit/s", "100 Gbit/s")
DELAY_MS = Limit(0, 60_000, "delay of an interface, and its jitter, in milliseconds", "a minute")
LOSS_PERCENT = Limit(0, 100, "loss of an interface, in percent", "100 %")
DUPLICATE_PERCENT = Limit(0, 100, "duplicates of an interface, in percent", "100 %")
VLAN = Limit(1, 4094, "VLAN", "802.1Q")
VLAN_POOLS = Limit(1, POOL_COUNT, f"VLAN pools of a slice, each of {POOL_SIZE} VLANs", "the VLANs of a trunk")
PREFIX_LENGTH = Limit(8, 30, "prefix length of a network's subnet", "IPv4")
LINK_PREFIX_LENGTH = Limit(8, 31, "prefix length of a link's subnet", "IPv4; two addresses (RFC 3021)")
PREFIX6_LENGTH = Limit(8, 127, "prefix length of an IPv6 subnet", "IPv6; two addresses (RFC 6164)")

TOPOLOGY_SIZE = 10_000
"""Maximum number of VMs in a generated topology, so that a typo is refused before it takes memory."""
MOST_DATA_INTERFACES = 128
MOST_INTERFACES = 1 + MOST_DATA_INTERFACES
DATA_INTERFACES = Limit(
    0, MOST_DATA_INTERFACES, "data interfaces of a VM", "the interrupt vectors of a guest with one CPU"
)
INTERFACES = Limit(0, MOST_INTERFACES, "interfaces of a VM", DATA_INTERFACES.why)
FIRMWARES = ("bios", "uefi")
DISK_BUSES = ("virtio", "scsi", "sata")
NIC_MODELS = ("virtio-net-pci", "e1000", "e1000e", "rtl8139", "vmxnet3")
"""The hardware that VMs can have; the usual one is the first of each."""
CONVENTIONAL_NICS = ("e1000", "rtl8139")
"""NICs that are no PCI Express devices. They need I/O ports, of which root ports have none."""
ACPI = "acpi"
SHUTDOWNS = ("none", ACPI)
"""How a guest is asked to shut down; the usual way is the first one."""
DEFAULT_SHUTDOWN_S = 60
MOST_ON_BRIDGE = 31
BRIDGED_INTERFACES = Limit(
    0, MOST_ON_BRIDGE, "interfaces of a VM with e1000 or rtl8139", "the slots of a bridge for conventional PCI"
)
FIRST_INTERFACE = Limit(0, 999, "number of a kind's first data interface", "names with up to 4 digits")
CORES = Limit(1, 255, "cores of a flavor", "QEMU's machine type q35 without an IOMMU")
RAM_GB = Limit(0.001, 960, "memory of a flavor, in GiB", "addresses of 40 bits in QEMU's CPU model")
RAM_MIB = Limit(1, 1024 * RAM_GB.most, "memory of a VM, in MiB", RAM_GB.why)
DISK_GB = Limit(0.001, 1 << 21, "disk of a flavor, in GiB", "qcow2 with clusters of 64 KiB")
FLAVOR = {"cores": CORES, "ram_gb": RAM_GB, "disk_gb": DISK_GB}
DISK_BYTES = Limit(512, (1 << 30) * DISK_GB.most, "disk of a VM, in bytes", DISK_GB.why)
MOST_DATA_DISKS = 16
DATA_DISKS = Limit(0, MOST_DATA_DISKS, "data disks of a VM", "two slots of the PCI bus")
DATA_DISK_GB = Limit(DISK_GB.least, DISK_GB.most, "data disk of a VM, in GiB", DISK_GB.why)
FIRST_VNC_PORT, LAST_VNC_PORT = 5901, 65535
VNC_PORT = Limit(FIRST_VNC_PORT, LAST_VNC_PORT, "TCP port of a display", "VNC, which starts at 5900")
PORT = Limit(1, 65535, "TCP port of a check", "TCP")
PASSWORD_VERSION = Limit(1, 1_000_000, "version of a display's password", "more than needed")

ID = Limit(1, 9_999_999, "id of a slice or VM", "the names of taps")
KNOWN_ID = Limit(1, ID.most - 10**6, "id on hosts that a database continues from", "room for later ones")
LINK_ID = Limit(1, (1 << 31) - 1, "id of a link", "integers of 32 bits")
REVISION = Limit(1, 253_402_300_799_999, "revision of a work order", "the year 9999")
KNOWN_REVISION = Limit(
    1, REVISION.most - 10**12, "revision of hosts that a database continues from", "room for later ones"
)

QUOTA_VMS = Limit(0, 1_000_000_000, "VMs of a user", "more than needed")
WORKER = {
    "cores": Limit(1, QUOTA_VMS.most, "cores of a worker", QUOTA_VMS.why),
    "ram_gb": Limit(0.001, QUOTA_VMS.most, "memory of a worker, in GiB", QUOTA_VMS.why),
    "disk_gb": Limit(0.001, QUOTA_VMS.most, "disk of a worker, in GiB", QUOTA_VMS.why),
    "max_vms": Limit(0, QUOTA_VMS.most, "VMs of a worker", QUOTA_VMS.why),
    "cpu_overcommit": Limit(0.001, QUOTA_VMS.most, "CPU overcommit of a worker", QUOTA_VMS.why),
    "ram_overcommit": Limit(0.001, QUOTA_VMS.most, "RAM overcommit of a worker", QUOTA_VMS.why),
}
DISK_RETENTION_H = Limit(0, 8760, "time that deleted disks wait in the trash, in hours", "a year")
TOKEN_H = Limit(1, 8784, "time until a token expires, in hours", "a leap year")
HISTORY_ENTRIES = Limit(0, 1_000_000, "entries of the history that are kept", "the time to read them")
HISTORY_DAYS = Limit(1, 36_500, "days for which the history is kept", "more than needed")
HISTORY_LIMIT = Limit(1, HISTORY_ENTRIES.most, "entries of the history in a result", HISTORY_ENTRIES.why)
CAPTURE_S = Limit(1, 86_400, "length of a capture, in seconds", "a day")
WAIT_S = Limit(1, 86_400, "time to wait for guests, in seconds", "a day")
SHUTDOWN_S = Limit(1, 600, "time for a guest to shut down, in seconds", "the time that a reboot of a worker may take")
CAPTURE_MIB = Limit(1, 4096, "size of a capture, in MiB", "the disks of workers")
