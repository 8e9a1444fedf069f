"""What a script needs to ask the browser for a passkey."""

from __future__ import annotations

import json

from flask import Response, jsonify, request

from svc.errors import DocumentChanged
from svc.security import current_actor, deps
from svc.services import passkeys
from svc.services.passkeys import Ceremony


def as_json(ceremony: Ceremony) -> Response:
    """``options`` for the WebAuthn call, and the sealed ``challenge`` that goes back with the form."""
    return jsonify(options=json.loads(ceremony.options), challenge=ceremony.challenge)


def begin_for(shown_sha256: str) -> Response:
    """Options for touching a passkey for what a sheet shows: a document, or a list.

    :raises DocumentChanged: the page was made for something else
    """
    if request.args.get("sha256", "") != shown_sha256:
        raise DocumentChanged
    return as_json(passkeys.begin_signing(deps(), current_actor(), shown_sha256))
