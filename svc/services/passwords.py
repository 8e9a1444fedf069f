"""Passwords: argon2id (RFC 9106), rules that a person can meet, and work that tells nothing.

The limits follow NIST SP 800-63B: length counts, composition rules do not, and what everybody guesses first is
refused.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from svc.errors import InvalidInput

MIN_LENGTH = 10
MAX_LENGTH = 200
_hasher = PasswordHasher()  # RFC 9106 low-memory profile: 64 MiB, 3 passes, 4 lanes
_GUESSED_FIRST = frozenset({
    "1234567890", "0123456789", "password123", "passw0rd123", "qwertyuiop", "katasandi123", "rahasia1234",
    "indonesia1945", "indonesia123", "bismillah123", "admin12345", "administrator", "1q2w3e4r5t",
})


def hash_password(password: str) -> str:
    """The hash to store, with its parameters and salt."""
    return _hasher.hash(_normal(password))


def is_right(stored: str, password: str) -> bool:
    """Whether the password fits the stored hash. Takes the same time for any stored hash of ours."""
    try:
        return _hasher.verify(stored, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def waste_time(password: str) -> None:
    """Do the work of a check for an account that does not exist or is paused, so that time tells nothing."""
    is_right(unknown_hash(), password)


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def ensure_good(password: str, username: str, field: str = "password") -> None:
    """:raises InvalidInput: too short, too long, guessed first, or made of the user name"""
    fault = ""
    folded = password.casefold()
    if len(password) < MIN_LENGTH:
        fault = "Kata sandi paling sedikit 10 karakter. Beberapa kata yang tidak berkaitan mudah diingat."
    elif len(password) > MAX_LENGTH:
        fault = "Kata sandi paling banyak 200 karakter."
    elif folded in _GUESSED_FIRST or len(set(folded)) < 4:
        fault = "Kata sandi ini termasuk yang pertama ditebak orang. Pilih yang lain."
    elif username and username.casefold() in folded:
        fault = "Kata sandi tidak boleh memuat nama pengguna."
    if fault:
        raise InvalidInput(fields={field: fault})


def _normal(password: str) -> str:
    # NFC: the same password typed on another keyboard must give the same bytes.
    return unicodedata.normalize("NFC", password)


@lru_cache(maxsize=1)
def unknown_hash() -> str:
    """A real hash of a password that nobody knows, for accounts whose owner has not set one yet: they take
    as long to refuse as any other."""
    return _hasher.hash(secrets.token_urlsafe(32))
