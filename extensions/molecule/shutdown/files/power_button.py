# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the disk of a guest that is turned off by its power button, and boots in a moment: power_button.py PATH.

The guest is a boot sector for QEMU's q35. It writes C(ready) to its console, and C(off) when the button was pressed.
"""

import sys

# Registers of ACPI, where QEMU's firmware places them, and the serial port.
_STATUS, _ENABLE, _CONTROL = 0x600, 0x602, 0x604
_BUTTON, _SLEEP = 1 << 8, 1 << 13
_SERIAL = 0x3F8
_BYTES = 1 << 20


def _at(port: int) -> bytes:
    return b"\xba" + port.to_bytes(2, "little")  # mov dx, port


def _write(port: int, value: int) -> bytes:
    return _at(port) + b"\xb8" + value.to_bytes(2, "little") + b"\xef"  # mov ax, value; out dx, ax


def _say(text: str) -> bytes:
    return _at(_SERIAL) + b"".join(b"\xb0" + bytes([each]) + b"\xee" for each in text.encode())  # mov al, _; out dx, al


def disk() -> bytes:
    """Return the content of the disk. SeaBIOS boots from none that is much smaller."""
    await_button = _at(_STATUS) + b"\xed\xf6\xc4\x01\x74\xfa"  # in ax, dx; test ah, 1; jz back to in
    off = _say("off\n") + _write(_CONTROL, _SLEEP) + b"\xeb\xfe"  # jmp to itself
    program = _write(_ENABLE, _BUTTON) + _say("ready\n") + await_button + off
    return (program.ljust(510, b"\0") + b"\x55\xaa").ljust(_BYTES, b"\0")


def main(path: str) -> None:
    """Write the disk, in raw format."""
    with open(path, "wb") as file:
        file.write(disk())


if __name__ == "__main__":
    main(sys.argv[1])
