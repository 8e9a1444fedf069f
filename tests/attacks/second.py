"""Somebody else signs too: strangers, signatures that launder a change, widgets that cover, validation data."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from pikepdf import Array, Dictionary, Name, Stream, String
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from certs._aio import run_sync
from certs.augment import augment
from certs.ca import SignerSubject, create_development_pki, issue_signer_certificate
from certs.pades import Level, LocalSigner
from certs.signer import encode_container
from tests.attacks import changes
from tests.attacks.craft import Attack, Sample, attack, edited, update
from tests.unit.certs.conftest import World

LAUNDERED = (
    "page content replaced", "font program swapped", "title", "XMP edited", "FreeText", "Stamp",
    "text field over the text", "empty signature field", "layers", "strange key",
)  # fmt: skip

_FORM = b"/SubFilter /ETSI.CAdES.detached"


def attacks(sample: Sample) -> Iterator[Attack]:
    stranger = _stranger(sample.world)
    for kind, pdf in sample.victims.items():
        codes = ("certified_against_changes",) if kind == "certified" else ()
        yield attack(f"{kind}: stranger signs", countersigned(sample.world, pdf, stranger), pdf, *codes)
        for name in LAUNDERED:
            change, *found = changes.CHANGES[name]
            laundered = countersigned(sample.world, edited(pdf, change), sample.world.signer)
            yield attack(f"{kind}: {name}, then signed by a colleague", laundered, pdf, *found)
        signed = countersigned(sample.world, pdf, stranger)
        nameless = pdf + signed[len(pdf) :].replace(b"/T (Kedua)", b" " * 10)
        yield attack(f"{kind}: stranger signs in a field without a name", nameless, pdf, "field_odd")
        for form in ("/adbe.pkcs7.sha1", "/adbe.x509.rsa_sha1", "/PBAD.PAdES", "/Unknown", "null", "(ETSI)"):
            spoken = b"/SubFilter " + form.encode().ljust(len(_FORM) - 11)
            odd = pdf + signed[len(pdf) :].replace(_FORM, spoken)
            yield attack(f"{kind}: stranger signs in a form that nobody judges, {form}", odd, pdf, "signature_odd")
    colleague = countersigned(sample.world, sample.certified, sample.world.signer)
    yield attack("certified: a colleague signs", colleague, sample.certified, "certified_against_changes")
    large = countersigned(sample.world, sample.open, sample.world.signer, cover=True)
    yield attack("open: a signature over the page", large, sample.open, "widget_covers_page")
    colliding = edited(sample.plain, changes.same_name)
    yield attack("plain: a second field of the same name", colliding, sample.plain, "field_odd")
    stamped = augment(sample.certified, Level.B_LTA, sample.world.tsa, sample.world.trust(), sample.world.later).pdf
    for name in LAUNDERED:
        change, *found = changes.CHANGES[name]
        yield attack(f"long term: {name}", edited(stamped, change), sample.certified, *found)
    yield attack("long term: empty update", update(stamped, {}), sample.certified, "empty_update")
    yield from _validation_data(sample)


def _stranger(world: World) -> LocalSigner:
    pki = create_development_pki("Pemerintah Provinsi Nusa Mandala", world.now - timedelta(days=1))
    subject = SignerSubject("Sari Contoh Utama", "Pemerintah Provinsi Nusa Mandala")
    certificate = issue_signer_certificate(pki.issuing, subject, world.key.public_key(), world.now - timedelta(hours=1))
    return LocalSigner(certificate, world.key, pki.chain)


def countersigned(world: World, pdf: bytes, signer: LocalSigner, cover: bool = False, new: bool = True) -> bytes:
    """A second signature, whether or not the first allows one; ``new`` False fills a field that is there."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer._update_meta = lambda: None
    box = (0, 0, 595, 842) if cover else (20, 20, 120, 60)
    if new:
        fields.append_signature_field(writer, fields.SigFieldSpec("Kedua", box=box, empty_field_appearance=cover))
    value = SignatureObject(timestamp=world.now, subfilter=fields.SigSeedSubFilter.PADES, bytes_reserved=20_000)
    embedding = PdfCMSEmbedder().write_cms("Kedua", writer, existing_fields_only=True)
    next(embedding)
    embedding.send(SigObjSetup(sig_placeholder=value))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    signed = run_sync(
        signer.cms_signer.async_sign(data_digest=prepared.document_digest, digest_algorithm="sha256", use_pades=True)
    )
    embedding.send(encode_container(signed))
    return bytes(output.getvalue())


def _validation_data(sample: Sample) -> Iterator[Attack]:
    certificate = sample.world.certificate.public_bytes(Encoding.DER)
    stores: dict[str, Any] = {
        "extra key": lambda document: _store(document, certificate, Extra=String("payload")),
        "no certificate": lambda document: _store(document, b"<script>alert(1)</script>"),
        "bytes behind the certificate": lambda document: _store(document, certificate + b"payload"),
        "key in the stream": lambda document: _store(document, certificate, inside={"/JS": String("x")}),
        "a form as VRI": lambda document: _store(document, certificate, VRI=Dictionary(Form=Dictionary(X=1))),
        "payload in VRI": lambda document: _store(document, certificate, VRI=_vri(TS=document.make_stream(b"payload"))),
        "a script for a time stamp": lambda document: _store(document, certificate, VRI=_vri(
            TS=Dictionary(S=Name.JavaScript, JS=String("app.alert(1)")))),
        "a certificate for a time stamp": lambda document: _store(document, certificate, VRI=_vri(
            TS=document.make_stream(certificate))),
        "text for a date": lambda document: _store(document, certificate, VRI=_vri(TU=String("payload"))),
        "a name for a type": lambda document: _store(document, certificate, VRI=_vri(Type=Name.Payload)),
        "bytes behind the packed certificate": lambda document: _store(
            document, zlib.compress(certificate) + b"payload", {"/Filter": Name.FlateDecode}),
        "a certificate cut off": lambda document: _store(
            document, zlib.compress(certificate)[:-4], {"/Filter": Name.FlateDecode}),
        "a certificate in hexadecimal digits": lambda document: _store(
            document, certificate.hex().encode() + b">payload", {"/Filter": Name.ASCIIHexDecode}),
        "list instead of a store": lambda document: setattr(document.Root, "DSS", Array([])),
        "list of names": lambda document: setattr(document.Root, "DSS", Dictionary(Certs=Array([Name.X]))),
    }
    for kind, pdf in (("certified", sample.certified), ("open", sample.open)):
        for name, change in stores.items():
            yield attack(f"{kind}: DSS with {name}", edited(pdf, change), pdf, "dss_payload")


def _store(document: Any, der: bytes, inside: dict[str, Any] | None = None, **more: Any) -> None:
    stream: Stream = document.make_stream(der, Dictionary(inside or {}))
    document.Root.DSS = Dictionary(
        {"/Type": Name.DSS, "/Certs": Array([stream]), **{f"/{key}": value for key, value in more.items()}}
    )


def _vri(**more: Any) -> Any:
    return Dictionary({"/" + "AB" * 20: Dictionary({"/Cert": Array([]), **{f"/{key}": more[key] for key in more}})})
