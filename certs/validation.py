"""What a PDF's signatures are worth, in the words of ETSI EN 319 102-1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from certs.trust import TrustStore


class Indication(StrEnum):
    """Main status indications of ETSI EN 319 102-1, 5.1.3."""

    TOTAL_PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL-FAILED"


NO_SIGNATURE = "NO_SIGNATURE"
"""Own sub-indication: the file is a readable PDF without a signature."""


@dataclass(frozen=True)
class SignatureReport:
    """One signature: what it claims, what was proven, and the verdict.

    ``claimed_at`` is the signer's word, ``timestamp_at`` the trusted time stamp's (UTC; None if there is none
    or it proves nothing). ``serial`` is lower-case hexadecimal. ``level`` is as found in the file ("B-B",
    "B-T", "B-LT", "B-LTA", or "" where it is no PAdES). ``message`` is a sentence in English for logs and
    command line; screens word the sub-indication themselves.
    """

    field_name: str
    indication: Indication
    sub_indication: str | None
    signer_name: str
    signer_dn: str
    serial: str
    issuer: str
    claimed_at: datetime | None
    timestamp_at: datetime | None
    level: str
    covers_whole_file: bool
    certifies: bool
    digest_algorithm: str
    message: str


@dataclass(frozen=True)
class Report:
    """The verdict over a file: its worst signature's, and never better than INDETERMINATE without one."""

    indication: Indication
    sub_indication: str | None
    signatures: tuple[SignatureReport, ...]
    explanation: str

    @property
    def passed(self) -> bool:
        """True only if every signature is TOTAL-PASSED and there is one."""
        return self.indication is Indication.TOTAL_PASSED


def validate_pdf(pdf: bytes, trust: TrustStore, now: datetime) -> Report:
    """Validate every signature of a file; whatever the bytes are, a report comes back and nothing is raised.

    TOTAL-PASSED needs a chain to an anchor, revocation data, and a file that ends with what was signed.
    What no parser reads (garbage, truncated, encrypted, larger than ``MAX_BYTES``) is
    INDETERMINATE/FORMAT_FAILURE.
    """
    raise NotImplementedError


def is_extension(original: bytes, signed: bytes) -> bool:
    """Whether ``signed`` is the original followed by at least one more byte (an incremental update)."""
    return len(signed) > len(original) and signed.startswith(original)
