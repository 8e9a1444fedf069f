"""The authority behind a simulator: made at its start, and like a real one it publishes revocation lists at the
addresses that its certificates name, each made anew for whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, Response

from certs.ca import DevelopmentPki, Issued, build_crl, create_development_pki
from certs.profiles import NOWHERE, Addresses
from certs.revocation import sources_of

_ROOT_LIST, _ISSUING_LIST = "/simulator/root.crl", "/simulator/issuing.crl"
_LIST_LIFE = timedelta(days=1)


def make_authority(organisation: str, now: datetime, base_url: str) -> DevelopmentPki:
    """A new authority; its certificates name the lists under ``base_url`` (empty: none)."""
    at_root, at_issuing = ((Addresses(f"{base_url}{path}") for path in (_ROOT_LIST, _ISSUING_LIST)) if base_url
                           else (NOWHERE, NOWHERE))
    return create_development_pki(organisation, now - timedelta(minutes=10), root_addresses=at_root,
                                  issuing_addresses=at_issuing)


def list_address(pki: DevelopmentPki) -> str | None:
    """Where the list that speaks of signers is: the same that speaks of the OCSP signer, whose issuer is theirs."""
    return next(iter(sources_of(pki.ocsp.certificate).crl_urls), None)


def add_lists(app: Flask, pki: DevelopmentPki, clock: Callable[[], datetime]) -> None:
    """Publish both lists. One from before a signature says nothing of it, so they are as young as the question."""
    def publish(issuer: Issued) -> Response:
        now = clock()
        return Response(build_crl(issuer, (), now, now + _LIST_LIFE), mimetype="application/pkix-crl")

    app.add_url_rule(_ROOT_LIST, "root_list", lambda: publish(pki.root))
    app.add_url_rule(_ISSUING_LIST, "issuing_list", lambda: publish(pki.issuing))


def write_trust(pki: DevelopmentPki, folder: Path, purposes: Iterable[str], name: str, now: datetime) -> None:
    """What an operator does who trusts it: the root (PEM) for each purpose, and a list (DER) of each CA to judge
    signatures by until a younger one was fetched; it stays good as long as its CA.

    :raises OSError: the folder cannot be written
    """
    for purpose in purposes:
        (folder / purpose).mkdir(parents=True, exist_ok=True)
        (folder / purpose / f"{name}.pem").write_bytes(pki.root.certificate.public_bytes(Encoding.PEM))
    (folder / f"{name}-root.crl").write_bytes(pki.root_crl)
    issuing = build_crl(pki.issuing, (), now, pki.issuing.certificate.not_valid_after_utc)
    (folder / f"{name}-issuing.crl").write_bytes(issuing)
