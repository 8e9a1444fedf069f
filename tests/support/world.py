"""The demo organisation in a test's own service, and short ways to act in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from svc.actors import Actor
from svc.deps import Deps
from svc.seed.organisation import DemoOrganisation, build_demo_organisation
from svc.seed.walk import DEMO_PASSPHRASE, KGB_CAST, PKS_CAST, PTSP_CAST, Cast, actor_of, walk_decree
from svc.services import credentials, decree_page, routing, signing
from svc.services.decree_page import DecreeView
from svc.services.passwords import hash_password

_CASTS = {"surat-izin": PTSP_CAST, "perjanjian-kerja-sama": PKS_CAST}
_SIGNERS = {"surat-izin": ("kadis",), "perjanjian-kerja-sama": ("kepala", "kadis")}
PASSWORD = "kata-sandi-uji-2026"


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


@dataclass(frozen=True)
class World:
    """A service with people in it."""

    deps: Deps
    organisation: DemoOrganisation

    def actor(self, username: str) -> Actor:
        return actor_of(self.deps, username)

    def example(self, kind_id: str = "kgb") -> dict[str, Any]:
        return dict(self.deps.kinds.get(kind_id).example)

    def give_certificates(self, *usernames: str) -> None:
        """Certificates for signers who have none yet, made as they would make them themselves."""
        for username in usernames:
            actor = self.actor(username)
            if not credentials.list_for(self.deps, actor, actor.person_public_id):
                credentials.issue(self.deps, actor, actor.person_public_id, DEMO_PASSPHRASE)

    def walk(self, stop_at: str, kind_id: str = "kgb", cast: Cast | None = None) -> str:
        """A decree carried to a status by the demo's people."""
        if stop_at in {"signed", "issued"}:
            self.give_certificates(*_SIGNERS.get(kind_id, ("kepala",)))
        chosen = cast or _CASTS.get(kind_id, KGB_CAST)
        return walk_decree(self.deps, kind_id, self.example(kind_id), chosen, stop_at)

    def view(self, decree_id: str, username: str = "analis") -> DecreeView:
        return decree_page.load_decree(self.deps, self.actor(username), decree_id)

    def approve(self, decree_id: str, username: str) -> None:
        view = self.view(decree_id)
        assert view.open_task is not None
        routing.approve(self.deps, self.actor(username), view.open_task.task_id, view.lock_version)

    def sign(self, decree_id: str, username: str = "kepala") -> None:
        self.give_certificates(username)
        view = self.view(decree_id)
        assert view.open_task is not None
        actor = self.actor(username)
        sheet = signing.prepare(self.deps, actor, view.open_task.task_id)
        signing.sign(self.deps, actor, view.open_task.task_id, sheet.lock_version, sheet.frozen_sha256,
                     signing.StepUp(DEMO_PASSPHRASE))


def people(deps: Deps) -> World:
    """Write the demo organisation into an empty service."""
    with deps.db.unit_of_work() as session:
        organisation = build_demo_organisation(session, deps.clock.now(), lambda _username: _hashed())
    return World(deps, organisation)
