"""compose.yaml and the Kubernetes manifests: valid by their schemas, true to settings and commands, without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from svc.cli import cli
from svc.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests/data/schemas"
MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
PINNED = re.compile(r"[\w./-]+:(?!latest)[\w.-]*\d[\w.-]*")
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {"PARAF_DOMAIN"}  # the proxy's own


@cache
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


@cache
def objects() -> list[Any]:
    return [one for path in MANIFESTS if path.name != "kustomization.yaml"
            for one in yaml.safe_load_all(path.read_text("utf-8"))]


def pods() -> Iterator[tuple[str, Any]]:
    for one in objects():
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def values_in(part: Any) -> Iterator[tuple[str, str]]:
    """All pairs of a name and a text in a document."""
    if isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, str):
                yield name, value
            yield from values_in(value)
        if isinstance(part.get("name"), str) and isinstance(part.get("value"), str):
            yield part["name"], part["value"]
    elif isinstance(part, list):
        for one in part:
            yield from values_in(one)


def test_compose_is_valid() -> None:
    schema = json.loads((SCHEMAS / "compose.json").read_text("utf-8"))
    validator = Draft202012Validator if "2020" in schema["$schema"] else Draft7Validator
    assert [error.message for error in validator(schema).iter_errors(compose())] == []


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_valid(path: Path) -> None:
    known = json.loads((SCHEMAS / "kubernetes.json").read_text("utf-8"))
    for one in yaml.safe_load_all(path.read_text("utf-8")):
        if one["kind"] == "Kustomization":
            names = {other.name for other in MANIFESTS} - {path.name, "secrets.example.yaml"}
            assert set(one["resources"]) == names
            continue
        schema = known["kinds"][f"{one['apiVersion']} {one['kind']}"] | {"$defs": known["definitions"]}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(one)] == []


def test_every_variable_is_a_setting() -> None:
    given = {name for part in (compose(), *objects()) for name, _ in values_in(part) if name.startswith(PREFIX)}
    assert given - KNOWN == set()
    assert {"PARAF_ENGINE", "PARAF_BROKER_URL", "PARAF_SERVER_KEY"} <= given


def test_commands_exist() -> None:
    commands = [service["command"] for service in compose()["services"].values()
                if str(service.get("image", "")).startswith("paraf:")]
    commands += [container["command"] for _, pod in pods() for container in pod["containers"]]
    assert {command[1] for command in commands} == {"web", "worker", "batch-worker", "signing-host", "migrate"}
    assert {command[0] for command in commands} == {"paraf"}
    assert all(command[1] in cli.commands for command in commands)


def test_images_are_pinned() -> None:
    images = [service["image"] for service in compose()["services"].values()]
    images += [container["image"] for _, pod in pods() for container in pod["containers"]]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert [image for image in images if not PINNED.fullmatch(image)] == []


def test_every_process_is_watched_and_may_do_little() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert name == "migrate" or "healthcheck" in service, name
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert name == "migrate" or {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_no_secret_stands_in_them() -> None:
    secret = {f"{PREFIX}{name.upper()}" for name, field in Settings.model_fields.items()
              if "SecretStr" in str(field.annotation)} | {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "MINIO_ROOT_PASSWORD"}
    for part in (compose(), *objects()):
        for name, value in values_in(part):
            if name in secret or name in {"PARAF_DATABASE_URL", "PARAF_RATE_LIMIT_STORAGE", "tls.key"}:
                assert not value or "${" in value, name
    example = (ROOT / "deploy/paraf.env.example").read_text("utf-8")
    assert [line for line in example.splitlines() if re.search(r"^\w+=.", line)] == []


def test_only_web_and_batch_workers_reach_the_signing_host() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in objects() if one["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["signing-host"]["ingress"]
    (source,) = rule["from"]
    components = next(one for one in source["podSelector"]["matchExpressions"]
                      if one["key"] == "app.kubernetes.io/component")
    assert components["values"] == ["web", "batch-worker"]
