"""Seeding the demo province: organisation, certificates, and decrees in every state, by the real services."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from svc.deps import Deps
from svc.metrics import facts
from svc.models import Person
from svc.roles import Role
from svc.seed.organisation import POSITIONS, PositionRow, build_demo_organisation
from svc.seed.walk import DEMO_PASSPHRASE, KGB_CAST, PTSP_CAST, actor_of, walk_decree
from svc.services import credentials
from svc.services.passwords import hash_password

DEMO_PASSWORD = "paraf-contoh-2026"  # noqa: S105 - of fictional people, printed at start-up
_SHOWN = ("analis", "kasubbid", "kabid", "sekretaris", "kepala", "loket", "verifikator", "kasi.izin", "kabid.izin",
          "kadis", "biro", "admin")


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
        build_demo_organisation(session, now, lambda _username: hashed)
    for row in POSITIONS:
        if Role.SIGNER.value in row.roles.split(","):
            signer = actor_of(deps, row.username)
            credentials.issue(deps, signer, signer.person_public_id, DEMO_PASSPHRASE)
    _seed_decrees(deps)
    facts.rebuild(deps)
    return True


def _seed_decrees(deps: Deps) -> None:
    """A few decrees in each state, so that no page is empty on the first day."""
    kgb, permit = deps.kinds.get("kgb"), deps.kinds.get("surat-izin")
    for stop_at in ("draft", "in_review", "ready_to_sign"):
        walk_decree(deps, "kgb", kgb.example, KGB_CAST, stop_at)
    walk_decree(deps, "surat-izin", permit.example, PTSP_CAST, "in_review")
    walk_decree(deps, "kgb", kgb.example, KGB_CAST, "issued")
    walk_decree(deps, "surat-izin", permit.example, PTSP_CAST, "issued")


def _account(row: PositionRow) -> DemoAccount:
    roles = row.roles.split(",")
    passphrase = DEMO_PASSPHRASE if Role.SIGNER.value in roles else None
    return DemoAccount(roles[-1], row.username, DEMO_PASSWORD, passphrase, row.title)
