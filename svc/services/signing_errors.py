"""What a signer can be told when an act of signing does not end in a signature, or not yet."""

from __future__ import annotations

from typing import ClassVar

from svc.errors import DocumentChanged, SigningFailed


class NamedOtherwise(DocumentChanged):
    code = "named_otherwise"
    message: ClassVar[str] = (
        "Blok tanda tangan naskah ini menyebut pejabat lain, jadi tidak dapat Anda tandatangani. "
        "Kembalikan untuk perbaikan, atau alihkan kepada pejabat itu.")


class NotProven(SigningFailed):
    code = "signature_not_proven"
    message: ClassVar[str] = (
        "Tanda tangan yang dihasilkan tidak lolos pemeriksaan (%(why)s), jadi naskah belum ditandatangani. "
        "Hubungi administrator.")


class SignedAsAnother(NotProven):
    """The certificate with which a service signed names somebody else than the signer."""

    code = "signed_as_another"
    message: ClassVar[str] = (
        "Penyelenggara menandatangani dengan sertifikat atas nama %(found)s, padahal penanda tangannya %(wanted)s. "
        "Naskah belum ditandatangani dan administrator sudah diberi tahu: periksa NIK yang terdaftar pada sertifikat "
        "Anda sebelum mencoba lagi.")


class ResultNotOurs(SigningFailed):
    """A service gave back something else than the document with one more signature; ``received`` is evidence."""

    code = "result_not_ours"
    message: ClassVar[str] = (
        "Penyelenggara mengembalikan berkas yang bukan naskah ini, jadi naskah belum ditandatangani. Berkas itu "
        "disimpan sebagai bukti dan administrator sudah diberi tahu.")

    def __init__(self, received: bytes) -> None:
        super().__init__()
        self.received = received


class ProofPending(SigningFailed):
    """There is a signature and it is kept, but what proves it (a confirmed anchor, revocation data) is not here."""

    code, status = "proof_pending", 503
    message: ClassVar[str] = (
        "Tanda tangan sudah dibuat dan disimpan, tetapi belum dapat dibuktikan (%(why)s). Jangan ulangi: layanan "
        "memeriksanya kembali sendiri. Bila tetap demikian, hubungi administrator.")


class StampUnavailable(SigningFailed):
    code, status = "timestamp_unavailable", 503
    message: ClassVar[str] = (
        "Layanan stempel waktu sedang tidak menjawab; naskah belum ditandatangani. Coba lagi beberapa saat lagi.")


class BackendDown(SigningFailed):
    code, status = "backend_unavailable", 503
    message: ClassVar[str] = (
        "Layanan tanda tangan sedang tidak menjawab; naskah belum ditandatangani. Coba lagi beberapa saat lagi.")


class AuthorisationOver(SigningFailed):
    code, status = "authorisation_over", 409
    message: ClassVar[str] = (
        "Persetujuan tanda tangan ini tidak berlaku lagi; naskah belum ditandatangani. "
        "Ulangi dari lembar tanda tangan.")


class Unknown(SigningFailed):
    """The request left and no answer came: there may be a signature. Nothing is retried by itself."""

    code, status = "outcome_unknown", 504
    message: ClassVar[str] = (
        "Permintaan tanda tangan sudah dikirim, tetapi jawabannya tidak sampai, jadi hasilnya belum diketahui. "
        "Periksa kembali di halaman penandatanganan sebelum menandatangani ulang.")

    def __init__(self, reference: str = "") -> None:
        super().__init__()
        self.reference = reference


class SigningUnfinished(SigningFailed):
    code, status = "signing_unfinished", 503
    message: ClassVar[str] = (
        "Tanda tangan sudah dibuat dan disimpan, tetapi pencatatannya belum selesai. Jangan ulangi: "
        "layanan menyelesaikannya sendiri dalam beberapa menit.")
