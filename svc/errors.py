"""The one tree of errors that a user can meet: each has a stable code and an HTTP status.

Services raise these; the web shell turns them into a page, the API into one JSON shape, and the command
line into a line and an exit code. ``message`` is a gettext msgid in Indonesian that says what happened and
what to do next; ``params`` are its placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

_MOST_CAUSES = 5
_GENERAL = frozenset({"signing_failed", "service_unavailable"})  # codes that do not say what went wrong


class AppError(Exception):
    """Base of everything that is the user's to know. Never carries secrets."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    message: ClassVar[str] = "Permintaan tidak dapat diproses."

    def __init__(self, message: str | None = None, *, params: Mapping[str, object] | None = None) -> None:
        self.text = message or type(self).message
        self.params: Mapping[str, object] = dict(params or {})
        super().__init__(self.text % self.params if self.params else self.text)

    @property
    def is_fault(self) -> bool:
        """Whether a log needs the trace: something is broken here, or neither this error nor what it was raised from
        has a code that says what it is. All else is foreseen, and one line says it."""
        return self.status == 500 or (self.code in _GENERAL and not hasattr(self.__cause__, "code"))

    @property
    def causes(self) -> str:
        """What it was raised from, for logs: the codes, or the names of classes where those have none; no texts, since
        they may hold personal data."""
        told: list[str] = []
        cause = self.__cause__
        while cause is not None and len(told) < _MOST_CAUSES:
            told.append(str(getattr(cause, "code", "")) or type(cause).__name__)
            cause = cause.__cause__
        return " < ".join(told) or "-"


class Forbidden(AppError):
    code, status = "forbidden", 403
    message = "Jabatan Anda tidak berwenang untuk tindakan ini."


class NotFound(AppError):
    code, status = "not_found", 404
    message = "Yang Anda cari tidak ada, atau Anda tidak berhak melihatnya."


class NotAuthenticated(AppError):
    code, status = "not_authenticated", 401
    message = "Silakan masuk terlebih dahulu."


class Conflict(AppError):
    code, status = "conflict", 409
    message = "Keadaan naskah sudah berubah. Muat ulang halaman ini."


@dataclass(frozen=True)
class Change:
    """Something that happened since a page was made."""

    type: str
    at: datetime
    actor_name: str
    reason: str


class StaleTask(Conflict):
    """``changes`` are the events since the version that the page was made from, oldest first."""

    code = "stale_task"
    message = "Halaman yang Anda lihat sudah usang: naskah ini telah berubah sejak Anda membukanya."

    def __init__(self, changes: tuple[Change, ...] = (), decree_id: str = "") -> None:
        super().__init__()
        self.changes = changes
        self.decree_id = decree_id


class DocumentChanged(Conflict):
    code = "document_changed"
    message = "Naskah yang ditampilkan bukan lagi naskah yang akan ditandatangani. Muat ulang halaman ini."


class NotYourTask(Forbidden):
    code = "not_your_task"
    message = "Tugas ini tidak menunggu jabatan yang Anda pegang."


class SelfApproval(Forbidden):
    code = "self_approval"
    message = "Anda penyusun naskah ini; paraf dan tanda tangannya harus oleh orang lain."


class CapacityForbidden(Forbidden):
    code = "capacity_forbidden"
    message = "Naskah jenis ini tidak boleh ditandatangani oleh Plt. atau Plh."


class SameSigner(Forbidden):
    code = "same_signer"
    message = "Setiap tanda tangan pada naskah ini harus oleh orang yang berbeda, dari jabatan yang berbeda."


class AlreadySigned(Conflict):
    code = "already_signed"
    message = ("Naskah ini sudah memuat tanda tangan, jadi tidak dapat lagi diubah, dikembalikan, ditarik kembali, "
               "atau dialihkan.")


class PartOfBatch(Conflict):
    code = "part_of_batch"
    message = "Naskah ini bagian dari sebuah kelompok; tindakan atasnya dilakukan di halaman kelompok."


class RouteUnusable(Conflict):
    code = "route_unusable"
    message = "Alur naskah ini menunjuk jabatan yang tidak ada atau kosong. Hubungi administrator."


class InvalidInput(AppError):
    """Bad input, with one message per field (``field`` is a path such as ``data.pegawai[0].nip``)."""

    code, status = "invalid_input", 422
    message = "Ada isian yang perlu diperbaiki."

    def __init__(self, message: str | None = None, *, fields: Mapping[str, str] | None = None,
                 params: Mapping[str, object] | None = None) -> None:
        super().__init__(message, params=params)
        self.fields: Mapping[str, str] = dict(fields or {})


class TooManyAttempts(AppError):
    code, status = "too_many_attempts", 429
    message = "Terlalu banyak percobaan. Tunggu sebentar, lalu coba lagi."


class StepUpFailed(AppError):
    code, status = "step_up_failed", 403
    message = "Kata sandi TTE salah."


class CredentialLocked(AppError):
    code, status = "credential_locked", 423
    message = "Sertifikat terkunci karena kata sandi TTE salah berulang kali. Hubungi administrator."


class CredentialUnusable(AppError):
    code, status = "credential_unusable", 409
    message = "Sertifikat Anda tidak dapat dipakai untuk menandatangani."


class SigningFailed(AppError):
    code, status = "signing_failed", 502
    message = "Penandatanganan gagal; naskah belum ditandatangani. Silakan coba lagi."


class ServiceUnavailable(AppError):
    code, status = "service_unavailable", 503
    message = "Bagian dari layanan sedang tidak menjawab. Coba lagi beberapa saat lagi."


class StorageUnavailable(ServiceUnavailable):
    code = "storage_unavailable"
    message = "Penyimpanan berkas sedang tidak menjawab. Tidak ada yang berubah; coba lagi."


class IntegrityViolation(AppError):
    """Stored bytes are not what the register says. Loud by design."""

    code, status = "integrity_violation", 500
    message = "Berkas di penyimpanan tidak sama dengan yang tercatat. Administrator perlu memeriksanya."
