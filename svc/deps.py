"""Composition root: the one place where adapters are built and handed to services."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from certs.tsa import TimeStampService
from svc import failpoints
from svc.adapters.backends import Backends, Opener
from svc.adapters.bsre_backend import BsreBackend
from svc.adapters.clock import SystemClock
from svc.adapters.csc_backend import CscBackend
from svc.adapters.embedded_engine import EmbeddedEngine
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
from svc.courtesy import Courtesy
from svc.db import Database
from svc.kinds import KindCatalogue
from svc.ports import Clock, Engine, Mailer, ObjectStore, RevocationClient, SigningBackends, SigningHost
from svc.rendering import Renderer
from svc.settings import Settings, SettingsError
from svc.signing_host.client import RemoteHost, to_tls, to_unix
from svc.signing_host.holder import KeyHolder
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from svc.signing_host.tls import TlsFiles, client_context, server_context
from workflows.calendar import WorkCalendar, load_calendar
from workflows.loader import load_all
from workflows.model import Definition

if TYPE_CHECKING:
    from svc.adapters.celery_engine import CeleryEngine


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
    engine: Engine
    courtesy: Courtesy


def system_clock() -> Clock:
    """The machine's clock, for programs that need nothing else of the service."""
    return SystemClock()


def build_deps(settings: Settings) -> Deps:
    """Build everything once, at start-up.

    :raises svc.settings.SettingsError: keys that must be given are not, or cannot be read
    """
    failpoints.arm(settings)
    clock = SystemClock()
    kinds = KindCatalogue.load()
    server_key = load_server_key(settings)
    pki = load_or_create_pki(settings, server_key, clock.now())
    tsa = _build_tsa(settings, pki)
    engine = build_engine(settings)
    db = Database(settings.effective_database_url, on_work=engine.nudge)
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
        signing_host=build_signing_host(settings, Means(clock, tsa, backends, CallRows(db, clock))),
        engine=engine,
        courtesy=build_courtesy(settings),
    )


def build_courtesy(settings: Settings) -> Courtesy:
    """How what works in bulk sees that somebody waits."""
    return Courtesy(settings.var_dir / "people")


def build_engine(settings: Settings) -> Engine:
    """How batch workers learn of work. :raises svc.settings.SettingsError: packages that it needs are missing"""
    return EmbeddedEngine() if settings.engine == "embedded" else build_celery(settings)


def build_celery(settings: Settings) -> CeleryEngine:
    """The engine of many hosts. :raises svc.settings.SettingsError: packages that it needs are missing"""
    try:
        from svc.adapters.celery_engine import CeleryEngine
    except ModuleNotFoundError as error:
        raise SettingsError("engine=celery needs further packages: pip install 'paraf[scale]'") from error
    return CeleryEngine(settings)


def build_signing_host(settings: Settings, means: Means) -> SigningHost:
    """Who holds keys of batches: a process of this machine or of another, or, if so set, the caller himself.

    :raises svc.settings.SettingsError: certificates for TLS cannot be read
    """
    if settings.signing_host == "inline" or sys.platform == "win32":
        return InlineHost(means)
    if settings.signing_host == "unix:":
        return RemoteHost(to_unix(settings.signing_host_socket))
    place = urlsplit(settings.signing_host)
    try:
        context = client_context(_tls_files(settings))
    except OSError as error:
        raise SettingsError(f"signing_host_cert, signing_host_key or signing_host_ca: {error}") from error
    return RemoteHost(to_tls(place.hostname or "", place.port or 0, context))


def with_own_signing_host(deps: Deps) -> Deps:
    """The same, but keys of batches stay in this process: for a command that signs and ends."""
    means = Means(deps.clock, deps.tsa, deps.backends, CallRows(deps.db, deps.clock))
    return replace(deps, signing_host=InlineHost(means))


def build_key_holder(settings: Settings) -> KeyHolder:
    """What ``paraf signing-host`` runs: no store, no mail, no cage; our own PKI only where it is the time stamper."""
    failpoints.arm(settings)
    clock = SystemClock()
    tsa = _external_tsa(settings) or load_or_create_pki(settings, load_server_key(settings), clock.now()).tsa_service()
    db = Database(settings.effective_database_url)
    return KeyHolder(Means(clock, tsa, build_backends(settings, tsa, clock), CallRows(db, clock)))


def signing_host_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS for other machines, if they are let in. :raises svc.settings.SettingsError: files cannot be read"""
    if not settings.signing_host_listen:
        return None
    try:
        return server_context(_tls_files(settings))
    except OSError as error:
        raise SettingsError(f"signing_host_cert, signing_host_key or signing_host_ca: {error}") from error


def _tls_files(settings: Settings) -> TlsFiles:
    return TlsFiles(settings.signing_host_cert, settings.signing_host_key, settings.signing_host_ca)


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
    return _external_tsa(settings) or pki.tsa_service()


def _external_tsa(settings: Settings) -> TimeStampService | None:
    if not settings.tsa_addresses:
        return None
    return FailoverTsa(TsaConfig(settings.tsa_addresses, settings.tsa_timeout_seconds, settings.tsa_user,
                                 settings.tsa_password.get_secret_value(), settings.backend_ca_file))


def _build_mailer(settings: Settings) -> Mailer:
    if settings.mail == "folder":
        return FolderMailer(settings.var_dir / "mail", settings.mail_from)
    return SmtpMailer(settings)
