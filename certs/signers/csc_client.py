"""The methods of a CSC service (API v2.0.0.2) that signing needs, with its failures as the port's errors."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn, Protocol
from urllib.parse import urlencode

from certs.signers.csc_answers import TokenRefused, failure, read_object
from certs.signers.csc_model import CscActivation, CscConfig, CscCredentialInfo, CscSad, read_credential
from certs.signers.port import (
    ActivationRefused,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    CallLog,
    OutcomeUnknown,
)

_TOKEN_MARGIN = timedelta(seconds=30)
_DEFAULT_LIFE = 3600  # seconds: what the specification says when a service does not
_LONGEST = 86_400
_READS = {"info", "credentials/list", "credentials/info"}
_LOGGED = {"credentialID", "userID", "numSignatures", "hashes", "hashAlgorithmOID", "signAlgo", "operationMode",
           "authObjectID", "certificates", "onlyValid"}
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class CscServiceInfo:
    """What ``info`` tells: the version spoken, the service's name, the methods it has."""

    specs: str
    name: str
    methods: frozenset[str]


@dataclass(frozen=True)
class CscCall:
    """One request; ``told`` is what the request log may know of it, ``secrets`` what must appear nowhere.

    ``reads_only`` is for calls that change nothing at the service.
    """

    endpoint: str
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    deadline: float
    told: dict[str, object]
    secrets: tuple[str, ...] = field(repr=False)
    reads_only: bool


class Transport(Protocol):
    """Makes the calls: pool, deadline, circuit breaker, request log."""

    def post(self, call: CscCall) -> tuple[int, bytes]:
        """HTTP status and body. :raises BackendUnavailable: not sent. :raises OutcomeUnknown: left, unanswered"""
        ...

    def logging_to(self, log: CallLog) -> Transport:
        """The same transport, whose calls go to another request log."""
        ...


@dataclass
class _Known:
    """What is learnt of a service and good for all acts: the application's access token, and the methods."""

    token: str = field(default="", repr=False)
    until: datetime | None = None
    methods: frozenset[str] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class CscClient:
    """One service, for all threads. Only OAuth access tokens are kept; nothing is tried twice.

    Every method raises :class:`BackendUnavailable` (not reached, or not able just now) and :class:`BackendRefused`
    (refused, or the answer is unreadable) beside what it names.
    """

    def __init__(self, config: CscConfig, transport: Transport, clock: Callable[[], datetime]) -> None:
        self.config = config
        self._transport = transport
        self._clock = clock
        self._known = _Known()

    def logging_to(self, log: CallLog) -> CscClient:
        """The same client (connections, breaker, access token) with the request log of one act."""
        twin = copy.copy(self)
        twin._transport = self._transport.logging_to(log)
        return twin

    def now(self) -> datetime:
        return self._clock()

    def service_info(self) -> CscServiceInfo:
        """``info``: needs no authorisation."""
        answer = self._post("info", {}, authorised=False)
        methods = answer.get("methods")
        names = frozenset(str(one) for one in methods) if isinstance(methods, list) else frozenset()
        return CscServiceInfo(str(answer.get("specs", "")), str(answer.get("name", "")), names)

    def credentials(self, user_id: str = "", only_valid: bool = False) -> tuple[str, ...]:
        """``credentials/list``: identifiers, of one user if the service knows users to this application."""
        body: dict[str, object] = {"userID": user_id} if user_id else {}
        answer = self._post("credentials/list", body | ({"onlyValid": True} if only_valid else {}))
        listed = answer.get("credentialIDs")
        if not isinstance(listed, list):
            raise BackendRefused("the service's list of credentials is unreadable")
        return tuple(str(one) for one in listed)

    def credential(self, credential_id: str) -> CscCredentialInfo:
        """``credentials/info`` with the chain. :raises SignerNotReady: the key signs in no way known here"""
        answer = self._post("credentials/info", {
            "credentialID": credential_id, "certificates": "chain", "certInfo": False, "authInfo": True})
        return read_credential(credential_id, answer)

    def send_otp(self, info: CscCredentialInfo) -> bool:
        """Have the one-time code sent, if the credential's is of the sort that is; tells whether it was.

        ``credentials/getChallenge``, or ``credentials/sendOTP`` where the service still has that instead.
        """
        waiting = [one for one in info.auth_objects if one.is_sent]
        for one in waiting:
            if "credentials/getChallenge" in self._known_methods():
                self._post("credentials/getChallenge",
                           {"credentialID": info.credential_id, "authObjectID": one.object_id})
            else:
                self._post("credentials/sendOTP", {"credentialID": info.credential_id})
        return bool(waiting)

    def authorize(self, info: CscCredentialInfo, digests: Sequence[bytes], count: int, activation: CscActivation,
                  description: str = "") -> CscSad:
        """``credentials/authorize``: a SAD bound to these hashes, for ``count`` signatures in all. Signs nothing.

        :raises ActivationRefused: PIN or code is missing or wrong
        :raises SignerNotReady: locked, disabled, or the certificate is over
        """
        if info.needs_pin and not activation.pin:
            raise ActivationRefused("the credential asks for a PIN", "pin", "missing")
        if info.needs_otp and not activation.otp:
            raise ActivationRefused("the credential asks for a one-time code", "totp", "missing")
        body: dict[str, object] = {
            "credentialID": info.credential_id, "numSignatures": count, **_bound(info, digests),
            "authData": info.answers(activation)}
        if description:
            body["description"] = description[:500]
        factor = "pin" if info.needs_pin else "totp"
        return self._sad(self._post("credentials/authorize", body, factor, secrets=(activation.pin, activation.otp)))

    def extend(self, info: CscCredentialInfo, sad: CscSad, digests: Sequence[bytes]) -> CscSad:
        """``credentials/extendTransaction``: the next SAD of an authorisation, bound to these hashes.

        :raises ActivationRefused: the SAD is over, or nothing is left of the authorisation
        """
        self._ensure_alive(sad)
        body: dict[str, object] = {"credentialID": info.credential_id, **_bound(info, digests), "SAD": sad.value}
        return self._sad(self._post("credentials/extendTransaction", body, "sad", secrets=(sad.value,)))

    def sign_hashes(self, info: CscCredentialInfo, sad: CscSad, digests: Sequence[bytes]) -> list[bytes]:
        """``signatures/signHash``: one signature a hash, in their order, each checked against the certificate.

        :raises ActivationRefused: the SAD is over, or not for these hashes
        :raises SignerNotReady: locked, disabled, or the certificate is over
        :raises OutcomeUnknown: the request left and no whole or readable answer came; the SAD is spent
        :raises BackendRefused: what came is no signature by the credential's certificate
        """
        self._ensure_alive(sad)
        algorithm = info.algorithm
        body: dict[str, object] = {
            "credentialID": info.credential_id, "SAD": sad.value, **_bound(info, digests),
            "signAlgo": algorithm.sign_oid, "operationMode": "S"}
        if algorithm.parameters:
            body["signAlgoParams"] = base64.b64encode(algorithm.parameters).decode()
        answer = self._post("signatures/signHash", body, "sad", signs=True, secrets=(sad.value,))
        made = answer.get("signatures")
        if not isinstance(made, list) or len(made) != len(digests):
            raise OutcomeUnknown("the service answered other than one signature for each hash")
        try:
            raw = [base64.b64decode(str(one), validate=True) for one in made]
        except (binascii.Error, ValueError) as error:
            raise OutcomeUnknown("the service's signatures are unreadable") from error
        return [algorithm.check(info.certificate, digest, one) for digest, one in zip(digests, raw, strict=True)]

    # --- below: how calls are made -------------------------------------------------------------------
    def _known_methods(self) -> frozenset[str]:
        if self._known.methods is None:
            self._known.methods = self.service_info().methods
        return self._known.methods

    def _ensure_alive(self, sad: CscSad) -> None:
        if self._clock() >= sad.expires_at:
            raise ActivationRefused("the signature activation data is over", "sad", "expired")

    def _sad(self, answer: Mapping[str, object]) -> CscSad:
        value = answer.get("SAD")
        if not isinstance(value, str) or not value:
            raise BackendRefused("the service gave no signature activation data")
        return CscSad(value, self._clock() + _seconds(answer.get("expiresIn")))

    def _post(self, method: str, body: Mapping[str, object], factor: str = "", signs: bool = False,
              secrets: tuple[str, ...] = (), authorised: bool = True) -> dict[str, object]:
        """The answer to one method; ``factor`` and ``signs`` as for ``csc_answers.failure``."""
        token = self._access_token() if authorised else ""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        told = {name: value for name, value in body.items() if name in _LOGGED}
        deadline = self.config.sign_deadline if signs else self.config.deadline
        call = CscCall(method, f"{self.config.api_url}/{method}", json.dumps(body).encode(),
                       {"Content-Type": _JSON, "Accept": _JSON, **bearer}, deadline, told, (*secrets, token),
                       reads_only=method in _READS)
        status, answer = self._ask(call, signs)
        if status == 204:
            return {}
        if status != 200:
            self._refuse(failure(status, answer, factor, signs, call.secrets), token)
        read = read_object(answer)
        if not read:
            text = f"the answer to {method} is unreadable"
            raise OutcomeUnknown(text) if signs else BackendUnavailable(text)
        return read

    def _ask(self, call: CscCall, signs: bool) -> tuple[int, bytes]:
        try:
            return self._transport.post(call)
        except OutcomeUnknown as error:
            if signs:
                raise
            # Nothing but signHash uses the key, so a lost answer leaves nothing signed.
            raise BackendUnavailable(f"no answer to {call.endpoint}") from error

    def _refuse(self, error: BackendError, token: str) -> NoReturn:
        if not isinstance(error, TokenRefused):
            raise error
        if not self.config.client_id:
            raise BackendRefused("the service refuses this application's token", error.backend_code)
        with self._known.lock:  # the next act asks for a new one
            if self._known.token == token:
                self._known.token = ""
        raise BackendUnavailable("the service's access token was over", error.backend_code)

    def _access_token(self) -> str:
        """The bearer token, or an access token of the OAuth client (RFC 6749, 4.4), kept while it is good."""
        if self.config.bearer_token:
            return self.config.bearer_token
        known = self._known
        with known.lock:
            if not known.token or known.until is None or self._clock() >= known.until:
                known.token, known.until = self._new_token()
            return known.token

    def _new_token(self) -> tuple[str, datetime]:
        config = self.config
        form = {"grant_type": "client_credentials", "client_id": config.client_id,
                "client_secret": config.client_secret}
        call = CscCall("oauth2/token", config.oauth_url, urlencode(form).encode(),
                       {"Content-Type": _FORM, "Accept": _JSON}, config.deadline,
                       {"grant_type": "client_credentials", "client_id": config.client_id}, (config.client_secret,),
                       reads_only=True)
        status, answer = self._ask(call, signs=False)
        if status != 200:
            error = failure(status, answer, "", False, call.secrets)
            if isinstance(error, BackendUnavailable):
                raise error
            raise BackendRefused("the service refuses this application", error.backend_code)
        read = read_object(answer)
        token = read.get("access_token")
        if not isinstance(token, str) or not token:
            raise BackendRefused("the service gave no access token")
        return token, self._clock() + _seconds(read.get("expires_in")) - _TOKEN_MARGIN


def _bound(info: CscCredentialInfo, digests: Sequence[bytes]) -> dict[str, object]:
    return {"hashes": [base64.b64encode(one).decode() for one in digests],
            "hashAlgorithmOID": info.algorithm.hash_oid}


def _seconds(value: object) -> timedelta:
    return timedelta(seconds=value if isinstance(value, int) and 0 < value <= _LONGEST else _DEFAULT_LIFE)
