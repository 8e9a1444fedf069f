"""Short ways to bring about what tests of the flow need: files, holders, steps of signing."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pikepdf
import pypdfium2
from sqlalchemy import select

from svc.models import Decree, Holding
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import signing
from svc.services import signing_steps as steps
from svc.services.decree_page import load_pdf
from svc.services.flow import Doer, doer_of, load_flow, lock_decree, run_command, to_workflow
from svc.services.signing_keys import open_signer
from tests.support.world import World
from workflows.model import ClaimSigning, RecordSigned


def task_of(world: World, decree_id: str, username: str = "analis") -> tuple[str, int]:
    """The open task's public id and the version that a page made now would carry."""
    view = world.view(decree_id, username)
    assert view.open_task is not None
    return view.open_task.task_id, view.lock_version


def blank_pdf(pages: int = 1, title: str = "") -> bytes:
    """A finished PDF as a clerk might upload it."""
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(595, 842))
    if title:
        document.docinfo["/Title"] = title
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def text_of(pdf: bytes) -> str:
    """All text of a PDF, as it is read off the page, in one line."""
    document = pypdfium2.PdfDocument(pdf)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    document.close()
    return " ".join(text.split())


def current_text(world: World, decree_id: str, username: str = "analis") -> str:
    """What stands on the decree's present document."""
    return text_of(load_pdf(world.deps, world.actor(username), decree_id).data)


def row_of(world: World, decree_id: str) -> Decree:
    """The decree's row."""
    with world.deps.db.read_session() as session:
        return session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()


def appoint(world: World, holder: str, position: str, capacity: str, since: date, until: date | None = None) -> None:
    """Let a person hold another's position too; both are named by the position code he has or gets."""
    organisation = world.organisation
    with world.deps.db.unit_of_work() as session:
        session.add(Holding(
            person_id=organisation.person_ids[holder], position_id=organisation.position_ids[position],
            capacity=capacity, valid_from=since, valid_to=until, instrument="Keputusan contoh"))


def end_holding(world: World, holder: str, position: str, last_day: date) -> None:
    """The person holds the position until that day."""
    organisation = world.organisation
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Holding).where(
            Holding.person_id == organisation.person_ids[holder],
            Holding.position_id == organisation.position_ids[position])).one().valid_to = last_day


def set_row(world: World, decree_id: str, **values: Any) -> None:
    """Change columns of a decree as no service would."""
    with world.deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        for name, value in values.items():
            setattr(decree, name, value)


def claim(world: World, decree_id: str, username: str) -> None:
    """The first half of signing, as the signing service records it."""
    actor = world.actor(username)
    with world.deps.db.unit_of_work() as session:
        flow = load_flow(session, world.deps, lock_decree(session, decree_id))
        command = ClaimSigning(to_workflow(actor), flow.decree.lock_version, flow.decree.frozen_sha256 or "")
        run_command(session, world.deps, flow, command, doer_of(actor, None))


def record_signed(world: World, decree_id: str, sha256: str = "f" * 64) -> None:
    """The second half, on a hash that stands for the signed bytes."""
    with world.deps.db.unit_of_work() as session:
        flow = load_flow(session, world.deps, lock_decree(session, decree_id))
        run_command(session, world.deps, flow, RecordSigned(sha256), Doer.system())


def begin_act(world: World, decree_id: str) -> str:
    """An act that a crash stopped after its claim; its public id."""
    task_id, _version = task_of(world, decree_id)
    signer = world.actor("kepala")
    sheet = signing.prepare(world.deps, signer, task_id)
    opened = open_signer(world.deps, signer, signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    return steps.claim(world.deps, signer, task_id, sheet.lock_version, sheet.frozen_sha256, opened).attempt_id
