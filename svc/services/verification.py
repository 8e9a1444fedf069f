"""Verification for everybody: by the code in the QR, by upload, and for auditors by files.

A verdict is computed at the moment of asking, from the stored or uploaded bytes, the register and today's
revocation lists. Nothing is said to be genuine because a row says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.trust import TrustStore
from certs.validation import Indication, Report, SignatureReport, TimestampReport, identity_of
from svc.deps import Deps
from svc.errors import IntegrityViolation, InvalidInput, NotFound
from svc.models import (
    Credential,
    Decree,
    Signature,
    SigningAttempt,
)
from svc.services import verdict_words as words
from svc.services.examination import judge
from svc.services.files import read_file
from svc.services.finding_words import FindingWords, in_words
from svc.services.page_image import first_page
from svc.services.partly_signed import PartlySigned, find_partly_signed, judge_unfinished
from svc.services.register_lookup import Above, Found, find, look_up
from svc.services.register_proofs import proofs_for
from svc.services.revisions import revision_digests
from svc.services.signature_blocks import NamedSigner
from svc.services.trust import trust_store
from svc.services.verdict_words import Sentence

_SECRET = frozenset({"R", "SR"})
_EXTENDED = {words.Tone.GREEN: words.EXTENDED, words.Tone.BLUE: words.EXTENDED_CHANGED}
_ROOM_FOR_SIGNATURE = 1024 * 1024  # what was uploaded within the limit grew when it was signed


@dataclass(frozen=True)
class SignerLine:
    """Who signed, in which capacity, when; and the state of the certificate then and now.

    ``certificate_then`` and ``certificate_now`` are valid, expired, not_yet_valid, revoked or unknown.
    """

    name: str
    position_title: str
    signed_at: datetime
    level: str
    certificate_serial: str
    certificate_issuer: str
    certificate_then: str
    certificate_now: str
    revoked_at: datetime | None


@dataclass(frozen=True)
class PublicVerdict:
    """What the public page shows. Before the last signature nothing of the decree is told, only the sentence and, once
    there is one, in ``blocks`` whose signatures it has and lacks.

    ``subject`` is empty for secret decrees (R, SR). Of a stored file that was changed, nobody is named as its signer,
    and neither picture nor download is offered as the original. ``has_image`` and ``has_download`` say what may be
    fetched.
    """

    code: str
    sentence: Sentence
    checked_at: datetime
    is_told: bool = False
    blocks: tuple[NamedSigner, ...] = ()
    number: str = ""
    subject: str = ""
    is_secret: bool = False
    kind: str = ""
    unit_name: str = ""
    issued_on: date | None = None
    medium: str = "electronic"
    paper_signer: str = ""
    legal_status: str = "none"
    legal_note: str = ""
    superseded_by: str = ""
    sha256: str = ""
    size: int = 0
    signers: tuple[SignerLine, ...] = ()
    indication: str = ""
    sub_indication: str = ""
    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = ()
    findings: tuple[str, ...] = ()
    has_image: bool = False
    has_download: bool = False
    parent: Above | None = None  # what it is an excerpt or a copy of

    @property
    def oddities(self) -> tuple[FindingWords, ...]:
        """The findings in words."""
        return in_words(self.findings)


@dataclass(frozen=True)
class UploadVerdict:
    """About an uploaded file. ``registry`` is identical, extends, partial (not all have signed) or unknown;
    ``registered`` is the page of the decree that it is or contains; ``findings`` are of its structure."""

    sentence: Sentence
    registry: str
    sha256: str
    size: int
    indication: str
    sub_indication: str
    signatures: tuple[SignatureReport, ...]
    registered: PublicVerdict | None
    checked_at: datetime
    original_size: int = 0  # how many of its bytes, from the first, are the register's
    timestamps: tuple[TimestampReport, ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def oddities(self) -> tuple[FindingWords, ...]:
        """The findings in words."""
        return in_words(self.findings)


@dataclass(frozen=True)
class FileVerdict:
    """About one file on the command line; plain values only, so that it can be written as JSON."""

    file: str
    registry: str
    indication: str
    sub_indication: str | None
    legal_status: str | None
    number: str | None
    sha256: str
    signatures: tuple[SignatureReport, ...]
    explanation: str
    timestamps: tuple[TimestampReport, ...] = ()
    findings: tuple[str, ...] = ()
    original_size: int = 0  # how many of its bytes, from the first, are the register's; 0 where it has none of them
    original_url: str = ""  # where the register's file is told about


@dataclass(frozen=True)
class _Judged:
    """Bytes and what they are worth."""

    pdf: bytes
    report: Report


def by_code(deps: Deps, code: str) -> PublicVerdict:
    """Judge the decree behind a QR code. :raises NotFound: no such code. :raises StorageUnavailable: no answer"""
    with deps.db.read_session() as session:
        found = find(session, deps, code)
        signers = _signers(session, deps, found)
    return _judge_found(deps, found, signers)


def _judge_found(deps: Deps, found: Found, signers: tuple[SignerLine, ...], known: _Judged | None = None
                 ) -> PublicVerdict:
    """:param known: a verdict of this moment, which holds for the stored file if that has the same bytes"""
    if found.decree.medium == "paper":
        return _told(deps, found, words.grey(words.ON_PAPER), (), None)
    if found.file is None or found.decree.signed_sha256 is None:
        sentence, blocks = _unfinished(deps, found)
        return PublicVerdict(found.decree.verify_code, sentence, deps.clock.now(), blocks=blocks)
    try:
        pdf = read_file(deps, found.file.object_key, found.file.sha256)
    except IntegrityViolation:
        return _told(deps, found, words.grey(words.STORED_DIFFERS), signers, None)
    report = known.report if known is not None and known.pdf == pdf else judge(
        deps, pdf, proofs=proofs_for(deps, revision_digests(pdf)))
    return _told(deps, found, _sentence(report, found), signers, report)


def _unfinished(deps: Deps, found: Found) -> tuple[Sentence, tuple[NamedSigner, ...]]:
    with deps.db.read_session() as session:
        decree = session.get_one(Decree, found.decree.id)
    return judge_unfinished(deps, decree)


def of_upload(deps: Deps, pdf: bytes, anchors: Iterable[x509.Certificate] = ()) -> UploadVerdict:
    """Judge an uploaded file; nothing of it is kept. ``anchors`` are as for :func:`verify_files`.

    :raises InvalidInput: empty or too large
    """
    if not pdf:
        raise InvalidInput(fields={"file": "Berkas ini kosong (0 byte). Unduh atau mintalah sekali lagi."})
    if len(pdf) > deps.settings.max_upload_bytes + _ROOM_FOR_SIGNATURE:
        raise InvalidInput(
            params={"mb": deps.settings.max_upload_mb}, fields={"file": "Berkas ini melebihi %(mb)s MB."})
    digests, more = tuple(revision_digests(pdf)), tuple(anchors)
    registry, found, original_size = look_up(deps, digests)
    sha256 = digests[-1]
    partly = find_partly_signed(deps, sha256) if found is None else None
    report = judge(deps, pdf, _trust(deps, more), proofs_for(deps, digests))
    # What was judged by the service's own trust alone need not be judged again as the register's copy.
    known = None if more else _Judged(pdf, report)
    registered = _judge_found(deps, found, _signers_of(deps, found), known) if found else None
    return UploadVerdict(
        sentence=_of_unknown(deps, report, partly) if found is None else
        _upload_sentence(registry, report, found, registered),
        registry="partial" if partly else registry, sha256=sha256, size=len(pdf), indication=report.indication.value,
        sub_indication=report.sub_indication or "", signatures=report.signatures, registered=registered,
        checked_at=deps.clock.now(), original_size=original_size, timestamps=report.timestamps,
        findings=_codes(report))


def verify_files(deps: Deps, paths: Iterable[Path], anchors: Iterable[x509.Certificate] = ()
                 ) -> tuple[FileVerdict, ...]:
    """Judge files for auditors. What cannot be read is INDETERMINATE/FORMAT_FAILURE, never an exception.

    :param anchors: trusted besides what the service trusts, for signers and time stamps, in this call only
    """
    trust = _trust(deps, tuple(anchors))
    return tuple(_verify_file(deps, Path(path), trust) for path in paths)


def signed_file(deps: Deps, code: str) -> tuple[bytes, str]:
    """The signed PDF and a name for it; only of ordinary (B) electronic decrees.

    :raises NotFound: not to be had. :raises StorageUnavailable: :raises IntegrityViolation: not readable
    """
    found = _public_file(deps, code, {"signed"})
    return _read(deps, found), f"{(found.decree.number or code).replace('/', '-')}.pdf"


def first_page_image(deps: Deps, code: str) -> bytes:
    """The first page of the signed file as its last signature covers it (or of the scan) as PNG; only of ordinary (B)
    decrees.

    :raises NotFound: not to be had. :raises StorageUnavailable: :raises IntegrityViolation: not readable
    """
    found = _public_file(deps, code, {"signed", "scan"})
    return first_page(deps, _read(deps, found), is_signed=found.file is not None and found.file.purpose == "signed")


# ---- finding


def _public_file(deps: Deps, code: str, purposes: set[str]) -> Found:
    with deps.db.read_session() as session:
        found = find(session, deps, code)
    if found.file is None or found.file.purpose not in purposes or found.decree.security != "B":
        raise NotFound
    return found


def _read(deps: Deps, found: Found) -> bytes:
    if found.file is None:
        raise NotFound
    return read_file(deps, found.file.object_key, found.file.sha256)


# ---- judging


def _sentence(report: Report, found: Found) -> Sentence:
    if not report.passed:
        return words.of_failure(report)
    above = found.above
    if above is not None and found.legal_status == "in_force" and above.legal_status in {"revoked", "amended"}:
        return words.of_parent_status(above.legal_status, above.superseded_by or None)
    return words.of_legal_status(found.legal_status, found.superseded_by or None)


def _upload_sentence(registry: str, report: Report, found: Found, registered: PublicVerdict | None) -> Sentence:
    if found.decree.medium == "paper":
        return words.grey(words.ON_PAPER)
    if registry == "extends" and registered is not None:
        # "Asli" is only said of an original that still verifies.
        if registered.sentence.tone in _EXTENDED:
            return _EXTENDED[registered.sentence.tone]
        return words.EXTENDED_NOT_ISSUED if registered.sentence.text == words.NOT_ISSUED else registered.sentence
    return _sentence(report, found)


def _of_unknown(deps: Deps, report: Report, partly: PartlySigned | None) -> Sentence:
    """A file that is no registered one: at best valid, never genuine."""
    if not report.passed:
        return words.of_failure(report)
    if partly is not None:
        return words.of_partly_signed(partly.signed, partly.total, is_complete=partly.is_complete)
    if not report.explained:
        return words.grey(words.TAIL_UNSIGNED, words.VALID_ELSEWHERE)
    ours = {identity_of(one) for one in deps.pki.audit_certificates}
    if {(signature.issuer, signature.serial) for signature in report.signatures} <= ours:
        return words.grey(words.OWN_REPORT)
    return words.grey(words.NOT_REGISTERED, words.VALID_ELSEWHERE)


def _trust(deps: Deps, anchors: Iterable[x509.Certificate]) -> TrustStore:
    own, more = trust_store(deps), tuple(anchors)
    return replace(own, anchors=(*own.anchors, *more), tsa_anchors=(*own.tsa_anchors, *more) if own.tsa_anchors else ())


def _codes(report: Report | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.code for one in report.findings)) if report else ()


def _told(deps: Deps, found: Found, sentence: Sentence, signers: tuple[SignerLine, ...],
          report: Report | None) -> PublicVerdict:
    decree, file = found.decree, found.file
    is_secret = decree.security in _SECRET
    is_whole = decree.medium == "paper" or (
        report is not None and report.indication is not Indication.TOTAL_FAILED)
    is_open = decree.security == "B" and file is not None and is_whole
    return PublicVerdict(
        code=decree.verify_code, sentence=sentence, checked_at=deps.clock.now(), is_told=True,
        number=decree.number or "", subject="" if is_secret else decree.subject, is_secret=is_secret,
        kind=decree.kind, unit_name=found.unit_name, issued_on=decree.issued_on, medium=decree.medium,
        paper_signer=found.paper_signer, legal_status=found.legal_status,
        legal_note="" if is_secret else decree.legal_note or "", superseded_by=found.superseded_by,
        sha256=file.sha256 if file else "", size=file.size if file else 0,
        signers=tuple(_as_found(one, report) for one in signers) if report is not None and is_whole else (),
        indication=report.indication.value if report else "",
        sub_indication=(report.sub_indication or "") if report else "",
        signatures=report.signatures if report else (), timestamps=report.timestamps if report else (),
        findings=_codes(report), has_image=is_open, parent=found.above,
        has_download=is_open and decree.medium == "electronic")


def _signers_of(deps: Deps, found: Found) -> tuple[SignerLine, ...]:
    with deps.db.read_session() as session:
        return _signers(session, deps, found)


def _signers(session: Session, deps: Deps, found: Found) -> tuple[SignerLine, ...]:
    now = deps.clock.now()
    rows = session.execute(
        select(Signature, Credential).join(SigningAttempt, SigningAttempt.id == Signature.attempt_id)
        .join(Credential, Credential.id == SigningAttempt.credential_id)
        .where(Signature.decree_id == found.decree.id).order_by(Signature.id))
    return tuple(
        SignerLine(
            signature.signer_name, signature.position_title, signature.signed_at, signature.level,
            signature.certificate_serial, credential.issuer, _certificate_state(credential, signature.signed_at),
            _certificate_state(credential, now), credential.revoked_at)
        for signature, credential in rows)


def _as_found(line: SignerLine, report: Report) -> SignerLine:
    """The line with what validation found of the certificate: other authorities revoke it without a row of ours."""
    found = [one for one in report.signatures if one.serial == line.certificate_serial]
    if len(found) != 1:
        return replace(line, certificate_then="unknown", certificate_now="unknown")
    one = found[0]
    was_revoked = one.revoked_at is not None and one.revoked_at <= line.signed_at
    then = "revoked" if was_revoked else one.certificate_then if one.proven_by else line.certificate_then
    return replace(line, certificate_then=then, certificate_now=one.certificate_now,
                   revoked_at=one.revoked_at or line.revoked_at)


def _certificate_state(credential: Credential, at: datetime) -> str:
    if credential.revoked_at is not None and credential.revoked_at <= at:
        return "revoked"
    if credential.valid_from is None or credential.valid_to is None:
        return "unknown"
    if at < credential.valid_from:
        return "not_yet_valid"
    return "expired" if at > credential.valid_to else "valid"


def _verify_file(deps: Deps, path: Path, trust: TrustStore) -> FileVerdict:
    try:
        pdf = path.read_bytes()
    except OSError as error:
        return FileVerdict(str(path), "unknown", Indication.INDETERMINATE.value, "FORMAT_FAILURE", None, None, "", (),
                           f"The file cannot be opened: {error.strerror}.")
    digests = tuple(revision_digests(pdf))
    registry, found, original_size = look_up(deps, digests)
    report = judge(deps, pdf, trust, proofs_for(deps, digests))
    return FileVerdict(
        file=str(path), registry=registry, indication=report.indication.value, sub_indication=report.sub_indication,
        legal_status=found.legal_status if found else None, number=found.decree.number if found else None,
        sha256=digests[-1], signatures=report.signatures, explanation=report.explanation,
        timestamps=report.timestamps, findings=tuple(one.code for one in report.findings),
        original_size=original_size,
        original_url=f"{deps.settings.base_url}/v/{found.decree.verify_code}" if found else "")
