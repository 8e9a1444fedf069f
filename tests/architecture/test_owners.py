"""Each library has one owner, and adapters are built in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("svc", "workflows", "certs", "templates")
                 for path in (ROOT / package).rglob("*.py"))
OWNERS = {
    "pyhanko": "certs/", "pyhanko_certvalidator": "certs/", "minio": "svc/adapters/s3_store.py",
    "typst": ("svc/adapters/renderer.py", "svc/adapters/typesetting.py"),
    "flask_login": "svc/security.py", "flask_limiter": "svc/limits.py",
    "flask_babel": "svc/", "smtplib": "svc/adapters/mailers.py", "argon2": "svc/services/passwords.py",
    "pyotp": "svc/services/second_factor.py", "gunicorn": "svc/server.py", "alembic": "svc/migrat",
    # The simulator stands for a service elsewhere, which finds its marks in the text with a parser of its own.
    "pypdfium2": ("svc/cage/drawing.py", "svc/simulators/bsre_marks.py"),
    "openpyxl": "svc/sheets_xlsx.py", "xlsxwriter": "svc/sheets_write.py",
    "celery": "svc/adapters/celery_engine.py", "kombu": "svc/adapters/celery_engine.py",
    "redis": "nowhere: Flask-Limiter talks to it",
}


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def users_of(module: str) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in SOURCES
            if any(name == module or name.startswith(f"{module}.") for name in imports(path))]


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_used_by_its_owner_only(library: str) -> None:
    assert [user for user in users_of(library) if not user.startswith(OWNERS[library])] == []


@pytest.mark.parametrize("adapter", ["clock", "local_store", "s3_store", "mailers", "renderer", "tsa_client",
                                     "celery_engine", "embedded_engine"])
def test_adapters_are_built_in_the_composition_root_only(adapter: str) -> None:
    users = users_of(f"svc.adapters.{adapter}")
    assert "svc/deps.py" in users
    assert set(users) <= {"svc/deps.py", "svc/bootstrap.py"}


def test_the_store_of_keys_is_known_to_few() -> None:
    assert set(users_of("svc.adapters.keystore")) <= {
        "svc/deps.py", "svc/bootstrap.py", "svc/app.py", "svc/services/key_rotation.py",
        "svc/services/pki_renewal.py"}


def test_views_open_no_transaction() -> None:
    found = [f"{path.name}:{node.lineno}" for path in (ROOT / "svc" / "blueprints").glob("*.py")
             for node in ast.walk(ast.parse(path.read_text("utf-8")))
             if isinstance(node, ast.Attribute) and node.attr in {"unit_of_work", "read_session", "db"}]
    assert found == []


def test_below_the_web_nobody_asks_for_the_current_user() -> None:
    below = [path for path in SOURCES if path.is_relative_to(ROOT / "svc" / "services")
             or path.is_relative_to(ROOT / "svc" / "metrics") or path.is_relative_to(ROOT / "svc" / "adapters")]
    found = [path.relative_to(ROOT).as_posix() for path in below
             if any(name.split(".")[0] in {"flask", "werkzeug", "flask_login"} for name in imports(path))]
    assert found == []
