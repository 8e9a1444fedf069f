"""One call to e-Sign Client Service: credentials, deadline, what the request log may keep, errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from urllib3.filepost import encode_multipart_formdata

from certs.signers.bsre_errors import failure
from certs.signers.bsre_model import BsreActivation, BsreConfig, BsreSubject
from certs.signers.call_records import describe_value, mask_number
from certs.signers.http import HttpAnswer, HttpCall, HttpCaller
from certs.signers.port import BackendUnavailable, OutcomeUnknown

_PERSONAL = frozenset({"nik", "email", "idsubscriber", "nama"})
FilePart: TypeAlias = tuple[str, bytes, str]  # name, content, media type


@dataclass(frozen=True)
class Request:
    """``name`` is the call's name in the log. ``acts``: it signs or changes something, so a lost answer matters.
    ``slow``: it may take as long as signing.

    Exactly one of ``data`` (JSON) and ``form`` (multipart) is sent, or neither.
    """

    name: str
    path: str = field(repr=False)
    data: Mapping[str, object] | None = field(default=None, repr=False)
    form: Sequence[tuple[str, str | FilePart]] | None = field(default=None, repr=False)
    acts: bool = False
    slow: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    reference_header: str = ""


class Gateway:
    """The service as one application sees it; for all threads."""

    def __init__(self, config: BsreConfig, caller: HttpCaller) -> None:
        self._config = config
        self._caller = caller
        login = f"{config.username}:{config.password}".encode()
        self._authorization = f"Basic {base64.b64encode(login).decode()}"

    def ask(self, request: Request, accepted: frozenset[int] = frozenset({200, 201})) -> HttpAnswer:
        """The answer, if its status is one of ``accepted``; otherwise the port's errors (``bsre_errors.failure``).

        :raises BackendUnavailable: :raises OutcomeUnknown: as :meth:`certs.signers.http.HttpCaller.call`
        """
        headers = {"Authorization": self._authorization, "Accept": "application/json, application/pdf"}
        body = b""
        if request.data is not None:
            body, headers["Content-Type"] = json.dumps(request.data).encode(), "application/json"
        elif request.form is not None:
            body, headers["Content-Type"] = encode_multipart_formdata(list(request.form))
        secrets = (*request.secrets, self._config.password)
        answer = self._caller.call(HttpCall(
            request.name, "GET" if request.data is None and request.form is None else "POST",
            f"{self._config.base_url}{request.path}", headers, body, safe=not request.acts,
            deadline=self._config.sign_deadline if request.acts or request.slow else self._config.deadline,
            told=_told(request, secrets), secrets=secrets, reference_header=request.reference_header))
        if answer.status not in accepted:
            reference = answer.headers.get(request.reference_header.lower(), "") if request.reference_header else ""
            raise failure(answer, request.acts, secrets, reference)
        return answer

    def ask_object(self, request: Request) -> dict[str, object]:
        """As :meth:`ask`, read as a JSON object.

        :raises OutcomeUnknown: the call acts, and its answer of success is unreadable
        """
        answer = self.ask(request)
        try:
            read = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(request) from error
        if not isinstance(read, dict):
            raise self._unreadable(request)
        return read

    @staticmethod
    def _unreadable(request: Request) -> BackendUnavailable | OutcomeUnknown:
        text = f"the answer to {request.name} is unreadable"
        return OutcomeUnknown(text) if request.acts else BackendUnavailable(text)


def subject_fields(subject: BsreSubject) -> dict[str, object]:
    return {"nik": subject.nik} if subject.nik else {"email": subject.email}


def secrets_of(subject: BsreSubject, activation: BsreActivation | None = None) -> tuple[str, ...]:
    """What must stand in no log and no error of a call about this person."""
    typed = (activation.passphrase, activation.totp) if activation else ()
    return tuple(one for one in (subject.nik, subject.email, *typed) if one)


def _told(request: Request, secrets: tuple[str, ...]) -> dict[str, object]:
    if request.data is not None:
        entries = dict(request.data)
    else:
        entries = {}
        for name, value in request.form or ():
            entries[name] = value[1] if isinstance(value, tuple) else value
    masked = {name: mask_number(str(value)) if name.lower() in _PERSONAL else describe_value(value, secrets)
              for name, value in entries.items()}
    described = describe_value(masked)
    return described if isinstance(described, dict) else {}
