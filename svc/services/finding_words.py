"""What is odd in a file's structure, in words for people who know no PDF.

The codes are those of ``certs.structure`` and ``certs.unreadable``; they are stable, and shown small beside the words
for those who look them up. Nothing here decides: the verdict was computed before anybody asks for words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from svc.catalogues import N_

# Only codes have low lines: a bracket with one word is left as it is.
_CODES: Final = re.compile(r"\(([a-z0-9]+(?:_[a-z0-9]+)+(?:, [a-z0-9]+(?:_[a-z0-9]+)+)*)\)")


@dataclass(frozen=True)
class FindingWords:
    """``text`` is an Indonesian msgid, without a full stop; ``codes`` are those it stands for."""

    text: str
    codes: tuple[str, ...]


def in_words(codes: Iterable[str]) -> tuple[FindingWords, ...]:
    """The findings in the order they were made; what reads the same is told once."""
    told: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        told.setdefault(WORDS.get(code, OTHER), []).append(code)
    return tuple(FindingWords(text, tuple(its)) for text, its in told.items())


def with_words(explanation: str, say: Callable[[str], str]) -> str:
    """An explanation of ``certs``, with words (each msgid as ``say`` says it) where it lists codes in brackets."""
    def told(found: re.Match[str]) -> str:
        return f"({'; '.join(say(one.text) for one in in_words(found[1].split(', ')))})"
    return _CODES.sub(told, explanation)


OTHER: Final = N_("ada bagian berkas yang tidak dapat dijelaskan")
_TOO_MUCH = N_("berkas ini memuat jauh lebih banyak bagian daripada naskah yang wajar")
_TABLE_OF_PARTS = N_("daftar bagian di dalam berkas rusak, sehingga dua pembaca PDF bisa menampilkan isi yang berbeda")
_HIDDEN = N_("ada bagian yang tersembunyi di antara isi berkas")
_TWO_READINGS = N_("dua program pembaca PDF tidak sepakat tentang isi berkas")
_SIGNATURE_RANGE = N_("rentang byte yang dicakup tanda tangan tidak wajar")
_SIGNATURE_DATA = N_("data tanda tangannya rusak atau tidak wajar")
_FIELDS = N_("kolom isian formulirnya tidak wajar")
_BROKEN_PART = N_("ada bagian berkas yang rusak atau tertulis dua kali")

WORDS: Final[Mapping[str, str]] = {
    # what is no whole PDF
    "file_empty": N_("berkas ini kosong"),
    "file_is_picture": N_("berkas ini gambar, bukan PDF"),
    "file_is_word": N_("berkas ini dari pengolah kata, bukan PDF"),
    "file_is_text": N_("berkas ini teks biasa, bukan PDF"),
    "file_is_no_pdf": N_("berkas ini bukan PDF"),
    "file_truncated": N_("berkas ini terpotong atau rusak di ujungnya"),
    "file_took_too_long": N_("membaca berkas ini terlalu lama, sehingga pemeriksaannya dihentikan"),
    "file_took_too_much": N_("berkas ini menghabiskan memori atau menghentikan pembacanya"),
    "encrypted": N_("berkas ini dilindungi sandi"),
    "file_too_large": N_("berkas ini terlalu besar untuk diperiksa"),
    "header_not_at_start": N_("di depan awal PDF ada data lain"),
    "polyglot": N_("berkas ini sekaligus berformat lain, bukan hanya PDF"),
    "reader_failed": N_("susunan berkas tidak dapat dibaca"),
    # limits
    **dict.fromkeys((
        "too_many_revisions", "too_many_signatures", "too_many_objects", "too_many_findings", "too_many_fields",
        "too_many_changes", "fields_too_deep", "nested_too_deep", "token_too_long", "contents_too_large",
        "xref_size_absurd", "xref_width_absurd"), _TOO_MUCH),
    # where the parts of the file stand
    **dict.fromkeys(("xref_malformed", "xref_loop", "xref_size_wrong", "xref_points_elsewhere",
                     "revision_without_xref", "missing_eof", "object_stream_odd", "xref_untidy"), _TABLE_OF_PARTS),
    **dict.fromkeys(("xref_disagrees", "hybrid_xref", "parser_refuses", "parser_complains", "reference_odd"),
                    _TWO_READINGS),
    **dict.fromkeys(("garbage_between_revisions", "garbage_between_objects", "comment_between_objects",
                     "unreferenced_object", "object_hidden", "object_twice"), _HIDDEN),
    **dict.fromkeys(("objects_overlap", "malformed_object", "duplicate_keys", "stream_length_wrong"), _BROKEN_PART),
    "external_stream": N_("sebagian isi naskah diambil dari berkas lain yang tidak ditandatangani"),
    "bytes_after_end": N_("ada data di belakang akhir berkas"),
    # signatures
    **dict.fromkeys(("byterange_missing", "byterange_odd"), _SIGNATURE_RANGE),
    **dict.fromkeys(("contents_missing", "contents_odd", "contents_not_cms", "signature_keys_twice",
                     "signature_odd"), _SIGNATURE_DATA),
    "contents_padding_nonzero": N_("ada data yang disembunyikan di ruang kosong tanda tangan"),
    "signature_shared": N_("satu tanda tangan dipakai di beberapa tempat"),
    "signature_loose": N_("ada tanda tangan yang tidak terpasang pada naskah"),
    "nothing_signed": N_("tidak ada isi yang ditandatangani"),
    # changes after the signature
    "unsigned_update": N_("ada tambahan di belakang bagian yang ditandatangani"),
    "empty_update": N_("berkas disimpan ulang tanpa perubahan isi setelah ditandatangani"),
    "trailer_changed": N_("keterangan penutup berkas diubah setelah ditandatangani"),
    "catalog_changed": N_("susunan utama berkas diubah setelah ditandatangani"),
    **dict.fromkeys(("page_changed", "page_content_changed", "pages_changed"),
                    N_("halaman diubah, ditambah, atau dihapus setelah ditandatangani")),
    "resources_changed": N_("gambar atau sumber daya halaman diubah setelah ditandatangani"),
    "font_changed": N_("huruf yang dipakai diubah setelah ditandatangani"),
    "annotation_added": N_("ada catatan atau gambar yang ditempelkan setelah ditandatangani"),
    "annotation_changed": N_("catatan pada halaman diubah setelah ditandatangani"),
    "annotation_removed": N_("catatan pada halaman dihapus setelah ditandatangani"),
    "added_empty_field": N_("ada kolom tanda tangan kosong yang ditambahkan setelah ditandatangani"),
    "field_added": N_("ada kolom isian yang ditambahkan setelah ditandatangani"),
    "field_odd": _FIELDS,
    **dict.fromkeys(("form_changed", "form_field_changed"), N_("isian formulir diubah setelah ditandatangani")),
    "signature_changed": N_("tanda tangan yang sudah ada diubah"),
    "certification_added": N_("penguncian isi ditambahkan setelah ditandatangani"),
    "certified_against_changes": N_("penanda tangan mengunci naskah ini terhadap perubahan, tetapi ada perubahan"),
    "perms_changed": N_("izin perubahan berkas diubah setelah ditandatangani"),
    "widget_covers_page": N_("tampilan tanda tangan menutupi isi halaman"),
    "widget_covers_signature": N_("tampilan tanda tangan menutupi tanda tangan lain"),
    "widget_odd": N_("tampilan tanda tangan tidak wajar"),
    "appearance_shared": N_("gambar tanda tangan dipakai bersama oleh bagian lain"),
    "dss_payload": N_("data validasi memuat sesuatu yang bukan data validasi"),
    "dss_removed": N_("data validasi dihapus"),
    "metadata_changed": N_("keterangan berkas (metadata) diubah setelah ditandatangani"),
    "doc_info_changed": N_("judul atau keterangan berkas diubah setelah ditandatangani"),
    "names_changed": N_("daftar nama di dalam berkas diubah setelah ditandatangani"),
    "outlines_changed": N_("daftar isi (markah) diubah setelah ditandatangani"),
    "open_action_changed": N_("yang terjadi saat berkas dibuka diubah setelah ditandatangani"),
    "optional_content_changed": N_("lapisan yang dapat disembunyikan diubah setelah ditandatangani"),
    "attachments_changed": N_("lampiran di dalam berkas diubah setelah ditandatangani"),
    "tags_changed": N_("susunan untuk pembaca layar diubah setelah ditandatangani"),
    "object_added": N_("ada bagian yang ditambahkan setelah ditandatangani"),
    **dict.fromkeys(("object_changed", "container_shared"), N_("ada bagian yang diubah setelah ditandatangani")),
    "object_removed": N_("ada bagian yang dihapus setelah ditandatangani"),
}
