"""An e-Sign Client Service for tests: the simulator on loopback with its own authority, and clients of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

import pikepdf
import typst
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.ca import DevelopmentPki, generate_signer_key
from certs.pades import SignatureBox, SignRequest
from certs.signers.bsre import (
    BsreActivation,
    BsreAppearance,
    BsreConfig,
    BsreSigner,
    BsreSubject,
    BsreV1Client,
    BsreV2Client,
)
from certs.signers.http import HttpCaller, HttpConfig
from certs.signers.port import CallRecord
from svc.simulators.bsre import BsreAccess, BsreSimulator
from svc.simulators.bsre_desk import BsreDesk
from svc.simulators.bsre_people import default_seal, default_users, simulated_authority
from tests.support.clock import FrozenClock

PASSPHRASE = "kalimat-sandi-pejabat"
PASSWORD = "kata-sandi-aplikasi"
NIK = "0000000000000001"
EMAIL = "pertama@simulasi.invalid"
V1, V2 = "v1", "v2"
SIGN = {V1: "api/sign/pdf", V2: "api/v2/sign/pdf"}
STATUS = {V1: "/api/user/status", V2: "/api/v2/user/check/status"}


@dataclass
class CallKeeper:
    """Implements ``CallLog``."""

    calls: list[CallRecord] = field(default_factory=list)

    def record(self, call: CallRecord) -> None:
        self.calls.append(call)

    def of(self, endpoint: str) -> list[CallRecord]:
        return [call for call in self.calls if endpoint in call.endpoint]


@dataclass(frozen=True)
class BsreKeys:
    """Slow to make, so made once."""

    authority: DevelopmentPki
    key: rsa.RSAPrivateKey


@dataclass
class BsreWorld:
    """A simulator, a clock that it goes by, what it would have mailed, and the request log of its clients."""

    clock: FrozenClock
    simulator: BsreSimulator
    mails: list[str]
    log: CallKeeper

    @property
    def desk(self) -> BsreDesk:
        return self.simulator.desk

    def nik_of(self, status: str) -> str:
        return next(one.nik for one in self.desk.users if one.status == status)

    @property
    def mailed_code(self) -> str:
        """The code in the newest mail."""
        return next(word for word in self.mails[-1].split() if word.isdigit() and len(word) == 6)

    def config(self, url: str = "", deadline: float = 10.0, corner_sizes: bool = True) -> BsreConfig:
        return BsreConfig(url or self.simulator.base_url, "paraf", PASSWORD, sign_deadline=deadline,
                          corner_sizes=corner_sizes)

    def caller(self) -> HttpCaller:
        return HttpCaller("bsre", HttpConfig(connect_timeout=2.0, fail_max=50), self.log)

    def v1(self, config: BsreConfig | None = None) -> BsreV1Client:
        return BsreV1Client(config or self.config(), self.caller())

    def v2(self, config: BsreConfig | None = None) -> BsreV2Client:
        return BsreV2Client(config or self.config(), self.caller())

    def client(self, version: str, config: BsreConfig | None = None) -> BsreV1Client | BsreV2Client:
        return self.v1(config) if version == V1 else self.v2(config)

    def signer(self, client: BsreV1Client | BsreV2Client, passphrase: str = PASSPHRASE, nik: str = NIK,
               appearance: BsreAppearance | None = None) -> BsreSigner:
        return BsreSigner(client, BsreSubject(nik), BsreActivation(passphrase), appearance)

    def request(self, box: SignatureBox | None = None) -> SignRequest:
        return SignRequest(signed_at=self.clock.now(), signer_name="Pejabat Simulasi", reason="Menandatangani",
                           location="Mandala", box=box)


def page(text: str = "Keputusan Contoh") -> bytes:
    """A page to sign, with a mark ``#`` in its text."""
    source = f'= {text}\n#lorem(40)\n\n#"#"\n'
    return typst.compile(source.encode(), format="pdf", pdf_standards=["a-2b"])


def make_keys(clock: FrozenClock) -> BsreKeys:
    return BsreKeys(simulated_authority(clock.now()), generate_signer_key())


@contextmanager
def bsre_world(keys: BsreKeys, clock: FrozenClock, addresses: frozenset[str] = frozenset(),
               name: str = "") -> Iterator[BsreWorld]:
    """Users: ``NIK``/``EMAIL`` (called ``name``) and a second who can sign, and one for each status that cannot."""
    mails: list[str] = []
    users = default_users(keys.authority, clock.now(), PASSPHRASE, keys.key, (name,) if name else ())
    desk = BsreDesk(keys.authority, users, default_seal(keys.authority, clock.now(), keys.key), clock.now,
                    mails.append)
    with BsreSimulator(desk, BsreAccess(password=PASSWORD, addresses=addresses)) as simulator:
        yield BsreWorld(clock, simulator, mails, CallKeeper())


def everything_kept(world: BsreWorld, *more: object) -> str:
    """What the request log and the errors hold, as text."""
    return repr(world.log.calls) + json.dumps([[call.request, call.answer] for call in world.log.calls]) + repr(more)


def chain_of(error: BaseException | None) -> str:
    """All that an error and its causes tell."""
    told = ""
    while error is not None:
        told += f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__
    return told


def widget(pdf: bytes) -> list[float]:
    """The first field's rectangle, in whole points."""
    with pikepdf.open(BytesIO(pdf)) as document:
        return [round(float(one)) for one in document.Root.AcroForm.Fields[0].Rect]
