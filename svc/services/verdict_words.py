"""The one sentence that a verification says, in one of five colours; never more than what was computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from certs import unreadable
from certs.validation import Indication, Report, SignatureReport, TimestampReport
from svc.catalogues import N_


class Tone(StrEnum):
    """Colours as the ``verdict`` class of the pages names them."""

    GREEN = "green"
    BLUE = "blue"
    AMBER = "amber"
    GREY = "neutral"
    RED = "red"


@dataclass(frozen=True)
class Sentence:
    """``text`` is an Indonesian msgid whose placeholders ``params`` fill; so is ``more`` (no placeholders)."""

    tone: Tone
    text: str
    params: Mapping[str, str] = field(default_factory=dict)
    more: str = ""

    def said(self, say: Callable[[str], str]) -> str:
        """The text with its parameters, as ``say`` words msgids."""
        return say(self.text) % self.params if self.params else say(self.text)


GENUINE = Sentence(
    Tone.GREEN, N_("Asli dan berlaku"),
    more="Tanda tangan elektroniknya sah, berkasnya tidak berubah, dan naskah ini terdaftar serta berlaku.")
EXTENDED = Sentence(
    Tone.AMBER, N_("Asli dengan tambahan: unduh yang asli"),
    more="Berkas ini memuat naskah yang asli, tetapi setelah ditandatangani ada yang ditambahkan kepadanya.")
EXTENDED_CHANGED = Sentence(
    Tone.AMBER, N_("Asli dengan tambahan, dan naskahnya tidak berlaku lagi seperti semula"),
    more="Berkas ini memuat naskah yang asli, tetapi setelah ditandatangani ada yang ditambahkan kepadanya. Apa yang "
         "terjadi dengan naskahnya sejak itu tertulis pada status hukumnya di bawah.")
EXTENDED_NOT_ISSUED = Sentence(
    Tone.AMBER, N_("Belum terbit, dan berkas ini memuat tambahan setelah tanda tangan"),
    more="Naskahnya sudah ditandatangani tetapi belum terbit, dan berkas ini bukan berkas yang ditandatangani itu: ada "
         "yang ditambahkan kepadanya.")
CHANGED = Sentence(
    Tone.RED, N_("Berubah setelah ditandatangani"),
    more="Isi berkas ini bukan lagi yang ditandatangani. Jangan dipakai; mintalah naskah yang asli.")
_GENUINE_FILE = (
    "Tanda tangan elektroniknya sah dan berkasnya tidak berubah, tetapi isinya tidak berlaku lagi seperti semula.")
_REVOKED, _REVOKED_BY = N_("Asli, tetapi telah dicabut"), N_("Asli, tetapi telah dicabut oleh %(by)s")
_NOT_IN_FORCE = "Tanda tangan elektroniknya sah dan berkasnya tidak berubah, tetapi naskah ini tidak berlaku lagi."
_ENDED = N_("Asli, tetapi masa berlakunya sudah berakhir")
_AMENDED, _AMENDED_BY = N_("Asli, tetapi telah diubah"), N_("Asli, tetapi telah diubah oleh %(by)s")

_PARENT_REVOKED = (
    N_("Asli, tetapi keputusan induknya telah dicabut"),
    N_("Asli, tetapi keputusan induknya telah dicabut oleh %(by)s"))
_PARENT_AMENDED = (
    N_("Asli, tetapi keputusan induknya telah diubah"), N_("Asli, tetapi keputusan induknya telah diubah oleh %(by)s"))

NOT_ISSUED = N_("Tanda tangannya sah, tetapi naskah ini belum terbit")
NOT_ISSUED_MORE = "Berkasnya tidak berubah sejak ditandatangani. Naskah ini belum dapat dipakai: tunggu sampai terbit."
NOT_SIGNED = N_("Tidak dapat dibuktikan, karena naskah ini belum ditandatangani")
NOT_PURSUED = N_("Tidak dapat dibuktikan, karena naskah ini tidak jadi diterbitkan")
ON_PAPER = N_("Tidak dapat dibuktikan, karena ditandatangani di atas kertas; tidak ada tanda tangan elektronik")
STORED_DIFFERS = N_("Tidak dapat dibuktikan, karena berkas yang tersimpan tidak sama dengan yang tercatat")
NOT_REGISTERED = N_("Tidak dapat dibuktikan, karena berkas ini tidak terdaftar di sini")
VALID_ELSEWHERE = "Tanda tangan elektronik di dalamnya sah, tetapi naskahnya bukan terbitan layanan ini."
TAIL_UNSIGNED = N_("Tidak dapat dibuktikan, karena sebagian berkas ini tidak dicakup tanda tangan mana pun")
OWN_REPORT = N_("Ini laporan pemeriksaan dari layanan ini, bukan naskah dinas")
_PARTLY = N_("%(signed)s dari %(total)s tanda tangan; naskah belum terbit")
_PARTLY_THEN = N_("%(signed)s dari %(total)s tanda tangan; mintalah naskah yang sudah lengkap")
_PARTLY_MORE = "Tanda tangan yang sudah ada sah dan berkasnya tidak berubah, tetapi belum semua pihak menandatangani."
_BECAUSE: Mapping[str, str] = {
    "NO_SIGNATURE": N_("Tidak dapat dibuktikan, karena berkas ini tidak memuat tanda tangan elektronik"),
    "FORMAT_FAILURE": N_("Tidak dapat dibuktikan, karena berkas ini tidak dapat dibaca sebagai PDF yang utuh"),
    "NO_CERTIFICATE_CHAIN_FOUND": N_("Tidak dapat dibuktikan, karena penerbit sertifikatnya tidak dikenal di sini"),
    "REVOKED_NO_POE":
        N_("Tidak dapat dibuktikan, karena sertifikatnya dicabut dan waktu tanda tangannya tidak terbukti"),
    "REVOKED_CA_NO_POE":
        N_("Tidak dapat dibuktikan, karena sertifikat penerbitnya dicabut dan waktu tanda tangannya tidak terbukti"),
    "OUT_OF_BOUNDS_NO_POE":
        N_("Tidak dapat dibuktikan, karena sertifikatnya sudah berakhir dan masa berlakunya saat itu tidak terbukti"),
    "EXPIRED":
        N_("Tidak dapat dibuktikan, karena sertifikatnya sudah berakhir sebelum waktu tanda tangan yang terbukti"),
    "REVOKED": N_("Tidak dapat dibuktikan, karena sertifikatnya sudah dicabut ketika tanda tangan dibuat"),
    "NOT_YET_VALID": N_("Tidak dapat dibuktikan, karena sertifikatnya belum berlaku ketika tanda tangan dibuat"),
    "REVOCATION_OUT_OF_BOUNDS_NO_POE":
        N_("Tidak dapat dibuktikan, karena data pencabutannya berasal dari penerbit yang masa berlakunya lewat"),
    "TIMESTAMP_ORDER_FAILURE":
        N_("Tidak dapat dibuktikan, karena waktu pada stempel-stempel waktunya saling bertentangan"),
    "CHAIN_CONSTRAINTS_FAILURE":
        N_("Tidak dapat dibuktikan, karena sertifikatnya atau penerbitnya tidak boleh dipakai seperti ini"),
    "CERTIFICATE_CHAIN_GENERAL_FAILURE":
        N_("Tidak dapat dibuktikan, karena rantai sertifikatnya tidak lolos pemeriksaan"),
    "CRYPTO_CONSTRAINTS_FAILURE": N_("Tidak dapat dibuktikan, karena algoritma atau kuncinya terlalu lemah"),
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE":
        N_("Tidak dapat dibuktikan, karena algoritmanya kini lemah dan waktu tanda tangannya tidak terbukti"),
    "TRY_LATER": N_("Tidak dapat dibuktikan, karena daftar pencabutan sertifikat yang terbaru belum tersedia"),
    "SIG_CONSTRAINTS_FAILURE":
        N_("Tidak dapat dibuktikan, karena berkas memuat bagian yang tidak dicakup tanda tangannya"),
}
# Why a file is no PDF that can be judged, by the code of its finding, with what to do about it.
_UNREADABLE: Mapping[str, tuple[str, str]] = {
    unreadable.PICTURE: (
        N_("Tidak dapat dibuktikan, karena berkas ini gambar, bukan PDF"),
        "Foto dan pindaian tidak memuat tanda tangan elektronik. Pindai kode QR di lembarnya, atau unggah PDF-nya."),
    unreadable.WORD: (
        N_("Tidak dapat dibuktikan, karena berkas ini dari pengolah kata (Word), bukan PDF"),
        "Naskah yang ditandatangani selalu berupa PDF. Mintalah PDF yang asli; jangan ubah berkas ini menjadi PDF."),
    unreadable.TEXT: (
        N_("Tidak dapat dibuktikan, karena berkas ini teks biasa, bukan PDF"),
        "Naskah yang ditandatangani selalu berupa PDF. Mintalah PDF yang asli."),
    unreadable.OTHER: (
        N_("Tidak dapat dibuktikan, karena berkas ini bukan PDF"),
        "Naskah yang ditandatangani selalu berupa PDF. Mintalah PDF yang asli."),
    unreadable.TRUNCATED: (
        N_("Tidak dapat dibuktikan, karena berkas PDF ini terpotong atau rusak di ujungnya"),
        "Biasanya karena unduhan atau salinannya terputus. Unduh atau mintalah sekali lagi."),
    unreadable.ENCRYPTED: (
        N_("Tidak dapat dibuktikan, karena PDF ini dilindungi sandi"),
        "Mintalah PDF asli yang tanpa sandi; membuka sandinya sendiri mengubah berkas dan merusak tanda tangannya."),
    unreadable.TOO_LONG: (
        N_("Tidak dapat dibuktikan, karena membaca berkas ini jauh lebih lama daripada naskah yang wajar"),
        "Pemeriksaannya dihentikan. Mintalah naskah yang asli dari penerbitnya, atau pindai kode QR di lembarnya."),
    unreadable.TOO_MUCH: (
        N_("Tidak dapat dibuktikan, karena berkas ini menghabiskan memori atau menghentikan pembacanya"),
        "Naskah yang wajar tidak begitu. Mintalah yang asli dari penerbitnya, atau pindai kode QR di lembarnya."),
}
_STAMP_REVOKED = N_("Tidak dapat dibuktikan, karena sertifikat stempel waktunya dicabut")
_BECAUSE_OTHER = N_("Tidak dapat dibuktikan, karena tanda tangannya tidak lolos pemeriksaan")
_OF_THE_FILE = frozenset({"FORMAT_FAILURE", "SIG_CONSTRAINTS_FAILURE"})
# What proves that the signed bytes are others, not merely that a certificate is unfit.
_PROVES_CHANGE = frozenset({"HASH_FAILURE", "SIG_CRYPTO_FAILURE"})


def grey(text: str, more: str = "") -> Sentence:
    return Sentence(Tone.GREY, text, more=more)


def of_failure(report: Report) -> Sentence:
    """The sentence for signatures that did not all pass."""
    if report.indication is Indication.TOTAL_FAILED and report.sub_indication in _PROVES_CHANGE:
        return CHANGED
    for finding in report.findings if report.sub_indication == "FORMAT_FAILURE" else ():
        if finding.code in _UNREADABLE:
            return grey(*_UNREADABLE[finding.code])
    if report.sub_indication == "REVOKED_NO_POE" and not any(one.revoked_at for one in report.signatures):
        return grey(_STAMP_REVOKED)
    if report.sub_indication in _OF_THE_FILE and not _is_file_at_fault(report):
        return grey(_BECAUSE_OTHER)
    return grey(_BECAUSE.get(report.sub_indication or "", _BECAUSE_OTHER))


def _is_file_at_fault(report: Report) -> bool:
    """Whether it is the file that cannot be read or is not covered, and not a signature's own container, its references
    or its time stamp, for which the same sub-indications stand."""
    if report.findings or not report.signatures:
        return True
    proofs: list[SignatureReport | TimestampReport] = [*report.signatures, *report.timestamps]
    return report.sub_indication == "SIG_CONSTRAINTS_FAILURE" and not all(
        one.covers_whole_file for one in proofs if one.sub_indication == report.sub_indication)


def of_partly_signed(signed: int, total: int, *, is_complete: bool) -> Sentence:
    """The sentence for our own file between two signatures; ``is_complete``: all have signed another by now."""
    return Sentence(Tone.GREY, _PARTLY_THEN if is_complete else _PARTLY, {"signed": str(signed), "total": str(total)},
                    _PARTLY_MORE)


def of_legal_status(status: str, superseded_by: str | None) -> Sentence:
    """The sentence for a registered, valid file by its legal status."""
    if status == "in_force":
        return GENUINE
    if status == "expired":
        return Sentence(Tone.BLUE, _ENDED, more=_NOT_IN_FORCE)
    if status not in {"revoked", "amended"}:
        return grey(NOT_ISSUED, NOT_ISSUED_MORE)
    return _of_change(status, superseded_by, (_REVOKED, _REVOKED_BY), (_AMENDED, _AMENDED_BY))


def of_parent_status(status: str, superseded_by: str | None) -> Sentence:
    """The sentence for a valid excerpt or copy of a decree that was revoked or amended."""
    return _of_change(status, superseded_by, _PARENT_REVOKED, _PARENT_AMENDED)


def _of_change(status: str, superseded_by: str | None, revoked: tuple[str, str], amended: tuple[str, str]) -> Sentence:
    plain, named = revoked if status == "revoked" else amended
    more = _NOT_IN_FORCE if status == "revoked" else _GENUINE_FILE
    if superseded_by:
        return Sentence(Tone.BLUE, named, {"by": superseded_by}, more)
    return Sentence(Tone.BLUE, plain, more=more)
