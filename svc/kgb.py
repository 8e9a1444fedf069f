"""Rules of the periodic pay rise (Kenaikan Gaji Berkala, KGB).

A civil servant rises one step of the pay table when his years of service in the rank group reach it (every
second year; rank II/a once after the first), PP 7/1977 with the table of its latest amendment. So all that
follows from the last decree, the rank and the service is computed, and a figure that differs is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from svc.payscale import PayScales, PayUnknown
from svc.wording import write_date, write_rupiah

Fault = tuple[str, str, Mapping[str, object]]


@dataclass(frozen=True)
class Rise:
    """What the rise must be. ``due_on`` is the first day it may hold; months are service in the rank group."""

    due_on: date
    takes_effect_on: date
    months: int
    old_pay: int
    new_pay: int
    next_on: date | None
    instrument: str


def compute_rise(data: Mapping[str, Any], scales: PayScales) -> Rise:
    """Compute the rise from the last decree. :raises PayUnknown: rank at its top, or no table for the day.
    :raises KeyError, TypeError, ValueError, OverflowError: the data is not complete, not of its schema, or
    leads beyond the calendar."""
    rank, base = data["pegawai"]["golongan"], data["dasar"]
    base_on = date.fromisoformat(base["tmt"])
    base_months = int(base["masa_kerja_tahun"]) * 12 + int(base.get("masa_kerja_bulan", 0))
    step = scales.newest.next_step(rank, base_months)
    if step is None:
        raise PayUnknown(f"{rank} has no step after {base_months // 12} years")
    due_on = _first_of_month(base_on, step * 12 - base_months)
    given = data.get("kenaikan", {}).get("tmt")
    effect_on = date.fromisoformat(given) if given else due_on
    months = base_months + _months_between(base_on, effect_on)
    scale = scales.on(effect_on)
    following = scale.next_step(rank, months)
    return Rise(
        due_on=due_on,
        takes_effect_on=effect_on,
        months=months,
        old_pay=scale.pay_of(rank, base_months),
        new_pay=scale.pay_of(rank, months),
        next_on=None if following is None else _first_of_month(effect_on, following * 12 - months),
        instrument=scale.instrument,
    )


def complete_rise(data: Mapping[str, Any], scales: PayScales) -> dict[str, Any]:
    """Fill in what follows from the rest and was left empty; what was given stays as it is."""
    try:
        rise = compute_rise(data, scales)
    except (PayUnknown, KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return dict(data)  # validation says what is wrong with it
    computed: dict[str, Any] = {
        "tmt": rise.takes_effect_on.isoformat(),
        "masa_kerja_tahun": rise.months // 12,
        "masa_kerja_bulan": rise.months % 12,
        "gaji_pokok": rise.new_pay,
    }
    if rise.next_on is not None:
        computed["berikutnya"] = rise.next_on.isoformat()
    base = {"masa_kerja_bulan": 0, "gaji_pokok": rise.old_pay, **data["dasar"]}
    return {**data, "dasar": base, "kenaikan": {**computed, **data.get("kenaikan", {})}}


def instrument_of(data: Mapping[str, Any], scales: PayScales) -> str:
    """The regulation whose table gives the new pay; the newest while the data does not say."""
    try:
        return scales.on(date.fromisoformat(data["kenaikan"]["tmt"])).instrument
    except (PayUnknown, KeyError, TypeError, ValueError):
        return scales.newest.instrument


def check_rise(data: Mapping[str, Any], scales: PayScales) -> Iterator[Fault]:
    """Each fault as path, message (msgid) and its parameters. The data must fit the schema."""
    try:
        rise = compute_rise(data, scales)
    except PayUnknown:
        yield ("pegawai.golongan",
               "Tabel gaji tidak memuat kenaikan bagi golongan dan masa kerja ini pada tanggal tersebut.", {})
        return
    except (ValueError, OverflowError):
        # What fits the schema has readable dates and service, so one of the dates is at the end of the calendar.
        given, base = data.get("kenaikan", {}).get("tmt", ""), data["dasar"]["tmt"]
        yield ("kenaikan.tmt" if given > base else "dasar.tmt"), "Tanggal tidak sah.", {}
        return
    yield from _check_dates(data, rise)
    yield from _check_figures(data, rise)


def _check_dates(data: Mapping[str, Any], rise: Rise) -> Iterator[Fault]:
    if rise.takes_effect_on.day != 1:
        yield "kenaikan.tmt", "Kenaikan gaji berkala berlaku mulai tanggal 1.", {}
    if rise.takes_effect_on < rise.due_on:
        yield ("kenaikan.tmt", "Belum waktunya: menurut masa kerja, kenaikan berlaku mulai %(due)s.",
               {"due": write_date(rise.due_on)})
    elif rise.takes_effect_on > rise.due_on and not data.get("catatan_penundaan"):
        yield ("kenaikan.tmt",
               "Menurut masa kerja, kenaikan berlaku mulai %(due)s. Bila ditunda, isi catatan penundaan.",
               {"due": write_date(rise.due_on)})
    given = data.get("kenaikan", {}).get("berikutnya")
    if given and rise.next_on is None:
        yield "kenaikan.berikutnya", "Gaji pokok sudah pada tingkat tertinggi; kosongkan isian ini.", {}
    elif given and rise.next_on is not None and date.fromisoformat(given) != rise.next_on:
        yield ("kenaikan.berikutnya", "Kenaikan berikutnya seharusnya %(next)s.",
               {"next": write_date(rise.next_on)})


def _check_figures(data: Mapping[str, Any], rise: Rise) -> Iterator[Fault]:
    raise_, base = data.get("kenaikan", {}), data["dasar"]
    years, months = divmod(rise.months, 12)
    service = "Masa kerja pada TMT seharusnya %(years)s tahun %(months)s bulan."
    for field, right in (("masa_kerja_tahun", years), ("masa_kerja_bulan", months)):
        if raise_.get(field, right) != right:
            yield f"kenaikan.{field}", service, {"years": years, "months": months}
    pay = "Gaji pokok golongan %(rank)s menurut %(instrument)s seharusnya %(pay)s."
    for path, given, right in (
        ("dasar.gaji_pokok", base.get("gaji_pokok"), rise.old_pay),
        ("kenaikan.gaji_pokok", raise_.get("gaji_pokok"), rise.new_pay),
    ):
        if given is not None and given != right:
            yield path, pay, {"rank": data["pegawai"]["golongan"], "instrument": rise.instrument,
                              "pay": write_rupiah(right)}


def _months_between(start: date, end: date) -> int:
    """Whole months from start to end, negative if end comes first."""
    return (end.year - start.year) * 12 + end.month - start.month - (1 if end.day < start.day else 0)


def _first_of_month(start: date, months: int) -> date:
    """The first of a month on or after ``start`` + ``months``."""
    index = start.year * 12 + start.month - 1 + months + (1 if start.day > 1 else 0)
    return date(index // 12, index % 12 + 1, 1)
