"""The time-stamp authority, held against OpenSSL and RFC 3161."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certs.tsa import TimeStampAuthority, TimeStampResponse
from tests.unit.certs.conftest import World

DIGEST = hashlib.sha256(b"naskah").digest()


def request(**changes: object) -> bytes:
    content: dict[str, object] = {
        "version": 1,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": DIGEST},
        "cert_req": True,
    }
    return bytes(tsp.TimeStampReq(content | changes).dump())


def answer(world: World, request_der: bytes) -> TimeStampResponse:
    response: TimeStampResponse = TimeStampResponse.load(
        world.tsa.respond(request_der, world.now), strict=True
    )
    return response


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("options", [["-cert"], ["-cert", "-no_nonce"]])
def test_openssl_verifies_an_answer(world: World, tmp_path: Path, algorithm: str, options: list[str]) -> None:
    (tmp_path / "data").write_bytes(b"naskah")
    query = ["openssl", "ts", "-query", "-data", "data", f"-{algorithm}", "-out", "q.tsq", *options]
    subprocess.run(query, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "r.tsr").write_bytes(world.tsa.respond((tmp_path / "q.tsq").read_bytes(), world.now))
    (tmp_path / "root.pem").write_bytes(world.pki.root.certificate.public_bytes(Encoding.PEM))
    verified = subprocess.run(
        [
            *("openssl", "ts", "-verify", "-queryfile", "q.tsq", "-in", "r.tsr", "-CAfile", "root.pem"),
            *("-attime", str(int(world.later.timestamp()))),
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Verification: OK" in verified.stdout, verified.stderr


def test_the_answer_repeats_nonce_and_imprint_and_tells_the_time(world: World) -> None:
    response = answer(world, request(nonce=2**62 + 1))
    info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    assert info["nonce"].native == 2**62 + 1
    assert info["message_imprint"]["hashed_message"].native == DIGEST
    assert info["gen_time"].native == world.now
    assert info["policy"].native == world.tsa.policy


def test_serial_numbers_differ(world: World) -> None:
    serials = set()
    for _ in range(20):
        token = answer(world, request())["time_stamp_token"]["content"]
        serials.add(token["encap_content_info"]["content"].parsed["serial_number"].native)
    assert len(serials) == 20


def test_certificates_come_only_when_asked_for(world: World) -> None:
    asked = answer(world, request())["time_stamp_token"]["content"]["certificates"]
    assert len(asked) == 2
    silent = answer(world, request(cert_req=False))["time_stamp_token"]["content"]["certificates"]
    assert silent.native is None


BAD = {
    "bad_data_format": [b"", b"junk", request()[:-3], request() + b"x", b"\x30\x80", bytes(70_000)],
    "bad_alg": [
        request(message_imprint={"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": bytes(20)}),
        request(message_imprint={"hash_algorithm": {"algorithm": "md5"}, "hashed_message": bytes(16)}),
    ],
    "unaccepted_policy": [request(req_policy="1.2.3.4")],
    "unaccepted_extensions": [
        request(extensions=[{"extn_id": "1.2.3.4", "critical": False, "extn_value": b"\x05\x00"}])
    ],
}


@pytest.mark.parametrize(("failure", "bad"), [(name, one) for name, many in BAD.items() for one in many])
def test_bad_requests_are_rejected_in_the_protocol(world: World, failure: str, bad: bytes) -> None:
    response = answer(world, bad)
    assert response["status"]["status"].native == "rejection"
    assert response["status"]["fail_info"].native == {failure}
    assert response["time_stamp_token"].native is None


def test_a_digest_of_the_wrong_length_is_rejected(world: World) -> None:
    short = request(message_imprint={"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(20)})
    assert answer(world, short)["status"]["fail_info"].native == {"bad_data_format"}


def test_openssl_reads_a_rejection(world: World, tmp_path: Path) -> None:
    (tmp_path / "r.tsr").write_bytes(world.tsa.respond(b"junk", world.now))
    shown = subprocess.run(
        ["openssl", "ts", "-reply", "-in", "r.tsr", "-text"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Status: Rejected." in shown.stdout


MANGLED = st.integers(0, len(request()) - 1).map(lambda at: request()[:at] + b"\xff" + request()[at + 1 :])


@given(st.binary(max_size=200) | MANGLED)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_raise(world: World, data: bytes) -> None:
    assert answer(world, data)["status"]["status"].native in {"granted", "rejection"}


def test_only_a_time_stamp_unit_can_be_one(world: World) -> None:
    with pytest.raises(ValueError, match="time-stamp unit"):
        TimeStampAuthority(world.certificate, world.key)
    with pytest.raises(ValueError, match="key is not"):
        TimeStampAuthority(world.pki.tsa.certificate, world.key)


def test_a_token_put_together_is_the_one_that_asn1crypto_writes(world: World) -> None:
    """The same but for what is random in it."""
    from certs._tokens import read_parts, split_token

    for algorithm, nonce in (("sha256", 5), ("sha384", 2**63), ("sha512", None)):
        asked = {
            "version": "v1", "cert_req": True,
            "message_imprint": {"hash_algorithm": {"algorithm": algorithm},
                                "hashed_message": hashlib.new(algorithm).digest()},
        } | ({} if nonce is None else {"nonce": nonce})
        request = tsp.TimeStampReq(asked)
        fast = tsp.TimeStampResp.load(world.tsa.respond(request.dump(), world.now))
        template, parts = split_token(fast["time_stamp_token"].dump())
        written = world.tsa._token(request, world.now).dump()
        other = read_parts(written)
        assert template.assemble(other) == written
        assert replace(parts, serial=other.serial, signature=other.signature) == other
