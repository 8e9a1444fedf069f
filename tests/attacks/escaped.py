"""Names spelled with ``#xx`` (ISO 32000-2, 7.3.5): who looks for their letters alone passes them by."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping

import pikepdf

from certs._aio import run_sync
from certs.pades import LocalSigner
from certs.signer import encode_container
from tests.attacks.craft import Attack, Sample, attack, body, edited, facts, flipped, overlay, paint_over, update
from tests.attacks.second import _stranger
from tests.unit.certs.conftest import World

_SPACE = 12_000
_RANGE = b"[0 0000000000 0000000000 0000000000]"
SPELLINGS: dict[str, dict[bytes, bytes]] = {
    "ByteRange": {b"/ByteRange": b"/Byte#52ange"},
    "Contents": {b"/Contents <": b"/Cont#65nts <"},
    "type and kind": {b"/Type /Sig ": b"/Ty#70e /S#69g "},
    "format": {b"/SubFilter /ETSI.CAdES.detached": b"/#53ubFilter /ETSI.CAdES.detache#64"},
    "handler": {b"/Filter /Adobe.PPKLite": b"/F#69lter /Adobe.PPKL#69te"},
    "field": {b"/FT /Sig": b"/F#54 /S#69g", b"/V ": b"/#56 "},
    "form": {b"/AcroForm": b"/Acro#46orm", b"/Fields": b"/F#69elds", b"/SigFlags": b"/SigF#6cags"},
    "everything": {
        b"/ByteRange": b"/#42#79#74#65#52#61#6e#67#65", b"/Contents <": b"/#43#6F#6e#74#65#6E#74#73 <",
        b"/Type /Sig ": b"/#54ype /Si#67 ", b"/AcroForm": b"/#41croForm", b"/V ": b"/#56 ",
        b"/FT /Sig": b"/#46T /#53ig",
    },
}  # fmt: skip


def signed_by_hand(
    world: World, pdf: bytes, spelled: Mapping[bytes, bytes], signer: LocalSigner | None = None
) -> bytes:
    """A whole signature, with names spelled as wanted."""
    number = facts(pdf).size
    built = update(pdf, {key: _spell(text, spelled) for key, text in _objects(pdf, number).items()})
    start = built.rindex(b"<" + b"0" * _SPACE)
    end = start + _SPACE + 2
    numbers = b"[0 %d %d %d]" % (start, end, len(built) - end)
    built = _replaced(built, built.rindex(_RANGE), numbers.ljust(len(_RANGE)))
    digest = _digest(built[:start] + built[end:])
    made = (signer or world.signer).cms_signer.async_sign(data_digest=digest, digest_algorithm="sha256", use_pades=True)
    container = encode_container(run_sync(made)).hex().encode()
    return _replaced(built, start + 1, container)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _spell(text: bytes, spelled: Mapping[bytes, bytes]) -> bytes:
    for plain, escaped in spelled.items():
        text = text.replace(plain, escaped)
    return text


def _objects(pdf: bytes, number: int) -> dict[int, bytes]:
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        page, root = document.pages[0].obj, document.Root
        catalogue, sheet = body(root).rstrip(), body(page).rstrip()
        form = b"/AcroForm <</Fields [%d 0 R] /SigFlags 3>>" % number
        field = b"<</FT /Sig /T (Tangan) /V %d 0 R /Type /Annot /Subtype /Widget /F 132 /Rect [0 0 0 0] /P %d 0 R>>"
        value = b"<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange %s /Contents <%s>>>"
        return {
            root.objgen[0]: catalogue[:-2] + form + b">>",
            page.objgen[0]: sheet[:-2] + b"/Annots [%d 0 R]>>" % number,
            number: field % (number + 1, page.objgen[0]),
            number + 1: value % (_RANGE, b"0" * _SPACE),
        }


def attacks(sample: Sample) -> Iterator[Attack]:
    world, page = sample.world, sample.page
    stranger = _stranger(world)
    for name, spelled in SPELLINGS.items():
        signed = signed_by_hand(world, page, spelled)
        yield attack(f"{name}: a changed byte", flipped(signed), signed)
        painted = edited(signed, paint_over)
        yield attack(f"{name}: painted over", painted, signed, "page_content_changed", "page_changed")
        yield attack(f"{name}: a stranger's", signed_by_hand(world, page, spelled, stranger), page)
        yield attack(f"{name}: a byte behind", signed + b"%", signed, "bytes_after_end")
    yield from _beside(sample)


def _beside(sample: Sample) -> Iterator[Attack]:
    world, pdf = sample.world, sample.plain
    number = facts(pdf).size
    loose = b"<</Ty#70e /S#69g /Byte#52ange [0 10 20 10] /Cont#65nts <3003020100>>>"
    yield attack("a loose one behind", update(pdf, {number: loose}), pdf, "object_added", "signature_loose")
    root = int(facts(sample.page).root.split()[0])
    with pikepdf.open(io.BytesIO(sample.page)) as document:
        catalogue = body(document.Root).rstrip()
    within = update(sample.page, {
        facts(sample.page).size: loose, root: catalogue[:-2] + b"/PieceInfo %d 0 R>>" % facts(sample.page).size})
    yield attack("a loose one within", signed_by_hand(world, within, {}), within, "signature_loose")
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        sheet, key = body(document.pages[0].obj).rstrip(), document.pages[0].obj.objgen[0]
    text = overlay("Palsu")
    stream = b"<</Length %d>>\nstream\n%s\nendstream" % (len(text), text)
    twice = sheet[:-2] + b"/Cont#65nts %d 0 R>>" % number
    doubled = update(pdf, {key: twice, number: stream})
    yield attack("content twice", doubled, pdf, "duplicate_keys", "page_content_changed")
    renamed = re.sub(rb"/Contents", b"/Cont#65nts", sheet)
    other = re.sub(rb"/Cont#65nts \d+ 0 R", b"/Cont#65nts %d 0 R" % number, renamed)
    yield attack("other content", update(pdf, {key: other, number: stream}), pdf, "page_content_changed")
    note = b"<</T#79pe /Annot /Su#62type /FreeT#65xt /Rect [60 600 300 700] /Contents (Palsu) /DA (/F1 9 Tf)>>"
    noted = re.sub(rb"/Annots \[", b"/Ann#6fts [%d 0 R " % number, sheet)
    yield attack("a note", update(pdf, {key: noted, number: note}), pdf, "annotation_added", "annotation_removed")
