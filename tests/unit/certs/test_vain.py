"""References to objects that are not there: harmless in what is signed, whatever is added to it later."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore

from certs._asn1 import to_asn1
from certs.augment import augment
from certs.ca import build_crl
from certs.pades import Level
from certs.structure import compare_revisions, examine
from certs.validation import validate_pdf
from tests.attacks.craft import facts, update
from tests.unit.certs.conftest import World

_PLACEHOLDER = b"123456 0 R"


def referring(page: bytes, beyond: int, *, packed: bool = False) -> bytes:
    """The page with a reference in its catalogue to an object that it has not, ``beyond`` its own."""
    known = facts(page)
    if packed:
        with pikepdf.open(io.BytesIO(page)) as document:
            # As a string of the same length, since qpdf writes no reference in vain.
            document.Root.PieceInfo = pikepdf.Array([pikepdf.String("@" * (len(_PLACEHOLDER) - 2))])
            output = io.BytesIO()
            document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=False,
                          stream_decode_level=pikepdf.StreamDecodeLevel.generalized)
        return _named(output.getvalue(), beyond)
    with pikepdf.open(io.BytesIO(page)) as document:
        catalogue = document.Root.unparse(resolved=True).rstrip()
    number = known.size + beyond
    return update(page, {int(known.root.split()[0]): catalogue[:-2] + b"/PieceInfo %d 0 R>>" % number})


def _named(pdf: bytes, beyond: int) -> bytes:
    marked = b"(" + b"@" * (len(_PLACEHOLDER) - 2) + b")"
    assert pdf.count(marked) == 1
    size = max(int(number) for number in re.findall(rb"/Size (\d+)", pdf))
    return pdf.replace(marked, (b"%d 0 R" % (size + beyond)).ljust(len(marked)))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("beyond", [0, 1, 5, 6, 9, 15, 40])
@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_what_others_signed_so_passes_as_well_after_augmentation(
    world: World, beyond: int, packed: bool, level: Level
) -> None:
    signed = world.sign(world.request(), referring(world.page, beyond, packed=packed)).pdf
    assert validate_pdf(signed, world.trust(), world.later).passed
    soon = world.now + timedelta(minutes=10)
    trust = world.pki.trust_store([build_crl(world.pki.issuing, (), soon, soon + timedelta(days=1))])
    raised = augment(signed, level, world.tsa, trust, soon, world.now).pdf
    report = validate_pdf(raised, trust, soon)
    assert report.passed, report.explanation
    assert report.signatures[0].level == level
    again = augment(raised, Level.B_LTA, world.tsa, trust, soon, world.now).pdf
    report = validate_pdf(again, trust, soon)
    assert report.passed, report.explanation
    assert examine(again).findings == ()


def test_a_second_signature_does_not_take_the_number(world: World) -> None:
    plain = world.request(certify=False)
    first = world.sign(plain, referring(world.page, 5)).pdf
    second = world.sign(replace(plain, field_name="Kedua", box=None), first).pdf
    report = validate_pdf(second, world.trust(), world.later)
    assert report.passed, report.explanation
    assert len(report.signatures) == 2


def test_an_object_that_takes_the_number_later_is_told_as_a_change(world: World) -> None:
    """Others' writers take the next number; to a reader what was signed then refers to what was not."""
    signed = world.sign(world.request(), referring(world.page, 6)).pdf
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, certs=[to_asn1(one) for one in (world.certificate, *world.signer.chain)], crls=[], ocsps=[])
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    report = validate_pdf(output.getvalue(), world.trust(), world.later)
    assert not report.passed
    assert report.sub_indication == "SIG_CONSTRAINTS_FAILURE"
    assert report.signatures
    assert compare_revisions(output.getvalue(), report.signatures[0].covered_bytes)
