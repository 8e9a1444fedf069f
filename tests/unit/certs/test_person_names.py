"""Names on certificates compared with those that an agency keeps."""

from __future__ import annotations

import pytest

from certs.person_names import is_same_person


@pytest.mark.parametrize(("certified", "known"), [
    ("Budi Santoso", "Budi Santoso"),
    ("BUDI SANTOSO", "Dr. Budi Santoso, S.H., M.Si."),
    ("Dr. Ir. H. Budi Santoso, M.T.", "Budi Santoso"),
    ("BUDI SANTOSO SH MM", "Budi Santoso, S.H., M.M."),
    ("Budi Santoso S.Kom. M.M.", "budi santoso"),
    ("Dr.H.Budi Santoso", "H. Budi Santoso, S.E."),
    ("Syafi'i Ma'arif", "Syafii Maarif"),
    ("Siti Nur Hidayah", "Siti Nurhidayah, S.Pd."),
    ("M. Yusuf Kalim", "Muhammad Yusuf Kalim"),
    ("Suharto", "H. Suharto, S.Sos."),
    ("I Gusti Ngurah Rai", "I GUSTI NGURAH RAI, S.STP."),
    ("José Guterres", "Jose Guterres"),
    ("Raden Mas Haryo Panji Kusumo Atmojo Wiryodiningrat Suryanegara Ka",
     "Raden Mas Haryo Panji Kusumo Atmojo Wiryodiningrat Suryanegara Kartasura"),
])
def test_the_same_person_written_otherwise(certified: str, known: str) -> None:
    assert is_same_person(certified, known)
    assert is_same_person(known, known)


@pytest.mark.parametrize(("certified", "known"), [
    ("Budi Santosa", "Budi Santoso"),
    ("Budi", "Budi Santoso"),
    ("Budi Santoso Wijaya", "Budi Santoso"),
    ("Santoso Budi", "Budi Santoso"),
    ("B. S.", "Budi Santoso"),
    ("Pejabat Simulasi Pertama", "Dr. Siti Rahma, M.Si."),
    ("", "Budi Santoso"),
    ("S.H., M.H.", "Budi Santoso"),
    ("Dr. H.", "Dr. H."),
    ("Raden Mas Haryo", "Raden Mas Haryo Panji"),
])
def test_another_person(certified: str, known: str) -> None:
    assert not is_same_person(certified, known)
