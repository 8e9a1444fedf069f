"""Why an uploaded PDF is refused, in the user's words (gettext msgids) with what to do next."""

from __future__ import annotations

from certs import errors
from certs.errors import UploadRefused

_WORDS: dict[type[UploadRefused], str] = {
    errors.UploadTooLarge: "Berkas terlalu besar. Perkecil PDF-nya, lalu unggah lagi.",
    errors.UploadNotPdf: "Berkas ini bukan PDF. Simpan naskah sebagai PDF, lalu unggah lagi.",
    errors.UploadBroken: "Berkas PDF ini rusak. Buat lagi dari aplikasi asalnya, lalu unggah.",
    errors.UploadAmbiguous: "Berkas PDF ini dapat tampil berlainan di aplikasi lain. Cetak ke PDF, lalu unggah.",
    errors.UploadTooComplex: "Berkas PDF ini memuat terlalu banyak garis dan huruf untuk diperiksa. Pisahkan "
                             "halamannya, atau ganti peta dan bagannya dengan gambar, lalu unggah lagi.",
    errors.UploadPictureDamaged: "Berkas PDF ini memuat gambar yang rusak atau terpotong. Pindai atau sisipkan lagi "
                                 "gambarnya, lalu unggah.",
    errors.UploadPictureUnchecked: "Berkas PDF ini memuat gambar jenis yang tidak dapat diperiksa di sini (JBIG2 atau "
                                   "faks grup 3). Pindai lagi sebagai JPEG atau faks grup 4, lalu unggah.",
    errors.UploadEncrypted: "Berkas PDF ini bersandi. Simpan tanpa sandi, lalu unggah lagi.",
    errors.UploadHasJavaScript: "Berkas PDF ini memuat JavaScript. Cetak ke PDF, lalu unggah hasilnya.",
    errors.UploadHasXfa: "Berkas PDF ini memuat formulir XFA. Cetak ke PDF, lalu unggah hasilnya.",
    errors.UploadHasLaunchAction: "Berkas PDF ini memuat perintah untuk membuka program. Cetak ke PDF, lalu unggah.",
    errors.UploadHasAttachment: "Berkas PDF ini memuat lampiran tersembunyi. Hapus lampirannya, lalu unggah lagi.",
    errors.UploadHasRichMedia: "Berkas PDF ini memuat media. Cetak ke PDF, lalu unggah hasilnya.",
    errors.UploadHasForm: "Berkas PDF ini memuat isian formulir. Cetak ke PDF, lalu unggah hasilnya.",
    errors.UploadHasLayers: "Berkas PDF ini memuat lapisan yang dapat disembunyikan. Cetak ke PDF, lalu unggah.",
    errors.UploadHasAnnotations: "Berkas PDF ini memuat catatan atau stempel di atas halamannya. Cetak ke PDF, lalu "
                                 "unggah hasilnya.",
    errors.UploadFontsMissing: "Berkas PDF ini tidak memuat semua fontnya. Cetak ke PDF dengan font disertakan, lalu "
                               "unggah.",
    errors.UploadAlreadySigned: "Berkas PDF ini sudah bertanda tangan elektronik dan tidak dapat menjadi konsep.",
    errors.UploadHasTooManyPages: "Berkas PDF ini terlalu banyak halamannya (paling banyak 500).",
    errors.UploadHasNoPages: "Berkas PDF ini tidak memuat halaman.",
}


_PICTURES_IMPOSSIBLE: dict[str, str] = {
    "undrawable": "Halaman %(page)s tidak dapat digambar dengan utuh, jadi berkas ini tidak dapat diubah menjadi "
                  "gambar. Cetak ke PDF dari aplikasi asalnya, lalu unggah hasilnya.",
    "page_too_large": "Halaman %(page)s terlalu besar untuk diubah menjadi gambar (paling besar kira-kira A1). Cetak "
                      "ke PDF dengan kertas yang lebih kecil, lalu unggah hasilnya.",
    "dynamic_form": "Halaman formulir XFA ini hanya dapat ditampilkan aplikasi asalnya. Cetak ke PDF dari sana, lalu "
                    "unggah hasilnya.",
    "too_many_pages": "Berkas PDF ini terlalu banyak halamannya (paling banyak 500).",
    "too_large": "Sebagai gambar, berkas ini melebihi %(mb)s MB. Cetak ke PDF dari aplikasi asalnya, lalu unggah "
                 "hasilnya.",
    "too_slow": "Mengubah halaman sebanyak ini menjadi gambar terlalu lama, jadi dihentikan. Cetak ke PDF dari "
                "aplikasi asalnya, lalu unggah hasilnya.",
}


def impossible_words(code: str) -> str:
    """Why an upload cannot be made into pictures, with placeholders ``page`` and ``mb``; a general reason for a code
    that has no words."""
    return _PICTURES_IMPOSSIBLE.get(
        code, "Berkas ini tidak dapat diubah menjadi gambar. Cetak ke PDF dari aplikasi asalnya, lalu unggah hasilnya.")


def refusal_words(error: UploadRefused) -> str:
    """The reason in Indonesian; the generic one for a kind of refusal that has no words yet."""
    return _WORDS.get(type(error), "Berkas PDF ini ditolak. Cetak ke PDF, lalu unggah hasilnya.")
