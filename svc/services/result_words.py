"""Why nothing was signed, or why a result does not hold, or not yet, in words; the codes stand in the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from svc.catalogues import N_

_FOREIGN = N_("Penyelenggara mengembalikan berkas yang bukan naskah ini. Berkas itu ditolak dan disimpan sebagai "
              "bukti: %(subject)s")
_TOLD: Mapping[str, str] = {
    "result_not_ours": _FOREIGN,
    "NOT_AN_EXTENSION": _FOREIGN,
    "NOT_AS_ASKED": N_("Penyelenggara mengembalikan tanda tangan yang lain dari yang diminta. Hasilnya ditolak dan "
                       "disimpan sebagai bukti: %(subject)s"),
    "SIGNED_AS_ANOTHER": N_("Penyelenggara menandatangani dengan sertifikat atas nama %(found)s, bukan nama penanda "
                            "tangannya. Hasilnya ditolak dan disimpan sebagai bukti: %(subject)s"),
    "TOO_LATE": N_("Hasil tanda tangan tiba sesudah tindakannya dinyatakan tidak jadi, jadi ditolak dan disimpan "
                   "sebagai bukti: %(subject)s"),
}
_TOLD_OTHERWISE = N_("Tanda tangan dari penyelenggara tidak lolos pemeriksaan. Hasilnya ditolak dan disimpan sebagai "
                     "bukti: %(subject)s")
_UNPROVEN: Mapping[str, str] = {
    "NOT_AN_EXTENSION": N_("Yang dihasilkan bukan naskah ini dengan satu tanda tangan lagi, jadi naskah belum "
                           "ditandatangani. Hubungi administrator."),
    "NOT_AS_ASKED": N_("Tanda tangan yang dihasilkan lain dari yang diminta, jadi naskah belum ditandatangani. Hubungi "
                       "administrator."),
    "EXPIRED": N_("Sertifikat penanda tangan sudah berakhir ketika tanda tangan dibuat, jadi naskah belum "
                  "ditandatangani. Hubungi administrator."),
    "REVOKED": N_("Sertifikat penanda tangan sudah dicabut ketika tanda tangan dibuat, jadi naskah belum "
                  "ditandatangani. Hubungi administrator."),
}
_CLOCKS = N_(
    "Tanda tangan sudah dibuat dan disimpan, tetapi waktu di dalamnya mendahului jam layanan ini. Jangan ulangi: "
    "layanan memeriksanya kembali sendiri. Bila tetap demikian, minta administrator memeriksa jam peladen.")
_PENDING: Mapping[str, str] = {
    "TRY_LATER": N_("Tanda tangan sudah dibuat dan disimpan, tetapi belum dapat dibuktikan: daftar pencabutan "
                    "sertifikat yang terbaru belum tersedia. Jangan ulangi: layanan memeriksanya kembali sendiri. "
                    "Bila tetap demikian, hubungi administrator."),
    "NO_CERTIFICATE_CHAIN_FOUND": N_(
        "Tanda tangan sudah dibuat dan disimpan, tetapi belum dapat dibuktikan: penerbit sertifikatnya belum "
        "dipercaya di sini. Jangan ulangi; minta administrator memeriksa jangkar kepercayaan, lalu layanan "
        "menyelesaikannya sendiri."),
    "NOT_READ": N_("Tanda tangan sudah dibuat dan disimpan, tetapi belum dapat diperiksa: pemeriksaan berkas sedang "
                   "penuh, atau berkasnya terlalu berat. Jangan ulangi: layanan memeriksanya kembali sendiri. Bila "
                   "tetap demikian, hubungi administrator."),
    "NOT_YET_VALID": _CLOCKS,
    "TIMESTAMP_ORDER_FAILURE": _CLOCKS,
}

_NOT_READY: Mapping[str, str] = {
    "NOT_REGISTERED": N_(
        "Penyelenggara tidak mengenal Anda (NIK atau alamat surel belum terdaftar di sana). Daftarkan diri Anda pada "
        "verifikator sertifikat di instansi Anda."),
    "NIK_NEEDED": N_(
        "BSrE yang disetel di sini (API versi 1) hanya mengenal NIK, sedangkan Anda terdaftar di sini dengan alamat "
        "surel. Minta administrator mendaftarkan NIK Anda."),
    "NO_CERTIFICATE": N_(
        "Anda terdaftar pada penyelenggara, tetapi belum memiliki sertifikat. Terbitkan dahulu di sana."),
    "NEW": N_(
        "Akun Anda pada penyelenggara belum selesai dibuat. Selesaikan pendaftarannya di sana."),
    "WAITING_FOR_VERIFICATION": N_(
        "Pendaftaran Anda pada penyelenggara masih menunggu verifikasi. Hubungi verifikator sertifikat "
        "di instansi Anda."),
    "EXPIRED": N_(
        "Sertifikat Anda pada penyelenggara sudah berakhir. Perbarui di sana, lalu tanda tangani "
        "kembali."),
    "RENEW": N_(
        "Sertifikat Anda pada penyelenggara sedang diperbarui. Selesaikan pembaruannya di sana."),
    "SUSPEND": N_(
        "Akun Anda pada penyelenggara ditangguhkan. Hubungi verifikator sertifikat di instansi Anda."),
    "REVOKE": N_(
        "Sertifikat Anda pada penyelenggara sudah dicabut. Hubungi verifikator sertifikat di instansi "
        "Anda."),
}


def refusal_notice(why: str) -> str:
    """The msgid of the notice about bytes that were refused; ``subject`` and ``found`` fill it."""
    return _TOLD.get(why, _TOLD_OTHERWISE)


def unproven(why: str) -> str | None:
    """What the signer reads about a result that does not hold, or None where only its code can be told."""
    return _UNPROVEN.get(why)


def pending(why: str) -> str | None:
    """The same about one that may still be proven."""
    return _PENDING.get(why)


def not_ready(status: str) -> str | None:
    """What the signer reads when the provider knows no usable certificate of his, by its word for that."""
    return _NOT_READY.get(status)
