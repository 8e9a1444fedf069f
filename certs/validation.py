"""What a PDF's signatures are worth, in the words of ETSI EN 319 102-1."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from io import BytesIO

from cryptography import x509
from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from certs import _strict, _swift, verdicts
from certs._aio import compute
from certs._asn1 import to_asn1
from certs._reader import ForgivingReader
from certs.container import names_its_certificate
from certs.coverage import covers_whole_file, signed_end, update_is_legitimate
from certs.knowledge import ensure_readable, gather_knowledge, read_store, state_of
from certs.longterm import Archive, Outcome, Proof, Stamp, judge_archive, judge_signature
from certs.moments import tellable, tellable_if_known
from certs.names import friendly_name, shown
from certs.pictured import judge_pictures, tell_pictures
from certs.remarks import find_claim_fault, tell_remarks
from certs.structure import TOO_MUCH, Finding, StructureFindings, compare_revisions, examine, precheck
from certs.trust import TrustStore
from certs.unreadable import ENCRYPTED, EXPLANATIONS, tell_broken, tell_other, tell_refused, tell_truncated
from certs.verdicts import NO_SIGNATURE, Indication, Verdict

__all__ = [
    "MAX_BYTES",
    "NO_SIGNATURE",
    "Indication",
    "Proof",
    "Report",
    "SignatureReport",
    "TimestampReport",
    "is_extension",
    "validate_pdf",
]

MAX_BYTES = 32 * 1024 * 1024
MAX_SIGNATURES = 50
_LONGEST_NAME = 200

UNSIGNED_UPDATE = "unsigned_update"
_UNCOVERED = "The signed part is intact, but the file has bytes or changes that the signature does not cover"

_swift.install()
_strict.install()
logger = logging.getLogger(__name__)


def identity_of(certificate: x509.Certificate) -> tuple[str, str]:
    """A certificate's issuer and serial number, as :class:`SignatureReport` tells them: a number alone names nobody."""
    return friendly_name(to_asn1(certificate).issuer), f"{certificate.serial_number:x}"


@dataclass(frozen=True)
class SignatureReport:
    """One signature: what it claims, what was proven, and the verdict.

    ``claimed_at`` is the signer's word, ``timestamp_at`` the trusted time stamp's (UTC; None if there is none
    or it proves nothing). ``serial`` is lower-case hexadecimal. ``level`` is as found in the file ("B-B",
    "B-T", "B-LT", "B-LTA", or "" where it is no PAdES). ``message`` is a sentence in English for logs and
    command line; screens word the sub-indication themselves.

    ``proven_at`` is the earliest moment at which the signature is proven to have existed (None: only now), by
    its own ``timestamp``, an ``archive`` time stamp or a ``register`` (``proven_by``). The certificate's state
    at that moment and now is valid, revoked, expired, not_yet_valid or unknown (no revocation data).
    A signature that is TOTAL-FAILED proves nothing: it has no time, no level, and of its certificate is told only what
    speaks against it.
    ``covered_bytes`` is where the signed part of the file ends. ``pictures_on`` are the pages, counted from 1, on
    which it shows a picture that an earlier signature does not cover. ``claim_fault`` is why ``claimed_at``
    cannot be true (in_future, before_certificate, after_certificate, after_proof); empty: it may be.
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
    proven_at: datetime | None = None
    proven_by: str = ""
    certificate_then: str = "unknown"
    certificate_now: str = "unknown"
    revoked_at: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    covered_bytes: int = 0
    pictures_on: tuple[int, ...] = ()
    claim_fault: str = ""

    @property
    def certificate_when_proven(self) -> str:
        """``certificate_then`` as it may be told: that it is valid now says nothing of a time that nothing proves."""
        return "unknown" if self.certificate_then == "valid" and not self.proven_by else self.certificate_then


@dataclass(frozen=True)
class TimestampReport:
    """A document time stamp: what it says, whether it is believed, and until when its certificate lasts."""

    field_name: str
    at: datetime
    authority: str
    indication: Indication
    sub_indication: str | None
    covers_whole_file: bool
    valid_to: datetime


@dataclass(frozen=True)
class Report:
    """The verdict over a file: its worst signature's or document time stamp's, and never better than INDETERMINATE
    without a signature.

    ``findings`` are what the file's structure leaves unexplained (``certs.structure``).
    """

    indication: Indication
    sub_indication: str | None
    signatures: tuple[SignatureReport, ...]
    explanation: str
    timestamps: tuple[TimestampReport, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """True only if every signature and document time stamp is TOTAL-PASSED and there is a signature."""
        return self.indication is Indication.TOTAL_PASSED

    @property
    def explained(self) -> bool:
        """Every byte is accounted for, and the last signature or document time stamp covers the whole file."""
        return not self.findings


def validate_pdf(pdf: bytes, trust: TrustStore, now: datetime, proofs: Iterable[Proof] = ()) -> Report:
    """Validate every signature and document time stamp of a file; whatever the bytes are, a report comes back and
    nothing is raised.

    TOTAL-PASSED needs a chain to an anchor, current revocation data for every certificate below it, and a file
    whose last byte is signed (or followed by further signatures alone, which are judged too). What no parser
    reads (garbage, truncated, encrypted, larger than ``MAX_BYTES``) is INDETERMINATE/FORMAT_FAILURE, with a finding of
    :mod:`certs.unreadable` where the cause can be told. Nothing is fetched from the network: what is not in the file
    or in ``trust`` is missing.

    :param now: the moment of validation; moved ahead it tells what will be provable then
    :param proofs: what a register that the caller trusts says to have seen, and when

    :raises ValueError: ``now`` is naive, or a list in ``trust`` is not DER (a fault of ours, not of the file)
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    ensure_readable(trust)
    if len(pdf) > MAX_BYTES:
        return _unreadable(f"The file is larger than {MAX_BYTES // (1024 * 1024)} MiB.")
    other = tell_other(pdf)
    if other is not None:
        return _unreadable_as(other)
    refused = precheck(pdf)
    if refused:
        return _unreadable(tell_refused(one.code for one in refused), refused)
    try:
        report = _validate(pdf, trust, now, tuple(proofs))
    # The one place where everything is caught: parsers meet hostile bytes here, fail in ways that nobody can
    # list, and a file that breaks them must get a verdict, not an error page.
    except Exception as error:  # noqa: BLE001
        logger.info("validation: unreadable file (%s)", type(error).__name__)
        report = _unreadable(tell_broken(error))
    cut = None if report.signatures else tell_truncated(pdf)
    return report if cut is None else _unreadable_as(cut)


def is_extension(original: bytes, signed: bytes) -> bool:
    """Whether ``signed`` is the original followed by at least one more byte (an incremental update)."""
    return len(signed) > len(original) and signed.startswith(original)


def _unreadable(explanation: str, findings: tuple[Finding, ...] = ()) -> Report:
    return Report(Indication.INDETERMINATE, verdicts.FORMAT_FAILURE, (), explanation, findings=findings)


def _unreadable_as(finding: Finding) -> Report:
    return _unreadable(EXPLANATIONS[finding.code], (finding,))


def _codes(findings: Iterable[Finding]) -> str:
    return ", ".join(dict.fromkeys(one.code for one in findings))


def _validate(pdf: bytes, trust: TrustStore, now: datetime, proofs: tuple[Proof, ...]) -> Report:
    read = cache(lambda: _open(pdf))
    # The small reader first: it counts, where the real parsers follow whatever depth and length they are given.
    structure = examine(pdf, read=read, is_prechecked=True)
    if structure.codes & TOO_MUCH:
        return _unreadable(tell_refused(one.code for one in structure.findings if one.code in TOO_MUCH),
                           structure.findings)
    reader = read()
    if reader.encrypted:
        return _unreadable_as(Finding(ENCRYPTED, 0))
    if len(reader.embedded_signatures) > MAX_SIGNATURES:
        return _unreadable(f"The file has more than {MAX_SIGNATURES} signatures.")
    return compute(_judge_all(pdf, reader, structure, trust, proofs, now))


def _open(pdf: bytes) -> PdfFileReader:
    reader = ForgivingReader(BytesIO(pdf), strict=True)
    if reader.xrefs.hybrid_xrefs_present:
        # Word writes these, and pyHanko's strict mode judges none of them, for one reader may see other
        # objects than another. They are judged here, but must be covered to the last byte.
        reader = ForgivingReader(BytesIO(pdf), strict=False)
    return reader


async def _judge_all(
    pdf: bytes, reader: PdfFileReader, structure: StructureFindings, trust: TrustStore, proofs: tuple[Proof, ...],
    now: datetime,
) -> Report:
    embedded = list(reader.embedded_signatures)
    structure = _with_unjudged(structure, embedded)
    signatures = [one for one in embedded if one.sig_object_type != "/DocTimeStamp"]
    stamps = [one for one in embedded if one.sig_object_type == "/DocTimeStamp"]
    for one in embedded:
        one.compute_integrity_info()
    archive = await judge_archive(pdf, stamps, gather_knowledge(trust, reader, now), proofs, now)
    reports = tuple([_report(pdf, one, structure, await judge_signature(one, archive, now), archive, now)
                     for one in signatures])
    reports = judge_pictures(pdf, signatures, reports)
    overall = _overall(reports, archive, structure)
    return Report(
        overall.indication, overall.sub_indication, reports,
        tell_remarks(tell_pictures(overall.message, reports), len(pdf), embedded, reports),
        tuple(_stamp_report(pdf, one) for one in archive.stamps),
        findings=structure.findings)


def _with_unjudged(structure: StructureFindings, embedded: Sequence[EmbeddedPdfSignature]) -> StructureFindings:
    """With a finding for each signature that our own reader knows and pyHanko, which judges them, passes over."""
    values = [one.sig_field.raw_get("/V") for one in embedded]
    judged = {one.idnum for one in values if isinstance(one, IndirectObject)}
    missed = tuple(Finding("signature_odd", one.offset, "not judged")
                   for one in structure.signatures if one.object_number not in judged)
    return replace(structure, findings=(*structure.findings, *missed)) if missed else structure


def _overall(reports: tuple[SignatureReport, ...], archive: Archive, structure: StructureFindings) -> Verdict:
    """The worst of all, time stamps too: what nobody believes may neither close a file nor stand in it unsaid.

    A stamp whose certificate has ended is believed as long as a later one, or a register, has seen it in time.
    """
    if not reports and not archive.stamps and "signature_odd" in structure.codes:
        return verdicts.indeterminate(verdicts.FORMAT_FAILURE, "The signature is of a form that is not judged here.")
    signatures = verdicts.worst([Verdict(one.indication, one.sub_indication, one.message) for one in reports])
    stamps = [Verdict(one.verdict.indication, one.verdict.sub_indication,
                      f"A document time stamp is not believed: {one.verdict.message}")
              for one in archive.stamps if not one.verdict.passed]
    return verdicts.worst([signatures, *stamps])


def _report(
    pdf: bytes,
    signature: EmbeddedPdfSignature,
    structure: StructureFindings,
    outcome: Outcome,
    archive: Archive,
    now: datetime,
) -> SignatureReport:
    verdict = outcome.verdict
    whole = covers_whole_file(pdf, signature)
    if verdict.passed:
        verdict = _hold_against_structure(pdf, signature, structure, verdict)
    certificate = signature.signer_cert
    told = archive.knowledge.answers_about(certificate, signature.other_embedded_certs)
    then, _ = state_of(certificate, told, outcome.proven_at or now)
    current, revoked_at = state_of(certificate, told, now)
    report = SignatureReport(
        field_name=shown(str(signature.field_name)),
        indication=verdict.indication,
        sub_indication=verdict.sub_indication,
        signer_name=_common_name(certificate.subject),
        signer_dn=friendly_name(certificate.subject),
        serial=f"{certificate.serial_number:x}",
        issuer=friendly_name(certificate.issuer),
        claimed_at=tellable_if_known(signature.self_reported_timestamp),
        timestamp_at=tellable_if_known(outcome.stamped_at),
        level=_level(signature, archive, frozenset(one.der for one in told)),
        covers_whole_file=whole,
        certifies=_certifies(signature),
        digest_algorithm=str(signature.md_algorithm),
        message=verdict.message,
        proven_at=tellable_if_known(outcome.proven_at),
        proven_by=outcome.proven_by,
        certificate_then=then,
        certificate_now=current,
        revoked_at=tellable_if_known(revoked_at),
        valid_from=tellable(certificate.not_valid_before),
        valid_to=tellable(certificate.not_valid_after),
        covered_bytes=signed_end(signature),
    )
    report = replace(report, claim_fault=find_claim_fault(report, now))
    return _without_claims(report) if verdict.indication is Indication.TOTAL_FAILED else report


def _without_claims(report: SignatureReport) -> SignatureReport:
    """What was in order about a signature that failed would lend it a worth that it has not."""
    def against(state: str) -> str:
        return "unknown" if state == "valid" else state

    return replace(
        report, timestamp_at=None, level="", proven_at=None, proven_by="",
        certificate_then=against(report.certificate_then), certificate_now=against(report.certificate_now))


def _hold_against_structure(
    pdf: bytes, signature: EmbeddedPdfSignature, structure: StructureFindings, verdict: Verdict
) -> Verdict:
    """What stands behind the signed part must be further signatures and what validates them, nothing else.

    Two judges must agree on that: pyHanko's difference analysis and our own comparison of objects. An unsigned
    update at the end is borne only if it adds validation data and nothing else (B-LT).
    """
    odd = _codes(one for one in structure.findings if one.code != UNSIGNED_UPDATE)
    if odd:
        return verdicts.indeterminate(
            verdicts.SIG_CONSTRAINTS_FAILURE, f"{_UNCOVERED} ({odd}).")
    if covers_whole_file(pdf, signature):
        return verdict
    changed = _codes(compare_revisions(pdf, signed_end(signature)))
    if changed or not update_is_legitimate(signature):
        return verdicts.indeterminate(
            verdicts.SIG_CONSTRAINTS_FAILURE, f"{_UNCOVERED} ({changed})." if changed else f"{_UNCOVERED}.")
    return verdict


def _stamp_report(pdf: bytes, stamp: Stamp) -> TimestampReport:
    certificate = stamp.signature.signer_cert
    return TimestampReport(
        field_name=shown(str(stamp.signature.field_name)), at=tellable(stamp.at),
        authority=_common_name(certificate.subject),
        indication=stamp.verdict.indication, sub_indication=stamp.verdict.sub_indication,
        covers_whole_file=covers_whole_file(pdf, stamp.signature), valid_to=tellable(certificate.not_valid_after))


def _level(signature: EmbeddedPdfSignature, archive: Archive, genuine: frozenset[bytes]) -> str:
    """The level that the file shows, in EU DSS's words for plain CMS; empty for other formats.

    Archived (LTA) is only what a believed document time stamp covers, and with it revocation data. That counts only
    if it is ``genuine`` and about this signer.
    """
    kind = signature.sig_object.get("/SubFilter")
    if kind not in {SigSeedSubFilter.PADES.value, SigSeedSubFilter.ADOBE_PKCS7_DETACHED.value}:
        return ""
    if kind == SigSeedSubFilter.PADES.value and not names_its_certificate(signature.signer_info):
        return ""
    family = "B" if kind == SigSeedSubFilter.PADES.value else "PKCS7"
    reader = signature.reader
    if any(_archives(stamp, signature, genuine) for stamp in archive.stamps):
        return f"{family}-LTA"
    if next(iter(generic_cms.extract_tst_data_iter(signature.signer_info, signed=False)), None) is None:
        return f"{family}-B"
    return f"{family}-LT" if _has_revocation_data(reader, genuine) else f"{family}-T"


def _archives(stamp: Stamp, signature: EmbeddedPdfSignature, genuine: frozenset[bytes]) -> bool:
    return (stamp.verdict.passed and stamp.revision > signature.signed_revision
            and _has_revocation_data(HistoricalResolver(signature.reader, stamp.revision), genuine))


def _has_revocation_data(handler: PdfFileReader | HistoricalResolver, genuine: frozenset[bytes]) -> bool:
    store = read_store(handler)
    return not genuine.isdisjoint((*store.crls, *store.ocsps))


def _certifies(signature: EmbeddedPdfSignature) -> bool:
    permissions = signature.reader.root.get("/Perms", {})
    reference = permissions.raw_get("/DocMDP") if "/DocMDP" in permissions else None
    return reference is not None and reference == signature.sig_field.raw_get("/V")


def _common_name(name: object) -> str:
    native = getattr(name, "native", {})
    value = native.get("common_name") or native.get("organization_name") or ""
    return shown(value if isinstance(value, str) else " / ".join(str(part) for part in value), _LONGEST_NAME)
