"""What a signer is told of the secret that he typed, by where his key lies: each kind has a secret of another name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from svc.catalogues import N_


@dataclass(frozen=True)
class SecretWords:
    """Msgids. ``wrong`` has ``left`` and ``seconds`` to fill, ``wait`` has ``seconds``."""

    missing: str
    wrong: str
    wait: str
    locked: str
    told_locked: str


_STORED = SecretWords(
    missing=N_("Ketik kata sandi TTE Anda."),
    wrong=N_("Kata sandi TTE salah. Sisa percobaan: %(left)s. Tunggu %(seconds)s detik sebelum mencoba lagi."),
    wait=N_("Tunggu %(seconds)s detik sebelum mencoba kata sandi TTE lagi."),
    locked=N_("Sertifikat terkunci karena kata sandi TTE salah berulang kali. Hubungi administrator."),
    told_locked=N_("Sertifikat Anda terkunci karena kata sandi TTE salah berulang kali. Bila bukan Anda yang mencoba, "
                   "segera hubungi administrator."))
_ELSEWHERE: Mapping[str, SecretWords] = {
    "pkcs11": SecretWords(
        missing=N_("Ketik PIN token Anda."),
        wrong=N_("PIN token salah. Sisa percobaan: %(left)s. Tunggu %(seconds)s detik sebelum mencoba lagi."),
        wait=N_("Tunggu %(seconds)s detik sebelum mencoba PIN token lagi."),
        locked=N_("Sertifikat terkunci karena PIN token salah berulang kali. Hubungi administrator."),
        told_locked=N_("Sertifikat Anda terkunci karena PIN token salah berulang kali. Bila bukan Anda yang mencoba, "
                       "segera hubungi administrator.")),
    "csc": SecretWords(
        missing=N_("Ketik PIN penyelenggara Anda."),
        wrong=N_("PIN penyelenggara salah. Sisa percobaan: %(left)s. Tunggu %(seconds)s detik sebelum mencoba lagi."),
        wait=N_("Tunggu %(seconds)s detik sebelum mencoba PIN penyelenggara lagi."),
        locked=N_("Sertifikat terkunci karena PIN penyelenggara salah berulang kali. Hubungi administrator."),
        told_locked=N_("Sertifikat Anda terkunci karena PIN penyelenggara salah berulang kali. Bila bukan Anda yang "
                       "mencoba, segera hubungi administrator.")),
    "bsre": SecretWords(
        missing=N_("Ketik kata sandi penyelenggara Anda."),
        wrong=N_("Kata sandi penyelenggara salah. Sisa percobaan: %(left)s. Tunggu %(seconds)s detik sebelum mencoba "
                 "lagi."),
        wait=N_("Tunggu %(seconds)s detik sebelum mencoba kata sandi penyelenggara lagi."),
        locked=N_("Sertifikat terkunci karena kata sandi penyelenggara salah berulang kali. Hubungi administrator."),
        told_locked=N_("Sertifikat Anda terkunci karena kata sandi penyelenggara salah berulang kali. Bila bukan Anda "
                       "yang mencoba, segera hubungi administrator.")),
}


def words_of(backend: str) -> SecretWords:
    """The words for keys that lie there."""
    return _ELSEWHERE.get(backend, _STORED)
