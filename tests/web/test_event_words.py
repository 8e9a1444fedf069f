"""Every event that a decree's or a batch's history may show has words, so that nobody reads a raw name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

import svc
from svc.blueprints.batches.words import event_titles as batch_titles
from svc.blueprints.view import event_titles as decree_titles
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


def test_every_event_of_a_batch_has_words(app: Flask) -> None:
    recorded = _recorded(SERVICES / "batches", "record")
    assert {"sheet_uploaded", "batch_withdrawn", "row_dropped"} <= recorded
    with app.test_request_context():
        assert recorded - set(batch_titles()) == set()
