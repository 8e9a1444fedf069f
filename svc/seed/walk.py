"""Walk one decree from draft to issue through the same services as the web does.

Used by ``paraf demo`` and by the seed's history; the passphrases here belong to fictional people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict
from svc.services import accounts, decree_page, drafting, issuance, routing, signing

DEMO_PASSPHRASE = "rahasia-tte-contoh"  # noqa: S105 - of fictional signers, printed at start-up
_MOST_STEPS = 20


@dataclass(frozen=True)
class Cast:
    """Who plays which part: user names by position code; the drafter's user name."""

    drafter_username: str
    by_position: Mapping[str, str]

    def drafter(self, deps: Deps) -> Actor:
        return actor_of(deps, self.drafter_username)


def actor_of(deps: Deps, username: str) -> Actor:
    """The actor behind a user name, with the positions held today."""
    return accounts.load_actor_by_username(deps, username)


def walk_decree(deps: Deps, kind_id: str, data: Mapping[str, Any], cast: Cast, stop_at: str = "issued",
                between: Callable[[], None] = lambda: None) -> str:
    """Draft, submit and carry on until the decree's status is ``stop_at``; returns its public id.

    ``between`` is called before each act after the submission (a demo's clock moves on there).
    :raises Conflict: the route does not lead there with this cast
    """
    drafter = cast.drafter(deps)
    decree_id = drafting.create_draft(deps, drafter, kind_id, data)
    if stop_at == "draft":
        return decree_id
    view = decree_page.load_decree(deps, drafter, decree_id)
    routing.submit(deps, drafter, decree_id, view.lock_version)
    for _ in range(_MOST_STEPS):
        view = decree_page.load_decree(deps, drafter, decree_id)
        if view.status == stop_at or view.open_task is None:
            return decree_id
        between()
        _act(deps, cast, view, view.open_task)
    raise Conflict


def _act(deps: Deps, cast: Cast, view: decree_page.DecreeView, task: decree_page.OpenTask) -> None:
    actor = actor_of(deps, cast.by_position[task.position_code])
    if task.kind == "paraf":
        routing.approve(deps, actor, task.task_id, view.lock_version)
    elif task.kind == "sign":
        sheet = signing.prepare(deps, actor, task.task_id)
        signing.sign(deps, actor, task.task_id, sheet.lock_version, sheet.frozen_sha256,
                     signing.StepUp(DEMO_PASSPHRASE))
    else:
        issuance.distribute(deps, actor, task.task_id, view.lock_version)


KGB_CAST = Cast(
    drafter_username="analis",
    by_position={
        "BKD.ANALIS-1": "analis", "BKD.KASUBBID-KGB": "kasubbid", "BKD.KABID-MUTASI": "kabid",
        "BKD.SEKRETARIS": "sekretaris", "BKD.KEPALA": "kepala",
    })

PKS_CAST = Cast(
    drafter_username="analis",
    by_position={**KGB_CAST.by_position, "PTSP.KEPALA": "kadis"})

PTSP_CAST = Cast(
    drafter_username="loket",
    by_position={
        "PTSP.LOKET": "loket", "PTSP.VERIFIKATOR": "verifikator", "PTSP.KASI-IZIN": "kasi.izin",
        "PTSP.KABID-IZIN": "kabid.izin", "PTSP.KEPALA": "kadis",
    })
