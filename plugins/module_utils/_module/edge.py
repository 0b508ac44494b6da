# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge between our code and Ansible: the only place that turns errors into C(fail_json)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..errors import SlicesError


@dataclass(frozen=True)
class Outcome:
    """What a module did, or in check mode would do.

    Attributes:
        changed: whether anything differs from before.
        before: one line an object as it was, for C(--diff).
        after: one line an object as it is now.
        result: further return values.
    """

    changed: bool
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    result: Mapping[str, Any] = field(default_factory=dict)


def run(module: AnsibleModule, action: Callable[[], Outcome]) -> None:
    """Carry out C(action) and leave the module with its outcome or its error."""
    try:
        outcome = action()
    except SlicesError as error:
        module.fail_json(msg=error.message, **error.fields)
    else:
        module.exit_json(
            changed=outcome.changed,
            diff={"before": _text(outcome.before), "after": _text(outcome.after)},
            **outcome.result,
        )


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
