"""What is passed over in one step is exactly what the careful reader passes over, and nothing that it refuses."""

from __future__ import annotations

import random
from dataclasses import replace

from certs.anatomy.findings import Limits, Refused
from certs.anatomy.tokens import OBJECT_HEADER, STREAM_START, Reader, Skimmed, plain_object, plain_stream, skim

LIMITS = Limits()
BODIES = (
    b"<</Type/Pages/Count 1/Kids[72 0 R]>>", b"[2 0 R]", b"<</A<</B<</C[1 2 .5 -3.]>>>>/D(text)/E<feff>>>", b"<<>>",
    b"[]", b"<</A(a(b)c)/B(\\))>>", b"<</A%note\n1>>", b"<</Length 13/Filter/FlateDecode>>", b"<</Length 5 0 R>>",
    b"<</Length 3/Length 4>>", b"<</Length 3/N 3/Range[0 1 0 1]/W[1 2 1]/X true>>", b"<</#4cength 3/Length 3>>",
    b"<</Length 3/A 1.2.3>>", b"<</Length 3/A trueX>>", b"<</Length -3>>", b"<</Length 3 0>>", b"<</Length 3/A/B#zz>>",
    b"[[[[[[1]]]]]]", b"<</A/obj/B/endobj/stream 1>>", b"<</A obj>>", b"<</A Robj>>", b"12", b"(text)", b"null",
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
        found = plain_object(data, 0, len(data), LIMITS)
        if found is not None:
            head = OBJECT_HEADER.match(data, found.start(1))
            assert head is not None
            assert head.end() == found.end(3)
            assert careful(data, found.end(3), LIMITS) == Skimmed(found.end(), has_stream=False), data
            seen += 1
    assert seen > 1000


def test_plain_streams_are_what_the_careful_reader_reads() -> None:
    seen = 0
    for data in objects():
        found = plain_stream(data, 0, len(data), LIMITS)
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


def test_usual_ones_are_plain() -> None:
    usual = b"8 0 obj\n<</Type/StructElem/S/P/P 12 0 R/K[1]/Pg 72 0 R>>\nendobj\n"
    assert plain_object(usual, 0, len(usual), LIMITS) is not None
    image = b"73 0 obj\n<</Length 13/Filter/FlateDecode>>\nstream\n"
    assert plain_stream(image, 0, len(image), LIMITS) is not None


def test_nothing_is_plain_beyond_a_limit() -> None:
    usual = b"8 0 obj\n<</A 1>>\nendobj\n"
    tight_ones = [replace(LIMITS, depth=1), *(replace(LIMITS, **{name: 4}) for name in ("token", "string", "cms"))]
    for tight in tight_ones:
        assert plain_object(usual, 0, len(usual), tight) is None
    long = b"8 0 obj\n<</A/" + b"x" * 5000 + b">>\nendobj\n"
    assert plain_object(long, 0, len(long), LIMITS) is None
    cut = usual.rstrip()
    assert plain_object(cut + b"x" * 9, 0, len(cut) + 9, replace(LIMITS, token=len(cut))) is None
