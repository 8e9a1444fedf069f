"""What a script needs to ask the browser for a passkey."""

from __future__ import annotations

import json

from flask import Response, jsonify

from svc.services.passkeys import Ceremony


def as_json(ceremony: Ceremony) -> Response:
    """``options`` for the WebAuthn call, and the sealed ``challenge`` that goes back with the form."""
    return jsonify(options=json.loads(ceremony.options), challenge=ceremony.challenge)
