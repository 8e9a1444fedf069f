"""What the simulated e-Sign Client Service does: who may sign, with which keys, and what it keeps to hand out."""

from __future__ import annotations

import hmac
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from certs.ca import DevelopmentPki, build_crl
from certs.errors import DocumentUnsignable
from certs.legacy_cms import LegacyRequest, sign_pkcs7
from certs.pades import SignatureBox
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import Report, validate_pdf
from svc.simulators.bsre_codes import ACTIVATION_LIFE, CODE_LIFE, CodeOver, Codes, CodeWrong
from svc.simulators.bsre_people import SEAL_ID, SimulatedUser, issue_key

SOFTWARE = "Simulasi eSC"
_FAILED = "Proses signing gagal : "
# Numbers that a planned fault may answer, with what is told. 2021 and 2041 are unconfirmed: seen named, 2021 for a
# certificate that is over, 2041 without a meaning.
NUMBERED = {2011: "User tidak terdaftar", 2021: "Sertifikat user sudah kedaluwarsa", 2031: "Passphrase anda salah",
            2041: "Permintaan ditolak"}


class Refusal(Exception):
    """An error answer: HTTP status and JSON body."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        self.status = status
        self.body = body
        super().__init__(str(body.get("error", "")))


def numbered_refusal(number: int) -> Refusal:
    """A refusal to sign with its number at the end of the text. :raises KeyError: not one of ``NUMBERED``"""
    return Refusal(400, {"error": f"{_FAILED}{NUMBERED[number]} {number}", "status_code": 400})


@dataclass(frozen=True)
class Signing:
    """How one document is to be signed."""

    reason: str = ""
    location: str = ""
    contact: str = ""
    box: SignatureBox | None = None
    image: bytes = b""


def _keep_quiet(text: str) -> None:
    """Nobody is told."""


class BsreDesk:
    """State and rules, for all threads.

    ``number_in_text``: the error number of a wrong passphrase stands at the end of the text, not in
    ``status_code``. ``lock_after`` wrong passphrases in a row suspend a user (0: never). ``keeps_results``: v1 hands
    out a result once more; otherwise what was not delivered is lost. ``announce`` gets what would be mailed.
    """

    def __init__(self, pki: DevelopmentPki, users: Iterable[SimulatedUser], seal: SimulatedUser,
                 clock: Callable[[], datetime], announce: Callable[[str], None] = _keep_quiet) -> None:
        self.pki = pki
        self.users = list(users)
        self.seal = seal
        self.clock = clock
        self.announce = announce
        self.codes = Codes(clock)
        self.number_in_text = False
        self.lock_after = 0
        self.keeps_results = True
        self.made: list[bytes] = []  # every signed PDF, delivered or not
        self._kept: dict[str, bytes] = {}
        self._handed_out: set[str] = set()
        self._tsa = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
        self._lock = threading.Lock()

    # --- users -------------------------------------------------------------------------------------------
    def find(self, nik: str = "", email: str = "") -> SimulatedUser | None:
        return next((one for one in self.users if (nik and one.nik == nik) or (email and one.email == email)), None)

    def register(self, name: str, email: str) -> SimulatedUser:
        """A new user without certificate. :raises Refusal: known already"""
        if self.find(email=email):
            raise Refusal(400, {"error": "Email telah terdaftar", "status_code": 400})
        user = SimulatedUser("", email, name, "", "NEW")
        self.users.append(user)
        return user

    def activate(self, user: SimulatedUser) -> None:
        """Give a user a certificate, as the verifier would."""
        user.key, user.status = issue_key(self.pki, user.name, self.clock()), "ISSUE"

    # --- signing -----------------------------------------------------------------------------------------
    def authorise(self, user: SimulatedUser | None, passphrase: str, totp: str, count: int) -> SimulatedUser:
        """:raises Refusal: unknown, no certificate in force, wrong passphrase or code"""
        if user is None:
            raise numbered_refusal(2011)
        if user.status == "EXPIRED":
            raise numbered_refusal(2021)
        if user.status != "ISSUE" or user.key is None:
            raise Refusal(400, {"error": f"{_FAILED}Sertifikat user tidak aktif, status {user.status}",
                                "status_code": 400})
        if totp:
            self._use_code(f"sign:{user.email}", totp, count)
        else:
            self._check_passphrase(user, passphrase)
        return user

    def request_code(self, user: SimulatedUser | None, count: int) -> None:
        """Mail a code for so many files. :raises Refusal: unknown, or no certificate in force"""
        if user is None:
            raise Refusal(400, {"error": "User tidak terdaftar 2011", "status_code": 400})
        if user.status != "ISSUE":
            raise Refusal(400, {"error": f"Sertifikat user tidak aktif, status {user.status}", "status_code": 400})
        code, _ = self.codes.issue(f"sign:{user.email}", CODE_LIFE, count)
        self.announce(f"mail to {user.email}: TOTP {code} for {count} file(s)")

    def sign(self, user: SimulatedUser, pdfs: Sequence[bytes], signings: Sequence[Signing]) -> list[bytes]:
        """All or none. :raises Refusal: one of them is no PDF that can be signed"""
        if user.key is None:
            raise Refusal(400, {"error": f"{_FAILED}Sertifikat user tidak aktif", "status_code": 400})
        signed = []
        for pdf, how in zip(pdfs, signings, strict=True):
            request = LegacyRequest(self.clock(), SOFTWARE, how.reason, how.location, how.contact, how.box, how.image)
            try:
                signed.append(sign_pkcs7(pdf, request, user.key, self._tsa))
            except DocumentUnsignable as error:
                raise Refusal(400, {"status_code": 400, "error": (
                    f"{_FAILED}com.itextpdf.text.exceptions.InvalidPdfException: {str(error)[:120]}")}) from error
        with self._lock:
            self.made += signed
        return signed

    def keep(self, pdf: bytes) -> str:
        """The id under which a signed PDF is handed out once."""
        document_id = uuid.uuid4().hex
        if self.keeps_results:
            with self._lock:
                self._kept[document_id] = pdf
        return document_id

    def hand_out(self, document_id: str) -> bytes:
        """:raises Refusal: handed out before, or never known"""
        with self._lock:
            pdf = self._kept.pop(document_id, None)
            if pdf is not None:
                self._handed_out.add(document_id)
                return pdf
            known = document_id in self._handed_out
        text = "Dokumen telah didownload sebelumnya" if known else "Dokumen tidak ditemukan"
        raise Refusal(404, {"error": text, "status_code": 404})

    # --- seals -------------------------------------------------------------------------------------------
    def seal_activation(self, subscriber: str, totp: str) -> tuple[str, datetime] | None:
        """None when an activation code was mailed; the code that is still good otherwise. :raises Refusal:"""
        self._ensure_seal(subscriber)
        if totp:
            return totp, self._use_code(f"activation:{subscriber}", totp)
        code, _ = self.codes.issue(f"activation:{subscriber}", ACTIVATION_LIFE, 0)
        self.announce(f"mail to {self.seal.email}: activation TOTP {code} of the seal {subscriber}")
        return None

    def seal_revoke(self, subscriber: str, totp: str) -> None:
        """:raises Refusal: unknown seal, wrong code"""
        self._ensure_seal(subscriber)
        self._use_code(f"activation:{subscriber}", totp)
        self.codes.revoke(f"activation:{subscriber}")
        self.codes.revoke(f"seal:{subscriber}")

    def seal_code(self, subscriber: str, activation: str, count: int) -> tuple[str, datetime]:
        """A code to seal so many files. :raises CodeWrong: :raises CodeOver: the activation. :raises Refusal:"""
        self._ensure_seal(subscriber)
        self.codes.use(f"activation:{subscriber}", activation)
        return self.codes.issue(f"seal:{subscriber}", CODE_LIFE, count)

    def authorise_seal(self, subscriber: str, totp: str, count: int) -> SimulatedUser:
        """:raises Refusal: unknown seal, wrong code"""
        self._ensure_seal(subscriber)
        self._use_code(f"seal:{subscriber}", totp, count)
        return self.seal

    # --- verification ------------------------------------------------------------------------------------
    def trust(self) -> TrustStore:
        """Trust in the simulated authority, with its list of today (empty)."""
        now = self.clock()
        return self.pki.trust_store([build_crl(self.pki.issuing, (), now, now + timedelta(days=1))])

    def judge(self, pdf: bytes) -> Report:
        return validate_pdf(pdf, self.trust(), self.clock() + timedelta(seconds=1))

    # --- below ---------------------------------------------------------------------------------------------
    def _ensure_seal(self, subscriber: str) -> None:
        if subscriber != SEAL_ID:
            raise Refusal(400, {"error": "Subscriber tidak terdaftar 2011", "status_code": 400})

    def _use_code(self, holder: str, code: str, uses: int = 0) -> datetime:
        try:
            return self.codes.use(holder, code, uses)
        except CodeOver as error:
            raise Refusal(400, {"error": f"{_FAILED}TOTP sudah kedaluwarsa", "status_code": 400}) from error
        except CodeWrong as error:
            raise Refusal(400, {"error": f"{_FAILED}TOTP salah", "status_code": 400}) from error

    def _check_passphrase(self, user: SimulatedUser, passphrase: str) -> None:
        with self._lock:
            if hmac.compare_digest(user.passphrase.encode(), passphrase.encode()):
                user.wrong_tries = 0
                return
            user.wrong_tries += 1
            if self.lock_after and user.wrong_tries >= self.lock_after:
                user.status = "SUSPEND"
        if self.number_in_text:
            raise numbered_refusal(2031)
        raise Refusal(400, {"error": "Passphrase anda salah", "status_code": 2031})
