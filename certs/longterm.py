"""When a signature is proven to have existed, and what it was worth then.

The processes of ETSI EN 319 102-1 (5.3 basic, 5.5 with time, 5.6 long term) are walked backwards in time, each
step a validation by pyHanko's AdES module at the moment that the step before has proven:

1. the last document time stamp is judged now, the one before it at the time that the last one proves, and so on;
2. the signature's own time stamp is judged at the earliest moment so proven;
3. the signature is judged at that moment, and if its certificate has ended, was revoked or has no fresh
   revocation data, at the time that its time stamp proves, with data that may speak of that time
   (:class:`certs.knowledge.Knowledge` says which may).

pyHanko's own long-term process wants a document time stamp over all validation data before it believes any, and
so ends in NO_POE for every B-LT signature, expired or not; step 3 gives it the answer that EN 319 102-1 5.5.4
has for a certificate known not to have been revoked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from asn1crypto import cms
from cryptography import x509
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation import ades, generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko.sign.validation.utils import DEFAULT_ALGORITHM_USAGE_POLICY
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from certs import verdicts
from certs._asn1 import known_certificate
from certs.algorithms import AlgorithmEnds
from certs.checks import tell_purpose_fault, tell_stamping_fault
from certs.container import (
    names_its_certificate,
    tell_certificates_fault,
    tell_form_fault,
    tell_reference_fault,
    tell_token_fault,
)
from certs.coverage import covered_end
from certs.knowledge import Knowledge, read_store, with_seen
from certs.verdicts import Indication, Verdict


@dataclass(frozen=True)
class Proof:
    """Somebody trusted (a register, RFC 3161) has seen the first ``size`` bytes, SHA-256 ``sha256``, at ``at``."""

    sha256: str
    size: int
    at: datetime


@dataclass(frozen=True)
class Stamp:
    """A document time stamp with its verdict; ``at`` is what it says, whether believed or not. ``end`` is where the
    bytes that it covers end."""

    at: datetime
    verdict: Verdict
    revision: int
    end: int
    signature: EmbeddedPdfSignature


@dataclass(frozen=True)
class Outcome:
    """``proven_at`` is the earliest moment at which the signature is proven to have existed, None: only now.
    ``proven_by`` is timestamp, archive, register or empty. ``stamped_at`` is the signature's own time stamp."""

    verdict: Verdict
    proven_at: datetime | None
    proven_by: str
    stamped_at: datetime | None


@dataclass(frozen=True)
class Archive:
    """The file's document time stamps and the register's proofs, judged."""

    pdf: bytes = field(repr=False)
    stamps: tuple[Stamp, ...]
    proofs: tuple[Proof, ...]
    knowledge: Knowledge

    def control(self, signature: EmbeddedPdfSignature, now: datetime) -> tuple[datetime, str]:
        """The earliest moment at which the file up to this signature is proven to have existed, and by what.

        A revision is what the file says of itself; the signature's own bytes must lie within what was seen.
        """
        if not self.stamps and not self.proofs:
            return now, ""
        end = covered_end(self.pdf, signature)
        moments = [(stamp.at, "archive") for stamp in self.stamps
                   if stamp.verdict.passed and stamp.revision > signature.signed_revision and stamp.end >= end > 0]
        moments += [(proof.at, "register") for proof in self.proofs if proof.size >= end > 0]
        return min([(now, ""), *moments])


async def judge_archive(
    pdf: bytes, stamps: Sequence[EmbeddedPdfSignature], knowledge: Knowledge, proofs: Iterable[Proof], now: datetime
) -> Archive:
    """Judge the document time stamps, the last one first."""
    held = tuple(one for one in proofs if one.at < now and len(pdf) >= one.size > 0
                 and hashlib.sha256(pdf[: one.size]).hexdigest() == one.sha256)
    whole = [one.at for one in held if one.size == len(pdf)]
    if whole:
        knowledge = with_seen(knowledge, knowledge.embedded, min(whole))
    judged: list[Stamp] = []
    for stamp in sorted(stamps, key=lambda one: one.signed_revision, reverse=True):
        control, _ = Archive(pdf, tuple(judged), held, knowledge).control(stamp, now)
        verdict = await _judge_document_stamp(stamp, knowledge, control, now)
        at = _time_of(stamp.signed_data)
        if verdict.passed:
            store = read_store(HistoricalResolver(stamp.reader, stamp.signed_revision))
            knowledge = with_seen(knowledge, (*store.crls, *store.ocsps), at)
        judged.append(Stamp(at, verdict, stamp.signed_revision, covered_end(pdf, stamp), stamp))
    return Archive(pdf, tuple(reversed(judged)), held, knowledge)


async def judge_signature(signature: EmbeddedPdfSignature, archive: Archive, now: datetime) -> Outcome:
    """What one signature is worth, and since when it is proven to exist."""
    control, proven_by = archive.control(signature, now)
    digest = signature.compute_digest()
    first = await _basic(signature, archive.knowledge, digest, control, now)
    stamped_at, doubt = await _judge_stamps(signature, archive.knowledge, control, now)
    proven_at = control if control < now else None
    if stamped_at is not None and stamped_at < control:
        proven_at, proven_by = stamped_at, "timestamp"
    verdict = first
    if _may_improve(first) and proven_at is not None and (proven_at < control or control < now):
        again = await _basic(signature, archive.knowledge, digest, proven_at, now)
        verdict = again if again.passed or again.sub_indication in verdicts.REVOKED else first
    verdict = _hold_against_dates(signature, verdict, proven_at, stamped_at, now)
    verdict = _hold_against_form(signature, _hold_against_purpose(signature, verdict))
    if verdict.passed:
        known_certificate(signature.signer_cert.dump())  # he has signed more than this, as a rule
        verdict = doubt or verdict
    return Outcome(verdict, proven_at, proven_by, stamped_at)


def _hold_against_purpose(signature: EmbeddedPdfSignature, verdict: Verdict) -> Verdict:
    """The rule that holds before signing (:mod:`certs.checks`) holds afterwards: what may not sign here may not have
    signed elsewhere."""
    if not verdict.passed and verdict.sub_indication != verdicts.TRY_LATER:
        return verdict
    fault = _purpose_fault(signature.signer_cert.dump())
    if not fault:
        return verdict
    return verdicts.indeterminate(
        verdicts.CHAIN_CONSTRAINTS_FAILURE, f"The certificate is not one for signing documents: {fault}.")


def _hold_against_form(signature: EmbeddedPdfSignature, verdict: Verdict) -> Verdict:
    """What passed must be built as its standard says, so that every reader sees the same in it."""
    if not verdict.passed:
        return verdict
    fault = tell_form_fault(signature.pkcs7_content) or tell_certificates_fault(signature.signed_data)
    if fault:
        return verdicts.indeterminate(
            verdicts.FORMAT_FAILURE, f"The signature's container is not built as one: {fault}.")
    is_pades = signature.sig_object.get("/SubFilter") == SigSeedSubFilter.PADES.value
    if is_pades and not names_its_certificate(signature.signer_info):
        return verdicts.indeterminate(
            verdicts.SIG_CONSTRAINTS_FAILURE, "What was signed does not name the certificate, as PAdES demands.")
    return verdict


@lru_cache(maxsize=512)
def _purpose_fault(encoded: bytes) -> str:
    return tell_purpose_fault(x509.load_der_x509_certificate(encoded))


@lru_cache(maxsize=512)
def _stamping_fault(encoded: bytes) -> str:
    return tell_stamping_fault(x509.load_der_x509_certificate(encoded))


def _may_improve(verdict: Verdict) -> bool:
    return verdict.indication is Indication.INDETERMINATE


async def _basic(
    signature: EmbeddedPdfSignature, knowledge: Knowledge, digest: bytes, control: datetime, now: datetime
) -> Verdict:
    """EN 319 102-1 5.3 at one moment; TRY_LATER where only revocation data is missing.

    pyHanko does not tell that from a broken chain; it is so if the chain holds once nobody asks for the data.
    """
    timing = ValidationTimingInfo(control, best_signature_time=control, point_in_time_validation=control < now)
    leaf = signature.signer_cert

    async def run(*, is_lenient: bool) -> Verdict:
        result = await ades.ades_basic_validation(
            signature.signed_data, knowledge.specification(control, now, leaf, is_lenient=is_lenient),
            timing_info=timing, raw_digest=digest)
        return _hold_against_path(result, signature.signed_data, knowledge, control, now)

    verdict = await run(is_lenient=False)
    if verdict.sub_indication == verdicts.CERTIFICATE_CHAIN_GENERAL_FAILURE:
        lenient = await run(is_lenient=True)
        if lenient.passed or lenient.sub_indication == verdicts.TRY_LATER:
            return verdicts.indeterminate(verdicts.TRY_LATER)
        return lenient if lenient.sub_indication in verdicts.REVOKED else verdict
    return verdict


def _hold_against_path(
    result: Any, signed_data: cms.SignedData, knowledge: Knowledge, control: datetime, now: datetime
) -> Verdict:
    """pyHanko's verdict; passed only if what was signed names no other certificates than those of the chain that it
    found, no genuine list or response, whichever it did not ask, revokes one of them, and none is known to be unrevoked
    only by what was made when it had ended."""
    verdict = verdicts.from_ades(result.ades_subindic, result.failure_msg)
    if not verdict.passed or result.api_status is None or result.api_status.validation_path is None:
        return verdict
    path = list(result.api_status.validation_path.iter_certs(include_root=True))
    fault = tell_reference_fault(signed_data["signer_infos"][0], path)
    if fault:
        return verdicts.indeterminate(
            verdicts.SIG_CONSTRAINTS_FAILURE, f"The signature is not bound to its chain: {fault}.")
    revoked = knowledge.find_revoked(path, control)
    if revoked is None:
        return verdict if knowledge.tells_in_time(path, control, now) else verdicts.indeterminate(verdicts.TRY_LATER)
    return verdicts.indeterminate(verdicts.REVOKED_NO_POE if revoked is path[-1] else verdicts.REVOKED_CA_NO_POE)


async def _judge_stamps(
    signature: EmbeddedPdfSignature, knowledge: Knowledge, control: datetime, now: datetime
) -> tuple[datetime | None, Verdict | None]:
    """The time that the signature's own stamps prove; and where there are some and none is believed, why not."""
    proven: datetime | None = None
    doubt: Verdict | None = None
    for token in generic_cms.extract_tst_data_iter(signature.signer_info, signed=False):
        verdict = await _judge_stamp(token, signature.signer_info, knowledge, control, now)
        if not verdict.passed:
            doubt = doubt or _of_stamp(verdict)
        elif proven is None or _time_of(token) < proven:
            proven = _time_of(token)
    return proven, doubt if proven is None else None


def _of_stamp(verdict: Verdict) -> Verdict:
    """What a time stamp's verdict means for the signature: one that failed, or is about something else, does not fail
    what it stands beside (EN 319 102-1, 5.5.4)."""
    if verdict.indication is not Indication.TOTAL_FAILED and verdict.sub_indication is not None:
        return verdicts.indeterminate(
            verdict.sub_indication, f"The signature's time stamp is not believed: {verdict.message}")
    return verdicts.indeterminate(
        verdicts.SIG_CONSTRAINTS_FAILURE, f"The signature's time stamp does not hold ({verdict.sub_indication}).")


async def _judge_stamp(
    token: cms.SignedData, signer_info: cms.SignerInfo, knowledge: Knowledge, control: datetime, now: datetime
) -> Verdict:
    """Whether a signature's time stamp is intact, about this signature, trusted and unrevoked at ``control``."""
    if _time_of(token) > control:
        return verdicts.indeterminate(verdicts.TIMESTAMP_ORDER_FAILURE)
    result = await ades.ades_timestamp_validation(
        token, knowledge.specification(control, now),
        expected_tst_imprint=generic_cms.message_imprint_checker(signer_info), timing_info=_timing(control, now))
    verdict = _hold_against_path(result, token, knowledge, control, now)
    return _hold_against_token(token, verdict, knowledge.trust.ends, control)


async def _judge_document_stamp(
    stamp: EmbeddedPdfSignature, knowledge: Knowledge, control: datetime, now: datetime
) -> Verdict:
    if stamp.evaluate_signature_coverage() < SignatureCoverageLevel.ENTIRE_REVISION:
        return verdicts.indeterminate(verdicts.SIG_CONSTRAINTS_FAILURE, "The time stamp leaves bytes uncovered.")
    if _time_of(stamp.signed_data) > control:
        return verdicts.indeterminate(verdicts.TIMESTAMP_ORDER_FAILURE)
    algorithm, digest = stamp.external_md_algorithm, stamp.compute_digest()

    def imprint(asked: str) -> bytes:
        if asked != algorithm:
            raise ValueError("the time stamp's algorithm is another one than the field says")
        return digest

    result = await ades.ades_timestamp_validation(
        stamp.signed_data, knowledge.specification(control, now), expected_tst_imprint=imprint,
        timing_info=_timing(control, now))
    verdict = _hold_against_path(result, stamp.signed_data, knowledge, control, now)
    return _hold_against_form(
        stamp, _hold_against_token(stamp.signed_data, verdict, knowledge.trust.ends, control))


def _hold_against_token(token: cms.SignedData, verdict: Verdict, ends: AlgorithmEnds, control: datetime) -> Verdict:
    """What pyHanko does not ask of a token: that it is built as one by a unit that does nothing else, that its
    authority existed already when it says to have been made, that its imprint is no hash for which two documents can be
    found, and that none of its algorithms has ended."""
    if not verdict.passed:
        return verdict
    authority = extract_certificate_info(token).signer_cert
    fault = _stamping_fault(authority.dump())
    if fault:
        return verdicts.indeterminate(
            verdicts.CHAIN_CONSTRAINTS_FAILURE, f"The certificate is not one for time stamps: {fault}.")
    fault = tell_token_fault(token)
    if fault:
        return verdicts.indeterminate(verdicts.FORMAT_FAILURE, f"The time stamp is not built as one: {fault}.")
    if not authority.not_valid_before <= _time_of(token) <= authority.not_valid_after:
        return verdicts.indeterminate(
            verdicts.TIMESTAMP_ORDER_FAILURE, "The time stamp's time lies outside its authority's validity.")
    said = token["encap_content_info"]["content"].parsed["message_imprint"]["hash_algorithm"]
    if not DEFAULT_ALGORITHM_USAGE_POLICY.digest_algorithm_allowed(said, None).allowed:
        return verdicts.indeterminate("CRYPTO_CONSTRAINTS_FAILURE")
    end = ends.of_token(token, authority.public_key)
    return verdict if control < end.at else verdicts.indeterminate(
        verdicts.CRYPTO_NO_POE, f"{verdicts.explain(verdicts.CRYPTO_NO_POE)} ({end.by}, a time stamp's)")


def _timing(control: datetime, now: datetime) -> ValidationTimingInfo:
    return ValidationTimingInfo(control, best_signature_time=control, point_in_time_validation=control < now)


def _hold_against_dates(
    signature: EmbeddedPdfSignature, verdict: Verdict, proven_at: datetime | None, stamped_at: datetime | None,
    now: datetime,
) -> Verdict:
    """Say what the certificate's dates mean for the proven time, where that is the whole difficulty."""
    if verdict.indication is Indication.TOTAL_FAILED or verdict.sub_indication in _NOT_OF_DATES:
        return verdict
    certificate = signature.signer_cert
    moment = proven_at or now
    if moment < certificate.not_valid_before:
        return verdicts.indeterminate(verdicts.NOT_YET_VALID)
    if moment > certificate.not_valid_after:
        return verdicts.indeterminate(
            verdicts.EXPIRED if stamped_at is not None else verdicts.OUT_OF_BOUNDS_NO_POE)
    if not verdict.passed and now > certificate.not_valid_after and proven_at == stamped_at is not None:
        return verdicts.indeterminate(verdicts.OUT_OF_BOUNDS_NO_POE)
    return verdict


_NOT_OF_DATES = frozenset({
    "NO_CERTIFICATE_CHAIN_FOUND", "NO_SIGNING_CERTIFICATE_FOUND", "CHAIN_CONSTRAINTS_FAILURE", "REVOKED_NO_POE",
    "REVOKED_CA_NO_POE", "CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "SIG_CONSTRAINTS_FAILURE",
})


def _time_of(token: cms.SignedData) -> datetime:
    moment: datetime = token["encap_content_info"]["content"].parsed["gen_time"].native
    return moment.astimezone(UTC)
