"""``paraf simulator bsre``: an e-Sign Client Service to try the flow with."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from certs.ca import build_crl
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
                   "that it serves, to trust them on purpose.")
def bsre(host: str, port: int, passphrase: str, allow_ip: tuple[str, ...], names: tuple[str, ...],
         trust_dir: Path | None) -> None:
    """Simulate BSrE's e-Sign Client Service, v1 and v2, with a signer in each status and a seal.

    Its keys are made at the start and end with it. Codes are shown here instead of mailed; faults are planned by POST
    to /simulator/faults, for instance {"kind": "drop_after", "endpoint": "api/sign/pdf"}. Kinds: delay, drop_before,
    drop_after, status_before, status_after, truncate.
    """
    clock = system_clock()
    pki = simulated_authority(clock.now())
    desk = BsreDesk(pki, default_users(pki, clock.now(), passphrase, names=names),
                    default_seal(pki, clock.now()), clock.now,
                    click.echo)
    if trust_dir is not None:
        _write_trust(desk, trust_dir)
    access = BsreAccess(addresses=frozenset(allow_ip))
    with BsreSimulator(desk, access, host, port) as simulator:
        click.echo(f"BSrE simulator at {simulator.base_url}; its signatures prove nothing")
        click.echo("set for the service:")
        for name, value in (("URL", simulator.base_url), ("USERNAME", access.username), ("PASSWORD", access.password)):
            click.echo(f"  PARAF_BSRE_{name}={value}")
        click.echo(f"signers (passphrase {passphrase}):")
        for user in desk.users:
            click.echo(f"  NIK {user.nik}  {user.email}  {user.status}  {user.name}")
        click.echo(f"seal: {SEAL_ID}")
        if trust_dir is None:
            click.echo("nobody trusts its signatures: start it with --trust-dir VAR/trust, the service's folder")
        threading.Event().wait()


def _write_trust(desk: BsreDesk, folder: Path) -> None:
    now = desk.clock()
    for purpose in FOLDERS:  # it stamps itself
        (folder / purpose).mkdir(parents=True, exist_ok=True)
        (folder / purpose / "simulasi-bsre.pem").write_bytes(desk.pki.root.certificate.public_bytes(Encoding.PEM))
    (folder / "simulasi-bsre-root.crl").write_bytes(desk.pki.root_crl)
    issuing = build_crl(desk.pki.issuing, (), now, now + timedelta(days=30))
    (folder / "simulasi-bsre-issuing.crl").write_bytes(issuing)
