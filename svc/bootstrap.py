"""Making a fresh folder into a running service: folders, keys, tables, PKI, demo province."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import timedelta

from svc import served_address
from svc.adapters.clock import SystemClock
from svc.adapters.keystore import load_or_create_pki, load_server_key
from svc.deps import Deps, build_deps
from svc.migrate import upgrade
from svc.seed.demo import DemoAccount, demo_accounts, seed_demo
from svc.seed.history import HISTORY
from svc.services.trust import misplaced
from svc.settings import Settings

_PRIVATE = 0o700
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """The built dependencies and, in development, the demo accounts to log in with."""

    deps: Deps
    accounts: tuple[DemoAccount, ...]
    is_new: bool


def prepare(settings: Settings) -> Ready:
    """Create what is missing and migrate; calling it again changes nothing.

    In development an empty database gets the fictional province; in production it stays empty (the first
    administrator is made by ``paraf admin create``).
    """
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    settings.var_dir.chmod(_PRIVATE)
    os.umask(0o077)  # the database and its journals are nobody else's to read
    upgrade(settings.effective_database_url)
    if not served_address.recall(settings):
        served_address.remember(settings)
    if not settings.is_production:
        _ensure_old_enough_pki(settings)
    deps = build_deps(settings)
    for name in misplaced(deps):
        logger.warning("trusted for nothing: file=%s: move it from var/trust into var/trust/signer or "
                       "var/trust/timestamp, or confirm it with paraf trust", name)
    if settings.is_production:
        return Ready(deps, (), is_new=False)
    is_new = seed_demo(deps)
    return Ready(deps, demo_accounts(), is_new)


def _ensure_old_enough_pki(settings: Settings) -> None:
    """The demo has a past, and its certificates must have been valid in it; an existing PKI stays."""
    began = SystemClock().now() - HISTORY - timedelta(days=1)
    load_or_create_pki(settings, load_server_key(settings), began)
