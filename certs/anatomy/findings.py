"""What the anatomy finds, and how much of a file it is willing to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """Something in the file that is not explained.

    ``code`` is stable (see ``CODES`` in :mod:`certs.structure`), ``offset`` is the byte it was seen at (0 where
    it concerns the file as a whole), ``detail`` an English phrase for logs, never with content of the document.
    """

    code: str
    offset: int
    detail: str = ""


class Refused(Exception):
    """Reading cannot go on: the finding says why. Never leaves this package."""

    def __init__(self, code: str, offset: int, detail: str = "") -> None:
        super().__init__(code)
        self.finding = Finding(code, offset, detail)


@dataclass(frozen=True)
class Limits:
    """How much is looked at; beyond it the file is refused before any real parser meets it.

    Sizes in bytes. ``objects`` holds for ``/Size`` and for the entries of all cross-reference sections
    together; ``depth`` for nested arrays and dictionaries, ``field_depth`` for nested form fields; ``token`` for
    names, numbers and keywords (ISO 32000-2 Annex C knows 127), ``string`` for strings but ``/Contents``.
    """

    file: int = 32 * 1024 * 1024
    revisions: int = 64
    objects: int = 200_000
    signatures: int = 50
    cms: int = 4 * 1024 * 1024
    token: int = 4096
    string: int = 1024 * 1024
    depth: int = 100
    fields: int = 5000
    field_depth: int = 16


@dataclass(frozen=True)
class SignaturePlace:
    """A signature dictionary as the bytes show it.

    ``covered_end`` is where its byte range ends, ``revision`` the revision (from 0) that it covers.
    """

    object_number: int
    offset: int
    covered_end: int
    revision: int
    is_timestamp: bool


@dataclass(frozen=True)
class StructureFindings:
    """The outcome of an examination.

    ``findings`` speak against the file. ``remarks`` are oddities within the first signed revision, which its
    signer signed and nobody can have added since: unreferenced objects, comments, hybrid cross-references.
    ``revisions`` are the ends of the revisions, in bytes, oldest first; ``signatures`` are in order of
    what they cover.
    """

    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...] = ()
    revisions: tuple[int, ...] = ()
    signatures: tuple[SignaturePlace, ...] = ()

    @property
    def explained(self) -> bool:
        """Every byte is accounted for."""
        return not self.findings

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all findings, without the remarks'."""
        return frozenset(one.code for one in self.findings)


@dataclass
class Notebook:
    """Collects findings while reading: ``capacity`` of them (a hostile file could have one a byte).

    What comes after is summed up as ``too_many_findings``, which nothing excuses.
    """

    capacity: int = 200
    entries: list[Finding] = field(default_factory=list)

    def note(self, code: str, offset: int, detail: str = "") -> None:
        if not self.full:
            self.entries.append(Finding(code, offset, detail))
        elif len(self.entries) == self.capacity:
            self.entries.append(Finding("too_many_findings", offset))

    def take(self, findings: Iterable[Finding]) -> None:
        for one in findings:
            self.note(one.code, one.offset, one.detail)

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.capacity
