"""Signing a decree by hand, as its signer does on the page, and what is recorded of it."""

from __future__ import annotations

from sqlalchemy import func, select

from svc.models import Signature, SigningAttempt
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import decree_page, signing
from svc.services.signing import SigningSheet
from tests.support.world import World

SIGNER = "kepala"


def waiting(world: World) -> tuple[str, str]:
    """A decree that waits for its signature, and the task."""
    decree_id = world.walk("ready_to_sign")
    task = world.view(decree_id).open_task
    assert task is not None
    return decree_id, task.task_id


def sheet_of(world: World, task_id: str) -> SigningSheet:
    return signing.prepare(world.deps, world.actor(SIGNER), task_id)


def sign(world: World, sheet: SigningSheet, passphrase: str = DEMO_PASSPHRASE, totp: str | None = None,
         username: str = SIGNER) -> signing.SignOutcome:
    step_up = signing.StepUp(passphrase, signing.SecondStep(totp or ""))
    return signing.sign(world.deps, world.actor(username), sheet.task_id, sheet.lock_version, sheet.frozen_sha256,
                        step_up)


def status_of(world: World, decree_id: str) -> str:
    return world.view(decree_id).status


def attempts(world: World) -> list[SigningAttempt]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(select(SigningAttempt).order_by(SigningAttempt.id)))


def signatures(world: World) -> int:
    with world.deps.db.read_session() as session:
        return session.scalar(select(func.count()).select_from(Signature)) or 0


def signed_pdf(world: World, decree_id: str) -> bytes:
    return decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
