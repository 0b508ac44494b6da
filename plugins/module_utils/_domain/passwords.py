# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Password hashes: the data model's SHA-256 digest, or scrypt with a random salt.

The salted form contains all parameters: C($scrypt$ln=14,r=8,p=1$SALT$HASH), with salt and hash in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import NamedTuple

SHA256, SCRYPT = "sha256", "scrypt"
SCHEMES = (SHA256, SCRYPT)
DIGEST = re.compile(r"[0-9a-f]{64}")
SALT_BYTES, HASH_BYTES = 16, 32
LOG2_COST, BLOCK_SIZE, PARALLEL = 14, 8, 1
_SALTED = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{11,86}={0,2})\$([A-Za-z0-9+/]{22,86}={0,2})"
)


class Salted(NamedTuple):
    """The parts of a salted hash."""

    log2_cost: int
    block_size: int
    parallel: int
    salt: bytes
    digest: bytes


def hashed(password: str, scheme: str = SHA256) -> str:
    """Return the hash to store for a password."""
    if scheme == SHA256:
        return hashlib.sha256(_bytes(password)).hexdigest()
    made = Salted(LOG2_COST, BLOCK_SIZE, PARALLEL, os.urandom(SALT_BYTES), b"")
    salt, digest = (base64.b64encode(part).decode() for part in (made.salt, _scrypt(password, made, HASH_BYTES)))
    return f"$scrypt$ln={LOG2_COST},r={BLOCK_SIZE},p={PARALLEL}${salt}${digest}"


def scheme_of(stored: str) -> str | None:
    """Return the scheme of a stored hash, C(None) if it is not a hash and matches no password."""
    if DIGEST.fullmatch(stored):
        return SHA256
    return SCRYPT if _salted(stored) else None


def verify(password: str, stored: str) -> bool:
    """Return whether the password matches the stored hash; a value that is not a hash matches none."""
    salted = _salted(stored)
    if salted is not None:
        return hmac.compare_digest(_scrypt(password, salted, len(salted.digest)), salted.digest)
    return hmac.compare_digest(hashed(password).encode(), stored.encode())


def _salted(stored: str) -> Salted | None:
    """Parse a salted hash. Return C(None) for one that requires more than 64 MiB, or 16 times the default time."""
    match = _SALTED.fullmatch(stored)
    if match is None:
        return None
    log2_cost, block_size, parallel = (int(number) for number in match.groups()[:3])
    if not (1 <= log2_cost <= 16 and block_size >= 1 and 1 <= parallel <= 4 and (block_size << log2_cost) <= 1 << 19):
        return None
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in match.groups()[3:])
    except binascii.Error:
        return None
    return Salted(log2_cost, block_size, parallel, salt, digest)


def _bytes(password: str) -> bytes:
    # Text that is not valid UTF-8 contains surrogates, which the strict encoder rejects.
    return password.encode(errors="surrogatepass")


def _scrypt(password: str, salted: Salted, length: int) -> bytes:
    return hashlib.scrypt(
        _bytes(password),
        salt=salted.salt,
        n=1 << salted.log2_cost,
        r=salted.block_size,
        p=salted.parallel,
        dklen=length,
        maxmem=1 << 27,
    )
