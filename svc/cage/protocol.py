"""What is asked of a worker and what it answers, and how both are written. Knows no parser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from certs.intake import PdfFacts
from certs.validation import Proof, Report
from svc.cage.codec import CodecError, from_json, to_json
from svc.cage.pictures import PagePicture, Pictured
from svc.sheets import SheetLimits


@dataclass(frozen=True)
class Validate:
    now: datetime
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True)
class Inspect:
    max_bytes: int
    max_pages: int


@dataclass(frozen=True)
class DrawFirstPage:
    signed_only: bool


@dataclass(frozen=True)
class DrawPage:
    page: int
    dpi: int


@dataclass(frozen=True)
class PicturePage:
    page: int
    most_bytes: int


@dataclass(frozen=True)
class BindPictures:
    pictures: tuple[PagePicture, ...]


@dataclass(frozen=True)
class ReadSheet:
    limits: SheetLimits


Task: TypeAlias = Validate | Inspect | DrawFirstPage | DrawPage | PicturePage | BindPictures | ReadSheet
_TASKS: dict[str, type[Task]] = {
    "validate": Validate, "inspect": Inspect, "first_page": DrawFirstPage, "render_page": DrawPage,
    "picture_page": PicturePage, "bind_pictures": BindPictures, "read_sheet": ReadSheet}
_NAMES = {kind: name for name, kind in _TASKS.items()}


@dataclass(frozen=True)
class Refused:
    """An upload that may not become a decree, by the code of its error."""

    code: str
    detail: str


@dataclass(frozen=True)
class Drawn:
    """A picture; its bytes stand behind the head of the frame."""

    size: int


@dataclass(frozen=True)
class Undrawable:
    reason: str


@dataclass(frozen=True)
class Unpicturable:
    """Why pages cannot become pictures, by the code of :class:`svc.cage.port.PicturesImpossible`."""

    code: str


@dataclass(frozen=True)
class Bound:
    """A PDF made of pictures; its bytes stand behind the head of the frame."""

    size: int


@dataclass(frozen=True)
class Tabled:
    """A table; its bytes stand behind the head of the frame, as :func:`svc.sheets.write_table` makes them."""

    size: int


@dataclass(frozen=True)
class SheetUnfit:
    """A sheet that cannot be used, by the code of its refusal and the values of its placeholders."""

    code: str
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fault:
    """The work ended in an error that it should not end in."""

    name: str


Answer: TypeAlias = (
    Report | PdfFacts | Refused | Drawn | Undrawable | Pictured | Unpicturable | Bound | Tabled | SheetUnfit | Fault)
_ANSWERS: dict[str, type[Answer]] = {
    "report": Report, "facts": PdfFacts, "refused": Refused, "drawn": Drawn, "undrawable": Undrawable,
    "pictured": Pictured, "unpicturable": Unpicturable, "bound": Bound, "tabled": Tabled,
    "sheet_unfit": SheetUnfit, "fault": Fault}
_KINDS = {kind: name for name, kind in _ANSWERS.items()}


def write_task(task: Task) -> dict[str, Any]:
    """The task as JSON."""
    return {"task": _NAMES[type(task)], "with": to_json(task)}


def read_task(head: Any) -> Task:
    """The task from JSON. :raises CodecError: it is none"""
    kind, value = _tagged(head, "task", "with", _TASKS)
    task: Task = from_json(kind, value)
    return task


def write_answer(answer: Answer) -> dict[str, Any]:
    """The answer as JSON."""
    return {"kind": _KINDS[type(answer)], "value": to_json(answer)}


def read_answer(head: Any) -> Answer:
    """The answer from JSON that a taken-over worker may have written. :raises CodecError: it is none"""
    kind, value = _tagged(head, "kind", "value", _ANSWERS)
    answer: Answer = from_json(kind, value)
    return answer


def _tagged(head: Any, tag: str, content: str, known: dict[str, Any]) -> tuple[Any, Any]:
    if type(head) is not dict or head.keys() != {tag, content} or type(head[tag]) is not str:
        raise CodecError("not a tagged value")
    if head[tag] not in known:
        raise CodecError(f"unknown {tag}")
    return known[head[tag]], head[content]
