"""By what name a code asks for a letter.

A font of one byte a code may list names of its own choice (/Differences). Names of the Adobe Glyph List mean the same
to everybody, and what the program in the file calls so is found by everybody. Any other (``g4``, ``c66``, ``A.alt``)
is guessed: one reader takes the number in it for a letter's place, another for a character, the next shows a box.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pikepdf

from certs.upload import programs
from certs.upload.book import NotByTheBookError

_ENCODINGS: Final = frozenset({"/StandardEncoding", "/WinAnsiEncoding", "/MacRomanEncoding"})
_LIST = Path(__file__).with_name("glyph_names.txt").read_text(encoding="ascii")  # now: later, no file can be opened
_KNOWN: Final = frozenset(
    name for line in _LIST.splitlines() if not line.startswith("#") for name in line.split()) | {".notdef"}
_BY_NUMBER = re.compile(r"uni[0-9A-F]{4}|u[0-9A-F]{4,6}")
_SIGNS = 4  # the flag of a font whose letters are not those of the standard's encodings
_NAMES_OF: Final[Mapping[str, Callable[[bytes], frozenset[str]]]] = {
    "/FontFile": programs.names_of_type1, "/FontFile2": programs.names_of_truetype,
    "/FontFile3": programs.names_of_compact}


def ensure_known(font: Any) -> None:
    """Look at the encoding of a font of one byte a code.

    :raises NotByTheBookError: readers may take another letter for a code
    """
    encoding: Any = font.get("/Encoding")
    if isinstance(encoding, pikepdf.Dictionary):
        base = encoding.get("/BaseEncoding")
        _ensure_named(font, _differences(encoding.get("/Differences", pikepdf.Array())))
    else:
        base = encoding
    if base is not None and str(base) not in _ENCODINGS:
        raise NotByTheBookError("an encoding that few readers know")


def _differences(listed: Any) -> frozenset[str]:
    names = []
    code = 0
    for one in listed:
        if isinstance(one, pikepdf.Name):
            names.append(str(one)[1:])
            code += 1
        elif type(one) is int:
            code = one
        else:
            raise NotByTheBookError("an encoding of something else than names")
        if not 0 <= code <= 256:
            raise NotByTheBookError("an encoding of more than a byte")
    return frozenset(names)


def _ensure_named(font: Any, names: frozenset[str]) -> None:
    descriptor: Any = font.get("/FontDescriptor", pikepdf.Dictionary())
    if names and font.Subtype == "/TrueType" and int(descriptor.get("/Flags", 0)) & _SIGNS:
        raise NotByTheBookError("a font of signs that are asked for by name")  # half of the readers ask by code
    unknown = names - _KNOWN
    if font.Subtype == "/Type3":
        unknown -= {one[1:] for one in font.get("/CharProcs", pikepdf.Dictionary()).keys()}  # noqa: SIM118
    for key, names_of in _NAMES_OF.items():
        program = descriptor.get(key)
        if isinstance(program, pikepdf.Stream) and not all(map(_BY_NUMBER.fullmatch, unknown)):
            unknown -= names_of(program.read_bytes())
    guessed = sorted(one for one in unknown if not _BY_NUMBER.fullmatch(one))
    if guessed:
        raise NotByTheBookError(f"a letter called {guessed[0][:20]!r}")
