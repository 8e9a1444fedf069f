"""A CSC service for tests: the simulator on loopback with its own authority, and what the tests need around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import typst
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.ca import DevelopmentPki, build_crl, generate_signer_key
from certs.pades import SignRequest
from certs.signers.csc import CscClient, CscConfig
from certs.signers.csc_http import CscTransport
from certs.signers.port import CallRecord
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from svc.simulators.csc import CscAccess, CscSimulator, make_credential, simulated_authority
from svc.simulators.csc_vault import Credential, CscVault
from tests.support.clock import FrozenClock

PIN = "271828"


@dataclass
class KeepingLog:
    """Implements ``CallLog``."""

    calls: list[CallRecord] = field(default_factory=list)

    def record(self, call: CallRecord) -> None:
        self.calls.append(call)

    @property
    def endpoints(self) -> list[str]:
        return [call.endpoint for call in self.calls]

    def of(self, endpoint: str) -> list[CallRecord]:
        return [call for call in self.calls if call.endpoint == endpoint]


@dataclass(frozen=True)
class CscKeys:
    """Slow to make, so made once: an authority and two keys."""

    authority: DevelopmentPki
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey


@dataclass
class CscWorld:
    """A simulator with its credentials, and a clock that both sides go by."""

    keys: CscKeys
    clock: FrozenClock
    simulator: CscSimulator
    log: KeepingLog

    @property
    def vault(self) -> CscVault:
        return self.simulator.vault

    def credential(self, credential_id: str) -> Credential:
        return self.vault.credentials[credential_id]

    def client(self, config: CscConfig | None = None) -> CscClient:
        config = config or self.config()
        return CscClient(config, CscTransport(config, self.log), self.clock.now)

    def config(self, base_url: str = "", sign_deadline: float = 10.0) -> CscConfig:
        return CscConfig(base_url or self.simulator.base_url, client_id=self.simulator.access.client_id,
                         client_secret=self.simulator.access.client_secret, sign_deadline=sign_deadline)

    @property
    def tsa(self) -> TimeStampAuthority:
        authority = self.keys.authority
        return TimeStampAuthority(authority.tsa.certificate, authority.tsa.key, (authority.root.certificate,))

    def trust(self) -> TrustStore:
        now = self.clock.now() + timedelta(minutes=1)
        return self.keys.authority.trust_store([build_crl(self.keys.authority.issuing, (), now,
                                                          now + timedelta(days=1))])

    def request(self, field_name: str = "Signature1") -> SignRequest:
        return SignRequest(signed_at=self.clock.now(), signer_name="Penanda Tangan Simulasi", field_name=field_name)


def page() -> bytes:
    """A page to sign."""
    return typst.compile(b"= Keputusan Contoh\n#lorem(60)", format="pdf", pdf_standards=["a-2b"])


def make_keys(clock: FrozenClock) -> CscKeys:
    return CscKeys(simulated_authority(clock.now()), generate_signer_key(), ec.generate_private_key(ec.SECP256R1()))


@contextmanager
def csc_world(keys: CscKeys, clock: FrozenClock) -> Iterator[CscWorld]:
    """Credentials: ``pin``, ``pin-otp``, ``otp`` (RSA-2048) and ``p256``."""
    now, authority = clock.now(), keys.authority
    made = (
        make_credential(authority, "pin", now, key=keys.rsa_key, pin=PIN),
        make_credential(authority, "pin-otp", now, key=keys.rsa_key, pin=PIN, otp=True),
        make_credential(authority, "otp", now, key=keys.rsa_key, otp=True),
        make_credential(authority, "p256", now, key=keys.ec_key, pin=PIN),
    )
    vault = CscVault({one.credential_id: one for one in made}, clock.now)
    with CscSimulator(vault, authority, CscAccess()) as simulator:
        yield CscWorld(keys, clock, simulator, KeepingLog())
