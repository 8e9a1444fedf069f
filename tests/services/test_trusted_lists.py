"""Trusted lists: authorities that are granted now are taken in, each for one purpose, and leave with a later issue."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from certs.ca import (
    DevelopmentPki,
    SignerSubject,
    create_development_pki,
    generate_signer_key,
    issue_signer_certificate,
)
from svc.bootstrap import Ready
from svc.cli import cli
from svc.commands import trust as trust_command
from svc.errors import InvalidInput
from svc.models import AuditEvent
from svc.services import anchors, trusted_lists
from svc.services.confirmed_trust import confirmed_trust
from tests.support.clock import TUESDAY_MORNING
from tests.support.trusted_lists import QC, STAMPS, WEB, WITHDRAWN, Service, make_list, sign_list
from tests.support.world import World

NOW = TUESDAY_MORNING.replace(microsecond=0)
ISSUED, DUE = NOW - timedelta(days=3), NOW + timedelta(days=180)


@dataclass(frozen=True)
class Scheme:
    """A state's scheme: who signs its list, and authorities that may stand on it."""

    operator: DevelopmentPki
    authorities: tuple[DevelopmentPki, ...]

    @property
    def certificate(self) -> bytes:
        return self.operator.issuing.certificate.public_bytes(Encoding.PEM)

    def issue(self, services: Sequence[Service], sequence: int = 7) -> bytes:
        return sign_list(make_list(services, ISSUED, DUE, sequence), self.operator.issuing.key,
                         self.operator.issuing.certificate)


@pytest.fixture(scope="module")
def scheme() -> Scheme:
    made = partial(create_development_pki, now=NOW - timedelta(days=400))
    return Scheme(made("Pengawas Contoh"), tuple(made(f"Penyelenggara {number}") for number in range(3)))


@pytest.fixture
def full(scheme: Scheme) -> list[Service]:
    first, second, third = scheme.authorities
    leaf = issue_signer_certificate(first.issuing, SignerSubject("Contoh", "Contoh"),
                                    generate_signer_key().public_key(), NOW - timedelta(days=9))
    return [Service(first.issuing.certificate), Service(second.root.certificate, STAMPS), Service(leaf, STAMPS),
            Service(third.root.certificate, QC, WITHDRAWN), Service(third.issuing.certificate, use=WEB),
            Service(second.issuing.certificate, since="2099-01-01T00:00:00Z")]


def take(world: World, scheme: Scheme, xml: bytes, *, is_confirmed: bool = True) -> trusted_lists.ListTaken:
    return trusted_lists.take_in(world.deps, xml, scheme.certificate, is_confirmed=is_confirmed)


def test_what_is_granted_now_is_trusted_for_its_purpose_and_nothing_else_is(
    world: World, scheme: Scheme, full: list[Service]
) -> None:
    taken = take(world, scheme, scheme.issue(full))
    assert (taken.territory, taken.sequence, taken.issued_at, taken.next_update) == ("XC", 7, ISSUED, DUE)
    assert {(one.purpose, one.status, one.source) for one in taken.listed} == {
        ("signer", "confirmed", "trusted list XC, number 7"), ("timestamp", "confirmed", "trusted list XC, number 7")}
    trust = confirmed_trust(world.deps)
    assert trust.signer == (scheme.authorities[0].issuing.certificate,)
    assert trust.timestamp == (scheme.authorities[1].root.certificate,)
    assert taken.left_out == 1  # a stamp service that is known by its own certificate
    with world.deps.db.read_session() as session:
        assert sorted(session.scalars(select(AuditEvent.type).where(AuditEvent.type.startswith("trust_anchor")))) == [
            "trust_anchor_confirmed", "trust_anchor_confirmed", "trust_anchor_offered", "trust_anchor_offered"]


def test_without_confirmation_they_are_candidates(world: World, scheme: Scheme, full: list[Service]) -> None:
    taken = take(world, scheme, scheme.issue(full), is_confirmed=False)
    assert {one.status for one in taken.listed} == {"candidate"}
    assert confirmed_trust(world.deps).signer == ()


def test_a_later_issue_withdraws_what_it_has_no_more_and_an_earlier_one_is_refused(
    world: World, scheme: Scheme, full: list[Service]
) -> None:
    own = scheme.authorities[2].root.certificate.public_bytes(Encoding.PEM)
    anchors.add(world.deps, None, own, "signer", "dari kami")
    take(world, scheme, scheme.issue(full))
    later = take(world, scheme, scheme.issue(full[1:], 8))
    assert [one.purpose for one in later.withdrawn] == ["signer"]
    assert confirmed_trust(world.deps).signer == ()
    assert len(confirmed_trust(world.deps).timestamp) == 1
    with pytest.raises(trusted_lists.ListRefused, match="number 8"):
        take(world, scheme, scheme.issue(full))
    assert [one.status for one in anchors.list_all(world.deps, None) if one.source == "dari kami"] == ["candidate"]


@pytest.mark.parametrize("spoil", ["changed", "other_operator", "unsigned", "not_xml", "empty", "entity", "wrapped"])
def test_a_list_that_its_operator_did_not_sign_so_changes_nothing(
    world: World, scheme: Scheme, full: list[Service], spoil: str
) -> None:
    signed = scheme.issue(full)
    other = scheme.authorities[0].issuing
    unsigned = make_list(full, ISSUED, DUE)
    xml = {
        "changed": signed.replace(b"Layanan Contoh", b"Layanan Cantoh", 1),
        "other_operator": sign_list(unsigned, other.key, other.certificate),
        "unsigned": unsigned,
        "not_xml": b"%PDF-1.7 bukan daftar",
        "empty": b"",
        "entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "wrapped": b"<a>" + re.sub(rb"^<\?xml[^>]*\?>", b"", signed) + unsigned.split(b"?>", 1)[1] + b"</a>",
    }[spoil]
    with pytest.raises(trusted_lists.ListRefused) as refused:
        take(world, scheme, xml)
    said = {"not_xml": "it is no XML", "unsigned": "it bears no XML signature", "changed": "not that of this operator"}
    assert said.get(spoil, "") in str(refused.value)
    assert anchors.list_all(world.deps, None) == ()


def test_a_list_whose_time_is_over_is_refused(world: World, scheme: Scheme, full: list[Service]) -> None:
    old = sign_list(make_list(full, ISSUED, NOW - timedelta(hours=1)),
                    scheme.operator.issuing.key, scheme.operator.issuing.certificate)
    with pytest.raises(trusted_lists.ListRefused, match="next issue was due"):
        take(world, scheme, old)


def test_the_operator_is_one_certificate(world: World, scheme: Scheme, full: list[Service]) -> None:
    with pytest.raises(InvalidInput):
        trusted_lists.take_in(world.deps, scheme.issue(full), b"tanpa sertifikat", is_confirmed=True)
    with pytest.raises(InvalidInput):
        trusted_lists.take_in(world.deps, scheme.issue(full), scheme.certificate * 2, is_confirmed=True)


def test_the_command_says_what_came_of_it(
    world: World, scheme: Scheme, full: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in os.environ if one.startswith("PARAF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(trust_command, "prepare", lambda _settings: Ready(world.deps, (), is_new=False))
    (tmp_path / "daftar.xml").write_bytes(scheme.issue(full))
    (tmp_path / "pengawas.pem").write_bytes(scheme.certificate)
    words = ["trust", "import-list", str(tmp_path / "daftar.xml"), "--operator", str(tmp_path / "pengawas.pem")]
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == 0, said.output
    assert "XC, number 7" in said.output
    assert "2 listed, 0 withdrawn, 1 left out" in said.output
    assert "paraf trust confirm" in said.output
    (tmp_path / "daftar.xml").write_bytes(b"<kosong/>")
    refused = CliRunner().invoke(cli, words)
    assert isinstance(refused.exception, trusted_lists.ListRefused)
