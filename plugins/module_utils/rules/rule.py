# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rule for which requests are refused, with its texts.

C(Refusal) combines the message from the object, the violation and the next step. Figures are in braces in the texts. A
sentence may also contain C({rule}), and may start with C({object}), which is otherwise prepended with a colon.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A rule and its texts.

    Attributes:
        rule: the rule, with its limits.
        sentence: the violation.
        next_step: what to do, as an imperative, if it is not obvious.
    """

    rule: str
    sentence: str = "{rule}, got {got}"
    next_step: str = ""
