"""Numbers to which a file refers in vain, in whatever way a lenient reader may take for a reference."""

from __future__ import annotations

import pytest

from certs.anatomy.vain import said_numbers


@pytest.mark.parametrize("said", [
    b"[900 7 R]", b"/A 900%x\n7 R", b"900 7%x\nR", b"900%x\n7%y\nR ", b"[0000000000000900 0 R]", b"+900 0 R>>",
    b"900.5 7.0 R>>", b"-900 0 R", b"5 6 900 0 R", b"900" + b" " * 300 + b"0" + b"\n" * 3000 + b"R", b"900\x0b0\x0bR",
])  # fmt: skip
def test_a_number_is_seen_however_it_is_written(said: bytes) -> None:
    assert 900 in said_numbers(said)


@pytest.mark.parametrize("said", [b"900 0 RG", b"900 0 obj", b"1900 0 R", b"9001 0 R", b"/R 900", b"900 0 ", b"R"])
def test_others_are_not(said: bytes) -> None:
    assert 900 not in said_numbers(said)
