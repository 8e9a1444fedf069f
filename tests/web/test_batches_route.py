"""Batches on their way, by HTTP: initialled as one, rows taken out, signed by one act, watched, finished."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest

from svc.models import Decree
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services.batches import receipts, work
from tests.support import batches
from tests.support.clock import FrozenClock
from tests.support.statements import counted
from tests.support.world import World
from tests.web.conftest import Visitor
from tests.web.test_batches import filled, text_of, version
from tests.web.test_passkeys import FORGED, add_passkey

LogIn = Callable[[str], Visitor]
WRONG = "bukan-kata-sandinya"


def act(person: Visitor, batch_id: str, passphrase: str = DEMO_PASSPHRASE) -> tuple[int, str]:
    """Send the signing sheet as it stands; status and page."""
    page = text_of(person, f"/batches/{batch_id}/sign")
    form = dict(re.findall(r'name="(seen_version|list_sha256)" value="([^"]+)"', page))
    answer = person.post(f"/batches/{batch_id}/sign", {**form, "passphrase": passphrase})
    return answer.status_code, answer.get_data(as_text=True)


def test_the_whole_way_of_a_batch(log_in: LogIn, world: World, clock: FrozenClock) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 6)
    clerk.post(f"/batches/{batch_id}/submit", {**version(world, batch_id), "auto_issue": "true"})
    work.drain(world.deps, batch_id)
    for username in batches.PARAFS:
        official = log_in(username)
        assert f"/batches/{batch_id}" in text_of(official, "/inbox")
        page = text_of(official, f"/batches/{batch_id}")
        assert "Paraf 6 naskah" in page or username != batches.PARAFS[0]
        if username == batches.PARAFS[1]:
            answer = official.post(f"/batches/{batch_id}/exclude", {
                **version(world, batch_id), "row": "2", "rows": "4-4, 5", "reason": "Belum memenuhi masa kerja"})
            assert answer.status_code == 302
            work.drain(world.deps, batch_id)
            assert "Belum memenuhi masa kerja" in text_of(official, f"/batches/{batch_id}?state=excluded")
        assert official.post(f"/batches/{batch_id}/approve", version(world, batch_id)).status_code == 302
        work.drain(world.deps, batch_id)
        assert f"/batches/{batch_id}" not in text_of(official, "/inbox")
    assert [row.state for row in batches.rows_of(world, batch_id)] == [
        "live", "excluded", "live", "excluded", "excluded", "live"]

    world.give_certificates("kepala")
    signer = log_in("kepala")
    page = text_of(signer, f"/batches/{batch_id}/sign")
    assert "Anda menandatangani 3 naskah sebagai" in page
    assert "Belum memenuhi masa kerja" in page
    for username in batches.PARAFS:
        assert world.actor(username).name in page
    status, said = act(signer, batch_id, WRONG)
    assert status == 403
    assert "Belum ditandatangani" in said
    assert "Sisa percobaan" in said or "Tersisa 4 percobaan" in said
    assert WRONG not in said
    clock.advance(minutes=5)
    status, said = act(signer, batch_id)
    assert status == 302
    page = text_of(signer, f"/batches/{batch_id}/progress")
    assert "0 / 3" in page
    assert "Jeda" in page
    work.drain(world.deps, batch_id)
    page = text_of(signer, f"/batches/{batch_id}/progress")
    assert "3 dari 3 naskah ditandatangani" in page
    assert "Jeda" not in page
    decree = batches.decrees_of(world, batch_id)[0]
    assert decree.status == "issued"
    page = text_of(clerk, f"/decrees/{decree.public_id}")
    assert "Bagian dari kelompok" in page
    assert "Selesai" in text_of(clerk, f"/batches/{batch_id}")
    # the rows that were taken out are the clerk's again
    assert "Kembali kepada Anda" in text_of(clerk, "/inbox")


def test_what_waits_is_counted_with_the_tasks(log_in: LogIn, world: World) -> None:
    official = log_in("kasubbid")
    assert "side-badge" not in text_of(official, "/inbox")
    batch_id = batches.submitted(world, 2)
    page = text_of(official, "/inbox")
    assert re.search(r'class="side-badge">1<', page)
    assert "1 menunggu Anda" in page
    batches.approve(world, batch_id, "kasubbid")
    assert "side-badge" not in text_of(official, "/inbox")


def test_a_notice_leads_to_the_batch(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 2)
    official = log_in("kasubbid")
    page = text_of(official, "/notices")
    place = re.search(r'action="(/notices/[^"]+)"><input[^>]+>\s*<button[^>]*data-list-item', page)
    assert place
    assert official.post(place[1]).headers["Location"].endswith(f"/batches/{batch_id}")


def test_rows_are_taken_out_with_a_reason_and_by_number(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 3)
    official = log_in("kasubbid")
    path, seen = f"/batches/{batch_id}/exclude", version(world, batch_id)
    for form, said in (
            ({"row": "1"}, "Alasan wajib diisi."), ({"reason": "x"}, "paling sedikit satu baris"),
            ({"rows": "satu", "reason": "x"}, "3, 7-12"), ({"rows": "1-999999", "reason": "x"}, "3, 7-12"),
            ({"row": "99", "reason": "x"}, "paling sedikit satu baris")):
        answer = official.post(path, {**seen, **form})
        assert answer.status_code == 422, form
        assert said in answer.get_data(as_text=True)
    answer = official.post(path, {**seen, "rows": "dua", "row": "3", "reason": "Belum lengkap"})
    page = answer.get_data(as_text=True)  # what was typed and ticked is still there
    assert 'value="dua"' in page
    assert ">Belum lengkap</textarea>" in page
    assert re.search(r'name="row" value="3"[^>]* checked', page)
    assert official.post(path, {"row": "1", "reason": "x", "seen_version": "1"}).status_code == 409


def test_giving_back_and_pulling_back_make_it_a_draft_again(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 2)
    official, clerk = log_in("kasubbid"), log_in("analis")
    path = f"/batches/{batch_id}/give-back"
    assert official.post(path, version(world, batch_id)).status_code == 422
    assert official.post(path, {**version(world, batch_id), "reason": "Judul lembar salah"}).status_code == 302
    work.drain(world.deps, batch_id)
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "Dikembalikan untuk perbaikan oleh" in page
    assert "Judul lembar salah" in page
    assert "Ajukan 2 naskah" in page
    clerk.post(f"/batches/{batch_id}/submit", version(world, batch_id))
    work.drain(world.deps, batch_id)
    path = f"/batches/{batch_id}/withdraw"
    assert clerk.post(path, {**version(world, batch_id), "reason": "Tambah baris"}).status_code == 302
    work.drain(world.deps, batch_id)
    assert batches.batch_row(world, batch_id).status == "draft"


def test_only_whom_it_waits_for_acts(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 2)
    seen = {**version(world, batch_id), "reason": "x", "row": "1"}
    colleague = log_in("kabid")
    page = text_of(colleague, f"/batches/{batch_id}")
    assert "Paraf 2 naskah" not in page
    for path in ("approve", "exclude", "give-back"):
        assert colleague.post(f"/batches/{batch_id}/{path}", seen).status_code == 403, path
    assert log_in("pengelola").post(f"/batches/{batch_id}/withdraw", seen).status_code == 403
    assert log_in("kepala").get(f"/batches/{batch_id}/sign").status_code in {403, 409}
    for path in ("pause", "resume", "cancel", "retry", "issue"):
        assert log_in("kasubbid").post(f"/batches/{batch_id}/{path}", seen).status_code in {403, 409}, path


def test_a_stale_page_is_refused_with_the_way_to_the_new_one(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 2)
    answer = log_in("kasubbid").post(
        f"/batches/{batch_id}/give-back", {"seen_version": "1", "reason": "Alasan panjang"})
    said = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert f'href="/batches/{batch_id}"' in said
    assert "Alasan panjang" in said


def test_the_touch_of_a_passkey_is_bound_to_the_list(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 2)
    world.give_certificates("kepala")
    signer = log_in("kepala")
    assert "Pakai kunci sandi" not in text_of(signer, f"/batches/{batch_id}/sign")
    add_passkey(world, "kepala")
    page = text_of(signer, f"/batches/{batch_id}/sign")
    assert "Pakai kunci sandi" in page
    asked = re.search(r'data-passkey-url="([^"]+)"', page)
    assert asked
    given = signer.get(asked[1].replace("&amp;", "&")).get_json()
    assert given["options"]["allowCredentials"]
    assert signer.get(f"/batches/{batch_id}/passkey?sha256={'0' * 64}").status_code == 409
    form = dict(re.findall(r'name="(seen_version|list_sha256)" value="([^"]+)"', page))
    answer = signer.post(f"/batches/{batch_id}/sign", {
        **form, "passphrase": DEMO_PASSPHRASE, "passkey_challenge": given["challenge"], "passkey_answer": FORGED})
    assert answer.status_code == 403
    assert batches.batch_row(world, batch_id).status == "ready_to_sign"


def test_a_stored_key_knows_no_one_time_codes(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 1)
    world.give_certificates("kepala")
    answer = log_in("kepala").post(f"/batches/{batch_id}/code")
    assert answer.status_code == 409
    assert "tidak memakai kode sekali pakai" in answer.get_data(as_text=True)


def test_another_list_than_the_shown_one_is_refused(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 2)
    world.give_certificates("kepala")
    answer = log_in("kepala").post(f"/batches/{batch_id}/sign", {
        **version(world, batch_id), "list_sha256": "0" * 64, "passphrase": DEMO_PASSPHRASE})
    assert answer.status_code == 409
    assert batches.batch_row(world, batch_id).status == "ready_to_sign"


def test_a_list_of_another_day_is_laid_out_anew_and_waited_for(
    log_in: LogIn, world: World, clock: FrozenClock
) -> None:
    batch_id = batches.ready(world, 2)
    world.give_certificates("kepala")
    numbers = [decree.number for decree in batches.decrees_of(world, batch_id)]
    clock.advance(days=1)
    signer = log_in("kepala")
    page = text_of(signer, f"/batches/{batch_id}/sign")
    assert "Daftar sedang disusun" in page
    assert 'hx-trigger="every 1s"' in page
    work.drain(world.deps, batch_id)
    assert act(signer, batch_id)[0] == 302
    assert [decree.number for decree in batches.decrees_of(world, batch_id)] == numbers


def test_signing_is_paused_gone_on_with_and_stopped(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 3)
    batches.authorise(world, batch_id)
    signer = log_in("kepala")
    assert signer.post(f"/batches/{batch_id}/pause").status_code == 302
    assert not work.run_chunk(world.deps, batch_id)
    page = text_of(signer, f"/batches/{batch_id}/progress")
    assert "Dijeda" in page
    assert "/resume" in page
    assert signer.post(f"/batches/{batch_id}/resume").status_code == 302
    assert signer.post(f"/batches/{batch_id}/cancel").status_code == 422
    assert signer.post(f"/batches/{batch_id}/cancel", {"reason": "Keliru lampiran"}).status_code == 302
    work.drain(world.deps, batch_id)
    page = text_of(signer, f"/batches/{batch_id}")
    assert "Keliru lampiran" in page
    assert batches.batch_row(world, batch_id).status == "cancelled"
    assert signer.post(f"/batches/{batch_id}/pause").status_code == 409


def test_an_authorisation_that_ended_is_renewed_for_what_is_left(
    log_in: LogIn, world: World, clock: FrozenClock
) -> None:
    batch_id = batches.ready(world, 2)
    batches.authorise(world, batch_id)
    clock.advance(minutes=30)
    work.drain(world.deps, batch_id)
    signer = log_in("kepala")
    page = text_of(signer, f"/batches/{batch_id}/progress")
    assert "Otorisasi berakhir" in page
    assert f"/batches/{batch_id}/sign" in page
    assert f"/batches/{batch_id}" in text_of(signer, "/inbox")
    assert "Otorisasi berakhir" in text_of(signer, f"/batches/{batch_id}/sign")
    assert act(signer, batch_id)[0] == 302
    work.drain(world.deps, batch_id)
    assert batches.batch_row(world, batch_id).status == "finished"


def test_a_batch_that_is_not_issued_by_itself_is_issued_by_its_drafter(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 2)
    clerk.post(f"/batches/{batch_id}/submit", version(world, batch_id))  # the box is not ticked
    work.drain(world.deps, batch_id)
    for username in batches.PARAFS:
        batches.approve(world, batch_id, username)
    batches.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert {decree.status for decree in batches.decrees_of(world, batch_id)} == {"signed"}
    assert "Terbitkan 2 naskah" in text_of(clerk, f"/batches/{batch_id}")
    assert clerk.post(f"/batches/{batch_id}/issue", version(world, batch_id)).status_code == 302
    work.drain(world.deps, batch_id)
    assert {decree.status for decree in batches.decrees_of(world, batch_id)} == {"issued"}
    assert batches.batch_row(world, batch_id).status == "finished"


def test_a_decree_of_a_batch_shows_its_draft_and_sends_one_to_the_batch(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 2)
    decree = batches.decrees_of(world, batch_id)[1]
    page = text_of(log_in("kasubbid"), f"/decrees/{decree.public_id}")
    assert f"/batches/{batch_id}/rows/2/preview.pdf" in page
    assert "Ke halaman kelompok" in page
    assert "Paraf saja" not in page


def test_without_a_certificate_the_sheet_says_what_to_do(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 1)
    page = text_of(log_in("kepala"), f"/batches/{batch_id}/sign")
    assert "Sertifikat Anda belum dapat dipakai" in page
    assert 'name="passphrase"' not in page


@pytest.mark.parametrize("count", [2, 30])
def test_asking_on_costs_the_same_however_many_rows(log_in: LogIn, world: World, count: int) -> None:
    batch_id = batches.ready(world, count)
    batches.authorise(world, batch_id)
    signer = log_in("kepala")
    with counted(world.deps.db) as seen:
        signer.get(f"/batches/{batch_id}/now?mark=signing.sign.0.", headers={"HX-Request": "true"})
    assert len(seen) <= 3
    with counted(world.deps.db) as seen:
        text_of(signer, f"/batches/{batch_id}")
    assert len(seen) <= 8
    with counted(world.deps.db) as seen:
        text_of(signer, "/inbox")
    assert len(seen) <= 6


def test_what_came_of_it_is_downloaded_whole(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 2)
    clerk = log_in("analis")
    assert clerk.get(f"/batches/{batch_id}/naskah.zip").status_code == 409
    batches.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    page = text_of(clerk, f"/batches/{batch_id}")
    assert f"/batches/{batch_id}/naskah.zip" in page
    answer = clerk.get(f"/batches/{batch_id}/naskah.zip")
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as bundle:
        names = bundle.namelist()
        assert len([name for name in names if name.endswith(".pdf")]) == 2
        assert "Contoh Pegawai 2" in bundle.read("daftar.csv").decode("utf-8-sig")
        assert bundle.read(names[0]).startswith(b"%PDF")
    for path in ("naskah.zip", "receipt.pdf", "receipts/1.pdf", "receipt/now"):
        assert log_in("kadis").get(f"/batches/{batch_id}/{path}").status_code == 404


def test_a_row_whose_person_stands_in_another_batch_under_way_says_which(log_in: LogIn, world: World) -> None:
    batches.drafted(world, 1, "KGB semula")
    batch_id = batches.drafted(world, 2, "KGB kedua")
    page = text_of(log_in("analis"), f"/batches/{batch_id}")
    assert page.count("NIP ini juga ada dalam kelompok") == 1
    assert "KGB semula" in page
    assert batches.batch_row(world, batch_id).status == "draft"
    assert [row.state for row in batches.rows_of(world, batch_id)] == ["ready", "ready"]


def test_the_receipt_is_handed_out_as_it_was_made(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 2)
    clerk = log_in("analis")
    assert clerk.get(f"/batches/{batch_id}/receipt.pdf").status_code == 409
    batches.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "Tanda terima sedang dibuat." in page
    assert "Tanda terima (PDF)" not in page
    answer = clerk.get(f"/batches/{batch_id}/receipt.pdf")
    assert (answer.status_code, "Tanda terima sedang dibuat" in answer.get_data(as_text=True)) == (409, True)
    assert "sedang dibuat" in text_of(clerk, f"/batches/{batch_id}/receipt/now")

    receipts.make_due(world.deps)
    assert clerk.get(f"/batches/{batch_id}/receipt/now").headers["HX-Refresh"] == "true"
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "Tanda terima (PDF)" in page
    assert "sedang dibuat" not in page
    first = clerk.get(f"/batches/{batch_id}/receipt.pdf").data
    assert first.startswith(b"%PDF")
    assert clerk.get(f"/batches/{batch_id}/receipt.pdf").data == first
    assert clerk.get(f"/batches/{batch_id}/receipts/1.pdf").data == first
    assert clerk.get(f"/batches/{batch_id}/receipts/2.pdf").status_code == 404


def test_an_official_gives_a_paraf_that_failed_on_a_row_again(log_in: LogIn, world: World) -> None:
    batch_id = batches.submitted(world, 3)
    with world.deps.db.unit_of_work() as session:
        decree = session.get_one(Decree, batches.decrees_of(world, batch_id)[1].id)
        drafter_id, decree.drafter_id = decree.drafter_id, world.actor("kasubbid").person_id
    batches.approve(world, batch_id, "kasubbid")
    with world.deps.db.unit_of_work() as session:
        session.get_one(Decree, decree.id).drafter_id = drafter_id
    official = log_in("kasubbid")
    assert "Ulangi yang gagal" in text_of(official, f"/batches/{batch_id}")
    assert "Ulangi yang gagal" not in text_of(log_in("analis"), f"/batches/{batch_id}")
    seen = {"seen_version": str(batches.batch_row(world, batch_id).lock_version)}
    assert official.post(f"/batches/{batch_id}/retry", seen).status_code == 302
    work.drain(world.deps, batch_id)
    assert [row.state for row in batches.rows_of(world, batch_id)] == ["live"] * 3
    assert official.post(f"/batches/{batch_id}/retry", seen).status_code in {403, 409}


def test_any_document_of_the_list_can_be_looked_at_before_signing(log_in: LogIn, world: World) -> None:
    batch_id = batches.ready(world, 8)
    rows = batches.decrees_of(world, batch_id)
    signer = log_in("kepala")
    page = text_of(signer, f"/batches/{batch_id}/sign?sample=2")
    assert page.count('class="page-thumb"') == 5
    assert f"/decrees/{rows[1].public_id}/pdf?sha={rows[1].frozen_sha256}" in page
    assert "sample=1" in page
    assert "sample=3" in page
    last = text_of(signer, f"/batches/{batch_id}/sign?sample=99")
    assert f"/decrees/{rows[-1].public_id}/pdf" in last
    assert text_of(signer, f"/batches/{batch_id}/sign?sample=x").count('class="page-thumb"') == 5
