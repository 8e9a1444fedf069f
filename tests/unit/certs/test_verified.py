"""Whoever revokes wins: no older answer, no other kind of answer and no forged one hides or feigns a revocation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certs.ca import Issued, Revocation, build_crl, create_development_pki, issue_signer_certificate
from certs.ocsp import Known, respond
from certs.pades import Level, LocalSigner
from certs.trust import TrustStore
from certs.validation import Indication, SignatureReport, validate_pdf
from tests.attacks.craft import facts, update
from tests.unit.certs.conftest import ORGANISATION, SUBJECT, World
from tests.unit.certs.crafted import Holder, listed

BEFORE, AFTER = timedelta(minutes=-30), timedelta(minutes=30)


@dataclass(frozen=True)
class Asked:
    """A world whose signer's certificate names a responder, so that both lists and responses are heard."""

    world: World

    def response(self, state: Revocation | Known, at: datetime, signer: Issued | None = None) -> bytes:
        issuer = self.world.pki.issuing.certificate
        request = ocsp.OCSPRequestBuilder().add_certificate(self.world.certificate, issuer, hashes.SHA1())  # noqa: S303
        der = request.build().public_bytes(Encoding.DER)
        return respond(der, issuer, signer or self.world.pki.ocsp, lambda _: state, at, timedelta(hours=3))

    def revocation(self, after_signing: timedelta, reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise
                   ) -> Revocation:
        return Revocation(self.world.certificate.serial_number, self.world.now + after_signing, reason)

    def judge(self, pdf: bytes, trust: TrustStore) -> SignatureReport:
        return validate_pdf(pdf, trust, self.world.later).signatures[0]


def with_stored(pdf: bytes, kind: str, der: bytes) -> bytes:
    """The file with a security store that anybody could have appended."""
    known = facts(pdf)
    root = int(known.root.split()[0])
    catalogue = re.findall(rb"(?<!\d)%d 0 obj\s*(.*?)>>\s*endobj" % root, pdf, re.DOTALL)[-1]
    store, stream = known.size, known.size + 1
    return update(pdf, {
        root: catalogue + b"/DSS %d 0 R>>" % store,
        store: b"<</Type/DSS/%s[%d 0 R]>>" % (kind.encode(), stream),
        stream: b"<</Length %d>>\nstream\n%s\nendstream" % (len(der), der)})


@pytest.fixture(scope="module")
def asked(world: World) -> Asked:
    certificate = issue_signer_certificate(
        world.pki.issuing, SUBJECT, world.key.public_key(), world.now - timedelta(hours=2),
        crl_url="http://ca.example/list.crl", ocsp_url="http://ca.example/ocsp")
    return Asked(replace(world, certificate=certificate, signer=LocalSigner(certificate, world.key, world.pki.chain)))


@pytest.fixture(scope="module", params=[Level.B_B, Level.B_T])
def pdf(asked: Asked, request: pytest.FixtureRequest) -> bytes:
    return asked.world.sign(asked.world.request(level=request.param)).pdf


def test_an_old_good_response_in_the_file_does_not_hide_what_the_list_says(asked: Asked, pdf: bytes) -> None:
    world = asked.world
    stored = with_stored(pdf, "OCSPs", asked.response(Known.GOOD, world.now - timedelta(minutes=45)))
    assert asked.judge(stored, world.trust()).indication is Indication.TOTAL_PASSED
    for at in (world.later, world.now + timedelta(days=1), world.now + timedelta(days=200)):
        trust = world.trust(asked.revocation(BEFORE), at=at)
        found = validate_pdf(stored, trust, at + timedelta(minutes=5)).signatures[0]
        assert (found.indication, found.sub_indication) == (Indication.INDETERMINATE, "REVOKED_NO_POE")
        assert found.certificate_then == found.certificate_now == "revoked"


def test_an_old_good_list_or_response_does_not_hide_what_a_response_says(asked: Asked, pdf: bytes) -> None:
    world = asked.world
    early, late = world.now - timedelta(minutes=45), world.later - timedelta(minutes=1)
    good, bad = asked.response(Known.GOOD, early), asked.response(asked.revocation(BEFORE), late)
    bare = world.pki.trust_store([])
    for trust in (bare.with_revocation([world.crl(at=early)], [bad]), bare.with_revocation(ocsps=[good, bad]),
                  bare.with_revocation(ocsps=[bad, good]), bare.with_revocation([world.crl()], [bad])):
        assert asked.judge(pdf, trust).sub_indication == "REVOKED_NO_POE"


def test_what_is_revoked_after_the_proven_time_stays_passed(asked: Asked) -> None:
    world = asked.world
    pdf = world.sign(world.request(level=Level.B_T)).pdf
    good = asked.response(Known.GOOD, world.now + timedelta(minutes=1))
    bad = asked.response(asked.revocation(AFTER), world.later - timedelta(minutes=1))
    for trust in (world.trust(asked.revocation(AFTER)).with_revocation(ocsps=[good]),
                  world.trust().with_revocation(ocsps=[good, bad])):
        found = asked.judge(pdf, trust)
        assert found.indication is Indication.TOTAL_PASSED, found.message
        assert (found.certificate_then, found.certificate_now) == ("valid", "revoked")


def test_a_hold_that_was_lifted_does_not_count_and_one_that_was_not_does(asked: Asked, pdf: bytes) -> None:
    world = asked.world
    hold = asked.revocation(BEFORE, x509.ReasonFlags.certificate_hold)
    held = world.crl(hold, at=world.now - timedelta(minutes=10))
    lifted = asked.response(Known.GOOD, world.later - timedelta(minutes=1))
    earlier = asked.response(Known.GOOD, world.now - timedelta(minutes=20))
    bare = world.pki.trust_store([])
    assert asked.judge(pdf, bare.with_revocation([held], [lifted])).indication is Indication.TOTAL_PASSED
    assert asked.judge(pdf, bare.with_revocation([held], [earlier])).sub_indication == "REVOKED_NO_POE"


@pytest.mark.parametrize(("extension", "is_lifted"), [
    (x509.IssuingDistributionPoint(None, None, True, False, None, False, False), True),
    (x509.IssuingDistributionPoint(None, None, False, True, None, False, False), False),
    (x509.IssuingDistributionPoint(None, None, False, False, frozenset([x509.ReasonFlags.superseded]), False, False),
     False),
    (x509.IssuingDistributionPoint([x509.UniformResourceIdentifier("http://ca.example/list.crl")], None, False, False,
                                   None, False, False), True),
    (x509.IssuingDistributionPoint([x509.UniformResourceIdentifier("http://ca.example/2.crl")], None, False, False,
                                   None, False, False), False),
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),
])  # fmt: skip
def test_a_list_that_would_not_name_it_lifts_no_hold(
    asked: Asked, pdf: bytes, extension: x509.ExtensionType, is_lifted: bool
) -> None:
    world, issuing = asked.world, asked.world.pki.issuing
    hold = asked.revocation(BEFORE, x509.ReasonFlags.certificate_hold)
    held = build_crl(issuing, [hold], world.now - timedelta(minutes=10), world.now - timedelta(minutes=1))
    newer = listed(Holder(issuing.certificate, issuing.key), world.later, extension)
    earlier = asked.response(Known.GOOD, world.now - timedelta(minutes=20))
    found = asked.judge(pdf, world.pki.trust_store([held, newer]).with_revocation([], [earlier]))
    assert (found.indication is Indication.TOTAL_PASSED) is is_lifted


def test_an_authority_s_revocation_wins_over_an_older_list(asked: Asked, pdf: bytes) -> None:
    world = asked.world
    revocation = Revocation(world.pki.issuing.certificate.serial_number, world.now + BEFORE,
                            x509.ReasonFlags.ca_compromise)
    newer = build_crl(world.pki.root, [revocation], world.later, world.later + timedelta(days=1))
    trust = replace(world.trust(), crls=(world.pki.root_crl, world.crl(), newer))
    assert asked.judge(pdf, trust).sub_indication == "REVOKED_CA_NO_POE"


def test_a_time_stamping_unit_s_revocation_wins_over_an_older_list(asked: Asked) -> None:
    world = asked.world
    pdf = world.sign(world.request(level=Level.B_T)).pdf
    revocation = Revocation(world.pki.tsa.certificate.serial_number, world.now + BEFORE,
                            x509.ReasonFlags.key_compromise)
    newer = build_crl(world.pki.root, [revocation], world.later, world.later + timedelta(days=1))
    trust = replace(world.trust(), crls=(world.pki.root_crl, world.crl(), newer))
    found = asked.judge(pdf, trust)
    assert (found.indication, found.timestamp_at) == (Indication.INDETERMINATE, None)


@pytest.mark.parametrize("kind", ["CRLs", "OCSPs"])
def test_what_a_stranger_signed_neither_revokes_nor_raises_the_level(asked: Asked, kind: str) -> None:
    world = asked.world
    pdf = world.sign(world.request(level=Level.B_T)).pdf
    revocation, moment = asked.revocation(BEFORE), world.now + timedelta(minutes=5)
    stranger = Issued(world.pki.issuing.certificate, world.key)
    forged = (build_crl(stranger, [revocation], moment, moment + timedelta(days=9)) if kind == "CRLs"
              else asked.response(revocation, moment, Issued(world.certificate, world.key)))
    found = asked.judge(with_stored(pdf, kind, forged), world.trust())
    assert (found.indication, found.level) == (Indication.TOTAL_PASSED, "B-T")
    assert (found.certificate_then, found.certificate_now, found.revoked_at) == ("valid", "valid", None)


def test_an_authority_that_nobody_here_knows_says_nothing_good_of_its_own(world: World) -> None:
    """Neither that a certificate is in force nor that its signature can be proven later on."""
    pki = create_development_pki(ORGANISATION, world.now - timedelta(days=1))
    certificate = issue_signer_certificate(pki.issuing, SUBJECT, world.key.public_key(), world.now - timedelta(hours=2))
    theirs = replace(world, pki=pki, signer=LocalSigner(certificate, world.key, pki.chain))
    pdf = theirs.sign(world.request(level=Level.B_T)).pdf
    told = []
    for revoked in ((), (Revocation(certificate.serial_number, world.now + BEFORE, x509.ReasonFlags.superseded),)):
        found = validate_pdf(with_stored(pdf, "CRLs", theirs.crl(*revoked)), world.trust(), world.later).signatures[0]
        assert (found.sub_indication, found.level) == ("NO_CERTIFICATE_CHAIN_FOUND", "B-LT" if revoked else "B-T")
        told.append((found.certificate_then, found.certificate_now))
    assert told == [("unknown", "unknown"), ("revoked", "revoked")]


def test_a_response_about_another_authority_s_certificate_of_this_number_says_nothing(asked: Asked) -> None:
    world = asked.world
    pdf = world.sign(world.request(level=Level.B_T)).pdf
    root = world.pki.root.certificate
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        b"n" * 20, b"k" * 20, world.certificate.serial_number, hashes.SHA1(),  # noqa: S303
        ocsp.OCSPCertStatus.REVOKED, world.later, world.later + timedelta(hours=1), world.now + BEFORE, None)
    other = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, root).sign(world.pki.root.key, hashes.SHA256())
    trust = world.trust().with_revocation(ocsps=[other.public_bytes(Encoding.DER)])
    found = asked.judge(pdf, trust)
    assert (found.indication, found.revoked_at) == (Indication.TOTAL_PASSED, None)


def test_nothing_is_known_by_data_from_the_future(asked: Asked, pdf: bytes) -> None:
    world = asked.world
    bare = world.pki.trust_store([])
    for days, expected in ((0, Indication.TOTAL_PASSED), (3, Indication.INDETERMINATE)):
        at = world.later + timedelta(days=days)
        for trust in (bare.with_revocation([world.crl(at=at)]), bare.with_revocation(
                ocsps=[asked.response(Known.GOOD, at)])):
            found = asked.judge(pdf, trust)
            assert found.indication is expected
            assert found.certificate_now == ("unknown" if days else "valid")
