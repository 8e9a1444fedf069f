"""Jobs by name: deliveries from the outbox, and what happens from time to time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from svc.deps import Deps
from svc.mail_templates import render_notice, translate
from svc.metrics import facts
from svc.models import BatchRow, Decree, Notice, Person, Task
from svc.ports import Mail
from svc.services import audit, preservation, preservation_state, revocation_fetch, signing
from svc.services.batches import receipts
from svc.services.batches.forgotten import nudge_forgotten
from svc.services.batches.notices import BATCH
from svc.services.orgchart import holders_of
from svc.services.outbox import notify

_ISSUED = "Naskah untuk Anda sudah terbit: %(subject)s"
_LONGEST_WRITE = timedelta(hours=1)  # hundreds of times what the slowest disk takes
logger = logging.getLogger(__name__)
Handler = Callable[[Deps, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Periodic:
    """A job that runs when ``due(last, now)`` says so; ``last`` is when it was last done. One process at a time runs
    it, unless ``is_shared``: then as many as there are work on it side by side, and its rows say who does what."""

    name: str
    run: Callable[[Deps], object]
    every: timedelta | None = None
    at_day_end: bool = False
    at_opening: bool = False
    is_shared: bool = False
    is_wanted: Callable[[Deps], bool] = lambda _deps: True

    def is_due(self, deps: Deps, last: datetime | None, now: datetime) -> bool:
        """Whether it should run now. Daily ones run once a day of the province's zone."""
        if not self.is_wanted(deps):
            return False
        if self.every is not None:
            return last is None or now - last >= self.every
        zone = deps.settings.tzinfo
        today = now.astimezone(zone).date()
        if self.at_day_end:  # the day that ended: run at the first look after midnight
            return (last is not None and last.astimezone(zone).date() < today) or last is None
        is_open = deps.calendar.is_working_day(today) and deps.calendar.working_minutes_between(
            now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0), now) > 0
        return is_open and (last is None or last.astimezone(zone).date() < today)


def send_notice_mail(deps: Deps, payload: Mapping[str, Any]) -> None:
    """Mail a notice to its person, in his language.

    :raises svc.ports.MailFailed: not taken; the outbox decides whether to try again
    """
    with deps.db.read_session() as session:
        row = session.execute(
            select(Notice, Person, Decree.public_id).join(Person, Person.id == Notice.person_id)
            .outerjoin(Decree, Decree.id == Notice.decree_id).where(Notice.id == payload["notice_id"])).one_or_none()
    if row is None or not row[1].is_active:
        return
    notice, person, decree_id = row[0], row[1], row[2]
    # A subject is one line, whatever somebody typed into a title.
    subject = " ".join(translate(person.locale, notice.message, notice.params).split())
    url = f"{deps.settings.base_url}/decrees/{decree_id}" if decree_id else deps.settings.base_url
    if BATCH in notice.params:
        url = f"{deps.settings.base_url}/batches/{notice.params[BATCH]}"
    text, html = render_notice(person.locale, person.name, subject, url)
    deps.mailer.send(Mail(_message_id(deps, f"notice-{notice.public_id}"), person.email, subject, text, html))


def send_decree_mail(deps: Deps, payload: Mapping[str, Any]) -> None:
    """Mail to whom a decree of a batch is about where he can read it: to the address in his row, else to that of the
    person with his NIP; to nobody when neither is known.

    :raises svc.ports.MailFailed: not taken; the outbox decides whether to try again
    """
    with deps.db.read_session() as session:
        found = session.execute(
            select(BatchRow, Decree).join(Decree, Decree.id == BatchRow.decree_id)
            .where(Decree.id == payload["decree_id"], Decree.status == "issued")).one_or_none()
        if found is None:
            return
        row, decree = found
        person = session.scalars(select(Person).where(
            Person.nip == row.subject_key, Person.is_active)).one_or_none() if row.subject_key else None
    address = row.email or (person.email if person else "")
    if not address:
        return
    locale = person.locale if person else "id"
    subject = " ".join(translate(locale, _ISSUED, {"subject": decree.subject[:200]}).split())
    text, html = render_notice(locale, row.label, subject, f"{deps.settings.base_url}/v/{decree.verify_code}")
    deps.mailer.send(Mail(_message_id(deps, f"decree-{decree.public_id}"), address, subject, text, html))


def _message_id(deps: Deps, name: str) -> str:
    host = deps.settings.base_url.split("//", 1)[1].split("/")[0].split(":")[0]
    return f"<{name}@{host}>"


def remind_overdue(deps: Deps) -> int:
    """Tell the holders of positions how much of theirs is overdue; returns how many were told."""
    now = deps.clock.now()
    today = now.astimezone(deps.settings.tzinfo).date()
    told = 0
    with deps.db.unit_of_work() as session:
        late = session.execute(
            select(Task.assignee_id, func.count())
            .where(Task.status == "open", Task.batch_id.is_(None), Task.due_at < now)
            .group_by(Task.assignee_id).order_by(Task.assignee_id)).all()
        for position_id, count in late:
            for holder in holders_of(session, position_id, today):
                notify(session, holder.person_id, "%(count)s naskah terlambat menunggu Anda", now,
                       params={"count": count})
                told += 1
    return told


def sweep_store(deps: Deps) -> int:
    """Remove from the store what writers that died left half done an hour ago or longer; returns how many."""
    swept = deps.store.sweep(deps.clock.now() - _LONGEST_WRITE)
    if swept:
        logger.info("store swept: count=%s", swept)
    return swept


OUTBOX: dict[str, Handler] = {"notice_mail": send_notice_mail, "decree_mail": send_decree_mail,
                             "batch_receipt": receipts.look_again}
PERIODIC: tuple[Periodic, ...] = (
    Periodic("recover_signings", signing.recover, every=timedelta(minutes=1)),
    Periodic("preserve", preservation.preserve_due, every=timedelta(seconds=5), is_shared=True),
    Periodic("level_wanted", preservation_state.make_low_due, every=timedelta(hours=1)),
    Periodic("forgotten_batches", nudge_forgotten, every=timedelta(seconds=5),
             is_wanted=lambda deps: deps.engine.is_swept),
    Periodic("batch_receipts", receipts.make_due, every=timedelta(seconds=5), is_wanted=receipts.is_any_due),
    Periodic("revocation_data", revocation_fetch.refresh, every=timedelta(hours=6)),
    Periodic("sweep_store", sweep_store, every=timedelta(hours=1)),
    Periodic("facts", facts.recompute_touched, every=timedelta(minutes=1)),
    Periodic("checkpoint_hour", lambda deps: audit.write_checkpoint(deps, "hour"), every=timedelta(hours=1)),
    Periodic("checkpoint_day", lambda deps: audit.write_checkpoint(deps, "day"), at_day_end=True),
    Periodic("remind_overdue", remind_overdue, at_opening=True),
)
