"""What several blueprints put into the template of a decree's page."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from svc.blueprints.act_words import release_words
from svc.security import deps
from svc.services.decree_page import DecreeView


def decree_context(view: DecreeView) -> dict[str, Any]:
    """Template variables of ``decrees/show.html``."""
    kind = deps().kinds.get(view.kind)
    return {"decree": view, "kind": kind, "event_titles": event_titles(), "release_words": release_words}


def event_titles() -> dict[str, str]:
    """Words for the types of audit events; what is not named here is shown by its type."""
    return {
        "decree_drafted": _("Konsep dibuat"),
        "decree_uploaded": _("Berkas PDF diunggah sebagai konsep"),
        "decree_duplicated": _("Konsep dibuat dari salinan naskah lain"),
        "draft_saved": _("Konsep disimpan"),
        "submitted": _("Diajukan"),
        "task_opened": _("Menunggu tindakan"),
        "task_closed": _("Tindakan selesai"),
        "paraf_given": _("Diparaf"),
        "paraf_voided": _("Paraf versi lama tidak berlaku lagi"),
        "number_required": _("Nomor diminta"),
        "number_assigned": _("Nomor diberikan"),
        "number_voided": _("Nomor dibatalkan"),
        "document_refrozen": _("Tanggal disesuaikan dengan hari penandatanganan"),
        "returned": _("Dikembalikan untuk perbaikan"),
        "rejected": _("Ditolak"),
        "withdrawn": _("Ditarik kembali"),
        "discarded": _("Dibuang"),
        "task_reassigned": _("Tugas dialihkan"),
        "signing_claimed": _("Penandatanganan dimulai"),
        "signing_released": _("Penandatanganan tidak selesai"),
        "signing_outcome_unknown": _("Hasil penandatanganan belum diketahui"),
        "signing_abandoned": _("Tanda tangan yang hasilnya tidak diketahui dinyatakan tidak jadi"),
        "signing_result_refused": _("Hasil dari penyelenggara ditolak dan disimpan sebagai bukti"),
        "partly_signed": _("Satu tanda tangan diberikan; menunggu yang berikutnya"),
        "signed": _("Ditandatangani secara elektronik"),
        "signature_augmented": _("Bukti yang memperpanjang daya uji tanda tangan ditambahkan"),
        "distributed": _("Terbit dan dikirim"),
        "legal_status_changed": _("Status hukum diubah"),
        "paper_registered": _("Naskah bertanda tangan basah diregistrasi"),
    }
