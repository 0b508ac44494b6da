# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A token is valid unchanged, with the key that signed it, until it expires."""

from __future__ import annotations

import base64
import hmac
import json

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.acting_token import Key, Token, utc, verify
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

CLOUD = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
KEY = Key(CLOUD, "0123456789abcdef" * 4)
BOB = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
TOKEN = Token("bob", BOB, 2_000_000_000, CLOUD)
TEXT = TOKEN.signed(KEY)
MALFORMED, INVALID = "acting_token_malformed", "acting_token_invalid"


def code(text: str, key: Key = KEY, now: float = 1_999_999_999) -> str:
    """Why a token is refused."""
    with pytest.raises(Refused) as refused:
        verify(text, key, now=now)
    [refusal] = refused.value.refusals
    return refusal.code


def test_a_token_is_valid_until_it_expires() -> None:
    assert verify(TEXT, KEY, now=1_999_999_999.9) == TOKEN
    assert verify(f"{TEXT}\n", KEY, now=0) == TOKEN
    assert verify(Token("jürgen", BOB, 5, CLOUD).signed(KEY), KEY, now=4).user == "jürgen"
    assert code(TEXT, now=2_000_000_000) == "acting_token_expired"


def test_a_token_with_any_changed_character_is_invalid() -> None:
    for place, letter in enumerate(TEXT):
        for other in {"A", "b", "0", "-", "."} - {letter}:
            forged = TEXT[:place] + other + TEXT[place + 1 :]
            assert code(forged) in (MALFORMED, INVALID, "acting_token_of_another_cloud"), forged


def payload(said: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "said",
    [
        *({}, [], ["bob", 1], "bob"),
        *(["bob", BOB, True, CLOUD], ["bob", BOB, "1", CLOUD], [1, BOB, 1, CLOUD], ["bob", None, 1, CLOUD]),
        ["bob", 1, CLOUD],  # whoever is called bob
    ],
)
def test_invalid_tokens_are_refused(said: object) -> None:
    assert code(f"{payload(said)}.{'0' * 64}") == MALFORMED


@pytest.mark.parametrize("text", ["", ".", "bob", f".{'0' * 64}", f"A.{'0' * 64}", f"é.{'0' * 64}", TEXT[:-1]])
def test_other_texts_are_not_valid_tokens(text: str) -> None:
    assert code(text) == MALFORMED


def test_another_algorithm_than_the_one_of_tokens_is_no_token() -> None:
    """Neither a token without signature, nor another hash, nor one that something else was signed with."""
    data = TEXT.partition(".")[0]
    secret = bytes.fromhex(KEY.secret)
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for text in (
        f"{data}.{hmac.new(secret, data.encode(), 'sha256').hexdigest()}",
        f"{data}.{hmac.new(secret, b'cloudrepo acting user 1 ' + data.encode(), 'sha512').hexdigest()[:64]}",
        f"{data}.{hmac.new(b'', b'cloudrepo acting user 1 ' + data.encode(), 'sha256').hexdigest()}",
    ):
        assert code(text) == INVALID
    for text in (f"{data}.", f"{header}.{data}.", TEXT.upper()):
        assert code(text) == MALFORMED


def test_a_very_deep_token_is_no_token() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode()
    assert code(f"{deep}.{'0' * 64}") == MALFORMED


def test_a_token_is_valid_only_for_its_cloud_and_key() -> None:
    other = Key(CLOUD.replace("4", "5"), KEY.secret)
    assert code(TEXT, other) == "acting_token_of_another_cloud"
    assert code(TEXT, Key.new(CLOUD)) == INVALID


def test_a_key_is_read_back() -> None:
    assert Key.read(str(KEY), "file") == KEY
    assert Key.new(CLOUD) != Key.new(CLOUD)
    for text in ("", CLOUD, f"{CLOUD}:", f"{CLOUD}:abc", f"{KEY}more", "x" * 101):
        with pytest.raises(Refused, match=r"^file: a key must have the form UUID:KEY, with"):
            Key.read(text, "file")


@pytest.mark.parametrize("length", range(1, 9))
def test_a_token_is_read_back_whatever_its_length(length: int) -> None:
    token = Token("b" * length, BOB, 2_000_000_000, CLOUD)
    assert verify(token.signed(KEY), KEY, now=0) == token
    assert "=" not in token.signed(KEY)


def test_times_are_shown_in_utc() -> None:
    assert (utc(0), utc(1_769_860_800)) == ("1970-01-01T00:00:00Z", "2026-01-31T12:00:00Z")
