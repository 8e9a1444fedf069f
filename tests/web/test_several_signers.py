"""What people see of a document with two signatures."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.acts import claim, record_signed, row_of, set_row
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]

KIND = "perjanjian-kerja-sama"


def half_signed(world: World) -> str:
    decree_id = world.walk("ready_to_sign", KIND)
    claim(world, decree_id, "kepala")
    record_signed(world, decree_id, "1" * 64)
    return decree_id


def test_the_form_lets_one_choose_the_second_party_and_keeps_the_choice(log_in: LogIn, world: World) -> None:
    page = log_in("analis").get(f"/decrees/new/{KIND}?example=1").get_data(as_text=True)
    assert '<option value="PTSP.KEPALA" selected>Kepala Dinas Penanaman Modal dan PTSP – Plt. Laras' in page
    assert '<option value="SEKDA">' in page
    assert "BKD.KEPALA" not in page


def test_pages_and_lists_count_the_signatures_and_name_the_next_signer(log_in: LogIn, world: World) -> None:
    decree_id = half_signed(world)
    second = log_in("kadis")
    page = second.get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert "1 dari 2 tanda tangan" in page
    assert "Laras Contoh Wulandari · Plt. Kepala Dinas Penanaman Modal dan PTSP" in page
    assert "Tolak…" in page
    assert "Kembalikan…" not in page
    assert "1 dari 2 tanda tangan" in second.get("/inbox").get_data(as_text=True)
    drafter = log_in("analis")
    assert "1 dari 2 tanda tangan" in drafter.get("/decrees").get_data(as_text=True)
    assert "Tarik kembali…" not in drafter.get(f"/decrees/{decree_id}").get_data(as_text=True)


def test_a_refused_half_signed_document_says_that_it_is_not_in_force(log_in: LogIn, world: World) -> None:
    decree_id = half_signed(world)
    second = log_in("kadis")
    view = world.view(decree_id, "kadis")
    assert view.open_task is not None
    answer = second.post(f"/tasks/{view.open_task.task_id}/reject",
                         {"seen_version": str(view.lock_version), "reason": "Pasal 3 belum disepakati"})
    assert answer.status_code == 302
    page = second.get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert "Tidak terbit" in page
    assert "1 dari 2 tanda tangan" in page


def test_a_document_with_one_signature_counts_none(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    assert "tanda tangan</span>" not in log_in("kepala").get(f"/decrees/{decree_id}").get_data(as_text=True)


# ---- the public page between two signatures


def public_page(world: World, visitor: Visitor, decree_id: str) -> str:
    return visitor.get(f"/v/{row_of(world, decree_id).verify_code}").get_data(as_text=True)


def test_the_public_page_counts_the_signatures_and_says_whose_is_missing(world: World, visitor: Visitor) -> None:
    world.give_certificates("kepala", "kadis")
    decree_id = world.walk("ready_to_sign", KIND)
    assert "belum ditandatangani" in public_page(world, visitor, decree_id)
    world.sign(decree_id, "kepala")
    text = public_page(world, visitor, decree_id)
    assert "1 dari 2 tanda tangan; naskah belum terbit" in text
    assert "belum ditandatangani" not in text
    assert "Fajar Contoh Nugraha" in text
    assert "Plt. Kepala Dinas Penanaman Modal dan PTSP" in text
    assert "Laras" not in text, "who will sign is not known before the signature"
    set_row(world, decree_id, security="R")
    secret = public_page(world, visitor, decree_id)
    assert "1 dari 2 tanda tangan; naskah belum terbit" in secret
    assert "Fajar" not in secret
    set_row(world, decree_id, security="B")
    world.sign(decree_id, "kadis")
    assert "tanda tangannya belum ada" not in public_page(world, visitor, decree_id)


def test_a_signature_that_cannot_be_read_any_more_is_not_counted(world: World, visitor: Visitor) -> None:
    decree_id = half_signed(world)  # whose bytes are not in the store
    text = public_page(world, visitor, decree_id)
    assert "berkas yang tersimpan tidak sama dengan yang tercatat" in text
    assert "1 dari 2" not in text


def test_a_refused_half_signed_document_is_not_pursued_for_the_public(world: World, visitor: Visitor) -> None:
    decree_id = half_signed(world)
    set_row(world, decree_id, status="rejected")
    assert "tidak jadi diterbitkan" in public_page(world, visitor, decree_id)
