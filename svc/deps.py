"""Composition root: the one place where adapters are built and handed to services."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from certs.tsa import TimeStampService
from svc.adapters.backends import Backends, Opener
from svc.adapters.bsre_backend import BsreBackend
from svc.adapters.clock import SystemClock
from svc.adapters.csc_backend import CscBackend
from svc.adapters.keystore import Pki, load_or_create_pki, load_server_key
from svc.adapters.local_store import LocalStore
from svc.adapters.mailers import FolderMailer, SmtpMailer
from svc.adapters.pkcs11_backend import Pkcs11Backend
from svc.adapters.renderer import TypstRenderer
from svc.adapters.revocation_client import HttpRevocationClient
from svc.adapters.s3_store import S3Store
from svc.adapters.tsa_client import FailoverTsa, TsaConfig
from svc.cage.pool import WorkerCage
from svc.cage.port import Cage, CageLimits
from svc.call_log import CallRows
from svc.db import Database
from svc.kinds import KindCatalogue
from svc.ports import Clock, Mailer, ObjectStore, RevocationClient, SigningBackends, SigningHost
from svc.rendering import Renderer
from svc.settings import Settings
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from workflows.calendar import WorkCalendar, load_calendar
from workflows.loader import load_all
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
    cage: Cage
    mailer: Mailer
    pki: Pki
    tsa: TimeStampService
    server_key: bytes
    backends: SigningBackends
    revocation: RevocationClient
    signing_host: SigningHost


def system_clock() -> Clock:
    """The machine's clock, for programs that need nothing else of the service."""
    return SystemClock()


def build_deps(settings: Settings) -> Deps:
    """Build everything once, at start-up.

    :raises svc.settings.SettingsError: keys that must be given are not, or cannot be read
    """
    clock = SystemClock()
    kinds = KindCatalogue.load()
    server_key = load_server_key(settings)
    pki = load_or_create_pki(settings, server_key, clock.now())
    tsa = _build_tsa(settings, pki)
    db = Database(settings.effective_database_url)
    backends = build_backends(settings, tsa, clock)
    return Deps(
        settings=settings,
        db=db,
        store=_build_store(settings),
        clock=clock,
        renderer=TypstRenderer(kinds),
        kinds=kinds,
        routes=load_all(),
        calendar=load_calendar(settings.zone),
        cage=build_cage(settings),
        mailer=_build_mailer(settings),
        pki=pki,
        tsa=tsa,
        server_key=server_key,
        backends=backends,
        revocation=build_revocation(settings),
        signing_host=InlineHost(Means(clock, tsa, backends, CallRows(db, clock))),
    )


def build_revocation(settings: Settings) -> RevocationClient:
    """Who fetches revocation data."""
    return HttpRevocationClient(settings.revocation_allowed_hosts)


def build_backends(settings: Settings, tsa: TimeStampService, clock: Clock) -> Backends:
    """The signing backends that the settings name."""
    openers: dict[str, Opener] = {}
    if settings.pkcs11_module:
        openers["pkcs11"] = Pkcs11Backend(settings, tsa)
    if settings.bsre_url:
        openers["bsre"] = BsreBackend(settings)
    if settings.csc_url:
        openers["csc"] = CscBackend(settings, tsa, clock)
    return Backends(openers)


def build_cage(settings: Settings) -> Cage:
    """Where files of strangers are parsed. At most half of a web server's threads may be held up by that."""
    if not sys.platform.startswith("linux"):
        from svc.cage.inline import InlineCage  # brings PDFium, which has no business in this process

        return InlineCage()  # health says so
    room = max(1, settings.web_threads // 2)
    workers = min(settings.cage_workers, room)
    return WorkerCage(CageLimits(workers, min(settings.cage_queue, room - workers), settings.cage_seconds,
                                 settings.cage_memory_mb))


def _build_store(settings: Settings) -> ObjectStore:
    if settings.store == "local":
        return LocalStore(settings.var_dir / "store")
    return S3Store(settings)


def _build_tsa(settings: Settings, pki: Pki) -> TimeStampService:
    if not settings.tsa_addresses:
        return pki.tsa_service()
    return FailoverTsa(TsaConfig(settings.tsa_addresses, settings.tsa_timeout_seconds, settings.tsa_user,
                                 settings.tsa_password.get_secret_value(), settings.backend_ca_file))


def _build_mailer(settings: Settings) -> Mailer:
    if settings.mail == "folder":
        return FolderMailer(settings.var_dir / "mail", settings.mail_from)
    return SmtpMailer(settings)
