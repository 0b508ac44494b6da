# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a guest is ready: what is checked, and from which host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import bounds
from ..errors import Refusal

FIELD = "ready_when"
"""The extra field of a VM with its check."""
AUTO, NONE = "auto", "none"
ON_WORKER, ON_NETWORK_NODE = bounds.CHECKS_ON_WORKER, bounds.CHECKS_ON_NETWORK_NODE
CONSOLE, COMMAND, CLOUD_INIT = ON_WORKER
PING, SSH, TCP, HTTP = ON_NETWORK_NODE
CHECKS = (AUTO, NONE, *ON_WORKER, *ON_NETWORK_NODE)
_TAKES = {"port": (SSH, TCP, HTTP), "path": (HTTP,), "command": (COMMAND,)}
_NEEDS = {TCP: "port", COMMAND: "command"}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {SSH: {"port": 22}, HTTP: {"port": 80, "path": "/"}}


@dataclass(frozen=True)
class ReadyWhen:
    """The check that a guest passes when it is ready. C(None) is the default of the check."""

    check: str
    port: int | None = None
    path: str | None = None
    command: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> ReadyWhen | None:
        """Return the check in module arguments or in a stored field, C(None) for C(AUTO)."""
        if data is None or data["check"] == AUTO:
            return None
        return cls(data["check"], *(data.get(name) for name in _TAKES))

    def to_dict(self) -> dict[str, Any]:
        """Return the field to store."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def problems(where: str, want: ReadyWhen | None, *, internet: bool) -> Iterator[Refusal]:
    """Yield refusals for a check.

    Args:
        where: the VM for messages.
        want: the check.
        internet: whether the VM has an address on VLAN 400.
    """
    if want is None:
        return
    where = f"{where} ready_when"
    for option, checks in _TAKES.items():
        if getattr(want, option) is not None and want.check not in checks:
            yield Refusal("option_of_other_checks", where, {"option": option, "checks": checks, "got": want.check})
    needed = _NEEDS.get(want.check)
    if needed is not None and getattr(want, needed) is None:
        yield Refusal("option_missing", where, {"kind": f"check {want.check}", "option": needed})
    if want.check in ON_NETWORK_NODE and not internet:
        yield Refusal("check_needs_address", where, {"got": want.check, "checks": ON_NETWORK_NODE})
    yield from bounds.PORT.problems(where, "port", want.port)
    for option, value, form in (("path", want.path, bounds.URL_PATH), ("command", want.command, bounds.COMMAND)):
        if value is not None and not form.allows(value):
            yield Refusal("invalid_check_option", where, {"option": option, "form": form.rule})


def checks(slices: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the check of each VM that should run: C({vm_id, vm_uuid, name, worker_ip, check, address, port, path,
    command}).

    Args:
        slices: as modules return them. A VM without C(ready_when) is ready as its kind says, otherwise when it answers
            pings, or without an address on VLAN 400 when there is a prompt on its serial console.
    """
    return [
        _check(f"{slice_.get('name', slice_['slice_id'])}/{vm['name']}", vm)
        for slice_ in slices
        for vm in slice_["vms"]
        if "power" not in vm and vm["status"] != "deleting" and _says(vm) != NONE
    ]


def _says(vm: Mapping[str, Any]) -> str:
    """Return the check of a VM or of its kind, C(AUTO) by default."""
    said: str = (vm.get(FIELD) or {"check": vm.get("kind", {}).get(FIELD, AUTO)})["check"]
    return said


def _usual(vm: Mapping[str, Any], address: str | None) -> str:
    """Return the check of the VM's kind, if it is possible, or the usual one."""
    said = _says(vm)
    if said == AUTO or (said in ON_NETWORK_NODE and not address):
        return PING if address else CONSOLE
    return said


def _check(name: str, vm: Mapping[str, Any]) -> dict[str, Any]:
    address = next((each["ip_config"]["ip"] for each in vm["interfaces"] if each["ip_config"]), None)
    said = vm.get(FIELD) or {"check": _usual(vm, address)}
    return {
        "vm_id": vm["vm_id"],
        "vm_uuid": vm.get("uuid", ""),
        "name": name,
        "worker_ip": vm["worker_ip"],
        **dict.fromkeys(_TAKES),
        "address": address if said["check"] in ON_NETWORK_NODE else None,
        **_DEFAULTS.get(said["check"], {}),
        **said,
    }
