"""Authorities of others: trusted once confirmed, for one purpose each; what they say of revocation is fetched."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pikepdf
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from certs.ca import (
    DevelopmentPki,
    Revocation,
    SignerSubject,
    build_crl,
    create_development_pki,
    generate_signer_key,
    issue_signer_certificate,
)
from certs.ocsp import Known, respond
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from certs.profiles import Addresses
from certs.revocation import fingerprint
from certs.tsa import TimeStampAuthority
from svc import worker
from svc.bootstrap import Ready, prepare
from svc.cli import cli
from svc.commands import trust as trust_command
from svc.deps import build_revocation
from svc.errors import Forbidden, InvalidInput, NotFound
from svc.models import ArchivedDocument, AuditEvent, Credential, Preservation, RevocationData, TrustAnchor
from svc.ports import RevocationClient
from svc.services import anchors, archive, preservation, revocation_fetch
from svc.services.confirmed_trust import confirmed_trust
from svc.services.examination import judge
from svc.settings import Settings
from tests.support.clock import TUESDAY_MORNING, FrozenClock
from tests.support.web_folder import WebFolder, web_folder
from tests.support.world import World

NOW = TUESDAY_MORNING.replace(microsecond=0)
ISSUED = NOW - timedelta(days=30)


@dataclass(frozen=True)
class Foreign:
    """Another authority whose lists are on a web server, and a document signed under it, with its time stamp."""

    pki: DevelopmentPki
    folder: WebFolder
    signer: x509.Certificate
    pdf: bytes

    @property
    def root(self) -> bytes:
        return self.pki.root.certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def authority() -> Iterator[Foreign]:
    with web_folder() as folder:
        pki = create_development_pki("Instansi Lain", ISSUED, root_addresses=Addresses(f"{folder.url}/root.crl"))
        key = generate_signer_key()
        signer = issue_signer_certificate(
            pki.issuing, SignerSubject("Contoh Lain", "Instansi Lain"), key.public_key(), ISSUED,
            crl_url=f"{folder.url}/issuing.crl", ocsp_url=f"{folder.url}/ocsp")
        blank, document = io.BytesIO(), pikepdf.new()
        document.add_blank_page(page_size=(595, 842))
        document.save(blank)
        tsa = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
        signed = sign_pdf(blank.getvalue(), SignRequest(NOW - timedelta(days=1), "Contoh Lain", level=Level.B_T),
                          LocalSigner(signer, key, pki.chain), tsa)
        yield Foreign(pki, folder, signer, signed.pdf)


@pytest.fixture
def foreign(authority: Foreign) -> Foreign:
    folder = authority.folder
    folder.asked.clear()
    folder.posts.clear()
    folder.files.clear()
    folder.files["/root.crl"] = authority.pki.root_crl
    folder.files["/issuing.crl"] = build_crl(authority.pki.issuing, (), NOW - timedelta(hours=1),
                                             NOW + timedelta(days=1))
    return authority


@pytest.fixture
def online(world: World) -> World:
    """A service that may ask servers on this machine."""
    settings = world.deps.settings.model_copy(update={"revocation_hosts": "127.0.0.1"})
    return World(replace(world.deps, settings=settings, revocation=build_revocation(settings)), world.organisation)


def trusted(world: World, pem: bytes, purpose: str) -> anchors.AnchorView:
    (one,) = anchors.add(world.deps, None, pem, purpose, "uji.pem")
    return anchors.confirm(world.deps, None, one.public_id, one.sha256[-16:])


def kept(world: World) -> list[RevocationData]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(select(RevocationData).order_by(RevocationData.id)))


def test_a_candidate_is_trusted_only_once_its_fingerprint_is_typed(online: World, foreign: Foreign) -> None:
    deps, admin = online.deps, online.actor("admin")
    (one,) = anchors.add(deps, admin, foreign.root, "both", "laman penerbit")
    assert judge(deps, foreign.pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    for typed in ("", one.sha256[-15:], one.sha256[:16], "0" * 16, "0" * 64):
        with pytest.raises(anchors.FingerprintDiffers):
            anchors.confirm(deps, admin, one.public_id, typed)
    confirmed = anchors.confirm(deps, admin, one.public_id, one.fingerprint)
    assert (confirmed.status, confirmed.source) == ("confirmed", "laman penerbit")
    assert revocation_fetch.fetch_for(deps, foreign.pdf).new == 2
    assert judge(deps, foreign.pdf).passed
    anchors.withdraw(deps, admin, one.public_id)
    assert judge(deps, foreign.pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    with deps.db.read_session() as session:
        events = session.scalars(select(AuditEvent.type).where(
            AuditEvent.stream == "administration", AuditEvent.type.startswith("trust_anchor")).order_by(
            AuditEvent.seq)).all()
    assert list(events) == ["trust_anchor_offered", "trust_anchor_confirmed", "trust_anchor_withdrawn"]


def test_each_anchor_serves_its_purpose_alone(online: World, foreign: Foreign) -> None:
    deps = online.deps
    stamps = trusted(online, foreign.root, "timestamp")
    assert revocation_fetch.fetch_for(deps, foreign.pdf).new == 2
    assert judge(deps, foreign.pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    anchors.withdraw(deps, None, stamps.public_id)
    trusted(online, foreign.root, "signer")
    only_signer = judge(deps, foreign.pdf)
    assert only_signer.signatures[0].proven_by != "timestamp"
    anchors.confirm(deps, None, stamps.public_id, stamps.sha256)
    both = judge(deps, foreign.pdf)
    assert both.passed
    assert both.signatures[0].proven_by == "timestamp"


def test_our_own_documents_stay_provable_beside_other_anchors(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.root, "timestamp")
    decree = online.walk("signed")
    with online.deps.db.read_session() as session:
        before = session.scalars(select(Preservation.level).where(Preservation.decree_id.is_not(None))).one()
    assert preservation.preserve_due(online.deps).augmented == 1, (decree, before)


def test_an_intermediate_is_known_but_not_trusted(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.pki.issuing.certificate.public_bytes(Encoding.DER), "intermediate")
    assert judge(online.deps, foreign.pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_a_signed_file_offers_its_authorities_and_trusts_none(online: World, foreign: Foreign) -> None:
    found = {one.sha256: one for one in anchors.offer_from(online.deps, online.actor("admin"), foreign.pdf, "SK.pdf")}
    root, issuing = (found[fingerprint(one.certificate).hex()] for one in (foreign.pki.root, foreign.pki.issuing))
    assert (root.purpose, issuing.purpose) == ("both", "intermediate")
    assert {one.status for one in found.values()} == {"candidate"}
    assert judge(online.deps, foreign.pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    with pytest.raises(InvalidInput):
        anchors.offer_from(online.deps, None, b"%PDF-1.7 tidak lengkap", "x.pdf")


def test_only_administrators_touch_trust(world: World, foreign: Foreign) -> None:
    (one,) = anchors.add(world.deps, None, foreign.root, "signer", "x")
    for username in ("analis", "kepala", "biro"):
        actor = world.actor(username)
        with pytest.raises(Forbidden):
            anchors.add(world.deps, actor, foreign.root, "both", "x")
        with pytest.raises(Forbidden):
            anchors.confirm(world.deps, actor, one.public_id, one.sha256)
        with pytest.raises(Forbidden):
            anchors.withdraw(world.deps, actor, one.public_id)
        with pytest.raises(Forbidden):
            anchors.list_all(world.deps, actor)


def test_what_is_no_authority_is_not_offered(world: World, foreign: Foreign) -> None:
    for data in (b"", b"abc", b"-----BEGIN CERTIFICATE-----\n", foreign.signer.public_bytes(Encoding.PEM)):
        with pytest.raises(InvalidInput):
            anchors.add(world.deps, None, data, "signer", "x")
    with pytest.raises(InvalidInput):
        anchors.add(world.deps, None, foreign.root, "", "x")
    with pytest.raises(NotFound):
        anchors.confirm(world.deps, None, "tidak-ada", "0" * 64)
    with world.deps.db.read_session() as session:
        assert session.scalars(select(TrustAnchor)).all() == []


def test_nobody_is_asked_for_a_file_of_an_authority_that_is_not_confirmed(online: World, foreign: Foreign) -> None:
    anchors.add(online.deps, None, foreign.root, "both", "x")
    assert revocation_fetch.fetch_for(online.deps, foreign.pdf) == revocation_fetch.FetchReport()
    assert foreign.folder.asked == []


def test_a_private_server_is_asked_only_if_the_operator_names_it(world: World, foreign: Foreign) -> None:
    trusted(world, foreign.root, "both")
    report = revocation_fetch.fetch_for(world.deps, foreign.pdf)
    assert (report.new, foreign.folder.asked) == (0, [])
    assert all("private network" in one for one in report.failed)


def test_a_list_that_another_signed_is_not_kept(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.root, "both")
    double = create_development_pki("Instansi Lain", ISSUED)  # the same names, other keys
    foreign.folder.files["/issuing.crl"] = build_crl(double.issuing, (), NOW - timedelta(hours=1), NOW)
    foreign.folder.files["/root.crl"] = b"<html>masuk</html>"
    report = revocation_fetch.fetch_for(online.deps, foreign.pdf)
    assert (report.new, kept(online)) == (0, [])
    assert any("not signed by its authority" in one for one in report.failed)
    assert any("not a list" in one for one in report.failed)


def test_where_the_list_is_gone_the_responder_is_asked(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.root, "both")
    del foreign.folder.files["/issuing.crl"]
    pki = foreign.pki
    foreign.folder.posts["/ocsp"] = lambda body: respond(
        body, pki.issuing.certificate, pki.ocsp, lambda _serial: Known.GOOD, NOW, timedelta(hours=1))
    assert revocation_fetch.fetch_for(online.deps, foreign.pdf).new == 2
    assert [(one.kind, one.serial) for one in kept(online) if one.kind == "ocsp"] == [
        ("ocsp", f"{foreign.signer.serial_number:x}")]
    assert judge(online.deps, foreign.pdf).passed


def test_a_response_about_another_certificate_is_not_kept(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.root, "both")
    del foreign.folder.files["/issuing.crl"]
    double = create_development_pki("Instansi Lain", ISSUED)
    foreign.folder.posts["/ocsp"] = lambda body: respond(
        body, foreign.pki.issuing.certificate, replace(double.ocsp), lambda _serial: Known.GOOD, NOW,
        timedelta(hours=1))
    report = revocation_fetch.fetch_for(online.deps, foreign.pdf)
    assert [one.kind for one in kept(online)] == ["crl"]  # the root's
    assert any("/ocsp" in one for one in report.failed)


def test_the_job_fetches_anew_and_a_revocation_becomes_known(online: World, foreign: Foreign,
                                                            clock: FrozenClock) -> None:
    deps = online.deps
    trusted(online, foreign.root, "both")
    trusted(online, foreign.pki.issuing.certificate.public_bytes(Encoding.PEM), "intermediate")
    assert revocation_fetch.refresh(deps).new == 1  # the root's list, of which the intermediate speaks
    assert revocation_fetch.refresh(deps).known == 1
    assert kept(online)[0].seen_at == clock.now()
    revocation_fetch.fetch_for(deps, foreign.pdf)
    assert judge(deps, foreign.pdf).passed
    clock.advance(hours=6)
    foreign.folder.files["/issuing.crl"] = build_crl(
        foreign.pki.issuing, (Revocation(foreign.signer.serial_number, NOW - timedelta(days=2),
                                         x509.ReasonFlags.key_compromise),), clock.now(), NOW + timedelta(days=2))
    assert revocation_fetch.fetch_for(deps, foreign.pdf).new == 1
    assert not judge(deps, foreign.pdf).passed


def test_the_latest_lists_are_used_and_never_more_than_the_cage_takes(
    online: World, foreign: Foreign, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted(online, foreign.root, "both")
    for hours in range(5):
        clock.at = NOW + timedelta(hours=hours)
        foreign.folder.files["/issuing.crl"] = build_crl(foreign.pki.issuing, (), clock.at, NOW + timedelta(days=1))
        revocation_fetch.fetch_for(online.deps, foreign.pdf)
    assert len(kept(online)) == 6
    lists = [x509.load_der_x509_crl(der) for der in confirmed_trust(online.deps).crls]
    times = [one.last_update_utc for one in lists if one.issuer == foreign.pki.issuing.certificate.subject]
    assert times == [NOW + timedelta(hours=hours) for hours in (4, 3, 2)]
    monkeypatch.setattr("svc.services.confirmed_trust._MOST_BYTES", sum(
        len(one.der) for one in kept(online) if one.issued_at in {times[0], kept(online)[0].issued_at}))
    revocation_fetch.refresh(online.deps)
    foreign.folder.files["/issuing.crl"] = build_crl(foreign.pki.issuing, (), NOW + timedelta(hours=4, minutes=1),
                                                     NOW + timedelta(days=1))
    revocation_fetch.fetch_for(online.deps, foreign.pdf)
    assert len(confirmed_trust(online.deps).crls) == 2  # the newest of each
    assert judge(online.deps, foreign.pdf).passed


@dataclass(frozen=True)
class SlowNetwork:
    """The network, but each answer (or none) takes so many seconds of the service's clock."""

    network: RevocationClient
    clock: FrozenClock
    seconds: int

    def fetch(self, url: str, body: bytes | None = None) -> bytes:
        self.clock.advance(seconds=self.seconds)
        return self.network.fetch(url, body)


def slow_lists(online: World, foreign: Foreign, clock: FrozenClock, seconds: int, count: int = 12) -> World:
    """Signers from elsewhere, each with the address of a list of his own."""
    trusted(online, foreign.root, "both")
    public_key = generate_signer_key().public_key()
    with online.deps.db.unit_of_work() as session:
        for number in range(count):
            certificate = issue_signer_certificate(
                foreign.pki.issuing, SignerSubject(f"Contoh {number}", "Instansi Lain"), public_key, ISSUED,
                crl_url=f"{foreign.folder.url}/{number}.crl")
            session.add(Credential(
                owner_id=online.actor("kepala").person_id, backend="csc", backend_config={}, label="CSC",
                is_own_issue=False, certificate_pem=certificate.public_bytes(Encoding.PEM).decode(),
                chain_pem=foreign.pki.issuing.certificate.public_bytes(Encoding.PEM).decode(),
                serial=f"{certificate.serial_number:x}", issuer="contoh", created_at=NOW))
    slow = SlowNetwork(online.deps.revocation, clock, seconds)
    return World(replace(online.deps, revocation=slow), online.organisation)


def test_a_round_ends_before_its_lease_and_the_next_ones_ask_for_the_rest(
    online: World, foreign: Foreign, clock: FrozenClock
) -> None:
    slow, folder = slow_lists(online, foreign, clock, seconds=30), foreign.folder
    lists = {f"/{number}.crl" for number in range(12)}
    folder.files.update(dict.fromkeys(lists, folder.files["/issuing.crl"]))
    for _ in range(60):
        begun_at = clock.now()
        report = revocation_fetch.refresh(slow.deps)
        assert not report.is_complete
        assert clock.now() - begun_at < worker._LEASE / 2
        clock.advance(hours=6)
    assert lists <= set(folder.asked)


def test_a_host_that_does_not_answer_is_asked_once_in_a_round(
    online: World, foreign: Foreign, clock: FrozenClock
) -> None:
    silent = slow_lists(online, foreign, clock, seconds=5)
    report = revocation_fetch.refresh(silent.deps)
    assert (len(report.failed), report.is_complete) == (1, True)
    assert len(foreign.folder.asked) == 1


def test_preservation_fetches_what_it_lacks(online: World, foreign: Foreign) -> None:
    trusted(online, foreign.root, "both")
    document = archive.take_in(online.deps, None, "SK lain.pdf", foreign.pdf)
    assert preservation.preserve_due(online.deps).augmented == 1
    assert set(foreign.folder.asked) >= {"/root.crl", "/issuing.crl"}
    with online.deps.db.read_session() as session:
        row = session.scalars(select(Preservation).join(
            ArchivedDocument, ArchivedDocument.id == Preservation.archived_document_id).where(
            ArchivedDocument.public_id == document.public_id)).one()
    assert (row.state, row.level) == ("held", "B-LTA")
    report = archive.check_again(online.deps, document.public_id)
    assert (report.passed, report.signatures[0].level) == (True, "B-LTA")  # of the best file, not of the first


def test_the_command_line(world: World, foreign: Foreign, monkeypatch: pytest.MonkeyPatch,
                          tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, settings = tmp_path_factory.mktemp("cli"), world.deps.settings
    for name in [one for one in os.environ if one.startswith("PARAF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PARAF_VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("PARAF_DATABASE_URL", settings.effective_database_url)
    monkeypatch.chdir(folder)
    (folder / "akar.pem").write_bytes(foreign.root)
    (folder / "sk.pdf").write_bytes(foreign.pdf)
    typed = fingerprint(foreign.pki.root.certificate).hex()

    opened = []

    def open_service(given: Settings) -> Ready:
        opened.append(prepare(given))
        return opened[-1]

    monkeypatch.setattr(trust_command, "prepare", open_service)

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["trust", *words])
        while opened:  # a process of its own would end here
            opened.pop().deps.db.dispose()
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    assert "candidate  signer" in run("add", "akar.pem", "--purpose", "signer")
    assert "both" in run("candidates", "sk.pdf")
    run("confirm", "0" * 64, code=1)
    run("confirm", typed, code=1)  # twice on the list: for which purpose?
    assert "confirmed  both" in run("confirm", typed.upper(), "--purpose", "both")
    assert "confirmed  both" in run("list")
    assert "0 new" in run("fetch", code=0)
    assert "withdrawn" in run("withdraw", typed[-16:], "--purpose", "both")
