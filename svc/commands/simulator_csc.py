"""``paraf simulator csc``: a remote signing service to try the flow with."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec

from certs.ca import DevelopmentPki
from svc.commands.simulator_parts import open_door, tell_settings, trust
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
                   "that it serves, to trust them on purpose. Lists from then on are fetched from the simulator.")
def csc(host: str, port: int, pin: str, name: str, trust_dir: Path | None) -> None:
    """Simulate a CSC API v2 service with three credentials: PIN, PIN and code, and PIN with a P-256 key.

    Its keys are made at the start and end with it. One-time codes are shown here instead of on a phone; faults are
    planned by POST to /simulator/faults, for instance {"kind": "drop_after", "endpoint": "signatures/signHash"}.
    """
    clock = system_clock()
    door = open_door(host, port)
    authority = simulated_authority(clock.now(), door.base_url)
    vault = CscVault(_credentials(authority, pin, name, clock.now()), clock.now,
                     announce=lambda credential_id, code: click.echo(f"code for {credential_id}: {code}"))
    access = CscAccess()
    with CscSimulator(vault, authority, access, door) as simulator:
        click.echo(f"CSC simulator at {simulator.base_url}; its signatures prove nothing")
        tell_settings((("CSC_URL", simulator.base_url), ("CSC_TOKEN", access.bearer_token)), simulator.base_url)
        click.echo(f"or, in place of the token, OAuth client {access.client_id} with secret {access.client_secret}")
        for one in vault.credentials.values():
            click.echo(f"credential {one.credential_id}: {' and '.join(one.factors)} (PIN {pin})")
        trust(authority, trust_dir, ("signer",), "simulasi-csc", clock.now())  # the stamps are ours
        threading.Event().wait()


def _credentials(authority: DevelopmentPki, pin: str, name: str, now: datetime) -> dict[str, Credential]:
    made = (
        make_credential(authority, "SIM-PIN", now, pin=pin, name=name),
        make_credential(authority, "SIM-PIN-OTP", now, pin=pin, otp=True, name=name),
        make_credential(authority, "SIM-P256", now, key=ec.generate_private_key(ec.SECP256R1()), pin=pin, name=name),
    )
    return {one.credential_id: one for one in made}
