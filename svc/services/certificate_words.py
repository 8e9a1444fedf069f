"""Why a certificate cannot sign, in the signer's words, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
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

_OTHER_UNFIT = "Sertifikat ini tidak dapat dipakai untuk menandatangani."
_UNFIT: dict[type[errors.CannotSign], str] = {
    errors.CertificateExpired: "Sertifikat ini berakhir pada %(at)s.",
    errors.CertificateNotYetValid: "Sertifikat ini baru berlaku mulai %(at)s.",
    errors.CertificateRevoked: "Sertifikat ini dicabut pada %(at)s.",
    errors.KeyUsageUnfit: "Sertifikat ini bukan sertifikat untuk menandatangani dokumen.",
    errors.CertificateUntrusted:
        "Penerbit sertifikat ini belum dipercaya. Sahkan penerbitnya di Administrasi, Kepercayaan, lalu ulangi.",
    errors.WeakKey: "Kunci sertifikat ini terlalu lemah untuk menandatangani.",
}


def unfit(error: errors.CannotSign, zone: ZoneInfo) -> CredentialUnusable:
    """The same of a certificate that somebody else may be about to register."""
    return _refusal(error, zone, _UNFIT, _OTHER_UNFIT)


def unusable(error: errors.CannotSign, zone: ZoneInfo) -> CredentialUnusable:
    """The user's error for a refusal of ``certs.checks``; times are in the province's zone."""
    return _refusal(error, zone, _WORDS, _OTHER)


def _refusal(error: errors.CannotSign, zone: ZoneInfo, known: Mapping[type[errors.CannotSign], str],
             other: str) -> CredentialUnusable:
    text = next((words for kind, words in known.items() if isinstance(error, kind)), other)
    moment = getattr(error, "at", None)
    if moment is None:
        return CredentialUnusable(text)
    return CredentialUnusable(text, params={"at": moment.astimezone(zone).strftime("%d-%m-%Y %H:%M")})
