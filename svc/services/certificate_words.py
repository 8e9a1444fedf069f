"""Why a certificate cannot sign, in the signer's words, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs import errors
from certs.names import shown
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
_LONGEST = 200
_OFFICE = (NameOID.TITLE, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME)


def common_name(name: x509.Name) -> str:
    """The name that a person reads; empty if there is none."""
    return _first(name, NameOID.COMMON_NAME)


def holder_words(subject: x509.Name, label: str = "") -> tuple[str, str]:
    """Whom a certificate names, and as what (position, unit, organisation); ``label`` where it names nobody."""
    office = dict.fromkeys(part for part in (_first(subject, kind) for kind in _OFFICE) if part)
    return common_name(subject) or label, ", ".join(office)


def _first(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(kind)
    return shown(str(found[0].value).strip(), _LONGEST) if found else ""


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
