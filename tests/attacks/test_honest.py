"""Files that nobody tampered with are explained to the last byte, whoever made the page that was signed."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields

from certs.augment import augment
from certs.pades import Level
from certs.statement import stamp
from certs.structure import Limits, compare_revisions, examine
from certs.validation import Indication, validate_pdf
from tests.attacks import escaped
from tests.attacks.conftest import request
from tests.attacks.craft import Sample, edited, update
from tests.attacks.pictures import broken, on_both_pages, pictured
from tests.attacks.second import _stranger as stranger_of
from tests.attacks.second import countersigned


def saved(page: bytes, **how: Any) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(page)) as document:
        document.save(output, **how)
    return output.getvalue()


def assert_explained(pdf: bytes, signatures: int) -> None:
    result = examine(pdf)
    assert result.findings == ()
    assert result.explained
    assert len(result.signatures) == signatures
    assert result.signatures[-1].covered_end == result.revisions[-1] == len(pdf)
    for one in result.signatures:
        assert compare_revisions(pdf, one.covered_end) == ()


def again(sample: Sample, pdf: bytes, name: str, **more: Any) -> bytes:
    """The next signature, as the service makes it."""
    wanted = replace(request(sample.world, certify=False), field_name=name, **more)
    return sample.world.sign(wanted, pdf).pdf


@pytest.mark.parametrize("kind", ["certified", "open", "plain"])
def test_signed_once(sample: Sample, kind: str) -> None:
    assert_explained(sample.victims[kind], 1)


def test_signed_twice_and_locked_by_the_last(sample: Sample) -> None:
    second = again(sample, sample.plain, "Kedua")
    assert_explained(second, 2)
    third = again(sample, second, "Ketiga", box=None, locks=True)
    assert_explained(third, 3)
    assert validate_pdf(third, sample.world.trust(), sample.world.later).passed


@pytest.mark.parametrize("name", escaped.SPELLINGS)
def test_a_signature_whose_names_are_spelled_otherwise(sample: Sample, name: str) -> None:
    """ISO 32000-2, 7.3.5: the same names, and the same signature."""
    signed = escaped.signed_by_hand(sample.world, sample.page, escaped.SPELLINGS[name])
    assert_explained(signed, 1)
    assert validate_pdf(signed, sample.world.trust(), sample.world.later).passed
    twice = again(sample, signed, "Kedua")
    assert_explained(twice, 2)
    assert len(validate_pdf(twice, sample.world.trust(), sample.world.later).signatures) == 2


def test_an_empty_field_that_was_signed_along_is_filled(sample: Sample) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sample.page))
    fields.append_signature_field(
        writer, fields.SigFieldSpec("Kedua", box=(20, 20, 120, 60), empty_field_appearance=False)
    )
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    world = sample.world
    first = world.sign(request(world, certify=True, expects_more=True), output.getvalue()).pdf
    second = countersigned(world, first, world.signer, new=False)
    assert_explained(second, 2)
    assert validate_pdf(second, world.trust(), world.later).passed


def test_with_validation_data_and_time_stamps(sample: Sample) -> None:
    world = sample.world
    for pdf in (sample.certified, again(sample, sample.open, "Kedua")):
        signatures = len(examine(pdf).signatures)
        once = augment(pdf, Level.B_LTA, world.tsa, world.trust(), world.later).pdf
        assert_explained(once, signatures + 1)
        assert examine(once).signatures[-1].is_timestamp
        twice = augment(once, Level.B_LTA, world.tsa, world.trust(), world.later).pdf
        assert_explained(twice, signatures + 2)


def test_validation_data_alone_is_told_as_unsigned_and_as_nothing_else(sample: Sample) -> None:
    world = sample.world
    pdf = augment(sample.certified, Level.B_LT, world.tsa, world.trust(), world.later).pdf
    result = examine(pdf)
    assert result.codes == {"unsigned_update"}
    assert compare_revisions(pdf, result.signatures[0].covered_end) == ()


def test_what_others_write_beside_validation_data(sample: Sample) -> None:
    """When an entry was made, by date or by token, packed or not (ISO 32000-2, table 262)."""
    world = sample.world
    token = stamp(b"of whatever", world.tsa, world.later)

    def add(document: pikepdf.Pdf) -> None:
        details = pikepdf.Dictionary(
            Type=pikepdf.Name.VRI, Cert=pikepdf.Array([]), TU=pikepdf.String("D:20261124090000+08'00'"),
            TS=document.make_stream(zlib.compress(token) + b"\r\n", Filter=pikepdf.Name.FlateDecode))
        entries = pikepdf.Dictionary({"/" + "AB" * 20: details})
        document.Root.DSS = pikepdf.Dictionary(Type=pikepdf.Name.DSS, VRI=entries)

    pdf = edited(sample.certified, add)
    assert compare_revisions(pdf, examine(pdf).signatures[0].covered_end) == ()


MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "object streams": lambda page: saved(page, object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "tables": lambda page: saved(page, object_stream_mode=pikepdf.ObjectStreamMode.disable),
    "linearised": lambda page: saved(page, linearize=True),
    "linearised, object streams": lambda page: saved(
        page, linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.generate
    ),
    "edited before": lambda page: edited(page, lambda document: document.docinfo.update({"/Title": "Baru"})),
    "with a comment": lambda page: update(page, {}, between=b"\n% a producer's remark\n"),
    "with rubbish": lambda page: update(page, {90: b"<<>>"}, between=b"\n91 0 obj\n(forgotten)\nendobj\n"),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_pages_of_other_makers(sample: Sample, maker: str) -> None:
    page = MAKERS[maker](sample.page)
    first = sample.world.sign(request(sample.world, certify=True, expects_more=True), page).pdf
    assert_explained(first, 1)
    assert_explained(again(sample, first, "Kedua"), 2)


def test_what_is_tolerated_under_a_signature_is_remarked_there_and_a_finding_behind_it(sample: Sample) -> None:
    left = b"\n91 0 obj\n(forgotten)\nendobj\n"
    before = sample.world.sign(request(sample.world, certify=False), update(sample.page, {90: b"1"}, between=left)).pdf
    result = examine(before)
    assert result.explained
    assert [one.code for one in result.remarks] == ["unreferenced_object"]
    assert before[result.remarks[0].offset :].startswith(b"91 0 obj")
    behind = countersigned(sample.world, update(sample.plain, {90: b"1"}, between=left), sample.world.signer)
    assert examine(behind).codes == {"unreferenced_object"}


def test_a_page_without_signature_is_explained_too(sample: Sample) -> None:
    result = examine(sample.page)
    assert result.explained
    assert result.signatures == ()
    assert result.revisions == (len(sample.page),)


def test_findings_say_where(sample: Sample) -> None:
    (one,) = examine(sample.certified + b"x").findings[:1]
    assert (one.code, one.offset) == ("bytes_after_end", len(sample.certified))
    assert compare_revisions(sample.certified, len(sample.certified)) == ()
    assert [one.code for one in compare_revisions(sample.certified, 0)] == ["nothing_signed"]


def test_limits_are_the_callers(sample: Sample) -> None:
    for limits, code in (
        (Limits(file=1000), "file_too_large"),
        (Limits(revisions=1), "too_many_revisions"),
        (Limits(objects=10), "too_many_objects"),
        (Limits(cms=1000), "contents_too_large"),
        (Limits(depth=1), "nested_too_deep"),
    ):
        assert code in examine(sample.certified, limits=limits).codes


def test_a_later_picture_of_somebody_trusted_passes_and_is_told(sample: Sample) -> None:
    world = sample.world
    once = pictured(world, sample.plain, world.signer)
    assert_explained(once, 2)
    report = validate_pdf(once, world.trust(), world.later)
    assert report.passed, report.explanation
    assert [one.pictures_on for one in report.signatures] == [(), (1,)]
    assert report.explanation.endswith("Signature 2 adds a visible picture on page 1.")
    twice = pictured(world, once, world.signer, box=(300, 20, 400, 60), field="Kedua")
    assert_explained(twice, 3)
    report = validate_pdf(twice, world.trust(), world.later)
    assert (report.passed, [one.pictures_on for one in report.signatures]) == (True, [(), (1,), (1,)])
    assert validate_pdf(sample.plain, world.trust(), world.later).explanation.count("picture") == 0


def test_pictures_of_one_signature_are_told_with_all_their_pages(sample: Sample) -> None:
    world = sample.world
    pdf = pictured(world, sample.plain, world.signer, on_both_pages)
    assert_explained(pdf, 2)
    report = validate_pdf(pdf, world.trust(), world.later)
    assert (report.passed, report.signatures[1].pictures_on) == (True, (1, 2))
    assert report.explanation.endswith("Signature 2 adds a visible picture on page 1, 2.")


def test_under_a_picture_that_nobody_vouches_for_no_signature_passes(sample: Sample) -> None:
    world = sample.world
    for pdf, expected in ((pictured(world, sample.plain, stranger_of(world)), "NO_CERTIFICATE_CHAIN_FOUND"),
                          (broken(pictured(world, sample.plain, world.signer)), "SIG_CONSTRAINTS_FAILURE")):
        report = validate_pdf(pdf, world.trust(), world.later)
        first = report.signatures[0]
        assert (first.indication, first.sub_indication) == (Indication.INDETERMINATE, expected)
        assert "Signature 2 adds a visible picture on page 1." in first.message
        assert "Signature 2 adds a visible picture on page 1." in report.explanation
