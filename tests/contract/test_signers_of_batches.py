"""Many documents under one authorisation, the same over all backends: stored keys, PKCS#12 files, tokens, CSC, BSrE."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO

import pikepdf
import pytest

from certs.authorisation import (
    Authorisation,
    AuthorisationExpired,
    AuthorisationSpent,
    AuthorisedSigner,
    ItemNotSigned,
    ItemNotTried,
    ItemOutcome,
    ItemSigned,
    NotAuthorised,
    authorise,
)
from certs.pades import SignRequest
from certs.signers.port import ActivationRefused, BackendUnavailable, OutcomeUnknown
from certs.validation import validate_pdf
from tests.support.bsre import page
from tests.support.clock import FrozenClock
from tests.support.signers_port import NEEDS_TOKEN, Backend, PortKeys, make_keys, open_backend

_TOKEN = (pytest.mark.softhsm, pytest.mark.skipif(
    shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)"))
VARIANTS = ("stored-rsa2048", "pkcs12-p384", "pkcs11-rsa2048", "csc-rsa2048", "bsre-v1", "bsre-v2")
ALL = [pytest.param(name, marks=_TOKEN if name in NEEDS_TOKEN else ()) for name in VARIANTS]
ASK_AGAIN = [one for one in ALL if str(one.values[0]).startswith(("pkcs11", "csc", "bsre"))]
REMOTE = [one for one in ALL if str(one.values[0]).startswith(("csc", "bsre"))]
COUNT = 7
BROKEN = b"%PDF-1.7 rusak"


@pytest.fixture(scope="module")
def keys() -> PortKeys:
    return make_keys(FrozenClock())


@pytest.fixture(scope="module")
def pdfs() -> tuple[bytes, ...]:
    return tuple(page(f"Petikan nomor {number}") for number in range(COUNT))


@pytest.fixture
def backend(request: pytest.FixtureRequest, keys: PortKeys) -> Iterator[Backend]:
    with open_backend(str(request.param), keys) as opened:
        yield opened


def on(variants: Sequence[object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("backend", variants, indirect=True)


@dataclass
class Ledger:
    """Claims in memory, and how many came at once."""

    claimed: set[str] = field(default_factory=set)
    calls: list[int] = field(default_factory=list)

    def claim(self, sha256: str) -> bool:
        return bool(self.claim_many([sha256]))

    def claim_many(self, hashes: Sequence[str]) -> frozenset[str]:
        self.calls.append(len(hashes))
        fresh = frozenset(hashes) - self.claimed
        self.claimed |= fresh
        return fresh


@dataclass
class Act:
    """One authorisation, its ledger, and a clock of its own that can be set on."""

    keys: PortKeys
    authorisation: Authorisation
    ledger: Ledger = field(default_factory=Ledger)
    later: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.keys.clock.now() + self.later

    def begin(self, backend: Backend, pdfs: Sequence[bytes], secret: str = "") -> Iterator[ItemOutcome]:
        signer = AuthorisedSigner(backend.for_many(secret or backend.secret), self.authorisation.owner,
                                  self.authorisation, self.now, self.ledger.claim, self.ledger.claim_many)
        return signer.sign_many([(pdf, self.request(place)) for place, pdf in enumerate(pdfs)], most=3)

    def request(self, place: int) -> SignRequest:
        return replace(self.keys.request(), reason=f"Petikan {place}")


def act(keys: PortKeys, pdfs: Sequence[bytes]) -> Act:
    hashes = [hashlib.sha256(one).hexdigest() for one in pdfs]
    return Act(keys, authorise("a", "orang", "kunci", hashes, keys.clock.now()))


def take(outcomes: Iterator[ItemOutcome], count: int) -> list[ItemOutcome]:
    return [next(outcomes) for _ in range(count)]


def kinds(outcomes: Sequence[ItemOutcome]) -> list[type]:
    """What became of each: signed, the error that it failed with, or not tried."""
    return [type(one.error) if isinstance(one, ItemNotSigned) else type(one) for one in outcomes]


def chunk_of(backend: Backend) -> int:
    """How many documents this backend is asked to sign at once."""
    return 1 if backend.name == "bsre-v1" else 3


@on(ALL)
def test_each_document_is_signed_and_belongs_to_its_place(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = list(made.begin(backend, pdfs))
    assert [one.index for one in outcomes] == list(range(COUNT))
    for pdf, place, one in zip(pdfs, range(COUNT), outcomes, strict=True):
        assert isinstance(one, ItemSigned)
        assert one.sha256 == hashlib.sha256(pdf).hexdigest()
        assert one.document.pdf.startswith(pdf)
        report = validate_pdf(one.document.pdf, keys.trust(), keys.soon)
        assert report.passed, report.explanation
        with pikepdf.open(BytesIO(one.document.pdf)) as document:
            assert str(document.Root.AcroForm.Fields[0].V.Reason) == f"Petikan {place}"
    whole, left = divmod(COUNT, chunk_of(backend))
    assert made.ledger.calls == [chunk_of(backend)] * whole + [left] * bool(left)
    if backend.name.startswith(("csc", "bsre")):
        assert backend.made() == COUNT
        assert backend.tries() == whole + bool(left)


@on(ALL)
def test_outcomes_come_before_the_next_chunk_is_touched(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = made.begin(backend, pdfs)
    assert kinds(take(outcomes, 3)) == [ItemSigned] * 3
    assert made.ledger.claimed == {hashlib.sha256(one).hexdigest() for one in pdfs[:3]}
    if backend.name.startswith(("csc", "bsre")):
        assert backend.made() == 3


@on(ALL)
def test_a_wrong_secret_costs_one_attempt(backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]) -> None:
    made = act(keys, pdfs)
    if backend.refusal is not ActivationRefused:  # a key that is kept here does not even open
        with pytest.raises(backend.refusal):
            made.begin(backend, pdfs, backend.wrong_secret)
        assert made.ledger.claimed == set()
        return
    outcomes = list(made.begin(backend, pdfs, backend.wrong_secret))
    refused = chunk_of(backend) if backend.tries() else 1
    assert kinds(outcomes) == [ActivationRefused] * refused + [ItemNotTried] * (COUNT - refused)
    assert backend.tries() in {0, 1}
    assert backend.made() == 0


@on(ASK_AGAIN)
def test_a_secret_that_is_refused_in_the_middle_stops_at_once(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = made.begin(backend, pdfs)
    signed = take(outcomes, 3)
    assert backend.new_secret is not None
    tried = backend.tries()
    backend.new_secret()
    rest = list(outcomes)
    assert kinds(signed) == [ItemSigned] * 3
    refused = 3 if backend.name in {"csc-rsa2048", "bsre-v2"} else 1  # those in the one call
    assert kinds(rest) == [ActivationRefused] * refused + [ItemNotTried] * (COUNT - 3 - refused)
    assert all(isinstance(one, ItemNotSigned | ItemNotTried) for one in rest)
    assert backend.tries() - tried == (1 if backend.name.startswith(("csc", "bsre")) else 0)
    last = rest[-1]
    assert isinstance(last, ItemNotTried)
    assert isinstance(last.because, ActivationRefused)
    assert last.sha256 not in made.ledger.claimed
    assert not last.is_claimed


@on(ALL)
def test_what_is_left_at_the_end_of_the_authorisation_is_not_tried_and_can_be_renewed(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = made.begin(backend, pdfs)
    signed = take(outcomes, 3)
    made.later = timedelta(minutes=5)
    rest = list(outcomes)
    assert kinds([*signed, *rest]) == [ItemSigned] * 3 + [ItemNotTried] * 4
    assert all(isinstance(one, ItemNotTried) and isinstance(one.because, AuthorisationExpired) for one in rest)
    assert len(made.ledger.claimed) == 3
    left = [pdfs[one.index] for one in rest]
    assert kinds(list(act(keys, left).begin(backend, left))) == [ItemSigned] * 4


@on(ALL)
def test_an_end_that_comes_while_a_chunk_is_claimed_uses_no_key(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)

    class Slow(Ledger):
        def claim_many(self, hashes: Sequence[str]) -> frozenset[str]:
            made.later = timedelta(minutes=5)
            return super().claim_many(hashes)

    made.ledger = Slow()
    outcomes = list(made.begin(backend, pdfs))
    assert kinds(outcomes) == [ItemNotTried] * COUNT
    claimed = [one.sha256 for one in outcomes if isinstance(one, ItemNotTried) and one.is_claimed]
    assert set(claimed) == made.ledger.claimed
    assert len(claimed) == chunk_of(backend)
    assert backend.made() == 0


@on(ALL)
def test_a_document_is_signed_once(backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]) -> None:
    made = act(keys, pdfs)
    twice = [pdfs[0], pdfs[1], pdfs[0], pdfs[2], pdfs[1]]
    assert kinds(list(made.begin(backend, twice))) == [
        ItemSigned, ItemSigned, AuthorisationSpent, ItemSigned, AuthorisationSpent]
    assert kinds(list(made.begin(backend, pdfs[:4]))) == [AuthorisationSpent] * 3 + [ItemSigned]


@on(ALL)
def test_what_was_not_listed_is_not_signed_and_the_rest_is(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs[1:])
    assert kinds(list(made.begin(backend, pdfs[:3]))) == [NotAuthorised, ItemSigned, ItemSigned]
    assert hashlib.sha256(pdfs[0]).hexdigest() not in made.ledger.claimed


@on(ALL)
def test_a_broken_document_does_not_end_the_batch(backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]) -> None:
    mixed = [pdfs[0], BROKEN, pdfs[1], pdfs[2]]
    outcomes = list(act(keys, mixed).begin(backend, mixed))
    assert isinstance(outcomes[1], ItemNotSigned)
    assert not outcomes[1].stops
    if backend.name == "bsre-v2":  # the service refuses the whole call for it
        assert [type(one) for one in outcomes] == [ItemNotSigned] * 3 + [ItemSigned]
    else:
        assert [type(one) for one in outcomes] == [ItemSigned, ItemNotSigned, ItemSigned, ItemSigned]


@on(REMOTE)
def test_a_lost_answer_is_unknown_for_exactly_those_that_were_sent(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = made.begin(backend, pdfs)
    signed = take(outcomes, 3)
    assert backend.lose is not None
    backend.lose()
    rest = list(outcomes)
    lost = chunk_of(backend)
    assert kinds([*signed, *rest]) == [ItemSigned] * 3 + [OutcomeUnknown] * lost + [ItemNotTried] * (4 - lost)
    assert all(one.is_unknown for one in rest if isinstance(one, ItemNotSigned))
    assert len(made.ledger.claimed) == 3 + lost
    assert backend.made() == 3 + lost


@on(ASK_AGAIN)
def test_a_backend_that_goes_away_leaves_the_rest_for_the_same_act(
    backend: Backend, keys: PortKeys, pdfs: tuple[bytes, ...]
) -> None:
    made = act(keys, pdfs)
    outcomes = made.begin(backend, pdfs)
    take(outcomes, 3)
    assert backend.go_away is not None
    backend.go_away()
    rest = list(outcomes)
    assert kinds(rest)[0] is BackendUnavailable
    assert kinds(rest)[-1] is ItemNotTried
    assert {type(one) for one in rest} == {ItemNotSigned, ItemNotTried}
    last = rest[-1]
    assert isinstance(last, ItemNotTried)
    assert not last.is_claimed
