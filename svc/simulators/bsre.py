"""A simulator of BSrE's e-Sign Client Service, v1 and v2: real HTTP, real keys, a simulated authority.

Its signatures have the form of BSrE's real ones (plain CMS with a time stamp, ``certs.legacy_cms``); its
certificates chain to an authority whose name says simulation: nobody trusts them by accident.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import Flask, Response, jsonify, request

from svc.simulators.authority import add_lists
from svc.simulators.bsre_desk import BsreDesk, Refusal, numbered_refusal
from svc.simulators.bsre_v1 import add_v1
from svc.simulators.bsre_v2 import add_v2
from svc.simulators.csc_faults import Fault, FaultKind, FaultPlan
from svc.simulators.serving import Door, LocalServer


@dataclass
class BsreAccess:
    """The one application that may call: Basic auth, its addresses (none: any), and whether it is enabled."""

    username: str = "paraf"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    addresses: frozenset[str] = frozenset()
    is_enabled: bool = True

    def ensure(self) -> None:
        """:raises Refusal: 401 for credentials, 403 for the address"""
        given = request.authorization
        known = given is not None and given.type == "basic" and hmac.compare_digest(
            f"{given.username}:{given.password}".encode(), f"{self.username}:{self.password}".encode())
        if not known or not self.is_enabled:
            raise Refusal(401, {"error": "Unauthorized", "status_code": 401})
        if self.addresses and request.remote_addr not in self.addresses:
            raise Refusal(403, {"error": "IP tidak diizinkan", "status_code": 403})


def create_app(desk: BsreDesk, access: BsreAccess, faults: FaultPlan) -> Flask:
    """The service as a WSGI application; ``POST /simulator/faults`` plans a fault."""
    app = Flask("bsre_simulator", static_folder=None)

    def call(endpoint: str, work: Callable[[], Response]) -> Response:
        def guarded() -> Response:
            try:
                access.ensure()
                return work()
            except Refusal as refusal:
                request.get_data()  # a connection closed on unread data is reset, and the answer with it
                return _refused(refusal)
        return faults.strike(endpoint, guarded)

    add_v1(app, desk, call)
    add_v2(app, desk, call)
    add_lists(app, desk.pki, desk.clock)
    app.add_url_rule("/simulator/faults", "faults", lambda: _plan(faults), methods=["POST"])
    return app


class BsreSimulator(LocalServer):
    """The service, answering from construction to :meth:`stop`; at a free port of this machine without a door."""

    def __init__(self, desk: BsreDesk, access: BsreAccess | None = None, door: Door | None = None) -> None:
        self.desk = desk
        self.access = access or BsreAccess()
        self.faults = FaultPlan()
        super().__init__(create_app(desk, self.access, self.faults), door)


def _refused(refusal: Refusal) -> Response:
    answer = jsonify(refusal.body)
    answer.status_code = refusal.status
    return answer


def _plan(faults: FaultPlan) -> Response:
    body = request.get_json(silent=True) or {}
    try:
        fault = Fault(FaultKind(body["kind"]), str(body["endpoint"]), float(body.get("seconds", 1)),
                      int(body.get("status", 503)))
        if "number" in body:
            refusal = numbered_refusal(int(body["number"]))
            fault = replace(fault, status=refusal.status, text=json.dumps(refusal.body))
        faults.add(fault, int(body.get("times", 1)))
    except (KeyError, ValueError, TypeError):
        return _refused(Refusal(400, {"error": "kind, endpoint, and perhaps seconds, status, number, times"}))
    return Response(status=204)
