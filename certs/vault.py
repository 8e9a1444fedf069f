"""Keys and small secrets at rest, in two layers of authenticated encryption.

A sealed key (version 1, integers big-endian)::

    outer   "PRFV" | version 01 | kind 01 | server key id (8) | nonce (12) | AES-256-GCM(inner)
    inner   version 01 | log2 n | r | p | salt (16) | nonce (12) | AES-256-GCM(PKCS#8 DER)

The inner key comes from the passphrase by scrypt (RFC 7914; parameters stored), the outer key from the server
key by HKDF (RFC 5869). Owner and credential are additional data of both layers, so an envelope moved to another
row does not open. Since the server key wraps the inner layer as a whole, it can be rotated without any
passphrase; since the passphrase is needed inside, a stolen server key opens nothing. A sealed secret is the
outer layer alone with kind 02 and its purpose as additional data. The server key id is derived from the key
(and tells nothing of it): it tells "wrong key" from "altered".
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import pkcs12

from certs import errors

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SERVER_KEY_BYTES = 32
MIN_PASSPHRASE_LENGTH = 8

_MAGIC = b"PRFV"
_VERSION = 1
_KIND_KEY, _KIND_SECRET = 1, 2
_KEY_ID, _NONCE, _SALT, _TAG = 8, 12, 16, 16
_HEADER = len(_MAGIC) + 2 + _KEY_ID
_SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P = 15, 8, 1  # 32 MiB and about a tenth of a second
_INNER_HEADER = 4 + _SALT + _NONCE


@dataclass(frozen=True)
class Pkcs12Content:
    """What an imported PKCS#12 file held: the key, its certificate, and the other certificates."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def seal_key(key: PrivateKey, passphrase: str, server_key: bytes, owner_id: str, credential_id: str) -> bytes:
    """Seal a private key for storage.

    :param server_key: 32 bytes
    :param owner_id: whose key; bound to the envelope, as ``credential_id`` is
    :raises WeakPassphrase: shorter than ``MIN_PASSPHRASE_LENGTH`` characters
    :raises ValueError: the server key has not 32 bytes
    """
    ensure_passphrase(passphrase)
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    binding = _binding(owner_id, credential_id)
    return _seal(_KIND_KEY, _seal_inner(der, passphrase, binding), server_key, binding)


def open_key(
    envelope: bytes, passphrase: str, server_key: bytes, owner_id: str, credential_id: str
) -> PrivateKey:
    """Open a sealed key.

    :raises WrongPassphrase: the passphrase is not the one it was sealed with
    :raises WrongServerKey: sealed under another server key
    :raises EnvelopeMismatch: of another owner or credential, or altered
    :raises EnvelopeBroken: not an envelope
    """
    binding = _binding(owner_id, credential_id)
    der = _open_inner(_open(_KIND_KEY, envelope, server_key, binding), passphrase, binding)
    key = serialization.load_der_private_key(der, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise errors.EnvelopeBroken("the sealed key is of an unknown kind")
    return key


def rewrap(
    envelope: bytes, old_server_key: bytes, new_server_key: bytes, owner_id: str, credential_id: str
) -> bytes:
    """Seal the same key under a new server key; the passphrase is not needed and stays the same.

    :raises WrongServerKey: ``old_server_key`` is not the one it was sealed under
    :raises EnvelopeMismatch: of another owner or credential, or altered
    :raises EnvelopeBroken: not an envelope
    """
    binding = _binding(owner_id, credential_id)
    return _seal(_KIND_KEY, _open(_KIND_KEY, envelope, old_server_key, binding), new_server_key, binding)


def change_passphrase(
    envelope: bytes,
    old_passphrase: str,
    new_passphrase: str,
    server_key: bytes,
    owner_id: str,
    credential_id: str,
) -> bytes:
    """Seal the same key under a new passphrase.

    :raises WeakPassphrase: the new one is too short
    :raises VaultError: as :func:`open_key`
    """
    ensure_passphrase(new_passphrase)
    key = open_key(envelope, old_passphrase, server_key, owner_id, credential_id)
    return seal_key(key, new_passphrase, server_key, owner_id, credential_id)


def ensure_passphrase(passphrase: str) -> None:
    """:raises WeakPassphrase: shorter than ``MIN_PASSPHRASE_LENGTH`` characters, or only blanks"""
    if len(passphrase) < MIN_PASSPHRASE_LENGTH or not passphrase.strip():
        raise errors.WeakPassphrase(f"a passphrase has at least {MIN_PASSPHRASE_LENGTH} characters")


def seal_secret(secret: bytes, server_key: bytes, purpose: str) -> bytes:
    """Seal a small secret (a TOTP seed, a CA's key) under the server key alone, bound to ``purpose``.

    Say in ``purpose`` whose it is too (``"totp:<person id>"``), so that it opens nowhere else.
    """
    return _seal(_KIND_SECRET, secret, server_key, _binding(purpose))


def open_secret(sealed: bytes, server_key: bytes, purpose: str) -> bytes:
    """Open what :func:`seal_secret` sealed.

    :raises WrongServerKey: sealed under another server key
    :raises EnvelopeMismatch: sealed for another purpose, or altered
    :raises EnvelopeBroken: not a sealed secret
    """
    return _open(_KIND_SECRET, sealed, server_key, _binding(purpose))


def rewrap_secret(sealed: bytes, old_server_key: bytes, new_server_key: bytes, purpose: str) -> bytes:
    """Seal the same secret under a new server key. :raises VaultError: as :func:`open_secret`"""
    return seal_secret(open_secret(sealed, old_server_key, purpose), new_server_key, purpose)


def read_pkcs12(data: bytes, passphrase: str) -> Pkcs12Content:
    """Read a PKCS#12 file (RFC 7292).

    :raises WrongPassphrase: the passphrase does not open it
    :raises Pkcs12Unusable: broken, or without a private key and its certificate
    """
    try:
        asn1_pkcs12.Pfx.load(data, strict=True)["auth_safe"].native  # noqa: B018 - parses lazily
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise errors.Pkcs12Unusable("not a PKCS#12 file") from error
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, passphrase.encode())
    except ValueError as error:  # the library does not tell a broken container from a wrong passphrase
        raise errors.WrongPassphrase("the passphrase does not open the PKCS#12 file") from error
    except UnsupportedAlgorithm as error:
        raise errors.Pkcs12Unusable("encrypted in a way that is not supported") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or certificate is None:
        raise errors.Pkcs12Unusable("no RSA or EC key together with its certificate")
    return Pkcs12Content(key, certificate, tuple(others))


def _binding(*parts: str) -> bytes:
    """Length-prefixed, so that no two lists of parts give the same bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _derive(server_key: bytes, info: bytes, length: int) -> bytes:
    if len(server_key) != SERVER_KEY_BYTES:
        raise ValueError(f"the server key must have {SERVER_KEY_BYTES} bytes")
    return HKDF(hashes.SHA256(), length, salt=None, info=b"paraf vault " + info).derive(server_key)


def _header(kind: int, server_key: bytes) -> bytes:
    return _MAGIC + bytes((_VERSION, kind)) + _derive(server_key, b"id", _KEY_ID)


def _seal(kind: int, plain: bytes, server_key: bytes, binding: bytes) -> bytes:
    header = _header(kind, server_key)
    nonce = os.urandom(_NONCE)
    cipher = AESGCM(_derive(server_key, bytes((kind,)), 32))
    return header + nonce + cipher.encrypt(nonce, plain, header + binding)


def _open(kind: int, sealed: bytes, server_key: bytes, binding: bytes) -> bytes:
    expected = _header(kind, server_key)
    if len(sealed) < _HEADER + _NONCE + _TAG or sealed[: _HEADER - _KEY_ID] != expected[: _HEADER - _KEY_ID]:
        raise errors.EnvelopeBroken("not an envelope of this kind and version")
    header, nonce = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE]
    if header != expected:
        raise errors.WrongServerKey("sealed under another server key")
    cipher = AESGCM(_derive(server_key, bytes((kind,)), 32))
    try:
        return cipher.decrypt(nonce, sealed[_HEADER + _NONCE :], header + binding)
    except InvalidTag as error:
        raise errors.EnvelopeMismatch("sealed for another use, or altered") from error


def _passphrase_key(passphrase: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    # NFC: the same passphrase typed on another keyboard must give the same bytes.
    material = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p).derive(material)


def _seal_inner(der: bytes, passphrase: str, binding: bytes) -> bytes:
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    header = bytes((_VERSION, _SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P)) + salt
    key = _passphrase_key(passphrase, salt, _SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P)
    return header + nonce + AESGCM(key).encrypt(nonce, der, header + binding)


def _open_inner(inner: bytes, passphrase: str, binding: bytes) -> bytes:
    if len(inner) < _INNER_HEADER + _TAG or inner[0] != _VERSION:
        raise errors.EnvelopeBroken("unknown version of the inner envelope")
    _, log2_n, r, p = inner[:4]
    salt, nonce = inner[4 : 4 + _SALT], inner[4 + _SALT : _INNER_HEADER]
    key = _passphrase_key(passphrase, salt, log2_n, r, p)
    try:
        return AESGCM(key).decrypt(nonce, inner[_INNER_HEADER:], inner[: 4 + _SALT] + binding)
    except InvalidTag as error:
        raise errors.WrongPassphrase("the passphrase does not open the key") from error
