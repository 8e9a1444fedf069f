"""Rules of the house that an import contract cannot say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pydantic import SecretStr

from svc.settings import PREFIX, Settings, SettingsError

ROOT = Path(__file__).parents[2]
PACKAGES = ("svc", "workflows", "certs", "templates")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 420


def calls(path: Path) -> list[tuple[str, int]]:
    """Names of attributes that are called in a file, with their lines."""
    tree = ast.parse(path.read_text("utf-8"))
    return [(node.func.attr, node.lineno) for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]


@pytest.mark.parametrize("name", ["commit", "rollback"])
def test_transactions_end_in_one_file_only(name: str) -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for called, line in calls(path)
             if called == name and path != ROOT / "svc" / "db.py"]
    assert found == []


def test_the_clock_is_read_by_its_adapter_only() -> None:
    allowed = {ROOT / "svc" / "adapters" / "clock.py"}
    found = [f"{path.relative_to(ROOT)}:{number}" for path in SOURCES if path not in allowed
             for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
             if re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(", line)]
    assert found == []


def test_rooms_are_small() -> None:
    found = [f"{path.relative_to(ROOT)}: {len(path.read_text('utf-8').splitlines())}" for path in SOURCES
             if "migrations/versions" not in path.as_posix()
             and len(path.read_text("utf-8").splitlines()) > LONGEST_FILE]
    assert found == []


def test_every_setting_is_documented_as_it_is() -> None:
    operations, example = (ROOT / "docs/operations.md").read_text("utf-8"), (ROOT / ".env.example").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        written = str(default).lower() if isinstance(default, bool) else str(default)
        assert f"| `{PREFIX}{name.upper()}` | " in operations
        assert str(field.description) in operations
        assert f"# {PREFIX}{name.upper()}={written}\n" in example


@pytest.mark.parametrize(("environment", "said"), [
    ({"PARAF_SCRET_KEY": "x"}, "PARAF_SCRET_KEY"),
    ({"PARAF_WEB_WORKERS": "many"}, "PARAF_WEB_WORKERS"),
    ({"PARAF_ENV": "production"}, "server_key"),
    ({"PARAF_STORE": "s3"}, "s3_endpoint"),
    ({"PARAF_MAIL": "smtp"}, "smtp_host"),
    ({"PARAF_BASE_URL": "paraf.example"}, "http"),
])
def test_wrong_settings_are_refused_by_name(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(environment, env_file=None)


def test_sound_production_settings_are_taken() -> None:
    settings = Settings.from_env({
        "PARAF_ENV": "production", "PARAF_BASE_URL": "https://paraf.example", "PARAF_SECRET_KEY": "k" * 32,
        "PARAF_SERVER_KEY": "A" * 44, "PARAF_RATE_LIMIT_STORAGE": "redis://redis/0"}, env_file=None)
    assert settings.is_production
    assert "k" * 32 not in repr(settings)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True,
                   capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_runs_and_no_key(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("svc/static/vendor/MANIFEST.toml", "svc/migrations/versions/0001_the_first_schema.py", "wsgi.py",
                   "templates/html/base.html", "templates/decrees/kgb/template.typ", "templates/email/notice.txt",
                   "templates/reports/verification/report.typ",
                   "workflows/definitions/kgb.toml", "workflows/data/calendar.toml", "svc/metrics/catalogue.toml",
                   "svc/translations/en/LC_MESSAGES/messages.mo"):
        assert needed in names
    assert any(name.startswith("templates/fonts/") for name in names)
    assert [name for name in names if name.endswith((".key", ".p12", ".pfx", ".pem", ".db"))] == []
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {*PACKAGES, "wsgi.py"}


def test_no_private_key_is_in_the_tree() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if not tracked:
        pytest.fail("not a git checkout")
    found = [name for name in tracked if (ROOT / name).is_file() and "/vendor/" not in name
             and b"-----BEGIN PRIVATE KEY" + b"-----" in (ROOT / name).read_bytes()]
    assert found == []
