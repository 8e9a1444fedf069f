"""Renditions of all kinds, and signers of all sorts of keys, for the tests of the fast path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs._der import SEQUENCE, encode
from certs.ca import DevelopmentPki, issue_signer_certificate
from certs.fast.container import Parts
from certs.fast.signer import BatchSigner, fill
from certs.fast.store import build_store_update
from certs.pades import Level, LocalSigner, SignatureBox, SignedDocument, SignRequest
from certs.tsa import TimeStampService
from certs.vault import PrivateKey
from svc.adapters.renderer import TypstRenderer
from svc.kinds import KindCatalogue
from svc.rendering import Letterhead, RenderedPdf, RenderRequest, SignatureBlock
from tests.unit.certs.conftest import SUBJECT

KINDS = KindCatalogue.load()
RENDERER = TypstRenderer(KINDS)
SOLE = tuple(kind.id for kind in KINDS.all() if kind.id != "perjanjian-kerja-sama")
OFFICE = Letterhead("Pemerintah Provinsi Nusa Mandala", "Badan Kepegawaian Daerah", "Jalan Persatuan 1",
                    place="Tanjung Mandala")
OTHER = SignatureBlock(("PIHAK KEDUA,",), "Laras Contoh", title="Kepala", office="Dinas Contoh")
PEOPLE = [{"nama": f"Contoh {number}", "nip": "190001011986031007", "golongan": "III/a"} for number in range(150)]

_NUMBERS = re.compile(rb"/ID \[ <[0-9a-f]+> <([0-9a-f]{32})> \]")
_CONTENTS = re.compile(rb"/Contents <([0-9A-F]+)>")


@cache
def render(kind_id: str, *, long: bool = False, name: str = "Dr. Surya Contoh") -> RenderedPdf:
    kind = KINDS.get(kind_id)
    office = replace(OFFICE, unit_name="", emblem="garuda") if kind_id == "keputusan" else OFFICE
    data = {**kind.example, "lampiran": PEOPLE} if long else kind.example
    return RENDERER.render(RenderRequest(
        kind_id, data, office, SignatureBlock(("KEPALA BADAN,",), name, "Pembina, IV/a", "190001011986031007"),
        "800/12/BKD/2026", date(2026, 6, 1), "", "https://paraf.nusamandala.example/v/Zk3xQ9r2LmN8pT5vWb7yCd",
        "final", further_blocks=() if kind_id in SOLE else (OTHER,)))


def request_for(rendered: RenderedPdf, at: datetime, **changes: object) -> SignRequest:
    box = rendered.signature_boxes[0]
    request = SignRequest(
        at, "Sari Contoh Utama", reason="Menandatangani naskah", location="Mandala",
        box=SignatureBox(box.page, box.llx, box.lly, box.urx, box.ury), level=Level.B_B)
    return replace(request, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def local(self) -> LocalSigner:
        return LocalSigner(self.certificate, self.key, self.chain)

    def batch(self, level: Level, tsa: TimeStampService | None = None, **more: object) -> BatchSigner:
        return BatchSigner(self.certificate, self.chain, level, tsa, **more)  # type: ignore[arg-type]


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


def identify(pki: DevelopmentPki, kind: str, now: datetime, links: int = 2) -> Identity:
    key = KEYS[kind]()
    certificate = issue_signer_certificate(pki.issuing, SUBJECT, key.public_key(), now - timedelta(hours=2))
    return Identity(certificate, key, pki.chain[:links])


class Replay:
    """A time-stamp service that gives a token that was given before."""

    def __init__(self, token: bytes) -> None:
        self.token = token

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        return encode(SEQUENCE, bytes.fromhex("3003020100"), self.token)


def remake(signer: BatchSigner, original: bytes, request: SignRequest, made: bytes) -> bytes:
    """What the fast path makes with the random parts of another file: its identifiers, signature and token."""
    identifiers = [bytes.fromhex(one.decode()) for one in _NUMBERS.findall(made, len(original))]
    space = bytes.fromhex(_CONTENTS.findall(made, len(original))[0].decode())
    prepared = signer.prepare(original, request, identifiers[0])
    theirs = signer.template.take_apart(space)
    container = signer.template.assemble(Parts(prepared.to_sign, theirs.signature, theirs.token))
    result = original + prepared.update.before + fill(prepared, container)
    if signer.store is not None and signer.level is Level.B_LT:
        result += build_store_update(
            len(result), prepared.shape, prepared.update, signer.store, identifiers[1])
    return result


def rehash(signed: SignedDocument, pdf: bytes) -> SignedDocument:
    import hashlib

    return replace(signed, pdf=pdf, sha256=hashlib.sha256(pdf).hexdigest())
