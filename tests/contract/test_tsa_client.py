"""External time-stamp authorities, as real servers that die, dawdle, refuse and lie."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto.tsp import TimeStampReq

from certs.ca import create_development_pki
from certs.errors import TimestampUnavailable
from certs.statement import check_stamp, stamp
from certs.tsa import TimeStampAuthority, TimeStampResponse, TimeStampService
from svc.adapters.tsa_client import OPEN_SECONDS, REPORT_SECONDS, FailoverTsa, TsaConfig
from svc.deps import Deps, build_deps
from svc.health import check
from svc.settings import Settings, SettingsError
from tests.support.tsa import TsaServer, run_tsa

DATA = b"a decree"
TIMEOUT = 0.4


class Hands:
    """A monotonic clock under the test's hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def unit() -> TimeStampAuthority:
    return the_unit(timedelta(days=1))


def the_unit(age: timedelta) -> TimeStampAuthority:
    pki = create_development_pki("Otoritas Lain", datetime.now(UTC) - age)
    return TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def dead() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/tsa"


def client(*servers: TsaServer | str, hands: Hands | None = None) -> FailoverTsa:
    urls = tuple(one if isinstance(one, str) else one.url for one in servers)
    return FailoverTsa(TsaConfig(urls, TIMEOUT), hands or Hands())


def ask(tsa: FailoverTsa, unit: TimeStampAuthority) -> datetime:
    token = stamp(DATA, tsa, datetime.now(UTC))
    return check_stamp(DATA, token, (unit.certificate,))


def test_the_first_that_is_well_answers(stack: ExitStack, unit: TimeStampAuthority) -> None:
    one, two = (stack.enter_context(run_tsa(unit)) for _ in range(2))
    assert abs(ask(client(one, two), unit) - datetime.now(UTC)) < timedelta(seconds=5)
    assert (one.seen, two.seen) == (1, 0)


@pytest.mark.parametrize("fault", ["slow", "drip", "503", "garbage", "empty", "cut", "long", "rejects", "late_clock"])
def test_a_faulty_one_is_passed_over_within_its_time(stack: ExitStack, unit: TimeStampAuthority, fault: str) -> None:
    bad, good = stack.enter_context(run_tsa(unit, fault)), stack.enter_context(run_tsa(unit))
    began = time.monotonic()
    ask(client(bad, good), unit)
    assert time.monotonic() - began < TIMEOUT + 1.5
    assert (bad.seen, good.seen) == (1, 1)


def test_an_answer_to_somebody_else_is_none(stack: ExitStack, unit: TimeStampAuthority) -> None:
    bad, good = stack.enter_context(run_tsa(unit, "repeats")), stack.enter_context(run_tsa(unit))
    tsa = client(bad, good)
    ask(tsa, unit)
    assert (bad.seen, good.seen) == (1, 0)
    ask(tsa, unit)  # the same data again: only the nonce tells
    assert (bad.seen, good.seen) == (2, 1)


@dataclass(frozen=True)
class Altered:
    """An authority whose tokens bear a broken signature, say another time than was signed, or are for other data."""

    unit: TimeStampAuthority
    part: str

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        if self.part == "imprint":
            request = TimeStampReq.load(request_der)
            asked = request["message_imprint"]["hashed_message"].native
            return self.unit.respond(request_der.replace(asked, asked[::-1]), now)
        answer = TimeStampResponse.load(self.unit.respond(request_der, now))
        token = answer["time_stamp_token"]["content"]
        if self.part == "signature":
            found = token["signer_infos"][0]["signature"].native
            return answer.dump().replace(found, bytes(len(found)))
        moment = token["encap_content_info"]["content"].parsed["gen_time"]
        later = f"{now + timedelta(seconds=9):%Y%m%d%H%M%SZ}".encode()
        return bytes(answer.dump().replace(moment.contents, later))


class Unfit(TimeStampAuthority):
    """One that looks at no certificate, its own least of all."""

    def __post_init__(self) -> None:
        """Whatever it is given will do."""


def worthless(kind: str) -> TimeStampService:
    if kind in {"signature", "time", "imprint"}:
        return Altered(the_unit(timedelta(days=1)), kind)
    if kind == "over":
        return the_unit(timedelta(days=20 * 366))
    pki = create_development_pki("Otoritas Lain", datetime.now(UTC) - timedelta(days=1))
    if kind == "others":  # certificate and key of two
        return Unfit(pki.tsa.certificate, pki.ocsp.key, (pki.root.certificate,))
    return Unfit(pki.ocsp.certificate, pki.ocsp.key, (pki.root.certificate,))


@pytest.mark.parametrize(("kind", "said"), [
    ("signature", "not signed by"), ("time", "not signed by"), ("others", "not signed by"),
    ("usage", "not for time stamps"), ("over", "not valid at"), ("imprint", "for another request"),
])
def test_a_token_that_nobody_can_trust_is_none(
    stack: ExitStack, unit: TimeStampAuthority, kind: str, said: str
) -> None:
    bad, good = stack.enter_context(run_tsa(worthless(kind))), stack.enter_context(run_tsa(unit))
    tsa = client(bad, good)
    ask(tsa, unit)
    assert (bad.seen, good.seen) == (1, 1)
    assert said in tsa.report(datetime.now(UTC))
    with pytest.raises(TimestampUnavailable, match=said):
        ask(client(bad), unit)


def test_dead_slow_and_refusing_ones_before_a_good_one(stack: ExitStack, unit: TimeStampAuthority) -> None:
    slow, no, good = (stack.enter_context(run_tsa(unit, fault)) for fault in ("slow", "rejects", ""))
    tsa = client(dead(), slow, no, good)
    ask(tsa, unit)
    said = tsa.report(datetime.now(UTC))
    assert said.startswith(f"token given by {good.url.split('/')[2]}; failing: ")
    assert said.count("(") == 3
    assert "(slow)" in said
    assert "rejection: bad_data_format" in said


def test_when_none_answers_it_is_said_of_each_why(stack: ExitStack, unit: TimeStampAuthority) -> None:
    slow, no = stack.enter_context(run_tsa(unit, "slow")), stack.enter_context(run_tsa(unit, "503"))
    tsa = client(dead(), slow, no)
    with pytest.raises(TimestampUnavailable, match=r"ConnectionRefusedError.*slow.*HTTP 503"):
        ask(tsa, unit)
    with pytest.raises(TimestampUnavailable):
        tsa.report(datetime.now(UTC))
    assert (slow.seen, no.seen) == (1, 1)  # the report asked nobody again so soon


def test_one_that_keeps_failing_is_left_alone_for_a_minute(stack: ExitStack, unit: TimeStampAuthority) -> None:
    hands = Hands()
    bad, good = stack.enter_context(run_tsa(unit, "503")), stack.enter_context(run_tsa(unit))
    tsa = client(bad, good, hands=hands)
    for _ in range(5):
        ask(tsa, unit)
    assert (bad.seen, good.seen) == (3, 5)
    bad.fault = ""
    hands.at += OPEN_SECONDS
    ask(tsa, unit)
    assert (bad.seen, good.seen) == (4, 5)
    assert "failing" not in tsa.report(datetime.now(UTC))


def test_health_asks_for_a_token_only_when_none_was_given_of_late(stack: ExitStack, unit: TimeStampAuthority) -> None:
    hands = Hands()
    good = stack.enter_context(run_tsa(unit))
    tsa = client(good, hands=hands)
    for _ in range(3):
        tsa.report(datetime.now(UTC))
    assert good.seen == 1
    hands.at += REPORT_SECONDS
    tsa.report(datetime.now(UTC))
    assert good.seen == 2


def test_the_login_goes_along(stack: ExitStack, unit: TimeStampAuthority) -> None:
    good = stack.enter_context(run_tsa(unit))
    config = TsaConfig((good.url,), TIMEOUT, "paraf", "rahasia")
    ask(FailoverTsa(config), unit)
    assert good.logins == ["Basic " + base64.b64encode(b"paraf:rahasia").decode()]
    assert "rahasia" not in repr(config)


def test_health_is_well_while_a_later_one_answers_and_says_which_does_not(
        stack: ExitStack, unit: TimeStampAuthority, deps: Deps) -> None:
    good = stack.enter_context(run_tsa(unit))
    now = datetime.now(UTC)
    deps = replace(deps, tsa=client(dead(), good), clock=type("Now", (), {"now": lambda _: now})())
    part = check(deps).tsa
    assert part.is_ok
    assert "failing: 127.0.0.1:" in part.detail
    part = check(replace(deps, tsa=client(dead()))).tsa
    assert not part.is_ok
    assert "ConnectionRefusedError" in part.detail


def test_settings_choose_the_authorities(settings: Settings, stack: ExitStack, unit: TimeStampAuthority) -> None:
    good = stack.enter_context(run_tsa(unit))
    given = {"PARAF_VAR_DIR": str(settings.var_dir), "PARAF_TSA_URLS": f"{dead()}, {good.url}",
             "PARAF_TSA_TIMEOUT_SECONDS": "0.5"}
    deps = build_deps(Settings.from_env(given, env_file=None))
    check_stamp(DATA, stamp(DATA, deps.tsa, datetime.now(UTC)), (unit.certificate,))
    deps.db.dispose()


@pytest.mark.parametrize("urls", ["tsa.example", "ftp://tsa.example", "https://", "https://user:pw@tsa.example/",
                                  "https://a.example, b.example"])
def test_odd_addresses_are_refused_at_start(urls: str) -> None:
    with pytest.raises(SettingsError, match="PARAF_TSA_URLS"):
        Settings.from_env({"PARAF_TSA_URLS": urls}, env_file=None)
