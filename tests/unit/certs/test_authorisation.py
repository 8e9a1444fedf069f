"""One act where the key is used: these bytes, once, in time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from certs.authorisation import (
    Authorisation,
    AuthorisationExpired,
    AuthorisationSpent,
    AuthorisedSigner,
    NotAuthorised,
    Owner,
    authorise,
)
from certs.pades import Level, SignedDocument, SignRequest
from tests.support.clock import FrozenClock

SHOWN, OTHER = b"the decree that was shown", b"another decree"
OWNER = Owner("orang", "sertifikat")
REQUEST = SignRequest(datetime(2026, 11, 2, tzinfo=UTC), "Penanda Tangan")


@dataclass
class Key:
    """A key that tells what it was used for."""

    used: list[bytes] = field(default_factory=list)

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        self.used.append(pdf)
        return SignedDocument(pdf, hashlib.sha256(pdf).hexdigest(), Level.B_T, request.field_name)


@dataclass
class Ledger:
    """Hashes that were claimed, each once."""

    claimed: set[str] = field(default_factory=set)

    def claim(self, sha256: str) -> bool:
        is_fresh = sha256 not in self.claimed
        self.claimed.add(sha256)
        return is_fresh


def given(clock: FrozenClock, *pdfs: bytes) -> Authorisation:
    hashes = [hashlib.sha256(one).hexdigest() for one in pdfs]
    return authorise("izin", OWNER.user_id, OWNER.credential_id, hashes, clock.now())


@pytest.mark.parametrize("other", [Owner("orang lain", "sertifikat"), Owner("orang", "sertifikat lain")])
def test_another_key_than_the_one_authorised_is_not_taken(other: Owner) -> None:
    clock = FrozenClock()
    with pytest.raises(NotAuthorised):
        AuthorisedSigner(Key(), other, given(clock, SHOWN), clock.now, Ledger().claim)


def test_other_bytes_than_those_authorised_never_reach_the_key() -> None:
    clock, key, ledger = FrozenClock(), Key(), Ledger()
    signer = AuthorisedSigner(key, OWNER, given(clock, SHOWN), clock.now, ledger.claim)
    with pytest.raises(NotAuthorised):
        signer.sign(OTHER, REQUEST)
    assert (key.used, ledger.claimed) == ([], set())
    signer.sign(SHOWN, REQUEST)
    assert key.used == [SHOWN]


def test_the_same_bytes_reach_the_key_once_whichever_process_asks() -> None:
    clock, key, ledger = FrozenClock(), Key(), Ledger()
    authorisation = given(clock, SHOWN)
    AuthorisedSigner(key, OWNER, authorisation, clock.now, ledger.claim).sign(SHOWN, REQUEST)
    with pytest.raises(AuthorisationSpent):
        AuthorisedSigner(key, OWNER, authorisation, clock.now, ledger.claim).sign(SHOWN, REQUEST)
    assert key.used == [SHOWN]


@pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(days=1), timedelta(seconds=-1)])
def test_out_of_its_time_it_is_good_for_nothing(later: timedelta) -> None:
    clock, key, ledger = FrozenClock(), Key(), Ledger()
    signer = AuthorisedSigner(key, OWNER, given(clock, SHOWN), clock.now, ledger.claim)
    clock.at += later
    with pytest.raises(AuthorisationExpired):
        signer.sign(SHOWN, REQUEST)
    assert (key.used, ledger.claimed) == ([], set())


def test_it_lives_for_five_minutes_at_most_and_names_each_document_once() -> None:
    clock = FrozenClock()
    with pytest.raises(ValueError, match="five minutes"):
        authorise("izin", "orang", "sertifikat", ["ab"], clock.now(), timedelta(minutes=5, seconds=1))
    with pytest.raises(ValueError, match="sorted"):
        authorise("izin", "orang", "sertifikat", [], clock.now())
    assert given(clock, SHOWN, OTHER, SHOWN).count == 2


def test_its_digest_changes_with_everything_that_it_is_bound_to() -> None:
    clock = FrozenClock()
    now = clock.now()
    acts = [authorise("izin", user, credential, hashes, now, life) for user, credential, hashes, life in (
        ("orang", "sertifikat", ["ab"], timedelta(minutes=5)), ("lain", "sertifikat", ["ab"], timedelta(minutes=5)),
        ("orang", "lain", ["ab"], timedelta(minutes=5)), ("orang", "sertifikat", ["cd"], timedelta(minutes=5)),
        ("orang", "sertifikat", ["ab", "cd"], timedelta(minutes=5)),
        ("orang", "sertifikat", ["ab"], timedelta(minutes=4)))]
    assert len({one.digest for one in acts}) == len(acts)
