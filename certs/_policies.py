"""Which algorithms are strong enough, and until when, as pyHanko asks for it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature
from pyhanko.sign.validation.utils import CMSAlgorithmUsagePolicy
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, DisallowWeakAlgorithmsPolicy
from pyhanko_certvalidator.sig_validate import DEFAULT_VALIDATION_CONTEXT, SignatureValidationContext

from certs._remembered import RememberingValidator
from certs.algorithms import AlgorithmEnds, End
from certs.checks import MIN_CURVE_BITS

_PSS = "rsassa_pss"


class UsualPolicy(DisallowWeakAlgorithmsPolicy):
    """pyHanko's, which knows the least length of RSA keys but not of curves, and asks nothing of the parameters of PSS.
    """

    def signature_algorithm_allowed(
        self, algo: algos.SignedDigestAlgorithm, moment: datetime | None, public_key: keys.PublicKeyInfo | None
    ) -> AlgorithmUsageConstraint:
        """Curves besides what pyHanko asks."""
        if public_key is not None and public_key.algorithm == "ec" and (public_key.bit_size or 0) < MIN_CURVE_BITS:
            return AlgorithmUsageConstraint(False, failure_reason=f"curves need {MIN_CURVE_BITS} bits")
        if algo["algorithm"].native == _PSS and not _is_usual_pss(algo["parameters"]):
            return AlgorithmUsageConstraint(False, failure_reason="PSS with other parameters than RFC 4055's")
        return super().signature_algorithm_allowed(algo, moment, public_key)


def _is_usual_pss(parameters: algos.RSASSAPSSParams) -> bool:
    """The mask is made with the digest's hash (ETSI TS 119 312), and the trailer is the one that there is (RFC 4055
    3.1): with others, readers disagree on whether it verifies."""
    mask = parameters["mask_gen_algorithm"]
    hashes = {parameters["hash_algorithm"]["algorithm"].native, mask["parameters"]["algorithm"].native}
    return bool(mask["algorithm"].native == "mgf1" and len(hashes) == 1 and int(parameters["trailer_field"]) == 1)


USUAL = UsualPolicy()  # type: ignore[no-untyped-call]


class RevocationValidator(RememberingValidator):
    """Refuses a broken hash where pyHanko does not ask: under lists and responses. (What they say against a certificate
    counts all the same: :func:`certs.verified.answers`.)"""

    def validate_signature(
        self, signature: bytes, signed_data: bytes, public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """:raises InvalidSignature: it does not verify, or nobody should rely on it"""
        if context is DEFAULT_VALIDATION_CONTEXT and not _is_strong(
                signature_algorithm.dump(), public_key_info.dump()):
            raise InvalidSignature("a broken hash or a short key")
        try:
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
        except (AssertionError, TypeError) as error:  # authorities go from one kind of key to another, name and all
            raise InvalidSignature("made with another kind of key") from error


@lru_cache(maxsize=512)
def _is_strong(algorithm: bytes, public_key: bytes) -> bool:
    """Asked again and again for the same authorities."""
    return bool(USUAL.signature_algorithm_allowed(
        algos.SignedDigestAlgorithm.load(algorithm), None, keys.PublicKeyInfo.load(public_key)).allowed)


class EndsPolicy(UsualPolicy, CMSAlgorithmUsagePolicy):
    """The same, under which besides nothing counts from the day on which its algorithm ends."""

    def __init__(self, ends: AlgorithmEnds) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._ends = ends

    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        """Digests by name and time."""
        usual = super().digest_algorithm_allowed(algo, moment)
        return _constraint(self._ends.of_digest(algo["algorithm"].native), moment) if usual else usual

    def signature_algorithm_allowed(
        self, algo: algos.SignedDigestAlgorithm, moment: datetime | None, public_key: keys.PublicKeyInfo | None
    ) -> AlgorithmUsageConstraint:
        """Its digest, then the key's size."""
        usual = super().signature_algorithm_allowed(algo, moment, public_key)
        if not usual or public_key is None:
            return usual
        return _constraint(self._ends.of_public_key(public_key), moment)


def _constraint(end: End, moment: datetime | None) -> AlgorithmUsageConstraint:
    if moment is None or moment < end.at:
        return AlgorithmUsageConstraint(allowed=True)
    return AlgorithmUsageConstraint(
        allowed=False, not_allowed_after=end.at, failure_reason=f"{end.by} is not trusted since {end.at:%Y-%m-%d}")
