"""Roles follow from positions; permissions follow from roles. Default deny."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a position lets its holder do in the service."""

    CLERK = "clerk"
    OFFICIAL = "official"
    SIGNER = "signer"
    BUREAU = "bureau"
    ADMIN = "admin"


PERMISSIONS: dict[str, frozenset[Role]] = {
    "decree.view": frozenset({Role.CLERK, Role.OFFICIAL, Role.SIGNER, Role.BUREAU, Role.ADMIN}),
    "decree.draft": frozenset({Role.CLERK, Role.OFFICIAL}),
    "decree.list": frozenset({Role.CLERK, Role.OFFICIAL, Role.SIGNER, Role.BUREAU, Role.ADMIN}),
    "task.view": frozenset({Role.CLERK, Role.OFFICIAL, Role.SIGNER, Role.BUREAU, Role.ADMIN}),
    "task.approve": frozenset({Role.OFFICIAL, Role.SIGNER}),
    "task.sign": frozenset({Role.SIGNER}),
    "task.reassign": frozenset({Role.OFFICIAL, Role.SIGNER, Role.ADMIN}),
    "decree.distribute": frozenset({Role.CLERK, Role.OFFICIAL, Role.SIGNER}),
    "decree.legal_status": frozenset({Role.SIGNER, Role.ADMIN}),
    "decree.register_paper": frozenset({Role.CLERK, Role.OFFICIAL}),
    "register.view": frozenset({Role.CLERK, Role.OFFICIAL, Role.SIGNER, Role.BUREAU, Role.ADMIN}),
    "metrics.view": frozenset({Role.BUREAU, Role.SIGNER, Role.ADMIN}),
    "admin.people": frozenset({Role.ADMIN}),
    "admin.certificates": frozenset({Role.ADMIN}),
    "admin.tokens": frozenset({Role.ADMIN, Role.BUREAU}),
    "admin.audit": frozenset({Role.ADMIN}),
    "credential.own": frozenset({Role.SIGNER}),
}


def is_allowed(permission: str, roles: frozenset[Role]) -> bool:
    """Whether one of the roles grants the permission. :raises KeyError: no such permission."""
    return bool(PERMISSIONS[permission] & roles)
