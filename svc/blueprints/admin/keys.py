"""Keys that lie elsewhere, registered for a person: security module, CSC service, BSrE. No key passes through here."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import Page, bp, text
from svc.error_pages import translate, translated_fields
from svc.errors import AppError, Conflict, CredentialUnusable, InvalidInput, ServiceUnavailable
from svc.limits import limited
from svc.security import current_actor, deps, requires
from svc.services import certificate_names, directory, key_registration, provability, token_keys
from svc.services.certificate_names import NamesAnother
from svc.services.key_registration import FoundCertificate, KeyHost
from svc.services.token_keys import NotSetUp

_REFUSALS = (InvalidInput, CredentialUnusable, Conflict, ServiceUnavailable)
_OK = 200


@dataclass(frozen=True)
class MadeRequest:
    """A certification request to take away: its text, and the same as the address of a link."""

    pem: str
    href: str
    file_name: str


@bp.get("/people/<person_id>/keys")
@requires("admin.certificates")
def keys(person_id: str) -> str:
    """Where the key lies: one of those that the operator has set up."""
    person = directory.load_person(deps(), person_id)
    return render_template("admin/keys.html", person=person, hosts=key_registration.key_hosts(deps()))


@bp.get("/people/<person_id>/keys/token")
@requires("admin.certificates")
def token_key(person_id: str) -> str:
    """The forms for a key in the security module."""
    return _token_page(person_id)[0]


@bp.post("/people/<person_id>/keys/token/request")
@requires("admin.certificates")
@limited("10 per minute")
def request_token_certificate(person_id: str) -> Page:
    """Make a key (or use one that is there) and show its certification request."""
    directory.load_person(deps(), person_id)
    kind = "" if text("kind") == "existing" else text("kind") or "?"
    try:
        pem = token_keys.request_certificate(deps(), current_actor(), text("token"), text("label"), _pin(),
                                             text("name"), text("organisation"), kind)
    except _REFUSALS as error:
        return _token_page(person_id, error, "request")
    return _token_page(person_id, made=_to_take_away(pem, text("label")))


@bp.post("/people/<person_id>/keys/token")
@requires("admin.certificates")
@limited("10 per minute")
def register_token_key(person_id: str) -> Response | Page:
    """Keep token, label and certificate."""
    try:
        made = key_registration.register_token_key(deps(), current_actor(), person_id, text("token"), text("label"),
                                                   _certificates(), _pin(), accepts_name=_accepts_name())
    except _REFUSALS as error:
        return _token_page(person_id, error, "register")
    return _registered(person_id, made)


@bp.get("/people/<person_id>/keys/remote")
@requires("admin.certificates")
def remote_key(person_id: str) -> str:
    """The form for a credential of the CSC service."""
    return _remote_page(person_id)[0]


@bp.post("/people/<person_id>/keys/remote/look-up")
@requires("admin.certificates")
@limited("20 per minute")
def look_up_remote_key(person_id: str) -> Page:
    """Show the certificate before anything is kept."""
    try:
        found = key_registration.look_up_remote(deps(), current_actor(), person_id, text("credential"))
    except _REFUSALS as error:
        return _remote_page(person_id, error)
    return _remote_page(person_id, found=found)


@bp.post("/people/<person_id>/keys/remote")
@requires("admin.certificates")
@limited("20 per minute")
def register_remote_key(person_id: str) -> Response | Page:
    """Keep the credential whose certificate was shown."""
    try:
        made = key_registration.register_remote(
            deps(), current_actor(), person_id, text("credential"), text("second_factor"), text("sha256") or "-",
            accepts_name=_accepts_name())
    except NamesAnother as error:
        found = key_registration.look_up_remote(deps(), current_actor(), person_id, text("credential"))
        return _remote_page(person_id, error, found)
    except _REFUSALS as error:
        return _remote_page(person_id, error)
    return _registered(person_id, made)


@bp.get("/people/<person_id>/keys/identity")
@requires("admin.certificates")
def identity_key(person_id: str) -> str:
    """The form for a signer of BSrE."""
    return _identity_page(person_id)[0]


@bp.post("/people/<person_id>/keys/identity")
@requires("admin.certificates")
@limited("10 per minute")
def register_identity_key(person_id: str) -> Response | Page:
    """Keep the NIK or e-mail address, sealed; it is never shown again, not even when it is refused."""
    try:
        key_registration.register_identity(deps(), current_actor(), person_id, text("identity"))
    except _REFUSALS as error:
        return _identity_page(person_id, error)
    return _registered(person_id)


def _token_page(person_id: str, error: AppError | None = None, failed: str = "",
                made: MadeRequest | None = None) -> Page:
    kinds = {"rsa2048": "RSA 2048", "rsa3072": "RSA 3072", "p256": _("Kurva P-256"), "p384": _("Kurva P-384"),
             "existing": _("Kunci yang sudah ada di token")}
    issued_to = f"Pemerintah Provinsi {deps().settings.province}"  # for the certificate, so in no other language
    return _page("admin/key_token.html", person_id, "pkcs11", error, failed=failed, made=made, kinds=kinds,
                 issued_to=issued_to)


def _remote_page(person_id: str, error: AppError | None = None, found: FoundCertificate | None = None) -> Page:
    factors = {"": _("Tidak menuntut langkah kedua"), "any": _("Kode autentikator atau kunci sandi (passkey)"),
               "totp": _("Kode autentikator"), "passkey": _("Kunci sandi (passkey)")}
    return _page("admin/key_remote.html", person_id, "csc", error, found=found, factors=factors)


def _identity_page(person_id: str, error: AppError | None = None) -> Page:
    return _page("admin/key_identity.html", person_id, "bsre", error,
                 takes_address=key_registration.takes_address(deps()))


def _page(template: str, person_id: str, backend: str, error: AppError | None, **more: object) -> Page:
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    message = translate(error) if error is not None and not fields and not isinstance(error, NotSetUp) else ""
    body = render_template(template, person=directory.load_person(deps(), person_id), host=_host(backend),
                           fields=fields, message=message, values=request.form, **more)
    return body, error.status if error is not None else _OK


def _host(backend: str) -> KeyHost:
    return next(one for one in key_registration.key_hosts(deps()) if one.backend == backend)


def _registered(person_id: str, with_certificate: str = "") -> Response:
    if with_certificate and provability.gap_of(deps(), with_certificate) is not None:
        flash(_("Kunci didaftarkan, tetapi tanda tangannya belum akan dapat dibuktikan. Baca keterangan sertifikatnya "
                "di halaman ini."), "warning")
    else:
        flash(_("Kunci didaftarkan. Periksa sertifikatnya di halaman ini.") if with_certificate else
              _("Penandatangan didaftarkan. BSrE baru memberitahukan sertifikatnya bersama tanda tangan pertama; "
                "sesudah itu periksa namanya di halaman ini."), "success")
    return redirect(url_for("admin.person", person_id=person_id))


def _to_take_away(pem: bytes, label: str) -> MadeRequest:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.") or "kunci"
    return MadeRequest(pem.decode(), f"data:application/pkcs10;base64,{base64.b64encode(pem).decode()}", f"{name}.csr")


def _accepts_name() -> bool:
    return bool(text(certificate_names.FIELD))


def _pin() -> str:
    return request.form.get("pin", "")[:1000]


def _certificates() -> bytes:
    file = request.files.get("certificate")
    return file.stream.read(key_registration.MAX_CERTIFICATES + 1) if file is not None and file.filename else b""
