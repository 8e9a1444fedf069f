"""What is said to and heard from BSrE's e-Sign Client Service, in types of our own.

After its "Petunjuk Teknis Penggunaan API Esign Client Service" 2.0 (January 2024) and what public clients see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

READY = "ISSUE"
REGISTERED_CODE = 1111  # v1's number for ISSUE
STATUSES = ("ISSUE", "EXPIRED", "RENEW", "WAITING_FOR_VERIFICATION", "NEW", "NO_CERTIFICATE", "NOT_REGISTERED",
            "SUSPEND", "REVOKE")
MAX_FILES, MAX_BYTES = 25, 20 * 1024 * 1024  # of one call with several files


@dataclass(frozen=True)
class BsreConfig:
    """Where the service is and as which application we call. Deadlines in seconds.

    ``corner_sizes``: in v1 ``width`` and ``height`` are the box's upper right corner, as the manual's figure has it.
    ``halaman``: v1 is told the first or last page by that word, in place of ``page`` and a number.
    ``totp_name``: in v2 the manual's table says ``totp``, its examples ``otp``. ``max_files``: of one call in v2.
    """

    base_url: str
    username: str
    password: str = field(repr=False)
    sign_deadline: float = 120.0
    deadline: float = 30.0
    corner_sizes: bool = True
    halaman: Literal["", "first", "last"] = ""
    totp_name: Literal["totp", "otp"] = "totp"
    max_files: int = MAX_FILES

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))


@dataclass(frozen=True)
class BsreSubject:
    """Whom the service knows: by NIK (16 digits) or, in v2, by e-mail address. :raises ValueError: neither or both"""

    nik: str = field(default="", repr=False)
    email: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if bool(self.nik) == bool(self.email):
            raise ValueError("either a NIK or an e-mail address")
        if self.nik and not (len(self.nik) == 16 and self.nik.isascii() and self.nik.isdigit()):
            raise ValueError("a NIK has 16 digits")


@dataclass(frozen=True)
class BsreActivation:
    """What the signer typed for this one act: passphrase or, in v2, the code from his mail. Never printed.

    :raises ValueError: neither or both
    """

    passphrase: str = field(default="", repr=False)
    totp: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if bool(self.passphrase) == bool(self.totp):
            raise ValueError("either a passphrase or a code")


@dataclass(frozen=True)
class BsreImage:
    """A visible signature: this picture (PNG or JPEG)."""

    data: bytes = field(repr=False)
    media_type: Literal["image/png", "image/jpeg"] = "image/png"


@dataclass(frozen=True)
class BsreQr:
    """A visible signature: a QR code with this link. In v1 the service draws it; in v2 it cannot."""

    link: str


@dataclass(frozen=True)
class BsreBox:
    """Where a visible signature lies: page counted from 1, points from the page's lower left."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class BsreTag:
    """A visible signature at a mark in the text (``#``; the service says one character, clients use longer ones)."""

    mark: str
    width: float
    height: float


@dataclass(frozen=True)
class BsreProperties:
    """How one signature looks and what it states; without ``shows`` it is invisible.

    :raises ValueError: visible without a place
    """

    shows: BsreImage | BsreQr | None = None
    place: BsreBox | BsreTag | None = None
    reason: str = ""
    location: str = ""
    contact: str = ""  # v2
    text: str = ""  # v1
    pdf_password: str = field(default="", repr=False)  # v2

    def __post_init__(self) -> None:
        if self.shows is not None and self.place is None:
            raise ValueError("a visible signature needs a place")


@dataclass(frozen=True)
class BsreUserStatus:
    """``status`` is one of ``STATUSES`` or whatever else the service says; ``code`` is v1's number, else 0."""

    status: str
    code: int = 0
    message: str = ""

    @property
    def can_sign(self) -> bool:
        return self.status == READY


@dataclass(frozen=True)
class BsreProfile:
    """What the undocumented profile call tells, as name and text, in the service's order."""

    entries: tuple[tuple[str, str], ...] = field(repr=False)

    def get(self, name: str) -> str:
        return dict(self.entries).get(name, "")


@dataclass(frozen=True)
class BsreCode:
    """A code for a seal (activation, or for sealing), and until when, in the service's own words."""

    totp: str = field(repr=False)
    expires: str
    message: str


@dataclass(frozen=True)
class V1Signed:
    """A signed PDF and the id under which v1 hands it out once more; empty if it told none."""

    pdf: bytes = field(repr=False)
    document_id: str


@dataclass(frozen=True)
class V1Signature:
    """One signature in v1's verification; dates and names in the service's words."""

    field_name: str
    signer_name: str
    signer_dn: str
    issuer_dn: str
    signer_validity: str
    certified: bool
    tsa_name: str
    tsa_validity: str
    uses_tsa: bool
    reason: str
    location: str
    signed_in: str
    integrity: bool
    hash_value: str


@dataclass(frozen=True)
class V1Verification:
    """``summary`` seen: ``VALID``, ``DOCUMENT VALID !!!``, ``DOCUMENT NOT VALID !!!`` and none (empty here)."""

    document: str
    count: int
    notes: str
    summary: str
    signatures: tuple[V1Signature, ...]

    @property
    def is_valid(self) -> bool:
        return "VALID" in self.summary.upper() and "NOT VALID" not in self.summary.upper()


@dataclass(frozen=True)
class V2Certificate:
    """A certificate in v2's verification."""

    identifier: str
    common_name: str
    issuer: str
    serial: str
    not_before: str
    not_after: str
    algorithm: str
    usages: tuple[str, ...]


@dataclass(frozen=True)
class V2Timestamp:
    identifier: str
    signer: str
    at: str


@dataclass(frozen=True)
class V2Signature:
    """One signature in v2's verification; ``timestamp`` is None if it has none."""

    identifier: str
    format: str
    signer: str
    at: str
    field_name: str
    reason: str
    location: str
    level_code: str
    signature_algorithm: str
    digest_algorithm: str
    timestamp: V2Timestamp | None
    certificates: tuple[V2Certificate, ...]
    integrity: bool
    trusted: bool
    is_last: bool


@dataclass(frozen=True)
class V2Verification:
    """``conclusion`` seen: ``NO_SIGNATURE``, ``VALID``; EU DSS's indications are to be expected too."""

    conclusion: str
    description: str
    count: int
    signatures: tuple[V2Signature, ...]


JsonObject: TypeAlias = Mapping[str, object]


def text_of(data: JsonObject, name: str) -> str:
    """An entry as text; empty where it is missing, null, or no scalar."""
    value = data.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def number_of(data: JsonObject, name: str) -> int:
    """An entry as a whole number; 0 where it is none."""
    value = text_of(data, name).strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def object_of(data: JsonObject, name: str) -> JsonObject:
    """A nested object; empty where there is none."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def objects_of(data: JsonObject, name: str) -> tuple[JsonObject, ...]:
    """A list of objects; empty where there is none."""
    value = data.get(name)
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def flag_of(data: JsonObject, name: str) -> bool:
    """An entry as a truth value, given as such or as text."""
    return text_of(data, name).strip().lower() == "true"
