"""Levels over time: what each is worth years later, with the revocation servers gone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certs.algorithms import AlgorithmEnds
from certs.augment import augment, provable_until
from certs.ca import DevelopmentPki, Revocation, build_crl, create_development_pki
from certs.errors import DocumentUnsignable, TimestampUnavailable
from certs.pades import Level, SignedDocument
from certs.renewal import extend_authority, renew
from certs.revocation import RevocationDataMissing
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import Proof, Report, validate_pdf
from tests.attacks.stamps import stamped, strange_authority
from tests.support.pki import issue_tsa
from tests.unit.certs.conftest import ORGANISATION, World

YEAR = timedelta(days=365)


def soon(world: World) -> datetime:
    return world.now + timedelta(minutes=10)


def fresh(world: World, *revoked: Revocation) -> TrustStore:
    """Trust with a list issued after the signature."""
    return world.pki.trust_store([build_crl(world.pki.issuing, revoked, soon(world), soon(world) + timedelta(days=1))])


def verdict(report: Report) -> str:
    return report.sub_indication or report.indication.value


@pytest.fixture(scope="module")
def long_term(world: World, signed: SignedDocument) -> bytes:
    return augment(signed.pdf, Level.B_LT, world.tsa, fresh(world), soon(world), world.now).pdf


@pytest.fixture(scope="module")
def archived(world: World, signed: SignedDocument) -> bytes:
    return augment(signed.pdf, Level.B_LTA, world.tsa, fresh(world), soon(world), world.now).pdf


@pytest.fixture(scope="module")
def later_pki(world: World) -> DevelopmentPki:
    """What the province uses nine years on, when the first one's root is about to end."""
    return create_development_pki(ORGANISATION, world.now + 9 * YEAR - timedelta(days=30))


def test_the_old_file_is_a_prefix_and_the_level_is_told(
    world: World, signed: SignedDocument, long_term: bytes, archived: bytes
) -> None:
    for pdf, level in ((long_term, "B-LT"), (archived, "B-LTA")):
        assert pdf.startswith(signed.pdf)
        report = validate_pdf(pdf, fresh(world), soon(world))
        assert report.passed, report.explanation
        assert report.signatures[0].level == level
    assert not validate_pdf(long_term, fresh(world), soon(world)).explained
    assert validate_pdf(archived, fresh(world), soon(world)).explained


@pytest.mark.parametrize(("level", "years", "expected"), [
    ("B-B", 3, "OUT_OF_BOUNDS_NO_POE"),
    ("B-T", 1, "TRY_LATER"),
    ("B-T", 3, "OUT_OF_BOUNDS_NO_POE"),
    ("B-LT", 1, "TOTAL-PASSED"),
    ("B-LT", 3, "TOTAL-PASSED"),
    ("B-LT", 6, "OUT_OF_BOUNDS_NO_POE"),  # the time stamp's own certificate has ended
    ("B-LTA", 1, "TOTAL-PASSED"),
    ("B-LTA", 4, "TOTAL-PASSED"),
    ("B-LTA", 6, "OUT_OF_BOUNDS_NO_POE"),  # nobody has renewed the archive time stamp
    *((level, 10, "OUT_OF_BOUNDS_NO_POE") for level in ("B-B", "B-T", "B-LT", "B-LTA")),  # renewed: see below
])
def test_what_a_level_is_worth_when_the_revocation_servers_are_gone(
    world: World, signed: SignedDocument, long_term: bytes, archived: bytes, level: str, years: int, expected: str
) -> None:
    files = {"B-B": world.sign(world.request(Level.B_B)).pdf, "B-T": signed.pdf, "B-LT": long_term, "B-LTA": archived}
    report = validate_pdf(files[level], world.pki.trust_store(), soon(world) + years * YEAR)
    assert verdict(report) == expected, report.explanation


def test_only_a_believed_stamp_over_revocation_data_archives(world: World, signed: SignedDocument) -> None:
    for authority in (world.tsa, strange_authority(world)):
        report = validate_pdf(stamped(world, signed.pdf, authority), fresh(world), soon(world))
        assert report.signatures[0].level == "B-T"


def test_a_stamp_that_claims_to_be_later_than_the_archive_s_proves_nothing(world: World) -> None:
    hasty = world.sign(world.request(at=world.now + timedelta(hours=1))).pdf
    raised = augment(hasty, Level.B_LTA, world.tsa, fresh(world), soon(world)).pdf
    report = validate_pdf(raised, fresh(world), world.now + timedelta(hours=2))
    assert verdict(report) == "TIMESTAMP_ORDER_FAILURE"


def ends(world: World, pdf: bytes) -> datetime:
    return provable_until(pdf, validate_pdf(pdf, fresh(world), soon(world)).timestamps, AlgorithmEnds())


def test_a_stranger_s_stamp_keeps_nothing_provable(world: World, archived: bytes) -> None:
    strange = stamped(world, archived, strange_authority(world))
    assert ends(world, strange) == ends(world, archived)


def test_a_stranger_s_stamp_lowers_no_level(world: World, archived: bytes) -> None:
    report = validate_pdf(stamped(world, archived, strange_authority(world)), fresh(world), soon(world))
    assert (report.passed, report.signatures[0].level) == (False, "B-LTA")


def test_renewed_in_time_it_is_provable_ten_years_on_and_longer(
    world: World, archived: bytes, later_pki: DevelopmentPki
) -> None:
    renewal = world.now + 4 * YEAR
    assert renewal < ends(world, archived) < world.now + 5 * YEAR
    second = world.now + 4 * YEAR + timedelta(days=200)
    first = augment(archived, Level.B_LTA, world.tsa, world.pki.trust_store(), renewal).pdf
    tsa = TimeStampAuthority(later_pki.tsa.certificate, later_pki.tsa.key, (later_pki.root.certificate,))
    both = TrustStore((world.pki.root.certificate, later_pki.root.certificate),
                      crls=(world.pki.root_crl, later_pki.root_crl))
    told = validate_pdf(first, world.pki.trust_store(), renewal + timedelta(hours=1)).timestamps
    assert second < provable_until(first, told, AlgorithmEnds())
    bridged = bridge(world, first, second)
    last = augment(bridged, Level.B_LTA, tsa, both, world.now + 9 * YEAR).pdf
    report = validate_pdf(last, both, world.now + 10 * YEAR)
    assert report.passed, report.explanation
    assert [one.sub_indication for one in report.timestamps] == [None] * 4
    signature = report.signatures[0]
    assert (signature.proven_at, signature.proven_by) == (world.now, "timestamp")
    assert (signature.certificate_then, signature.certificate_now) == ("valid", "expired")
    assert not validate_pdf(last, world.pki.trust_store(), world.now + 10 * YEAR).passed


def test_it_outlives_the_authority_s_first_end_once_that_is_extended(world: World, archived: bytes) -> None:
    pki, last = world.pki, archived
    for year in (4, 8, 12, 16):
        now = world.now + year * YEAR
        if year in (8, 16):
            pki = extend_authority(pki, now)
        pki = renew(pki, ("tsa",), now)
        tsa = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
        last = augment(last, Level.B_LTA, tsa, pki.trust_store(), now).pdf
    then = world.now + 20 * YEAR
    assert world.pki.root.certificate.not_valid_after_utc < then < pki.root.certificate.not_valid_after_utc
    report = validate_pdf(last, pki.trust_store(), then)
    assert report.passed, report.explanation
    assert (report.signatures[0].proven_at, report.signatures[0].proven_by) == (world.now, "timestamp")
    # The same name and key: an anchor of the first days is as good.
    assert validate_pdf(last, world.pki.trust_store(), then).passed


def bridge(world: World, pdf: bytes, at: datetime) -> bytes:
    """A further time stamp by the same root's next unit, which lasts to its end."""
    unit = issue_tsa(world.pki.root, at - timedelta(days=1))
    return augment(pdf, Level.B_LTA, unit, world.pki.trust_store(), at).pdf




def test_revoked_later_but_proven_before_stays_good(world: World, archived: bytes, long_term: bytes) -> None:
    at = world.now + timedelta(days=30)
    crl = build_crl(world.pki.issuing, [Revocation(world.certificate.serial_number, at)], at, at + timedelta(days=1))
    for pdf in (archived, long_term):
        report = validate_pdf(pdf, world.pki.trust_store([crl]), at + timedelta(hours=1))
        assert report.passed
        assert report.signatures[0].certificate_now == "revoked"
        assert report.signatures[0].certificate_then == "valid"
        assert report.signatures[0].revoked_at == at.replace(microsecond=0)


def test_revoked_before_signing_is_not_mended_by_augmentation(world: World, signed: SignedDocument) -> None:
    before = Revocation(world.certificate.serial_number, world.now - timedelta(minutes=30))
    pdf = augment(signed.pdf, Level.B_LTA, world.tsa, fresh(world, before), soon(world), world.now).pdf
    assert verdict(validate_pdf(pdf, fresh(world, before), soon(world))) == "REVOKED_NO_POE"


def test_revocation_data_older_than_the_signature_is_not_enough(world: World, signed: SignedDocument) -> None:
    old = build_crl(world.pki.issuing, (), world.now - timedelta(hours=1), world.now + timedelta(days=1))
    with pytest.raises(RevocationDataMissing) as raised:
        augment(signed.pdf, Level.B_LT, world.tsa, world.pki.trust_store([old]), soon(world), world.now)
    assert [one.subject.split(",")[0] for one in raised.value.missing] == ["CN=Sari Contoh Utama"]


def test_what_has_no_signature_is_refused_and_without_a_time_stamp_there_is_no_lt(world: World) -> None:
    unstamped = world.sign(world.request(Level.B_B)).pdf
    for pdf, level in ((world.page, Level.B_LTA), (b"%PDF-1.7 nothing", Level.B_LTA), (unstamped, Level.B_LT)):
        with pytest.raises(DocumentUnsignable):
            augment(pdf, level, world.tsa, fresh(world), soon(world))


def test_an_archive_time_stamp_proves_from_then_on_what_had_none(world: World) -> None:
    unstamped = world.sign(world.request(Level.B_B)).pdf
    raised = augment(unstamped, Level.B_LTA, world.tsa, fresh(world), soon(world))
    assert raised.pdf.startswith(unstamped)
    report = validate_pdf(raised.pdf, world.pki.trust_store(), soon(world) + 4 * YEAR)
    assert report.passed, report.explanation
    (signature,) = report.signatures
    assert (signature.level, signature.proven_by, signature.proven_at) == ("B-LTA", "archive", soon(world))


def test_a_tsa_that_refuses_is_told_apart(world: World, signed: SignedDocument) -> None:
    class Down:
        def respond(self, request_der: bytes, now: datetime) -> bytes:
            raise TimestampUnavailable("down")

    with pytest.raises(TimestampUnavailable):
        augment(signed.pdf, Level.B_LTA, Down(), fresh(world), soon(world), world.now)


def test_a_register_proves_what_the_file_does_not(world: World, signed: SignedDocument) -> None:
    now = soon(world) + 3 * YEAR
    proof = Proof(signed.sha256, len(signed.pdf), soon(world))
    trust = fresh(world)
    without = world.sign(world.request(Level.B_B))
    assert verdict(validate_pdf(without.pdf, trust, now)) == "OUT_OF_BOUNDS_NO_POE"
    proven = validate_pdf(without.pdf, trust, now, [Proof(without.sha256, len(without.pdf), soon(world))])
    assert proven.passed, proven.explanation
    assert (proven.signatures[0].proven_at, proven.signatures[0].proven_by) == (soon(world), "register")
    # A proof of other bytes, or of too few, proves nothing.
    for useless in (proof, Proof(without.sha256, len(without.pdf) - 1, soon(world))):
        assert not validate_pdf(without.pdf, trust, now, [useless]).passed


def test_a_list_seen_only_after_its_authority_ended_is_not_believed(world: World) -> None:
    """Whoever got hold of an authority's old key could make any list."""
    signed = world.sign()
    late = world.now + 8 * YEAR + timedelta(days=30)
    backdated = build_crl(world.pki.issuing, (), soon(world), soon(world) + timedelta(days=1))
    proof = Proof(signed.sha256, len(signed.pdf), soon(world))
    # The proof covers the file, not the list: that comes from outside, eight years later.
    report = validate_pdf(signed.pdf, world.pki.trust_store([backdated]), late, [proof])
    assert not report.passed
