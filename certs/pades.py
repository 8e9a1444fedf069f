"""PAdES signatures (ETSI EN 319 142-1): the only place that builds pyHanko's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from certs.tsa import TimeStampService
from certs.vault import PrivateKey


class Level(StrEnum):
    """Signature levels of ETSI EN 319 142-1."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


@dataclass(frozen=True)
class SignatureBox:
    """Where the widget lies: page counted from 0, corners in points from the page's lower left."""

    page: int
    llx: float
    lly: float
    urx: float
    ury: float


@dataclass(frozen=True)
class SignRequest:
    """What a signature states and where its widget lies; ``box`` None is an invisible field.

    ``signed_at`` (UTC, aware) is the claimed time, and the time at which the time stamp is asked for.
    ``certify`` makes it a certifying signature that allows no changes (DocMDP P=1); only the first may be.
    """

    signed_at: datetime
    signer_name: str
    field_name: str = "Signature1"
    reason: str = ""
    location: str = ""
    contact: str = ""
    box: SignatureBox | None = None
    certify: bool = True
    level: Level = Level.B_T


@dataclass(frozen=True)
class SignedDocument:
    """A signed PDF, its SHA-256 (lower-case hexadecimal), the level reached and the field's name."""

    pdf: bytes
    sha256: str
    level: Level
    field_name: str


class LocalSigner:
    """Signs hashes with a key held in memory, which is never parsed again; make one for a batch.

    :raises KeyMismatch: the key is not the certificate's
    """

    def __init__(self, certificate: x509.Certificate, key: PrivateKey, chain: Sequence[x509.Certificate]) -> None:
        raise NotImplementedError


def sign_pdf(pdf: bytes, request: SignRequest, signer: LocalSigner, tsa: TimeStampService | None) -> SignedDocument:
    """Sign a PDF as ``/ETSI.CAdES.detached`` in an incremental update: ``pdf`` is a prefix of the result.

    The widget's appearance is empty, since the visible block is part of the page (and so PDF/A stays PDF/A).

    :raises LevelUnsupported: :raises TimestampUnavailable: the level cannot be reached
    :raises DocumentUnsignable: broken, encrypted, certified against changes, or the box is not on a page
    :raises FieldNameTaken: :raises AlreadySigned: the document's fields do not allow it
    :raises SigningError: anything else that failed; never with key material in its text
    """
    raise NotImplementedError
