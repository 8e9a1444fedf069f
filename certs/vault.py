"""Keys and small secrets at rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SERVER_KEY_BYTES = 32
MIN_PASSPHRASE_LENGTH = 8


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
    raise NotImplementedError


def open_key(envelope: bytes, passphrase: str, server_key: bytes, owner_id: str, credential_id: str) -> PrivateKey:
    """Open a sealed key.

    :raises WrongPassphrase: the passphrase is not the one it was sealed with
    :raises WrongServerKey: sealed under another server key
    :raises EnvelopeMismatch: of another owner or credential, or altered
    :raises EnvelopeBroken: not an envelope
    """
    raise NotImplementedError


def rewrap(envelope: bytes, old_server_key: bytes, new_server_key: bytes, owner_id: str, credential_id: str) -> bytes:
    """Seal the same key under a new server key; the passphrase is not needed and stays the same.

    :raises WrongServerKey: ``old_server_key`` is not the one it was sealed under
    :raises EnvelopeMismatch: of another owner or credential, or altered
    :raises EnvelopeBroken: not an envelope
    """
    raise NotImplementedError


def change_passphrase(
    envelope: bytes, old_passphrase: str, new_passphrase: str, server_key: bytes, owner_id: str, credential_id: str
) -> bytes:
    """Seal the same key under a new passphrase.

    :raises WeakPassphrase: the new one is too short
    :raises VaultError: as :func:`open_key`
    """
    raise NotImplementedError


def seal_secret(secret: bytes, server_key: bytes, purpose: str) -> bytes:
    """Seal a small secret (a TOTP seed, a CA's key) under the server key alone, bound to ``purpose``."""
    raise NotImplementedError


def open_secret(sealed: bytes, server_key: bytes, purpose: str) -> bytes:
    """Open what :func:`seal_secret` sealed.

    :raises WrongServerKey: sealed under another server key
    :raises EnvelopeMismatch: sealed for another purpose, or altered
    :raises EnvelopeBroken: not a sealed secret
    """
    raise NotImplementedError


def rewrap_secret(sealed: bytes, old_server_key: bytes, new_server_key: bytes, purpose: str) -> bytes:
    """Seal the same secret under a new server key. :raises VaultError: as :func:`open_secret`"""
    raise NotImplementedError


def read_pkcs12(data: bytes, passphrase: str) -> Pkcs12Content:
    """Read a PKCS#12 file (RFC 7292).

    :raises WrongPassphrase: the passphrase does not open it
    :raises Pkcs12Unusable: broken, or without a private key and its certificate
    """
    raise NotImplementedError
