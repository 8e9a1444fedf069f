"""A collective decree of the demo's people, and what is made of it."""

from __future__ import annotations

from copy import deepcopy

from sqlalchemy import select

from svc.models import Decree
from svc.seed.walk import KGB_CAST, Cast, walk_decree
from svc.services import routing
from svc.services.batches import collective, drafting, work
from tests.support import batches as b
from tests.support.world import World

KIND = "keputusan-kolektif"
GOVERNOR = Cast("analis", {**KGB_CAST.by_position, "SEKDA": "sekda", "GUB": "gubernur"})


def parent(world: World, stop_at: str = "issued", people: int = 3) -> str:
    """The example for so many people, decided by the Governor."""
    data = deepcopy(world.example(KIND))
    first = data["lampiran"][0]
    data["lampiran"] = [{**first, "nama": f"Contoh Pegawai {number}", "nip": f"190001011981031{number:03d}"}
                        for number in range(1, people + 1)]
    world.give_certificates("gubernur", b.SIGNER)  # whoever the example says decides
    return walk_decree(world.deps, KIND, data, GOVERNOR, stop_at)


def decree(world: World, public_id: str) -> Decree:
    with world.deps.db.read_session() as session:
        return session.scalars(select(Decree).where(Decree.public_id == public_id)).one()


def made(world: World, parent_id: str) -> str:
    batch_id = collective.make_excerpts(world.deps, world.actor(b.CLERK), parent_id).batch_id
    work.drain(world.deps, batch_id)
    return batch_id


def submitted(world: World, parent_id: str) -> str:
    batch_id = made(world, parent_id)
    submit(world, batch_id)
    return batch_id


def submit(world: World, batch_id: str) -> None:
    drafting.submit(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)


def issued(world: World, parent_id: str) -> list[Decree]:
    batch_id = submitted(world, parent_id)
    b.approve(world, batch_id, "kabid")
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    return b.decrees_of(world, batch_id)


def signed_copy(world: World, parent_id: str) -> str:
    """The decree as which the copy went out."""
    copy_id = collective.make_copy(world.deps, world.actor(b.CLERK), parent_id)
    routing.submit(world.deps, world.actor(b.CLERK), copy_id, world.view(copy_id).lock_version)
    for username in ("kabid", "sekretaris"):
        world.approve(copy_id, username)
    world.sign(copy_id)
    return copy_id
