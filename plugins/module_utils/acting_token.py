# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens that prove who acts: they name a user with UUID, a cloud and an expiry, signed with a key of the cloud.

The key is a file on the orchestrator that only its administrator can read, or the value of a credential. It contains
the UUID of its cloud, so that a token can be checked where the database cannot be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass

from .errors import Refusal, Refused
from .identity import PATTERN

KEY_FILE = "/etc/cloudrepo/acting.key"
OBJECT = "token"
_KEY = re.compile(rf"(?P<cloud>{PATTERN}):(?P<secret>[0-9a-f]{{64}})\n?")
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,4096})\.([0-9a-f]{64})")
_PURPOSE = b"cloudrepo acting user 1 "
"""Signed with each token, so that what is signed for anything else is none."""


@dataclass(frozen=True)
class Key:
    """The key of a cloud."""

    cloud: str
    secret: str

    def __str__(self) -> str:
        """Return the text of its file."""
        return f"{self.cloud}:{self.secret}\n"

    @classmethod
    def new(cls, cloud: str) -> Key:
        """Return a random key."""
        return cls(cloud, secrets.token_hex(32))

    @classmethod
    def read(cls, text: str, source: str) -> Key:
        """Parse the text of a key.

        Raises:
            Refused: it is none.
        """
        match = _KEY.fullmatch(text)
        if match is None:
            raise Refused([Refusal("acting_key_malformed", source)])
        return cls(match["cloud"], match["secret"])


@dataclass(frozen=True)
class Token:
    """A statement of who acts.

    Attributes:
        user: the acting user.
        uuid: the UUID of this user. Whoever reads the database compares it, because the name may be that of another
            user since.
        expires: the time from which it is not valid, in seconds since 1970.
        cloud: the UUID of the cloud in which the user acts.
    """

    user: str
    uuid: str
    expires: int
    cloud: str

    def signed(self, key: Key) -> str:
        """Return its text, signed."""
        payload = json.dumps([self.user, self.uuid, self.expires, self.cloud]).encode()
        data = base64.urlsafe_b64encode(payload).rstrip(b"=")
        return f"{data.decode()}.{_signature(data, key)}"


def verify(text: str, key: Key, *, now: float) -> Token:
    """Return the token.

    Raises:
        Refused: it is not a token, is of another cloud, is not signed with the key, or has expired.
    """
    token, data, signature = _read(text)
    if token.cloud != key.cloud:
        raise Refused([Refusal("acting_token_of_another_cloud", OBJECT, {"cloud": key.cloud, "got": token.cloud})])
    if not hmac.compare_digest(signature, _signature(data, key)):
        raise Refused([Refusal("acting_token_invalid", OBJECT)])
    if token.expires <= now:
        raise Refused([Refusal("acting_token_expired", OBJECT, {"user": token.user, "expired": utc(token.expires)})])
    return token


def utc(seconds: int) -> str:
    """Return a time since 1970 as text in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _read(text: str) -> tuple[Token, bytes, str]:
    """Parse a token without verifying it."""
    match = _TOKEN.fullmatch(text.strip())
    if match is None:
        raise _malformed()
    data = match.group(1).encode()
    try:
        said = json.loads(base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _malformed() from error
    if not (isinstance(said, list) and [type(each) for each in said] == [str, str, int, str]):
        raise _malformed()
    return Token(*said), data, match.group(2)


def _signature(data: bytes, key: Key) -> str:
    return hmac.new(bytes.fromhex(key.secret), _PURPOSE + data, hashlib.sha256).hexdigest()


def _malformed() -> Refused:
    return Refused([Refusal("acting_token_malformed", OBJECT)])
