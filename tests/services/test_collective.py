"""A collective decree, an excerpt for everybody in it, and copies: none says what its parent does not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy import select, update

from certs.validation import validate_pdf
from svc.errors import Forbidden, InvalidInput, NotFound
from svc.kinds import InvalidDecreeData
from svc.models import Batch, BatchRow, Decree, DecreeVersion, RegisterEntry
from svc.services import audit, decree_page, drafting, legal, routing, trust, verification
from svc.services.batches import collective, review, work
from svc.services.batches import drafting as batch_drafting
from svc.services.batches.drafting import NewRow
from svc.services.parents import COPY, EXCERPT, NotExcerptable, ParentRevoked
from tests.support import batches as b
from tests.support.acts import text_of
from tests.support.collective import decree, issued, made, parent, signed_copy, submit
from tests.support.world import World


def squeezed(pdf: bytes) -> str:
    return "".join(text_of(pdf).split())


def test_everybody_in_the_list_gets_a_signed_excerpt_tied_to_the_decree(world: World) -> None:
    parent_id = parent(world)
    above = decree(world, parent_id)
    excerpts = issued(world, parent_id)
    assert [one.status for one in excerpts] == ["issued"] * 3
    assert {one.parent_id for one in excerpts} == {above.id}
    for number, one in enumerate(excerpts, start=1):
        pdf = decree_page.load_pdf(world.deps, world.actor(b.CLERK), one.public_id).data
        assert validate_pdf(pdf, trust.trust_store(world.deps), world.deps.clock.now()).passed
        text = squeezed(pdf)
        for part in (above.number, f"ContohPegawai{number}", f"1900010119810310{number:02d}", "ARGACONTOHMANDALA",
                     "PETIKANsesuaidenganaslinya", f"nomorurut{number}:", one.number):
            assert part is not None
            assert part in text
        assert f"ContohPegawai{number % 3 + 1}" not in text  # nobody else's row
        shown = verification.by_code(world.deps, one.verify_code)
        assert shown.sentence.tone == "green"
        assert shown.parent is not None
        assert (shown.parent.number, shown.parent.legal_status) == (above.number, "in_force")
        assert shown.parent.issued_on == above.issued_on
    assert audit.verify(world.deps).is_intact


def test_an_excerpt_takes_no_number_of_the_book_of_decrees(world: World) -> None:
    parent_id = parent(world)
    excerpts = issued(world, parent_id)
    later = decree(world, parent(world))
    first, second = ((one.number or "").split("/")[1] for one in (decree(world, parent_id), later))
    assert (first, second) == ("K.1", "K.2")
    assert [(one.number or "").split("/")[1] for one in excerpts] == ["PTK.1", "PTK.2", "PTK.3"]
    with world.deps.db.read_session() as session:
        assert session.scalars(select(RegisterEntry.state)).all() == ["used"] * 5


def test_a_second_order_leaves_out_those_who_have_one(world: World) -> None:
    parent_id = parent(world)
    first = made(world, parent_id)
    with pytest.raises(collective.ExcerptsExist):
        collective.make_excerpts(world.deps, world.actor(b.CLERK), parent_id)
    batch_drafting.drop_row(world.deps, world.actor(b.CLERK), first, 2, b.mark(world, first, 2))
    again = collective.make_excerpts(world.deps, world.actor(b.CLERK), parent_id)
    assert (again.count, again.left_out) == (1, 2)
    assert b.rows_of(world, again.batch_id)[0].data["nomor_urut"] == 2
    batch_drafting.discard(world.deps, world.actor(b.CLERK), first, b.batch_row(world, first).lock_version, "Salah")
    assert collective.make_excerpts(world.deps, world.actor(b.CLERK), parent_id).left_out == 1


def test_of_two_batches_for_the_same_people_one_goes_out(world: World) -> None:
    parent_id = parent(world)
    first = made(world, parent_id)
    rows = [NewRow(row.line_no, row.data) for row in b.rows_of(world, first)]
    clerk, above = world.actor(b.CLERK), decree(world, parent_id)
    second = batch_drafting.create(world.deps, clerk, EXCERPT, "Sekali lagi", parent_id=above.id)
    batch_drafting.put_rows(world.deps, clerk, second, 1, rows)
    work.drain(world.deps, second)
    submit(world, first)
    with pytest.raises(InvalidInput, match="kelompok lain"):
        submit(world, second)


CHANGES: list[tuple[str, Any]] = [
    ("induk.nomor", "800.1.3.3/K.9/BKD/2026"), ("induk.tanggal", "2020-01-01"), ("pegawai.jabatan", "Kepala Dinas"),
    ("pegawai.nama", "Orang Lain"), ("diktum", ["Diberi hadiah."]), ("nomor_urut", 3), ("nomor_urut", 99)]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_row_that_says_something_else_is_refused(world: World, path: str, value: Any) -> None:
    batch_id = made(world, parent(world))
    data = deepcopy(b.rows_of(world, batch_id)[0].data)
    *groups, last = path.split(".")
    (data[groups[0]] if groups else data)[last] = value
    assert not batch_drafting.set_row(
        world.deps, world.actor(b.CLERK), batch_id, 1, b.mark(world, batch_id, 1), data)
    row = b.rows_of(world, batch_id)[0]
    assert row.state == "invalid"
    assert any("induk" in text for _path, text, _params in row.problems)


def test_a_row_changed_behind_the_service_is_refused_at_submission(world: World) -> None:
    batch_id = made(world, parent(world))
    row = b.rows_of(world, batch_id)[1]
    data = deepcopy(row.data)
    data["pegawai"]["jabatan"] = "Kepala Dinas"
    with world.deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).where(BatchRow.id == row.id).values(data=data))
    with pytest.raises(InvalidInput, match="Baris 2"):
        submit(world, batch_id)
    assert b.decrees_of(world, batch_id) == []


@pytest.mark.parametrize("stop_at", ["draft", "in_review", "ready_to_sign"])
def test_what_is_not_signed_has_no_excerpts(world: World, stop_at: str) -> None:
    parent_id = parent(world, stop_at)
    for make in (collective.make_excerpts, collective.make_copy):
        with pytest.raises(NotExcerptable):
            make(world.deps, world.actor(b.CLERK), parent_id)


def test_other_kinds_have_none_and_other_agencies_make_none(world: World) -> None:
    with pytest.raises(NotExcerptable):
        collective.make_excerpts(world.deps, world.actor(b.CLERK), world.walk("signed"))
    parent_id = parent(world)
    with pytest.raises(NotFound):  # the clerk of another agency does not even see it
        collective.make_excerpts(world.deps, world.actor("loket"), parent_id)
    with pytest.raises(Forbidden):  # the bureau sees it and drafts nothing there
        collective.make_excerpts(world.deps, world.actor("biro"), parent_id)


def test_nobody_writes_an_excerpt_by_hand(world: World) -> None:
    clerk = world.actor(b.CLERK)
    for kind_id in (EXCERPT, COPY):
        with pytest.raises(InvalidInput):
            drafting.create_draft(world.deps, clerk, kind_id, world.example(kind_id))
        with pytest.raises(InvalidInput):
            drafting.upload_draft(world.deps, clerk, kind_id, "Petikan palsu", b"%PDF-1.7")
        with pytest.raises(InvalidInput):
            batch_drafting.create(world.deps, clerk, kind_id, "Petikan palsu")
    copy_id = collective.make_copy(world.deps, clerk, parent(world))
    view = world.view(copy_id)
    with pytest.raises(InvalidInput):
        drafting.save_draft(world.deps, clerk, copy_id, view.data, view.lock_version)
    assert not view.actions.edit
    assert not view.actions.duplicate


def test_a_copy_says_the_whole_and_is_signed_by_the_authorised_officer(world: World) -> None:
    parent_id = parent(world)
    clerk, above = world.actor(b.CLERK), decree(world, parent_id)
    copy_id = signed_copy(world, parent_id)
    with pytest.raises(collective.CopyExists):
        collective.make_copy(world.deps, clerk, parent_id)
    text = squeezed(decree_page.load_pdf(world.deps, clerk, copy_id).data)
    for part in (above.number, "SALINAN", "Salinansesuaidenganaslinya", "ARGACONTOHMANDALA", "ttd.", "MEMUTUSKAN",
                 *(f"ContohPegawai{number}" for number in (1, 2, 3))):
        assert part is not None
        assert part in text
    copy = decree(world, copy_id)
    assert (copy.parent_id, (copy.number or "").split("/")[1]) == (above.id, "SLN.1")
    shown = verification.by_code(world.deps, copy.verify_code)
    assert shown.parent is not None
    assert shown.parent.number == above.number


def test_a_copy_changed_behind_the_service_does_not_go_out(world: World) -> None:
    clerk = world.actor(b.CLERK)
    copy_id = collective.make_copy(world.deps, clerk, parent(world))
    with world.deps.db.unit_of_work() as session:
        one = session.scalars(select(Decree).where(Decree.public_id == copy_id)).one()
        version = session.scalars(select(DecreeVersion).where(DecreeVersion.decree_id == one.id)).one()
        changed = deepcopy(version.data)
        changed["naskah"]["lampiran"][0]["jabatan"] = "Kepala Dinas"
        version.data = changed
    with pytest.raises(InvalidDecreeData):
        routing.submit(world.deps, clerk, copy_id, world.view(copy_id).lock_version)


def test_a_revoked_decree_shows_on_its_excerpts_and_gives_rise_to_none(world: World) -> None:
    parent_id = parent(world)
    one = issued(world, parent_id)[0]
    copy_id = collective.make_copy(world.deps, world.actor(b.CLERK), parent_id)
    legal.set_status(world.deps, world.actor("kepala"), parent_id, "revoked", "Keliru")
    shown = verification.by_code(world.deps, one.verify_code)
    assert shown.parent is not None
    assert shown.parent.legal_status == "revoked"
    assert (shown.sentence.tone, shown.legal_status) == ("blue", "in_force")
    assert "induk" in shown.sentence.text
    with pytest.raises(ParentRevoked):
        collective.make_excerpts(world.deps, world.actor(b.CLERK), parent_id)
    with pytest.raises(ParentRevoked):
        routing.submit(world.deps, world.actor(b.CLERK), copy_id, world.view(copy_id).lock_version)


def test_excerpts_of_a_secret_decree_are_as_secret(world: World) -> None:
    parent_id = parent(world)
    with world.deps.db.unit_of_work() as session:
        session.execute(update(Decree).where(Decree.public_id == parent_id).values(security="R"))
    with pytest.raises(NotFound):  # a colleague in the same agency
        collective.make_excerpts(world.deps, world.actor("pengelola"), parent_id)
    excerpts = issued(world, parent_id)
    assert {one.security for one in excerpts} == {"R"}
    batch_id = _batch_of(world, excerpts[0])
    with pytest.raises(NotFound):
        review.approve(world.deps, world.actor("pengelola"), batch_id, 1)
    shown = verification.by_code(world.deps, excerpts[0].verify_code)
    assert (shown.subject, shown.has_image, shown.has_download) == ("", False, False)
    with pytest.raises(NotFound):
        decree_page.load_decree(world.deps, world.actor("pengelola"), excerpts[0].public_id)


def _batch_of(world: World, one: Decree) -> str:
    with world.deps.db.read_session() as session:
        return session.scalars(select(Batch.public_id).join(BatchRow, BatchRow.batch_id == Batch.id)
                               .where(BatchRow.decree_id == one.id)).one()
