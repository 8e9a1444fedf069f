"""What a decree's events say its row must be: whose they are, its number, signature and states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.models import AuditEvent, Decree

PREFIX = "decree:"
_STATUS_AFTER = {
    "submitted": "in_review", "returned": "draft", "withdrawn": "draft", "rejected": "rejected",
    "discarded": "discarded", "signing_claimed": "signing", "signing_released": "ready_to_sign", "signed": "signed",
    "distributed": "issued", "paper_registered": "issued",
}
# Which of them an opened task means stands in the route, not in the event; after the signature it changes nothing.
_WITH_OPEN_TASK = frozenset({"in_review", "ready_to_sign"})


@dataclass(frozen=True)
class Difference:
    """A chain and its row do not agree. ``kind``: foreign_event or row_differs."""

    kind: str
    stream: str
    detail: str


class Story:
    """What a chain tells, event after event; small, whatever the chain's length."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.statuses = frozenset({"draft"})
        self.legal_status = "none"
        self.number: str | None = None
        self.signed_sha256: str | None = None
        self.first_of: dict[int | None, int] = {}

    def hear(self, event: AuditEvent) -> None:
        """Take the next event in."""
        self.first_of.setdefault(event.decree_id, event.seq)
        payload = event.payload if isinstance(event.payload, Mapping) else {}
        if event.type in _STATUS_AFTER:
            self.statuses = frozenset({_STATUS_AFTER[event.type]})
        match event.type:
            case "task_opened" if "signed" not in self.statuses:
                self.statuses = _WITH_OPEN_TASK
            case "number_assigned" | "document_refrozen":
                self.number = payload.get("number") or self.number
            case "number_voided":
                self.number = None
            case "signed" | "signature_augmented":
                self.signed_sha256 = payload.get("signed_sha256")
            case "distributed":
                self.legal_status = "in_force"
            case "legal_status_changed":
                self.legal_status = str(payload.get("status"))
            case "paper_registered":
                self.number, self.legal_status = payload.get("number"), "in_force"
            case _:
                pass


def differences(session: Session, stories: Sequence[Story]) -> Iterator[Difference]:
    """Where rows differ from what their chains tell. Chains without a row are no matter of this check."""
    ids = [story.stream.removeprefix(PREFIX) for story in stories if story.stream.startswith(PREFIX)]
    rows = {f"{PREFIX}{row.public_id}": row for row in session.execute(
        select(Decree.public_id, Decree.id, Decree.status, Decree.legal_status, Decree.number, Decree.signed_sha256)
        .where(Decree.public_id.in_(ids)))}
    for story in stories:
        row = rows.get(story.stream)
        if row is None:
            if not story.stream.startswith(PREFIX):
                yield from _foreign(story, None)
            continue
        yield from _foreign(story, row.id)
        if row.status not in story.statuses:
            wanted = " or ".join(sorted(story.statuses))
            yield Difference("row_differs", story.stream, f"status is {row.status}, its events say {wanted}")
        for name in ("legal_status", "number", "signed_sha256"):
            is_now, said = getattr(row, name), getattr(story, name)
            if is_now != said:
                yield Difference("row_differs", story.stream, f"{name} is {is_now}, its events say {said}")


def _foreign(story: Story, decree_id: int | None) -> Iterator[Difference]:
    """Events in this chain that are counted as another decree's, so that its pages show them."""
    for found, seq in story.first_of.items():
        if found != decree_id:
            yield Difference("foreign_event", story.stream, f"from #{seq} on, linked to another decree or to none")
