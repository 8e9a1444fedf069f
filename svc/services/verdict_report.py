"""A verification's outcome as a signed PDF (PDF/A-2a, PAdES B-T) that a file can keep; nothing of an upload stays.

It is written in Indonesian, the language of the province's papers, whatever the reader's screen speaks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from babel import Locale
from cryptography import x509

from certs.errors import CertsError
from certs.names import readable_name
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from certs.validation import Indication, SignatureReport, TimestampReport
from svc.deps import Deps
from svc.errors import NotFound, ServiceUnavailable
from svc.formatting import Formatter
from svc.kinds import KindUnknown
from svc.rendering import RenderFailed, ReportRequest, ReportSection
from svc.services import verification
from svc.services.finding_words import in_words
from svc.services.plain_text import clean_line
from svc.services.verdict_words import Sentence
from svc.services.verification import PublicVerdict, UploadVerdict

Rows = tuple[tuple[str, str], ...]
_MAX_TEXT = 300
_REGISTRY = {"identical": "sama persis dengan yang tercatat", "extends": "berisi yang tercatat, dengan tambahan",
             "partial": "tercatat, belum ditandatangani semua pihak", "unknown": "tidak ada di register ini"}
_LEGAL = {"in_force": "berlaku", "revoked": "dicabut", "amended": "diubah", "expired": "masa berlakunya berakhir"}
_CERTIFICATE = {"valid": "berlaku", "expired": "sudah berakhir", "not_yet_valid": "belum berlaku", "revoked": "dicabut"}
_CLAIM_FAULT = {"in_future": "masih di masa depan", "before_certificate": "sebelum sertifikatnya berlaku",
                "after_certificate": "sesudah sertifikatnya berakhir", "after_proof": "sesudah waktu yang terbukti"}
_PROVEN_BY = {"timestamp": "stempel waktu pada tanda tangannya", "archive": "stempel waktu arsip",
              "register": "register layanan ini"}


@dataclass(frozen=True)
class SignedReport:
    """The report, its SHA-256 (lower-case hexadecimal) and a name for the file."""

    pdf: bytes
    sha256: str
    name: str


def for_code(deps: Deps, code: str) -> SignedReport:
    """The report on the decree behind a QR code; it tells what the public page tells, no more.

    :raises NotFound: no such code, or nothing is told of the decree yet
    :raises ServiceUnavailable: the report cannot be laid out, signed or time-stamped now
    """
    verdict = verification.by_code(deps, code)
    if not verdict.is_told:
        raise NotFound
    say = _formatter(deps)
    facts = (*_decree_facts(deps, say, verdict),
             *_file_facts(say, verdict.sha256, verdict.size, verdict.indication, verdict.sub_indication),
             *_common_facts(say, verdict.checked_at, verdict.findings))
    return _make(deps, verdict.sentence, facts, _sections(say, verdict.signatures, verdict.timestamps),
                 verdict.checked_at, verdict.number or code)


def for_upload(deps: Deps, pdf: bytes, anchors: Iterable[x509.Certificate] = ()) -> SignedReport:
    """The report on an uploaded file; of the file its digest and what was found in it are told, not its name.

    :param anchors: as for :func:`svc.services.verification.verify_files`
    :raises InvalidInput: empty or too large
    :raises ServiceUnavailable: the report cannot be laid out, signed or time-stamped now
    """
    anchors = tuple(anchors)
    verdict = verification.of_upload(deps, pdf, anchors)
    say = _formatter(deps)
    facts = (*_file_facts(say, verdict.sha256, verdict.size, verdict.indication, verdict.sub_indication),
             ("Terhadap register", _REGISTRY[verdict.registry]), *_original_facts(say, verdict),
             *_registered_facts(deps, say, verdict),
             *_common_facts(say, verdict.checked_at, verdict.findings),
             *(("Dipercaya untuk pemeriksaan ini saja", _text(readable_name(one.subject))) for one in anchors))
    return _make(deps, verdict.sentence, facts, _sections(say, verdict.signatures, verdict.timestamps),
                 verdict.checked_at, verdict.sha256[:16])


def _make(deps: Deps, sentence: Sentence, facts: Rows, sections: tuple[ReportSection, ...], at: datetime,
          subject: str) -> SignedReport:
    organisation = f"Pemerintah Provinsi {deps.settings.province}"
    said = sentence.text % sentence.params if sentence.params else sentence.text
    try:
        laid_out = deps.renderer.report(ReportRequest(
            organisation.upper(), said, sentence.more, facts, sections, at))
        signer = LocalSigner(deps.pki.audit.certificate, deps.pki.audit.key, deps.pki.chain)
        signed = sign_pdf(laid_out.pdf, SignRequest(
            signed_at=deps.clock.now(), signer_name=organisation, reason="Laporan pemeriksaan tanda tangan elektronik",
            contact=deps.settings.base_url, certify=True, level=Level.B_T), signer, deps.tsa)
    except (RenderFailed, CertsError) as error:
        raise ServiceUnavailable from error
    return SignedReport(signed.pdf, hashlib.sha256(signed.pdf).hexdigest(),
                        f"laporan-pemeriksaan-{subject.replace('/', '-')}.pdf")


def _formatter(deps: Deps) -> Formatter:
    return Formatter(Locale("id"), deps.settings.tzinfo, deps.clock.now())


def _text(value: str) -> str:
    return clean_line(value, _MAX_TEXT) or "-"


def _decree_facts(deps: Deps, say: Formatter, verdict: PublicVerdict) -> Rows:
    try:
        kind = deps.kinds.get(verdict.kind).title
    except KindUnknown:
        kind = verdict.kind
    subject = "tidak ditampilkan (naskah rahasia)" if verdict.is_secret else _text(verdict.subject)
    status = _LEGAL.get(verdict.legal_status, "belum terbit")
    rows: Rows = (
        ("Nomor", _text(verdict.number)), ("Perihal", subject), ("Jenis", kind),
        ("Diterbitkan oleh", verdict.unit_name),
        ("Tanggal naskah", say.date(verdict.issued_on) if verdict.issued_on else "-"),
        ("Status hukum", f"{status} ({verdict.superseded_by})" if verdict.superseded_by else status),
        *(("Ditandatangani oleh", f"{one.name}\nsebagai {one.position_title}") for one in verdict.signers),
        ("Halaman verifikasi", f"{deps.settings.base_url.rstrip('/')}/v/{verdict.code}"))
    above = verdict.parent
    parent: Rows = ()
    if above is not None:
        of_parent = _LEGAL.get(above.legal_status, "belum terbit")
        dated = f", {say.date(above.issued_on)}" if above.issued_on else ""
        of_parent = f"{of_parent} ({above.superseded_by})" if above.superseded_by else of_parent
        parent = ("Keputusan induk", f"{_text(above.number)}{dated}"), ("Status keputusan induk", of_parent)
    paper = (("Ditandatangani di atas kertas oleh", _text(verdict.paper_signer)),) if verdict.medium == "paper" else ()
    return (*rows, *parent, *paper)


def _original_facts(say: Formatter, verdict: UploadVerdict) -> Rows:
    if verdict.registry != "extends":
        return ()
    added = say.number(verdict.size - verdict.original_size)
    return (("Bagian yang asli", f"{say.number(verdict.original_size)} B pertama; {added} B ditambahkan sesudahnya"),)


def _registered_facts(deps: Deps, say: Formatter, verdict: UploadVerdict) -> Rows:
    registered = verdict.registered
    return _decree_facts(deps, say, registered) if registered is not None and registered.is_told else ()


def _file_facts(say: Formatter, sha256: str, size: int, indication: str, sub_indication: str) -> Rows:
    rows: Rows = (("SHA-256 berkas", sha256 or "-"), ("Ukuran", f"{say.number(size)} B"))
    return (*rows, ("Hasil (ETSI EN 319 102-1)", _outcome(indication, sub_indication))) if indication else rows


def _common_facts(say: Formatter, at: datetime, findings: tuple[str, ...]) -> Rows:
    odd = "\n".join(f"{one.text} ({', '.join(one.codes)})" for one in in_words(findings))
    return (("Waktu pemeriksaan", say.exact(at)), ("Kejanggalan susunan berkas", odd or "tidak ada"))


def _sections(say: Formatter, signatures: Iterable[SignatureReport], stamps: Iterable[TimestampReport]
              ) -> tuple[ReportSection, ...]:
    return (*(ReportSection(f"Tanda tangan {number}{_who(one)}", _signature_rows(say, one))
              for number, one in enumerate(signatures, 1)),
            *(ReportSection(f"Stempel waktu dokumen {number}", _stamp_rows(say, one))
              for number, one in enumerate(stamps, 1)))


def _who(one: SignatureReport) -> str:
    is_failed = one.indication is Indication.TOTAL_FAILED
    return f" (tidak sah, atas nama {_text(one.signer_name)})" if is_failed else f": {_text(one.signer_name)}"


def _signature_rows(say: Formatter, one: SignatureReport) -> Rows:
    if one.indication is Indication.TOTAL_FAILED:
        return _failed_rows(say, one)
    is_proven = one.proven_at is not None and one.proven_by
    now = _CERTIFICATE.get(one.certificate_now, "tidak diketahui")
    if one.revoked_at is not None:
        now = f"{now}, dicabut sejak {say.exact(one.revoked_at)}"
    level = f"PAdES {one.level}" if one.level.startswith("B-") else f"{one.level} (bukan PAdES)".strip()
    return (
        ("Hasil", _outcome(one.indication.value, one.sub_indication or "")),
        ("Terbukti ada sejak", f"{say.exact(one.proven_at)}\noleh {_PROVEN_BY.get(one.proven_by, one.proven_by)}"
         if is_proven and one.proven_at else "belum ada bukti selain pemeriksaan ini"),
        ("Waktu menurut penandatangan", _claimed(say, one)),
        ("Subjek sertifikat", _text(one.signer_dn)), ("Penerbit sertifikat", _text(one.issuer)),
        ("Nomor seri", one.serial),
        *((("Sertifikat saat menandatangani" if one.proven_by == "timestamp" else "Sertifikat saat terbukti ada",
            _CERTIFICATE.get(one.certificate_then, "tidak diketahui")),) if one.proven_by else ()),
        ("Sertifikat sekarang", now), ("Tingkat", level),
        ("Cakupan", "seluruh berkas" if one.covers_whole_file else
         f"{say.number(one.covered_bytes)} B pertama; sesudahnya "
         + ("hanya tanda tangan, stempel waktu, dan data validasinya" if one.indication is Indication.TOTAL_PASSED
            else "ada tambahan")),
        *((("Gambar", f"tanda tangan ini menambahkan gambar yang terlihat di halaman {one.adds_picture_on}"),)
          if one.adds_picture_on else ()),
        ("Algoritma ringkasan", one.digest_algorithm))


def _claimed(say: Formatter, one: SignatureReport) -> str:
    if one.claimed_at is None:
        return "-"
    fault = _CLAIM_FAULT.get(one.claim_fault)
    return f"tidak dapat dipercaya: {say.exact(one.claimed_at)} {fault}" if fault else say.exact(one.claimed_at)


def _failed_rows(say: Formatter, one: SignatureReport) -> Rows:
    """A failed signature claims; nothing of it is told as if it were proven."""
    return (
        ("Hasil", _outcome(one.indication.value, one.sub_indication or "")),
        ("Terbukti", "tidak ada; keterangan berikut hanya yang tertulis pada tanda tangan yang tidak sah ini"),
        ("Waktu menurut tanda tangan", _claimed(say, one)),
        ("Subjek sertifikat", _text(one.signer_dn)), ("Penerbit sertifikat", _text(one.issuer)),
        ("Nomor seri", one.serial),
        *((("Sertifikat", f"dicabut sejak {say.exact(one.revoked_at)}"),) if one.revoked_at is not None else ()),
        ("Algoritma ringkasan", one.digest_algorithm))


def _stamp_rows(say: Formatter, one: TimestampReport) -> Rows:
    if one.indication is Indication.TOTAL_FAILED:
        return (("Hasil", _outcome(one.indication.value, one.sub_indication or "")),
                ("Waktu menurut stempel", say.exact(one.at)), ("Otoritas menurut stempel", _text(one.authority)))
    return (("Waktu", say.exact(one.at)), ("Otoritas", _text(one.authority)),
            ("Hasil", _outcome(one.indication.value, one.sub_indication or "")),
            ("Sertifikatnya berlaku sampai", say.exact(one.valid_to)),
            ("Cakupan", "seluruh berkas" if one.covers_whole_file else "berkas sampai stempel ini"))


def _outcome(indication: str, sub_indication: str) -> str:
    return f"{indication} / {sub_indication}" if sub_indication else indication
