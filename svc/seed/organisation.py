"""The fictional province Nusa Mandala: units, positions, people. Every name and number here is invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from svc.models import Holding, Person, Position, Unit

_SINCE = date(2024, 1, 1)


@dataclass(frozen=True)
class _UnitRow:
    code: str
    name: str
    parent: str | None


@dataclass(frozen=True)
class PositionRow:
    """A position with the person who holds it."""

    code: str
    title: str
    unit: str
    superior: str | None
    roles: str
    username: str
    person: str
    rank: str
    on_behalf_of: str | None = None
    capacity: str = "definitive"


UNITS = (
    _UnitRow("PROV", "Provinsi Nusa Mandala", None),
    _UnitRow("SETDA", "Sekretariat Daerah", "PROV"),
    _UnitRow("ORG", "Biro Organisasi", "SETDA"),
    _UnitRow("BKD", "Badan Kepegawaian Daerah", "PROV"),
    _UnitRow("BKD-MUTASI", "Bidang Mutasi dan Kepangkatan", "BKD"),
    _UnitRow("PTSP", "Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu", "PROV"),
    _UnitRow("PTSP-IZIN", "Bidang Perizinan", "PTSP"),
)

_AN = "a.n. GUBERNUR NUSA MANDALA"
POSITIONS = (
    PositionRow("GUB", "Gubernur Nusa Mandala", "PROV", None, "official,signer", "gubernur",
                "Arga Contoh Mandala", ""),
    PositionRow("SEKDA", "Sekretaris Daerah", "SETDA", "GUB", "official,signer", "sekda",
                "Bestari Contoh Laksana", "Pembina Utama Madya, IV/d", _AN),
    PositionRow("ORG.KEPALA", "Kepala Biro Organisasi", "ORG", "SEKDA", "bureau,official", "kabiro",
                "Candra Contoh Wibisana", "Pembina Utama Muda, IV/c"),
    PositionRow("ORG.ANALIS", "Analis Kinerja Biro Organisasi", "ORG", "ORG.KEPALA", "bureau", "biro",
                "Dayu Contoh Anggraini", "Penata, III/c"),
    PositionRow("ADMIN", "Administrator Layanan", "ORG", "ORG.KEPALA", "admin", "admin",
                "Eka Contoh Pradana", "Penata Muda, III/a"),
    PositionRow("BKD.KEPALA", "Kepala Badan Kepegawaian Daerah", "BKD", "SEKDA", "official,signer", "kepala",
                "Fajar Contoh Nugraha", "Pembina Utama Muda, IV/c", _AN),
    PositionRow("BKD.SEKRETARIS", "Sekretaris Badan", "BKD", "BKD.KEPALA", "official", "sekretaris",
                "Gita Contoh Maheswari", "Pembina Tingkat I, IV/b"),
    PositionRow("BKD.KABID-MUTASI", "Kepala Bidang Mutasi dan Kepangkatan", "BKD-MUTASI", "BKD.SEKRETARIS",
                "official", "kabid", "Hanif Contoh Prakoso", "Pembina, IV/a"),
    PositionRow("BKD.KASUBBID-KGB", "Kepala Subbidang Kenaikan Gaji Berkala", "BKD-MUTASI", "BKD.KABID-MUTASI",
                "official", "kasubbid", "Intan Contoh Lestari", "Penata Tingkat I, III/d"),
    PositionRow("BKD.ANALIS-1", "Analis Kepegawaian", "BKD-MUTASI", "BKD.KASUBBID-KGB", "clerk", "analis",
                "Joko Contoh Susanto", "Penata Muda, III/a"),
    PositionRow("BKD.ANALIS-2", "Pengelola Kepegawaian", "BKD-MUTASI", "BKD.KASUBBID-KGB", "clerk", "pengelola",
                "Kartika Contoh Dewi", "Pengatur, II/c"),
    PositionRow("PTSP.KEPALA", "Kepala Dinas Penanaman Modal dan PTSP", "PTSP", "SEKDA", "official,signer",
                "kadis", "Laras Contoh Wulandari", "Pembina Utama Muda, IV/c", None, "plt"),
    PositionRow("PTSP.SEKRETARIS", "Sekretaris Dinas", "PTSP", "PTSP.KEPALA", "official", "sekdin",
                "Mahesa Contoh Putra", "Pembina Tingkat I, IV/b"),
    PositionRow("PTSP.KABID-IZIN", "Kepala Bidang Perizinan", "PTSP-IZIN", "PTSP.SEKRETARIS", "official",
                "kabid.izin", "Nadia Contoh Saraswati", "Pembina, IV/a"),
    PositionRow("PTSP.KASI-IZIN", "Kepala Seksi Perizinan", "PTSP-IZIN", "PTSP.KABID-IZIN", "official",
                "kasi.izin", "Oka Contoh Dharma", "Penata Tingkat I, III/d"),
    PositionRow("PTSP.VERIFIKATOR", "Verifikator Perizinan", "PTSP-IZIN", "PTSP.KASI-IZIN", "official",
                "verifikator", "Putri Contoh Rahayu", "Penata, III/c"),
    PositionRow("PTSP.LOKET", "Petugas Loket", "PTSP-IZIN", "PTSP.KASI-IZIN", "clerk", "loket",
                "Raka Contoh Pamungkas", "Pengatur Muda, II/a"),
)


@dataclass(frozen=True)
class DemoOrganisation:
    """Ids by code: units, positions, and persons by the position they hold."""

    unit_ids: dict[str, int]
    position_ids: dict[str, int]
    person_ids: dict[str, int]


def build_demo_organisation(session: Session, now: datetime,
                            hash_password: Callable[[str], str]) -> DemoOrganisation:
    """Write units, positions, persons and holdings; ``hash_password`` is given each user name."""
    units: dict[str, int] = {}
    for row in UNITS:
        unit = Unit(code=row.code, name=row.name, parent_id=units.get(row.parent or ""))
        if row.parent is None:
            unit.place, unit.address = "Tanjung Mandala", "Jalan Contoh Nomor 1, Tanjung Mandala"
            unit.phone, unit.email, unit.website = "(0500) 000000", "kontak@nusamandala.example", "nusamandala.example"
        session.add(unit)
        session.flush()
        units[row.code] = unit.id
    positions: dict[str, int] = {}
    persons: dict[str, int] = {}
    for number, entry in enumerate(POSITIONS, start=1):
        position = Position(code=entry.code, title=entry.title, unit_id=units[entry.unit], roles=entry.roles,
                            superior_id=positions.get(entry.superior or ""), on_behalf_of=entry.on_behalf_of)
        person = Person(
            # The head of the region is no civil servant: no NIP and no rank stand under the name.
            nip=f"1900010119800310{number:02d}" if entry.rank else None, name=entry.person, rank=entry.rank or None,
            email=f"{entry.username}@nusamandala.example", username=entry.username,
            password_hash=hash_password(entry.username), created_at=now)
        session.add_all((position, person))
        session.flush()
        session.add(Holding(person_id=person.id, position_id=position.id, capacity=entry.capacity, valid_from=_SINCE,
                            instrument="Keputusan contoh" if entry.capacity != "definitive" else None))
        positions[entry.code], persons[entry.code] = position.id, person.id
    return DemoOrganisation(units, positions, persons)
