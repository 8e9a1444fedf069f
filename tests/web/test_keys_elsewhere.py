"""Registering keys that lie elsewhere by the pages of administration."""

from __future__ import annotations

import base64
import html
import io
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr
from sqlalchemy import select

from certs import ca
from certs.names import readable_name
from certs.profiles import Addresses
from svc.app import create_app
from svc.deps import Deps, build_backends
from svc.models import AuditEvent, Credential
from svc.simulators.csc import make_credential
from tests.support.clock import FrozenClock
from tests.support.csc import PIN as CSC_PIN
from tests.support.csc import CscKeys, CscWorld, csc_world, make_keys
from tests.support.signers import trust_authority
from tests.support.softhsm import PIN, SoftHsm, soft_hsm
from tests.support.world import World
from tests.web.conftest import Visitor

NIK = "3173055501900001"
ADDRESS = "pejabat.contoh@provinsi.example"
needs_token = pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is missing (Debian: softhsm2)")


class Desk:
    """An administrator's browser on a service with such settings, at the pages of one signer's keys."""

    def __init__(self, world: World, **settings: Any) -> None:
        given = world.deps.settings.model_copy(update=settings)
        backends = build_backends(given, world.deps.tsa, world.deps.clock)
        self.deps: Deps = replace(world.deps, settings=given, backends=backends)
        self.visitor = Visitor(create_app(given, self.deps).test_client())
        self.visitor.log_in("admin")
        self.person = f"/admin/people/{world.actor('kepala').person_public_id}"

    def see(self, path: str = "") -> str:
        return html.unescape(self.visitor.get(f"{self.person}{path}").get_data(as_text=True))

    def send(self, path: str, data: dict[str, Any]) -> tuple[int, str]:
        answer = self.visitor.post(f"{self.person}/keys{path}", data, content_type="multipart/form-data")
        return answer.status_code, html.unescape(answer.get_data(as_text=True))

    def credentials(self) -> list[tuple[str, str]]:
        with self.deps.db.read_session() as session:
            return [(row.backend, row.status) for row in session.scalars(select(Credential).order_by(Credential.id))]

    def events(self) -> list[str]:
        with self.deps.db.read_session() as session:
            return list(session.scalars(select(AuditEvent.type).where(
                AuditEvent.stream == "administration").order_by(AuditEvent.id)))


def in_file(*certificates: x509.Certificate) -> tuple[io.BytesIO, str]:
    return io.BytesIO(b"".join(one.public_bytes(Encoding.PEM) for one in certificates)), "sertifikat.pem"


# ---- what is offered


def test_without_any_setting_the_page_says_which_are_missing(world: World) -> None:
    desk = Desk(world)
    text = desk.see("/keys")
    assert "Belum ada tempat kunci lain" in text
    for name in ("PARAF_PKCS11_MODULE", "PARAF_CSC_URL", "PARAF_CSC_CLIENT_SECRET", "PARAF_BSRE_PASSWORD"):
        assert name in text
    assert "Daftarkan di sini" not in text
    for path, name in {"/token": "PARAF_PKCS11_MODULE", "/remote": "PARAF_CSC_URL",
                       "/identity": "PARAF_BSRE_URL"}.items():
        page = desk.see(f"/keys{path}")
        assert name in page
        assert f'action="{desk.person}' not in page
        status, answer = desk.send(path, {"identity": NIK, "credential": "x", "token": "a", "label": "b"})
        assert (status, "belum disetel di server ini" in answer) == (409, True)
    assert desk.credentials() == []


def test_only_what_is_set_up_is_offered(world: World) -> None:
    desk = Desk(world, bsre_url="http://127.0.0.1:9", bsre_username="aplikasi", bsre_password=SecretStr("rahasia"))
    text = desk.see("/keys")
    assert text.count("Daftarkan di sini") == 1
    assert "/keys/identity" in text
    assert "Belum ada tempat kunci lain" not in text
    assert "PARAF_BSRE_URL" not in text
    assert "/keys" in desk.see()


def test_a_stranger_of_an_id_has_no_pages(world: World) -> None:
    desk = Desk(world)
    desk.person = "/admin/people/AAAAAAAAAAAAAAAAAAAAAA"
    for path in ("", "/token", "/remote", "/identity"):
        assert desk.visitor.get(f"{desk.person}/keys{path}").status_code == 404


# ---- BSrE


@pytest.fixture
def bsre(world: World) -> Desk:
    return Desk(world, bsre_url="http://127.0.0.1:9", bsre_username="aplikasi", bsre_password=SecretStr("rahasia"))


def test_a_nik_is_sealed_and_never_shown_again(bsre: Desk, log_in: Callable[[str], Visitor]) -> None:
    for wrong in ("", "123", "3173-0555-0190", "٣١٧٣٠٥٥٥٠١٩٠٠٠٠١", "9" * 5000):
        status, text = bsre.send("/identity", {"identity": wrong})
        assert (status, "Isi NIK (16 angka) atau alamat surel yang terdaftar di BSrE." in text) == (422, True)
        assert len(wrong) < 10 or wrong not in text
    status, _text = bsre.send("/identity", {"identity": f"{NIK[:6]} {NIK[6:12]} {NIK[12:]}"})
    assert status == 302
    assert bsre.credentials() == [("bsre", "active")]
    assert bsre.events()[-1] == "credential_registered"
    pages = [bsre.see(), bsre.see("/keys/identity"), bsre.visitor.get("/admin/certificates").get_data(as_text=True)]
    assert "BSrE" in pages[0]
    assert "diketahui setelah tanda tangan pertama" in pages[0]
    assert "bersama tanda tangan pertama" in pages[0]
    assert "Periksa sertifikatnya di halaman ini" not in pages[0]
    owner = log_in("kepala")
    pages += [owner.get(path).get_data(as_text=True) for path in ("/account/certificates", "/notices")]
    assert "mendaftarkan kunci tanda tangan (BSrE)" in pages[-1]
    assert "Ganti kata sandi TTE" not in pages[-2]
    assert "Kata sandi TTE hanya Anda yang tahu" not in pages[-2]
    assert "kata sandi (passphrase) BSrE Anda" in pages[-2]
    with bsre.deps.db.read_session() as session:
        row = session.scalars(select(Credential)).one()
        told = "".join(str(event.payload) for event in session.scalars(select(AuditEvent)))
    assert NIK.encode() not in (row.key_envelope or b"")
    assert all(NIK not in page for page in (*pages, told))


def test_an_address_is_taken_in_place_of_a_nik_and_never_shown_again(bsre: Desk) -> None:
    assert "NIK atau alamat surel" in bsre.see("/keys/identity")
    for wrong in ("pejabat@", "pejabat contoh@provinsi.example", f"{'a' * 300}@provinsi.example"):
        status, text = bsre.send("/identity", {"identity": wrong})
        assert (status, "Alamat surel tidak dapat dibaca." in text, wrong in text) == (422, True, False)
    assert bsre.credentials() == []
    status, _text = bsre.send("/identity", {"identity": f" {ADDRESS} "})
    assert (status, bsre.credentials()) == (302, [("bsre", "active")])
    with bsre.deps.db.read_session() as session:
        row = session.scalars(select(Credential)).one()
        told = "".join(str(event.payload) for event in session.scalars(select(AuditEvent)))
    assert ADDRESS.encode() not in (row.key_envelope or b"")
    pages = (bsre.see(), bsre.see("/keys/identity"), bsre.visitor.get("/admin/certificates").get_data(as_text=True))
    assert all(ADDRESS not in page for page in (*pages, told))


def test_version_1_takes_no_address_and_says_so(world: World) -> None:
    desk = Desk(world, bsre_url="http://127.0.0.1:9", bsre_username="aplikasi", bsre_password=SecretStr("rahasia"),
                bsre_version=1)
    assert "alamat surel" not in desk.see("/keys/identity")
    status, text = desk.send("/identity", {"identity": ADDRESS})
    assert (status, "API versi 1) hanya mengenal NIK" in text, ADDRESS in text) == (422, True, False)
    status, text = desk.send("/identity", {"identity": "123"})
    assert (status, "NIK terdiri atas 16 angka." in text) == (422, True)
    assert desk.credentials() == []


# ---- CSC


@pytest.fixture(scope="module")
def csc_keys() -> CscKeys:
    return make_keys(FrozenClock())


@pytest.fixture
def service(csc_keys: CscKeys, clock: FrozenClock) -> Iterator[CscWorld]:
    with csc_world(csc_keys, clock) as running:
        yield running


@pytest.fixture
def remote(world: World, service: CscWorld) -> Desk:
    access = service.simulator.access
    return Desk(world, csc_url=service.simulator.base_url, csc_client_id=access.client_id,
                csc_client_secret=SecretStr(access.client_secret))


def test_the_certificate_is_shown_before_it_is_registered(remote: Desk, world: World, service: CscWorld) -> None:
    trust_authority(world, service.keys.authority)
    certificate = service.credential("pin").certificate
    status, text = remote.send("/remote/look-up", {"credential": " pin "})
    assert status == 200
    assert readable_name(certificate.subject) in text
    assert remote.credentials() == []
    seen = re.search(r'name="sha256" value="([0-9a-f]{64})"', text)
    assert seen
    form = {"credential": "pin", "sha256": seen.group(1), "second_factor": "any"}
    assert remote.send("/remote", form | {"second_factor": "sidik jari"})[0] == 422
    status, text = remote.send("/remote", form)
    assert status == 422
    for name in ("Penanda Tangan Simulasi", "Fajar Contoh Nugraha"):
        assert name in text
    assert remote.credentials() == []
    form["other_name"] = "true"
    assert remote.send("/remote", form)[0] == 302
    with world.deps.db.read_session() as session:
        said = list(session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "credential_registered")))[-1]
    assert said["certificate_name"] == "Penanda Tangan Simulasi"
    assert remote.credentials() == [("csc", "active")]
    page = remote.see()
    assert readable_name(certificate.subject) in page
    assert "Layanan jarak jauh (CSC)" in page
    status, text = remote.send("/remote", form)
    assert (status, "sudah ada di sini, terdaftar untuk Fajar Contoh Nugraha" in text) == (409, True)


def test_another_certificate_than_the_one_shown_is_not_registered(remote: Desk, world: World, service: CscWorld,
                                                                  clock: FrozenClock) -> None:
    trust_authority(world, service.keys.authority)
    _status, text = remote.send("/remote/look-up", {"credential": "pin"})
    seen = re.search(r'name="sha256" value="([0-9a-f]{64})"', text)
    assert seen
    service.vault.credentials["pin"] = make_credential(
        service.keys.authority, "pin", clock.now(), key=service.keys.rsa_key, pin=CSC_PIN)
    for sha256 in (seen.group(1), ""):
        status, text = remote.send("/remote", {"credential": "pin", "sha256": sha256})
        assert (status, "bukan lagi yang ditampilkan" in text) == (409, True)
    assert remote.credentials() == []


def test_an_untrusted_authority_is_told_with_what_to_do(remote: Desk) -> None:
    status, text = remote.send("/remote/look-up", {"credential": "pin"})
    assert status == 200
    assert "Sahkan penerbitnya di Administrasi, Kepercayaan" in text
    assert 'name="sha256"' not in text


@pytest.mark.parametrize("wanted", ["tidak-ada", "", "\x1b", "x" * 300, "../../info", "pin\r\nX-Lain: 1"])
def test_a_credential_that_nobody_knows_is_told_at_its_field(remote: Desk, wanted: str) -> None:
    status, text = remote.send("/remote/look-up", {"credential": wanted})
    assert status == 422
    assert 'id="f-credential-error"' in text


def test_a_provider_that_does_not_answer_changes_nothing(world: World) -> None:
    desk = Desk(world, csc_url="http://127.0.0.1:9", csc_token=SecretStr("contoh"))
    for path in ("/remote/look-up", "/remote"):
        status, text = desk.send(path, {"credential": "pin"})
        assert (status, "tidak menjawab. Tidak ada yang berubah" in text) == (503, True)
        assert 'value="pin"' in text


# ---- security module


@pytest.fixture
def hsm() -> SoftHsm:
    return soft_hsm()


@pytest.fixture
def token(hsm: SoftHsm) -> str:
    made = hsm.make_token(f"meja-{secrets.token_hex(6)}")
    pkcs11.lib(hsm.module).reinitialize()
    return made


@pytest.fixture
def module(world: World, hsm: SoftHsm) -> Desk:
    return Desk(world, pkcs11_module=hsm.module)


def certified(world: World, csr: x509.CertificateSigningRequest) -> x509.Certificate:
    key = csr.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return ca.issue_signer_certificate(world.deps.pki.issuing, ca.SignerSubject("Fajar Contoh Nugraha", "Contoh"), key,
                                       world.deps.clock.now())


@pytest.mark.softhsm
@needs_token
def test_a_key_is_made_certified_and_registered(module: Desk, world: World, token: str) -> None:
    form = {"token": token, "label": "tte", "kind": "rsa2048", "name": "Fajar Contoh Nugraha",
            "organisation": "Pemerintah Provinsi Nusa Mandala", "pin": PIN}
    status, text = module.send("/token/request", form)
    assert status == 200
    assert PIN not in text
    link = re.search(r'href="data:application/pkcs10;base64,([^"]+)" download="tte.csr"', text)
    assert link
    request = x509.load_pem_x509_csr(base64.b64decode(link.group(1)))
    assert request.is_signature_valid
    assert module.events()[-2:] == ["token_key_made", "certificate_requested"]

    status, text = module.send("/token/request", form)
    assert (status, "sudah memuat kunci dengan nama itu" in text) == (422, True)
    status, text = module.send("/token/request", form | {"kind": "existing"})
    assert (status, "Permohonan sertifikat sudah jadi" in text) == (200, True)

    own, chain = certified(world, request), world.deps.pki.chain
    register = {"token": token, "label": "tte", "pin": PIN}
    other = ca.issue_signer_certificate(world.deps.pki.issuing, ca.SignerSubject("Orang Lain", "Contoh"),
                                        ca.generate_signer_key().public_key(), world.deps.clock.now())
    status, text = module.send("/token", register | {"certificate": in_file(other, *chain)})
    assert (status, "atas nama Orang Lain, sedangkan orangnya Fajar" in text, 'name="other_name"' in text) == (
        422, True, True)
    status, text = module.send("/token", register | {"certificate": in_file(other, *chain), "other_name": "true"})
    assert (status, "untuk kunci lain" in text) == (422, True)
    assert module.credentials() == []
    assert module.send("/token", register | {"certificate": in_file(own, *chain)})[0] == 302
    assert module.credentials() == [("pkcs11", "active")]
    assert f"{token} / tte" in module.see()


@pytest.mark.softhsm
@needs_token
@pytest.mark.parametrize(("change", "field", "words"), [
    ({"pin": "999999"}, "request-pin", "PIN salah"),
    ({"pin": ""}, "request-pin", "Ketik PIN token."),
    ({"pin": "\U0001f511" * 300}, "request-pin", "Ketik PIN token."),
    ({"token": "tidak ada"}, "request-token", "Tidak ada token dengan nama itu"),
    ({"token": ""}, "request-token", "Isi nama token."),
    ({"token": "a\tb"}, "request-token", "Isi nama token."),
    ({"label": "x" * 65}, "request-label", "Isi nama kunci."),
    ({"label": "lain", "kind": "existing"}, "request-label", "tidak memuat kunci dengan nama itu"),
    ({"kind": "dsa"}, "f-kind", "Pilih jenis kunci dari daftar."),
    ({"name": ""}, "f-name", "Isi paling banyak 64 karakter."),
])
def test_what_is_wrong_is_told_at_its_field_and_kept(module: Desk, token: str, change: dict[str, str], field: str,
                                                     words: str) -> None:
    form = {"token": token, "label": "tte", "kind": "p256", "name": "Contoh", "organisation": "Instansi Contoh",
            "pin": PIN} | change
    status, text = module.send("/token/request", form)
    assert status == 422
    assert f'id="{field}-error"' in text
    assert words in text
    assert 'value="Instansi Contoh"' in text
    assert not change.get("pin") or change["pin"] not in text


@pytest.mark.softhsm
@needs_token
def test_files_that_are_no_fit_certificate_are_told(module: Desk, world: World, clock: FrozenClock) -> None:
    issuing, now = world.deps.pki.issuing, clock.now()
    key = ca.generate_signer_key().public_key()
    name = ca.SignerSubject("Contoh", "Contoh")
    old = ca.issue_signer_certificate(issuing, name, key, now - timedelta(days=5000))
    foreign = ca.create_development_pki("Otoritas Lain", now, root_addresses=Addresses())
    stranger = ca.issue_signer_certificate(foreign.issuing, name, key, now)
    edwards = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).serial_number(7)
               .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
               .public_key(ed25519.Ed25519PrivateKey.generate().public_key()).sign(issuing.key, hashes.SHA256()))
    cases: list[tuple[bytes, int, str]] = [
        (b"", 422, "Pilih berkas sertifikat"),
        (b"\xff" * 100, 422, "bukan sertifikat"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 422, "bukan sertifikat"),
        (b"-----BEGIN " * 20000, 422, "bukan sertifikat"),
        (old.public_bytes(Encoding.DER), 409, "berakhir pada"),
        (stranger.public_bytes(Encoding.PEM), 409, "belum dipercaya"),
        (edwards.public_bytes(Encoding.DER), 409, "terlalu lemah"),
        (issuing.certificate.public_bytes(Encoding.PEM), 409, "bukan sertifikat untuk menandatangani"),
    ]
    for data, expected, words in cases:
        status, text = module.send("/token", {"token": "mana saja", "label": "tte",
                                              "certificate": (io.BytesIO(data), "berkas.cer")})
        assert (status, words in text) == (expected, True), words
        assert 'value="mana saja"' in text
    assert module.credentials() == []


def test_a_module_that_cannot_be_loaded_is_told(world: World, tmp_path: Path) -> None:
    desk = Desk(world, pkcs11_module=str(tmp_path / "tidak-ada.so"))
    status, text = desk.send("/token/request", {"token": "a", "label": "b", "kind": "p256", "name": "Contoh",
                                                "organisation": "Contoh", "pin": "1234"})
    assert (status, "Modul keamanan tidak menjawab" in text) == (503, True)
