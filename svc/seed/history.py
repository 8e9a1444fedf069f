"""A past for the demo province, so that lists and figures show what they are for from the first day.

The history is made by the real services under a clock that stands in the past: real PDFs, real signatures by
the development authority, real events.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from importlib.resources import files
from typing import Any

from sqlalchemy import update

from svc.deps import Deps
from svc.models import Notice, OutboxMessage
from svc.rendering import Letterhead, RenderRequest, SignatureBlock
from svc.seed.walk import KGB_CAST, PTSP_CAST, walk_decree
from svc.services import paper

HISTORY = timedelta(days=200)
_FIRST_DAY, _EVERY_DAYS, _SIGNED, _PAPER = 165, 12, 13, 5


class PastClock:
    """A clock that is moved by hand; implements ``svc.ports.Clock``."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The instant that was set."""
        return self.at

    def pass_hours(self, hours: float) -> None:
        """Let time go by."""
        self.at += timedelta(hours=hours)


def seed_history(deps: Deps, now: datetime) -> None:
    """Decrees signed over the last months, slower at first, and some that were still signed on paper."""
    rows = employees(deps)
    for number in range(_SIGNED):
        day = _working_day(deps, now - timedelta(days=_FIRST_DAY - number * _EVERY_DAYS))
        clock = PastClock(datetime.combine(day, time(8, 15), deps.settings.tzinfo).astimezone(UTC))
        past = replace(deps, clock=clock)
        hours = max(0.3, 30 - 3.5 * number) if number % 4 else 1.0
        walk_decree(past, "kgb", rows[number], KGB_CAST, "issued", partial(clock.pass_hours, hours))
    for number in range(_PAPER):
        day = _working_day(deps, now - timedelta(days=_FIRST_DAY - 3 - number * 21))
        clock = PastClock(datetime.combine(day, time(14), deps.settings.tzinfo).astimezone(UTC))
        _register_paper(replace(deps, clock=clock), number, rows[-1 - number])
    _lay_to_rest(deps, now)


def seed_open_work(deps: Deps) -> None:
    """Work that waits today: in every inbox of the story, and for the signer."""
    rows = employees(deps)
    permit = deps.kinds.get("surat-izin").example
    for number, stop_at in enumerate(("draft", "in_review", "in_review", "ready_to_sign", "ready_to_sign", "issued")):
        walk_decree(deps, "kgb", rows[14 + number], KGB_CAST, stop_at)
    walk_decree(deps, "surat-izin", permit, PTSP_CAST, "in_review")
    walk_decree(deps, "surat-izin", permit, PTSP_CAST, "issued")


def employees(deps: Deps) -> list[dict[str, Any]]:
    """Data of salary letters for the fictional employees of the shipped sheet."""
    text = (files("templates") / "decrees" / "kgb" / "example.csv").read_text("utf-8")
    return [_complete(deps, row) for row in csv.DictReader(text.splitlines())]


def _complete(deps: Deps, row: Mapping[str, str]) -> dict[str, Any]:
    return deps.kinds.data_from_row("kgb", row)


def _working_day(deps: Deps, moment: datetime) -> date:
    day = moment.astimezone(deps.settings.tzinfo).date()
    while not deps.calendar.is_working_day(day):
        day -= timedelta(days=1)
    return day


def _register_paper(deps: Deps, number: int, data: Mapping[str, Any]) -> None:
    kind = deps.kinds.get("kgb")
    scan = deps.renderer.render(RenderRequest(
        kind.id, deps.kinds.complete_data(kind, data), Letterhead("PEMERINTAH PROVINSI NUSA MANDALA", "BADAN CONTOH"),
        SignatureBlock(("KEPALA BADAN,",), "ttd. basah (contoh)")))
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    paper.register_paper(
        deps, KGB_CAST.drafter(deps), kind_id=kind.id, subject=f"Kenaikan Gaji Berkala a.n. {data['pegawai']['nama']}",
        number=f"800.1.11.13/{101 + number}/BKD/{today.year}", signed_on=today, signer_name="Kepala Badan (contoh)",
        scan_pdf=scan.pdf)


def _lay_to_rest(deps: Deps, now: datetime) -> None:
    """What was told in the past was read in the past, and no mail about it goes out today."""
    with deps.db.unit_of_work() as session:
        session.execute(update(Notice).values(read_at=Notice.created_at))
        session.execute(update(OutboxMessage).values(state="done", done_at=now))
