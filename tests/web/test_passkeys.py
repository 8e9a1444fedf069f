"""Passkeys, one-time codes and acts that did not end, as pages; the touch itself is in tests/browser."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import cbor2
import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select
from webauthn.helpers import bytes_to_base64url
from werkzeug.test import TestResponse

from certs.signers.port import CallRecord
from svc.app import create_app
from svc.deps import Deps, build_backends
from svc.models import Credential, Passkey, SigningAttempt
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import passkeys, signing
from svc.services import signing_steps as steps
from svc.services.remote_calls import CallRecorder
from tests.support.acts import begin_act, task_of
from tests.support.clock import FrozenClock
from tests.support.world import PASSWORD, World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]
FORGED = json.dumps({
    "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {},
    "response": {"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA",
                 "attestationObject": "AAAA"}})


@pytest.fixture
def ready(world: World) -> str:
    world.give_certificates("kepala")
    return world.walk("ready_to_sign")


def add_passkey(world: World, username: str, name: str = "Ponsel dinas") -> str:
    with world.deps.db.unit_of_work() as session:
        row = Passkey(person_id=world.actor(username).person_id, name=name, credential_id="QUJD" + username,
                      public_key=b"none", created_at=world.deps.clock.now())
        session.add(row)
        session.flush()
        return row.public_id


def page(visitor: Visitor, path: str) -> str:
    return html.unescape(visitor.get(path, follow_redirects=True).get_data(as_text=True))


def move_key_to(world: World, backend: str) -> None:
    with world.deps.db.unit_of_work() as session:
        for row in session.scalars(select(Credential).where(Credential.status == "active")):
            row.backend, row.key_envelope, row.backend_config = backend, None, {"credential_id": "contoh"}


# ---- the account page


def test_the_account_page_lists_ones_own_passkeys_only(log_in: LogIn, world: World) -> None:
    add_passkey(world, "kepala", "Ponsel kepala")
    add_passkey(world, "kadis", "Ponsel kadis")
    text = page(log_in("kepala"), "/account")
    assert "Ponsel kepala" in text
    assert "belum pernah dipakai" in text
    assert "layanan ini dibuka lewat alamat IP" in text  # where no browser makes any, none is offered
    assert "Daftarkan kunci sandi" not in text
    assert "Ponsel kadis" not in text


def ask_options(person: Visitor, password: str = PASSWORD) -> TestResponse:
    return person.post("/account/passkeys/options", {"password": password}, headers={"Accept": "application/json"})


def test_the_options_are_for_this_person_and_host(log_in: LogIn, world: World) -> None:
    answer = ask_options(log_in("kepala"))
    given = answer.get_json()
    assert given["options"]["user"]["name"] == "kepala"
    assert given["options"]["rp"]["id"] == urlsplit(world.deps.settings.base_url).hostname
    assert given["options"]["authenticatorSelection"]["userVerification"] == "required"
    assert given["challenge"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_at_a_bare_address_the_page_says_that_browsers_make_none(log_in: LogIn, world: World) -> None:
    assert urlsplit(world.deps.settings.base_url).hostname == "127.0.0.1"
    assert "hanya membuat kunci sandi untuk nama domain" in log_in("kepala").get("/account").get_data(as_text=True)
    named = world.deps.settings.model_copy(update={"base_url": "https://paraf.nusamandala.example"})
    assert passkeys.can_be_made(dataclasses.replace(world.deps, settings=named))


def test_a_forged_passkey_is_refused_and_nothing_kept(log_in: LogIn, world: World) -> None:
    person = log_in("kepala")
    challenge = ask_options(person).get_json()["challenge"]
    answer = person.post("/account/passkeys", {
        "name": "Palsu", "passkey_challenge": challenge, "passkey_answer": FORGED})
    assert answer.status_code == 422
    text = answer.get_data(as_text=True)
    assert "tidak dapat dibaca" in text
    assert 'value="Palsu"' in text
    assert passkeys.list_own(world.deps, world.actor("kepala")) == ()


def with_key(options: dict[str, Any], origin: str, key: object, **more: object) -> str:
    """What a browser would send of an authenticator whose public key is ``key``."""
    told = {"type": "webauthn.create", "challenge": options["challenge"], "origin": origin, "crossOrigin": False}
    name = b"a" * 16
    data = (hashlib.sha256(options["rp"]["id"].encode()).digest() + b"\x45" + bytes(20) + len(name).to_bytes(2, "big")
            + name + cbor2.dumps(key))
    return json.dumps({"id": bytes_to_base64url(name), "rawId": bytes_to_base64url(name), "type": "public-key",
                       "response": {"clientDataJSON": bytes_to_base64url(json.dumps(told).encode()),
                                    "attestationObject": bytes_to_base64url(cbor2.dumps(
                                        {"fmt": "none", "attStmt": {}, "authData": data})), **more}})


@pytest.mark.parametrize("key", [[], {}, None], ids=["list", "map", "deep"])
def test_a_passkey_of_an_odd_shape_is_refused(log_in: LogIn, world: World, key: object) -> None:
    person = log_in("kepala")
    given = ask_options(person).get_json()
    answer = "[" * 5000 if key is None else with_key(given["options"], world.deps.settings.base_url, key)
    refused = person.post("/account/passkeys", {
        "name": "Palsu", "passkey_challenge": given["challenge"], "passkey_answer": answer})
    assert refused.status_code == 422
    assert "tidak dapat dibaca" in refused.get_data(as_text=True)
    assert passkeys.list_own(world.deps, world.actor("kepala")) == ()


@pytest.mark.parametrize("transports", [5, None, "usb", {"usb": 1}], ids=str)
def test_what_is_said_of_its_transports_hinders_no_passkey(log_in: LogIn, world: World, transports: object) -> None:
    person = log_in("kepala")
    given = ask_options(person).get_json()
    key = {1: 2, 3: -7, -1: 1, -2: bytes(31) + b"x", -3: bytes(31) + b"y"}
    answer = with_key(given["options"], world.deps.settings.base_url, key, transports=transports)
    made = person.post("/account/passkeys", {
        "name": "Ponsel", "passkey_challenge": given["challenge"], "passkey_answer": answer})
    assert made.status_code == 302
    assert [one.name for one in passkeys.list_own(world.deps, world.actor("kepala"))] == ["Ponsel"]


def test_a_passkey_needs_a_name(log_in: LogIn) -> None:
    answer = log_in("kepala").post("/account/passkeys", {"name": "  "})
    assert answer.status_code == 422
    assert "Beri nama kunci sandi ini" in answer.get_data(as_text=True)


def test_one_removes_ones_own_passkey_and_nobody_elses(log_in: LogIn, world: World) -> None:
    own, other = add_passkey(world, "kepala"), add_passkey(world, "kadis")
    person = log_in("kepala")
    typed = {"remove_password": PASSWORD}
    assert person.post(f"/account/passkeys/{other}/remove", typed).status_code == 404
    assert person.post(f"/account/passkeys/{own}/remove", typed).status_code == 302
    assert passkeys.list_own(world.deps, world.actor("kepala")) == ()
    assert len(passkeys.list_own(world.deps, world.actor("kadis"))) == 1


def test_a_session_alone_neither_adds_nor_removes_a_passkey(log_in: LogIn, world: World) -> None:
    own = add_passkey(world, "kepala")
    person = log_in("kepala")
    for wrong in ("", "bukan kata sandinya"):
        refused = ask_options(person, wrong)
        assert refused.status_code == 422
        assert refused.get_json()["message"] == "Kata sandi akun salah, atau akun sedang dijeda."
        assert "challenge" not in refused.get_json()
        again = person.post(f"/account/passkeys/{own}/remove", {"remove_password": wrong})
        assert again.status_code == 422
        assert f'id="remove-passkey-{own}" class="paraf-dialog" aria-labelledby="remove-passkey-{own}-title" ' \
               "data-open-now" in again.get_data(as_text=True)
    assert len(passkeys.list_own(world.deps, world.actor("kepala"))) == 1


def test_guessing_the_password_there_pauses_the_account(log_in: LogIn, world: World) -> None:
    person = log_in("kepala")
    for _ in range(world.deps.settings.login_attempts):
        ask_options(person, "bukan kata sandinya")
    assert ask_options(person).status_code == 422
    assert "dijeda 15 menit" in page(person, "/notices")


def test_a_passkey_does_not_stand_in_for_the_codes_that_logging_in_demands(deps: Deps, world: World) -> None:
    """Nobody touches a passkey at logging in, so counting it would leave the password alone there."""
    add_passkey(world, "kepala")
    settings = deps.settings.model_copy(update={"require_totp": True})
    signer = Visitor(create_app(settings, dataclasses.replace(deps, settings=settings)).test_client())
    signer.log_in("kepala")
    assert signer.get("/inbox").headers["Location"] == "/account/second-factor"
    assert "tidak menggantikannya" in page(signer, "/inbox")


# ---- the sheet


def form_of(world: World, decree_id: str, **more: str) -> tuple[str, dict[str, str]]:
    task_id, version = task_of(world, decree_id)
    return f"/tasks/{task_id}/sign", {
        "seen_version": str(version), "frozen_sha256": world.view(decree_id).pdf_sha256 or "",
        "passphrase": DEMO_PASSPHRASE, **more}


def test_the_sheet_offers_the_passkey_only_to_who_has_one(log_in: LogIn, world: World, ready: str) -> None:
    path, _form = form_of(world, ready)
    signer = log_in("kepala")
    assert "Pakai kunci sandi" not in page(signer, path)
    add_passkey(world, "kepala")
    text = page(signer, path)
    assert "Pakai kunci sandi" in text
    assert 'data-passkey="get"' in text


def test_the_touch_is_asked_for_the_document_shown_and_no_other(log_in: LogIn, world: World, ready: str) -> None:
    add_passkey(world, "kepala")
    task_id, _version = task_of(world, ready)
    signer, shown = log_in("kepala"), world.view(ready).pdf_sha256
    given = signer.get(f"/tasks/{task_id}/passkey?sha256={shown}").get_json()
    assert [one["id"] for one in given["options"]["allowCredentials"]]
    assert signer.get(f"/tasks/{task_id}/passkey?sha256={'0' * 64}").status_code == 409
    assert log_in("kadis").get(f"/tasks/{task_id}/passkey?sha256={shown}").status_code == 404


@pytest.mark.parametrize("answer", ["", FORGED, "[" * 5000], ids=["none", "forged", "deep"])
def test_without_a_true_touch_nothing_is_signed(log_in: LogIn, world: World, ready: str, answer: str) -> None:
    add_passkey(world, "kepala")
    task_id, _version = task_of(world, ready)
    signer = log_in("kepala")
    challenge = signer.get(
        f"/tasks/{task_id}/passkey?sha256={world.view(ready).pdf_sha256}").get_json()["challenge"]
    path, form = form_of(world, ready, passkey_challenge=challenge, passkey_answer=answer)
    refused = signer.post(path, form)
    assert refused.status_code == (403 if answer else 422)
    assert "kunci sandi (passkey)" in refused.get_data(as_text=True)
    assert world.view(ready).status == "ready_to_sign"


def test_a_stored_key_knows_no_one_time_codes(log_in: LogIn, world: World, ready: str) -> None:
    task_id, _version = task_of(world, ready)
    answer = log_in("kepala").post(f"/tasks/{task_id}/code")
    assert answer.status_code == 409
    assert "tidak memakai kode sekali pakai" in answer.get_data(as_text=True)


@pytest.fixture
def with_csc(deps: Deps) -> Flask:
    """A service whose CSC provider is set up and does not answer (port 9 of this host)."""
    settings = deps.settings.model_copy(update={
        "csc_url": "http://127.0.0.1:9", "csc_token": SecretStr("contoh")})
    backends = build_backends(settings, deps.tsa, deps.clock)
    return create_app(settings, dataclasses.replace(deps, settings=settings, backends=backends))


def test_a_provider_that_does_not_answer_is_told_on_the_sheet(with_csc: Flask, world: World, ready: str) -> None:
    move_key_to(world, "csc")
    task_id, _version = task_of(world, ready)
    signer = Visitor(with_csc.test_client())
    signer.log_in("kepala")
    text = page(signer, f"/tasks/{task_id}/sign")
    for words in ("PIN penyelenggara", "Kode sekali pakai", "Kirim kode"):
        assert words in text
    answer = signer.post(f"/tasks/{task_id}/code")
    assert answer.status_code == 503
    assert "tidak mengirim kode" in answer.get_data(as_text=True)
    assert world.view(ready).status == "ready_to_sign"


@pytest.mark.parametrize("version", [1, 2])
def test_a_code_is_offered_only_where_the_service_knows_codes(
    deps: Deps, world: World, ready: str, version: int
) -> None:
    settings = deps.settings.model_copy(update={
        "bsre_url": "http://127.0.0.1:9", "bsre_username": "uji", "bsre_password": SecretStr("uji"),
        "bsre_version": version})
    backends = build_backends(settings, deps.tsa, deps.clock)
    move_key_to(world, "bsre")
    task_id, _version = task_of(world, ready)
    app = create_app(settings, dataclasses.replace(deps, settings=settings, backends=backends))
    signer = Visitor(app.test_client())
    signer.log_in("kepala")
    text = page(signer, f"/tasks/{task_id}/sign")
    assert "Kata sandi penyelenggara" in text
    assert ("Kirim kode" in text, 'name="code"' in text) == (version == 2, version == 2)
    if version == 1:
        answer = signer.post(f"/tasks/{task_id}/code")
        assert (answer.status_code, "tidak memakai kode" in answer.get_data(as_text=True)) == (409, True)


# ---- acts that did not end


def state_of(world: World, attempt_id: str) -> str:
    with world.deps.db.read_session() as session:
        return session.scalars(select(SigningAttempt.state).where(SigningAttempt.public_id == attempt_id)).one()


def test_a_running_act_is_shown_and_left_alone_until_it_is_old(
    log_in: LogIn, world: World, ready: str, clock: FrozenClock
) -> None:
    path, _form = form_of(world, ready)
    task_id, _version = task_of(world, ready)
    act = begin_act(world, ready)
    signer = log_in("kepala")
    text = page(signer, path)
    assert "Penandatanganan belum selesai" in text
    assert "Periksa kembali" not in text
    assert "Nyatakan tidak jadi" not in text
    clock.advance(minutes=6)
    assert "Periksa kembali" in page(signer, path)
    answer = signer.post(f"/signings/{act}/reconcile", {"task_id": task_id, "decree_id": ready})
    assert answer.status_code == 302
    assert "Tidak ada tanda tangan dari tindakan itu" in page(signer, answer.headers["Location"])
    assert world.view(ready).status == "ready_to_sign"


def test_an_unknown_act_is_asked_for_again_and_then_abandoned(log_in: LogIn, world: World, ready: str) -> None:
    path, _form = form_of(world, ready)
    task_id, _version = task_of(world, ready)
    act = begin_act(world, ready)
    move_key_to(world, "bsre")
    steps.mark_unknown(world.deps, act)
    signer, back = log_in("kepala"), {"task_id": task_id, "decree_id": ready}
    assert "jawabannya tidak sampai" in page(signer, path)
    decree_page = page(signer, f"/decrees/{ready}")  # from where the act is found again
    assert "Lihat keadaan penandatanganan" in decree_page
    assert f'href="{path}"' in decree_page
    assert "Lihat keadaan penandatanganan" not in page(log_in("analis"), f"/decrees/{ready}")
    answer = signer.post(f"/signings/{act}/reconcile", back)
    text = page(signer, answer.headers["Location"])
    assert "memeriksa lagi tidak akan mengubahnya" in text  # the provider gave no reference to ask with
    assert "Tidak akan diketahui lagi" in text
    assert "Nyatakan tidak jadi dan tandatangani ulang" in text
    assert "Periksa kembali" not in text
    assert state_of(world, act) == "unknown"
    answer = signer.post(f"/signings/{act}/abandon", back)
    assert "dinyatakan tidak jadi" in page(signer, answer.headers["Location"])
    assert state_of(world, act) == "failed"
    assert world.view(ready).status == "ready_to_sign"


def test_what_nobody_can_tell_any_more_is_said_and_what_to_do(log_in: LogIn, world: World, ready: str) -> None:
    path, _form = form_of(world, ready)
    act = begin_act(world, ready)
    steps.mark_unknown(world.deps, act)
    signer = log_in("kepala")
    assert "Memeriksa lagi tidak menolong" not in page(signer, path)
    steps.mark_lost(world.deps, act)
    text = page(signer, path)
    assert "Tidak akan diketahui lagi" in text
    assert "Memeriksa lagi tidak menolong" in text
    assert text.count("Nyatakan tidak jadi dan tandatangani ulang…") == 1


def test_the_inbox_leads_to_an_act_whose_outcome_nobody_knows(log_in: LogIn, world: World, ready: str) -> None:
    path, _form = form_of(world, ready)
    other = world.walk("ready_to_sign")
    signer = log_in("kepala")
    assert "belum diketahui" not in page(signer, "/inbox")
    act = begin_act(world, ready)
    text = page(signer, "/inbox")
    assert ("Sedang ditandatangani" in text, "belum diketahui" in text) == (True, False)
    steps.mark_unknown(world.deps, act)
    text = page(signer, "/inbox")
    assert text.index("hasil tanda tangannya belum diketahui") < text.index(f'href="{path}"') < text.index(
        f'href="/tasks/{task_of(world, other)[0]}"')
    assert text.count("Hasil tanda tangan belum diketahui") == 1
    assert f'href="/tasks/{task_of(world, ready)[0]}"' not in text
    assert "2 menunggu Anda" in text.replace("\u00a0", " ")


def test_an_act_is_its_signers_alone(log_in: LogIn, world: World, ready: str) -> None:
    path, _form = form_of(world, ready)
    act = begin_act(world, ready)
    steps.mark_unknown(world.deps, act)
    other = log_in("kadis")
    assert other.post(f"/signings/{act}/reconcile").status_code == 403
    assert other.post(f"/signings/{act}/abandon").status_code == 403
    assert other.get(path).status_code in {404, 409}
    assert state_of(world, act) == "unknown"


@pytest.mark.parametrize("error", [signing.Unknown, signing.ProofPending, signing.SigningUnfinished])
def test_an_act_without_an_end_leads_to_its_page(app: Flask, error: type[Exception]) -> None:
    fault = error(params={"why": "-"}) if error is signing.ProofPending else error()
    with app.test_request_context("/tasks/abc/sign", method="POST"):
        answer = app.make_response(app.handle_user_exception(fault))
    text = answer.get_data(as_text=True)
    assert answer.status_code in {503, 504}
    assert 'href="/tasks/abc/sign"' in text
    assert "di halaman ini" not in text
    assert "<p>Tidak ada yang berubah.</p>" not in text


# ---- the request log


def test_administrators_see_the_request_log(log_in: LogIn, world: World) -> None:
    CallRecorder(world.deps).record(CallRecord("csc", "/signatures/signHash", 200, 321, "answered", {}, {}))
    CallRecorder(world.deps).record(CallRecord("bsre", "/api/v2/sign/pdf", 0, 30000, "unknown", {}, {}))
    text = page(log_in("admin"), "/admin/remote-calls")
    assert "/signatures/signHash" in text
    assert "Jawaban tidak sampai" in text
    assert log_in("kepala").get("/admin/remote-calls").status_code == 403
