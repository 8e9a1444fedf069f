"""A time-stamp authority (RFC 3161, RFC 5816) that answers in the process."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar, Final, Protocol

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs._asn1 import freeze_signer, to_asn1
from certs._der import BOOLEAN, INTEGER, SEQUENCE, NotDer, encode, encode_integer, read_element
from certs._tokens import StampParts, TokenTemplate, imprint_of, split_token, with_moment

MAX_REQUEST_BYTES = 64 * 1024

_MAX_PLAIN_BYTES = 160
_NONCE: Final = re.compile(rb"\x02[\x01-\x20](?:[\x01-\x7f]|\x00[\x80-\xff]|\x00\Z)", re.DOTALL)
_GRANTED: Final = bytes.fromhex("3003020100")  # PKIStatusInfo

_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
_USUAL = "sha256"


class TimeStampService(Protocol):
    """Whatever answers a DER TimeStampReq with a DER TimeStampResp."""

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        """Answer a request; a refusal is a response too (PKIStatus rejection)."""
        ...


class TimeStampResponse(core.Sequence):  # type: ignore[misc]
    """A TimeStampResp whose token may be missing, as RFC 3161 2.4.2 has it (asn1crypto demands one)."""

    _fields: ClassVar = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


class _Refusal(Exception):
    """A request that gets no token; ``failure`` is a name of RFC 3161's PKIFailureInfo."""

    def __init__(self, failure: str, text: str) -> None:
        self.failure = failure
        self.text = text
        super().__init__(text)


@dataclass(frozen=True)
class TimeStampAuthority:
    """A time-stamp unit: its certificate, key, and the CA certificates that go along when asked for. It signs with the
    digest that it is asked about, so that a token is no weaker than its request.

    :raises ValueError: the certificate's only extended key usage is not critical timeStamping, or the key
        is not its own
    """

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    policy: str = "2.25.231905274608347219"
    accuracy_seconds: int = 1

    def __post_init__(self) -> None:
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except x509.ExtensionNotFound as error:
            raise ValueError("the certificate is not a time-stamp unit's") from error
        if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise ValueError("the certificate is not a time-stamp unit's")
        if self.key.public_key() != self.certificate.public_key():
            raise ValueError("the key is not the certificate's")

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        """Answer a DER TimeStampReq with a DER TimeStampResp whose genTime is ``now`` (whole seconds).

        Malformed requests, unknown hash algorithms or policies, a digest of the wrong length and any
        extension (RFC 3161 2.4.1: refuse what is not known) get PKIStatus ``rejection`` with the fitting
        PKIFailureInfo; nothing is raised.
        """
        plain = _read_plain(request_der)
        if plain is not None:
            return encode(SEQUENCE, _GRANTED, self._stamp(*plain, now))
        try:
            request = self._read(request_der)
        except _Refusal as refusal:
            return _rejection(refusal)
        token = self._token(request, now)
        response = TimeStampResponse({"status": {"status": "granted"}, "time_stamp_token": token})
        return bytes(response.dump())

    def _read(self, request_der: bytes) -> tsp.TimeStampReq:
        if len(request_der) > MAX_REQUEST_BYTES:
            raise _Refusal("bad_data_format", "the request is too large")
        try:
            request = tsp.TimeStampReq.load(request_der, strict=True)
            version = request["version"].native
            imprint = request["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            digest = imprint["hashed_message"].native
            policy = request["req_policy"].native
            request["nonce"].native, request["cert_req"].native
            has_extensions = len(request["extensions"]) > 0
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _Refusal("bad_data_format", "the request is not a TimeStampReq") from error
        if version != "v1":
            raise _Refusal("bad_request", "unknown version")
        if algorithm not in _DIGEST_BYTES:
            raise _Refusal("bad_alg", "the hash algorithm is not supported")
        if len(digest) != _DIGEST_BYTES[algorithm]:
            raise _Refusal("bad_data_format", "the digest has not the length of its algorithm")
        if policy is not None and policy != self.policy:
            raise _Refusal("unaccepted_policy", "the policy is not this authority's")
        if has_extensions:
            raise _Refusal("unaccepted_extensions", "no extension is supported")
        return request

    def _token(self, request: tsp.TimeStampReq, now: datetime) -> cms.ContentInfo:
        info = self._info(request, now).dump()
        asked = request["message_imprint"]["hash_algorithm"]["algorithm"].native
        digest = asked if asked in _HASHES else _USUAL
        encoded = self._signed_attributes(info, digest, now).dump()
        attributes = cms.CMSAttributes.load(encoded)  # as parsed they are not encoded over and over
        signature = self.key.sign(encoded, padding.PKCS1v15(), _HASHES[digest]())
        own = to_asn1(self.certificate)
        algorithm = algos.DigestAlgorithm({"algorithm": digest})
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": {
                    "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                        {"issuer": own.issuer, "serial_number": own.serial_number}
                    )
                },
                "digest_algorithm": algorithm,
                "signature_algorithm": {"algorithm": f"{digest}_rsa"},
                "signed_attrs": attributes,
                "signature": signature,
            }
        )
        signed = {
            "version": "v3",
            "digest_algorithms": [algorithm],
            "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(info)},
            "signer_infos": [freeze_signer(signer)],
        }
        if request["cert_req"].native:
            signed["certificates"] = [own, *(to_asn1(certificate) for certificate in self.chain)]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})

    @cached_property
    def _template(self) -> tuple[TokenTemplate, StampParts]:
        imprint = {"hash_algorithm": {"algorithm": _USUAL}, "hashed_message": bytes(_DIGEST_BYTES[_USUAL])}
        request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": 1, "cert_req": True})
        return split_token(self._token(request, datetime(2020, 1, 1, tzinfo=UTC)).dump())

    def _stamp(self, imprint: bytes, nonce: bytes, now: datetime) -> bytes:
        """The token that :meth:`_token` would make, put together from one that it has made: asn1crypto takes ten
        times as long as the signature."""
        template, model = self._template
        parts = with_moment(replace(
            model, imprint=imprint, nonce=nonce, serial=encode_integer(_new_serial())), now)
        signature = self.key.sign(template.attributes_of(parts), padding.PKCS1v15(), _HASHES[_USUAL]())
        return template.assemble(replace(parts, signature=signature))

    def _info(self, request: tsp.TimeStampReq, now: datetime) -> tsp.TSTInfo:
        content = {
            "version": "v1",
            "policy": self.policy,
            "message_imprint": request["message_imprint"],
            "serial_number": _new_serial(),
            "gen_time": core.GeneralizedTime(_whole_seconds(now)),
            "accuracy": {"seconds": self.accuracy_seconds},
            "tsa": asn1_x509.GeneralName(name="directory_name", value=to_asn1(self.certificate).subject),
        }
        if request["nonce"].native is not None:
            content["nonce"] = request["nonce"].native
        return tsp.TSTInfo(content)

    def _signed_attributes(self, info: bytes, digest: str, now: datetime) -> cms.CMSAttributes:
        certificate = self.certificate.public_bytes(serialization.Encoding.DER)
        reference = tsp.SigningCertificateV2(
            {"certs": [tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(certificate).digest()})]}
        )
        return cms.CMSAttributes(
            [
                _attribute("content_type", "tst_info"),
                _attribute("message_digest", hashlib.new(digest, info).digest()),
                _attribute("signing_time", cms.Time({"utc_time": core.UTCTime(_whole_seconds(now))})),
                _attribute("signing_certificate_v2", reference),
            ]
        )


def _new_serial() -> int:
    return secrets.randbits(127) | 1 << 126


def _read_plain(request_der: bytes) -> tuple[bytes, bytes] | None:
    """Imprint and nonce (maybe empty) of a request for a token with certificates and the usual digest that asks for
    nothing else; None for whatever else it is."""
    if len(request_der) > _MAX_PLAIN_BYTES:
        return None
    try:
        parts = read_element(request_der).expect(SEQUENCE).children()
        if [one.tag for one in parts] not in ([INTEGER, SEQUENCE, BOOLEAN], [INTEGER, SEQUENCE, INTEGER, BOOLEAN]):
            return None
        digest, _ = imprint_of(parts[1].whole)
    except NotDer:
        return None
    if digest != _USUAL:
        return None
    nonce = parts[2].whole if len(parts) == 4 else b""
    # Empty and padded integers are left to the strict reader.
    if parts[0].content != b"\x01" or parts[-1].content != b"\xff" or (nonce and not _NONCE.match(nonce)):
        return None
    return parts[1].whole, nonce


def _attribute(kind: str, value: object) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": (value,)})


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _rejection(refusal: _Refusal) -> bytes:
    status = tsp.PKIStatusInfo(
        {
            "status": "rejection",
            "status_string": tsp.PKIFreeText([core.UTF8String(refusal.text)]),
            "fail_info": {refusal.failure},
        }
    )
    return bytes(TimeStampResponse({"status": status}).dump())
