"""What a PDF's signatures are worth, in the words of ETSI EN 319 102-1."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from certs import verdicts
from certs._aio import run_sync
from certs._asn1 import to_asn1
from certs.coverage import covers_whole_file, update_is_legitimate
from certs.trust import TrustStore
from certs.verdicts import NO_SIGNATURE, Indication, Verdict

__all__ = [
    "MAX_BYTES",
    "NO_SIGNATURE",
    "Indication",
    "Report",
    "SignatureReport",
    "is_extension",
    "validate_pdf",
]

MAX_BYTES = 32 * 1024 * 1024
MAX_SIGNATURES = 50

logger = logging.getLogger(__name__)
# pyHanko logs a traceback with the signer's name for every signature that does not pass; the report says it.
for _noisy in ("pyhanko.sign.validation", "pyhanko.sign.diff_analysis"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


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

    TOTAL-PASSED needs a chain to an anchor, current revocation data for every certificate below it, and a file
    whose last byte is signed (or followed by further signatures alone, which are judged too). What no parser
    reads (garbage, truncated, encrypted, larger than ``MAX_BYTES``) is INDETERMINATE/FORMAT_FAILURE. Nothing is
    fetched from the network: what is not in the file or in ``trust`` is missing.

    :raises ValueError: ``now`` is naive, or a list in ``trust`` is not DER (a fault of ours, not of the file)
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    specification = _specification(trust)
    if len(pdf) > MAX_BYTES:
        return _unreadable(f"The file is larger than {MAX_BYTES // (1024 * 1024)} MiB.")
    if b"%PDF-" not in pdf[:1024]:
        return _unreadable("The file is not a PDF.")
    try:
        return _validate(pdf, specification, now)
    # The one place where everything is caught: parsers meet hostile bytes here, fail in ways that nobody can
    # list, and a file that breaks them must get a verdict, not an error page.
    except Exception as error:  # noqa: BLE001
        logger.info("validation: unreadable file (%s)", type(error).__name__)
        return _unreadable(f"The file or a signature in it cannot be read ({type(error).__name__}).")


def is_extension(original: bytes, signed: bytes) -> bool:
    """Whether ``signed`` is the original followed by at least one more byte (an incremental update)."""
    return len(signed) > len(original) and signed.startswith(original)


def _unreadable(explanation: str) -> Report:
    return Report(Indication.INDETERMINATE, verdicts.FORMAT_FAILURE, (), explanation)


def _validate(pdf: bytes, specification: SignatureValidationSpec, now: datetime) -> Report:
    reader = PdfFileReader(BytesIO(pdf), strict=True)
    if reader.xrefs.hybrid_xrefs_present:
        # Word writes these, and pyHanko's strict mode judges none of them, for one reader may see other
        # objects than another. They are judged here, but must be covered to the last byte.
        reader = PdfFileReader(BytesIO(pdf), strict=False)
    if reader.encrypted:
        return _unreadable("The file is encrypted.")
    embedded = list(reader.embedded_signatures)
    if len(embedded) > MAX_SIGNATURES:
        return _unreadable(f"The file has more than {MAX_SIGNATURES} signatures.")
    reports = tuple(
        _judge(pdf, signature, embedded, specification, now)
        for signature in embedded
        if signature.sig_object_type != "/DocTimeStamp"
    )
    overall = verdicts.worst([Verdict(one.indication, one.sub_indication, one.message) for one in reports])
    return Report(overall.indication, overall.sub_indication, reports, overall.message)


def _judge(
    pdf: bytes,
    signature: EmbeddedPdfSignature,
    embedded: list[EmbeddedPdfSignature],
    specification: SignatureValidationSpec,
    now: datetime,
) -> SignatureReport:
    signature.compute_integrity_info()  # type: ignore[no-untyped-call]
    level = _level(signature)
    result = run_sync(_ades_result(signature, level, specification, now))
    verdict = verdicts.from_ades(result.ades_subindic, result.failure_msg)
    if verdict.sub_indication == verdicts.CERTIFICATE_CHAIN_GENERAL_FAILURE:
        verdict = run_sync(_without_revocation(signature, specification, now, verdict))
    stamped_at = _proven_time(result)
    whole = covers_whole_file(pdf, signature)
    if verdict.passed:
        verdict = _check_dates(signature, stamped_at, level, now)
    if verdict.passed and not whole and not update_is_legitimate(pdf, signature, embedded):
        verdict = verdicts.indeterminate(
            verdicts.SIG_CONSTRAINTS_FAILURE,
            "The signed part is intact, but the file has bytes or changes that the signature does not cover.",
        )
    certificate = signature.signer_cert
    return SignatureReport(
        field_name=str(signature.field_name),
        indication=verdict.indication,
        sub_indication=verdict.sub_indication,
        signer_name=_common_name(certificate.subject),
        signer_dn=str(certificate.subject.human_friendly),
        serial=f"{certificate.serial_number:x}",
        issuer=str(certificate.issuer.human_friendly),
        claimed_at=_aware(signature.self_reported_timestamp),
        timestamp_at=stamped_at,
        level=level,
        covers_whole_file=whole,
        certifies=_certifies(signature),
        digest_algorithm=str(signature.md_algorithm),
        message=verdict.message,
    )


async def _ades_result(
    signature: EmbeddedPdfSignature, level: str, specification: SignatureValidationSpec, now: datetime
) -> ades.AdESBasicValidationResult[Any]:
    """The process of ETSI EN 319 102-1 that fits: 5.3 (basic), 5.5 (with time) or 5.6 (long term)."""
    timing = ValidationTimingInfo(now, best_signature_time=now, point_in_time_validation=False)
    if level in {"B-LT", "B-LTA"}:
        return await ades.ades_lta_validation(
            signature, PdfSignatureValidationSpec(specification), timing_info=timing
        )
    if not _has_time_stamp(signature):
        return await ades.ades_basic_validation(
            signature.signed_data, specification, timing_info=timing, raw_digest=signature.compute_digest()
        )
    return await ades.ades_with_time_validation(
        signature.signed_data,
        specification,
        timing_info=timing,
        raw_digest=signature.compute_digest(),
        extra_status_kwargs=signature.summarise_integrity_info(),
        status_cls=PdfSignatureStatus,
    )


async def _without_revocation(
    signature: EmbeddedPdfSignature, specification: SignatureValidationSpec, now: datetime, verdict: Verdict
) -> Verdict:
    """TRY_LATER where only revocation data is missing, which pyHanko does not tell from a broken chain.

    That is the case if the chain holds once nobody asks for revocation data.
    """
    lenient = replace(
        specification,
        cert_validation_policy=replace(
            specification.cert_validation_policy, revinfo_policy=CertRevTrustPolicy(NO_REVOCATION)
        ),
    )
    result = await ades.ades_basic_validation(
        signature.signed_data,
        lenient,
        timing_info=ValidationTimingInfo(now, best_signature_time=now, point_in_time_validation=False),
        raw_digest=signature.compute_digest(),
    )
    if isinstance(result.ades_subindic, AdESPassed):
        return verdicts.indeterminate(verdicts.TRY_LATER)
    return verdict


def _specification(trust: TrustStore) -> SignatureValidationSpec:
    return SignatureValidationSpec(
        cert_validation_policy=_policy(trust.anchors),
        ts_cert_validation_policy=_policy(trust.timestamp_anchors),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY,
            certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH,
        ),
        local_knowledge=LocalKnowledge(
            known_crls=[CRLContainer(asn1_crl.CertificateList.load(der, strict=True)) for der in trust.crls],
            known_ocsps=[
                container
                for der in trust.ocsps
                for container in OCSPContainer.load_multi(asn1_ocsp.OCSPResponse.load(der, strict=True))
            ],
            known_certs=[to_asn1(one) for one in trust.intermediates],
        ),
        key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"}),
    )


def _policy(anchors: Iterable[x509.Certificate]) -> CertValidationPolicySpec:
    """Revocation data is required for every certificate under the anchor: silence is no proof."""
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[to_asn1(one) for one in anchors]),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
    )


def _level(signature: EmbeddedPdfSignature) -> str:
    if signature.sig_object.get("/SubFilter") != SigSeedSubFilter.PADES.value:
        return ""
    reader = signature.reader
    if any(stamp.signed_revision > signature.signed_revision for stamp in reader.embedded_timestamp_signatures):
        return "B-LTA"
    if not _has_time_stamp(signature):
        return "B-B"
    return "B-LT" if "/DSS" in reader.root else "B-T"


def _has_time_stamp(signature: EmbeddedPdfSignature) -> bool:
    tokens = generic_cms.extract_tst_data_iter(signature.signer_info, signed=False)
    return next(iter(tokens), None) is not None


def _certifies(signature: EmbeddedPdfSignature) -> bool:
    permissions = signature.reader.root.get("/Perms", {})
    reference = permissions.raw_get("/DocMDP") if "/DocMDP" in permissions else None
    return reference is not None and reference == signature.sig_field.raw_get("/V")


def _proven_time(result: ades.AdESBasicValidationResult[Any]) -> datetime | None:
    """The time stamp's time, if the stamp itself is intact, trusted and unrevoked."""
    validity = getattr(result.api_status, "timestamp_validity", None)
    if validity is None or not (validity.valid and validity.intact and validity.trusted):
        return None
    return _aware(validity.timestamp)


def _check_dates(
    signature: EmbeddedPdfSignature, stamped_at: datetime | None, level: str, now: datetime
) -> Verdict:
    """Hold the proven time against the certificate's dates.

    pyHanko's process with time lets an expired certificate pass on the strength of any valid time stamp,
    without its revocation being looked at; ETSI EN 319 102-1 5.5.4 leaves that INDETERMINATE.
    """
    certificate = signature.signer_cert
    moment = stamped_at or now
    if moment < certificate.not_valid_before:
        return verdicts.indeterminate(verdicts.NOT_YET_VALID)
    if moment > certificate.not_valid_after:
        return verdicts.indeterminate(verdicts.EXPIRED if stamped_at else verdicts.OUT_OF_BOUNDS_NO_POE)
    if now > certificate.not_valid_after and level not in {"B-LT", "B-LTA"}:
        return verdicts.indeterminate(verdicts.OUT_OF_BOUNDS_NO_POE)
    return verdicts.PASSED


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _common_name(name: object) -> str:
    native = getattr(name, "native", {})
    value = native.get("common_name") or native.get("organization_name") or ""
    return value if isinstance(value, str) else " / ".join(str(part) for part in value)
