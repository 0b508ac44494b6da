# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hashes of passwords."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.passwords import hashed, scheme_of, verify


def test_the_data_models_digest() -> None:
    stored = hashed("secret")
    assert stored == "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    assert (scheme_of(stored), verify("secret", stored), verify("Secret", stored)) == ("sha256", True, False)


def test_a_salted_hash_contains_its_parameters() -> None:
    first, second = hashed("secret", "scrypt"), hashed("secret", "scrypt")
    assert first != second
    assert first.startswith("$scrypt$ln=14,r=8,p=1$")
    assert [scheme_of(first), verify("secret", first), verify("secret", second), verify("x", first)] == [
        "scrypt",
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "stored",
    [
        "!",
        "",
        "AB" * 32,
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=14,r=0,p=1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=14,r=8,p=1$AAAAA$AAAA",
        "$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_an_invalid_hash_matches_no_password(stored: str) -> None:
    assert scheme_of(stored) is None
    assert not verify("", stored)
    assert not verify("secret\udcff", stored)


@pytest.mark.parametrize(
    ("sizes", "known"), [("ln=16,r=8,p=1", True), ("ln=16,r=9,p=1", False), ("ln=1,r=1,p=4", True)]
)
def test_a_hash_may_require_64_mib_of_memory_and_no_more(sizes: str, known: bool) -> None:
    stored = f"$scrypt${sizes}$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAA"
    assert (scheme_of(stored) == "scrypt") is known
