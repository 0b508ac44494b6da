# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts of VMs that no work order contains: passwords of displays, and user data of guests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...errors import Refusal, Refused
from ...vm_order import VM


def read(
    given: Mapping[Any, Any], *, option: str, allows: Callable[[str], bool], invalid: Callable[[str], Refusal]
) -> dict[int, str]:
    """Return the texts from a module's argument, by VM id.

    Args:
        given: the argument.
        option: its name.
        allows: whether a text is valid.
        invalid: returns the refusal of the text of a VM, which must not contain the text.

    Raises:
        Refused: a text or an id is invalid.
    """
    refusals = [invalid(f"VM {vm_id}") for vm_id, text in given.items() if not (isinstance(text, str) and allows(text))]
    refusals += [
        Refusal("invalid_vm_id", "settings", {"option": option, "got": vm_id})
        for vm_id in given
        if not str(vm_id).isdecimal()
    ]
    if refusals:
        raise Refused(refusals)
    return {int(vm_id): text for vm_id, text in given.items()}


def need(missing: Iterable[VM], refusal: Callable[[VM], Refusal]) -> None:
    """Check before anything is changed that no VM lacks its text.

    Raises:
        Refused: there are such VMs.
    """
    refusals = [refusal(vm) for vm in missing]
    if refusals:
        raise Refused(refusals)
