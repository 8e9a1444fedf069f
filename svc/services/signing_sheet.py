"""The sheet a signer sees before he signs: what, as whom, what changed since he last saw it, and with which key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certs import checks
from certs.errors import CannotSign
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, NotFound
from svc.models import Decree, DecreeVersion, Paraf, Person, Position, StoredFile, Task
from svc.services import rendition
from svc.services.access import ensure_can_view
from svc.services.certificate_words import common_name, holder_words, unusable
from svc.services.flow import ensure_alone, load_flow, lock_by_task
from svc.services.key_use import certificate_of, chain_of, current_credential
from svc.services.redating import ensure_dated_today
from svc.services.second_step import Demand, demand
from svc.services.secret_words import words_of
from svc.services.signature_blocks import NamedSigner, shown_signers
from svc.services.signing_keys import NOT_OFFERED, STORED
from svc.services.signing_steps import capacity_line, ensure_may_sign
from svc.services.trust import trust_store, with_intermediates

HASH_TAIL = 12
_MAX_CHANGES = 60
_MAX_VALUE = 300


@dataclass(frozen=True)
class FieldChange:
    """A field that differs from what the viewer saw last; empty where it was not there."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class ParafLine:
    name: str
    position_title: str
    given_at: datetime


@dataclass(frozen=True)
class CredentialState:
    """The viewer's certificate: ``problem`` is empty when it can sign, else says why not and what to do (a msgid
    that ``problem_params`` fill)."""

    state: str  # usable | locked | waiting | unusable | missing
    subject: str
    issuer: str
    valid_to: datetime | None
    tries_left: int
    next_try_at: datetime | None
    problem: str
    problem_params: Mapping[str, object] = field(default_factory=dict)
    backend: str = "stored"  # where the key lies: stored | pkcs12 | pkcs11 | csc | bsre
    office: str = ""  # what the certificate says of its holder: position, unit, organisation
    wait_seconds: int = 0  # until the next try is taken, when ``state`` is waiting
    takes_code: bool = False  # whether its service sends one-time codes

    @property
    def can_sign(self) -> bool:
        return self.state in {"usable", "waiting"}


@dataclass(frozen=True)
class SigningSheet:
    """All that the sheet shows. ``frozen_sha256`` and ``lock_version`` go back with the form."""

    task_id: str
    decree_id: str
    kind: str
    kind_title: str
    subject: str
    number: str
    issued_on: date | None
    drafter_name: str
    version_no: int
    lock_version: int
    capacity_line: str
    frozen_sha256: str
    pages: int
    level: str
    last_seen_version: int | None
    changes: tuple[FieldChange, ...]
    parafs: tuple[ParafLine, ...]
    credential: CredentialState
    second_step: Demand
    signers: tuple[NamedSigner, ...]  # all blocks of the document, in the order of signing

    @property
    def hash_tail(self) -> str:
        return self.frozen_sha256[-HASH_TAIL:]

    @property
    def ordinal(self) -> int:
        """Which of the document's signatures this is, from 1."""
        return 1 + sum(signer.signed_at is not None for signer in self.signers)


def prepare(deps: Deps, actor: Actor, task_id: str) -> SigningSheet:
    """Everything for the sheet; a document of another day, or that names another holder, is frozen anew first.

    :raises NotFound: no such task for this actor. :raises NotYourTask: :raises Forbidden: not his to sign
    :raises NamedOtherwise: the signature block names somebody else. :raises Conflict: it is not to be signed now
    """
    _ensure_waiting(deps, actor, task_id)
    ensure_dated_today(deps, task_id, actor)
    with deps.db.read_session() as session:
        decree = lock_by_task(session, task_id)
        flow = load_flow(session, deps, decree)
        held = ensure_may_sign(session, deps, actor, decree, flow)
        position = session.get_one(Position, held.position_id)
        last_seen, changes = _changes(session, deps, decree, flow.version, actor)
        return SigningSheet(
            task_id=task_id, decree_id=decree.public_id, kind=decree.kind,
            kind_title=rendition.kind_of(deps, decree.kind).title, subject=decree.subject, number=decree.number or "",
            issued_on=decree.issued_on, drafter_name=session.get_one(Person, decree.drafter_id).name,
            version_no=decree.version_no, lock_version=decree.lock_version,
            capacity_line=capacity_line(position, held.capacity), frozen_sha256=decree.frozen_sha256 or "",
            pages=_pages(session, decree), level=deps.settings.signature_level, last_seen_version=last_seen,
            changes=changes, parafs=_parafs(session, decree), credential=credential_state(session, deps, actor),
            second_step=demand(session, deps, actor.person_id, current_credential(session, actor.person_id)),
            signers=shown_signers(session, decree.id))


def _ensure_waiting(deps: Deps, actor: Actor, task_id: str) -> None:
    """Before anything is written on behalf of somebody who only looks."""
    with deps.db.read_session() as session:
        task = session.scalars(select(Task).where(Task.public_id == task_id)).one_or_none()
        if task is None:
            raise NotFound
        decree = lock_by_task(session, task_id)
        ensure_can_view(actor, decree)
        ensure_alone(decree)
        if task.kind != "sign" or task.status != "open" or decree.status != "ready_to_sign":
            raise Conflict("Naskah ini sedang tidak menunggu tanda tangan.")
        if task.assignee_id not in actor.position_ids:
            raise NotFound


def _pages(session: Session, decree: Decree) -> int:
    pages = session.scalar(
        select(StoredFile.pages).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "frozen",
                                       StoredFile.sha256 == decree.frozen_sha256))
    return pages or 1


def _parafs(session: Session, decree: Decree) -> tuple[ParafLine, ...]:
    rows = session.execute(
        select(Person.name, Position.title, Paraf.given_at)
        .join(Person, Person.id == Paraf.person_id).join(Position, Position.id == Paraf.position_id)
        .where(Paraf.decree_id == decree.id, Paraf.voided_at.is_(None)).order_by(Paraf.id))
    return tuple(ParafLine(*row) for row in rows)


def _changes(session: Session, deps: Deps, decree: Decree, current: DecreeVersion,
             actor: Actor) -> tuple[int | None, tuple[FieldChange, ...]]:
    """The version that the viewer acted on last (paraf, return, …), and what differs from it now."""
    last = session.scalar(
        select(func.max(Task.version_no)).where(Task.decree_id == decree.id, Task.done_by_id == actor.person_id))
    if last is None or last == decree.version_no:
        return last, ()
    seen = session.scalars(
        select(DecreeVersion).where(DecreeVersion.decree_id == decree.id, DecreeVersion.version_no == last)).one()
    if decree.source != "template":
        return last, (FieldChange("PDF", seen.content_sha256[-HASH_TAIL:], current.content_sha256[-HASH_TAIL:]),)
    labels = _labels(rendition.kind_of(deps, decree.kind).schema)
    return last, tuple(_differences(dict(_flat(seen.data)), dict(_flat(current.data)), labels))[:_MAX_CHANGES]


def _differences(before: Mapping[str, str], after: Mapping[str, str],
                 labels: Mapping[str, str]) -> Iterator[FieldChange]:
    for path in dict.fromkeys((*after, *before)):
        if before.get(path, "") != after.get(path, ""):
            plain = "".join(part for part in path if not part.isdigit()).replace("[]", "")
            yield FieldChange(labels.get(plain, path), before.get(path, ""), after.get(path, ""))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _flat(one, f"{path}[{index}]")
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield path, text[:_MAX_VALUE]


def _labels(schema: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Titles of fields by path without indexes, from the kind's JSON Schema."""
    found: dict[str, str] = {}
    for key, one in schema.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        if "title" in one:
            found[here] = one["title"]
        found |= _labels(one, here) | _labels(one.get("items", {}), here)
    return found


def credential_state(session: Session, deps: Deps, actor: Actor) -> CredentialState:
    """How the actor's certificate stands, before he types anything."""
    row = current_credential(session, actor.person_id)
    if row is None:
        return CredentialState("missing", "", "", None, 0, None,
                               "Anda belum memiliki sertifikat. Terbitkan atau impor di halaman Sertifikat saya.")
    now = deps.clock.now()
    left = max(0, deps.settings.passphrase_attempts - row.failures)
    state, problem = "usable", ""
    params: Mapping[str, object] = {}
    subject, office, issuer = row.label, "", row.issuer
    if row.certificate_pem.strip():  # else the backend tells it only with the first signature
        certificate = certificate_of(row)
        subject, office = holder_words(certificate.subject, row.label)
        issuer = common_name(certificate.issuer) or issuer
        try:
            checks.ensure_can_sign(certificate, None, with_intermediates(trust_store(deps), chain_of(row)), now)
        except CannotSign as error:
            refusal = unusable(error, deps.settings.tzinfo)
            state, problem, params = "unusable", refusal.text, refusal.params
    if row.backend not in STORED and not deps.backends.is_offered(row.backend):
        state, problem, params = "unusable", NOT_OFFERED, {}
    if row.status == "locked" or left == 0:
        state, params = "locked", {}
        problem = words_of(row.backend).locked
    elif not problem and row.next_try_at is not None and row.next_try_at > now:
        state = "waiting"
    until = row.next_try_at if state == "waiting" else None
    return CredentialState(state, subject, issuer, row.valid_to, left, until, problem, params, row.backend, office,
                           math.ceil((until - now).total_seconds()) if until else 0,
                           deps.backends.takes_code(row.backend))
