"""Every event that a decree's or a batch's history may show has words, so that nobody reads a raw name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from flask import Flask
from flask_babel import force_locale

import svc
from certs.authorisation import AuthorisationError
from certs.errors import CannotSign, SigningError
from certs.signers.port import BackendError
from svc.blueprints.act_words import release_titles, release_words
from svc.blueprints.batches.words import event_titles as batch_titles
from svc.blueprints.view import event_titles as decree_titles
from svc.errors import (
    CredentialLocked,
    CredentialUnusable,
    DocumentChanged,
    IntegrityViolation,
    ServiceUnavailable,
    SigningFailed,
    StepUpFailed,
    TooManyAttempts,
)
from svc.ports import SIGNING_HOST_DOWN
from svc.services import signing_steps as steps
from svc.services.reconciliation import INTERRUPTED
from tests.support.acts import begin_act
from tests.support.world import World
from tests.web.conftest import Visitor
from workflows import model

SERVICES = Path(svc.__file__).parent / "services"


def _names_given(tree: ast.Module, function: str, position: int) -> Iterator[str]:
    """The texts that calls of a function pass there: literals, constants of the module, what callers hand through."""
    constants = {target.id: node.value.value for node in tree.body
                 if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
                 and isinstance(node.value.value, str)
                 for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
                 if isinstance(target, ast.Name)}
    for outer in (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)):
        parameters = [one.arg for one in outer.args.args]
        for call in (one for one in ast.walk(outer) if isinstance(one, ast.Call)):
            if not isinstance(call.func, ast.Name) or call.func.id != function or len(call.args) <= position:
                continue
            match call.args[position]:
                case ast.Constant(value=str(text)):
                    yield text
                case ast.Name(id=name) if name in constants:
                    yield constants[name]
                case ast.Name(id=name) if name in parameters:
                    yield from _names_given(tree, outer.name, parameters.index(name))
                case ast.Attribute(attr="type"):  # an event of the engine: these name themselves
                    continue
                case other:
                    raise AssertionError(f"cannot tell which event {ast.unparse(other)} is")


def _recorded(folder: Path, function: str) -> set[str]:
    return {name for path in folder.rglob("*.py")
            for name in _names_given(ast.parse(path.read_text()), function, 2)}


def test_every_event_of_a_decree_has_words(app: Flask) -> None:
    of_engine = {str(one.type) for one in vars(model).values() if isinstance(one, type) and hasattr(one, "type")}
    recorded = _recorded(SERVICES, "record_decree") | of_engine
    assert {"signature_augmented", "signing_result_refused", "decree_uploaded", "task_opened"} <= recorded
    with app.test_request_context():
        assert recorded - set(decree_titles()) == set()


# What an act of signing may break off with, and with it whatever is derived from it: each is recorded by its code.
ENDINGS = (SigningFailed, StepUpFailed, CredentialLocked, CredentialUnusable, DocumentChanged, IntegrityViolation,
           ServiceUnavailable, TooManyAttempts, SigningError, AuthorisationError, BackendError, CannotSign)


def _codes(*roots: type[Exception]) -> set[str]:
    return {code for one in roots for code in (str(vars(one).get("code", "")), *_codes(*one.__subclasses__())) if code}


def _given_to_release() -> set[str]:
    """The texts with which acts are given back in so many words."""
    calls = [node for path in SERVICES.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "release"]
    return {str(one.value) for call in calls for one in call.args if isinstance(one, ast.Constant)}


def test_every_code_with_which_an_act_of_signing_ends_has_a_sentence_in_both_languages(app: Flask) -> None:
    codes = _codes(*ENDINGS) | _given_to_release() | {INTERRUPTED, SIGNING_HOST_DOWN, "not_tried"}
    assert {"abandoned", "step_up_failed", "wrong_code", "signed_as_another", "result_not_ours", "backend_refused",
            "authorisation_expired", "document_unsignable", "storage_unavailable"} <= codes
    said = {}
    for locale in ("id", "en"):
        with app.test_request_context(), force_locale(locale):
            said[locale] = {code: release_words(code) for code in codes | set(release_titles())}
    raw = {code for texts in said.values() for code, text in texts.items() if code in text or "%(" in text}
    assert raw == set()
    assert {code for code, text in said["id"].items() if text == said["en"][code]} == set()


def test_the_history_says_why_an_act_did_not_end(log_in: Callable[[str], Visitor], world: World) -> None:
    world.give_certificates("kepala")
    decree_id = world.walk("ready_to_sign")
    act = begin_act(world, decree_id)
    steps.mark_unknown(world.deps, act)
    signer = log_in("kepala")
    for page in (f"/decrees/{decree_id}", f"/tasks/{world.view(decree_id).open_task.task_id}"):  # type: ignore[union-attr]
        text = signer.get(page).get_data(as_text=True)
        assert "Hasil tanda tangan belum diketahui" in text
        assert "Sedang ditandatangani" not in text
    for page in ("/decrees", "/search?q=a", "/decrees.csv"):
        text = signer.get(page).get_data(as_text=True).lower()
        assert "hasil tanda tangan belum diketahui" in text, page
        assert "sedang ditandatangani</span>" not in text, page
        assert ",sedang ditandatangani," not in text, page
    assert signer.post(f"/signings/{act}/abandon").status_code == 302
    text = signer.get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert "Terhenti di tengah jalan; tidak ada tanda tangan yang ditemukan." in text
    assert ">interrupted<" not in text


def test_every_event_of_a_batch_has_words(app: Flask) -> None:
    recorded = _recorded(SERVICES / "batches", "record")
    assert {"sheet_uploaded", "batch_withdrawn", "row_dropped"} <= recorded
    with app.test_request_context():
        assert recorded - set(batch_titles()) == set()
