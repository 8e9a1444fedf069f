"""The revisions of a file: the chain of cross-reference sections from its end, and what each closes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from certs.anatomy.findings import Limits, Notebook, Refused
from certs.anatomy.sections import Entry, Kind, Section, read_section

_W = rb"[\x00\t\n\x0c\r ]"
# iText, with which BSrE signs, leaves its name before startxref.
_TAIL = re.compile(
    _W + rb"*+(?:%iText[ -~]{0,80}+[\r\n]++)?(?:(%[ -~]{0,80}+)[\r\n]++)?"
    rb"startxref(" + _W + rb"++)(\d{1,10})(" + _W + rb"++)%%EOF(\r\n|\n|\r)?"
)
# Viewers look for startxref in the last kilobyte, and pdf.js takes no other white space than this behind it.
_PLAIN_GAP = re.compile(rb"[\t\n\r ]{1,16}")
_LAST = re.compile(rb"startxref" + _W + rb"++(\d{1,10})")
_SPACE = re.compile(_W + rb"*+")


@dataclass(frozen=True)
class Revision:
    """One revision: bytes ``start`` to ``end`` (after ``%%EOF`` and one line end, if there is one).

    ``bare_end`` is the end without that line end. ``sections`` are newest first: one, or two where the file is
    linearised.
    """

    start: int
    end: int
    bare_end: int
    sections: tuple[Section, ...]
    closings: tuple[tuple[int, int], ...]

    @cached_property
    def entries(self) -> dict[int, Entry]:
        merged: dict[int, Entry] = {}
        for section in reversed(self.sections):
            merged |= section.merged
        return merged


def read_revisions(data: bytes, limits: Limits, notes: Notebook) -> tuple[Revision, ...]:
    """All revisions, oldest first.

    :raises Refused: where the chain cannot be followed to its beginning
    """
    found = data.rfind(b"startxref")
    last = _LAST.match(data, found) if found >= 0 else None
    if last is None:
        raise Refused("revision_without_xref", max(found, 0), "no address of the last section")
    sections = _chain(data, int(last.group(1)), limits)
    sections.reverse()
    return tuple(_revisions(data, sections, notes))


def _chain(data: bytes, start: int, limits: Limits) -> list[Section]:
    sections: list[Section] = []
    seen: set[int] = set()
    budget = limits.objects
    address: int | None = start
    while address is not None:
        if address in seen:
            raise Refused("xref_loop", address)
        seen.add(address)
        if len(sections) >= limits.revisions:
            raise Refused("too_many_revisions", address)
        section = read_section(data, address, budget, limits)
        budget -= len(section.entries) + (len(section.hybrid.entries) if section.hybrid else 0)
        sections.append(section)
        address = section.trailer.integer(b"Prev")
    return sections


def _revisions(data: bytes, sections: list[Section], notes: Notebook) -> list[Revision]:
    groups = [[one] for one in sections]
    if len(sections) > 1 and sections[0].start > sections[1].start and b"/Linearized" in data[:1024]:
        # The first page's section stands at the beginning of a linearised file and refers to the main one.
        groups[:2] = [[sections[1], sections[0]]]
    revisions: list[Revision] = []
    start = 0
    for group in groups:
        revision = _close(data, start, group, notes)
        if revision.end <= start:
            raise Refused("xref_malformed", group[0].start, "sections out of order")
        revisions.append(revision)
        start = revision.end
    if start != len(data):
        rest = data[start : start + 1_000_000]
        is_update = b"startxref" in rest or b"%%EOF" in rest or b"endobj" in rest
        notes.note("revision_without_xref" if is_update else "bytes_after_end", start)
    return revisions


def _close(data: bytes, start: int, group: list[Section], notes: Notebook) -> Revision:
    closings: list[tuple[int, int]] = []
    bare_end = end = 0
    for section in group:
        tail = _TAIL.match(data, section.end)
        if tail is None:
            closings.append((section.start, section.end))
            if len(group) > 1 and section is group[0]:  # the first page's, as a stream, needs no closing lines
                continue
            notes.note("missing_eof", section.end, "no startxref and %%EOF behind a section")
            end = bare_end = section.end
            continue
        if tail.group(1) is not None:
            notes.note("comment_between_objects", tail.start(1), "before startxref")
        if not (_PLAIN_GAP.fullmatch(tail.group(2)) and _PLAIN_GAP.fullmatch(tail.group(4))):
            notes.note("xref_untidy", tail.start(2), "white space behind startxref")
        # The main section of a linearised file names the first page's; that one names nothing (0).
        if int(tail.group(3)) != group[0].start and not (len(group) > 1 and section is group[0]):
            distance = _SPACE.match(data, int(tail.group(3)))
            if distance is None or distance.end() != section.start:
                notes.note("xref_disagrees", tail.start(), "startxref names another section")
        closings.append((section.start, tail.end()))
        end, bare_end = tail.end(), (tail.end() if tail.group(5) is None else tail.start(5))
    return Revision(start, end, bare_end, tuple(group), tuple(closings))


def visible(revisions: tuple[Revision, ...], limits: Limits) -> list[dict[int, Entry]]:
    """What each revision's reader sees: object number to entry, without free ones.

    :raises Refused: too_many_objects, counted over all revisions
    """
    total = sum(len(one.entries) for one in revisions)
    if total * len(revisions) > 10 * limits.objects:
        raise Refused("too_many_objects", 0, "over all revisions")
    seen: dict[int, Entry] = {}
    views: list[dict[int, Entry]] = []
    for revision in revisions:
        seen = seen | revision.entries
        views.append({number: entry for number, entry in seen.items() if entry.kind is not Kind.FREE and number})
    return views
