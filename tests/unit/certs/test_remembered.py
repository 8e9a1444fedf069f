"""What is kept between validations changes no verdict."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from pyhanko_certvalidator.sig_validate import SignatureValidationContext

from certs import _remembered
from certs._asn1 import known_certificate, known_crl, recall_certificate, to_asn1
from certs._remembered import RememberingValidator
from certs.ca import Revocation, build_crl, create_development_pki
from certs.pades import SignedDocument
from certs.trust import TrustStore
from certs.validation import validate_pdf
from certs.warm import warm
from tests.unit.certs.conftest import ORGANISATION, World


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    _remembered._verified.clear()


def verify(certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate, flip: int = 0,
           context: SignatureValidationContext | None = None) -> None:
    signature = certificate["signature_value"].native
    signature = bytes([signature[0] ^ flip]) + signature[1:]
    given = (signature, certificate["tbs_certificate"].dump(), issuer.public_key, certificate["signature_algorithm"])
    if context is None:
        RememberingValidator().validate_signature(*given)
    else:
        RememberingValidator().validate_signature(*given, context)


def test_only_what_verified_is_remembered(world: World) -> None:
    issuing, root = to_asn1(world.pki.issuing.certificate), to_asn1(world.pki.root.certificate)
    for _ in range(2):
        with pytest.raises(InvalidSignature):
            verify(issuing, root, flip=1)
        with pytest.raises(InvalidSignature):
            verify(issuing, issuing)
    assert not _remembered._verified
    for _ in range(2):
        verify(issuing, root)
    assert len(_remembered._verified) == 1
    with pytest.raises(InvalidSignature):
        verify(issuing, root, flip=1)
    with pytest.raises(InvalidSignature):
        verify(issuing, issuing)


def test_signatures_on_documents_are_not_remembered(world: World) -> None:
    issuing, root = to_asn1(world.pki.issuing.certificate), to_asn1(world.pki.root.certificate)
    verify(issuing, root, context=SignatureValidationContext("sha256"))
    assert not _remembered._verified


def test_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_remembered, "_MOST", 1)
    root = to_asn1(world.pki.root.certificate)
    verify(root, root)
    verify(to_asn1(world.pki.issuing.certificate), root)
    assert len(_remembered._verified) == 1


def test_a_revocation_list_that_was_good_does_not_make_another_good(world: World, signed: SignedDocument) -> None:
    trust = world.trust()
    warm(trust)
    assert validate_pdf(signed.pdf, trust, world.later).passed
    assert validate_pdf(signed.pdf, trust, world.later).passed
    stranger = create_development_pki(ORGANISATION, world.now - timedelta(days=1))
    own = x509.load_der_x509_crl(world.crl())
    forged = build_crl(replace(stranger.issuing, certificate=world.pki.issuing.certificate), (), own.last_update_utc,
                       own.last_update_utc + timedelta(days=1))
    again = world.pki.trust_store([forged])
    for _ in range(2):
        warm(again)
        assert not validate_pdf(signed.pdf, again, world.later).passed
    revoked = world.trust(Revocation(world.certificate.serial_number, world.now - timedelta(hours=1),
                                     x509.ReasonFlags.key_compromise))
    warm(revoked)
    assert not validate_pdf(signed.pdf, revoked, world.later).passed
    assert validate_pdf(signed.pdf, trust, world.later).passed


def test_each_thread_parses_for_itself(world: World) -> None:
    encoded = to_asn1(world.pki.root.certificate).dump()
    here = known_certificate(encoded)
    assert known_certificate(encoded) is here is recall_certificate(encoded)
    found: list[object] = []

    def look() -> None:
        found.extend((recall_certificate(encoded), known_certificate(encoded)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found[0] is None
    assert isinstance(found[1], asn1_x509.Certificate)
    assert found[1] is not here


def test_what_is_no_list_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="Insufficient data"):
            known_crl(b"no list")
        with pytest.raises(ValueError, match="Insufficient data"):
            warm(TrustStore((), crls=(b"no list",)))
