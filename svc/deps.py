"""Composition root: the one place where adapters are built and handed to services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certs.tsa import TimeStampAuthority
from svc.adapters.keystore import Pki
from svc.db import Database
from svc.kinds import KindCatalogue
from svc.ports import Clock, Mailer, ObjectStore
from svc.rendering import Renderer
from svc.settings import Settings
from workflows.calendar import WorkCalendar
from workflows.model import Definition


@dataclass(frozen=True)
class Deps:
    """What services need from the outside. Tests build their own with other adapters."""

    settings: Settings
    db: Database
    store: ObjectStore
    clock: Clock
    renderer: Renderer
    kinds: KindCatalogue
    routes: Mapping[str, Definition]
    calendar: WorkCalendar
    mailer: Mailer
    pki: Pki
    tsa: TimeStampAuthority
    server_key: bytes
