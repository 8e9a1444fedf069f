"""What a reader must be told beside a verdict: claims that cannot be true, and bytes that nobody has signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from certs.coverage import signed_end

if TYPE_CHECKING:  # validation needs this module
    from certs.validation import SignatureReport

_TOLERANCE = timedelta(hours=1)  # clocks that nobody sets

IN_FUTURE = "in_future"
BEFORE_CERTIFICATE = "before_certificate"
AFTER_CERTIFICATE = "after_certificate"
AFTER_PROOF = "after_proof"

_SENTENCES = {
    IN_FUTURE: "lies in the future",
    BEFORE_CERTIFICATE: "lies before the certificate's validity",
    AFTER_CERTIFICATE: "lies after the certificate's validity",
    AFTER_PROOF: "is later than the time at which the signature is proven to have existed",
}


def find_claim_fault(report: SignatureReport, now: datetime) -> str:
    """Why the time that the signer claims cannot be true; empty: it may be, or none is claimed.

    It proves nothing either way, and EN 319 102-1 gives no verdict by it: what counts is the proven time.
    """
    claimed = report.claimed_at
    if claimed is None or report.valid_from is None or report.valid_to is None:
        return ""
    if claimed > now + _TOLERANCE:
        return IN_FUTURE
    if report.proven_at is not None and claimed > report.proven_at + _TOLERANCE:
        return AFTER_PROOF
    if claimed < report.valid_from - _TOLERANCE:
        return BEFORE_CERTIFICATE
    return AFTER_CERTIFICATE if claimed > report.valid_to + _TOLERANCE else ""


def tell_remarks(
    explanation: str, size: int, embedded: Sequence[EmbeddedPdfSignature], reports: Sequence[SignatureReport]
) -> str:
    """The explanation of a file of ``size`` bytes, with a sentence for each claim that cannot be true, and for what
    stands behind the last signature or time stamp."""
    told = [explanation]
    told += [f"The time that signature {number} claims {_SENTENCES[one.claim_fault]}; do not rely on it."
             for number, one in enumerate(reports, start=1) if one.claim_fault]
    end = max((signed_end(one) for one in embedded), default=size)
    if 0 < end < size:
        told.append(f"The last {size - end} bytes of the file are covered by no signature.")
    return " ".join(told)
