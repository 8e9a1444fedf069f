"""What is told of a certificate and of a failure is what validation found, not what a row or a habit says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from certs.ca import Revocation, build_crl
from certs.validation import Indication, Report
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import archive, credentials, decree_page, verdict_json, verification
from svc.services.examination import judge
from svc.services.verdict_words import of_failure
from tests.services.test_level_raised import signed_at
from tests.support.clock import FrozenClock
from tests.support.signers import foreign_pkcs12, give_certificates, trust_authority
from tests.support.world import World
from tests.unit.certs.test_container import BENT, Container


@pytest.mark.parametrize(("hours", "indication", "then"), [
    (-24, Indication.INDETERMINATE, "revoked"), (1, Indication.TOTAL_PASSED, "valid")])
def test_a_revocation_by_another_authority_is_told_wherever_the_signer_is(
    world: World, clock: FrozenClock, hours: int, indication: Indication, then: str
) -> None:
    data, pki = foreign_pkcs12(world, "berkas-p12")
    trust_authority(world, pki)
    signer = world.actor("kepala")
    credentials.import_pkcs12(world.deps, signer, signer.person_public_id, data, "berkas-p12", DEMO_PASSPHRASE)
    code = world.view(world.walk("issued")).verify_code
    before = verification.by_code(world.deps, code)
    assert [(one.certificate_then, one.certificate_now) for one in before.signers] == [("valid", "valid")]
    signed_at = clock.now().replace(microsecond=0)
    revoked = Revocation(
        int(before.signatures[0].serial, 16), signed_at + timedelta(hours=hours), x509.ReasonFlags.key_compromise)
    clock.advance(hours=2)
    (world.deps.settings.var_dir / "trust" / "lain-issuing.crl").write_bytes(
        build_crl(pki.issuing, [revoked], clock.now(), clock.now() + timedelta(days=1)))
    verdict = verification.by_code(world.deps, code)
    assert verdict.indication == indication
    (line,), (signature,) = verdict.signers, verdict.signatures
    expected = (then, "revoked", revoked.revoked_at)
    assert (line.certificate_then, line.certificate_now, line.revoked_at) == expected
    assert (signature.certificate_then, signature.certificate_now, signature.revoked_at) == expected


def test_what_the_register_proves_counts_on_the_page_of_the_code_too(world: World, clock: FrozenClock) -> None:
    decree_id = signed_at(world, clock, "B-B")
    pdf = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    clock.advance(hours=1)
    archive.take_in(world.deps, None, "Keputusan.pdf", pdf)
    clock.advance(hours=1)
    signer = world.actor("kepala")
    (own,) = credentials.list_for(world.deps, signer, signer.person_public_id)
    credentials.revoke(world.deps, signer, own.public_id, "key_compromise")
    clock.advance(minutes=1)
    uploaded = verification.of_upload(world.deps, pdf)
    longer = verification.of_upload(world.deps, pdf + b"% lebih\n").registered
    by_code = verification.by_code(world.deps, world.view(decree_id).verify_code)
    assert by_code.signatures[0].proven_by == "register"
    assert by_code == uploaded.registered == longer
    assert (uploaded.indication, uploaded.sentence) == (by_code.indication, by_code.sentence)
    assert by_code.indication == Indication.TOTAL_PASSED


def test_programs_are_not_told_of_a_time_that_nothing_proves(world: World, clock: FrozenClock) -> None:
    """Pages say nothing there; that the certificate is valid now is another thing."""
    for level, then in (("B-B", "unknown"), ("B-T", "valid")):
        verdict = verification.by_code(world.deps, world.view(signed_at(world, clock, level)).verify_code)
        (told,) = verdict_json.of_decree(verdict, "http://contoh", str)["signatures"]
        assert told["indication"] == "TOTAL-PASSED"
        assert (told["certificate_then"], told["certificate_now"]) == (then, "valid")


def test_what_is_wrong_with_a_signature_is_not_said_of_the_file(world: World) -> None:
    give_certificates(world, "kepala")
    pdf = decree_page.load_pdf(world.deps, world.actor("analis"), world.walk("issued")).data
    container = Container(pdf)
    BENT["a digest algorithm announced that nobody used"](container)
    report = judge(world.deps, container.file())
    assert (report.sub_indication, report.signatures[0].covers_whole_file) == ("FORMAT_FAILURE", True)
    assert "tanda tangannya tidak lolos pemeriksaan" in of_failure(report).text
    assert "tanda tangannya tidak lolos pemeriksaan" in of_failure(_unbound(report, covers_whole_file=True)).text
    assert "tidak dicakup tanda tangannya" in of_failure(_unbound(report, covers_whole_file=False)).text


def _unbound(report: Report, *, covers_whole_file: bool) -> Report:
    one = replace(report.signatures[0], sub_indication="SIG_CONSTRAINTS_FAILURE", covers_whole_file=covers_whole_file)
    return replace(report, sub_indication="SIG_CONSTRAINTS_FAILURE", signatures=(one,))
