"""The number of a long document is taken in the last paraf's transaction, and nobody waits while it is laid out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from svc.models import Decree, RegisterEntry
from svc.rendering import RenderedPdf, Renderer, RenderRequest
from svc.services import numbering
from svc.services.layout_ahead import LONG_ITEMS
from svc.services.outbox import notify
from tests.support import collective
from tests.support.world import World


@dataclass
class Watching:
    """The real renderer; while it lays out a final document, something else happens."""

    inner: Renderer
    meanwhile: Callable[[], None]
    asked: list[RenderRequest] = field(default_factory=list)

    def render(self, request: RenderRequest) -> RenderedPdf:
        if request.stage == "final":
            self.asked.append(request)
            other = threading.Thread(target=self.meanwhile)
            other.start()
            other.join(20)
            assert not other.is_alive(), "another writer waits for the layout"
        return self.inner.render(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def long_decree(world: World, meanwhile: Callable[[], None]) -> tuple[Decree, Watching]:
    watching = Watching(world.deps.renderer, meanwhile)
    decree_id = collective.parent(replace(world, deps=replace(world.deps, renderer=watching)), "ready_to_sign",
                                  LONG_ITEMS)
    return collective.decree(world, decree_id), watching


def test_others_write_while_a_long_decree_is_laid_out(world: World) -> None:
    def write() -> None:
        with world.deps.db.unit_of_work() as session:
            notify(session, world.actor("analis").person_id, "Contoh", world.deps.clock.now())

    decree, watching = long_decree(world, write)
    assert (decree.status, [one.number for one in watching.asked]) == ("ready_to_sign", [decree.number])
    with world.deps.db.read_session() as session:
        assert [(one.formatted, one.state) for one in session.scalars(select(RegisterEntry))] == [
            (decree.number, "held")]


def test_who_is_faster_gets_the_number_and_the_decree_is_laid_out_with_the_next(world: World) -> None:
    other = collective.decree(world, collective.parent(world, "in_review", 1))
    kind = world.deps.kinds.get(collective.KIND)
    taken: list[str] = []

    def take() -> None:
        if taken:
            return
        with world.deps.db.unit_of_work() as session:
            row = session.get_one(Decree, other.id)
            taken.append(numbering.take_number(session, world.deps, row, kind, world.deps.clock.now()).formatted)

    decree, watching = long_decree(world, take)
    assert [one.number for one in watching.asked] == [taken[0], decree.number]
    assert decree.number != taken[0]
