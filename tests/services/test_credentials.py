"""Certificates: whose they are, who may do what to them, and that no key is lost when the server key changes."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from certs import vault
from certs.errors import WrongServerKey
from certs.validation import validate_pdf
from svc.adapters import keystore
from svc.deps import Deps
from svc.errors import Conflict, CredentialUnusable, Forbidden, InvalidInput, NotFound, StepUpFailed
from svc.health import check
from svc.models import AuditEvent, Credential, Notice, Person
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials, decree_page, key_rotation, key_use, second_factor, trust
from svc.services.certificate_names import NamesAnother
from svc.services.credentials import CredentialView
from svc.services.second_step import SecondStep
from tests.support.clock import FrozenClock
from tests.support.signers import foreign_pkcs12, give_certificates, trust_authority
from tests.support.world import World

SIGNER = "kepala"


def own(world: World, username: str = SIGNER) -> tuple[CredentialView, ...]:
    actor = world.actor(username)
    return credentials.list_for(world.deps, actor, actor.person_public_id)


def opens(world: World, passphrase: str = DEMO_PASSPHRASE, username: str = SIGNER) -> key_use.OpenedKey:
    return key_use.open_key(world.deps, world.actor(username), passphrase, SecondStep(), "")


def test_an_official_issues_his_own_and_only_his_passphrase_opens_it(world: World) -> None:
    give_certificates(world, SIGNER)
    (view,) = own(world)
    assert (view.status, view.can_sign, view.is_own_issue) == ("active", True, True)
    opened = opens(world)
    assert opened.key.public_key() == opened.certificate.public_key()
    with pytest.raises(StepUpFailed):
        opens(world, "bukan-yang-ini")


def test_the_certificate_names_the_person_but_not_his_nip(world: World) -> None:
    give_certificates(world, SIGNER)
    subject = opens(world).certificate.subject.rfc4514_string()
    assert "Fajar Contoh Nugraha" in subject
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Person.nip).where(Person.username == SIGNER)).one() not in subject


def test_a_sealed_key_opens_for_no_other_row(world: World) -> None:
    give_certificates(world, SIGNER, "sekda")
    with world.deps.db.unit_of_work() as session:
        first, second = session.scalars(select(Credential).order_by(Credential.id))
        second.key_envelope = first.key_envelope
    with pytest.raises(CredentialUnusable):
        opens(world, username="sekda")
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures)).all() == [0, 0]  # not the signer's fault


@pytest.mark.parametrize(("passphrase", "repeated", "field"), [
    ("pendek", "pendek", "passphrase"), ("cukup-panjang", "lain-sekali", "repeated"),
    ("x" * 1025, "x" * 1025, "passphrase")])
def test_a_weak_or_mistyped_passphrase_is_refused(world: World, passphrase: str, repeated: str, field: str) -> None:
    actor = world.actor(SIGNER)
    with pytest.raises(InvalidInput) as refused:
        credentials.issue(world.deps, actor, actor.person_public_id, passphrase, repeated)
    assert set(refused.value.fields) == {field}


def test_others_may_not_touch_what_is_not_theirs(world: World) -> None:
    give_certificates(world, SIGNER)
    (view,) = own(world)
    clerk, other = world.actor("analis"), world.actor("sekda")
    with pytest.raises(Forbidden):
        credentials.issue(world.deps, clerk, clerk.person_public_id, DEMO_PASSPHRASE)
    with pytest.raises(Forbidden):
        credentials.issue(world.deps, other, world.actor(SIGNER).person_public_id, DEMO_PASSPHRASE)
    with pytest.raises(Forbidden):
        credentials.revoke(world.deps, other, view.public_id, "unspecified")
    with pytest.raises(Forbidden):
        credentials.change_passphrase(world.deps, other, view.public_id, DEMO_PASSPHRASE, "baru-sekali", "baru-sekali")
    with pytest.raises(Forbidden):
        credentials.list_for(world.deps, other, world.actor(SIGNER).person_public_id)
    with pytest.raises(Forbidden):
        credentials.list_all(world.deps, other)
    with pytest.raises(NotFound):
        credentials.revoke(world.deps, world.actor("admin"), "tidak-ada", "unspecified")
    assert own(world)[0].can_sign


def test_an_issue_by_the_administrator_is_told_to_the_owner(world: World) -> None:
    signer = world.actor(SIGNER)
    credentials.issue(world.deps, world.actor("admin"), signer.person_public_id, DEMO_PASSPHRASE)
    with world.deps.db.read_session() as session:
        messages = session.scalars(select(Notice.message).where(Notice.person_id == signer.person_id)).all()
    assert any("menerbitkan sertifikat" in message for message in messages)


def test_a_new_certificate_replaces_the_old_one(world: World) -> None:
    give_certificates(world, SIGNER)
    give_certificates(world, SIGNER)
    assert [view.status for view in own(world)] == ["active", "replaced"]


def test_a_changed_passphrase_is_the_only_one(world: World, clock: FrozenClock) -> None:
    give_certificates(world, SIGNER)
    (view,) = own(world)
    actor = world.actor(SIGNER)
    with pytest.raises(StepUpFailed):
        credentials.change_passphrase(world.deps, actor, view.public_id, "salah-sekali", "baru-sekali", "baru-sekali")
    clock.advance(seconds=2)
    credentials.change_passphrase(world.deps, actor, view.public_id, DEMO_PASSPHRASE, "baru-sekali", "baru-sekali")
    opens(world, "baru-sekali")
    with pytest.raises(StepUpFailed):
        opens(world)


def test_delays_grow_to_a_minute() -> None:
    assert [key_use.delay_after(n).total_seconds() for n in (1, 2, 3, 4, 10)] == [1, 2, 4, 8, 60]


# ---- revocation


def listed(deps: Deps) -> set[str]:
    crl = x509.load_der_x509_crl(credentials.current_crl(deps))
    return {f"{entry.serial_number:x}" for entry in crl}


def test_a_revocation_stands_in_the_list_at_once_and_says_why(world: World) -> None:
    give_certificates(world, SIGNER)
    (view,) = own(world)
    before = credentials.current_crl(world.deps)
    assert listed(world.deps) == set()
    assert credentials.current_crl(world.deps) == before  # kept until something changes
    credentials.revoke(world.deps, world.actor(SIGNER), view.public_id, "key_compromise")
    crl = x509.load_der_x509_crl(credentials.current_crl(world.deps))
    (entry,) = crl
    assert f"{entry.serial_number:x}" == view.serial
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert crl.is_signature_valid(world.deps.pki.issuing.certificate.public_key())  # type: ignore[arg-type]
    assert own(world)[0].status == "revoked"
    with pytest.raises(CredentialUnusable):
        opens(world)
    with pytest.raises(Conflict):
        credentials.revoke(world.deps, world.actor("admin"), view.public_id, "superseded")


def test_the_list_is_renewed_before_it_ends(world: World, clock: FrozenClock) -> None:
    first = x509.load_der_x509_crl(credentials.current_crl(world.deps))
    clock.advance(hours=13)
    second = x509.load_der_x509_crl(credentials.current_crl(world.deps))
    assert second.last_update_utc > first.last_update_utc
    assert second.next_update_utc is not None
    assert second.next_update_utc > clock.now()


def test_a_signature_made_before_the_revocation_stays_valid(world: World, clock: FrozenClock) -> None:
    give_certificates(world, SIGNER)
    decree_id = world.walk("signed")
    signed = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    clock.advance(hours=2)
    credentials.revoke(world.deps, world.actor(SIGNER), own(world)[0].public_id, "affiliation_changed")
    clock.advance(minutes=1)
    assert validate_pdf(signed, trust.trust_store(world.deps), clock.now()).passed


@pytest.mark.parametrize("reason", ["", "whatever", "remove_from_crl"])
def test_only_known_reasons_revoke(world: World, reason: str) -> None:
    give_certificates(world, SIGNER)
    with pytest.raises(InvalidInput):
        credentials.revoke(world.deps, world.actor(SIGNER), own(world)[0].public_id, reason)


# ---- import


def imported(world: World, data: bytes, file_secret: str = "berkas-p12") -> str:  # noqa: S107
    actor = world.actor(SIGNER)
    return credentials.import_pkcs12(world.deps, actor, actor.person_public_id, data, file_secret, DEMO_PASSPHRASE)


def test_an_imported_certificate_is_kept_with_its_chain(world: World) -> None:
    data, authority = foreign_pkcs12(world, "berkas-p12")
    trust_authority(world, authority)
    imported(world, data)
    (view,) = own(world)
    opened = opens(world)
    assert (view.can_sign, view.is_own_issue) == (True, False)
    assert set(opened.chain) == set(authority.chain)
    with pytest.raises(Conflict):
        imported(world, data)


def test_a_certificate_that_was_replaced_comes_back_and_one_that_was_revoked_does_not(world: World) -> None:
    data, authority = foreign_pkcs12(world, "berkas-p12")
    trust_authority(world, authority)
    imported(world, data)
    actor = world.actor(SIGNER)
    credentials.issue(world.deps, actor, actor.person_public_id, DEMO_PASSPHRASE)
    imported(world, data)
    assert [(view.is_own_issue, view.status) for view in own(world)] == [
        (False, "active"), (True, "replaced"), (False, "replaced")]
    assert opens(world).certificate.issuer == authority.issuing.certificate.subject
    credentials.revoke(world.deps, actor, own(world)[0].public_id, "superseded")
    with pytest.raises(Conflict):
        imported(world, data)


def test_a_certificate_that_cannot_sign_yet_replaces_none_that_can(world: World) -> None:
    actor = world.actor(SIGNER)
    credentials.issue(world.deps, actor, actor.person_public_id, DEMO_PASSPHRASE)
    data, _ = foreign_pkcs12(world, "berkas-p12")
    with pytest.raises(CredentialUnusable, match="dipercaya"):
        imported(world, data)
    (view,) = own(world)
    assert (view.is_own_issue, view.status, view.can_sign) == (True, "active", True)


def test_a_file_in_another_name_is_taken_only_when_that_is_confirmed_and_recorded(world: World) -> None:
    data, _ = foreign_pkcs12(world, "berkas-p12", "Orang Lain")
    actor = world.actor(SIGNER)
    with pytest.raises(NamesAnother) as refused:
        imported(world, data)
    assert refused.value.params == {"found": "Orang Lain", "wanted": actor.name}
    assert own(world) == ()
    credentials.import_pkcs12(world.deps, actor, actor.person_public_id, data, "berkas-p12", DEMO_PASSPHRASE,
                              accepts_name=True)
    with world.deps.db.read_session() as session:
        (said,) = session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "credential_imported"))
    assert (said["certificate_name"], said["confirmed_as"]) == ("Orang Lain", actor.name)


def test_a_revoked_foreign_certificate_stays_out_of_our_list(world: World) -> None:
    data, _ = foreign_pkcs12(world, "berkas-p12")
    imported(world, data)
    credentials.revoke(world.deps, world.actor(SIGNER), own(world)[0].public_id, "superseded")
    assert listed(world.deps) == set()


@pytest.mark.parametrize(("data", "secret", "field"), [
    (b"not a file of keys", "berkas-p12", "file"), (None, "salah", "file_passphrase"), (b"0" * 300_000, "x", "file")])
def test_an_unusable_file_is_refused_at_its_field(world: World, data: bytes | None, secret: str, field: str) -> None:
    given = foreign_pkcs12(world, "berkas-p12")[0] if data is None else data
    with pytest.raises(InvalidInput) as refused:
        imported(world, given, secret)
    assert set(refused.value.fields) == {field}


def test_an_expired_file_is_refused(world: World, clock: FrozenClock) -> None:
    data, authority = foreign_pkcs12(world, "berkas-p12")
    trust_authority(world, authority)
    clock.advance(days=800)
    with pytest.raises(CredentialUnusable, match="berakhir"):
        imported(world, data)


def test_an_unreadable_trust_file_is_named(world: World) -> None:
    folder = world.deps.settings.var_dir / "trust" / "signer"
    folder.mkdir(parents=True)
    (folder / "rusak.pem").write_text("bukan sertifikat")
    with pytest.raises(trust.TrustFolderUnusable, match=r"rusak\.pem"):
        credentials.trust_store(world.deps)


def test_a_folder_of_trust_serves_its_purpose_alone_and_its_parent_none(world: World) -> None:
    _, authority = foreign_pkcs12(world, "berkas-p12")
    root = authority.root.certificate
    folder = world.deps.settings.var_dir / "trust"
    for place in ("signer", "timestamp"):
        (folder / place).mkdir(parents=True)
        file = folder / place / "lain.pem"
        file.write_bytes(root.public_bytes(Encoding.PEM))
        found = trust.trust_store(world.deps)
        assert (root in found.anchors, root in found.timestamp_anchors) == (place == "signer", place == "timestamp")
        assert check(world.deps).trust.is_ok
        file.unlink()
    (folder / "lain.pem").write_bytes(root.public_bytes(Encoding.PEM))
    found = trust.trust_store(world.deps)
    assert root not in (*found.anchors, *found.timestamp_anchors)
    told = check(world.deps).trust
    assert not told.is_ok
    assert "lain.pem; move each into its folder signer or timestamp" in told.detail


# ---- the server key


def with_totp(world: World) -> str:
    import pyotp

    actor = world.actor(SIGNER)
    secret = second_factor.begin_enrolment(world.deps, SIGNER).secret
    code = pyotp.TOTP(secret).at(world.deps.clock.now())
    second_factor.confirm_enrolment(world.deps, actor, secret, code)
    return secret


def under_new_key(world: World, key: bytes) -> World:
    settings = world.deps.settings
    assert keystore.load_server_key(settings) == key
    pki = keystore.load_or_create_pki(settings, key, world.deps.clock.now())
    return replace(world, deps=replace(world.deps, server_key=key, pki=pki))


def seed_of(world: World) -> bytes:
    with world.deps.db.read_session() as session:
        person = session.scalars(select(Person).where(Person.username == SIGNER)).one()
    return vault.open_secret(
        person.totp_secret or b"", world.deps.server_key, second_factor.totp_purpose(person.public_id))


def test_after_a_rotation_the_new_key_opens_everything_and_the_old_one_nothing(world: World) -> None:
    give_certificates(world, SIGNER, "sekda")
    secret = with_totp(world)
    new_key = secrets.token_bytes(32)
    assert credentials.rotate_server_key(world.deps, new_key) == 5
    moved = under_new_key(world, new_key)
    assert seed_of(moved) == secret.encode()
    assert moved.deps.pki.root_pem == world.deps.pki.root_pem
    opens(moved, username="sekda")
    with pytest.raises(WrongServerKey):
        seed_of(world)
    with pytest.raises(CredentialUnusable):
        opens(world, username="sekda")


class Crash(Exception):
    pass


@pytest.mark.parametrize("where", ["write_pki_under", "adopt_server_key"])
def test_a_rotation_that_crashed_can_be_repeated(world: World, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    give_certificates(world, SIGNER)
    new_key = secrets.token_bytes(32)
    real = getattr(key_rotation, where)

    def crash(*args: Any) -> None:
        if where == "write_pki_under":
            real(*args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(key_rotation, where, crash)
        with pytest.raises(Crash):
            credentials.rotate_server_key(world.deps, new_key)
    settings = world.deps.settings
    old_key = keystore.load_server_key(settings)
    assert old_key == world.deps.server_key
    keystore.load_or_create_pki(settings, old_key, world.deps.clock.now())  # the service still starts
    credentials.rotate_server_key(world.deps, new_key)
    opens(under_new_key(world, new_key))


def test_what_opens_under_neither_key_stops_the_rotation_and_nothing_changes(world: World) -> None:
    give_certificates(world, SIGNER, "sekda")
    with world.deps.db.unit_of_work() as session:
        last = session.scalars(select(Credential).order_by(Credential.id.desc()).limit(1)).one()
        last.key_envelope = (last.key_envelope or b"")[:-1] + b"\0"
    with pytest.raises(key_rotation.SealedOtherwise):
        credentials.rotate_server_key(world.deps, secrets.token_bytes(32))
    assert keystore.load_server_key(world.deps.settings) == world.deps.server_key
    opens(world)


@pytest.mark.parametrize("key", [b"short", b""])
def test_a_new_key_must_be_one(world: World, key: bytes) -> None:
    with pytest.raises(InvalidInput):
        credentials.rotate_server_key(world.deps, key)
    with pytest.raises(InvalidInput):
        credentials.rotate_server_key(world.deps, world.deps.server_key)
