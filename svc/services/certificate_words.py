"""Why a certificate cannot sign, in the signer's words, with what to do about it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from certs import errors
from svc.errors import CredentialUnusable

_OTHER = "Sertifikat Anda tidak dapat dipakai untuk menandatangani. Hubungi administrator."
_WORDS: dict[type[errors.CannotSign], str] = {
    errors.CertificateExpired:
        "Sertifikat Anda berakhir pada %(at)s. Terbitkan atau impor sertifikat baru, lalu tanda tangani.",
    errors.CertificateNotYetValid:
        "Sertifikat Anda baru berlaku mulai %(at)s. Gunakan sertifikat lain atau tunggu sampai saat itu.",
    errors.CertificateRevoked:
        "Sertifikat Anda dicabut pada %(at)s. Terbitkan atau impor sertifikat baru, lalu tanda tangani.",
    errors.KeyUsageUnfit: "Sertifikat Anda bukan sertifikat untuk menandatangani dokumen. Impor sertifikat lain.",
    errors.KeyMismatch: "Kunci yang tersimpan bukan kunci sertifikat ini. Impor ulang sertifikat Anda.",
    errors.CertificateUntrusted:
        "Penerbit sertifikat Anda tidak ada dalam daftar yang dipercaya. Hubungi administrator.",
    errors.WeakKey: "Kunci sertifikat Anda terlalu lemah. Terbitkan atau impor sertifikat yang lebih kuat.",
}


def unusable(error: errors.CannotSign, zone: ZoneInfo) -> CredentialUnusable:
    """The user's error for a refusal of ``certs.checks``; times are in the province's zone."""
    text = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), _OTHER)
    moment = getattr(error, "at", None)
    if moment is None:
        return CredentialUnusable(text)
    return CredentialUnusable(text, params={"at": moment.astimezone(zone).strftime("%d-%m-%Y %H:%M")})
