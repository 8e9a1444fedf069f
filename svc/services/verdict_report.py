"""A verification's outcome as a signed PDF (PDF/A-2a, PAdES B-T) that a file can keep; nothing of an upload stays.

It speaks the language that it is asked for in; Indonesian, that of the province's papers, unless another is wanted.
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
from svc.catalogues import N_, catalogue_of
from svc.deps import Deps
from svc.errors import NotFound, ServiceUnavailable
from svc.formatting import Formatter
from svc.kinds import KindUnknown
from svc.rendering import RenderFailed, ReportLabels, ReportRequest, ReportSection
from svc.services import verification
from svc.services.finding_words import in_words
from svc.services.plain_text import clean_line
from svc.services.verdict_words import Sentence
from svc.services.verification import PublicVerdict, UploadVerdict

Rows = tuple[tuple[str, str], ...]
_MAX_TEXT = 300
_REGISTRY = {"identical": N_("sama persis dengan yang tercatat"),
             "extends": N_("berisi yang tercatat, dengan tambahan"),
             "partial": N_("tercatat, belum ditandatangani semua pihak"),
             "unknown": N_("bukan naskah terbitan layanan ini")}
_LEGAL = {"in_force": N_("Berlaku"), "revoked": N_("Dicabut"), "amended": N_("Diubah"),
          "expired": N_("Kedaluwarsa")}
_NOT_ISSUED = N_("belum terbit")
_CERTIFICATE = {"valid": N_("berlaku"), "expired": N_("sudah berakhir"), "not_yet_valid": N_("belum berlaku"),
                "revoked": N_("dicabut")}
_CLAIM_FAULT = {"in_future": N_("masih di masa depan"), "before_certificate": N_("sebelum sertifikatnya berlaku"),
                "after_certificate": N_("sesudah sertifikatnya berakhir"),
                "after_proof": N_("sesudah waktu yang terbukti")}
_PROVEN_BY = {"timestamp": N_("stempel waktu pada tanda tangannya"), "archive": N_("stempel waktu arsip"),
              "register": N_("register layanan ini")}


@dataclass(frozen=True)
class SignedReport:
    """The report, its SHA-256 (lower-case hexadecimal) and a name for the file."""

    pdf: bytes
    sha256: str
    name: str


def for_code(deps: Deps, code: str, language: str = "id") -> SignedReport:
    """The report on the decree behind a QR code; it tells what the public page tells, no more.

    :param language: ``id``, or one that has a catalogue
    :raises NotFound: no such code, or nothing is told of the decree yet
    :raises ServiceUnavailable: the report cannot be laid out, signed or time-stamped now
    """
    verdict = verification.by_code(deps, code)
    if not verdict.is_told:
        raise NotFound
    say = _formatter(deps, language)
    facts = (*_decree_facts(deps, say, verdict),
             *_file_facts(say, verdict.sha256, verdict.size, verdict.indication, verdict.sub_indication),
             *_common_facts(say, verdict.checked_at, verdict.findings))
    return _make(deps, say, verdict.sentence, facts, _sections(say, verdict.signatures, verdict.timestamps),
                 verdict.checked_at, verdict.number or code)


def for_upload(deps: Deps, pdf: bytes, anchors: Iterable[x509.Certificate] = (), language: str = "id"
               ) -> SignedReport:
    """The report on an uploaded file; of the file its digest and what was found in it are told, not its name.

    :param anchors: as for :func:`svc.services.verification.verify_files`
    :param language: as for :func:`for_code`
    :raises InvalidInput: empty or too large
    :raises ServiceUnavailable: the report cannot be laid out, signed or time-stamped now
    """
    anchors = tuple(anchors)
    verdict = verification.of_upload(deps, pdf, anchors)
    say = _formatter(deps, language)
    _ = say.translations.gettext
    facts = (*_file_facts(say, verdict.sha256, verdict.size, verdict.indication, verdict.sub_indication),
             (_("Terhadap register"), _(_REGISTRY[verdict.registry])), *_original_facts(say, verdict),
             *_registered_facts(deps, say, verdict),
             *_common_facts(say, verdict.checked_at, verdict.findings),
             *((_("Dipercaya untuk pemeriksaan ini saja"), _text(readable_name(one.subject))) for one in anchors))
    return _make(deps, say, verdict.sentence, facts, _sections(say, verdict.signatures, verdict.timestamps),
                 verdict.checked_at, verdict.sha256[:16])


def _make(deps: Deps, say: Formatter, sentence: Sentence, facts: Rows, sections: tuple[ReportSection, ...],
          at: datetime, subject: str) -> SignedReport:
    _ = say.translations.gettext
    organisation = f"Pemerintah Provinsi {deps.settings.province}"
    labels, name = ReportLabels().in_words(say.locale.language, _), _("laporan-pemeriksaan")
    try:
        laid_out = deps.renderer.report(ReportRequest(
            organisation.upper(), sentence.said(_), _(sentence.more) if sentence.more else "", facts, sections, at,
            labels))
        signer = LocalSigner(deps.pki.audit.certificate, deps.pki.audit.key, deps.pki.chain)
        signed = sign_pdf(laid_out.pdf, SignRequest(
            signed_at=deps.clock.now(), signer_name=organisation, reason=labels.title,
            contact=deps.settings.base_url, certify=True, level=Level.B_T), signer, deps.tsa)
    except (RenderFailed, CertsError) as error:
        raise ServiceUnavailable from error
    return SignedReport(signed.pdf, hashlib.sha256(signed.pdf).hexdigest(),
                        f"{name}-{subject.replace('/', '-')}.pdf")


def _formatter(deps: Deps, language: str) -> Formatter:
    return Formatter(Locale(language), deps.settings.tzinfo, deps.clock.now(), translations=catalogue_of(language))


def _text(value: str) -> str:
    return clean_line(value, _MAX_TEXT) or "-"


def _decree_facts(deps: Deps, say: Formatter, verdict: PublicVerdict) -> Rows:
    _ = say.translations.gettext
    try:
        kind = _(deps.kinds.get(verdict.kind).title)
    except KindUnknown:
        kind = verdict.kind
    subject = _("tidak ditampilkan (naskah rahasia)") if verdict.is_secret else _text(verdict.subject)
    rows: Rows = (
        (_("Nomor"), _text(verdict.number)), (_("Perihal"), subject), (_("Jenis"), kind),
        (_("Diterbitkan oleh"), verdict.unit_name),
        (_("Tanggal naskah"), say.date(verdict.issued_on) if verdict.issued_on else "-"),
        (_("Status hukum"), _legal(say, verdict.legal_status, verdict.superseded_by)),
        *((_("Ditandatangani oleh"), f"{one.name}\n" + _("sebagai %(capacity)s") % {"capacity": one.position_title})
          for one in verdict.signers),
        (_("Halaman verifikasi"), f"{deps.settings.base_url.rstrip('/')}/v/{verdict.code}"))
    above = verdict.parent
    parent: Rows = ()
    if above is not None:
        dated = f", {say.date(above.issued_on)}" if above.issued_on else ""
        parent = ((_("Keputusan induk"), f"{_text(above.number)}{dated}"),
                  (_("Status keputusan induk"), _legal(say, above.legal_status, above.superseded_by)))
    paper = ((_("Ditandatangani di atas kertas oleh"), _text(verdict.paper_signer)),)
    return (*rows, *parent, *(paper if verdict.medium == "paper" else ()))


def _legal(say: Formatter, status: str, superseded_by: str) -> str:
    said = say.translations.gettext(_LEGAL.get(status, _NOT_ISSUED))
    return f"{said} ({superseded_by})" if superseded_by else said


def _original_facts(say: Formatter, verdict: UploadVerdict) -> Rows:
    _ = say.translations.gettext
    if verdict.registry != "extends":
        return ()
    return ((_("Bagian yang asli"), _("%(original)s B pertama; %(added)s B ditambahkan sesudahnya") % {
        "original": say.number(verdict.original_size), "added": say.number(verdict.size - verdict.original_size)}),)


def _registered_facts(deps: Deps, say: Formatter, verdict: UploadVerdict) -> Rows:
    registered = verdict.registered
    return _decree_facts(deps, say, registered) if registered is not None and registered.is_told else ()


def _file_facts(say: Formatter, sha256: str, size: int, indication: str, sub_indication: str) -> Rows:
    _ = say.translations.gettext
    rows: Rows = ((_("SHA-256 berkas"), sha256 or "-"), (_("Ukuran"), f"{say.number(size)} B"))
    return (*rows, (_("Hasil (ETSI EN 319 102-1)"), _outcome(indication, sub_indication))) if indication else rows


def _common_facts(say: Formatter, at: datetime, findings: tuple[str, ...]) -> Rows:
    _ = say.translations.gettext
    odd = "\n".join(f"{_(one.text)} ({', '.join(one.codes)})" for one in in_words(findings))
    return ((_("Waktu pemeriksaan"), say.exact(at)), (_("Kejanggalan susunan berkas"), odd or _("tidak ada")))


def _sections(say: Formatter, signatures: Iterable[SignatureReport], stamps: Iterable[TimestampReport]
              ) -> tuple[ReportSection, ...]:
    _ = say.translations.gettext
    return (*(ReportSection(_heading(say, number, one), _signature_rows(say, one))
              for number, one in enumerate(signatures, 1)),
            *(ReportSection(_("Stempel waktu dokumen %(number)s") % {"number": number}, _stamp_rows(say, one))
              for number, one in enumerate(stamps, 1)))


def _heading(say: Formatter, number: int, one: SignatureReport) -> str:
    _ = say.translations.gettext
    text = (_("Tanda tangan %(number)s (tidak sah, atas nama %(name)s)")
            if one.indication is Indication.TOTAL_FAILED else _("Tanda tangan %(number)s: %(name)s"))
    return text % {"number": number, "name": _text(one.signer_name)}


def _signature_rows(say: Formatter, one: SignatureReport) -> Rows:
    if one.indication is Indication.TOTAL_FAILED:
        return _failed_rows(say, one)
    _ = say.translations.gettext
    unknown = N_("tidak diketahui")
    now = _(_CERTIFICATE.get(one.certificate_now, unknown))
    if one.revoked_at is not None:
        now = f"{now}, {_revoked(say, one.revoked_at)}"
    then = _("Sertifikat saat menandatangani") if one.proven_by == "timestamp" else _("Sertifikat saat terbukti ada")
    picture = _("tanda tangan ini menambahkan gambar yang terlihat di halaman %(page)s") % {
        "page": ", ".join(map(str, one.pictures_on))}
    return (
        (_("Hasil"), _outcome(one.indication.value, one.sub_indication or "")),
        (_("Terbukti ada sejak"), _proven(say, one)),
        (_("Waktu menurut penandatangan"), _claimed(say, one)),
        (_("Subjek sertifikat"), _text(one.signer_dn)), (_("Penerbit sertifikat"), _text(one.issuer)),
        (_("Nomor seri"), one.serial),
        *(((then, _(_CERTIFICATE.get(one.certificate_then, unknown))),) if one.proven_by else ()),
        (_("Sertifikat sekarang"), now), (_("Tingkat"), _level(say, one.level)), (_("Cakupan"), _coverage(say, one)),
        *(((_("Gambar"), picture),) if one.pictures_on else ()),
        (_("Algoritma ringkasan"), one.digest_algorithm))


def _proven(say: Formatter, one: SignatureReport) -> str:
    _ = say.translations.gettext
    if one.proven_at is None or not one.proven_by:
        return _("belum ada bukti selain pemeriksaan ini")
    by = _(_PROVEN_BY[one.proven_by]) if one.proven_by in _PROVEN_BY else one.proven_by
    return f"{say.exact(one.proven_at)}\n" + _("dibuktikan oleh %(by)s") % {"by": by}


def _level(say: Formatter, level: str) -> str:
    if level.startswith("B-"):
        return f"PAdES {level}"
    _ = say.translations.gettext
    return _("%(level)s (bukan PAdES)") % {"level": level} if level else _("bukan PAdES")


def _coverage(say: Formatter, one: SignatureReport) -> str:
    _ = say.translations.gettext
    if one.covers_whole_file:
        return _("seluruh berkas")
    passed = one.indication is Indication.TOTAL_PASSED
    text = (_("%(bytes)s B pertama; sesudahnya hanya tanda tangan, stempel waktu, dan data validasinya") if passed
            else _("%(bytes)s B pertama; sesudahnya ada tambahan"))
    return text % {"bytes": say.number(one.covered_bytes)}


def _revoked(say: Formatter, at: datetime) -> str:
    return say.translations.gettext("dicabut sejak %(at)s") % {"at": say.exact(at)}


def _claimed(say: Formatter, one: SignatureReport) -> str:
    if one.claimed_at is None:
        return "-"
    _ = say.translations.gettext
    fault = _CLAIM_FAULT.get(one.claim_fault)
    at = say.exact(one.claimed_at)
    return _("tidak dapat dipercaya: %(at)s %(why)s") % {"at": at, "why": _(fault)} if fault else at


def _failed_rows(say: Formatter, one: SignatureReport) -> Rows:
    """A failed signature claims; nothing of it is told as if it were proven."""
    _ = say.translations.gettext
    revoked = ((_("Status sertifikat"), _revoked(say, one.revoked_at)),) if one.revoked_at is not None else ()
    return (
        (_("Hasil"), _outcome(one.indication.value, one.sub_indication or "")),
        (_("Terbukti"),
         _("tidak ada; keterangan berikut hanya yang tertulis pada tanda tangan yang tidak sah ini")),
        (_("Waktu menurut tanda tangan"), _claimed(say, one)),
        (_("Subjek sertifikat"), _text(one.signer_dn)), (_("Penerbit sertifikat"), _text(one.issuer)),
        (_("Nomor seri"), one.serial), *revoked, (_("Algoritma ringkasan"), one.digest_algorithm))


def _stamp_rows(say: Formatter, one: TimestampReport) -> Rows:
    _ = say.translations.gettext
    outcome = _outcome(one.indication.value, one.sub_indication or "")
    if one.indication is Indication.TOTAL_FAILED:
        return ((_("Hasil"), outcome), (_("Waktu menurut stempel"), say.exact(one.at)),
                (_("Otoritas menurut stempel"), _text(one.authority)))
    return ((_("Waktu"), say.exact(one.at)), (_("Otoritas"), _text(one.authority)), (_("Hasil"), outcome),
            (_("Sertifikatnya berlaku sampai"), say.exact(one.valid_to)),
            (_("Cakupan"), _("seluruh berkas") if one.covers_whole_file else _("berkas sampai stempel ini")))


def _outcome(indication: str, sub_indication: str) -> str:
    return f"{indication} / {sub_indication}" if sub_indication else indication
