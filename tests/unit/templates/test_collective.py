"""The annex of a collective decree at any length, and what its excerpts and copies print."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest

from svc.kinds import DECREES, InvalidDecreeData
from tests.support.renderings import KINDS, OFFICE, RENDERER, final, squeeze, text_of

KIND = KINDS.get("keputusan-kolektif")
COPY = KINDS.get("salinan-keputusan")
EXCERPT = KINDS.get("petikan-keputusan")


def people(count: int) -> list[dict[str, Any]]:
    base = KIND.example["lampiran"]
    return [{**base[number % 3], "nama": f"Contoh Pegawai Ke-{number}, S.Pd.",
             "nip": f"1900010120{10 + number // 9000}{1 + number // 999 % 12:02d}1{1 + number % 999:03d}"[:18]}
            for number in range(1, count + 1)]


def with_people(count: int) -> dict[str, Any]:
    return {**deepcopy(dict(KIND.example)), "lampiran": people(count)}


@pytest.mark.parametrize("count", [1, 40, 1500])
def test_every_page_of_the_list_has_its_headings_and_nothing_leaves_the_page(count: int) -> None:
    made = RENDERER.render(final(KIND, data=with_people(count)))
    pages = text_of(made.pdf)
    annex = next(number for number, text in enumerate(pages) if "LAMPIRAN" in text)
    assert all("Nama / NIP" in text for text in pages[annex:])
    whole = squeeze("".join(pages[annex:]))
    assert all(squeeze(f"Contoh Pegawai Ke-{number},") in whole for number in range(1, count + 1))
    head = squeeze(pages[annex])
    for part in ("LAMPIRAN", "KEPUTUSAN:GUBERNURNUSAMANDALA", "NOMOR:800/12/BKD/2026", "TANGGAL:2FEBRUARI2026",
                 "TENTANG:"):
        assert squeeze(part) in head
    assert "SuryaContoh" in squeeze(pages[-1])
    assert made.signature_box.page < annex  # the signature stands under the decree, its block again under the list
    document = pypdfium2.PdfDocument(made.pdf)
    try:
        for page in list(document)[annex:annex + 3]:
            width, height = page.get_size()
            for drawn in page.get_objects():
                left, bottom, right, top = drawn.get_bounds()
                assert left >= 0
                assert right <= width
                assert bottom >= 0
                assert top <= height
    finally:
        document.close()


@pytest.mark.parametrize("kind_id", ["keputusan-kolektif", "salinan-keputusan"])
def test_the_signatures_under_a_list_never_stand_on_a_page_alone(kind_id: str) -> None:
    for count in range(7, 15):
        data = with_people(count)
        if kind_id == COPY.id:
            data = {**deepcopy(dict(COPY.example)), "naskah": data}
        last = text_of(RENDERER.render(final(KINDS.get(kind_id), data=data)).pdf)[-1]
        assert squeeze(f"Contoh Pegawai Ke-{count},") in squeeze(last), count


def test_columns_that_the_drafter_names_are_printed_and_empty_ones_are_not() -> None:
    data = with_people(2)
    data["lampiran"] = [{key: value for key, value in row.items() if key != "golongan"} for row in data["lampiran"]]
    data |= {"judul_kolom_1": "Mata pelajaran", "judul_kolom_2": "Tidak terisi"}
    shown = squeeze(text_of(RENDERER.render(final(KIND, data=data)).pdf)[-1])
    assert "Matapelajaran" in shown
    assert "Tidakterisi" not in shown
    assert "Pangkat" not in shown


def test_a_column_without_a_heading_and_a_person_twice_are_refused() -> None:
    data = with_people(3)
    del data["judul_kolom_1"]
    with pytest.raises(InvalidDecreeData) as refused:
        KINDS.validate_data(KIND, data)
    assert [fault.path for fault in refused.value.errors] == ["judul_kolom_1"]
    data = with_people(3)
    data["lampiran"][2]["nip"] = data["lampiran"][0]["nip"]
    with pytest.raises(InvalidDecreeData) as refused:
        KINDS.validate_data(KIND, data)
    assert [(fault.path, fault.text) for fault in refused.value.errors] == [
        ("lampiran[2].nip", "Sudah ada pada baris 1.")]


def test_an_excerpt_has_the_head_of_its_parent_whoever_certifies_it() -> None:
    shown = squeeze("".join(text_of(RENDERER.render(final(EXCERPT, letterhead=OFFICE)).pdf)))
    for part in ("PETIKAN", "NOMOR 800.1.3.3/K.7/BKD/2026", "pada tanggal 2 Februari 2026", "ttd.",
                 "ARGA CONTOH MANDALA", "nomor urut 2:", "Bagas Contoh Prakoso", "Eselon",
                 "PETIKAN sesuai dengan aslinya",
                 "Petikan ini diberikan kepada yang bersangkutan",
                 "Petikan keputusan nomor 800/12/BKD/2026"):
        assert squeeze(part) in shown
    assert squeeze(OFFICE.address) not in shown
    data = deepcopy(dict(EXCERPT.example))
    data["induk"]["penetap"] = "kepala_pd"
    of_agency = squeeze("".join(text_of(RENDERER.render(final(EXCERPT, data=data)).pdf)))
    assert squeeze(replace(OFFICE).address) in of_agency


def test_the_schema_of_a_copy_is_that_of_what_it_copies() -> None:
    def schema(kind_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((DECREES / kind_id / "schema.json").read_text(encoding="utf-8"))
        return found

    copied, original = schema(COPY.id)["properties"]["naskah"], schema(KIND.id)
    assert copied == {key: value for key, value in original.items() if key not in {"$schema", "description"}}
