"""Document time stamps that nobody should believe, and what they would close: strangers', broken, moved."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp

from certs._aio import run_sync
from certs.augment import augment
from certs.ca import create_development_pki
from certs.pades import Level
from certs.signer import ServiceTimeStamper
from certs.tsa import TimeStampAuthority
from tests.attacks.craft import Attack, Sample, attack, overwrite
from tests.attacks.pictures import broken
from tests.unit.certs.conftest import World


def attacks(sample: Sample) -> Iterator[Attack]:
    world = sample.world
    stranger = strange_authority(world)
    for kind, pdf in sample.victims.items():
        theirs = stamped(world, pdf, stranger)
        ours = stamped(world, pdf, world.tsa)
        yield attack(f"{kind}: a stranger's", theirs, pdf)
        yield attack(f"{kind}: a stranger's, of other bytes", overwrite(theirs, b"(TS)", b"(TX)"), pdf)
        yield attack(f"{kind}: ours, of other bytes", overwrite(ours, b"(TS)", b"(TX)"), pdf)
        yield attack(f"{kind}: a stranger's behind ours", stamped(world, ours, stranger, "TS2"), pdf)
    archived = augment(sample.plain, Level.B_LTA, world.tsa, world.trust(), world.later).pdf
    yield attack("an archive stamp, its value spoilt", broken(archived), sample.plain)
    other = overwrite(archived, b"(StempelWaktu1)", b"(StempelWaktu2)")
    yield attack("an archive stamp, of other bytes", other, sample.plain)
    early = archived.rindex(b"/Contents <")
    renewed = augment(archived, Level.B_LTA, world.tsa, world.trust(), world.later + timedelta(minutes=1)).pdf
    spoilt = broken(archived)
    assert spoilt[:early] == archived[:early]
    yield attack("a spoilt archive stamp behind which another stands", spoilt + renewed[len(archived):], sample.plain)


def strange_authority(world: World) -> TimeStampAuthority:
    """A time-stamp authority that nobody trusts; its certificate ends before ours."""
    pki = create_development_pki("Otoritas Lain", world.now - timedelta(days=30))
    return TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))


def stamped(world: World, pdf: bytes, authority: TimeStampAuthority, name: str = "TS") -> bytes:
    """The file with a document time stamp as its last update, without any validation data."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer._update_meta = lambda: None
    fields.append_signature_field(writer, fields.SigFieldSpec(name, empty_field_appearance=False))
    embedding = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
    next(embedding)
    embedding.send(SigObjSetup(sig_placeholder=DocumentTimestamp(bytes_reserved=20_000)))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    token = run_sync(ServiceTimeStamper(authority, world.now).async_timestamp(prepared.document_digest, "sha256"))
    embedding.send(token.dump())
    return bytes(output.getvalue())
