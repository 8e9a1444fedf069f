"""``paraf simulator csc``: a remote signing service to try the flow with."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certs.ca import DevelopmentPki, build_crl
from svc.deps import system_clock
from svc.simulators.csc import CscAccess, CscSimulator, make_credential, simulated_authority
from svc.simulators.csc_vault import Credential, CscVault


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8778, show_default=True, help="0 takes a free one.")
@click.option("--pin", default="123456", show_default=True, help="PIN of all simulated credentials.")
@click.option("--name", default="Penanda Tangan Simulasi", show_default=True, help="Name on all certificates.")
@click.option("--trust-dir", type=click.Path(file_okay=False, path_type=Path),
              help="Write the simulated root (PEM) and revocation lists (DER) here, into the folder of each purpose "
                   "that it serves, to trust them on purpose.")
def csc(host: str, port: int, pin: str, name: str, trust_dir: Path | None) -> None:
    """Simulate a CSC API v2 service with three credentials: PIN, PIN and code, and PIN with a P-256 key.

    Its keys are made at the start and end with it. One-time codes are shown here instead of on a phone; faults are
    planned by POST to /simulator/faults, for instance {"kind": "drop_after", "endpoint": "signatures/signHash"}.
    """
    clock = system_clock()
    authority = simulated_authority(clock.now())
    vault = CscVault(_credentials(authority, pin, name, clock.now()), clock.now,
                     announce=lambda credential_id, code: click.echo(f"code for {credential_id}: {code}"))
    if trust_dir is not None:
        _write_trust(authority, trust_dir, clock.now())
    access = CscAccess()
    with CscSimulator(vault, access, host, port) as simulator:
        click.echo(f"CSC simulator at {simulator.base_url}; its signatures prove nothing")
        click.echo(f"bearer token {access.bearer_token}")
        click.echo(f"OAuth client {access.client_id} with secret {access.client_secret}")
        for one in vault.credentials.values():
            click.echo(f"credential {one.credential_id}: {' and '.join(one.factors)} (PIN {pin})")
        threading.Event().wait()


def _credentials(authority: DevelopmentPki, pin: str, name: str, now: datetime) -> dict[str, Credential]:
    made = (
        make_credential(authority, "SIM-PIN", now, pin=pin, name=name),
        make_credential(authority, "SIM-PIN-OTP", now, pin=pin, otp=True, name=name),
        make_credential(authority, "SIM-P256", now, key=ec.generate_private_key(ec.SECP256R1()), pin=pin, name=name),
    )
    return {one.credential_id: one for one in made}


def _write_trust(authority: DevelopmentPki, folder: Path, now: datetime) -> None:
    for purpose in ("signer",):  # the stamps are ours
        (folder / purpose).mkdir(parents=True, exist_ok=True)
        (folder / purpose / "simulasi-csc.pem").write_bytes(authority.root.certificate.public_bytes(Encoding.PEM))
    (folder / "simulasi-csc-root.crl").write_bytes(authority.root_crl)
    issuing = build_crl(authority.issuing, (), now, now + timedelta(days=30))
    (folder / "simulasi-csc-issuing.crl").write_bytes(issuing)

