"""What comes out of a worker is taken only if it is exactly of the type that was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from certs.algorithms import DEFAULT_ENDS
from certs.intake import PdfFacts
from certs.structure import Finding
from certs.trust import TrustStore
from certs.validation import Indication, Proof, Report, SignatureReport, TimestampReport
from svc.cage.codec import CodecError, from_json, to_json
from svc.cage.frames import FrameBroken, pack, unpack
from svc.cage.protocol import (
    DrawFirstPage,
    Drawn,
    DrawPage,
    Fault,
    Inspect,
    Refused,
    Undrawable,
    Validate,
    read_answer,
    read_task,
    write_answer,
    write_task,
)
from svc.cage.trust_blob import read_trust, write_trust
from tests.unit.certs.conftest import World, world  # noqa: F401 - a fixture

AT = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
SIGNATURE = SignatureReport(
    field_name="Signature1", indication=Indication.TOTAL_FAILED, sub_indication="HASH_FAILURE", signer_name="Sari",
    signer_dn="CN=Sari", serial="0f", issuer="CN=CA", claimed_at=AT, timestamp_at=None, level="B-T",
    covers_whole_file=False, certifies=True, digest_algorithm="sha256", message="–", proven_at=AT,
    covered_bytes=2**40)
REPORT = Report(
    Indication.TOTAL_FAILED, "HASH_FAILURE", (SIGNATURE, replace(SIGNATURE, sub_indication=None)), "ya",
    (TimestampReport("T", AT, "TSA", Indication.TOTAL_PASSED, None, True, AT),), (Finding("polyglot", 0, "x"),))
FACTS = PdfFacts(2, "Judul", ((1.5, 2), (3.0, 4.0)), "1.7", "ab")


@pytest.mark.parametrize("answer", [
    REPORT, FACTS, Refused("upload_xfa", "page 1"), Drawn(5), Undrawable(""), Fault("E")])
def test_answers_come_back_as_they_were(answer: Any) -> None:
    assert read_answer(json.loads(json.dumps(write_answer(answer)))) == answer


@pytest.mark.parametrize("task", [
    Validate(AT), Validate(AT, (Proof("ab", 3, AT),)), Inspect(5, 6), DrawFirstPage(True), DrawPage(0, 150)])
def test_tasks_come_back_as_they_were(task: Any) -> None:
    assert read_task(json.loads(json.dumps(write_task(task)))) == task


def test_times_are_carried_as_instants() -> None:
    local = Proof("ab", 3, AT.astimezone(timezone(timedelta(hours=8))))
    assert from_json(Proof, to_json(local)) == Proof("ab", 3, AT)


def test_a_broken_character_does_not_break_a_page() -> None:
    told = from_json(Undrawable, to_json(Undrawable("a\ud800b"))).reason
    assert told.encode("utf-8") == b"a?b"


def change(**changes: Any) -> dict[str, Any]:
    return {**to_json(FACTS), **changes}


@pytest.mark.parametrize("value", [
    change(pages="2"), change(pages=True), change(pages=2.0), change(pages=None), change(title=None),
    change(extra=1), {key: value for key, value in to_json(FACTS).items() if key != "title"}, [], None, "x",
    change(page_sizes=[[1.0]]), change(page_sizes=[[1.0, 2.0, 3.0]]), change(page_sizes={"a": 1}),
    change(page_sizes=[[1.0, float("inf")]]), change(page_sizes=[[1.0, float("nan")]])])
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(CodecError):
        from_json(PdfFacts, value)


@pytest.mark.parametrize(("name", "value"), [
    ("indication", "GENUINE"), ("indication", 1), ("sub_indication", 1), ("signatures", None), ("timestamps", [[]])])
def test_a_report_is_as_strict_all_the_way_down(name: str, value: Any) -> None:
    with pytest.raises(CodecError):
        from_json(Report, {**to_json(REPORT), name: value})


@pytest.mark.parametrize("moment", ["2026-06-01T02:00:00", "yesterday", 0, None, ""])
def test_a_time_without_zone_is_none(moment: Any) -> None:
    with pytest.raises(CodecError):
        from_json(Proof, {"sha256": "", "size": 0, "at": moment})


@pytest.mark.parametrize("head", [
    None, [], {}, {"kind": "report"}, {"kind": "os.system", "value": {}}, {"kind": ["report"], "value": {}},
    {"kind": "drawn", "value": {"size": 1}, "more": 1}])
def test_only_known_answers_are_read(head: Any) -> None:
    with pytest.raises(CodecError):
        read_answer(head)


@pytest.mark.parametrize("data", [
    b"", b"\0\0", pack({}, b"abc")[:-1], pack({}, b"abc") + b"x", b"\0\0\0\2\0\0\0\0{]", b"\0\0\0\2\0\0\0\0\xff\xff",
    b"\0\0\x4e\x20\0\0\0\0" + b"[" * 20_000])
def test_frames_are_whole_or_nothing(data: bytes) -> None:
    with pytest.raises(FrameBroken):
        unpack(data)


def test_trust_travels_whole_and_is_named_by_its_content(world: World) -> None:  # noqa: F811
    trust = TrustStore((world.pki.root.certificate,), (world.pki.issuing.certificate,), (world.pki.root.certificate,),
                       (world.crl(),), (b"\0ocsp",))
    blob = write_trust(trust)
    assert read_trust(blob.data) == trust
    assert write_trust(read_trust(blob.data)).name == blob.name
    assert write_trust(replace(trust, crls=())).name != blob.name
    ending = replace(trust, ends=DEFAULT_ENDS)
    assert read_trust(write_trust(ending).data) == ending
    with pytest.raises(ValueError, match="trust"):
        read_trust(b"\x09\0\0\0\1x")
