"""The CSC simulator keeps the rules of API v2.0.0.2, asked by plain HTTP as any client would."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.clock import FrozenClock
from tests.support.csc import PIN, CscKeys, CscWorld, csc_world, make_keys

SHA256 = "2.16.840.1.101.3.4.2.1"
RSA_SHA256, RSA_ANY, RSA_PSS, ECDSA_SHA256 = (
    "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.4.3.2")
SIGN = "signatures/signHash"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


ONE, TWO, OTHER = (digest(word) for word in ("satu", "dua", "lain"))


@dataclass
class Answer:
    status: int
    body: dict[str, object]

    @property
    def complaint(self) -> tuple[int, object, object]:
        return self.status, self.body.get("error"), self.body.get("error_description")


@dataclass
class Api:
    """The service as a client with its bearer token sees it."""

    world: CscWorld

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.world.simulator.base_url).netloc, timeout=10)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            data = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            return Answer(response.status, json.loads(data) if is_json else {})
        finally:
            connection.close()

    def call(self, method: str, body: dict[str, object], token: str | None = None) -> Answer:
        token = self.world.simulator.access.bearer_token if token is None else token
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        return self.post(f"/csc/v2/{method}", json.dumps(body).encode(), headers)

    def authorize(self, name: str, hashed: list[bytes], pin: str = PIN, count: int | None = None,
                  otp: str = "") -> Answer:
        data = [{"id": "PIN", "value": pin}] + ([{"id": "OTP", "value": otp}] if otp else [])
        return self.call("credentials/authorize", {
            "credentialID": name, "numSignatures": len(hashed) if count is None else count, "authData": data,
            "hashes": [b64(one) for one in hashed], "hashAlgorithmOID": SHA256})

    def sad(self, name: str, hashed: list[bytes], count: int | None = None) -> str:
        answer = self.authorize(name, hashed, count=count)
        assert answer.status == 200, answer
        return str(answer.body["SAD"])

    def sign(self, name: str, sad: str, hashed: list[bytes], algorithm: str = RSA_SHA256,
             **more: str) -> Answer:
        return self.call(SIGN, {"credentialID": name, "SAD": sad, "hashes": [b64(one) for one in hashed],
                                "hashAlgorithmOID": SHA256, "signAlgo": algorithm, **more})


@pytest.fixture(scope="module")
def keys() -> CscKeys:
    return make_keys(FrozenClock())


@pytest.fixture
def world(keys: CscKeys) -> Iterator[CscWorld]:
    with csc_world(keys, FrozenClock()) as made:
        yield made


@pytest.fixture
def api(world: CscWorld) -> Api:
    return Api(world)


def signatures(answer: Answer) -> list[bytes]:
    assert answer.status == 200, answer
    listed = answer.body["signatures"]
    assert isinstance(listed, list)
    return [base64.b64decode(one) for one in listed]


def test_it_tells_what_it_is_and_names_its_authority_a_simulation(api: Api, world: CscWorld) -> None:
    told = api.call("info", {}, token="")
    assert told.status == 200
    assert told.body["specs"] == "2.0.0.0"
    assert SIGN in told.body["methods"]  # type: ignore[operator]
    issuer = world.credential("pin").certificate.issuer.rfc4514_string()
    assert "Simulasi" in issuer


def test_an_oauth_client_gets_a_token_that_ends(api: Api, world: CscWorld) -> None:
    access = world.simulator.access
    form = {"grant_type": "client_credentials", "client_id": access.client_id, "client_secret": access.client_secret}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    token = str(api.post("/oauth2/token", urlencode(form).encode(), kind).body["access_token"])
    assert api.call("credentials/list", {}, token).body["credentialIDs"] == ["otp", "p256", "pin", "pin-otp"]
    world.clock.advance(hours=1)
    assert api.call("credentials/list", {}, token).complaint[:2] == (401, "expired_token")
    wrong = urlencode(form | {"client_secret": "tebakan"}).encode()
    assert api.post("/oauth2/token", wrong, kind).complaint == (
        400, "invalid_request", "Invalid parameter client_secret")


@pytest.mark.parametrize(("token", "status"), [("", 400), ("tebakan", 401)])
def test_nobody_else_may_ask(api: Api, token: str, status: int) -> None:
    for method in ("credentials/list", "credentials/info", "credentials/authorize", SIGN):
        assert api.call(method, {"credentialID": "pin"}, token).status == status


def test_it_describes_a_credential(api: Api, world: CscWorld) -> None:
    told = api.call("credentials/info", {"credentialID": "p256", "certificates": "chain", "certInfo": True,
                                         "authInfo": True}).body
    assert told["key"] == {"status": "enabled", "len": 256, "curve": "1.2.840.10045.3.1.7",
                           "algo": ["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"]}
    cert = told["cert"]
    assert isinstance(cert, dict)
    chain = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in cert["certificates"]]
    assert chain[0] == world.credential("p256").certificate
    for child, parent in pairwise(chain):
        child.verify_directly_issued_by(parent)
    assert (told["SCAL"], told["multisign"]) == ("2", 20)
    assert told["auth"] == {"mode": "explicit", "expression": "PIN", "objects": [
        {"type": "Password", "id": "PIN", "format": "N", "label": "PIN"}]}


def test_its_signatures_are_of_the_certificates_key(api: Api, world: CscWorld) -> None:
    key = world.keys.rsa_key.public_key()
    for algorithm in (RSA_SHA256, RSA_ANY):
        made = signatures(api.sign("pin", api.sad("pin", [ONE, TWO]), [ONE, TWO], algorithm))
        for hashed, signature in zip((ONE, TWO), made, strict=True):
            key.verify(signature, hashed, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    [made_ec] = signatures(api.sign("p256", api.sad("p256", [ONE]), [ONE], ECDSA_SHA256))
    world.keys.ec_key.public_key().verify(made_ec, ONE, ec.ECDSA(Prehashed(hashes.SHA256())))
    assert isinstance(key, rsa.RSAPublicKey)


def test_a_sad_is_good_once_for_exactly_its_hashes(api: Api, world: CscWorld) -> None:
    refused = (400, "invalid_request", "Hash is not authorized by the SAD")
    sad = api.sad("pin", [ONE, TWO])
    assert api.sign("pin", sad, [ONE, OTHER]).complaint == refused
    assert api.sign("pin", sad, [ONE]).complaint == refused
    assert api.sign("pin", sad, [ONE, ONE]).complaint == refused
    assert world.vault.made == []
    assert len(signatures(api.sign("pin", sad, [ONE, TWO]))) == 2
    assert api.sign("pin", sad, [ONE, TWO]).complaint == (400, "invalid_request", "Invalid parameter SAD")
    assert [one.digest for one in world.vault.made] == [ONE, TWO]


def test_a_sad_is_good_for_its_credential_only_and_ends(api: Api, world: CscWorld) -> None:
    sad = api.sad("pin", [ONE])
    assert api.sign("pin-otp", sad, [ONE]).complaint[2] == "Invalid parameter SAD"
    world.clock.advance(minutes=5)
    assert api.sign("pin", sad, [ONE]).complaint == (400, "invalid_request", "SAD expired")
    assert world.vault.made == []


def test_a_credential_of_level_two_wants_the_hashes(api: Api, world: CscWorld) -> None:
    assert api.authorize("pin", [], count=1).complaint[2] == "Missing (or invalid type) array parameter hashes"
    world.credential("pin").scal = 1
    answer = api.authorize("pin", [], count=1)
    assert signatures(api.sign("pin", str(answer.body["SAD"]), [OTHER]))


def test_a_transaction_is_extended_until_its_signatures_are_made(api: Api, world: CscWorld) -> None:
    first = api.sad("pin", [ONE], count=2)
    signatures(api.sign("pin", first, [ONE]))
    assert api.sign("pin", first, [ONE]).complaint[2] == "Invalid parameter SAD"  # one is left, but not under this SAD
    body: dict[str, object] = {"credentialID": "pin", "hashes": [b64(TWO)], "hashAlgorithmOID": SHA256}
    extended = api.call("credentials/extendTransaction", body | {"SAD": first})
    second = str(extended.body["SAD"])
    assert second != first
    assert api.sign("pin", first, [TWO]).complaint[2] == "Invalid parameter SAD"
    signatures(api.sign("pin", second, [TWO]))
    over = api.call("credentials/extendTransaction", body | {"SAD": second})
    assert over.complaint == (400, "invalid_request", "Numbers of signatures is too high")
    assert len(world.vault.made) == 2


def test_wrong_pins_are_counted_and_lock(api: Api, world: CscWorld) -> None:
    wrong = (400, "invalid_authentication_data", "The authentication data is invalid")
    assert api.authorize("pin", [ONE], "000000").complaint == wrong
    assert api.authorize("pin", [ONE]).status == 200  # a right one begins the count anew
    for _ in range(3):
        assert api.authorize("pin", [ONE], "000000").complaint == wrong
    assert api.authorize("pin", [ONE]).complaint == (400, "invalid_request", "Credential locked")


@pytest.mark.parametrize("method", ["credentials/getChallenge", "credentials/sendOTP"])
def test_a_code_is_sent_and_good_once(api: Api, world: CscWorld, method: str) -> None:
    assert api.authorize("pin-otp", [ONE]).complaint[2] == "Missing (or invalid type) array parameter authData"
    assert api.call(method, {"credentialID": "pin-otp", "authObjectID": "OTP"}).status == 204
    code = world.vault.sent_codes["pin-otp"]
    assert api.authorize("pin-otp", [ONE], otp=code).status == 200
    assert api.authorize("pin-otp", [ONE], otp=code).complaint[1] == "invalid_authentication_data"
    assert api.call(method, {"credentialID": "pin", "authObjectID": "OTP"}).complaint[2] == (
        "Invalid parameter authObjectID")


def test_a_code_gets_old(api: Api, world: CscWorld) -> None:
    api.call("credentials/getChallenge", {"credentialID": "pin-otp", "authObjectID": "OTP"})
    world.clock.advance(minutes=5)
    answer = api.authorize("pin-otp", [ONE], otp=world.vault.sent_codes["pin-otp"])
    assert answer.complaint[1] == "invalid_authentication_data"


def test_disabled_and_ended_credentials_authorise_nothing(api: Api, world: CscWorld) -> None:
    credential = world.credential("pin")
    sad = api.sad("pin", [ONE])
    credential.enabled = False
    assert api.authorize("pin", [ONE]).complaint[2] == "The credential identified by credentialID is disabled"
    assert api.sign("pin", sad, [ONE]).status == 400
    credential.enabled, credential.certificate_status = True, "suspended"
    assert api.authorize("pin", [ONE]).complaint[2] == "Signing certificate is suspended"
    credential.certificate_status = "valid"
    world.clock.advance(days=366)
    assert api.authorize("pin", [ONE]).complaint[2] == "Signing certificate is expired"
    assert world.vault.made == []
    assert "pin" not in str(api.call("credentials/list", {"onlyValid": True}).body["credentialIDs"])


@pytest.mark.parametrize(("change", "complaint"), [
    ({"SAD": None}, "Missing (or invalid type) string parameter SAD"),
    ({"credentialID": "lain"}, "Invalid parameter credentialID"),
    ({"hashes": None}, "Missing (or invalid type) array parameter hashes"),
    ({"hashes": []}, "Empty hash array"),
    ({"hashes": ["%%"]}, "Invalid Base64 hash string parameter"),
    ({"hashes": [b64(b"pendek")]}, "Invalid digest value length"),
    ({"signAlgo": "1.2.3"}, "Invalid parameter signAlgo"),
    ({"signAlgo": RSA_ANY, "hashAlgorithmOID": None}, "Missing (or invalid type) string parameter hashAlgorithmOID"),
    ({"signAlgo": RSA_ANY, "hashAlgorithmOID": "1.2.3"}, "Invalid parameter hashAlgorithmOID"),
    ({"signAlgo": RSA_PSS}, "Missing (or invalid type) string parameter signAlgoParams"),
])
def test_malformed_requests_are_named(api: Api, world: CscWorld, change: dict[str, object], complaint: str) -> None:
    body: dict[str, object] = {"credentialID": "pin", "SAD": api.sad("pin", [ONE]), "hashes": [b64(ONE)],
                               "hashAlgorithmOID": SHA256, "signAlgo": RSA_SHA256}
    assert api.call(SIGN, body | change).complaint == (400, "invalid_request", complaint)
    assert world.vault.made == []


@pytest.mark.parametrize(("count", "complaint"), [
    (0, "Invalid value for parameter numSignatures"), (21, "Numbers of signatures is too high")])
def test_the_number_of_signatures_is_bounded(api: Api, count: int, complaint: str) -> None:
    assert api.authorize("pin", [ONE] if count else [], count=count).complaint[2] == complaint


@pytest.mark.parametrize(("kind", "made"), [
    (FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1), (FaultKind.TRUNCATE, 1)])
def test_answers_are_lost_on_demand(api: Api, world: CscWorld, kind: FaultKind, made: int) -> None:
    sad = api.sad("pin", [ONE])
    world.simulator.faults.add(Fault(kind, SIGN))
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        api.sign("pin", sad, [ONE])
    assert len(world.vault.made) == made


@pytest.mark.parametrize(("kind", "made"), [("status_before", 0), ("status_after", 1)])
def test_errors_are_answered_on_demand(api: Api, world: CscWorld, kind: str, made: int) -> None:
    sad = api.sad("pin", [ONE])
    plan = json.dumps({"kind": kind, "endpoint": SIGN, "status": 502}).encode()
    assert api.post("/simulator/faults", plan, {"Content-Type": "application/json"}).status == 204
    assert api.sign("pin", sad, [ONE]).status == 502
    assert len(world.vault.made) == made
    assert api.post("/simulator/faults", b"{}", {"Content-Type": "application/json"}).status == 400


def test_operators_start_it_by_the_command(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARAF_")}
    command = [sys.executable, "-m", "svc.cli", "simulator", "csc", "--port", "0", "--trust-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            assert running.stdout is not None
            told = [running.stdout.readline().strip() for _ in range(9)]
            given = dict(line.split("=", 1) for line in told if line.startswith("PARAF_"))
            address = given["PARAF_CSC_URL"]
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
            connection.request("POST", "/csc/v2/credentials/list", b"{}", {
                "Content-Type": "application/json", "Authorization": f"Bearer {given['PARAF_CSC_TOKEN']}"})
            listed = json.loads(connection.getresponse().read())
            connection.request("GET", "/simulator/issuing.crl")
            crl = x509.load_der_x509_crl(connection.getresponse().read())
            connection.close()
        finally:
            running.terminate()
    assert listed == {"credentialIDs": ["SIM-P256", "SIM-PIN", "SIM-PIN-OTP"]}
    assert given["PARAF_REVOCATION_HOSTS"] == "127.0.0.1"
    written = x509.load_der_x509_crl((tmp_path / "simulasi-csc-issuing.crl").read_bytes())
    assert (crl.issuer, crl.last_update_utc >= written.last_update_utc) == (written.issuer, True)
    offered = [line.split()[1].rstrip(":") for line in told if line.startswith("credential")]
    assert offered == ["SIM-PIN", "SIM-PIN-OTP", "SIM-P256"]
    root = x509.load_pem_x509_certificate((tmp_path / "signer" / "simulasi-csc.pem").read_bytes())
    assert "Simulasi" in root.subject.rfc4514_string()
    assert len(list(tmp_path.glob("*.crl"))) == 2
