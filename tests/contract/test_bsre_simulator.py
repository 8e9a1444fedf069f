"""The simulated e-Sign Client Service as any client sees it: by plain HTTP, with its words, numbers and typos."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit

import pikepdf
import pytest
from asn1crypto import cms
from urllib3.filepost import encode_multipart_formdata

from svc.simulators.bsre_marks import draw_qr
from svc.simulators.bsre_people import SEAL_ID
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.bsre import EMAIL, NIK, PASSPHRASE, PASSWORD, BsreKeys, BsreWorld, bsre_world, make_keys, page
from tests.support.clock import FrozenClock

INVISIBLE = [{"tampilan": "INVISIBLE"}]


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def data(self) -> dict[str, object]:
        read = json.loads(self.body)
        assert isinstance(read, dict)
        return read


@dataclass
class Api:
    world: BsreWorld

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "", login: str = "") -> Answer:
        login = login or f"paraf:{PASSWORD}"
        headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
        if kind:
            headers["Content-Type"] = kind
        connection = http.client.HTTPConnection(urlsplit(self.world.simulator.base_url).netloc, timeout=20)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
        finally:
            connection.close()

    def v2(self, path: str, **body: object) -> Answer:
        return self.send("POST", f"/api/v2/{path}", json.dumps(body).encode(), "application/json")

    def v1(self, path: str, **form: object) -> Answer:
        body, kind = encode_multipart_formdata(
            {name: ("dokumen.pdf", value, "application/pdf") if isinstance(value, bytes) else value
             for name, value in form.items()})  # type: ignore[arg-type]
        return self.send("POST", path, body, kind)

    def sign(self, pdf: bytes, **change: object) -> Answer:
        form: dict[str, object] = {"file": pdf, "nik": NIK, "passphrase": PASSPHRASE, "tampilan": "invisible"}
        return self.v1("/api/sign/pdf", **(form | change))


@pytest.fixture(scope="module")
def keys() -> BsreKeys:
    return make_keys(FrozenClock())


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return page()


@pytest.fixture
def world(keys: BsreKeys, clock: FrozenClock) -> Iterator[BsreWorld]:
    with bsre_world(keys, clock) as made:
        yield made


@pytest.fixture
def api(world: BsreWorld) -> Api:
    return Api(world)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(answer: Answer) -> list[bytes]:
    assert answer.status == 200, answer.body
    files = answer.data["file"]
    assert isinstance(files, list)
    return [base64.b64decode(one) for one in files]


def test_its_signatures_have_the_form_of_the_real_ones(api: Api, pdf: bytes) -> None:
    signed = api.sign(pdf).body
    assert signed.startswith(pdf)
    document = pikepdf.open(BytesIO(signed))
    field = document.Root.AcroForm.Fields[0]
    assert str(field.T) == "sig_1795482000123"  # the clock's milliseconds
    signature = field.V
    assert (str(signature.SubFilter), str(signature.Filter)) == ("/adbe.pkcs7.detached", "/Adobe.PPKLite")
    assert str(signature.M) == "D:20261124080000+07'00'"
    assert len(bytes(signature.Contents)) == 16_384
    assert [str(signature[name]) for name in ("/Reason", "/Location", "/ContactInfo")] == ["", "", ""]
    content = cms.ContentInfo.load(bytes(signature.Contents))["content"]
    signer = content["signer_infos"][0]
    assert [one["type"].native for one in signer["signed_attrs"]] == ["content_type", "message_digest"]
    assert [one["type"].native for one in signer["unsigned_attrs"]] == ["signature_time_stamp_token"]
    token = signer["unsigned_attrs"][0]["values"][0]["content"]
    assert len(token["certificates"]) == 2
    assert len(content["certificates"]) == 2
    assert b"/DSS" not in signed
    assert "Simulasi" in content["certificates"][0].chosen.issuer.human_friendly


def test_status_and_profile(api: Api, world: BsreWorld) -> None:
    assert api.send("GET", f"/api/user/status/{NIK}").data == {
        "status_code": 1111, "status": "ISSUE",
        "message": "User sudah terdaftar dan memiliki sertifikat dengan status ISSUE"}
    unknown = api.send("GET", "/api/user/status/0000000000009999").data
    assert (unknown["status_code"], unknown["status"]) == (1110, "NOT_REGISTERED")
    for user in world.desk.users:
        assert api.v2("user/check/status", nik=user.nik).data["status"] == user.status
        assert api.v2("user/check/status", email=user.email).data["status"] == user.status
    assert api.v2("user/check/status", nik="0000000000009999").data["status"] == "NOT_REGISTERED"
    assert api.send("GET", f"/api/user/profile/{NIK}").data["nama"] == "Pejabat Simulasi Pertama"


def test_errors_in_the_words_of_the_service(api: Api, world: BsreWorld, pdf: bytes) -> None:
    assert api.sign(pdf, nik="0000000000009999").data == {
        "error": "Proses signing gagal : User tidak terdaftar 2011", "status_code": 400}
    assert api.sign(pdf, passphrase="tebakan").data == {"error": "Passphrase anda salah", "status_code": 2031}
    world.desk.number_in_text = True
    assert api.sign(pdf, passphrase="tebakan").data["error"] == "Proses signing gagal : Passphrase anda salah 2031"
    broken = api.sign(b"bukan PDF")
    assert broken.status == 400
    assert str(broken.data["error"]).startswith(
        "Proses signing gagal : com.itextpdf.text.exceptions.InvalidPdfException: ")
    over = api.sign(pdf, nik=world.nik_of("EXPIRED"))
    assert over.data == {"error": "Proses signing gagal : Sertifikat user sudah kedaluwarsa 2021", "status_code": 400}
    for user in world.desk.users:
        if user.status != "ISSUE":
            assert api.sign(pdf, nik=user.nik).status == 400
    assert world.desk.made == []


@pytest.mark.parametrize("missing", ["file", "nik", "passphrase", "tampilan"])
def test_v1_misses_what_is_not_given(api: Api, pdf: bytes, missing: str) -> None:
    form = {"file": pdf, "nik": NIK, "passphrase": PASSPHRASE, "tampilan": "invisible"}
    answer = api.v1("/api/sign/pdf", **{name: value for name, value in form.items() if name != missing})
    assert answer.status == 400
    assert missing in str(answer.data["error"])


def test_a_result_is_handed_out_once(api: Api, pdf: bytes) -> None:
    signed = api.sign(pdf)
    path = f"/api/sign/download/{signed.headers['id_dokumen']}"
    assert api.send("GET", path).body == signed.body
    again = api.send("GET", path)
    assert (again.status, again.data["error"]) == (404, "Dokumen telah didownload sebelumnya")
    assert api.send("GET", "/api/sign/download/lain").status == 404


def test_only_the_application_may_call(keys: BsreKeys, clock: FrozenClock) -> None:
    with bsre_world(keys, clock) as world:
        api = Api(world)
        for login in ("paraf:tebakan", f"lain:{PASSWORD}"):
            assert api.send("GET", f"/api/user/status/{NIK}", login=login).status == 401
        world.simulator.access.is_enabled = False
        assert api.send("GET", f"/api/user/status/{NIK}").status == 401
    with bsre_world(keys, clock, frozenset({"192.0.2.7"})) as world:
        assert Api(world).send("GET", f"/api/user/status/{NIK}").status == 403


def test_wrong_passphrases_lock_a_user_if_wanted(api: Api, world: BsreWorld, pdf: bytes) -> None:
    world.desk.lock_after = 2
    api.sign(pdf, passphrase="satu")
    api.sign(pdf, passphrase="dua")
    assert api.v2("user/check/status", nik=NIK).data["status"] == "SUSPEND"
    assert api.sign(pdf).status == 400


def test_a_code_from_the_mail_signs_so_many_files_for_a_while(api: Api, world: BsreWorld, pdf: bytes) -> None:
    def sign(totp: str, count: int = 1, name: str = "totp") -> Answer:
        return api.v2("sign/pdf", email=EMAIL, signatureProperties=INVISIBLE, file=[b64(pdf)] * count, **{name: totp})

    assert api.v2("sign/get/totp", email=EMAIL, data=2).data["success"] is True
    code = world.mailed_code
    assert "TOTP salah" in str(sign("000000" if code != "000000" else "000001").data["error"])
    assert len(unb64(sign(code))) == 1
    assert len(unb64(sign(code, name="otp"))) == 1  # as the manual's examples have it
    assert sign(code).status == 400  # used up
    api.v2("sign/get/totp", email=EMAIL, data=1)
    world.clock.advance(minutes=5)
    assert "kedaluwarsa" in str(sign(world.mailed_code).data["error"])


def test_arrays_with_one_property_or_one_each(api: Api, pdf: bytes) -> None:
    pages = [page(f"Nomor {number}") for number in range(3)]

    def sign(count: int, properties: int) -> Answer:
        return api.v2("sign/pdf", nik=NIK, passphrase=PASSPHRASE, signatureProperties=INVISIBLE * properties,
                      file=[b64(page) for page in pages[:count]])

    made = unb64(sign(3, 1))
    assert [one.startswith(page) for one, page in zip(made, pages, strict=True)] == [True] * 3
    assert len(unb64(sign(2, 2))) == 2
    assert sign(3, 2).status == 400


def test_visible_by_picture_link_and_mark(api: Api, world: BsreWorld, pdf: bytes) -> None:
    def widget(signed: bytes) -> list[float]:
        with pikepdf.open(BytesIO(signed)) as document:
            field = document.Root.AcroForm.Fields[0]
            assert "/N" in field.AP
            return [float(one) for one in field.Rect]

    link = {"tampilan": "visible", "image": "false", "linkQR": "https://example.invalid/v/1"}
    box = api.sign(pdf, **link, page="1", xAxis="50", yAxis="20", width="200", height="80").body
    assert widget(box) == [50, 20, 200, 80]  # width and height are a corner
    mark = api.sign(pdf, **link, tag_koordinat="#", width="60", height="60").body
    left, bottom, right, top = widget(mark)
    assert (round(right - left), round(top - bottom)) == (60, 60)
    assert bottom > 400  # where the text ends, on the upper half of the page
    assert "Tag koordinat" in str(api.sign(pdf, **link, tag_koordinat="$", width="60", height="60").data["error"])
    picture = unb64(api.v2("sign/pdf", nik=NIK, passphrase=PASSPHRASE, file=[b64(pdf)], signatureProperties=[{
        "tampilan": "VISIBLE", "imageBase64": b64(draw_qr("x")), "page": 1, "originX": 10, "originY": 20,
        "width": 100, "height": 50}]))[0]
    assert widget(picture) == [10, 20, 110, 70]
    assert api.sign(pdf, **link, page="9", xAxis="50", yAxis="20", width="200", height="80").status == 400
    assert world.desk.judge(box).passed


def test_a_seal_from_activation_to_sealed_files(api: Api, world: BsreWorld, pdf: bytes) -> None:
    first = api.v2("seal/get/activation", idSubscriber=SEAL_ID).data
    assert first == {"success": True, "message": "TOTP Aktivasi berhasil dikirim", "data": None}
    activation = world.mailed_code
    known = api.v2("seal/get/activation", idSubscriber=SEAL_ID, totp=activation).data["data"]
    assert isinstance(known, dict)
    assert (known["message"], known["totp"], known["result"]) == ("TOTP Aktivasi masih berlaku", activation, True)
    refused = api.v2("seal/get/totp", idSubscriber=SEAL_ID, data="2", totp="salah")
    assert (refused.status, refused.data["result"]) == (200, False)
    code = api.v2("seal/get/totp", idSubscriber=SEAL_ID, data="2", totp=activation).data
    assert (code["message"], code["result"]) == ("TOTP berhasil dibuat", True)
    sealed = unb64(api.v2("seal/pdf", idSubscriber=SEAL_ID, totp=code["totp"], signatureProperties=INVISIBLE,
                          file=[b64(pdf)] * 2))
    assert [world.desk.judge(one).passed for one in sealed] == [True, True]
    api.v2("seal/revoke/activation", idSubscriber=SEAL_ID, totp=activation)
    assert api.v2("seal/get/totp", idSubscriber=SEAL_ID, data="1", totp=activation).data["result"] is False


def test_it_verifies_in_both_versions_with_the_apis_typos(api: Api, pdf: bytes) -> None:
    signed = api.sign(pdf).body
    v1 = api.v1("/api/sign/verify", signed_file=signed).data
    assert (v1["jumlah_signature"], v1["summary"]) == (1, "DOCUMENT VALID !!!")
    bad = signed.replace(b"%PDF-1.7", b"%PDF-1.6")
    assert api.v1("/api/sign/verify", signed_file=bad).data["summary"] == "DOCUMENT NOT VALID !!!"
    v2 = api.v2("verify/pdf", file=b64(signed)).data
    assert (v2["conclusion"], v2["signatureCount"]) == ("TOTAL_PASSED", 1)
    details = v2["signatureInformations"][0]  # type: ignore[index]
    assert details["signatureFormat"] == "PKCS7-T"
    assert details["timestampInfomation"]["id"].startswith("T-")
    assert details["certificateDetails"][0]["signatureAlgoritm"] == "SHA256withRSA"
    assert api.v2("verify/pdf", file=b64(pdf)).data["conclusion"] == "NO_SIGNATURE"


def test_who_registers_waits_for_a_certificate(api: Api, world: BsreWorld) -> None:
    assert api.v2("user/registration", nama="Pejabat Baru", email="baru@simulasi.invalid").status == 200
    assert api.v2("user/registration", nama="Pejabat Baru", email="baru@simulasi.invalid").status == 400
    assert api.v2("user/check/status", email="baru@simulasi.invalid").data["status"] == "NEW"
    chain = api.v2("user/certificate/chain", nik=NIK).data["data"]
    assert len(chain) == 3  # type: ignore[arg-type]


def test_faults_strike_once_each(api: Api, world: BsreWorld, pdf: bytes) -> None:
    planned = {"kind": "status_after", "endpoint": "api/sign/pdf", "status": 502}
    assert api.send("POST", "/simulator/faults", json.dumps(planned).encode(), "application/json").status == 204
    assert api.sign(pdf).status == 502
    assert len(world.desk.made) == 1
    world.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "api/sign/pdf", status=503))
    assert api.sign(pdf).status == 503
    assert len(world.desk.made) == 1
    world.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(http.client.IncompleteRead):
        api.sign(pdf)
    world.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "api/sign/pdf"))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        api.sign(pdf)
    world.simulator.faults.add(Fault(FaultKind.DROP_BEFORE, "api/sign/pdf"))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        api.sign(pdf)
    assert len(world.desk.made) == 3
    assert api.sign(pdf).status == 200
