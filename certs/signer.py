"""The hash signer and the time stamper that pyHanko is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from certs import errors
from certs._asn1 import FrozenContentInfo, freeze_content, freeze_signer, to_asn1
from certs.tsa import TimeStampResponse, TimeStampService
from certs.vault import PrivateKey

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class LocalSigner:
    """Signs hashes with a key held in memory, which is never parsed again; make one for a batch.

    :raises KeyMismatch: the key is not the certificate's
    """

    def __init__(
        self, certificate: x509.Certificate, key: PrivateKey, chain: Sequence[x509.Certificate]
    ) -> None:
        if key.public_key() != certificate.public_key():
            raise errors.KeyMismatch("the key is not the certificate's")
        self.certificate = certificate
        self.chain = tuple(chain)
        self.digest_algorithm = digest_algorithm_of(certificate)
        self.cms_signer: Signer = _CmsSigner(certificate, key, self.chain)
        self._key = key

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        return container_size(self.certificate, self.chain)

    def sign_attributes(self, attributes: bytes) -> bytes:
        """The signature value over DER-encoded signed attributes."""
        return _sign(self._key, attributes, self.digest_algorithm)


def digest_algorithm_of(certificate: x509.Certificate) -> str:
    """The hash for signatures with this key: a curve asks for one of its own length (FIPS 186-5), RSA for SHA-256."""
    key = certificate.public_key()
    return "sha384" if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size > 256 else "sha256"


def container_size(certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> int:
    """About how many bytes a signature container takes without a time stamp, on the large side."""
    return sum(len(one.public_bytes(Encoding.DER)) for one in (certificate, *chain)) + 2048


def _sign(key: PrivateKey, data: bytes, digest_algorithm: str) -> bytes:
    algorithm = _HASHES[digest_algorithm]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm))


class ChainSigner(Signer):
    """A signer's certificates as pyHanko wants them; subclasses know how to sign."""

    def __init__(self, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple([to_asn1(one) for one in chain])
        # Some validators build no path when the root is missing in the file.
        super().__init__(signing_cert=to_asn1(certificate), cert_registry=registry, embed_roots=True)


class _CmsSigner(ChainSigner):
    """Signs with a parsed key: pyHanko's SimpleSigner loads it anew for every signature, for 40 ms each."""

    def __init__(self, certificate: x509.Certificate, key: PrivateKey, chain: Sequence[x509.Certificate]) -> None:
        super().__init__(certificate, chain)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return _sign(self._key, data, digest_algorithm)


def encode_container(container: cms.ContentInfo) -> bytes:
    """The DER bytes of a signature container, found without asn1crypto's detours (see ``certs._asn1``)."""
    signed_data = container["content"]
    signed_data["signer_infos"] = [freeze_signer(signer) for signer in signed_data["signer_infos"]]
    return bytes(container.dump())


class ServiceTimeStamper(TimeStamper):
    """Lets pyHanko ask a :class:`certs.tsa.TimeStampService`, at one fixed time."""

    def __init__(self, service: TimeStampService, now: datetime) -> None:
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]
        self._service = service
        self._now = now

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> FrozenContentInfo:
        """:raises TimestampUnavailable: refused, or the answer is for something else"""
        _, request = self.request_cms(message_digest, md_algorithm)  # type: ignore[no-untyped-call]
        response = TimeStampResponse.load(self._service.respond(request.dump(), self._now))
        try:
            status = response["status"]["status"].native
            if status not in {"granted", "granted_with_mods"}:
                raise errors.TimestampUnavailable(f"the time-stamp authority answered {status}")
            token = freeze_content(response["time_stamp_token"].dump())
            info = token["content"]["encap_content_info"]["content"].parsed
            imprint, nonce = info["message_imprint"].native, info["nonce"].native
        except (ValueError, TypeError, KeyError) as error:
            raise errors.TimestampUnavailable("the time-stamp authority's answer is unreadable") from error
        if imprint != request["message_imprint"].native or nonce != request["nonce"].native:
            raise errors.TimestampUnavailable("the time-stamp authority answered another request")
        return token
