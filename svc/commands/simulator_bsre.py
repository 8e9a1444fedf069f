"""``paraf simulator bsre``: an e-Sign Client Service to try the flow with."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from svc.commands.simulator_parts import open_door, tell_settings, trust
from svc.deps import system_clock
from svc.services.trust import FOLDERS
from svc.simulators.bsre import BsreAccess, BsreSimulator
from svc.simulators.bsre_desk import BsreDesk
from svc.simulators.bsre_people import DEFAULT_PASSPHRASE, SEAL_ID, default_seal, default_users, simulated_authority


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8777, show_default=True, help="0 takes a free one.")
@click.option("--passphrase", default=DEFAULT_PASSPHRASE, show_default=True, help="Of all simulated signers.")
@click.option("--allow-ip", multiple=True, help="Answer only these addresses (repeatable); others get 403.")
@click.option("--name", "names", multiple=True,
              help="Name on the certificate of the first signer, then of the second: that of your signer, since a "
                   "signature in another name is refused.")
@click.option("--trust-dir", type=click.Path(file_okay=False, path_type=Path),
              help="Write the simulated root (PEM) and revocation lists (DER) here, into the folder of each purpose "
                   "that it serves, to trust them on purpose. Lists from then on are fetched from the simulator.")
def bsre(host: str, port: int, passphrase: str, allow_ip: tuple[str, ...], names: tuple[str, ...],
         trust_dir: Path | None) -> None:
    """Simulate BSrE's e-Sign Client Service, v1 and v2, with a signer in each status and a seal.

    Its keys are made at the start and end with it. Codes are shown here instead of mailed; faults are planned by POST
    to /simulator/faults, for instance {"kind": "drop_after", "endpoint": "api/sign/pdf"}. Kinds: delay, drop_before,
    drop_after, status_before, status_after, truncate. A status_before with a "number" (2011, 2021, 2031, 2041) refuses
    with that number of the service's.
    """
    clock = system_clock()
    door = open_door(host, port)
    pki = simulated_authority(clock.now(), door.base_url)
    desk = BsreDesk(pki, default_users(pki, clock.now(), passphrase, names=names),
                    default_seal(pki, clock.now()), clock.now,
                    click.echo)
    access = BsreAccess(addresses=frozenset(allow_ip))
    with BsreSimulator(desk, access, door) as simulator:
        click.echo(f"BSrE simulator at {simulator.base_url}; its signatures prove nothing")
        tell_settings((("BSRE_URL", simulator.base_url), ("BSRE_USERNAME", access.username),
                       ("BSRE_PASSWORD", access.password)), simulator.base_url)
        click.echo(f"signers (passphrase {passphrase}):")
        for user in desk.users:
            click.echo(f"  NIK {user.nik}  {user.email}  {user.status}  {user.name}")
        click.echo(f"seal: {SEAL_ID}")
        trust(pki, trust_dir, FOLDERS, "simulasi-bsre", clock.now())  # it stamps itself
        threading.Event().wait()
