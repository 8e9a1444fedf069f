"""Certificates of which nobody could tell whether they are revoked: what their owners and administrators are told."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from datetime import timedelta

import pytest

from certs.ca import DevelopmentPki, build_crl
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import signing
from tests.support.clock import FrozenClock
from tests.support.signers import foreign_pkcs12, trust_authority
from tests.support.world import PASSWORD, World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]
SECRET = "berkas-p12"
GAP = "daftar pencabutan yang berlaku dari"
REASON = "belum dapat dibuktikan: daftar pencabutan"


@pytest.fixture
def foreign(world: World) -> tuple[bytes, DevelopmentPki]:
    """A file whose certificate names no address, of an authority that is trusted and whose lists are here."""
    made = foreign_pkcs12(world, SECRET)
    trust_authority(world, made[1])
    return made


def take_lists(world: World, name: str = "lain-*.crl") -> None:
    for path in (world.deps.settings.var_dir / "trust").glob(name):
        path.unlink()


def page(visitor: Visitor, path: str) -> str:
    return html.unescape(visitor.get(path).get_data(as_text=True))


def import_file(visitor: Visitor, data: bytes) -> str:
    answer = visitor.post("/account/certificates/import", {
        "file": (io.BytesIO(data), "saya.p12"), "file_passphrase": SECRET, "passphrase": DEMO_PASSPHRASE,
        "repeated": DEMO_PASSPHRASE, "password": PASSWORD}, content_type="multipart/form-data")
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return page(visitor, answer.headers["Location"])


def test_an_import_with_the_lists_at_hand_is_told_as_ever(
    log_in: LogIn, world: World, foreign: tuple[bytes, DevelopmentPki], clock: FrozenClock
) -> None:
    signer = log_in("kepala")
    text = import_file(signer, foreign[0])
    assert ("Sertifikat diimpor." in text, GAP in text) == (True, False)
    clock.advance(days=2)  # the issuing authority's list was good for one
    assert "Otoritas Lain" in page(log_in("kepala"), "/account/certificates").split(GAP)[1][:200]


@pytest.mark.parametrize("missing", ["lain-*.crl", "lain-issuing.crl", "lain-root.crl"])
def test_an_import_without_a_list_warns_and_says_what_to_do(
    log_in: LogIn, world: World, foreign: tuple[bytes, DevelopmentPki], missing: str
) -> None:
    take_lists(world, missing)
    signer = log_in("kepala")
    text = import_file(signer, foreign[0])
    assert "Sertifikat diimpor." not in text
    assert "Sertifikat diimpor, tetapi tanda tangannya belum akan dapat dibuktikan" in text
    assert (GAP in text, "berkas .crl) di var/trust" in text) == (True, True)
    assert GAP in page(log_in("admin"), "/admin/certificates")


def test_the_reason_is_told_until_the_list_is_here(
    log_in: LogIn, world: World, foreign: tuple[bytes, DevelopmentPki]
) -> None:
    take_lists(world)
    signer = log_in("kepala")
    import_file(signer, foreign[0])
    decree = world.walk("ready_to_sign")
    view = world.view(decree)
    assert view.open_task is not None
    path = f"/tasks/{view.open_task.task_id}/sign"
    answer = signer.post(path, {"seen_version": str(view.lock_version), "frozen_sha256": view.pdf_sha256 or "",
                                "passphrase": DEMO_PASSPHRASE})
    assert (answer.status_code, REASON in html.unescape(answer.get_data(as_text=True))) == (503, True)
    text = page(signer, path)
    assert (REASON in text, "Periksa kembali" in text) == (True, True)
    act = signing.open_act(world.deps, world.actor("kepala"), view.open_task.task_id)
    assert act is not None
    again = {"task_id": view.open_task.task_id, "decree_id": decree}
    answer = signer.post(f"/signings/{act.attempt_id}/reconcile", again)
    text = page(signer, answer.headers["Location"])
    assert ("masih belum dapat dibuktikan" in text, REASON in text) == (True, True)
    assert "layanan atau penyimpanan tidak menjawab" not in text
    authority, now = foreign[1], world.deps.clock.now()
    folder = world.deps.settings.var_dir / "trust"
    (folder / "lain-root.crl").write_bytes(authority.root_crl)
    (folder / "lain-issuing.crl").write_bytes(build_crl(authority.issuing, (), now, now + timedelta(days=1)))
    answer = signer.post(f"/signings/{act.attempt_id}/reconcile", again)
    assert "Tanda tangan ditemukan, terbukti, dan sudah dicatat." in page(signer, answer.headers["Location"])
    assert GAP not in page(signer, "/account/certificates")
