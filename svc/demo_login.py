"""The accounts that the login page offers in development; never in production."""

from __future__ import annotations

from dataclasses import dataclass

from svc.settings import Settings


@dataclass(frozen=True)
class DemoLogin:
    """An account of the fictional province: user name, whose it is, and his position."""

    username: str
    name: str
    role: str


@dataclass(frozen=True)
class DemoLogins:
    accounts: tuple[DemoLogin, ...]
    password: str


def demo_logins(settings: Settings) -> DemoLogins:
    """What the login page may offer: nothing in production."""
    if settings.is_production:
        return DemoLogins((), "")
    from svc.seed.demo import DEMO_PASSWORD, demo_accounts
    from svc.seed.organisation import POSITIONS

    names = {row.username: row.person for row in POSITIONS}
    return DemoLogins(tuple(DemoLogin(one.username, names[one.username], one.position) for one in demo_accounts()),
                      DEMO_PASSWORD)
