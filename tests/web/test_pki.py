"""What verifiers elsewhere get of our authority over HTTP, and what they are refused."""

from __future__ import annotations

import base64
import random
from urllib.parse import quote

import pytest
from asn1crypto import keys, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from certs.ca import create_development_pki
from certs.tsa import TimeStampResponse
from svc.models import Credential
from svc.services import credentials
from tests.support.world import World
from tests.web.conftest import Visitor

GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN
Status = ocsp.OCSPResponseStatus
BASE = "http://127.0.0.1:8000"


def certificate_of(world: World, username: str = "kepala") -> x509.Certificate:
    """The certificate of an official, issued by our own authority."""
    world.give_certificates(username)
    with world.deps.db.read_session() as session:
        pem = session.scalars(select(Credential.certificate_pem)).one()
    return x509.load_pem_x509_certificate(pem.encode())


def question(serial: int, issuer: x509.Certificate, nonce: bytes | None = None,
             algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """An OCSPRequest as DER, made by another implementation than the one that answers."""
    digest = algorithm or hashes.SHA1()  # noqa: S303 - what most clients send
    subject_key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = bytes(keys.PublicKeyInfo.load(subject_key)["public_key"])
    digests = []
    for data in (issuer.subject.public_bytes(), key):
        hasher = hashes.Hash(digest)
        hasher.update(data)
        digests.append(hasher.finalize())
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(digests[0], digests[1], serial, digest)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def ask(client: FlaskClient, request: bytes) -> ocsp.OCSPResponse:
    answer = client.post("/pki/ocsp", data=request, content_type="application/ocsp-request")
    assert (answer.status_code, answer.mimetype) == (200, "application/ocsp-response")
    return ocsp.load_der_ocsp_response(answer.data)


@pytest.fixture
def issuing(world: World) -> x509.Certificate:
    return world.deps.pki.issuing.certificate


def test_a_certificate_that_we_issued_is_good(client: FlaskClient, world: World, issuing: x509.Certificate) -> None:
    response = ask(client, question(certificate_of(world).serial_number, issuing, b"n" * 32))
    assert response.certificate_status is GOOD
    assert response.this_update_utc == world.deps.clock.now().replace(microsecond=0)
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    signer = response.certificates[0]
    signer.verify_directly_issued_by(issuing)
    assert signer.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key = signer.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), hashes.SHA256())


def test_a_revocation_shows_at_once_with_time_and_reason(
        client: FlaskClient, world: World, issuing: x509.Certificate) -> None:
    serial = certificate_of(world).serial_number
    actor = world.actor("kepala")
    one = credentials.list_for(world.deps, actor, actor.person_public_id)[0]
    credentials.revoke(world.deps, actor, one.public_id, "key_compromise")
    response = ask(client, question(serial, issuing))
    assert response.certificate_status is REVOKED
    assert response.revocation_reason is x509.ReasonFlags.key_compromise
    assert response.revocation_time_utc == world.deps.clock.now().replace(microsecond=0)
    assert x509.load_der_x509_crl(client.get("/pki/issuing.crl").data).get_revoked_certificate_by_serial_number(serial)


def test_what_was_never_issued_is_unknown_and_never_good(
        client: FlaskClient, world: World, issuing: x509.Certificate) -> None:
    for serial in (1, 2**159 - 1, world.deps.pki.tsa.certificate.serial_number):  # the TSA's is the root's
        assert ask(client, question(serial, issuing)).certificate_status is UNKNOWN
    for own in (world.deps.pki.audit, world.deps.pki.ocsp):
        assert ask(client, question(own.certificate.serial_number, issuing)).certificate_status is GOOD


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA512()])
def test_issuers_may_be_named_by_younger_hashes(
        client: FlaskClient, world: World, issuing: x509.Certificate, algorithm: hashes.HashAlgorithm) -> None:
    request = question(certificate_of(world).serial_number, issuing, algorithm=algorithm)
    assert ask(client, request).certificate_status is GOOD


def test_other_authorities_certificates_are_none_of_our_business(client: FlaskClient, world: World) -> None:
    stranger = create_development_pki("Otoritas Lain", world.deps.clock.now())
    for issuer in (stranger.issuing.certificate, world.deps.pki.development.root.certificate):
        assert ask(client, question(5, issuer)).response_status is Status.UNAUTHORIZED


@pytest.mark.parametrize(("length", "status"), [
    (0, Status.MALFORMED_REQUEST), (1, Status.SUCCESSFUL), (32, Status.SUCCESSFUL), (128, Status.SUCCESSFUL),
    (129, Status.MALFORMED_REQUEST)])
def test_nonces_have_the_lengths_of_rfc_9654(client: FlaskClient, issuing: x509.Certificate, length: int,
                                             status: ocsp.OCSPResponseStatus) -> None:
    assert ask(client, question(5, issuing, b"n" * length)).response_status is status


def test_the_get_form_is_cached_until_soon(client: FlaskClient, world: World, issuing: x509.Certificate) -> None:
    encoded = base64.b64encode(question(certificate_of(world).serial_number, issuing)).decode()
    for path in (encoded, quote(encoded, safe=""), encoded.rstrip("=")):
        answer = client.get(f"/pki/ocsp/{path}")
        assert answer.status_code == 200, path
        assert ocsp.load_der_ocsp_response(answer.data).certificate_status is GOOD
        assert answer.headers["Cache-Control"] == "public, max-age=300, no-transform, must-revalidate"


def test_slashes_in_a_row_belong_to_the_request(client: FlaskClient, issuing: x509.Certificate) -> None:
    for number in range(10_000):
        encoded = base64.b64encode(question(10**30 + number, issuing, bytes([255] * 16))).decode()
        if "//" in encoded:
            break
    answer = client.get(f"/pki/ocsp/{encoded}")
    assert answer.status_code == 200
    assert ocsp.load_der_ocsp_response(answer.data).certificate_status is UNKNOWN


@pytest.mark.parametrize("path", ["x", "%%%", "MAA=", "A" * 3000, "%ff%fe", "🙂"])
def test_garbage_by_get_is_answered_and_not_kept(client: FlaskClient, world: World, path: str) -> None:
    answer = client.get(f"/pki/ocsp/{path}")
    assert answer.status_code == 200
    assert ocsp.load_der_ocsp_response(answer.data).response_status is Status.MALFORMED_REQUEST
    assert answer.headers["Cache-Control"] == "no-store"


def test_garbage_never_breaks_the_responder_or_the_stamper(
        client: FlaskClient, world: World, issuing: x509.Certificate) -> None:
    dice = random.Random(4)
    stamp_request = tsp.TimeStampReq({"version": "v1", "nonce": 7, "message_imprint": {
        "hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"\7" * 32}}).dump()
    for _ in range(100):
        asked = bytearray(question(certificate_of(world).serial_number, issuing, b"n" * 32))
        asked[dice.randrange(len(asked))] = dice.randrange(256)
        answer = client.post("/pki/ocsp", data=bytes(asked[:dice.choice([len(asked), 20])]),
                             content_type="application/ocsp-request")
        assert answer.status_code == 200
        ocsp.load_der_ocsp_response(answer.data)
        stamped = bytearray(stamp_request)
        stamped[dice.randrange(len(stamped))] = dice.randrange(256)
        answer = client.post("/pki/tsa", data=bytes(stamped), content_type="application/timestamp-query")
        assert answer.status_code == 200
        TimeStampResponse.load(answer.data, strict=True)


@pytest.mark.parametrize(("path", "media_type", "size"), [
    ("/pki/ocsp", "application/ocsp-request", 16 * 1024), ("/pki/tsa", "application/timestamp-query", 64 * 1024)])
def test_only_small_requests_of_the_right_type_are_read(
        client: FlaskClient, world: World, path: str, media_type: str, size: int) -> None:
    assert client.post(path, data=b"x" * (size + 1), content_type=media_type).status_code == 413
    assert client.post(path, data=b"x" * size, content_type=media_type).status_code == 200
    assert client.post(path, data=b"x", content_type="text/plain").status_code == 415
    assert client.post(path, data={"a": "b"}).status_code == 415
    assert client.put(path, data=b"x", content_type=media_type).status_code == 405


def test_the_built_in_unit_stamps_for_anybody(client: FlaskClient, world: World) -> None:
    request = tsp.TimeStampReq({"version": "v1", "nonce": 7, "cert_req": True, "message_imprint": {
        "hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"\7" * 32}})
    answer = client.post("/pki/tsa", data=request.dump(), content_type="application/timestamp-query")
    assert (answer.status_code, answer.mimetype) == (200, "application/timestamp-reply")
    response = TimeStampResponse.load(answer.data, strict=True)
    assert response["status"]["status"].native == "granted"
    info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    assert info["nonce"].native == 7


def kept(answer: TestResponse, media_type: str, age: int) -> bytes:
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.headers["Cache-Control"] == f"public, max-age={age}"
    return bytes(answer.data)


def test_certificates_and_lists_are_there_under_their_types(client: FlaskClient, world: World) -> None:
    pki = world.deps.pki
    for name, certificate in (("root", pki.development.root.certificate), ("issuing", pki.issuing.certificate)):
        pem = kept(client.get(f"/pki/{name}.pem"), "application/x-pem-file", 86400)
        assert x509.load_pem_x509_certificate(pem) == certificate
        der = kept(client.get(f"/pki/{name}.cer"), "application/pkix-cert", 86400)
        assert x509.load_der_x509_certificate(der) == certificate
        crl = x509.load_der_x509_crl(
            kept(client.get(f"/pki/{name}.crl"), "application/pkix-crl", 86400 if name == "root" else 300))
        assert crl.issuer == certificate.subject
    assert client.get("/pki/other.pem").status_code == 404


def test_what_one_has_is_not_sent_again(client: FlaskClient, world: World) -> None:
    first = client.get("/pki/root.cer")
    again = client.get("/pki/root.cer", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def addresses(certificate: x509.Certificate) -> set[str]:
    """Every address that a certificate names."""
    found = {one.access_location.value for one in certificate.extensions.get_extension_for_class(
        x509.AuthorityInformationAccess).value}
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return found | {name.value for point in points for name in point.full_name or ()}


def test_every_address_in_our_certificates_leads_somewhere(client: FlaskClient, world: World) -> None:
    pki = world.deps.pki
    signers = {f"{BASE}/pki/{name}" for name in ("issuing.crl", "issuing.cer", "ocsp")}
    for certificate in (certificate_of(world), pki.audit.certificate, pki.ocsp.certificate):
        assert addresses(certificate) == signers
        methods = [one.access_method for one in certificate.extensions.get_extension_for_class(
            x509.AuthorityInformationAccess).value]
        assert methods == [AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS]
    for certificate in (pki.tsa.certificate, pki.issuing.certificate):
        assert addresses(certificate) == {f"{BASE}/pki/root.crl", f"{BASE}/pki/root.cer"}
    for url in signers | addresses(pki.tsa.certificate):
        if not url.endswith("/ocsp"):
            assert client.get(url.removeprefix(BASE)).status_code == 200


def test_the_page_tells_fingerprints_and_is_linked_from_verification(visitor: Visitor, world: World) -> None:
    page = visitor.get("/pki").get_data(as_text=True)
    root = world.deps.pki.development.root.certificate
    assert root.fingerprint(hashes.SHA256()).hex(":").upper() in page
    assert "Cara memercayainya" in page
    assert 'href="/pki"' in visitor.get("/verify").get_data(as_text=True)
    visitor.get("/locale/en")
    assert "How to trust it" in visitor.get("/pki").get_data(as_text=True)
