"""Signatures of authorities on certificates, revocation lists and OCSP responses, verified once a process.

The same few are met in every document. What is kept is a digest of the signature, of what it signs, of the key and of
the algorithm, and only of those that verified: the same question would have the same answer. Signatures on documents
are never kept.
"""

from __future__ import annotations

import hashlib

from asn1crypto import algos, x509
from asn1crypto.keys import PublicKeyInfo
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

_UNVERIFIED = (InvalidSignature, UnsupportedAlgorithm, AssertionError, ValueError, TypeError, NotImplementedError)
_MOST = 4096
_verified: dict[bytes, None] = {}


class RememberingValidator(DefaultSignatureValidator):
    """pyHanko's, which asks its memory first where no context (a document's) is given."""

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """:raises cryptography.exceptions.InvalidSignature: it does not verify, and is not kept"""
        if context is not DEFAULT_VALIDATION_CONTEXT:
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
            return
        question = _digest(signature, signed_data, public_key_info.dump(), signature_algorithm.dump())
        if question in _verified:
            return
        super().validate_signature(signature, signed_data, public_key_info, signature_algorithm)
        if len(_verified) >= _MOST:
            _verified.clear()
        _verified[question] = None


def is_signed(
    signer: x509.Certificate, signature: bytes, data: bytes, algorithm: algos.SignedDigestAlgorithm
) -> bool:
    """Whether the key of this certificate made the signature over the data; whatever else is wrong is a no."""
    try:
        RememberingValidator().validate_signature(signature, data, signer.public_key, algorithm)
    except _UNVERIFIED:
        return False
    return True


def _digest(*parts: bytes) -> bytes:
    running = hashlib.sha256()
    for part in parts:
        running.update(len(part).to_bytes(8, "big"))
        running.update(part)
    return running.digest()
