"""Words for what happens to batches and to their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_babel import gettext as _

from svc.blueprints.act_words import message_of
from svc.kinds import Kind
from svc.services.batches.page import RowItem
from svc.sheet_columns import EMAIL, EMAIL_COLUMN, columns_of

Problem = tuple[str, str]  # title of the field (may be empty), and what is wrong


def event_titles() -> dict[str, str]:
    """Words for the types of events in a batch's record; what is not named here is shown by its type."""
    return {
        "batch_created": _("Kelompok dibuat"),
        "sheet_uploaded": _("Lembar diunggah"),
        "rows_put": _("Baris dimasukkan"),
        "row_changed": _("Isi baris diubah"),
        "row_dropped": _("Baris dihapus"),
        "faulty_rows_dropped": _("Baris bermasalah dihapus"),
        "batch_submitted": _("Diajukan"),
        "batch_discarded": _("Dibuang"),
        "batch_paraf_given": _("Diparaf"),
        "batch_initialled": _("Paraf tercatat pada semua naskah"),
        "rows_excluded": _("Baris dikeluarkan"),
        "batch_given_back": _("Dikembalikan untuk perbaikan"),
        "batch_withdrawn": _("Ditarik kembali"),
        "batch_frozen": _("Bernomor dan dibekukan"),
        "batch_authorised": _("Penandatanganan diotorisasi"),
        "batch_paused": _("Penandatanganan dijeda"),
        "batch_resumed": _("Penandatanganan dilanjutkan"),
        "batch_cancelled": _("Penandatanganan dihentikan"),
        "batch_signed": _("Penandatanganan berakhir"),
        "batch_issue_ordered": _("Penerbitan dimulai"),
        "signatures_found": _("Tanda tangan yang tertunda ditemukan"),
        "rows_retried": _("Baris gagal diulang"),
        "batch_finished": _("Selesai"),
        "batch_receipt_made": _("Tanda terima dibuat"),
    }


def failure_words(code: str) -> str:
    """Why a row failed, or why signing stopped, and what to do."""
    over = _("Otorisasi berakhir sebelum semua naskah ditandatangani. Yang sudah ditandatangani tetap sah; otorisasi "
             "baru mencakup sisanya.")
    special = {
        "outcome_unknown": _("Hasilnya belum dapat dipastikan: jawaban penyelenggara tidak sampai, atau tanda tangannya"
                             " belum dapat dibuktikan. Layanan memeriksanya sendiri; jangan menandatanganinya di "
                             "tempat lain."),
        "interrupted": _("Terhenti di tengah jalan; belum ada tanda tangan. Ulangi baris ini."),
        "document_changed": _("Naskahnya berubah sejak daftar ini dibekukan. Ulangi baris ini."),
        "date_changed": _("Hari berganti sebelum semua naskah ditandatangani. Yang sudah ditandatangani tetap sah; "
                          "sisanya ditata ulang dengan tanggal hari ini, lalu memerlukan otorisasi baru."),
        "not_tried": _("Belum sempat ditandatangani."),
        "authorisation_over": over, "authorisation_expired": over,
        "not_authorised": _("Naskah ini tidak termasuk daftar yang diotorisasi. Ulangi baris ini."),
        "authorisation_spent": _("Naskah ini sudah dicoba dengan otorisasi yang sama. Ulangi baris ini."),
        "certificate_revoked": _("Sertifikat penanda tangan dicabut. Yang ditandatangani sebelumnya tetap sah; sisanya "
                                 "menunggu sertifikat baru dan otorisasi baru, atau kelompok ini diakhiri."),
        "holding_ended": _("Penanda tangan tidak memegang jabatan ini lagi. Yang sudah ditandatangani tetap sah; "
                           "pemegang jabatan yang baru menandatangani sisanya, atau kelompok ini diakhiri."),
        "signing_host_down": _("Proses penanda tangan berhenti menjawab. Yang sudah ditandatangani tetap sah; "
                               "otorisasi baru mencakup sisanya."),
        "signing_host_unavailable": _("Proses penanda tangan sedang tidak menjawab."),
        "step_up_failed": _("Kata sandi atau PIN ditolak pada tanda tangan pertama; satu percobaan terpakai dan tidak "
                            "ada lagi yang dicoba."),
        "activation_refused": _("Kata sandi, PIN, atau kode ditolak; tidak ada lagi yang dicoba."),
        "signer_not_ready": _("Penyelenggara menyatakan sertifikat Anda tidak dapat dipakai sekarang. Periksa "
                              "statusnya di akun Anda pada penyelenggara, atau hubungi verifikator sertifikat di "
                              "instansi Anda."),
        "backend_refused": _("Penyelenggara menolak naskah ini; belum ada tanda tangan. Ulangi baris ini, dan bila "
                             "tetap ditolak hubungi administrator."),
        "signer_unavailable": _("Layanan tanda tangan tidak menjawab. Coba lagi beberapa saat lagi."),
    }
    return special.get(code) or message_of(code) or _("Gagal (kode %(code)s). Laporkan kode ini kepada administrator.",
                                                    code=code)


def row_failures(rows: Iterable[RowItem]) -> dict[int, str]:
    """Why each failed row failed, by its number."""
    return {row.row_no: failure_words(row.error_code) for row in rows if row.error_code}


def problem_lines(kind: Kind, rows: Iterable[RowItem]) -> dict[int, tuple[Problem, ...]]:
    """What is wrong with rows, by their number, each with the title of its field."""
    titles = field_titles(kind)
    return {row.row_no: tuple((title_at(titles, one.path), one.said(_)) for one in row.problems)
            for row in rows if row.problems}


def field_titles(kind: Kind) -> dict[str, str]:
    """Titles of all fields and groups of a kind by their path without numbers, in the reader's language."""
    found = dict(_titles(kind.schema, ""))
    return {**found, **{_bare(column.path): _(column.title) for column in columns_of(kind)},
            EMAIL: _(EMAIL_COLUMN.title)}


def title_at(titles: Mapping[str, str], path: str) -> str:
    """The title of the field at a path, or of the nearest group that has one; empty for the whole row."""
    bare = _bare(path)
    while bare and bare not in titles:
        bare = bare.rpartition(".")[0]
    return titles.get(bare, "")


def _titles(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, sub in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        title = sub.get("title")
        if title:
            yield here, _(title)
        yield from _titles(sub, here)
        yield from _titles(sub.get("items", {}), here)


def _bare(path: str) -> str:
    return "".join(part.partition("]")[2] if index else part for index, part in enumerate(path.split("[")))
