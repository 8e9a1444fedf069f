"""Whose lists and responses count for a certificate."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass, replace
from typing import Any

import pytest
from asn1crypto import crl
from asn1crypto import pdf as asn1_pdf
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import _strict
from certs.pades import SignedDocument
from certs.profiles import key_usage
from certs.trust import TrustStore
from certs.validation import validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import (
    ASKED,
    DAY,
    DOCUMENTS,
    RESPONSES,
    Holder,
    answered,
    attribute,
    issue,
    listed,
    named,
    new_key,
    reference,
    replaced,
)


@pytest.mark.parametrize(("name", "digest"), [
    ("lenient_scope", "ecdfea9eca956e29"), ("lenient_delegate", "02c35bdf99aaf580"),
    ("lenient_lister", "0a7589297efc7c55"), ("lenient_memory", "925efb608f502b55")])
def test_what_is_replaced_is_what_was_read(name: str, digest: str) -> None:
    """Where it changes: read what changed, see whether it is still needed, then write the new digest here."""
    source = inspect.getsource(getattr(_strict, name))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == digest


@dataclass(frozen=True)
class Chain:
    """A root, two sister authorities, and a signer under the first."""

    world: World
    root: Holder
    issuing: Holder
    sister: Holder
    signer: Holder
    pdf: bytes

    def judge(self, lists: tuple[bytes, ...] = (), responses: tuple[bytes, ...] = (), signer: Holder | None = None,
              known: tuple[Holder, ...] = ()) -> tuple[bool, str | None]:
        intermediates = tuple(one.certificate for one in (self.issuing, self.sister, *known))
        trust = TrustStore((self.root.certificate,), intermediates, crls=lists, ocsps=responses)
        report = validate_pdf(replaced(self.pdf, signer or self.signer), trust, self.world.later)
        return report.passed, report.sub_indication


@pytest.fixture(scope="module")
def chain(world: World, signed: SignedDocument) -> Chain:
    since, until = world.now - 99 * DAY, world.now + 999 * DAY
    root = issue("Akar", new_key(), None, since, until, is_authority=True)
    issuing = issue("Penerbit", new_key(), root, since, until, is_authority=True)
    sister = issue("Saudara", new_key(), root, since, until, is_authority=True)
    signer = issue("Budi Contoh", world.key, issuing, world.now - DAY, until, ASKED, purposes=DOCUMENTS)
    return Chain(world, root, issuing, sister, signer, signed.pdf)


def test_a_sister_authority_s_list_says_nothing(chain: Chain) -> None:
    at, own = chain.world.later, listed(chain.issuing, chain.world.later)
    assert chain.judge((own, listed(chain.root, at))) == (True, None)
    assert chain.judge((own,)) == (False, "TRY_LATER")
    assert chain.judge((own, listed(chain.sister, at))) == (False, "TRY_LATER")


def test_an_indirect_list_counts_only_where_the_certificate_names_its_issuer(chain: Chain) -> None:
    world, place = chain.world, [x509.UniformResourceIdentifier("http://ca.example/all.crl")]
    since, until = world.now - DAY, world.now + 99 * DAY
    lister = issue("Pendaftar", new_key(), chain.issuing, since, until, usage=key_usage(crl_sign=True))
    point = x509.IssuingDistributionPoint(place, None, False, False, None, True, False)
    lists = (listed(chain.root, world.later), listed(lister, world.later, point))
    naming = issue("Budi Contoh", world.key, chain.issuing, since, until, x509.CRLDistributionPoints([
        x509.DistributionPoint(place, None, None, [x509.DirectoryName(named("Pendaftar"))])]), purposes=DOCUMENTS)
    # The one who lists is confirmed by his issuer's own list, which says nothing of the signer.
    confirmed = (*lists, listed(chain.issuing, world.later))
    assert not chain.judge(lists, known=(lister,))[0]
    assert chain.judge(lists, signer=naming, known=(lister,)) == (False, "TRY_LATER")
    assert chain.judge(confirmed[::2], signer=naming, known=(lister,)) == (False, "TRY_LATER")
    assert chain.judge(confirmed, signer=naming, known=(lister,)) == (True, None)


@pytest.mark.parametrize("has_own", [False, True])
def test_a_list_that_anybody_signed_is_believed_nowhere(chain: Chain, has_own: bool) -> None:
    """Neither while the authority itself is looked at, which its indirect lists are asked about too, nor after."""
    at, stranger = chain.world.later, replace(chain.issuing, key=new_key())
    indirect = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    forged = [listed(stranger, at, indirect), listed(stranger, at - DAY / 24, indirect), listed(stranger, at)]
    own = (listed(chain.root, at),) if has_own else ()
    assert chain.judge(own) == chain.judge((*own, *forged)) == (False, "TRY_LATER")
    carried = replaced(chain.pdf, chain.signer, lists=[*own, *forged])
    report = validate_pdf(carried, TrustStore((chain.root.certificate,), (chain.issuing.certificate,), crls=own), at)
    assert (report.passed, report.sub_indication) == (False, "TRY_LATER")


def test_a_list_with_the_signature_of_another_is_not_believed(chain: Chain) -> None:
    """The genuine one has ended; what bears the value of its signature is a copy with other dates."""
    at, above = chain.world.later, listed(chain.root, chain.world.later)
    ended = crl.CertificateList.load(listed(chain.issuing, at - 60 * DAY))
    assert ended["tbs_cert_list"]["next_update"].native < at
    content = ended["tbs_cert_list"].copy()
    content["this_update"] = crl.Time("utc_time", at - 60 * DAY - DAY / 24)  # the newest is looked at first
    content["next_update"] = crl.Time("utc_time", at + 99 * DAY)
    copy = crl.CertificateList({**{name: ended[name] for name in ("signature_algorithm", "signature")},
                                "tbs_cert_list": content}).dump(force=True)
    for lists in ((ended.dump(), copy), (copy, ended.dump())):
        assert chain.judge((above, *lists)) == (False, "TRY_LATER")
        pdf = replaced(chain.pdf, chain.signer, lists=list(lists))
        trust = TrustStore((chain.root.certificate,), (chain.issuing.certificate,), crls=(above,))
        assert not validate_pdf(pdf, trust, at).passed


def test_an_authority_may_have_keys_of_two_kinds(chain: Chain, other_key: rsa.RSAPrivateKey) -> None:
    """One list is tried with the other key then, and that is no reason to believe the file damaged."""
    at, name = chain.world.later, "Penerbit"
    since, until = chain.world.now - 99 * DAY, chain.world.now + 999 * DAY
    other = issue(name, other_key, chain.root, since, until, is_authority=True)
    above, lists = listed(chain.root, at), (listed(other, at), listed(chain.issuing, at))
    for signer in (chain.signer, issue("Budi Contoh", chain.world.key, other, since, until, ASKED, purposes=DOCUMENTS)):
        for given in (lists, lists[::-1]):
            assert chain.judge((above, *given), signer=signer, known=(other,)) == (True, None)
    assert chain.judge((above, lists[0])) == (False, "TRY_LATER")


@pytest.mark.parametrize("is_indirect", [True, False])
def test_a_list_that_an_authority_s_lost_key_signed_is_not_believed(chain: Chain, is_indirect: bool) -> None:
    """It got another certificate after its key was stolen, and its first one was revoked."""
    world, at = chain.world, chain.world.later
    since, until, keys = world.now - 99 * DAY, world.now + 999 * DAY, (new_key(), new_key())
    numbers = [x509.SubjectKeyIdentifier.from_public_key(one.public_key()) for one in keys]
    lost, new = (issue("Penerbit", one, chain.root, since, until, number, is_authority=True)
                 for one, number in zip(keys, numbers, strict=True))
    signer = issue("Budi Contoh", world.key, new, since, until, ASKED,
                   x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(numbers[1]), purposes=DOCUMENTS)
    above = listed(chain.root, at - DAY / 24, revoked=[lost.certificate.serial_number])
    point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    forged = listed(lost, at - DAY / 48, *([point] if is_indirect else []))
    for lists, is_proven in (((above, forged), False), ((above, forged, listed(new, at)), True)):
        trust = TrustStore((chain.root.certificate,), (lost.certificate, new.certificate), crls=lists)
        assert validate_pdf(replaced(chain.pdf, signer), trust, at).passed is is_proven


@pytest.mark.parametrize(("extensions", "is_heard"), [
    ({}, True), ({"whole": [("1.2.3.4", False)], "single": [("1.2.3.4", False)]}, True),
    ({"whole": [("1.2.3.4", True)]}, False), ({"single": [("1.2.3.4", True)]}, False),
])  # fmt: skip
def test_a_response_with_something_critical_that_nobody_knows_speaks_for_nobody(
    chain: Chain, extensions: dict[str, Any], is_heard: bool
) -> None:
    """RFC 6960 4.4. What it says against somebody is heard all the same."""
    at = chain.world.later
    above, issuing, said = (listed(chain.root, at),), chain.issuing, chain.signer.certificate
    good = answered(said, issuing, issuing, at, **extensions)
    assert chain.judge(above, (good,)) == (is_heard, None if is_heard else "TRY_LATER")
    revoking = answered(said, issuing, issuing, at, status="revoked", **extensions)
    assert chain.judge((*above, listed(chain.issuing, at)), (revoking,)) == (False, "REVOKED_NO_POE")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_a_revocation_counts_by_whatever_hash_it_names_the_issuer(chain: Chain, algorithm: str) -> None:
    at = chain.world.later
    about = (chain.signer.certificate, chain.issuing, chain.issuing, at)
    revoking = answered(*about, status="revoked", algorithm=algorithm)
    for lists, responses in (((listed(chain.issuing, at),), (revoking,)), ((), (answered(*about), revoking))):
        assert chain.judge((listed(chain.root, at), *lists), responses) == (False, "REVOKED_NO_POE")


def test_what_a_signature_carries_of_lists_is_heard(chain: Chain) -> None:
    """As Adobe's programs write it, and as CMS has it; for and against the signer."""
    at, own = chain.world.later, chain.signer
    for revoked, sub_indication in (([], None), ([own.certificate.serial_number], "REVOKED_NO_POE")):
        made = [listed(chain.issuing, at, revoked=revoked), listed(chain.root, at)]
        archived = attribute("adobe_revocation_info_archival", asn1_pdf.RevocationInfoArchival(
            {"crl": [crl.CertificateList.load(one) for one in made]}))
        trust = TrustStore((chain.root.certificate,), (chain.issuing.certificate,))
        for pdf in (replaced(chain.pdf, own, lists=made),
                    replaced(chain.pdf, own, (), reference(own.certificate), archived)):
            report = validate_pdf(pdf, trust, at)
            assert (report.passed, report.sub_indication) == (sub_indication is None, sub_indication)


def test_a_responder_is_the_authority_s_own(chain: Chain) -> None:
    at = chain.world.later
    since, until = chain.world.now - DAY, chain.world.now + 99 * DAY
    nocheck = x509.OCSPNoCheck()
    own, other = (issue("Penjawab", new_key(), one, since, until, nocheck, purposes=RESPONSES)
                  for one in (chain.issuing, chain.sister))
    aimless = issue("Penjawab", new_key(), chain.issuing, since, until, nocheck)
    no_signer = issue("Penjawab", new_key(), chain.issuing, since, until, nocheck, purposes=RESPONSES,
                      usage=key_usage(crl_sign=True))
    for responder, is_heard in ((own, True), (other, False), (aimless, False), (no_signer, False)):
        said = answered(chain.signer.certificate, chain.issuing, responder, at, is_embedded=True)
        assert chain.judge((listed(chain.root, at),), (said,))[0] is is_heard
