"""Default deny: every route states its policy, and the policy holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from svc.roles import PERMISSIONS, Role
from svc.security import Policy, policy_of
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]

# What anybody on the network may call. A new line here is a decision.
PUBLIC = {
    "home.index", "home.health", "home.static", "home.favicon", "auth.login", "auth.enter", "auth.set_locale",
    "account.activate", "account.set_first_password",
    "verify.by_code", "verify.first_page", "verify.download", "verify.upload", "verify.check", "verify.find",
    "verify.decree_report", "verify.file_report", "api.verify_code", "api.verify_file",
    "pki.show", "pki.root_certificate", "pki.issuing_certificate", "pki.root_list", "pki.issuing_list",
    "pki.ask_status", "pki.answer_status", "pki.answer_timestamp",
}
# Programs of others post here, without a form: nothing is changed by it.
PROTOCOLS = {"pki.answer_status", "pki.answer_timestamp", "api.verify_file"}
# A person for each role alone, by user name in the demo province.
PEOPLE = {"clerk": "analis", "official": "kabid", "signer": "kepala", "bureau": "biro", "admin": "admin"}


def routes(app: Flask) -> Iterator[tuple[Rule, str, Policy]]:
    for rule in app.url_map.iter_rules():
        policy = policy_of(app.view_functions[rule.endpoint])
        assert policy is not None, f"{rule.endpoint} states no policy"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, policy


def address(rule: Rule) -> str:
    """A path of that rule with something in the place of each argument."""
    path = re.sub("<int:[a-z_]+>", "1", str(rule.rule))
    return path.replace("<path:filename>", "favicon.svg").translate(str.maketrans("<>", "xx"))


def call(person: Visitor, method: str, path: str) -> int:
    answer = person.get(path) if method == "GET" else person.client.open(
        path, method=method, data={"csrf_token": person.token()})
    return answer.status_code


def test_every_route_states_its_policy(app: Flask) -> None:
    assert len(list(routes(app))) > 50


def test_the_public_routes_are_these(app: Flask) -> None:
    public = {rule.endpoint for rule, _method, policy in routes(app) if policy.kind == "public"}
    assert public == PUBLIC


def test_only_protocols_are_asked_without_a_token(app: Flask) -> None:
    posts = {rule.endpoint for rule, method, policy in routes(app) if policy.name == "protocol" and method != "GET"}
    assert posts == PROTOCOLS


def test_nobody_gets_in_without_logging_in(app: Flask, visitor: Visitor) -> None:
    for rule, method, policy in routes(app):
        if policy.kind == "public":
            continue
        status = call(visitor, method, address(rule))
        if policy.kind == "bearer":
            assert status == 401, rule
        elif method == "GET":
            assert status == 302, rule
            assert visitor.last is not None
            assert visitor.last.headers["Location"].startswith("/login?next="), rule
        else:
            assert status == 401, rule


@pytest.mark.parametrize("role", PEOPLE)
def test_the_wrong_role_is_turned_away(app: Flask, log_in: LogIn, world: World, role: str) -> None:
    username = PEOPLE[role]
    person, roles = log_in(username), world.actor(username).roles
    tried = 0
    for rule, method, policy in routes(app):
        if policy.kind != "permission" or PERMISSIONS[policy.name] & roles:
            continue
        tried += 1
        assert call(person, method, address(rule)) == 403, rule
    assert tried > 0 or role == "admin"


def test_a_view_without_a_policy_is_refused(app: Flask, log_in: LogIn) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = log_in("admin").get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.get_data(as_text=True)


def test_a_post_without_the_token_changes_nothing_and_says_so(log_in: LogIn, world: World) -> None:
    person = log_in("analis")
    answer = person.client.post("/account/profile", data={"email": "lain@contoh.example", "locale": "en"})
    assert answer.status_code == 400
    assert "terlalu lama terbuka" in answer.get_data(as_text=True)
    assert world.actor("analis").locale == "id"


def test_all_posts_demand_the_token(app: Flask, log_in: LogIn) -> None:
    person = log_in("admin")
    for rule, method, policy in routes(app):
        if method == "GET" or policy.kind == "bearer" or rule.endpoint in PROTOCOLS:
            continue
        if policy.kind == "permission" and Role.ADMIN not in PERMISSIONS[policy.name]:
            continue
        assert person.client.open(address(rule), method=method).status_code == 400, rule
