"""Administration by its pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask

from svc.deps import Deps
from svc.services import directory, people
from tests.support.statements import counted
from tests.support.world import PASSWORD, World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]
NEW = {"name": "Sari Contoh Utami, S.E.", "username": "Sari.Utami", "email": "sari@nusamandala.example",
       "nip": "19000101 198003 1 099", "rank": "Penata, III/c"}
PASSPHRASE = "delman hias di alun-alun"


def person_id(deps: Deps, username: str) -> str:
    found = directory.list_people(deps, username).items
    return next(item.public_id for item in found if item.username == username)


def position_id(deps: Deps, code: str) -> str:
    return next(one.public_id for one in directory.list_positions(deps) if one.code == code)


def test_a_new_person_sets_his_own_password_and_can_work_once_he_holds_a_position(
        log_in: LogIn, app: Flask, deps: Deps) -> None:
    admin = log_in("admin")
    page = admin.post("/admin/people/new", NEW).get_data(as_text=True)
    link = re.search(r"http://127\.0\.0\.1:8000(/activate/[^<\"]+)", page)
    assert link, page

    newcomer = Visitor(app.test_client())
    assert "sari.utami" in newcomer.get(link.group(1)).get_data(as_text=True)
    assert newcomer.post(link.group(1), {"new": "pendek", "repeated": "pendek"}).status_code == 422
    chosen = {"new": "kuda lumping naik delman", "repeated": "kuda lumping naik delman"}
    assert newcomer.post(link.group(1), chosen).status_code == 302
    assert newcomer.get("/account").status_code == 200
    assert newcomer.get("/inbox").status_code == 403, "no position yet"
    assert Visitor(app.test_client()).get(link.group(1)).status_code == 404, "the link works once"

    found = person_id(deps, "sari.utami")
    given = {"position": position_id(deps, "BKD.ANALIS-2"), "capacity": "definitive", "valid_from": "2026-11-24"}
    taken = admin.post(f"/admin/people/{found}/holdings", given)
    assert taken.status_code == 422
    assert "dipegang Kartika Contoh Dewi sejak 1 Januari 2024" in taken.get_data(as_text=True)
    acting = given | {"capacity": "plh", "instrument": "Surat Perintah contoh"}
    assert admin.post(f"/admin/people/{found}/holdings", acting).status_code == 302
    assert newcomer.get("/inbox").status_code == 200
    assert "Plh. Pengelola Kepegawaian" in newcomer.get("/inbox").get_data(as_text=True)


@pytest.mark.parametrize(("change", "words"), [
    ({"name": " "}, "Wajib diisi."),
    ({"username": "A"}, "paling sedikit 3 karakter"),
    ({"username": "analis"}, "Nama pengguna ini sudah dipakai."),
    ({"email": "bukan surel"}, "Alamat surel tidak dapat dibaca."),
    ({"email": "ANALIS@nusamandala.example"}, "sudah dipakai akun lain"),
    ({"nip": "123"}, "NIP terdiri atas 18 angka."),
    ({"nip": "190001011980031003"}, "sudah terdaftar"),
])
def test_what_is_wrong_with_a_person_is_told_at_its_field(log_in: LogIn, change: dict[str, str], words: str) -> None:
    answer = log_in("admin").post("/admin/people/new", NEW | change)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert "Penata, III/c" in page, "what was typed is kept"


def test_a_deactivated_person_is_out_at_once(log_in: LogIn, deps: Deps) -> None:
    admin, clerk = log_in("admin"), log_in("analis")
    assert clerk.get("/inbox").status_code == 200
    found = directory.load_person(deps, person_id(deps, "analis"))
    same = {"name": found.name, "username": found.username, "email": found.email, "nip": found.nip or "",
            "rank": found.rank or ""}
    assert admin.post(f"/admin/people/{found.public_id}/edit", same).status_code == 302
    assert clerk.get("/inbox").status_code == 302
    assert clerk.log_in("analis").status_code == 401


def test_the_last_administrator_cannot_remove_himself(log_in: LogIn, deps: Deps) -> None:
    admin = log_in("admin")
    me = directory.load_person(deps, person_id(deps, "admin"))
    same = {"name": me.name, "username": me.username, "email": me.email, "nip": me.nip or "", "rank": me.rank or ""}
    ways = [
        (f"/admin/people/{me.public_id}/edit", same),
        (f"/admin/holdings/{me.holdings[0].public_id}/end", {"valid_to": "2027-05-01"}),
        (f"/admin/positions/{position_id(deps, 'ADMIN')}",
         {"code": "ADMIN", "title": "Administrator", "unit": directory.unit_tree(deps)[0].public_id,
          "is_active": "true"}),
    ]
    for path, data in ways:
        answer = admin.post(path, data)
        assert answer.status_code == 409, path
        assert "tidak ada lagi administrator" in answer.get_data(as_text=True)
    assert admin.get("/admin/people").status_code == 200


def test_a_lost_phone_is_helped_by_the_administrator(log_in: LogIn, deps: Deps) -> None:
    official = log_in("kabid")
    shown = re.search(r'data-copy="([A-Z2-7]{32})"', official.get("/account/second-factor").get_data(as_text=True))
    assert shown
    secret = shown.group(1)
    code = pyotp.TOTP(secret).at(int(deps.clock.now().timestamp()))
    assert official.post("/account/second-factor", {"code": code, "password": PASSWORD}).status_code == 302

    found = person_id(deps, "kabid")
    assert log_in("admin").post(f"/admin/people/{found}/second-factor").status_code == 302
    assert official.get("/inbox").status_code == 302, "open sessions end"
    assert official.log_in("kabid").status_code == 302
    assert official.get("/inbox").status_code == 200


def test_a_reset_password_is_useless_until_the_link_is_used(log_in: LogIn, app: Flask, deps: Deps) -> None:
    clerk = log_in("analis")
    page = log_in("admin").post(f"/admin/people/{person_id(deps, 'analis')}/password").get_data(as_text=True)
    assert clerk.get("/inbox").status_code == 302
    assert clerk.log_in("analis").status_code == 401
    path = re.search(r"(/activate/[^<\"]+)", page)
    assert path
    chosen = {"new": "kuda lumping naik delman", "repeated": "kuda lumping naik delman"}
    assert Visitor(app.test_client()).post(path.group(1), chosen).status_code == 302


@pytest.mark.parametrize("broken", ["x", "a.b", "W10.", "WyJhIiwxLDFd.AAAA"])
def test_a_made_up_link_opens_nothing(visitor: Visitor, world: World, broken: str) -> None:
    assert visitor.get(f"/activate/{broken}").status_code == 404


def test_units_form_a_tree_without_circles(log_in: LogIn, deps: Deps) -> None:
    admin = log_in("admin")
    ids = {node.code: node.public_id for node in directory.unit_tree(deps)}
    new = {"code": "bkd-arsip", "name": "Subbagian Arsip", "parent": ids["BKD"], "is_active": "true"}
    assert admin.post("/admin/units/new", new).status_code == 302
    tree = [(node.code, node.depth) for node in directory.unit_tree(deps)]
    assert tree.index(("BKD-ARSIP", 2)) > tree.index(("BKD", 1))

    circle = {"code": "BKD", "name": "Badan", "parent": ids["BKD-MUTASI"], "is_active": "true"}
    answer = admin.post(f"/admin/units/{ids['BKD']}", circle)
    assert answer.status_code == 422
    assert "di bawah dirinya sendiri" in answer.get_data(as_text=True)
    assert admin.post("/admin/units/new", new).status_code == 422, "the code is taken"
    orphan = {"code": "LAIN", "name": "Lain", "is_active": "true"}
    assert admin.post("/admin/units/new", orphan).status_code == 422


def test_roles_follow_from_the_position(log_in: LogIn, deps: Deps) -> None:
    admin, clerk = log_in("admin"), log_in("analis")
    assert clerk.get("/metrics").status_code == 403
    unit = next(node for node in directory.unit_tree(deps) if node.code == "BKD-MUTASI")
    changed = {"code": "BKD.ANALIS-1", "title": "Analis Kepegawaian", "unit": unit.public_id, "is_active": "true",
               "superior": position_id(deps, "BKD.KASUBBID-KGB"), "roles": ["bureau", "clerk"]}
    assert admin.post(f"/admin/positions/{position_id(deps, 'BKD.ANALIS-1')}", changed).status_code == 302
    assert clerk.get("/metrics").status_code == 200


def test_a_signer_makes_and_keeps_his_certificate_himself(log_in: LogIn, deps: Deps) -> None:
    signer, admin = log_in("kepala"), log_in("admin")
    assert "belum memiliki sertifikat" in signer.get("/account/certificates").get_data(as_text=True)
    typed = {"password": PASSWORD, "passphrase": PASSPHRASE, "repeated": PASSPHRASE}
    for mistake in ({"repeated": "lain sekali"}, {"password": "bukan kata sandi akun"}, {"password": ""}):
        wrong = signer.post("/account/certificates/issue", typed | mistake)
        assert wrong.status_code == 422
        assert PASSPHRASE not in wrong.get_data(as_text=True)
    assert "belum memiliki sertifikat" in signer.get("/account/certificates").get_data(as_text=True)
    made = signer.post("/account/certificates/issue", typed)
    assert made.status_code == 302
    page = signer.get("/account/certificates").get_data(as_text=True)
    credential = re.search(r"certificates/([\w-]{22})/passphrase", page)
    assert credential

    change = f"/account/certificates/{credential.group(1)}/passphrase"
    other = {"old": "bukan yang benar", "passphrase": PASSPHRASE + "!", "repeated": PASSPHRASE + "!"}
    assert signer.post(change, other).status_code == 403
    deps.clock.advance(minutes=2)  # type: ignore[attr-defined]
    assert signer.post(change, other | {"old": PASSPHRASE}).status_code == 302

    assert "Fajar Contoh Nugraha" in admin.get("/admin/certificates").get_data(as_text=True)
    revoke = f"/admin/certificates/{credential.group(1)}/revoke"
    assert admin.post(revoke, {"revocation_reason": ""}).status_code == 422
    assert admin.post(revoke, {"revocation_reason": "key_compromise"}).status_code == 302
    assert "Dicabut" in admin.get("/admin/certificates").get_data(as_text=True)
    assert log_in("analis").get("/account/certificates").status_code == 403


def test_a_token_is_shown_once_and_opens_the_api_until_revoked(log_in: LogIn, app: Flask) -> None:
    bureau = log_in("biro")
    assert bureau.post("/admin/tokens", {"name": "", "valid_days": "0"}).status_code == 422
    page = bureau.post("/admin/tokens", {"name": "Dasbor", "scopes": "metrics:read", "valid_days": "30"})
    secret = re.search(r"paraf_[\w-]{43}", page.get_data(as_text=True))
    assert secret
    listed = bureau.get("/admin/tokens").get_data(as_text=True)
    assert secret.group(0) not in listed
    caller = app.test_client()
    asked = {"Authorization": f"Bearer {secret.group(0)}"}
    assert caller.get("/api/v1/metrics", headers=asked).status_code == 200
    revoke = re.search(r"/admin/tokens/[\w-]+/revoke", listed)
    assert revoke
    bureau.post(revoke.group(0))
    assert caller.get("/api/v1/metrics", headers=asked).status_code == 401


@pytest.mark.parametrize("path", ["/admin/people", "/admin/people?q=Kepala", "/admin/people/new", "/admin/units",
                                  "/admin/units/new", "/admin/positions", "/admin/positions/new",
                                  "/admin/certificates", "/admin/tokens", "/notices", "/account"])
def test_every_page_opens_with_few_statements(log_in: LogIn, deps: Deps, path: str) -> None:
    admin = log_in("admin")
    with counted(deps.db) as statements:
        assert admin.get(path).status_code == 200
    assert len(statements) <= 8, statements


def test_people_are_found_by_name_nip_and_position_and_paged(log_in: LogIn, world: World, deps: Deps) -> None:
    by_name = directory.list_people(deps, "Fajar").items
    assert [item.name for item in by_name] == ["Fajar Contoh Nugraha"]
    assert [item.username for item in directory.list_people(deps, "1900010119800310 06").items] == ["kepala"]
    assert "Loket" in directory.list_people(deps, "petugas loket").items[0].positions[0]
    assert directory.list_people(deps, "100%").items == ()

    admin = log_in("admin")
    by = world.actor("admin")
    for number in range(60):
        people.create_person(deps, by, people.PersonInput(
            f"Zeta Contoh {number:02d}", f"zeta{number:02d}", f"zeta{number:02d}@nusamandala.example"))
    first = directory.list_people(deps)
    second = directory.list_people(deps, "", first.next_cursor)
    names = [item.name for item in (*first.items, *second.items)]
    assert names == sorted(names)
    assert len(set(names)) == len(names) == 60 + 17
    assert second.next_cursor == ""
    back = directory.list_people(deps, "", second.prev_cursor)
    assert back.items == first.items
    assert back.prev_cursor == ""
    assert admin.get(f"/admin/people?cursor={first.next_cursor}").status_code == 200
