"""What people paste into the fields for reasons, notes and numbers is kept as plain text or refused."""

from __future__ import annotations

from datetime import date

import pytest

from svc.errors import InvalidInput
from svc.services import drafting, legal, paper, routing
from svc.services.plain_text import clean_line, clean_text
from tests.support.acts import blank_pdf, row_of, task_of
from tests.support.world import World

ODD = "Salah\x00 tulis\x07\r\n\ud800baris\tdua  "


def test_lines_are_kept_and_control_characters_are_not() -> None:
    assert clean_text(ODD, 100) == "Salah tulis\nbaris dua"
    assert clean_line(ODD, 100) == "Salah tulis baris dua"
    assert clean_line("satu dua", 5) == "satu"
    assert clean_line("e\u0301", 5) == "\u00e9"
    assert clean_line("a\u202etxt\u2066.\ufeffb \u2028c", 20) == "atxt.b c"
    assert clean_line("a\u200db", 5) == "a\u200db"


def test_a_reason_full_of_rubbish_is_still_a_reason(world: World) -> None:
    decree_id = world.walk("in_review")
    routing.return_for_revision(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), ODD)
    view = world.view(decree_id)
    assert view.history[0].reason == "Salah tulis\nbaris dua"
    assert view.last_return is not None
    assert view.last_return.note == "Salah tulis\nbaris dua"
    drafting.discard(world.deps, world.actor("analis"), decree_id, view.lock_version, ODD)
    assert world.view(decree_id).status == "discarded"


@pytest.mark.parametrize("reason", ["", "\x00\x07", "\u00a0 \t\r\n"])
def test_a_reason_of_nothing_printable_is_none(world: World, reason: str) -> None:
    decree_id = world.walk("in_review")
    with pytest.raises(InvalidInput) as caught:
        routing.reject(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), reason)
    assert "reason" in caught.value.fields


def test_paper_and_legal_notes_too(world: World) -> None:
    decree_id = paper.register_paper(
        world.deps, world.actor("analis"), kind_id="kgb", subject=ODD, number="800/1\x00/BKD", signer_name=ODD,
        signed_on=date(2026, 11, 20), scan_pdf=blank_pdf())
    row = row_of(world, decree_id)
    assert (row.subject, row.number) == ("Salah tulis baris dua", "800/1/BKD")
    legal.set_status(world.deps, world.actor("kepala"), decree_id, "amended", ODD)
    assert row_of(world, decree_id).legal_note == "Salah tulis\nbaris dua"
    with pytest.raises(InvalidInput):
        legal.set_status(world.deps, world.actor("kepala"), decree_id, "amended", "x", "\x00tidak ada")


def test_an_upload_needs_a_subject_that_can_be_read(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        drafting.upload_draft(world.deps, world.actor("analis"), "surat-dinas", "\x00", blank_pdf())
    assert "subject" in caught.value.fields
    decree_id = drafting.upload_draft(world.deps, world.actor("analis"), "surat-dinas", ODD, blank_pdf())
    assert row_of(world, decree_id).subject == "Salah tulis baris dua"
