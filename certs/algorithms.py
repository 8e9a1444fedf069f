"""Until when algorithms are trusted: digests by name, keys by kind and size.

The dates are those of ETSI TS 119 312 V1.5.1 in its machine-readable form (policy 1.5.1 of 13 October 2024, as it comes
with EU DSS). RSA keys of 1900 bits and more have no date here although it gives one: its editions differ by years for
them, and what authorities really issue is RSA with 2048 bits. Operators set what their law demands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from asn1crypto import cms, keys

NEVER = datetime.max.replace(tzinfo=UTC)
STAMP_DIGESTS = ("sha256", "sha384", "sha512")
"""For new time stamps, the weakest first."""

_DIGESTS = frozenset({"md5", "sha1", "sha224", *STAMP_DIGESTS, "sha3_224", "sha3_256", "sha3_384", "sha3_512"})
_KEY = re.compile(r"(rsa|ec)([1-9]\d{2,4})")
_FOREVER = "never"


@dataclass(frozen=True)
class End:
    """When something stops to count (UTC), and what ends it: a name as in :class:`AlgorithmEnds`."""

    at: datetime
    by: str


@dataclass(frozen=True)
class AlgorithmEnds:
    """Pairs of name and first day (UTC) on which it is no longer trusted. A name is a digest's ("sha256"), or a kind of
    key with the most bits that end then ("rsa2048": RSA keys of 2048 bits and less)."""

    days: tuple[tuple[str, date], ...] = ()

    def __str__(self) -> str:
        """As :func:`parse_ends` reads it."""
        return ",".join(f"{name}={day.isoformat()}" for name, day in self.days)

    def of_digest(self, name: str) -> End:
        """When a digest ends; ``NEVER`` for one without a date."""
        return min((_end(one, day) for one, day in self.days if one == name), default=End(NEVER, name),
                   key=lambda end: end.at)

    def of_key(self, kind: str, bits: int) -> End:
        """The same of a key; kinds are ``rsa`` and ``ec``."""
        found = [_end(name, day) for name, day in self.days
                 if (match := _KEY.fullmatch(name)) and match[1] == kind and bits <= int(match[2])]
        return min(found, default=End(NEVER, f"{kind}{bits}"), key=lambda end: end.at)

    def of_public_key(self, key: keys.PublicKeyInfo) -> End:
        """The same of a certificate's key."""
        kind = "rsa" if key.algorithm.startswith("rsa") else key.algorithm
        return self.of_key(kind, key.bit_size) if kind in {"rsa", "ec"} else End(NEVER, kind)

    def of_token(self, token: cms.SignedData, key: keys.PublicKeyInfo) -> End:
        """When the first of what a time stamp rests on ends: the digests of imprint and signature, the key's size."""
        info = token["encap_content_info"]["content"].parsed
        algorithms = (info["message_imprint"]["hash_algorithm"], token["signer_infos"][0]["digest_algorithm"])
        digests = {one["algorithm"].native for one in algorithms}
        return min((*map(self.of_digest, sorted(digests)), self.of_public_key(key)), key=lambda end: end.at)

    def stamp_digest(self, at: datetime) -> str:
        """The weakest digest for new stamps that has not ended by then; if all have, the strongest."""
        return next((one for one in STAMP_DIGESTS if self.of_digest(one).at > at), STAMP_DIGESTS[-1])


NO_ENDS = AlgorithmEnds()
DEFAULT_ENDS = AlgorithmEnds((
    ("md5", date(2004, 8, 1)),
    ("sha1", date(2012, 8, 1)),
    ("sha224", date(2029, 1, 1)),
    ("rsa1899", date(2019, 10, 1)),
))


def parse_ends(text: str) -> AlgorithmEnds:
    """The defaults, and in their place what an operator writes as ``name=YYYY-MM-DD``, comma-separated; ``name=never``
    takes a default away.

    :raises ValueError: an unknown name, one that comes twice, or no date; the text says which
    """
    return _with_days({**dict(DEFAULT_ENDS.days), **_read(text)})


def read_ends(text: str) -> AlgorithmEnds:
    """What ``str`` made of ends, without the defaults. :raises ValueError: as :func:`parse_ends`"""
    return _with_days(_read(text))


def _end(name: str, day: date) -> End:
    return End(datetime(day.year, day.month, day.day, tzinfo=UTC), name)


def _with_days(days: Mapping[str, date | None]) -> AlgorithmEnds:
    return AlgorithmEnds(tuple((name, day) for name, day in days.items() if day is not None))


def _read(text: str) -> dict[str, date | None]:
    given: dict[str, date | None] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, separator, day = (piece.strip().lower() for piece in part.partition("="))
        if not separator:
            raise ValueError(f"{part!r} is not written as name=YYYY-MM-DD")
        if name not in _DIGESTS and not _KEY.fullmatch(name):
            raise ValueError(f"{name!r} is no digest ({', '.join(sorted(_DIGESTS))}) and no key such as rsa2048, ec256")
        if name in given:
            raise ValueError(f"{name!r} is there twice")
        try:
            given[name] = None if day == _FOREVER else date.fromisoformat(day)
        except ValueError as error:
            raise ValueError(f"{part!r} has no date of the form YYYY-MM-DD") from error
    return given
