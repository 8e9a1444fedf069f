"""Visible pictures that later signatures bring: believed only from a signature that is valid itself, and told in words.

A picture may lie over signed text (``certs.anatomy.pictures`` says what it may be at all), so an earlier signature is
no better than the later one that vouches for what is to be seen there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from certs import verdicts
from certs.anatomy.pictures import pictured
from certs.verdicts import SIG_CONSTRAINTS_FAILURE, Indication

if TYPE_CHECKING:  # validation needs this module
    from certs.validation import SignatureReport


def judge_pictures(
    pdf: bytes, signatures: Sequence[EmbeddedPdfSignature], reports: tuple[SignatureReport, ...]
) -> tuple[SignatureReport, ...]:
    """The reports, with the pages where later pictures are; what stands under an unproven one passes no more."""
    if len(reports) < 2:
        return reports
    pages = pictured(pdf)
    first = min(one.covered_bytes for one in reports)
    told = [replace(one, pictures_on=pages.get(_number(signature), ())) if one.covered_bytes > first else one
            for signature, one in zip(signatures, reports, strict=True)]
    return tuple(_beneath(one, told) for one in told)


def _number(signature: EmbeddedPdfSignature) -> tuple[int, int]:
    value = signature.sig_field.raw_get("/V")
    return (value.idnum, value.generation) if isinstance(value, IndirectObject) else (0, 0)


def _beneath(report: SignatureReport, all_of_them: Sequence[SignatureReport]) -> SignatureReport:
    """A passed report, unless a later signature that did not pass shows a picture."""
    if report.indication is not Indication.TOTAL_PASSED:
        return report
    for number, later in enumerate(all_of_them, start=1):
        is_later = later.covered_bytes > report.covered_bytes
        if is_later and later.pictures_on and later.indication is not Indication.TOTAL_PASSED:
            # Waiting for revocation data is no other thing here than it is there.
            waits = later.indication is Indication.INDETERMINATE and later.sub_indication
            verdict = verdicts.indeterminate(
                waits or SIG_CONSTRAINTS_FAILURE, f"{_sentence(number, later)} That signature is not proven.")
            return replace(report, indication=verdict.indication, sub_indication=verdict.sub_indication,
                           message=verdict.message)
    return report


def tell_pictures(explanation: str, reports: Sequence[SignatureReport]) -> str:
    """The explanation, and a sentence for each picture that is not in it yet."""
    sentences = [_sentence(number, one) for number, one in enumerate(reports, start=1) if one.pictures_on]
    return " ".join([explanation, *(one for one in sentences if one not in explanation)])


def _sentence(number: int, report: SignatureReport) -> str:
    return f"Signature {number} adds a visible picture on page {', '.join(map(str, report.pictures_on))}."
