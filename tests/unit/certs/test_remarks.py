"""Beside the verdict stands what nobody should take for proven: impossible claims and bytes that nobody signed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certs import validation
from certs.augment import augment
from certs.pades import Level, sign_pdf
from certs.validation import Indication, validate_pdf
from tests.attacks.craft import update
from tests.unit.certs.conftest import World


@pytest.mark.parametrize(("days", "level", "fault"), [
    (100, Level.B_B, "in_future"), (100, Level.B_T, "in_future"), (-10, Level.B_B, "before_certificate"),
    (-10, Level.B_T, "before_certificate"), (0, Level.B_B, ""), (0, Level.B_T, "")])
def test_a_claimed_time_that_cannot_be_is_said_to_be_none_to_rely_on(
    world: World, days: int, level: Level, fault: str
) -> None:
    pdf = world.sign(world.request(level=level, at=world.now + timedelta(days=days))).pdf
    report = validate_pdf(pdf, world.trust(), world.later)
    assert report.signatures[0].claim_fault == fault
    assert ("do not rely on it" in report.explanation) is bool(fault)


class Punctual:
    """Stamps at its own time, whatever the signer thinks the time is."""

    def __init__(self, world: World) -> None:
        self._world = world

    def respond(self, request: bytes, now: datetime) -> bytes:
        return self._world.tsa.respond(request, self._world.now)


def test_a_claimed_time_after_the_proven_one_cannot_be(world: World) -> None:
    request = world.request(at=world.now + timedelta(days=2))
    pdf = sign_pdf(world.page, request, world.signer, Punctual(world)).pdf
    at = world.now + timedelta(days=3)
    found = validate_pdf(pdf, world.trust(at=at), at).signatures[0]
    assert (found.indication, found.proven_at, found.claim_fault) == (
        Indication.TOTAL_PASSED, world.now, "after_proof")


def test_bytes_behind_the_last_signature_are_said_to_be_covered_by_none(world: World) -> None:
    pdf = world.sign().pdf
    raised = augment(pdf, Level.B_LT, world.tsa, world.trust(), world.later, world.now).pdf
    report = validate_pdf(raised, world.trust(), world.later)
    assert report.indication is Indication.TOTAL_PASSED
    assert f"The last {len(raised) - len(pdf)} bytes of the file are covered by no signature." in report.explanation
    assert "covered by no signature" not in validate_pdf(pdf, world.trust(), world.later).explanation
    closed = augment(pdf, Level.B_LTA, world.tsa, world.trust(), world.later, world.now).pdf
    assert "covered by no signature" not in validate_pdf(closed, world.trust(), world.later).explanation


@pytest.mark.parametrize("body", [b"[" * 5000 + b"]" * 5000, b"/" + b"n" * 100_000])
def test_what_is_nested_or_long_beyond_measure_reaches_no_parser(
    world: World, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the file was parsed")

    pdf = update(world.page, {900: body})
    monkeypatch.setattr(validation, "ForgivingReader", refuse)
    report = validate_pdf(pdf, world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "FORMAT_FAILURE")
    assert {"nested_too_deep", "token_too_long"} & {one.code for one in report.findings}
