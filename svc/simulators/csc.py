"""A simulator of a remote signing service after CSC API v2.0.0.2: real HTTP, real keys, a simulated authority.

Its certificates chain to a development authority whose name says simulation: nobody trusts them by accident.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, Response, jsonify, request

from certs.ca import (
    DevelopmentPki,
    SignerSubject,
    generate_signer_key,
    issue_signer_certificate,
)
from svc.simulators.authority import add_lists, list_address, make_authority
from svc.simulators.csc_faults import Fault, FaultKind, FaultPlan
from svc.simulators.csc_vault import Credential, CscRefusal, CscVault, SigningKey, read_base64
from svc.simulators.serving import Door, LocalServer

METHODS = ("oauth2/token", "credentials/list", "credentials/info", "credentials/authorize", "credentials/getChallenge",
           "credentials/sendOTP", "credentials/extendTransaction", "signatures/signHash")
_CURVES = {"secp256r1": "1.2.840.10045.3.1.7", "secp384r1": "1.3.132.0.34", "secp521r1": "1.3.132.0.35"}
_ORGANISATION = "Simulasi CSC Nusa Mandala"


@dataclass
class CscAccess:
    """Who may call the service: a fixed bearer token, and an OAuth 2.0 client (RFC 6749, 4.4)."""

    client_id: str = "paraf"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    bearer_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    token_life: timedelta = timedelta(hours=1)
    _tokens: dict[str, datetime] = field(default_factory=dict, repr=False)

    def issue(self, client_id: str, client_secret: str, now: datetime) -> str:
        """An access token. :raises CscRefusal: not this client"""
        if client_id != self.client_id:
            raise CscRefusal("Invalid parameter client_id")
        if not hmac.compare_digest(client_secret.encode(), self.client_secret.encode()):
            raise CscRefusal("Invalid parameter client_secret")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = now + self.token_life
        return token

    def ensure(self, header: str, now: datetime) -> None:
        """:raises CscRefusal: no bearer token, or one that is not valid (any more)"""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise CscRefusal("Malformed authorization header")
        if hmac.compare_digest(token.encode(), self.bearer_token.encode()):
            return
        if token not in self._tokens:
            raise CscRefusal("The access token is not valid", "invalid_token", 401)
        if now >= self._tokens[token]:
            raise CscRefusal("The access token is expired or has been revoked", "expired_token", 401)


def make_credential(pki: DevelopmentPki, credential_id: str, now: datetime, key: SigningKey | None = None,
                    pin: str = "", otp: bool = False, name: str = "Penanda Tangan Simulasi", user_id: str = "simulasi",
                    valid_days: int = 365) -> Credential:
    """A credential with a certificate of the simulated authority; a new RSA key unless one is given."""
    key = key or generate_signer_key()
    subject = SignerSubject(name, _ORGANISATION, nip="190001011925010001")
    certificate = issue_signer_certificate(pki.issuing, subject, key.public_key(), now - timedelta(minutes=5),
                                           valid_days, list_address(pki))
    return Credential(credential_id, user_id, key, certificate, pki.chain, pin=pin, otp=otp)


def simulated_authority(now: datetime, base_url: str = "") -> DevelopmentPki:
    """The authority behind the simulator at that address, made anew at each start."""
    return make_authority(_ORGANISATION, now, base_url)


def create_app(vault: CscVault, authority: DevelopmentPki, access: CscAccess, faults: FaultPlan) -> Flask:
    """The service as a WSGI application; ``POST /simulator/faults`` plans a fault."""
    app = Flask("csc_simulator", static_folder=None)
    service = _Service(vault, access)

    def call(endpoint: str, work: Callable[[], Response]) -> Response:
        def guarded() -> Response:
            try:
                return work()
            except CscRefusal as refusal:
                return _refused(refusal)
        return faults.strike(endpoint, guarded)

    def method(endpoint: str, work: Callable[[Mapping[str, object]], Response]) -> None:
        def view() -> Response:
            def authorised() -> Response:
                access.ensure(request.headers.get("Authorization", ""), vault.clock())
                return work(_body())
            return call(endpoint, authorised)
        app.add_url_rule(f"/csc/v2/{endpoint}", endpoint, view, methods=["POST"])

    app.add_url_rule("/csc/v2/info", "info", lambda: call("info", service.info), methods=["POST"])
    for number, path in enumerate(("/oauth2/token", "/csc/v2/oauth2/token")):
        app.add_url_rule(path, f"token{number}", lambda: call("oauth2/token", service.token), methods=["POST"])
    method("credentials/list", service.list_credentials)
    method("credentials/info", service.credential_info)
    method("credentials/authorize", service.authorize)
    method("credentials/getChallenge", service.get_challenge)
    method("credentials/sendOTP", service.get_challenge)  # its name in API v1, still listed in v2's table 4
    method("credentials/extendTransaction", service.extend)
    method("signatures/signHash", service.sign_hash)
    add_lists(app, authority, vault.clock)
    app.add_url_rule("/simulator/faults", "faults", lambda: _plan(faults), methods=["POST"])
    return app


class _Service:
    """The methods: parameters in, JSON out."""

    def __init__(self, vault: CscVault, access: CscAccess) -> None:
        self._vault = vault
        self._access = access

    def info(self) -> Response:
        return jsonify(
            specs="2.0.0.0", name="Simulasi CSC", logo="https://example.invalid/logo.png", region="ID", lang="en-US",
            description="A simulator: its signatures prove nothing", authType=["external", "oauth2client"],
            oauth2=request.host_url.rstrip("/"), asynchronousOperationMode=False, methods=list(METHODS),
            validationInfo=False, conformance_levels=["Ades-B-B"],
            signAlgorithms={"algos": sorted({oid for one in self._vault.credentials.values()
                                             for oid in one.algorithms})},
            signature_formats={"formats": [], "envelope_properties": []})

    def token(self) -> Response:
        form, basic = request.form, request.authorization
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if basic is not None and basic.type == "basic":
            client_id, secret = basic.username or "", basic.password or ""
        if form.get("grant_type") != "client_credentials":
            raise CscRefusal("Invalid parameter grant_type")
        if not client_id:
            raise CscRefusal("Missing parameter client_id")
        token = self._access.issue(client_id, secret, self._vault.clock())
        return jsonify(access_token=token, token_type="Bearer",  # noqa: S106  # a scheme's name
                       expires_in=int(self._access.token_life.total_seconds()))

    def list_credentials(self, body: Mapping[str, object]) -> Response:
        user_id, only_valid = _text(body, "userID", required=False), bool(body.get("onlyValid"))
        names = self._vault.identifiers(user_id or None, only_valid)
        answer: dict[str, object] = {"credentialIDs": names}
        if body.get("credentialInfo"):
            answer["credentialInfos"] = [
                {"credentialID": name, **self._describe(self._vault.find(name), body)} for name in names]
        if only_valid:
            answer["onlyValid"] = True
        return jsonify(answer)

    def credential_info(self, body: Mapping[str, object]) -> Response:
        return jsonify(self._describe(self._vault.find(_text(body, "credentialID")), body))

    def authorize(self, body: Mapping[str, object]) -> Response:
        count = body.get("numSignatures")
        if not isinstance(count, int) or isinstance(count, bool):
            raise CscRefusal("Missing (or invalid type) integer parameter numSignatures")
        answers = {str(one.get("id")): str(one.get("value", "")) for one in _list(body, "authData", required=False)
                   if isinstance(one, dict)}
        sad, life = self._vault.authorize(
            _text(body, "credentialID"), count, read_base64(_list(body, "hashes", required=False)),
            _text(body, "hashAlgorithmOID", required=False), answers)
        return jsonify(SAD=sad, expiresIn=life)

    def get_challenge(self, body: Mapping[str, object]) -> Response:
        self._vault.send_code(_text(body, "credentialID"))
        return Response(status=204)

    def extend(self, body: Mapping[str, object]) -> Response:
        sad, life = self._vault.extend(
            _text(body, "credentialID"), _text(body, "SAD"), read_base64(_list(body, "hashes", required=False)),
            _text(body, "hashAlgorithmOID", required=False))
        return jsonify(SAD=sad, expiresIn=life)

    def sign_hash(self, body: Mapping[str, object]) -> Response:
        parameters = read_base64([_text(body, "signAlgoParams", required=False)])[0]
        signatures = self._vault.sign(
            _text(body, "credentialID"), _text(body, "SAD"), read_base64(_list(body, "hashes")),
            _text(body, "hashAlgorithmOID", required=False), _text(body, "signAlgo"), parameters)
        return jsonify(signatures=[base64.b64encode(one).decode() for one in signatures])

    def _describe(self, one: Credential, body: Mapping[str, object]) -> dict[str, object]:
        wanted = str(body.get("certificates", "single"))
        shown = {"none": (), "single": (one.certificate,), "chain": (one.certificate, *one.chain)}.get(wanted)
        if shown is None:
            raise CscRefusal("Invalid parameter certificates")
        certificate: dict[str, object] = {
            "status": self._vault.certificate_status(one),
            "certificates": [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in shown]}
        if body.get("certInfo"):
            subject = one.certificate
            certificate |= {
                "issuerDN": subject.issuer.rfc4514_string(), "subjectDN": subject.subject.rfc4514_string(),
                "serialNumber": f"{subject.serial_number:X}",
                "validFrom": f"{subject.not_valid_before_utc:%Y%m%d%H%M%SZ}",
                "validTo": f"{subject.not_valid_after_utc:%Y%m%d%H%M%SZ}"}
        described: dict[str, object] = {
            "description": "Simulated credential", "key": _key(one), "cert": certificate, "SCAL": str(one.scal),
            "multisign": one.multisign, "lang": "en-US", "auth": {"mode": "explicit"}}
        if body.get("authInfo"):
            described["auth"] = {"mode": "explicit", "expression": " AND ".join(one.factors),
                                 "objects": [_AUTH_OBJECTS[factor] for factor in one.factors]}
        return described


_AUTH_OBJECTS = {
    "PIN": {"type": "Password", "id": "PIN", "format": "N", "label": "PIN"},
    "OTP": {"type": "ChallengeResponse", "id": "OTP", "format": "N", "label": "OTP"},
}


def _key(one: Credential) -> dict[str, object]:
    described: dict[str, object] = {
        "status": "enabled" if one.enabled else "disabled", "algo": list(one.algorithms), "len": one.key.key_size}
    if isinstance(one.key, ec.EllipticCurvePrivateKey):
        described["curve"] = _CURVES[one.key.curve.name]
    return described


def _refused(refusal: CscRefusal) -> Response:
    answer = jsonify(error=refusal.error, error_description=refusal.description)
    answer.status_code = refusal.status
    return answer


def _body() -> Mapping[str, object]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise CscRefusal("The request is malformed")
    return body


def _text(body: Mapping[str, object], name: str, required: bool = True) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise CscRefusal(f"Missing (or invalid type) string parameter {name}")
    return value


def _list(body: Mapping[str, object], name: str, required: bool = True) -> list[object]:
    value = body.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list):
        raise CscRefusal(f"Missing (or invalid type) array parameter {name}")
    return value


def _plan(faults: FaultPlan) -> Response:
    body = request.get_json(silent=True) or {}
    try:
        fault = Fault(FaultKind(body["kind"]), str(body["endpoint"]), float(body.get("seconds", 1)),
                      int(body.get("status", 503)))
        faults.add(fault, int(body.get("times", 1)))
    except (KeyError, ValueError, TypeError):
        return _refused(CscRefusal("kind, endpoint, and perhaps seconds, status, times"))
    return Response(status=204)


class CscSimulator(LocalServer):
    """The service, answering from construction to :meth:`stop`; at a free port of this machine without a door.

    ``authority`` issued the vault's certificates, and its lists are published here.
    """

    def __init__(self, vault: CscVault, authority: DevelopmentPki, access: CscAccess | None = None,
                 door: Door | None = None) -> None:
        self.vault = vault
        self.access = access or CscAccess()
        self.faults = FaultPlan()
        super().__init__(create_app(vault, authority, self.access, self.faults), door)
