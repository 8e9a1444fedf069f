"""Documents signed elsewhere: kept as they are, proven to have been here, and said exactly what can be proven."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from sqlalchemy import select

from certs.ca import SignerSubject, build_crl, create_development_pki, generate_signer_key, issue_signer_certificate
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import Report, validate_pdf
from svc.cage.pool import WorkerCage
from svc.cage.port import CageLimits
from svc.deps import Deps
from svc.errors import Forbidden, InvalidInput
from svc.models import ArchivedDocument
from svc.ports import StoredObject
from svc.services import anchors, archive, preservation, register_proofs, verdict_report, verification
from svc.services.examination import judge
from tests.support.clock import FrozenClock
from tests.support.stores import FaultyStore
from tests.support.world import World

THEN = datetime(2024, 3, 20, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def foreign() -> tuple[bytes, TrustStore]:
    """A document that another authority's signer signed in 2024, without time stamp, and trust in that authority."""
    import pikepdf

    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    output = io.BytesIO()
    document.save(output)
    pki = create_development_pki("Instansi Lain", THEN - timedelta(days=30))
    key = generate_signer_key()
    certificate = issue_signer_certificate(pki.issuing, SignerSubject("Contoh Lain", "Instansi Lain"),
                                           key.public_key(), THEN - timedelta(days=20), valid_days=300)
    tsa = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
    signed = sign_pdf(output.getvalue(), SignRequest(THEN, "Contoh Lain", level=Level.B_B),
                      LocalSigner(certificate, key, pki.chain), tsa)
    crl = build_crl(pki.issuing, (), THEN + timedelta(days=1), THEN + timedelta(days=2))
    return signed.pdf, TrustStore((pki.root.certificate,), crls=(pki.root_crl, crl))


def test_what_was_taken_in_while_it_was_valid_can_be_proven_later(
    world: World, clock: FrozenClock, foreign: tuple[bytes, TrustStore]
) -> None:
    pdf, trust = foreign
    clock.at = THEN + timedelta(days=2)
    kept = archive.take_in(world.deps, None, "SK lama.pdf", pdf)
    assert (kept.is_new, kept.sub_indication) == (True, "NO_CERTIFICATE_CHAIN_FOUND")
    clock.at = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert judge(world.deps, pdf, trust).sub_indication == "OUT_OF_BOUNDS_NO_POE"
    with world.deps.db.read_session() as session:
        row = session.scalars(select(ArchivedDocument)).one()
    report = judge(world.deps, pdf, trust, register_proofs.proofs_of(world.deps, [row]))
    assert report.passed, report.explanation
    assert report.signatures[0].proven_by == "register"
    assert report.signatures[0].proven_at == THEN + timedelta(days=2)
    assert archive.take_in(world.deps, None, "SK lama.pdf", pdf).is_new is False
    assert verification.of_upload(world.deps, pdf).sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"  # no anchor yet


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"size": 1}, {"entry": b"{}"}])
def test_an_altered_register_entry_proves_nothing(
    world: World, foreign: tuple[bytes, TrustStore], change: dict[str, object]
) -> None:
    archive.take_in(world.deps, None, "SK lama.pdf", foreign[0])
    with world.deps.db.unit_of_work() as session:
        row = session.scalars(select(ArchivedDocument)).one()
        for name, value in change.items():
            setattr(row, name, value)
    with world.deps.db.read_session() as session:
        assert register_proofs.proofs_of(world.deps, session.scalars(select(ArchivedDocument)).all()) == ()


def test_what_bears_no_signature_is_not_taken_in_and_stops_no_other(
    world: World, foreign: tuple[bytes, TrustStore], tmp_path: Path
) -> None:
    (tmp_path / "dalam").mkdir()
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 bukan apa-apa")
    (tmp_path / "dalam" / "b.PDF").write_bytes(foreign[0])
    (tmp_path / "c.txt").write_text("tidak diambil")
    lines = {Path(one.path).name: one for one in archive.import_files(world.deps, [tmp_path])}
    assert set(lines) == {"a.pdf", "b.PDF"}
    assert (lines["a.pdf"].error, lines["b.PDF"].error) == ("invalid_input", "")
    assert archive.count_documents(world.deps) == 1
    again = list(archive.import_files(world.deps, [tmp_path / "dalam"]))
    assert [one.document is not None and one.document.is_new for one in again] == [False]


def test_no_file_of_a_folder_keeps_another_from_being_taken_in(
    world: World, foreign: tuple[bytes, TrustStore], tmp_path: Path
) -> None:
    folder = tmp_path / "lama"
    folder.mkdir()
    (folder / os.fsdecode(b"a-kepp\xe9\x01.pdf")).write_bytes(foreign[0])
    os.mkfifo(folder / "b-pipa.pdf")
    with (folder / "c-besar.pdf").open("wb") as sparse:
        sparse.truncate(60 * 2**30)
    (folder / "d-tautan.pdf").symlink_to(folder / "b-pipa.pdf")
    (folder / "e-putus.pdf").symlink_to(folder / "tidak-ada.pdf")
    (folder / "f.pdf").write_bytes(SPECIMEN.read_bytes())
    lines = {Path(one.path).name: one for one in archive.import_files(world.deps, [folder])}
    assert {name: one.error for name, one in lines.items()} == {
        "a-kepp\ufffd\ufffd.pdf": "", "b-pipa.pdf": "not_a_regular_file", "c-besar.pdf": "invalid_input",
        "d-tautan.pdf": "link_not_followed", "e-putus.pdf": "link_not_followed", "f.pdf": ""}
    assert {one.name for one in archive.list_documents(world.deps)} == {"a-kepp\ufffd\ufffd.pdf", "f.pdf"}


def test_a_file_that_fails_unforeseen_stops_no_other(
    world: World, foreign: tuple[bytes, TrustStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(foreign[0])
    (tmp_path / "b.pdf").write_bytes(SPECIMEN.read_bytes())

    def breaks(deps: Deps, pdf: bytes) -> Report:
        if pdf == foreign[0]:
            raise RuntimeError("nobody foresaw this")
        return judge(deps, pdf)

    monkeypatch.setattr(archive, "judge", breaks)
    assert [one.error for one in archive.import_files(world.deps, [tmp_path])] == ["RuntimeError", ""]


class Overtaken(FaultyStore):
    """A real store; while it takes a file, ``meanwhile`` happens, once."""

    meanwhile: Callable[[], object] | None = None

    def put(self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None) -> StoredObject:
        first, self.meanwhile = self.meanwhile, None
        if first is not None:
            first()
        return self.inner.put(key, data, media_type=media_type, retain_until=retain_until)


def test_two_imports_of_one_file_at_once_make_one_entry(world: World, foreign: tuple[bytes, TrustStore]) -> None:
    pdf, _ = foreign
    store = Overtaken(world.deps.store, "")
    found: list[archive.ArchivedView] = []
    store.meanwhile = lambda: found.append(archive.take_in(world.deps, None, "lain.pdf", pdf))
    taken = archive.take_in(replace(world.deps, store=store), None, "sk.pdf", pdf)
    assert (taken.public_id, taken.is_new, found[0].is_new) == (found[0].public_id, False, True)
    assert archive.count_documents(world.deps) == 1


def test_only_administrators_take_in(world: World, foreign: tuple[bytes, TrustStore]) -> None:
    with pytest.raises(Forbidden):
        archive.take_in(world.deps, world.actor("analis"), "x.pdf", foreign[0])
    with pytest.raises(InvalidInput):
        archive.take_in(world.deps, None, "x.pdf", b"")


def test_without_a_time_stamp_nothing_is_added_but_the_file_is_held(
    world: World, clock: FrozenClock, foreign: tuple[bytes, TrustStore]
) -> None:
    archive.take_in(world.deps, None, "SK lama.pdf", foreign[0])
    clock.advance(seconds=1)
    assert preservation.preserve_due(world.deps).held == 1
    (kept,) = archive.list_documents(world.deps)
    assert kept.standing is not None
    assert (kept.standing.state, kept.standing.level) == ("held", "B-B")


SPECIMEN = Path(__file__).parents[1] / "data" / "peraturan-brin-2-2024-salinan.pdf"


def test_what_the_cage_cannot_read_is_not_read_outside_of_it(world: World, clock: FrozenClock) -> None:
    pdf = verdict_report.for_upload(world.deps, b"teks").pdf
    kept = archive.take_in(world.deps, world.actor("admin"), "SK.pdf", pdf)
    hurried = WorkerCage(CageLimits(seconds=0.001))
    clock.advance(seconds=1)
    try:
        in_a_hurry = replace(world.deps, cage=hurried)
        assert preservation.preserve_due(in_a_hurry).waiting == 1
        with pytest.raises(InvalidInput):
            anchors.offer_from(in_a_hurry, world.actor("admin"), pdf, "SK.pdf")
    finally:
        hurried.close()
    (held,) = archive.list_documents(world.deps)
    assert held.standing is not None
    assert (held.public_id, held.standing.state, held.standing.why) == (kept.public_id, "waiting", "cage_crashed")


def roots_of(pdf: bytes) -> tuple[x509.Certificate, ...]:
    """Self-signed certificates that the file's signatures and tokens bring: candidates, which a person confirms."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    found: list[x509.Certificate] = []
    signed: list[cms.SignedData] = []
    for one in PdfFileReader(io.BytesIO(pdf), strict=False).embedded_regular_signatures:
        signed.append(one.signed_data)
        for attribute in one.signer_info["unsigned_attrs"]:
            if attribute["type"].native == "signature_time_stamp_token":
                signed += [token["content"] for token in attribute["values"]]
    for content in signed:
        found += [x509.load_der_x509_certificate(item.chosen.dump()) for item in content["certificates"]]
    return tuple(one for one in found if one.subject == one.issuer)


def test_a_real_decree_of_2024_says_exactly_what_can_be_proven(world: World, clock: FrozenClock) -> None:
    pdf = SPECIMEN.read_bytes()
    clock.at = datetime(2024, 7, 1, 1, 0, tzinfo=UTC)
    archive.take_in(world.deps, None, SPECIMEN.name, pdf)
    with world.deps.db.read_session() as session:
        proofs = register_proofs.proofs_of(world.deps, session.scalars(select(ArchivedDocument)).all())
    now = datetime(2026, 11, 24, tzinfo=UTC)
    anchors = TrustStore(roots_of(pdf))
    without = validate_pdf(pdf, TrustStore(()), now)
    confirmed = validate_pdf(pdf, anchors, now)
    proven = validate_pdf(pdf, anchors, now, proofs)
    assert [(one.indication.value, one.sub_indication) for one in (without, confirmed, proven)] == [
        ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND"),
        ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE"),
        ("INDETERMINATE", "TRY_LATER"),  # it existed while the certificate was valid; whether revoked is not known
    ]
    signature = proven.signatures[0]
    assert (signature.level, signature.proven_by, signature.certificate_now) == ("PKCS7-T", "register", "expired")
    assert signature.proven_at == datetime(2024, 7, 1, 1, 0, tzinfo=UTC)
    assert proven.explained


def test_an_import_says_that_a_file_is_encrypted_or_cut_off(
    world: World, foreign: tuple[bytes, TrustStore], tmp_path: Path
) -> None:
    import pikepdf

    (tmp_path / "a.pdf").write_bytes(foreign[0][: len(foreign[0]) // 2])
    with pikepdf.open(io.BytesIO(foreign[0])) as document:
        document.save(tmp_path / "b.pdf", encryption=pikepdf.Encryption(owner="x", user="y"))
    cut, encrypted = archive.import_files(world.deps, [tmp_path])
    assert (cut.reason, encrypted.reason) == (
        "berkas ini terpotong atau rusak di ujungnya", "berkas ini dilindungi sandi")
