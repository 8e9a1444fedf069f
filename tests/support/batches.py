"""Batches of the demo's people, carried as far as a test needs them."""

from __future__ import annotations

import csv
import io
from copy import deepcopy
from typing import Any

from sqlalchemy import select

from svc.kind_fields import values_at
from svc.models import Batch, BatchRow, Decree
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services.batches import drafting, review, signing, work
from svc.services.batches.drafting import NewRow
from svc.services.batches.model import mark_of
from svc.services.signing_keys import StepUp
from svc.sheet_columns import columns_of
from tests.support.world import World

CLERK, SIGNER = "analis", "kepala"
PARAFS = ("kasubbid", "kabid", "sekretaris")


def rise(world: World, number: int) -> dict[str, Any]:
    """Data of a pay rise of somebody who does not exist."""
    data = deepcopy(world.example("kgb"))
    data["pegawai"]["nama"] = f"Contoh Pegawai {number}"
    data["pegawai"]["nip"] = f"19000101{1980 + number // 11988}{1 + number // 999 % 12:02d}1{1 + number % 999:03d}"
    return data


def rises(world: World, count: int) -> list[NewRow]:
    return [NewRow(number + 1, rise(world, number)) for number in range(1, count + 1)]


def sheet_of(world: World, count: int, *, faulty: tuple[int, ...] = (), without: tuple[str, ...] = (),
             email: str = "") -> bytes:
    """A CSV sheet of pay rises; rows whose number is in ``faulty`` have a NIP that is none."""
    kind = world.deps.kinds.get("kgb")
    columns = [column for column in columns_of(kind) if column.path not in without]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow([*(column.title for column in columns), "Alamat surel"])
    for number in range(1, count + 1):
        data = rise(world, number)
        if number in faulty:
            data["pegawai"]["nip"] = "12345"
        cells = [next(values_at(data, column.path), "") or "; ".join(values_at(data, f"{column.path}[]"))
                 for column in columns]
        writer.writerow([*cells, email])
    return out.getvalue().encode()


def batch_row(world: World, batch_id: str) -> Batch:
    with world.deps.db.read_session() as session:
        return session.scalars(select(Batch).where(Batch.public_id == batch_id)).one()


def rows_of(world: World, batch_id: str) -> list[BatchRow]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(select(BatchRow).join(Batch, Batch.id == BatchRow.batch_id)
                                    .where(Batch.public_id == batch_id).order_by(BatchRow.row_no)))


def mark(world: World, batch_id: str, row_no: int) -> str:
    """What a page that shows this row now sends back."""
    return next(mark_of(row) for row in rows_of(world, batch_id) if row.row_no == row_no)


def decrees_of(world: World, batch_id: str) -> list[Decree]:
    """The decrees of its rows, in row order."""
    with world.deps.db.read_session() as session:
        return list(session.scalars(
            select(Decree).join(BatchRow, BatchRow.decree_id == Decree.id).join(Batch, Batch.id == BatchRow.batch_id)
            .where(Batch.public_id == batch_id).order_by(BatchRow.row_no)))


def drafted(world: World, count: int = 5, title: str = "KGB contoh") -> str:
    """A batch whose rows were checked."""
    deps, clerk = world.deps, world.actor(CLERK)
    batch_id = drafting.create(deps, clerk, "kgb", title)
    drafting.put_rows(deps, clerk, batch_id, 1, rises(world, count))
    work.drain(deps, batch_id)
    return batch_id


def submitted(world: World, count: int = 5) -> str:
    """A batch that waits for its first paraf."""
    batch_id = drafted(world, count)
    drafting.submit(world.deps, world.actor(CLERK), batch_id, batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    return batch_id


def approve(world: World, batch_id: str, username: str) -> None:
    review.approve(world.deps, world.actor(username), batch_id, batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)


def ready(world: World, count: int = 5) -> str:
    """A batch whose list is frozen and waits for the signer."""
    batch_id = submitted(world, count)
    for username in PARAFS:
        approve(world, batch_id, username)
    return batch_id


def authorise(world: World, batch_id: str, passphrase: str = DEMO_PASSPHRASE) -> int:
    """The signer's act over what is left."""
    world.give_certificates(SIGNER)
    actor = world.actor(SIGNER)
    shown = signing.prepare(world.deps, actor, batch_id)
    return signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256, StepUp(passphrase))


def signed(world: World, count: int = 5) -> str:
    """A batch that is finished."""
    batch_id = ready(world, count)
    authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    return batch_id
