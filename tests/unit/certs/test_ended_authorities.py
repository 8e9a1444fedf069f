"""Lists and responses of authorities whose time is over: believed only if they are known to be older than its end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from certs.pades import LocalSigner, SignedDocument
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import Proof, Report, validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import (
    ASKED,
    DAY,
    DOCUMENTS,
    RESPONSES,
    STAMPS,
    Holder,
    answered,
    issue,
    listed,
    new_key,
    replaced,
    stamped,
    stored,
)


@dataclass(frozen=True)
class Ended:
    """An authority that ended ten days after a signature was stamped; asked a hundred days after."""

    world: World
    root: Holder
    short: Holder
    signer: Holder
    pdf: bytes

    @property
    def now(self) -> datetime:
        return self.world.later + 100 * DAY

    def trust(self, *known: Holder, lists: tuple[bytes, ...] = ()) -> TrustStore:
        above = lists or (listed(self.root, self.world.now - DAY, life=9999 * DAY),)
        units = (self.world.pki.root_crl, self.world.crl(at=self.now - timedelta(hours=1)))
        return TrustStore((self.root.certificate,), tuple(one.certificate for one in known),
                          (self.world.pki.root.certificate,), crls=(*above, *units))

    def judge(self, pdf: bytes, *known: Holder, lists: tuple[bytes, ...] = (), is_proven: bool = False) -> Report:
        proof = Proof(hashlib.sha256(pdf).hexdigest(), len(pdf), self.world.later + timedelta(hours=1))
        return validate_pdf(pdf, self.trust(*known, lists=lists), self.now, [proof] if is_proven else [])

    def signed(self, *carried: Holder) -> bytes:
        unit = Holder(self.world.pki.tsa.certificate, self.world.pki.tsa.key)
        return replaced(self.pdf, self.signer, carried,
                        unsigned=stamped(unit, self.world.now + timedelta(minutes=1)))


@pytest.fixture(scope="module")
def ended(world: World, signed: SignedDocument) -> Ended:
    root = issue("Akar", new_key(), None, world.now - 99 * DAY, world.now + 9999 * DAY, is_authority=True)
    short = issue("Penerbit", new_key(), root, world.now - 99 * DAY, world.later + 10 * DAY, is_authority=True)
    signer = issue("Budi Contoh", world.key, short, world.now - DAY, world.later + 9 * DAY, ASKED, purposes=DOCUMENTS)
    return Ended(world, root, short, signer, signed.pdf)


def test_a_list_counts_once_it_is_proven_to_be_older(ended: Ended) -> None:
    """Whoever has the old key can write any list, and any date on it."""
    made = listed(ended.short, ended.world.later)
    for pdf, known in (
        (stored(ended.signed(), lists=[made]), (ended.short,)),
        (stored(ended.signed(), [ended.short], [made]), ()),
        (stored(ended.signed(ended.short), lists=[made]), ()),
    ):
        assert not ended.judge(pdf, *known).passed
        assert ended.judge(pdf, *known, is_proven=True).passed


def test_a_certificate_that_anybody_can_make_keeps_no_authority_alive(ended: Ended) -> None:
    world, short = ended.world, ended.short
    since, until = world.now - DAY, world.now + 9999 * DAY
    made = listed(short, world.later)
    person = issue("Orang", new_key(), ended.root, since, until)
    stranger = issue("Penerbit", new_key(), None, since, until, is_authority=True)
    itself = issue("Penerbit", short.key, None, since, until, is_authority=True)
    by_person = issue("Penerbit", short.key, person, since, until, is_authority=True)
    for namesake in ([stranger], [itself], [by_person, person]):
        assert not ended.judge(stored(ended.signed(), namesake, [made]), short).passed
    extended = issue("Penerbit", short.key, ended.root, since, until, is_authority=True)
    assert ended.judge(stored(ended.signed(), [extended], [made]), short).passed


def test_an_authority_s_new_key_does_not_vouch_for_what_the_old_one_signs(ended: Ended) -> None:
    world = ended.world
    new = issue("Penerbit", new_key(), ended.root, world.now - DAY, world.now + 9999 * DAY, is_authority=True)
    by_old, by_new, too_late = listed(ended.short, world.later), listed(new, world.later), listed(
        new, world.later + 20 * DAY)
    for made, is_believed in ((by_old, False), (by_new, True), (too_late, False)):
        assert ended.judge(stored(ended.signed(), lists=[made]), ended.short, new).passed is is_believed


def test_more_namesakes_than_anybody_has_are_not_looked_through(ended: Ended) -> None:
    world, key = ended.world, new_key()
    names = [issue("Penerbit", key, Holder(ended.signer.certificate, key), world.now - DAY, world.now + DAY)
             for _ in range(60)]
    made = listed(ended.short, world.later)
    for count, is_believed in ((40, True), (60, False)):
        pdf = stored(ended.signed(), names[:count], [made])
        assert ended.judge(pdf, ended.short, is_proven=True).passed is is_believed


def test_an_authority_s_second_key_revokes_too(ended: Ended) -> None:
    """A good response from the first does not hide it."""
    world, short = ended.world, ended.short
    second = issue("Penerbit", new_key(), ended.root, world.now - 9 * DAY, world.later + 10 * DAY, is_authority=True)
    good = answered(ended.signer.certificate, short, short, world.later)
    for number, sub_indication in ((4711, None), (ended.signer.certificate.serial_number, "REVOKED_NO_POE")):
        revoking = listed(second, world.now, revoked=[number])
        pdf = stored(ended.signed(), [second], [revoking], [good])
        assert ended.judge(pdf, short, is_proven=True).sub_indication == sub_indication


def test_a_response_counts_as_long_as_its_responder(ended: Ended) -> None:
    world, short = ended.world, ended.short
    delegate = issue("Penjawab", new_key(), short, world.now - DAY, world.later + 5 * DAY, x509.OCSPNoCheck(),
                     purposes=RESPONSES)
    about = (ended.signer.certificate, short)
    for responder, is_by_key, is_embedded, store, carried in (
        (short, False, False, [], ()), (short, True, False, [], ()), (delegate, False, True, [], ()),
        (delegate, False, False, [delegate], ()), (delegate, True, False, [delegate], ()),
        (delegate, False, False, [], (delegate,)),
    ):
        said = answered(*about, responder, world.later, is_by_key=is_by_key, is_embedded=is_embedded)
        pdf = stored(ended.signed(*carried), store, responses=[said])
        assert not ended.judge(pdf, short).passed
        assert ended.judge(pdf, short, is_proven=True).passed


def test_what_is_made_after_an_authority_s_end_does_not_say_that_it_was_unrevoked(ended: Ended) -> None:
    """It may have been struck off the list (RFC 5280 3.3)."""
    pdf = stored(ended.signed(), [ended.short], [listed(ended.short, ended.world.later)])
    for at, is_told in ((ended.world.later, True), (ended.world.later + 50 * DAY, False)):
        above = (listed(ended.root, at, life=999 * DAY),)
        assert ended.judge(pdf, lists=above, is_proven=True).passed is is_told


def test_nor_that_a_time_stamping_unit_was(world: World) -> None:
    issuing = Holder(world.pki.issuing.certificate, world.pki.issuing.key)
    unit = issue("Penanda waktu", world.key, issuing, world.now - DAY, world.later + 5 * DAY, purposes=STAMPS,
                 is_critical=True)
    pdf = World(world.now, world.pki, TimeStampAuthority(unit.certificate, world.key, world.pki.chain), world.key,
                world.certificate, LocalSigner(world.certificate, world.key, world.pki.chain), world.page).sign().pdf
    now = world.later + 20 * DAY
    proof = Proof(hashlib.sha256(pdf).hexdigest(), len(pdf), world.later + timedelta(hours=2))
    after, before = world.crl(at=now - timedelta(hours=1)), world.crl(at=world.later + 4 * DAY)
    for lists, is_told in ((after,), False), ((after, before), True):
        assert validate_pdf(pdf, world.pki.trust_store(lists), now, [proof]).passed is is_told
