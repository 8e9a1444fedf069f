"""How times, dates and numbers are said on screens and in mails.

Pure: locale, zone, calendar, the present moment and the translations are given. Written in Indonesian msgids;
a ``gettext`` catalogue turns them into another language. People hear "2 hari kerja lagi" and "terlambat
1 hari"; the exact time stands beside it for the title attribute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from gettext import NullTranslations
from typing import Final, Literal, Protocol

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import format_decimal

CAP: Final = 1_000
WORKING_DAY_MINUTES: Final = 450  # 37.5 hours a week in five days (Perpres 21/2023)
DueState = Literal["overdue", "today", "soon", "later"]
Day = date  # since the class below has a method named date


class WorkingDays(Protocol):
    """What the phrases need of a calendar; :class:`workflows.calendar.WorkCalendar` fits."""

    def is_working_day(self, day: date) -> bool: ...


@dataclass(frozen=True)
class WeekdaysOnly:
    """Monday to Friday without holidays: for places that have no calendar at hand."""

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5


@dataclass(frozen=True)
class DueText:
    """A deadline as people say it; ``exact`` for the title; ``state`` picks colour and icon."""

    text: str
    exact: str
    state: DueState

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Formatter:
    """Says values in one language and zone, as seen at ``now`` (aware).

    Every method takes aware datetimes (or ISO 8601 texts) and shows them in ``zone``.
    """

    locale: Locale
    zone: tzinfo
    now: datetime
    working_days: WorkingDays = field(default_factory=WeekdaysOnly)
    translations: NullTranslations = field(default_factory=NullTranslations)
    day_minutes: int = WORKING_DAY_MINUTES

    # ---- dates and times

    def date(self, value: Day | datetime | str) -> str:
        """``24 November 2026``."""
        return format_date(self._day(value), "d MMMM y", locale=self.locale)

    def month(self, value: Day | str) -> str:
        """``November 2026`` from a date or from ``2026-11``."""
        day = Day.fromisoformat(f"{value}-01" if len(value) == 7 else value) if isinstance(value, str) else value
        return format_skeleton("yMMMM", day, locale=self.locale)

    def dt(self, value: datetime | str) -> str:
        """``24 Nov 2026 19.50``; of this year without it: ``24 Nov 19.50``."""
        moment = self._local(value)
        pattern = "d MMM" if moment.year == self.now.astimezone(self.zone).year else "d MMM y"
        return f"{format_datetime(moment, pattern, locale=self.locale)} {self._clock(moment)}"

    def exact(self, value: datetime | str) -> str:
        """``Selasa, 24 November 2026 pukul 19.50.03 WITA``: leaves nothing open."""
        moment = self._local(value)
        day = format_datetime(moment, "EEEE, d MMMM y", locale=self.locale)
        separator = "." if self.locale.language == "id" else ":"
        clock = moment.strftime(f"%H{separator}%M{separator}%S")
        return self.translations.gettext("%(day)s pukul %(clock)s %(zone)s") % {
            "day": day, "clock": clock, "zone": moment.tzname() or "",
        }

    def ago(self, value: datetime | str) -> str:
        """``baru saja``, ``12 menit lalu``, ``3 jam lalu``, ``kemarin 09.12``; older: as :meth:`dt`."""
        moment = self._local(value)
        passed = self.now - moment
        days = (self.now.astimezone(self.zone).date() - moment.date()).days
        if timedelta(0) <= passed < timedelta(minutes=1):
            return self.translations.gettext("baru saja")
        if timedelta(0) <= passed < timedelta(hours=1):
            return self._count("%(n)s menit lalu", "%(n)s menit lalu", passed // timedelta(minutes=1))
        if passed >= timedelta(hours=1) and days == 0:
            return self._count("%(n)s jam lalu", "%(n)s jam lalu", passed // timedelta(hours=1))
        if days == 1:
            return self.translations.gettext("kemarin %(clock)s") % {"clock": self._clock(moment)}
        return self.dt(moment)

    def relative_due(self, value: datetime | str) -> DueText:
        """A deadline: ``2 hari kerja lagi``, ``3 jam lagi``, ``terlambat 1 hari``."""
        due = self._local(value)
        today = self.now.astimezone(self.zone).date()
        exact = self.exact(due)
        if due < self.now:
            return DueText(self._late(due, today), exact, "overdue")
        if due.date() == today:
            return DueText(self._later_today(due - self.now), exact, "today")
        days = self._working_days_after(today, due.date())
        if days == 0:  # due on a day off before the next working day
            days = 1
        text = self._count("%(n)s hari kerja lagi", "%(n)s hari kerja lagi", days)
        return DueText(text, exact, "soon" if days <= 1 else "later")

    def working_time(self, minutes: float) -> str:
        """A span of working time: ``20 menit``, ``3 jam 20 menit``, ``2 hari 1 jam kerja``."""
        whole = round(minutes)
        hours, rest = divmod(whole, 60)
        if whole < 60:
            return self._count("%(n)s menit", "%(n)s menit", whole)
        if whole < self.day_minutes:
            parts = [self._count("%(n)s jam", "%(n)s jam", hours)]
            return " ".join([*parts, self._count("%(n)s menit", "%(n)s menit", rest)] if rest else parts)
        days, left = divmod(whole, self.day_minutes)
        hours = round(left / 60)
        if hours == 0:
            return self._count("%(n)s hari kerja", "%(n)s hari kerja", days)
        return self.translations.gettext("%(days)s %(hours)s kerja") % {
            "days": self._count("%(n)s hari", "%(n)s hari", days),
            "hours": self._count("%(n)s jam", "%(n)s jam", hours),
        }

    # ---- numbers

    def number(self, value: float) -> str:
        """``1.234.567`` or ``1.234,5``."""
        return format_decimal(value, locale=self.locale)

    def capped(self, value: int) -> str:
        """Counts stop at a thousand, since counting on costs more than it tells: ``1.000+``."""
        return f"{self.number(CAP)}+" if value >= CAP else self.number(value)

    def percent(self, share: float) -> str:
        """``74,1 %`` from ``0.741``."""
        return f"{format_decimal(share * 100, '0.#', locale=self.locale)}\u00a0%"

    def points(self, share: float) -> str:
        """Percentage points: ``6,2`` from ``0.062``."""
        return format_decimal(share * 100, "0.#", locale=self.locale)

    def rupiah(self, amount: int) -> str:
        """``Rp3.500.000``."""
        return f"Rp{format_decimal(amount, locale=Locale('id'))}"

    # ---- within

    def _local(self, value: datetime | str) -> datetime:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        try:
            return moment.astimezone(self.zone)
        except OverflowError:  # in the calendar's last hours: until then is a certificate good that has no end
            return moment

    def _day(self, value: Day | datetime | str) -> Day:
        if isinstance(value, str):
            return Day.fromisoformat(value) if len(value) == 10 else self._local(value).date()
        return self._local(value).date() if isinstance(value, datetime) else value

    def _clock(self, moment: datetime) -> str:
        return moment.strftime("%H.%M" if self.locale.language == "id" else "%H:%M")

    def _count(self, one: str, many: str, count: int) -> str:
        return self.translations.ngettext(one, many, count) % {"n": self.number(count)}

    def _late(self, due: datetime, today: Day) -> str:
        passed = self.now - due
        if due.date() < today:
            days = max(1, self._working_days_after(due.date(), today))
            return self._count("terlambat %(n)s hari", "terlambat %(n)s hari", days)
        if passed < timedelta(hours=1):
            minutes = max(1, passed // timedelta(minutes=1))
            return self._count("terlambat %(n)s menit", "terlambat %(n)s menit", minutes)
        hours = passed // timedelta(hours=1)
        return self._count("terlambat %(n)s jam", "terlambat %(n)s jam", hours)

    def _later_today(self, left: timedelta) -> str:
        if left < timedelta(hours=1):
            minutes = max(1, left // timedelta(minutes=1))
            return self._count("%(n)s menit lagi", "%(n)s menit lagi", minutes)
        hours = left // timedelta(hours=1)
        return self._count("%(n)s jam lagi", "%(n)s jam lagi", hours)

    def _working_days_after(self, start: Day, end: Day) -> int:
        """Working days in ``(start, end]``; counting stops after a year."""
        span = min((end - start).days, 366)
        return sum(self.working_days.is_working_day(start + timedelta(days=n + 1)) for n in range(span))
