"""Signing with keys in a security module or on a card, by PKCS#11 (OASIS, v2.40), through ``python-pkcs11``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.sign.signers.pdf_cms import Signer

from certs.signer import ChainSigner, container_size, digest_algorithm_of
from certs.signers.pkcs11_keys import (
    KeyKind,
    Pkcs11Key,
    build_csr,
    generate_key,
    import_certificate,
    list_keys,
    private_key,
    sign_with,
)
from certs.signers.pkcs11_sessions import Pkcs11Config, in_the_ports_words, token_session
from certs.signers.port import BackendRefused, SignerNotReady

__all__ = [
    "KeyKind", "Pkcs11Config", "Pkcs11Key", "Pkcs11Signer", "build_csr", "generate_key", "import_certificate",
    "list_keys",
]

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


class Pkcs11Signer:
    """A :class:`certs.signers.port.HashSigner` with a key in a token, for one act of one thread.

    It logs in for every signature, or once within :meth:`session` (:class:`certs.signers.port.HoldsSession`).

    :raises BackendRefused: the certificate's kind of key is not supported
    """

    def __init__(self, config: Pkcs11Config, label: str, pin: str, certificate: x509.Certificate,
                 chain: Sequence[x509.Certificate]) -> None:
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise BackendRefused("only RSA and elliptic curves are supported", "key_kind")
        self.certificate = certificate
        self.chain = tuple(chain)
        self._public = public
        self.digest_algorithm = digest_algorithm_of(certificate)
        self.cms_signer: Signer = _TokenSigner(self)
        self._config, self._label, self._pin = config, label, pin
        self._key: Any = None

    def __repr__(self) -> str:
        return f"Pkcs11Signer(token={self._config.token!r}, label={self._label!r})"

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        return container_size(self.certificate, self.chain)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Logged in until the end of the block; others wait for the token meanwhile.

        :raises BackendError: as :meth:`certs.signers.port.DocumentSigner.sign`
        """
        with token_session(self._config, self._pin) as session:
            self._key = private_key(session, self._label)
            try:
                yield
            finally:
                self._key = None

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """The signature over ``data``. Errors: those of :class:`certs.signers.port.DocumentSigner`."""
        if self._key is not None:
            return self._signature(self._key, data, digest_algorithm)
        with token_session(self._config, self._pin) as session:
            return self._signature(private_key(session, self._label), data, digest_algorithm)

    def _signature(self, key: Any, data: bytes, digest_algorithm: str) -> bytes:
        with in_the_ports_words():
            signature = sign_with(key, data, digest_algorithm, self._pin)
        self._ensure_own(signature, data, digest_algorithm)
        return signature

    def _ensure_own(self, signature: bytes, data: bytes, digest_algorithm: str) -> None:
        """A wrong key under the right label, or a fault in the token, must not end in a document."""
        algorithm = _HASHES[digest_algorithm]()
        try:
            if isinstance(self._public, rsa.RSAPublicKey):
                self._public.verify(signature, data, padding.PKCS1v15(), algorithm)
            else:
                self._public.verify(signature, data, ec.ECDSA(algorithm))
        except InvalidSignature as error:
            raise SignerNotReady("the key in the token is not the certificate's", "KEY_MISMATCH") from error


class _TokenSigner(ChainSigner):
    """Gives pyHanko what the token signs."""

    def __init__(self, signer: Pkcs11Signer) -> None:
        super().__init__(signer.certificate, signer.chain)
        self._signer = signer

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._signer.sign_raw(data, digest_algorithm)
