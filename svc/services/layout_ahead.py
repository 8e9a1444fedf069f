"""Laying out a long document outside the transaction that takes its number.

A list of a thousand people takes seconds, in which nobody else could write. So the act is begun to learn what is to be
laid out, number included, and rolled back; laid out while nobody waits; and done again, where the number is taken in
the transaction of the act as ever. When somebody was faster, so that another number or signer stands on it, the same
once more; after a few such turns it is laid out within. Nothing of a turn that was rolled back can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from svc.deps import Deps
from svc.rendering import (
    ReceiptRequest,
    RenderedPdf,
    Renderer,
    RenderFailed,
    RenderRequest,
    ReportRequest,
    StampRequest,
)

LONG_ITEMS = 100  # some 0.3 s of layout
_TURNS = 4
Outcome = TypeVar("Outcome")


def lay_out_ahead(deps: Deps, act: Callable[[Deps], Outcome]) -> Outcome:
    """Do an act of one transaction with these dependencies; outcome and errors are those of the act."""
    renderer = _Ahead(deps.renderer)
    for _ in range(_TURNS):
        try:
            return act(replace(deps, renderer=renderer))
        except _AskedError as asked:  # rolled back, on purpose
            renderer.lay_out(asked.request)
    return act(deps)


class _AskedError(Exception):
    """A long document is wanted that was not laid out yet."""

    def __init__(self, request: RenderRequest) -> None:
        super().__init__(request.kind_id)
        self.request = request


@dataclass
class _Ahead:
    """Gives what was laid out ahead, lays out at once what is short, and asks for the rest."""

    inner: Renderer
    request: RenderRequest | None = None
    made: RenderedPdf | RenderFailed | None = None

    def lay_out(self, request: RenderRequest) -> None:
        self.request = _timeless(request)
        try:
            self.made = self.inner.render(request)
        except RenderFailed as error:  # raised in the act, which knows what it means
            self.made = error

    def render(self, request: RenderRequest) -> RenderedPdf:
        if _items(request.data) < LONG_ITEMS:
            return self.inner.render(request)
        if self.made is None or self.request != _timeless(request):
            raise _AskedError(request)
        if isinstance(self.made, RenderFailed):
            raise self.made
        return self.made

    def stamp(self, pdf: bytes, request: StampRequest) -> RenderedPdf:
        return self.inner.stamp(pdf, request)

    def receipt(self, request: ReceiptRequest) -> RenderedPdf:
        return self.inner.receipt(request)

    def report(self, request: ReportRequest) -> RenderedPdf:
        return self.inner.report(request)


def _timeless(request: RenderRequest) -> RenderRequest:
    """The moment of its making may be that of the turn before; the day that it prints is in ``issued_on``."""
    return replace(request, created_at=None)


def _items(value: object) -> int:
    """Entries of all lists within."""
    if isinstance(value, Mapping):
        return sum(_items(one) for one in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return len(value) + sum(_items(one) for one in value)
    return 0
