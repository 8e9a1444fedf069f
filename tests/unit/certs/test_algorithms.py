"""Until when algorithms are trusted, and what a signature is worth once they are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from certs.algorithms import DEFAULT_ENDS, NEVER, AlgorithmEnds, parse_ends, read_ends
from certs.augment import augment, provable_until
from certs.ca import build_crl, create_development_pki
from certs.pades import Level, SignedDocument
from certs.renewal import due_roles, renew
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import Report, validate_pdf
from tests.unit.certs.conftest import World

YEAR = timedelta(days=365)


def first_day(world: World, years: float) -> date:
    return (world.now + years * YEAR).date()


def trust_with(world: World, *days: tuple[str, date]) -> TrustStore:
    at = world.now + timedelta(minutes=10)
    crl = build_crl(world.pki.issuing, [], at, at + timedelta(days=1))
    return replace(world.pki.trust_store([crl]), ends=AlgorithmEnds(days))


def archive(world: World, pdf: bytes, trust: TrustStore, at: datetime, margin: timedelta = timedelta(0)) -> bytes:
    return augment(pdf, Level.B_LTA, world.tsa, trust, at, world.now, margin).pdf


def verdict(report: Report) -> str:
    return report.sub_indication or report.indication.value


def test_what_is_set_takes_the_place_of_the_defaults() -> None:
    ends = parse_ends(" sha256=2035-12-31, RSA2048=2030-12-31,sha224=never")
    assert ends.of_digest("sha256").at == datetime(2035, 12, 31, tzinfo=UTC)
    assert ends.of_digest("sha224").at == NEVER
    assert ends.of_digest("sha1").at == datetime(2012, 8, 1, tzinfo=UTC)
    assert [ends.of_key("rsa", bits).at.year for bits in (1024, 2048, 3072)] == [2019, 2030, NEVER.year]
    assert ends.of_key("ec", 256).at == NEVER
    assert read_ends(str(ends)) == ends
    assert parse_ends("") == DEFAULT_ENDS


@pytest.mark.parametrize(("text", "said"), [
    ("sha257=2030-01-01", "sha257"), ("rsa=2030-01-01", "'rsa'"), ("sha256", "name=YYYY-MM-DD"),
    ("sha256=2030-13-01", "no date"), ("sha256=soon", "no date"), ("sha256=2030-01-01,sha256=2031-01-01", "twice"),
])
def test_what_is_no_end_of_an_algorithm_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_ends(text)


@pytest.mark.parametrize("name", ["sha256", "rsa2048"])
def test_after_the_end_of_its_algorithm_nothing_is_proven(world: World, signed: SignedDocument, name: str) -> None:
    trust = trust_with(world, (name, first_day(world, 2)))
    pdf = archive(world, signed.pdf, trust, world.now + timedelta(minutes=10))
    end = provable_until(pdf, validate_pdf(pdf, trust, world.now + timedelta(hours=1)).timestamps, trust.ends)
    assert end.date() == first_day(world, 2)
    assert validate_pdf(pdf, trust, end - timedelta(seconds=1)).passed
    report = validate_pdf(pdf, trust, end)
    assert (report.indication, verdict(report)) == ("INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert validate_pdf(pdf, replace(trust, ends=AlgorithmEnds()), end).passed


@pytest.mark.parametrize("stronger", ["sha384", "sha512"])
def test_a_stamp_with_a_better_digest_from_before_the_end_proves_it_afterwards(
    world: World, signed: SignedDocument, stronger: str
) -> None:
    ended = [("sha256", first_day(world, 2)), ("sha384", first_day(world, 2))][:1 + (stronger == "sha512")]
    trust = trust_with(world, *ended)
    first = archive(world, signed.pdf, trust, world.now + timedelta(minutes=10))
    renewed_at = world.now + 2 * YEAR - timedelta(days=30)
    again = archive(world, first, trust, renewed_at, timedelta(days=90))
    report = validate_pdf(again, trust, world.now + 3 * YEAR)
    assert report.passed, report.explanation
    assert [one.indication for one in report.timestamps] == ["TOTAL-PASSED"] * 2
    assert provable_until(again, report.timestamps, trust.ends) > world.now + 3 * YEAR
    too_early = archive(world, first, trust, renewed_at)  # the margin is what chooses the digest
    assert verdict(validate_pdf(too_early, trust, world.now + 3 * YEAR)) == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"


def test_the_authority_s_longer_key_proves_what_a_short_one_signed(world: World, signed: SignedDocument) -> None:
    trust = trust_with(world, ("rsa2048", first_day(world, 2)))
    first = archive(world, signed.pdf, trust, world.now + timedelta(minutes=10))
    at = world.now + 2 * YEAR - timedelta(days=60)
    assert "tsa" not in due_roles(world.pki, at)
    assert "tsa" in due_roles(world.pki, at, trust.ends)
    pki = renew(world.pki, ("tsa",), at, ends=trust.ends)
    assert pki.tsa.key.key_size == 3072
    assert "tsa" not in due_roles(pki, at, trust.ends)
    unit = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
    later = replace(trust, crls=(*trust.crls, pki.root_crl))
    second = augment(first, Level.B_LTA, unit, later, at, world.now).pdf
    report = validate_pdf(second, later, world.now + 3 * YEAR)
    assert report.passed, report.explanation


def test_where_no_size_lasts_keys_are_renewed_once(world: World) -> None:
    pki = create_development_pki("Provinsi Contoh", world.now)
    ends = AlgorithmEnds((("rsa2048", first_day(world, 1)), ("rsa4096", first_day(world, 3))))
    assert "tsa" in due_roles(pki, world.now + YEAR, ends)
    renewed = renew(pki, ("tsa",), world.now + YEAR, ends=ends)
    assert renewed.tsa.key.key_size == 3072
    assert "tsa" not in due_roles(renewed, world.now + YEAR, ends)
