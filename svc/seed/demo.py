"""Seeding the demo province: organisation, certificates, and decrees in every state, by the real services."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select

from svc.deps import Deps
from svc.metrics import facts
from svc.models import Person
from svc.roles import Role
from svc.seed.history import HISTORY, PastClock, seed_history, seed_open_work
from svc.seed.organisation import POSITIONS, PositionRow, build_demo_organisation
from svc.seed.walk import DEMO_PASSPHRASE, actor_of
from svc.services import credentials
from svc.services.passwords import hash_password

DEMO_PASSWORD = "paraf-contoh-2026"  # noqa: S105 - of fictional people, printed at start-up
_SHOWN = ("analis", "kasubbid", "kabid", "sekretaris", "kepala", "loket", "verifikator", "kasi.izin", "kabid.izin",
          "kadis", "sekda", "gubernur", "biro", "admin")


@dataclass(frozen=True)
class DemoAccount:
    """An account to try the service with; ``passphrase`` opens the signing key of signers."""

    role: str
    username: str
    password: str
    passphrase: str | None
    position: str


def demo_accounts() -> tuple[DemoAccount, ...]:
    """The accounts worth showing, in the order of the story."""
    rows = {row.username: row for row in POSITIONS}
    return tuple(_account(rows[name]) for name in _SHOWN)


def seed_demo(deps: Deps) -> bool:
    """Fill an empty database; whether it was empty. A second call changes nothing."""
    now = deps.clock.now()
    hashed = hash_password(DEMO_PASSWORD)  # one slow hash for all: these passwords are public anyway
    with deps.db.unit_of_work() as session:
        if session.scalar(select(Person.id).limit(1)) is not None:
            return False
        build_demo_organisation(session, now - HISTORY, lambda _username: hashed)
    past = replace(deps, clock=PastClock(now - HISTORY))
    for row in POSITIONS:
        if Role.SIGNER.value in row.roles.split(","):
            signer = actor_of(past, row.username)
            credentials.issue(past, signer, signer.person_public_id, DEMO_PASSPHRASE)
    seed_history(deps, now)
    seed_open_work(deps)
    facts.rebuild(deps)
    return True


def _account(row: PositionRow) -> DemoAccount:
    roles = row.roles.split(",")
    passphrase = DEMO_PASSPHRASE if Role.SIGNER.value in roles else None
    return DemoAccount(roles[-1], row.username, DEMO_PASSWORD, passphrase, row.title)
