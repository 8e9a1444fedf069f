"""One contract for every signing host: within the caller, behind its socket, behind mutual TLS."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from certs import ca
from certs.authorisation import Owner
from certs.pades import Level, SignatureBox, SignedDocument
from certs.tsa import TimeStampAuthority
from certs.validation import is_extension, validate_pdf
from svc.adapters.backends import Backends, NoLog
from svc.adapters.clock import SystemClock
from svc.adapters.tsa_client import FailoverTsa, TsaConfig
from svc.ports import (
    Activation,
    ElsewhereKey,
    GrantOver,
    KeyElsewhere,
    NotSigned,
    SigningHost,
)
from svc.signing_host.holder import KeyHolder
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from tests.contract.signing_host.conftest import (
    BOX,
    OWNER,
    PASSPHRASE,
    Signatory,
    codes,
    listing,
    sheets,
    to_sign,
)
from tests.support.clock import FrozenClock
from tests.support.signing_hosts import (
    free_port,
)


@pytest.mark.parametrize("box", [None, BOX], ids=["invisible", "widget"])
def test_what_is_listed_is_signed_as_asked(
        host: SigningHost, signatory: Signatory, blank: bytes, box: SignatureBox | None) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    results = host.sign(authorisation.authorisation_id, to_sign(documents, level=Level.B_T, box=box))
    crl = ca.build_crl(signatory.pki.issuing, (), datetime.now(UTC), datetime.now(UTC) + timedelta(days=1))
    for frozen, result in zip(documents, results, strict=True):
        assert isinstance(result, SignedDocument)
        assert is_extension(frozen, result.pdf)
        assert hashlib.sha256(result.pdf).hexdigest() == result.sha256
        report = validate_pdf(result.pdf, signatory.pki.trust_store([crl]), datetime.now(UTC) + timedelta(seconds=1))
        assert int(report.signatures[0].serial, 16) == signatory.stored.certificate.serial_number
        assert report.signatures[0].level == "B-T"
        assert report.passed


def test_a_stranger_is_refused_and_who_asks_again_gets_the_same_signature(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    asked = to_sign([documents[0], blank, documents[0], documents[1]])
    first, stranger, doubled, second = host.sign(authorisation.authorisation_id, asked)
    assert codes((first, stranger, doubled, second)) == ["signed", "not_authorised", "signed", "signed"]
    host.open(authorisation, signatory.stored)  # a doubled message is no new authorisation
    later = to_sign(documents[:2], signed_at=datetime.now(UTC) + timedelta(seconds=1), reason="Lain")
    again = host.sign(authorisation.authorisation_id, later)
    assert (again, doubled) == ((first, second), first)  # to the byte, whatever is asked for


def test_what_is_on_record_is_neither_given_nor_signed_again(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    host.sign(authorisation.authorisation_id, to_sign(documents[:2]))
    host.forget(authorisation.authorisation_id, [hashlib.sha256(documents[0]).hexdigest(), "0" * 64])
    asked = host.sign(authorisation.authorisation_id, to_sign(documents[:2]))
    assert codes(asked) == ["authorisation_spent", "signed"]
    host.forget(uuid4().hex, ["0" * 64])  # of an authorisation that nobody knows: fine


def test_no_document_is_answered_once_it_is_closed(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    host.sign(authorisation.authorisation_id, to_sign(documents))
    host.close(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))


def test_the_claimed_time_is_that_of_the_act(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    last_year = to_sign(documents, signed_at=datetime.now(UTC) - timedelta(days=365))
    assert codes(host.sign(authorisation.authorisation_id, last_year)) == ["not_authorised"]
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents))) == ["signed"]


def test_a_used_up_list_is_over_and_stays_so(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    made = host.sign(authorisation.authorisation_id, to_sign(documents))
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == made  # for who took them may have died
    host.forget(authorisation.authorisation_id, authorisation.hashes)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_what_is_closed_stays_closed(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    assert host.is_open(authorisation.authorisation_id)
    host.close(authorisation.authorisation_id)
    host.close(authorisation.authorisation_id)
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_its_time_ends_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents, seconds=0.6)
    host.open(authorisation, signatory.stored)
    time.sleep(0.7)
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_another_list_under_a_known_name_is_refused(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents[:1])
    longer = replace(listing(documents), authorisation_id=authorisation.authorisation_id)
    host.open(authorisation, signatory.stored)
    with pytest.raises(GrantOver):
        host.open(longer, signatory.stored)
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents[1:]))) == ["not_authorised"]


def test_eight_threads_sign_side_by_side_each_document_once(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 40)
    authorisation = listing([*documents, b"never sent"])
    host.open(authorisation, signatory.stored)
    with ThreadPoolExecutor(8) as pool:
        chunks = [to_sign(documents[start:start + 10]) for start in (0, 10, 20, 30)] * 2  # every chunk is doubled
        said = list(pool.map(lambda chunk: host.sign(authorisation.authorisation_id, chunk), chunks))
    flat = [one for chunk in said for one in chunk]
    assert flat[:40] == flat[40:]
    assert len({one.sha256 for one in flat if isinstance(one, SignedDocument)}) == 40


def test_documents_beyond_the_limits_are_refused_alone(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 100)
    huge = bytes(25 * 1024 * 1024 + 1)
    authorisation = listing([*documents, huge])
    host.open(authorisation, signatory.stored)
    results = host.sign(authorisation.authorisation_id, to_sign([*documents[:70], huge, *documents[70:]]))
    assert codes(results) == ["signed"] * 70 + ["document_unsignable"] + ["signed"] * 30
    assert isinstance(results[99], SignedDocument)
    assert results[99].pdf.startswith(documents[98])


def test_a_broken_document_harms_nobody(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = [b"%PDF-1.7 broken", *sheets(blank, 1)]
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents))) == ["document_unsignable", "signed"]


def test_a_list_is_stopped_when_no_time_stamp_is_to_be_had(signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 6)
    authorisation = listing(documents)
    nowhere = FailoverTsa(TsaConfig((f"http://127.0.0.1:{free_port()}/",), 1.0))
    host = InlineHost(Means(SystemClock(), nowhere, Backends({}), NoLog()))
    host.open(authorisation, signatory.stored)
    one, stop = NotSigned("timestamp_unavailable"), NotSigned("timestamp_unavailable", stops=True)
    results = host.sign(authorisation.authorisation_id, to_sign(documents[:5], level=Level.B_T))
    assert results == (one, one, stop, stop, stop)
    assert not host.is_open(authorisation.authorisation_id)


@pytest.mark.parametrize("other", [Owner("orang lain", "kunci"), Owner("orang", "kunci lain")])
def test_a_key_of_another_person_or_another_one_of_his_is_not_held(
        host: SigningHost, signatory: Signatory, blank: bytes, other: Owner) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    with pytest.raises(GrantOver):
        host.open(authorisation, replace(signatory.stored, owner=other))
    assert not host.is_open(authorisation.authorisation_id)


def test_a_backend_that_nobody_set_up_stops_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    where = KeyElsewhere("pkcs11", {"token": "t", "label": "l"}, signatory.stored.certificate, ())
    host.open(authorisation, ElsewhereKey(OWNER, where, Activation(PASSPHRASE)))
    stopped = NotSigned("backend_not_configured", stops=True)
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == (stopped, stopped)
    assert not host.is_open(authorisation.authorisation_id)


def test_a_key_of_another_certificate_stops_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, replace(signatory.stored, key=ca.generate_signer_key()))
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == (NotSigned("key_mismatch", stops=True),)


def test_an_act_that_ended_is_not_opened_again_when_the_clock_is_set_back(signatory: Signatory, blank: bytes) -> None:
    tsa, clock, documents = signatory.pki.tsa, FrozenClock(datetime.now(UTC)), sheets(blank, 1)
    stamps = TimeStampAuthority(tsa.certificate, tsa.key, (signatory.pki.root.certificate,))
    host, authorisation = KeyHolder(Means(clock, stamps, Backends({}), NoLog())), listing(documents)
    host.open(authorisation, signatory.stored)
    clock.advance(minutes=6)
    for _ in range(3):
        assert not host.is_open(authorisation.authorisation_id)
    clock.advance(minutes=-6)
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)
