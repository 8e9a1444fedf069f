"""The transport of a CSC client: the shared caller, with what a CSC service's answers may leave in the request log."""

from __future__ import annotations

from functools import partial

from certs.signers.csc_answers import loggable
from certs.signers.csc_client import CscCall
from certs.signers.csc_model import CscConfig
from certs.signers.http import HttpCall, HttpCaller, HttpConfig
from certs.signers.port import CallLog

_LARGEST_ANSWER = 4 * 1024 * 1024


class CscTransport:
    """One for a service and the life of the process: its connections and circuit breaker serve all threads."""

    def __init__(self, config: CscConfig, log: CallLog) -> None:
        http = HttpConfig(connect_timeout=config.connect_timeout, deadline=config.deadline,
                          ca_bundle=config.ca_bundle, max_answer=_LARGEST_ANSWER)
        self._caller = HttpCaller("csc", http, log)

    def logging_to(self, log: CallLog) -> CscTransport:
        """The same connections and breaker, with another request log."""
        twin = object.__new__(CscTransport)
        twin._caller = self._caller.logging_to(log)
        return twin

    def post(self, call: CscCall) -> tuple[int, bytes]:
        """As :class:`certs.signers.csc_client.Transport` promises."""
        answer = self._caller.call(HttpCall(
            call.endpoint, "POST", call.url, call.headers, call.body, deadline=call.deadline, safe=call.reads_only,
            told=call.told, secrets=call.secrets, describe=partial(loggable, secrets=call.secrets)))
        return answer.status, answer.body
