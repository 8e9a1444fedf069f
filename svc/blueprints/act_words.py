"""Words for the codes with which an act of signing ends without a signature, as a decree's history shows them."""

from __future__ import annotations

from flask_babel import gettext as _

from svc.errors import AppError


def release_words(code: str) -> str:
    """Why an act gave its decree back, as one sentence in the reader's language."""
    return release_titles().get(code) or message_of(code) or _(
        "Sebab dengan kode %(code)s. Laporkan kode ini kepada administrator.", code=code)


def release_titles() -> dict[str, str]:
    """Sentences by code. They are read later and by others than the signer, so they address nobody."""
    over = _("Persetujuan tanda tangan itu tidak berlaku lagi sebelum naskah ini ditandatangani.")
    silent = _("Layanan tanda tangan tidak menjawab.")
    unfit = _("Sertifikat penanda tangan tidak dapat dipakai saat itu.")
    host = _("Proses penanda tangan berhenti menjawab.")
    unsignable = _("Berkas naskah ini tidak dapat ditandatangani.")
    another = _("Penyelenggara menandatangani dengan sertifikat atas nama orang lain; hasilnya ditolak.")
    failed = _("Penandatanganan gagal; tidak ada tanda tangan yang dibuat.")
    return {
        "abandoned": _("Hasilnya tidak diketahui, dan penanda tangan menyatakannya tidak jadi."),
        "interrupted": _("Terhenti di tengah jalan; tidak ada tanda tangan yang ditemukan."),
        "not_tried": _("Belum sempat ditandatangani."),
        "step_up_failed": _("Kata sandi atau PIN ditolak."),
        "wrong_code": _("Kode sekali pakai ditolak."),
        "wrong_totp": _("Kode autentikator atau kunci sandi (passkey) ditolak."),
        "activation_refused": _("Kata sandi, PIN, atau kode ditolak."),
        "code_not_sent": _("Penyelenggara tidak mengirim kode sekali pakai."),
        "too_many_attempts": _("Terlalu banyak percobaan dalam waktu singkat."),
        "credential_locked": _("Sertifikat penanda tangan terkunci karena salah berulang kali."),
        "credential_unusable": unfit, "signer_not_ready": unfit, "backend_not_set_up": unfit,
        "cannot_sign": unfit, "certificate_not_yet_valid": unfit, "key_usage_unfit": unfit, "key_mismatch": unfit,
        "certificate_untrusted": unfit, "weak_key": unfit,
        "certificate_revoked": _("Sertifikat penanda tangan dicabut."),
        "certificate_expired": _("Masa berlaku sertifikat penanda tangan sudah habis."),
        "backend_unavailable": silent, "signer_unavailable": silent,
        "backend_refused": _("Penyelenggara sertifikat menolak naskah ini."),
        "signing_host_down": host, "signing_host_unavailable": host,
        "timestamp_unavailable": _("Layanan stempel waktu tidak menjawab."),
        "storage_unavailable": _("Penyimpanan berkas tidak menjawab."),
        "service_unavailable": _("Bagian dari layanan tidak menjawab."),
        "trust_folder_unusable": _("Berkas kepercayaan di server tidak dapat dibaca."),
        "integrity_violation": _("Berkas di penyimpanan tidak sama dengan yang tercatat."),
        "document_changed": _("Naskahnya berubah sejak ditampilkan kepada penanda tangan."),
        "named_otherwise": _("Blok tanda tangannya menyebut pejabat lain."),
        "date_changed": _("Hari berganti sebelum naskah ini ditandatangani."),
        "holding_ended": _("Penanda tangan tidak memegang jabatan itu lagi."),
        "authorisation_over": over, "authorisation_expired": over, "authorisation_spent": over,
        "authorisation_error": over,
        "not_authorised": _("Naskah ini tidak termasuk daftar yang disetujui penanda tangan."),
        "signature_not_proven": _("Tanda tangan yang dihasilkan tidak lolos pemeriksaan."),
        "signed_as_another": another,
        "result_not_ours": _("Penyelenggara mengembalikan berkas yang bukan naskah ini; hasilnya ditolak."),
        "proof_pending": _("Tanda tangan sudah dibuat, tetapi belum dapat dibuktikan."),
        "signing_unfinished": _("Tanda tangan sudah dibuat, tetapi pencatatannya tidak selesai."),
        "outcome_unknown": _("Jawaban penyelenggara tidak sampai, jadi hasilnya tidak diketahui."),
        "document_unsignable": unsignable, "level_unsupported": unsignable, "field_name_taken": unsignable,
        "already_signed": unsignable,
        "algorithm_ended": _("Stempel waktunya memakai algoritma atau kunci yang tidak dipercaya lagi."),
        "signing_failed": failed, "backend_error": failed, "check_failed": failed, "not_our_shape": failed,
        "model_unfit": failed, "model_outdated": failed,
    }


def message_of(code: str) -> str:
    """The words of the error with that code, if they stand alone; else empty."""
    todo: list[type[AppError]] = [AppError]
    while todo:
        one = todo.pop()
        if one.code == code and "%(" not in one.message and one is not AppError:
            return str(_(one.message))
        todo += one.__subclasses__()
    return ""
