"""What is passed over in one step is exactly what the careful reader passes over, and nothing that it refuses."""

from __future__ import annotations

import random
from dataclasses import replace
from io import BytesIO

import pikepdf
import pytest

from certs.anatomy.findings import Limits, Refused
from certs.anatomy.parsers import complaints_of
from certs.anatomy.plain import PlainReader
from certs.anatomy.tokens import OBJECT_HEADER, STREAM_START, Entries, Reader, Skimmed, Value, skim

LIMITS = Limits()
BODIES = (
    b"<</Type/Pages/Count 1/Kids[72 0 R]>>", b"[2 0 R]", b"<</A<</B<</C[1 2 .5 -3.]>>>>/D(text)/E<feff>>>", b"<<>>",
    b"[]", b"<</A(a(b)c)/B(\\))>>", b"<</A%note\n1>>", b"<</Length 13/Filter/FlateDecode>>", b"<</Length 5 0 R>>",
    b"<</Length 3/Length 4>>", b"<</Length 3/N 3/Range[0 1 0 1]/W[1 2 1]/X true>>", b"<</#4cength 3/Length 3>>",
    b"<</Length 3/A 1.2.3>>", b"<</Length 3/A trueX>>", b"<</Length -3>>", b"<</Length 3 0>>", b"<</Length 3/A/B#zz>>",
    b"[[[[[[1]]]]]]", b"<</A/obj/B/endobj/stream 1>>", b"<</A obj>>", b"<</A Robj>>", b"12", b"(text)", b"null",
)
KEYS = (
    b"<</A 1/A 2>>", b"<</A/A/B/A>>", b"<</A<</A 1>>/B 1>>", b"<</A<</B 1/B 2>>>>", b"[<</B 1/B 2>>]", b"[/A/A/A]",
    b"<</A[<</B<</C 1/C 1>>>>]>>", b"<</A[/A/B]/C 1/C 2>>", b"<</K<</S/K>>/S<</S/S/K/S>>>>", b"<</A(/A/A)>>",
)
ENDS = (b" endobj", b"endobj", b"\nendobj\n", b"endobjx", b"\nstream\r\nabc\nendstream endobj",
        b"stream\nabcendstream endobj", b"stream abc", b"\nstream\rabc", b"")
LETTERS = b"<>[]()/%\\ \n\r\0" + b"0123456789.+-RABobjstreamendtruefalsenull#"


def objects() -> list[bytes]:
    chance = random.Random(17)
    found = [head + body + end for head in (b"7 0 obj", b" 7 0 obj\n", b"7 0 objx", b"7 0obj ") for body in BODIES
             for end in ENDS]
    for _ in range(60_000):
        one = bytearray(chance.choice(found[: len(BODIES) * len(ENDS)]))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(7, len(one)) if len(one) > 7 else len(one)
            one[at : at + chance.randrange(2)] = bytes(chance.choices(LETTERS, k=chance.randrange(3)))
        found.append(bytes(one))
    return found


def careful(data: bytes, body: int, limits: Limits) -> Skimmed | None:
    try:
        return skim(data, body, len(data), limits)
    except Refused:
        return None


def test_plain_objects_are_what_the_careful_reader_passes() -> None:
    seen = 0
    for data in objects():
        found = PlainReader(data, len(data), LIMITS).object(0)
        if found is not None:
            head = OBJECT_HEADER.match(data, found.start)
            assert head is not None
            assert head.end() == found.body
            assert careful(data, found.body, LIMITS) == Skimmed(found.end, has_stream=False), data
            seen += 1
    assert seen > 1000


def test_plain_streams_are_what_the_careful_reader_reads() -> None:
    seen = 0
    for data in objects():
        found = PlainReader(data, len(data), LIMITS).stream(0)
        if found is not None:
            assert careful(data, found.body, LIMITS) == Skimmed(found.keyword, has_stream=True), data
            dictionary, _ = Reader(data, found.keyword, LIMITS).dictionary(found.body)
            start = STREAM_START.match(data, found.keyword)
            assert start is not None
            assert start.end() == found.data
            assert not dictionary.repeated()
            assert dictionary.get(b"Length") == found.length
            seen += 1
    assert seen > 400


def repeats(value: Value) -> bool:
    if isinstance(value, Entries):
        return bool(value.repeated()) or any(repeats(one) for _, one in value.pairs)
    return isinstance(value, tuple) and any(repeats(one) for one in value)


def test_what_is_clear_has_no_key_twice_at_any_depth() -> None:
    clear = twice = 0
    for data in [*objects(), *(b"7 0 obj " + one + b" endobj" for one in KEYS)]:
        found = PlainReader(data, len(data), LIMITS).object(0)
        if found is None:
            continue
        value, _ = Reader(data, found.end, LIMITS).value(found.body)
        clear += found.clear
        twice += repeats(value)
        assert not (found.clear and repeats(value)), data
    assert clear > 1000
    assert twice >= 4, twice


def test_qpdf_finds_nothing_odd_about_what_is_clear() -> None:
    seen = 0
    for data in objects()[::8]:
        found = PlainReader(data, len(data), LIMITS).object(0)
        if found is None or not found.clear:
            continue
        seen += 1
        with pikepdf.open(BytesIO(a_file(data[found.start : found.end])), attempt_recovery=False) as document:
            assert document.get_object(7, found.generation) is not None
            assert complaints_of(document) == [], data
    assert seen > 100


@pytest.mark.parametrize("key", [b"/A", b"/B", b"/AA"])
def test_whatever_byte_stands_behind_a_key_what_is_clear_is_read_alike(key: bytes) -> None:
    for byte in range(256):
        held = b"7 0 obj<</A 1" + key + bytes([byte]) + b" 2>>endobj"
        found = PlainReader(held, len(held), LIMITS).object(0)
        if found is None or not found.clear:
            continue
        value, _ = Reader(held, found.end, LIMITS).value(found.body)
        assert isinstance(value, Entries)
        with pikepdf.open(BytesIO(a_file(held)), attempt_recovery=False) as document:
            theirs = document.get_object(7, 0)
            assert complaints_of(document) == [], byte
            assert {b"/" + name for name, _ in value.pairs} == {one.encode() for one in theirs.keys()}, byte  # noqa: SIM118


def test_a_byte_that_some_readers_take_for_white_space_is_refused() -> None:
    for held in (b"<</A 1/A\x0b 2>>", b"<</A\x0b(x)>>", b"[1\x0b2]"):
        data = b"7 0 obj" + held + b" endobj"
        assert PlainReader(data, len(data), LIMITS).object(0) is None
        with pytest.raises(Refused, match="malformed_object"):
            skim(data, 7, len(data), LIMITS)
    data = b"7 0 obj<</A(x\x0by)%\x0b\n/B<0b>>>endobj"
    assert skim(data, 7, len(data), LIMITS).end == len(data)


def a_file(held: bytes) -> bytes:
    """A file whose seventh object is the given one."""
    parts = [b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n", b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n",
             b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<<>>>>endobj\n", held]
    body, places = b"%PDF-1.7\n", []
    for part in parts:
        places.append(b"%010d" % len(body))
        body += part + b"\n"
    one, two, three, seven = places
    return body + (
        b"xref\n0 4\n0000000000 65535 f \n" + one + b" 00000 n \n" + two + b" 00000 n \n" + three
        + b" 00000 n \n7 1\n" + seven
        + b" 00000 n \ntrailer<</Size 8/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body))


def test_a_stream_in_another_file_is_not_clear() -> None:
    for extra, clear in ((b"", True), (b"/F/x.txt", False), (b"/F(x.txt)", False), (b"/FF 1", True)):
        data = b"7 0 obj<</Length 3" + extra + b">>stream\nabc\nendstream endobj"
        found = PlainReader(data, len(data), LIMITS).stream(0)
        assert found is not None
        assert found.clear is clear


def test_usual_ones_are_plain() -> None:
    usual = b"8 0 obj\n<</Type/StructElem/S/P/P 12 0 R/K[1]/Pg 72 0 R>>\nendobj\n"
    found = PlainReader(usual, len(usual), LIMITS).object(0)
    assert found is not None
    assert found.clear
    image = b"73 0 obj\n<</Length 13/Filter/FlateDecode>>\nstream\n"
    assert PlainReader(image, len(image), LIMITS).stream(0) is not None


def test_nothing_is_plain_beyond_a_limit() -> None:
    usual = b"8 0 obj\n<</A 1>>\nendobj\n"
    tight_ones = [replace(LIMITS, depth=1), *(replace(LIMITS, **{name: 4}) for name in ("token", "string", "cms"))]
    for tight in tight_ones:
        assert PlainReader(usual, len(usual), tight).object(0) is None
    long = b"8 0 obj\n<</A/" + b"x" * 5000 + b">>\nendobj\n"
    assert PlainReader(long, len(long), LIMITS).object(0) is None
    cut = usual.rstrip()
    assert PlainReader(cut + b"x" * 9, len(cut) + 9, replace(LIMITS, token=len(cut))).object(0) is None
