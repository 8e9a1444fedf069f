"""Detached signatures and time stamps over plain bytes: what audit checkpoints are made of.

Signatures are CMS (RFC 5652) with signed attributes, time stamps RFC 3161 tokens. Both are checked against
certificates that the caller names: a chain to an anchor would say that *somebody* of the authority signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from certs import errors
from certs._aio import run_sync
from certs._asn1 import to_asn1
from certs.signer import LocalSigner, ServiceTimeStamper, encode_container
from certs.tsa import TimeStampService

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}


class StatementInvalid(errors.CertsError):
    """The signature or time stamp is not one over these bytes by one of the certificates."""

    code = "statement_invalid"


def sign_detached(data: bytes, signer: LocalSigner) -> bytes:
    """A detached CMS signature over ``data``, DER."""
    work = signer.cms_signer.async_sign_general_data(data, signer.digest_algorithm, detached=True)
    return encode_container(run_sync(work))


def check_detached(data: bytes, signature: bytes, accepted: Sequence[x509.Certificate]) -> None:
    """:raises StatementInvalid: not a signature over ``data`` by one of the accepted certificates"""
    try:
        content = cms.ContentInfo.load(signature, strict=True)["content"]
        _check_signer(content, data, accepted)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise StatementInvalid("the signature cannot be read") from error


def stamp(data: bytes, tsa: TimeStampService, now: datetime) -> bytes:
    """An RFC 3161 token over the SHA-256 of ``data``, DER. :raises TimestampUnavailable: refused"""
    stamper = ServiceTimeStamper(tsa, now)
    token = run_sync(stamper.async_timestamp(hashlib.sha256(data).digest(), "sha256"))
    return bytes(token.dump())


def check_stamp(data: bytes, token: bytes, accepted: Sequence[x509.Certificate]) -> datetime:
    """The time (UTC) at which ``data`` is proven to have existed.

    :raises StatementInvalid: not a token over ``data`` by one of the accepted time-stamp units
    """
    try:
        content = cms.ContentInfo.load(token, strict=True)["content"]
        info: tsp.TSTInfo = content["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        if imprint["hashed_message"].native != hashlib.new(algorithm, data).digest():
            raise StatementInvalid("the time stamp is over other bytes")
        _check_signer(content, content["encap_content_info"]["content"].contents, accepted)
        moment: datetime = info["gen_time"].native
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise StatementInvalid("the time stamp cannot be read") from error
    return moment.astimezone(UTC)


def _check_signer(content: cms.SignedData, signed: bytes, accepted: Sequence[x509.Certificate]) -> None:
    infos = content["signer_infos"]
    if len(infos) != 1:
        raise StatementInvalid("not exactly one signer")
    info = infos[0]
    attributes = {one["type"].native: one["values"] for one in info["signed_attrs"]}
    algorithm = info["digest_algorithm"]["algorithm"].native
    if attributes["message_digest"][0].native != hashlib.new(algorithm, signed).digest():
        raise StatementInvalid("the signed bytes are others")
    if attributes["content_type"][0].native != content["encap_content_info"]["content_type"].native:
        raise StatementInvalid("the content type is another")
    certificate = _certificate_of(info, accepted)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise StatementInvalid("the certificate's key is not RSA")
    to_be_signed = cms.CMSAttributes.load(info["signed_attrs"].untag().dump()).dump()
    try:
        key.verify(info["signature"].native, to_be_signed, padding.PKCS1v15(), _HASHES[algorithm]())
    except InvalidSignature as error:
        raise StatementInvalid("the signature value is wrong") from error


def _certificate_of(info: cms.SignerInfo, accepted: Sequence[x509.Certificate]) -> x509.Certificate:
    identifier = info["sid"].chosen
    if isinstance(identifier, core.OctetString):
        raise StatementInvalid("the signer is named by key identifier")
    for certificate in accepted:
        own = to_asn1(certificate)
        if (own.serial_number, own.issuer) == (identifier["serial_number"].native, identifier["issuer"]):
            return certificate
    raise StatementInvalid("signed by another certificate")
