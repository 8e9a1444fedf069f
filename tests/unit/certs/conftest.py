"""One small world of keys and documents for all tests of ``certs``; keys are slow to make, so it is shared."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
import typst
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.ca import (
    DevelopmentPki,
    Revocation,
    SignerSubject,
    build_crl,
    create_development_pki,
    generate_signer_key,
    issue_signer_certificate,
)
from certs.pades import Level, LocalSigner, SignatureBox, SignedDocument, SignRequest, sign_pdf
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
ORGANISATION = "Pemerintah Provinsi Nusa Mandala"
SUBJECT = SignerSubject("Sari Contoh Utama", ORGANISATION, unit="BKD", title="Kepala BKD", nip="190001011925012001")

BOX = SignatureBox(1, 300, 100, 450.5, 180)

PAGE = b"""#set document(title: "Keputusan Contoh", date: datetime(year: 2026, month: 6, day: 1))
#set text(lang: "id")
= Keputusan Contoh
#lorem(60)
#pagebreak()
== Lampiran
#lorem(40)
"""


@dataclass(frozen=True)
class World:
    """A PKI, a signer and a page to sign, at one moment."""

    now: datetime
    pki: DevelopmentPki
    tsa: TimeStampAuthority
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    signer: LocalSigner
    page: bytes

    @property
    def later(self) -> datetime:
        return self.now + timedelta(hours=1)

    def crl(self, *revoked: Revocation, at: datetime | None = None) -> bytes:
        moment = at or self.later
        return build_crl(self.pki.issuing, revoked, moment, moment + timedelta(days=1))

    def trust(self, *revoked: Revocation, at: datetime | None = None) -> TrustStore:
        return self.pki.trust_store([self.crl(*revoked, at=at)])

    def request(
        self,
        level: Level = Level.B_T,
        certify: bool = True,
        at: datetime | None = None,
        field_name: str = "Signature1",
        box: SignatureBox | None = BOX,
    ) -> SignRequest:
        return SignRequest(
            signed_at=at or self.now,
            signer_name="Sari Contoh Utama",
            reason="Menandatangani naskah",
            location="Mandala",
            field_name=field_name,
            box=box,
            certify=certify,
            level=level,
        )

    def sign(self, request: SignRequest | None = None, pdf: bytes | None = None) -> SignedDocument:
        return sign_pdf(pdf or self.page, request or self.request(), self.signer, self.tsa)


@pytest.fixture(scope="session")
def world() -> World:
    pki = create_development_pki(ORGANISATION, NOW - timedelta(days=1))
    key = generate_signer_key()
    certificate = issue_signer_certificate(pki.issuing, SUBJECT, key.public_key(), NOW - timedelta(hours=2))
    return World(
        now=NOW,
        pki=pki,
        tsa=TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,)),
        key=key,
        certificate=certificate,
        signer=LocalSigner(certificate, key, pki.chain),
        page=typst.compile(PAGE, format="pdf", pdf_standards=["a-2a"]),
    )


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    return generate_signer_key()


@pytest.fixture(scope="session")
def signed(world: World) -> SignedDocument:
    """The page, signed at level B-T."""
    return world.sign()


@pytest.fixture
def write_pem(tmp_path: Path) -> Callable[[str, x509.Certificate], str]:
    def write(name: str, certificate: x509.Certificate) -> str:
        path = tmp_path / name
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return str(path)

    return write


@pytest.fixture
def make_pdf() -> Callable[[Callable[[pikepdf.Pdf], object]], bytes]:
    """Build a one-page PDF and let the test change it before it is saved."""

    def make(change: Callable[[pikepdf.Pdf], object]) -> bytes:
        document = pikepdf.new()
        document.add_blank_page(page_size=(595, 842))
        change(document)
        output = io.BytesIO()
        document.save(output)
        return output.getvalue()

    return make
