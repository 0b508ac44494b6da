# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names in messages."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.wording import some


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "none"),
        (1, "0"),
        (2, "0, 1"),
        (10, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (11, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1 more"),
        (15, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 5 more"),
    ],
)
def test_the_first_ten_are_named(count: int, said: str) -> None:
    names = [str(number) for number in range(count)]
    assert some(names) == some(iter(names)) == some(dict.fromkeys(names)) == said
