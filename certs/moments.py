"""Moments that strangers claim, brought to where a calendar can show them in every time zone."""

from __future__ import annotations

from datetime import UTC, datetime

# An hour of tolerance and the time zones are added to them, and that must not leave the calendar.
EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
LATEST = datetime(9999, 12, 29, tzinfo=UTC)


def tellable(moment: object) -> datetime:
    """A moment out of a file, in UTC, as it can be told.

    Certificates without an end have the last second of the year 9999 (RFC 5280, 4.1.2.5), and asn1crypto has a type of
    its own for the year 0, which is no :class:`datetime`.
    """
    if not isinstance(moment, datetime):
        return EARLIEST
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)


def tellable_if_known(moment: object | None) -> datetime | None:
    """As :func:`tellable`; None for None."""
    return None if moment is None else tellable(moment)
