"""Decrees of every kind as the service signs and keeps them, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

from asn1crypto import cms
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import select

from certs.trust import TrustStore
from svc.models import Decree, StoredFile
from svc.seed.walk import Cast
from svc.services import preservation, trust
from svc.services.files import read_file
from svc.services.parents import COPY
from tests.attacks.craft import overlay, rewritten, update
from tests.support import collective
from tests.support.clock import FrozenClock
from tests.support.world import World

Spoiler = Callable[[bytes], bytes]


class _AgencyWorld(World):
    """The demo's people, none of whom plays the governor: a head of agency decides. Excerpts and copies are made of a
    collective decree as people make them."""

    def walk(self, stop_at: str, kind_id: str = "kgb", cast: Cast | None = None) -> str:
        if not self.deps.kinds.get(kind_id).parent_kind:
            return super().walk(stop_at, kind_id, cast)
        parent_id = collective.parent(self, people=1)
        if kind_id == COPY:
            return collective.signed_copy(self, parent_id)
        return collective.issued(self, parent_id)[0].public_id

    def example(self, kind_id: str = "kgb") -> dict[str, Any]:
        data = super().example(kind_id)
        return data | {"penetap": "kepala_pd"} if "penetap" in data else data


def signed_by_service(world: World, clock: FrozenClock, kind: str, level: str) -> tuple[bytes, ...]:
    """All files of a signed decree of that kind, oldest first, where the setting asks for ``level``.

    Above B-T there are two: as it was signed, and as the worker augmented it.
    """
    settings = world.deps.settings.model_copy(update={"signature_level": level})
    there = _AgencyWorld(replace(world.deps, settings=settings), world.organisation)
    decree_id = there.walk("signed", kind)
    clock.advance(seconds=1)
    preservation.preserve_due(there.deps)
    clock.advance(seconds=1)
    with there.deps.db.read_session() as session:
        rows = session.scalars(
            select(StoredFile).join(Decree, Decree.id == StoredFile.decree_id)
            .where(Decree.public_id == decree_id, StoredFile.purpose == "signed").order_by(StoredFile.id)).all()
    files = {read_file(there.deps, row.object_key, row.sha256): None for row in rows}
    # of several signatures the files before the last one are not finished
    return tuple(pdf for pdf in files if len(_reader(pdf).embedded_regular_signatures) == len(
        _reader(list(files)[-1]).embedded_regular_signatures))


def present_trust(world: World) -> TrustStore:
    """What the service itself checks against, with lists of this moment."""
    return trust.trust_store(world.deps, since=world.deps.clock.now())


def content_changed(pdf: bytes) -> bytes:
    """One bit within the first stream, which every signature covers."""
    place = pdf.index(b"stream\n") + 20
    return _flipped(pdf, place)


def digits_changed(pdf: bytes) -> bytes:
    """Another address of the cross-reference section, which every signature covers."""
    place = pdf.rindex(b"startxref", 0, _first_end(pdf)) + len(b"startxref\n")
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def value_changed(pdf: bytes) -> bytes:
    """One bit of the first signature's value."""
    signed: cms.SignedData = _reader(pdf).embedded_regular_signatures[0].signed_data
    value = bytes(signed["signer_infos"][0]["signature"].native).hex().encode()
    start = (pdf.find(value) if value in pdf else pdf.find(value.upper())) + 40
    other = b"0" if pdf[start : start + 1] != b"0" else b"1"
    return pdf[:start] + other + pdf[start + 1 :]


def page_painted_over(pdf: bytes) -> bytes:
    """A proper incremental update that shows other words on the first page."""

    def change(document: object) -> None:
        document.pages[0].Contents = document.make_stream(overlay("Diangkat"))  # type: ignore[attr-defined]

    return update(pdf, rewritten(pdf, change))


SPOILERS: dict[str, Spoiler] = {
    "content changed": content_changed, "cross-reference changed": digits_changed,
    "signature value changed": value_changed, "page painted over": page_painted_over,
}


def signer_serial(pdf: bytes) -> int:
    """The serial number of the first signer's certificate."""
    return int(_reader(pdf).embedded_regular_signatures[0].signer_cert.serial_number)


def _first_end(pdf: bytes) -> int:
    numbers = [int(one) for one in _reader(pdf).embedded_regular_signatures[0].byte_range]
    return numbers[1]


def _flipped(pdf: bytes, place: int) -> bytes:
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def _reader(pdf: bytes) -> PdfFileReader:
    return PdfFileReader(BytesIO(pdf))
