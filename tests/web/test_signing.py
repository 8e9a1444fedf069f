"""The signing sheet and the act, as the signer's browser meets them."""

from __future__ import annotations

import io
from collections.abc import Callable

import PIL.Image
import pytest

from svc.cage.port import CageBusy
from svc.seed.walk import DEMO_PASSPHRASE
from tests.support.clock import FrozenClock
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]
WRONG = "bukan-kata-sandinya"


@pytest.fixture
def ready(world: World) -> str:
    world.give_certificates("kepala")
    return world.walk("ready_to_sign")


def form_for(world: World, decree_id: str, passphrase: str = DEMO_PASSPHRASE) -> tuple[str, dict[str, str]]:
    view = world.view(decree_id)
    assert view.open_task is not None
    return f"/tasks/{view.open_task.task_id}/sign", {
        "seen_version": str(view.lock_version), "frozen_sha256": view.pdf_sha256 or "", "passphrase": passphrase}


def test_the_sheet_says_what_is_signed_and_as_what(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    text = log_in("kepala").get(path).get_data(as_text=True)
    assert "a.n. GUBERNUR NUSA MANDALA" in text or "a.n. Gubernur" in text
    assert form["frozen_sha256"] in text
    assert world.actor("sekretaris").name in text
    assert 'type="password"' in text


def test_the_right_passphrase_signs(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    signer = log_in("kepala")
    answer = signer.post(path, form)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    assert "sudah ditandatangani" in signer.get(answer.headers["Location"]).get_data(as_text=True)
    assert world.view(ready).status == "signed"
    assert world.view(ready).pdf_purpose == "signed"


def test_a_wrong_passphrase_is_counted_and_told_and_nothing_is_signed(
    log_in: LogIn, world: World, ready: str, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    signer = log_in("kepala")
    path, form = form_for(world, ready, WRONG)
    answer = signer.post(path, form)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "Belum ditandatangani" in text
    assert WRONG not in text
    assert WRONG not in caplog.text
    assert world.view(ready).status == "ready_to_sign"
    clock.advance(minutes=30)
    assert signer.post(*form_for(world, ready)).status_code == 302


def test_the_certificate_locks_after_too_many(log_in: LogIn, world: World, ready: str, clock: FrozenClock) -> None:
    signer = log_in("kepala")
    for _ in range(world.deps.settings.passphrase_attempts):
        signer.post(*form_for(world, ready, WRONG))
        clock.advance(hours=2)
    answer = signer.post(*form_for(world, ready))
    assert answer.status_code in {409, 423}
    assert world.view(ready).status == "ready_to_sign"


def test_another_document_than_the_shown_one_is_refused(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    answer = log_in("kepala").post(path, {**form, "frozen_sha256": "0" * 64})
    assert answer.status_code == 409
    assert world.view(ready).status == "ready_to_sign"


def test_a_second_click_signs_nothing_again(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    signer = log_in("kepala")
    assert signer.post(path, form).status_code == 302
    assert signer.post(path, form).status_code in {404, 409}


def test_without_a_certificate_the_sheet_says_what_to_do(log_in: LogIn, world: World) -> None:
    path, _ = form_for(world, world.walk("ready_to_sign"))
    text = log_in("kepala").get(path).get_data(as_text=True)
    assert "Sertifikat Anda belum dapat dipakai" in text
    assert "/account/certificates" in text


def test_who_is_no_signer_gets_no_sheet(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    assert log_in("sekretaris").get(path).status_code == 403
    assert log_in("kadis").get(path).status_code == 404
    assert log_in("kadis").post(path, form).status_code in {403, 404}


def test_a_missing_passphrase_is_told_at_its_field_and_not_counted(log_in: LogIn, world: World, ready: str) -> None:
    signer = log_in("kepala")
    answer = signer.post(*form_for(world, ready, ""))
    assert answer.status_code == 422
    assert "Ketik kata sandi TTE Anda." in answer.get_data(as_text=True)
    assert signer.post(*form_for(world, ready)).status_code == 302


def test_the_pages_are_shown_as_small_pictures_of_the_very_bytes(log_in: LogIn, world: World, ready: str) -> None:
    path, form = form_for(world, ready)
    signer = log_in("kepala")
    address = f"/decrees/{ready}/pages/{form['frozen_sha256']}/1.png"
    text = signer.get(path).get_data(as_text=True)
    assert f'data-page-picture="{address}"' in text
    assert 'alt="Gambar halaman 1 dari' in text
    assert text.index("Yang ditandatangani") < text.index('name="passphrase"')
    answer = signer.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    picture = PIL.Image.open(io.BytesIO(answer.data))
    assert 200 < picture.width < picture.height < 600
    assert len(set(picture.convert("L").tobytes())) > 2
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    again = signer.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_picture_is_for_those_who_may_see_the_decree(log_in: LogIn, world: World, ready: str) -> None:
    _, form = form_for(world, ready)
    address = f"/decrees/{ready}/pages/{form['frozen_sha256']}"
    assert log_in("loket").get(f"{address}/1.png").status_code == 404
    signer = log_in("kepala")
    for missing in ("0.png", "99.png", "x.png", "-1.png", "9999999999999.png"):
        assert signer.get(f"{address}/{missing}").status_code == 404
    assert signer.get(f"/decrees/{ready}/pages/{'0' * 64}/1.png").status_code == 404


def test_a_page_that_cannot_be_drawn_is_a_plain_placeholder(
    log_in: LogIn, world: World, ready: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise CageBusy

    _, form = form_for(world, ready)
    monkeypatch.setattr(type(world.deps.cage), "render_page", full)
    answer = log_in("kepala").get(f"/decrees/{ready}/pages/{form['frozen_sha256']}/1.png")
    assert (answer.status_code, answer.mimetype) == (503, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data.startswith(b"<svg")


def test_after_a_wrong_passphrase_the_wait_is_told_and_ends(
    log_in: LogIn, world: World, ready: str, clock: FrozenClock
) -> None:
    signer = log_in("kepala")
    for _ in range(3):
        clock.advance(minutes=2)
        text = signer.post(*form_for(world, ready, WRONG)).get_data(as_text=True)
    assert 'data-wait="4"' in text
    assert "Dapat dicoba lagi dalam 4 detik." in text
    clock.advance(minutes=2)
    assert "data-wait" not in signer.get(form_for(world, ready)[0]).get_data(as_text=True)


def test_the_certificate_is_told_in_words(log_in: LogIn, world: World, ready: str) -> None:
    text = log_in("kepala").get(form_for(world, ready)[0]).get_data(as_text=True)
    assert "Nama pada sertifikat" in text
    assert "CN=" not in text
    assert "2.5.4" not in text
