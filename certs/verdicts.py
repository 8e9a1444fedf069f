"""Indications and sub-indications of ETSI EN 319 102-1, and what each means in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pyhanko.sign.ades.report import AdESFailure, AdESPassed, AdESSubIndic

from certs.names import shown


class Indication(StrEnum):
    """Main status indications of ETSI EN 319 102-1, 5.1.3."""

    TOTAL_PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL-FAILED"


FORMAT_FAILURE = "FORMAT_FAILURE"
NO_SIGNATURE = "NO_SIGNATURE"
"""Own sub-indication: the file is a readable PDF without a signature."""
SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
EXPIRED = "EXPIRED"
NOT_YET_VALID = "NOT_YET_VALID"
OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
TRY_LATER = "TRY_LATER"
TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
REVOKED_NO_POE = "REVOKED_NO_POE"
REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
CRYPTO_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
REVOKED = frozenset({"REVOKED", REVOKED_NO_POE, REVOKED_CA_NO_POE})
"""Sub-indications that name a revocation."""

_SENTENCES = {
    "HASH_FAILURE": "The signed bytes were changed after signing.",
    "SIG_CRYPTO_FAILURE": "The signature value does not fit the certificate's key.",
    "REVOKED": "The certificate was revoked before the signature was made.",
    REVOKED_NO_POE: "The certificate is revoked, and nothing proves that the signature is older than that.",
    REVOKED_CA_NO_POE: "A CA's certificate is revoked, and nothing proves that the signature is older.",
    EXPIRED: "The certificate had expired before the signature's earliest proven time.",
    NOT_YET_VALID: "The signature is proven to be older than the certificate's validity.",
    OUT_OF_BOUNDS_NO_POE: "The certificate is out of its validity now, and what is in the file does not prove "
    "that it was valid and unrevoked when it signed.",
    NO_CERTIFICATE_CHAIN_FOUND: "No chain leads from the certificate to a trusted authority.",
    "NO_SIGNING_CERTIFICATE_FOUND": "The signer's certificate is not in the signature.",
    CERTIFICATE_CHAIN_GENERAL_FAILURE: "The certificate's chain does not validate.",
    CHAIN_CONSTRAINTS_FAILURE: "The certificate, or one above it, may not be used like this.",
    "CRYPTO_CONSTRAINTS_FAILURE": "An algorithm or key is too weak.",
    CRYPTO_NO_POE: "An algorithm or key is too weak by now.",
    TRY_LATER: "Whether the certificate is revoked cannot be told: current revocation data is missing.",
    TIMESTAMP_ORDER_FAILURE: "The time stamps contradict each other.",
    SIG_CONSTRAINTS_FAILURE: "The signature does not meet a condition set for it.",
    FORMAT_FAILURE: "The file or the signature in it cannot be read.",
    NO_SIGNATURE: "The file has no electronic signature.",
}


@dataclass(frozen=True)
class Verdict:
    """An indication with its sub-indication (None when passed) and a sentence in English."""

    indication: Indication
    sub_indication: str | None
    message: str

    @property
    def passed(self) -> bool:
        return self.indication is Indication.TOTAL_PASSED


PASSED = Verdict(Indication.TOTAL_PASSED, None, "The signature is valid and the document unchanged.")


def indeterminate(sub_indication: str, message: str = "") -> Verdict:
    """An INDETERMINATE verdict; without a message, the usual sentence for the sub-indication."""
    return Verdict(Indication.INDETERMINATE, sub_indication, message or explain(sub_indication))


def explain(sub_indication: str) -> str:
    """The usual sentence for a sub-indication."""
    return _SENTENCES.get(sub_indication, "The signature could not be judged.")


def from_ades(sub_indication: AdESSubIndic, detail: str | None) -> Verdict:
    """pyHanko's outcome as a verdict; a detail it gives is appended to the usual sentence."""
    if isinstance(sub_indication, AdESPassed):
        return PASSED
    name = str(sub_indication.standard_name)
    message = explain(name) if not detail else f"{explain(name)} ({shown(detail)})"
    failed = isinstance(sub_indication, AdESFailure)
    return Verdict(Indication.TOTAL_FAILED if failed else Indication.INDETERMINATE, name, message)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict over a file with these signatures: the worst of them, the first of equals."""
    severity = (Indication.TOTAL_FAILED, Indication.INDETERMINATE, Indication.TOTAL_PASSED)
    if not verdicts:
        return indeterminate(NO_SIGNATURE)
    return min(verdicts, key=lambda verdict: severity.index(verdict.indication))
