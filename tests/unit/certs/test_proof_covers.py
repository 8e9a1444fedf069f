"""A proof of existence is one of the bytes that somebody has seen, and of no signature that stands elsewhere."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfTimeStamper

from certs._aio import run_sync
from certs.ca import build_crl
from certs.pades import Level
from certs.signer import ServiceTimeStamper
from certs.validation import Indication, Proof, SignatureReport, validate_pdf
from tests.attacks.craft import facts, gap, update
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import DAY, Holder, attribute, contained, reference

_BEYOND = 60_000
_ROOM = 16_000


def judged(world: World, pdf: bytes, *proofs: Proof) -> SignatureReport:
    """After the signer's certificate has ended."""
    now = world.certificate.not_valid_after_utc + DAY
    crl = build_crl(world.pki.issuing, (), now - 30 * DAY, now + DAY)
    (report,) = validate_pdf(pdf, world.pki.trust_store([crl]), now, proofs).signatures
    return report


def seen(world: World, pdf: bytes) -> Proof:
    return Proof(hashlib.sha256(pdf).hexdigest(), len(pdf), world.later)


def container(world: World, covered: bytes) -> bytes:
    """Of the world's signer over these bytes, as hexadecimal."""
    signer = Holder(world.certificate, world.key)
    made = contained(signer, (Holder(world.pki.issuing.certificate, world.pki.issuing.key),), [
        attribute("content_type", "data"), attribute("message_digest", hashlib.sha256(covered).digest()),
        reference(signer.certificate)])
    return bytes(made.dump().hex().encode())


def bent(world: World, pdf: bytes, *numbers: int) -> bytes:
    """The file with another /ByteRange, signed anew as that says."""
    found = re.search(rb"/ByteRange \[[\d ]+\]", pdf)
    assert found is not None
    text = b"/ByteRange [%s]" % b" ".join(b"%d" % one for one in numbers)
    made = pdf[: found.start()] + text.ljust(len(found[0])) + pdf[found.end() :]
    start, end = gap(pdf)
    first, length, second, rest = numbers
    signed = container(world, made[first : first + length] + made[second : second + rest])
    return made[: start + 1] + signed.ljust(end - start - 2, b"0") + made[end - 1 :]


@pytest.mark.parametrize("shift", [0, 10])
def test_a_register_that_saw_the_page_proves_no_signature_made_later(world: World, shift: int) -> None:
    size = len(world.page)
    late = world.certificate.not_valid_after_utc + timedelta(hours=1)
    signed = world.sign(world.request(level=Level.B_B, certify=False, at=late)).pdf
    report = judged(world, bent(world, signed, 0, size - 2 * shift, size - shift, shift), seen(world, world.page))
    assert (report.indication, report.proven_at, report.proven_by) == (Indication.INDETERMINATE, None, "")
    assert report.certificate_then == "expired"


def test_a_register_that_saw_the_signature_proves_it(world: World) -> None:
    signed = world.sign(world.request(level=Level.B_B, certify=False)).pdf
    report = judged(world, signed, seen(world, signed))
    assert (report.proven_at, report.proven_by) == (world.later, "register")


def test_a_time_stamp_over_a_table_that_points_beyond_it_proves_nothing_of_what_is_put_there(world: World) -> None:
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    out = io.BytesIO()
    document.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    field = facts(out.getvalue()).size
    page, root, pages = (one.objgen[0] for one in (document.pages[0].obj, document.Root, document.Root.Pages))
    prepared = update(out.getvalue(), {
        field: b"<</FT/Sig/T(Signature1)/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]/P %d 0 R/V %d 0 R>>" % (
            page, field + 1),
        page: b"<</Type/Page/MediaBox[0 0 595 842]/Parent %d 0 R/Annots[%d 0 R]>>" % (pages, field),
        root: b"<</Type/Catalog/Pages %d 0 R/AcroForm<</Fields[%d 0 R]/SigFlags 3>>>>" % (pages, field),
    }, points={field + 1: _BEYOND}).replace(b"/Size %d/Root" % (field + 1), b"/Size %d/Root" % (field + 2))
    writer = IncrementalPdfFileWriter(io.BytesIO(prepared), strict=False)
    stamper = PdfTimeStamper(ServiceTimeStamper(world.tsa, world.now))
    stamped = run_sync(stamper.async_timestamp_pdf(writer, "sha256")).getvalue()
    report = judged(world, put_beyond(world, stamped, field + 1))
    assert (report.indication, report.proven_at, report.proven_by) == (Indication.INDETERMINATE, None, "")


def put_beyond(world: World, pdf: bytes, number: int) -> bytes:
    """The signature dictionary where an earlier table says that it is."""
    head = pdf + b"%".ljust(_BEYOND - len(pdf) - 1) + b"\n"
    head += (b"%d 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:20260601030000Z)"
             b"/ByteRange [" % number)
    tail = b">>\nendobj\nstartxref\n%d\n%%%%EOF\n" % newest_table(pdf)
    start = len(head) + 60 + len(b"/Contents ")
    numbers = b"0 %d %d %d]" % (start, start + _ROOM + 2, len(tail))
    before = head + numbers.ljust(60) + b"/Contents "
    return before + b"<" + container(world, before + tail).ljust(_ROOM, b"0") + b">" + tail


def newest_table(pdf: bytes) -> int:
    """Where the newest table stands."""
    return int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
