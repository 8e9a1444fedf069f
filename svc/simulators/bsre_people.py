"""Who the simulated e-Sign Client Service knows, with their certificates; all fictional."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa

from certs.ca import (
    DevelopmentPki,
    SignerSubject,
    generate_signer_key,
    issue_signer_certificate,
)
from certs.legacy_cms import LegacyKey
from svc.simulators.authority import list_address, make_authority

ORGANISATION = "Simulasi BSrE Nusa Mandala"
# Every status that the service knows, each with somebody who has it.
STATUSES = ("ISSUE", "EXPIRED", "RENEW", "WAITING_FOR_VERIFICATION", "NEW", "NO_CERTIFICATE", "SUSPEND", "REVOKE")
DEFAULT_PASSPHRASE = "sandi-simulasi"  # noqa: S105 - fictional, and shown at the start
DEFAULT_NAMES = ("Pejabat Simulasi Pertama", "Pejabat Simulasi Kedua")
SEAL_ID = "SEGEL-SIMULASI-01"


@dataclass
class SimulatedUser:
    """A user of the service: a person by NIK and e-mail address, or an agency's seal by its subscriber id."""

    nik: str
    email: str
    name: str
    passphrase: str = field(repr=False)
    status: str = "ISSUE"
    key: LegacyKey | None = field(default=None, repr=False)
    wrong_tries: int = 0


def simulated_authority(now: datetime, base_url: str = "") -> DevelopmentPki:
    """The authority behind the simulator at that address, made anew at each start; its name says simulation."""
    return make_authority(ORGANISATION, now, base_url)


def issue_key(pki: DevelopmentPki, name: str, now: datetime, key: rsa.RSAPrivateKey | None = None) -> LegacyKey:
    """A certificate of the simulated authority; a new RSA key unless one is given."""
    key = key or generate_signer_key()
    certificate = issue_signer_certificate(
        pki.issuing, SignerSubject(name, ORGANISATION), key.public_key(), now - timedelta(minutes=5),
        crl_url=list_address(pki))
    return LegacyKey(certificate, key, pki.issuing.certificate)


def default_users(pki: DevelopmentPki, now: datetime, passphrase: str = DEFAULT_PASSPHRASE,
                  key: rsa.RSAPrivateKey | None = None, names: Sequence[str] = ()) -> tuple[SimulatedUser, ...]:
    """Two who can sign, and one for each status that cannot. NIK begin with 00, which no region has.

    :param names: on the certificates of those two, in place of their own; it must be the signer's in the service
    :param key: one key for all, since making keys is slow; a new one for each who can sign otherwise
    """
    given = [*names, *DEFAULT_NAMES[len(names):]]
    users = [
        SimulatedUser(f"000000000000000{number}", f"{word}@simulasi.invalid", name, passphrase,
                      key=issue_key(pki, name, now, key))
        for number, word, name in zip((1, 2), ("pertama", "kedua"), given, strict=False)]
    for number, status in enumerate(STATUSES[1:], start=11):
        word = status.lower().replace("_", "-")
        users.append(SimulatedUser(f"00000000000000{number}", f"{word}@simulasi.invalid",
                                   f"Pejabat Simulasi {status}", passphrase, status))
    return tuple(users)


def default_seal(pki: DevelopmentPki, now: datetime, key: rsa.RSAPrivateKey | None = None) -> SimulatedUser:
    """The agency's electronic seal."""
    name = "Segel Simulasi Nusa Mandala"
    return SimulatedUser("", "segel@simulasi.invalid", name, "", key=issue_key(pki, name, now, key))
