"""What people see of a document with two signatures."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.acts import claim, record_signed
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
