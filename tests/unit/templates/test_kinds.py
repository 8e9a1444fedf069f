from __future__ import annotations

import copy
import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from svc.kind_fields import is_plausible_nip
from svc.kinds import (
    InvalidDecreeData,
    KindCatalogue,
    KindUnknown,
    format_number,
    search_terms,
    subject_of,
)

ROOT = Path(__file__).parents[3]
KINDS = KindCatalogue.load()
KGB = KINDS.get("kgb")


def faults(kind_id: str, data: dict[str, Any]) -> dict[str, str]:
    kind = KINDS.get(kind_id)
    try:
        KINDS.validate_data(kind, KINDS.complete_data(kind, data))
    except InvalidDecreeData as error:
        return {fault.path: fault.text for fault in error.errors}
    return {}


def kgb(**changes: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(dict(KGB.example))
    for part, values in changes.items():
        data[part] = {**data[part], **values}
    return data


def test_the_kinds_in_the_order_of_choice() -> None:
    assert [kind.id for kind in KINDS.all()] == [
        "kgb", "keputusan", "keputusan-kolektif", "petikan-keputusan", "salinan-keputusan", "surat-tugas", "surat-izin",
        "surat-dinas", "perjanjian-kerja-sama",
    ]  # fmt: skip
    with pytest.raises(KindUnknown):
        KINDS.get("../kgb")


@pytest.mark.parametrize("kind", KINDS.all(), ids=lambda kind: kind.id)
def test_example_fits_its_schema_and_completing_it_changes_nothing(kind: Any) -> None:
    assert KINDS.complete_data(kind, kind.example) == kind.example
    KINDS.validate_data(kind, kind.example)
    assert "…" not in subject_of(kind, kind.example)
    assert search_terms(kind, kind.example)


def test_the_governors_decree_goes_another_way_than_that_of_an_agency() -> None:
    kind = KINDS.get("keputusan")
    assert kind.route_of({**kind.example, "penetap": "kepala_pd"}) == "keputusan"
    assert kind.route_of({**kind.example, "penetap": "gubernur"}) == "keputusan-gubernur"


def test_every_route_named_by_a_kind_exists() -> None:
    routes = {path.stem for path in (ROOT / "workflows" / "definitions").glob("*.toml")}
    for kind in KINDS.all():
        assert {kind.route_id, *kind.routes.values()} <= routes


def test_pay_follows_from_rank_and_service() -> None:
    bare = kgb()
    del bare["kenaikan"], bare["dasar"]["gaji_pokok"], bare["dasar"]["masa_kerja_bulan"]
    assert KINDS.complete_data(KGB, bare) == KGB.example


@pytest.mark.parametrize(
    ("part", "wrong", "path", "right"),
    [
        ("kenaikan", {"gaji_pokok": 3_390_600}, "kenaikan.gaji_pokok", "Rp3.390.500,00"),
        ("dasar", {"gaji_pokok": 3_287_001}, "dasar.gaji_pokok", "Rp3.287.000,00"),
        ("kenaikan", {"tmt": "2026-12-01"}, "kenaikan.tmt", "1 Januari 2027"),
        ("kenaikan", {"tmt": "2027-02-01"}, "kenaikan.tmt", "1 Januari 2027"),
        ("kenaikan", {"berikutnya": "2028-01-01"}, "kenaikan.berikutnya", "1 Januari 2029"),
        ("kenaikan", {"masa_kerja_tahun": 9}, "kenaikan.masa_kerja_tahun", "10 tahun 0 bulan"),
    ],
)
def test_a_wrong_figure_is_refused_with_the_right_one(
    part: str, wrong: dict[str, Any], path: str, right: str
) -> None:
    assert right in faults("kgb", kgb(**{part: wrong}))[path]


def test_first_rise_of_rank_2a_comes_after_one_year() -> None:
    data = kgb(pegawai={"golongan": "II/a"},
               dasar={"tmt": "2025-12-01", "masa_kerja_tahun": 0, "gaji_pokok": 2_184_000})
    del data["kenaikan"]
    done = KINDS.complete_data(KGB, data)["kenaikan"]
    assert (done["tmt"], done["gaji_pokok"]) == ("2026-12-01", 2_218_400)
    assert done["berikutnya"] == "2028-12-01"


def test_after_a_promotion_the_rest_of_the_service_counts() -> None:
    data = kgb(dasar={"tmt": "2025-02-01", "masa_kerja_tahun": 9, "masa_kerja_bulan": 3})
    del data["kenaikan"], data["dasar"]["gaji_pokok"]
    done = KINDS.complete_data(KGB, data)
    assert done["dasar"]["gaji_pokok"] == 3_287_000
    assert (done["kenaikan"]["tmt"], done["kenaikan"]["gaji_pokok"]) == ("2025-11-01", 3_390_500)
    assert faults("kgb", data) == {}


def test_a_postponed_rise_needs_its_note() -> None:
    data = kgb(kenaikan={"tmt": "2027-07-01"})
    for field in ("masa_kerja_bulan", "berikutnya"):
        del data["kenaikan"][field]
    assert set(faults("kgb", data)) == {"kenaikan.tmt"}
    data["catatan_penundaan"] = "Ditunda enam bulan berdasarkan keputusan yang bersangkutan."
    assert faults("kgb", data) == {}
    assert KINDS.complete_data(KGB, data)["kenaikan"]["berikutnya"] == "2029-01-01"


def test_no_rise_above_the_top_and_none_before_the_table() -> None:
    assert "pegawai.golongan" in faults("kgb", kgb(dasar={"masa_kerja_tahun": 32, "gaji_pokok": 4_768_800}))
    early = kgb(dasar={"tmt": "2019-01-01"}, kenaikan={"tmt": "2021-01-01"})
    assert "pegawai.golongan" in faults("kgb", early)


@pytest.mark.parametrize(
    ("nip", "good"),
    [
        ("190001011980031001", True), ("198512312010012003", True), ("199001012023211004", True),
        ("198513312010012003", False), ("198502302010012003", False), ("198512312010132003", False),
        ("198512312010013003", False), ("198512311990012003", False), ("19851231201001200", False),
        ("1985123120100120034", False), ("19851231201001200a", False),
    ],
)  # fmt: skip
def test_nip(nip: str, good: bool) -> None:
    assert is_plausible_nip(nip) is good
    assert ("pegawai.nip" in faults("kgb", kgb(pegawai={"nip": nip}))) is not good


def test_what_is_missing_is_named_where_it_is_missing() -> None:
    found = faults("surat-tugas", {"pegawai": [{"nama": "Contoh"}], "dasar": []})
    assert found["untuk"] == "Wajib diisi."
    assert found["pegawai[0].nip"] == "Wajib diisi."
    assert "1 butir" in found["dasar"]
    assert "tidak dikenal" in faults("surat-dinas", {**KINDS.get("surat-dinas").example, "x": 1})["isian"]


def test_dates_must_be_in_order() -> None:
    data = {**KINDS.get("surat-izin").example, "berlaku_sampai": "2027-02-01"}
    assert faults("surat-izin", data) == {"berlaku_sampai": "Tidak boleh sebelum 2 Februari 2027."}
    data["berlaku_sampai"] = "2027-02-30"
    assert faults("surat-izin", data) == {"berlaku_sampai": "Tanggal tidak sah."}


@pytest.mark.parametrize("text", ["smile \U0001f600", "turned \u202egnirts", "null \x00", "漢字", "a\u200bb"])
def test_letters_that_cannot_be_printed_as_stored_are_refused(text: str) -> None:
    assert "U+" in faults("surat-dinas", {**KINDS.get("surat-dinas").example, "hal": text})["hal"]


def test_texts_are_trimmed_and_normalised() -> None:
    done = KINDS.complete_data(KGB, kgb(pegawai={"nama": "  Ce\u0301cile  Contoh "}))
    assert done["pegawai"]["nama"] == "C\u00e9cile  Contoh"


def test_numbers() -> None:
    day = date(2026, 9, 1)
    assert format_number("800.1.11.13/{seq}/BKD/{year}", seq=7, unit_code="X", issued_on=day) == (
        "800.1.11.13/7/BKD/2026"
    )
    pattern = "{unit}/{month_roman}/{seq}"
    assert format_number(pattern, seq=12, unit_code="BKD", issued_on=day) == "BKD/IX/12"


def test_every_row_of_the_example_table_can_become_a_decree() -> None:
    with (ROOT / "examples" / "kgb.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 20
    assert len({row["pegawai.nip"] for row in rows}) == len(rows)
    for row in rows:
        assert faults("kgb", KINDS.data_from_row("kgb", row)) == {}, row["pegawai.nama"]


def test_printing_puts_dates_money_and_ranks_in_words() -> None:
    shown = KINDS.present_data(KGB, KGB.example)
    assert KINDS.present_data(KGB, shown) == shown
    assert shown["dasar_hukum"] == "PP Nomor 5 Tahun 2024"
    assert shown["kenaikan"]["tmt"] == "1 Januari 2027"
    assert shown["kenaikan"]["gaji_pokok"] == {
        "angka": "Rp3.390.500,00",
        "terbilang": "tiga juta tiga ratus sembilan puluh ribu lima ratus rupiah",
    }
    assert shown["pegawai"]["golongan"] == "Penata Muda Tingkat I, III/b"
