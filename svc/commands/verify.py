"""``paraf verify``: check signed PDFs from the shell, for auditors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from cryptography import x509

from certs.names import shown
from certs.validation import Indication
from svc.commands import shell
from svc.deps import Deps, build_deps
from svc.errors import AppError
from svc.services import verdict_report, verification
from svc.services.finding_words import with_words
from svc.services.verdict_json import json_value
from svc.settings import Settings

_PASSED = "TOTAL-PASSED"
_LABELS = ((Indication.TOTAL_PASSED, "signed by"), (Indication.INDETERMINATE, "not proven, though it names"),
           (Indication.TOTAL_FAILED, "fails, though it names"))


def register(group: click.Group) -> None:
    """Add this command to the group."""
    group.add_command(verify)


def _read_anchors(path: Path) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
        strangers = [one.subject.rfc4514_string() for one in found if not _is_authority(one)]
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} holds no certificate in PEM", param_hint="--trust") from error
    if strangers:
        raise click.BadParameter(f"{path}: {shown(strangers[0])} is no authority's certificate; take its issuer's",
                                 param_hint="--trust")
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    """Without the extension it is an old root, or one of those that are made by hand."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.subject == certificate.issuer


def _print(verdict: verification.FileVerdict) -> None:
    """One file in a few lines, none of which is cut: names are long, and terminals narrow."""
    outcome = " / ".join(part for part in (verdict.indication, verdict.sub_indication) if part)
    click.echo(f"{shown(Path(verdict.file).name)}: {outcome}")
    told = ("registry: " + verdict.registry, *((f"number: {verdict.number}",) if verdict.number else ()),
            *((f"legal status: {verdict.legal_status}",) if verdict.legal_status else ()))
    click.echo(f"  {', '.join(told)}")
    for indication, label in _LABELS:
        names = [f"{one.signer_name} ({one.level})" if indication is Indication.TOTAL_PASSED else one.signer_name
                 for one in verdict.signatures if one.indication is indication]
        if names:
            click.echo(f"  {label}: {', '.join(names)}")
    if verdict.registry == "extends":
        click.echo(f"  the first {verdict.original_size} bytes are the register's file: {verdict.original_url}")
    click.echo(f"  {with_words(verdict.explanation, shell.in_english)}")


def _write_report(deps: Deps, file: Path, report: Path, trusted: list[x509.Certificate], language: str) -> None:
    try:
        report.write_bytes(verdict_report.for_upload(deps, file.read_bytes(), trusted, language).pdf)
    except OSError as error:
        raise click.ClickException(f"no report: {error.strerror}: {error.filename}") from error
    except AppError as error:
        raise click.ClickException(f"no report: {error.code}") from error


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of lines.")
@click.option("--trust", "anchors", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Trust this root or other authority (PEM) too, for this call only; may be given again.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.pdf",
              help="Write the outcome as a signed PDF too; with one file only.")
@click.option("--lang", "language", type=click.Choice(("id", "en")), default="id", show_default=True,
              help="Language of that PDF.")
def verify(files: tuple[Path, ...], *, as_json: bool, anchors: tuple[Path, ...], report: Path | None,
           language: str) -> None:
    """Verify signed PDFs against the register and after ETSI EN 319 102-1.

    Exit code 0 only if every file is TOTAL-PASSED.
    """
    if report is not None and (len(files) != 1 or report.resolve() == files[0].resolve()):
        raise click.UsageError("--report takes one file, and writes to another")
    trusted = [one for path in anchors for one in _read_anchors(path)]
    settings = Settings.from_env()
    if report is not None:
        shell.heed_address(settings)
    deps = build_deps(settings)
    try:
        verdicts = verification.verify_files(deps, files, trusted)
        if report is not None:
            _write_report(deps, files[0], report, trusted, language)
    finally:
        deps.cage.close()
    if as_json:
        click.echo(json.dumps(verdicts, indent=2, default=json_value))
    else:
        for verdict in verdicts:
            _print(verdict)
    sys.exit(0 if all(verdict.indication == _PASSED for verdict in verdicts) else 1)
