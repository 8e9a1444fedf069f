"""The receipt of a batch: made once when its work has ended, kept, and made anew only when something became known."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import select

from svc.deps import Deps
from svc.errors import NotFound, ServiceUnavailable
from svc.models import AuditEvent, Batch, BatchReceipt, Decree
from svc.rendering import ReceiptRequest, RenderedPdf, RenderFailed
from svc.services.batches import drafting, issuing, receipts, review, work
from svc.services.batches.receipts import ReceiptNotReady
from svc.worker import run_once
from tests.support import batches as b
from tests.support.acts import text_of
from tests.support.clock import FrozenClock
from tests.support.world import World


class OutOfInk:
    """A renderer that lays out no receipts of one batch."""

    def __init__(self, inner: Deps, title: str) -> None:
        self._inner, self._title = inner.renderer, title

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def receipt(self, request: ReceiptRequest) -> RenderedPdf:
        if request.title == self._title:
            raise RenderFailed("out of ink")
        return self._inner.receipt(request)


def read(world: World, batch_id: str, no: int | None = None) -> receipts.Receipt:
    return receipts.read_receipt(world.deps, world.actor(b.CLERK), batch_id, no)


def rows(world: World, batch_id: str) -> list[BatchReceipt]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(
            select(BatchReceipt).join(Batch, Batch.id == BatchReceipt.batch_id).where(Batch.public_id == batch_id)
            .order_by(BatchReceipt.no)))


def test_the_worker_makes_it_once_and_everybody_gets_the_same(world: World, clock: FrozenClock) -> None:
    batch_id = b.signed(world, 2)
    with pytest.raises(ReceiptNotReady, match="sedang dibuat"):
        read(world, batch_id)
    run_once(world.deps)
    first = read(world, batch_id)
    assert first.sha256 == hashlib.sha256(first.pdf).hexdigest()
    for _ in range(3):
        clock.advance(minutes=10)
        run_once(world.deps)
    assert read(world, batch_id) == first
    kept = rows(world, batch_id)
    assert [(one.no, one.sha256, one.size) for one in kept] == [(1, first.sha256, len(first.pdf))]
    assert kept[0].object_key == f"batches/{batch_id}/receipts/{first.sha256}.pdf"
    with world.deps.db.read_session() as session:
        told = session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "batch_receipt_made")).all()
    assert [one["sha256"] for one in told] == [first.sha256]


def test_an_outcome_that_became_known_later_makes_another_and_keeps_the_first(world: World) -> None:
    clerk = world.actor(b.CLERK)
    batch_id = b.drafted(world, 2)
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version, auto_issue=False)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    receipts.make_due(world.deps)
    first = read(world, batch_id)
    assert "ditandatangani dan terbit" not in text_of(first.pdf)

    issuing.issue(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    assert read(world, batch_id) == first  # until there is another
    receipts.make_due(world.deps)
    second = read(world, batch_id)
    text = text_of(second.pdf)
    assert second.sha256 != first.sha256
    assert "ditandatangani dan terbit" in text
    assert first.sha256[:20] in text.replace(" ", "")
    assert read(world, batch_id, 1).pdf == first.pdf
    assert read(world, batch_id, 2).pdf == second.pdf
    with pytest.raises(NotFound):
        read(world, batch_id, 3)


def test_a_late_message_that_changes_nothing_makes_no_other(world: World) -> None:
    batch_id = b.signed(world, 1)
    receipts.make_due(world.deps)
    receipts.look_again(world.deps, {"batch_id": b.batch_row(world, batch_id).id})
    assert b.batch_row(world, batch_id).receipt_wanted_at is not None
    receipts.make_due(world.deps)
    assert b.batch_row(world, batch_id).receipt_wanted_at is None
    assert len(rows(world, batch_id)) == 1


def test_what_changes_while_it_is_made_is_not_lost(world: World, clock: FrozenClock) -> None:
    batch_id = b.signed(world, 1)
    deps = world.deps

    class Meddler(OutOfInk):
        """While the first is laid out, an outcome changes."""

        def receipt(self, request: ReceiptRequest) -> RenderedPdf:
            clock.advance(seconds=1)
            with deps.db.unit_of_work() as session:
                session.scalars(select(Decree)).one().status = "signed"
            receipts.look_again(deps, {"batch_id": b.batch_row(world, batch_id).id})
            return super().receipt(request)

    receipts.make_wanted(replace(deps, renderer=Meddler(deps, "")), batch_id)
    assert rows(world, batch_id) == []
    receipts.make_wanted(deps, batch_id)
    assert "ditandatangani dan terbit" not in text_of(read(world, batch_id).pdf)
    assert [one.no for one in rows(world, batch_id)] == [1]


def test_one_that_cannot_be_made_keeps_no_other_waiting_and_is_tried_again(world: World, clock: FrozenClock) -> None:
    bad = b.signed(world, 1)
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Batch)).one().title = "Kelompok tersendat"
    good = b.signed(world, 1)
    clock.advance(seconds=10)
    broken = replace(world.deps, renderer=OutOfInk(world.deps, "Kelompok tersendat"))
    with pytest.raises(ServiceUnavailable):
        receipts.make_due(broken)
    assert read(world, good).pdf.startswith(b"%PDF")
    with pytest.raises(ReceiptNotReady):
        read(world, bad)
    receipts.make_due(world.deps)
    assert read(world, bad).pdf.startswith(b"%PDF")


def test_it_says_of_a_row_that_left_that_it_left(world: World) -> None:
    batch_id = b.submitted(world, 2)
    review.exclude_rows(world.deps, world.actor(b.PARAFS[0]), batch_id, b.batch_row(world, batch_id).lock_version,
                        [2], "Keliru")
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    receipts.make_due(world.deps)
    text = text_of(read(world, batch_id).pdf)
    assert "dikeluarkan: Keliru" in " ".join(text.split())
    assert "Ditandatangani 1" in " ".join(text.split())


def test_there_is_none_where_the_batch_signed_nothing(world: World) -> None:
    batch_id = b.submitted(world, 1)
    with pytest.raises(ReceiptNotReady, match="sesudah penandatanganan"):
        read(world, batch_id)
    review.exclude_rows(world.deps, world.actor(b.PARAFS[0]), batch_id, b.batch_row(world, batch_id).lock_version,
                        [1], "Keliru")
    work.drain(world.deps, batch_id)
    receipts.make_due(world.deps)
    assert (b.batch_row(world, batch_id).receipt_wanted_at, rows(world, batch_id)) == (None, [])
