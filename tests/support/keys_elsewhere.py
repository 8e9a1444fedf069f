"""Decrees that wait for a signature by a key that is elsewhere, and signing hosts that are further away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from certs.authorisation import Authorisation
from certs.pades import SignedDocument
from svc.call_log import CallRows
from svc.deps import build_backends
from svc.models import AuditEvent, Notice
from svc.ports import SIGNING_HOST_DOWN, ElsewhereKey, NotSigned, SigningHost, SigningHostDown, StoredKey, ToSign
from svc.services import signing
from svc.services.reconciliation import OpenAct
from svc.signing_host import protocol
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from tests.support.world import World

SIGNER = "kepala"
SIGN = "signatures/signHash"


@dataclass(frozen=True)
class Waiting:
    """A decree that waits for its signature."""

    world: World
    decree_id: str
    task_id: str

    def sign(self, passphrase: str) -> signing.SignOutcome:
        actor = self.world.actor(SIGNER)
        sheet = signing.prepare(self.world.deps, actor, self.task_id)
        return signing.sign(self.world.deps, actor, self.task_id, sheet.lock_version, sheet.frozen_sha256,
                            signing.StepUp(passphrase))

    @property
    def status(self) -> str:
        return self.world.view(self.decree_id).status

    def open_act(self) -> str:
        return self.act().attempt_id

    def act(self) -> OpenAct:
        act = signing.open_act(self.world.deps, self.world.actor(SIGNER), self.task_id)
        assert act is not None
        return act

    def count(self, table: type) -> int:
        with self.world.deps.db.read_session() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


def wait(world: World) -> Waiting:
    decree_id = world.walk("ready_to_sign")
    task = world.view(decree_id).open_task
    assert task is not None
    return Waiting(world, decree_id, task.task_id)


def with_settings(world: World, **values: object) -> World:
    settings = world.deps.settings.model_copy(update=values)
    backends = build_backends(settings, world.deps.tsa, world.deps.clock)
    old = world.deps
    host = InlineHost(Means(old.clock, old.tsa, backends, CallRows(old.db, old.clock)))
    return World(replace(old, settings=settings, backends=backends, signing_host=host), world.organisation)


@dataclass(frozen=True)
class AcrossTheProtocol:
    """A signing host whose answers travel as those of one in another process do."""

    inner: SigningHost

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        self.inner.open(authorisation, key)

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        answer, blobs = protocol.write_results(self.inner.sign(authorisation_id, documents))
        arrived = protocol.read(json.loads(json.dumps(protocol.write(answer))))
        assert isinstance(arrived, protocol.Signed)
        return protocol.read_results(arrived, [memoryview(one) for one in blobs])

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        self.inner.forget(authorisation_id, hashes)

    def close(self, authorisation_id: str) -> None:
        self.inner.close(authorisation_id)

    def is_open(self, authorisation_id: str) -> bool:
        return self.inner.is_open(authorisation_id)


@dataclass(frozen=True)
class GoesAway(AcrossTheProtocol):
    """It signs all that it is asked to and goes away after so many answers."""

    answered: int

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        made = super().sign(authorisation_id, documents)
        if not self.answered:
            raise SigningHostDown("connection reset")
        lost = len(made) - self.answered
        return (*made[:self.answered], *[NotSigned(SIGNING_HOST_DOWN, stops=True)] * lost)


def refusals(waiting: Waiting) -> list[dict[str, object]]:
    with waiting.world.deps.db.read_session() as session:
        return list(session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "signing_result_refused")))


def told_of_refusal(waiting: Waiting) -> set[int]:
    with waiting.world.deps.db.read_session() as session:
        return set(session.scalars(select(Notice.person_id).where(Notice.message.contains("ditolak"))))
