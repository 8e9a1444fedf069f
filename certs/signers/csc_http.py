"""The transport of a CSC client: urllib3 with a pool, classified failures and the request log."""

from __future__ import annotations

import time

import urllib3

from certs.signers.csc_answers import loggable
from certs.signers.csc_client import CscCall
from certs.signers.csc_model import CscConfig
from certs.signers.port import BackendUnavailable, CallLog, CallRecord, OutcomeUnknown


class CscTransport:
    """urllib3 with a pool."""

    def __init__(self, config: CscConfig, log: CallLog) -> None:
        self._log = log
        self._connect = config.connect_timeout
        self._pool = urllib3.PoolManager(ca_certs=config.ca_bundle or None)

    def post(self, call: CscCall) -> tuple[int, bytes]:
        begun = time.monotonic()
        status, body, outcome = 0, b"", "not_sent"
        try:
            response = self._pool.request(
                "POST", call.url, body=call.body, headers=dict(call.headers), retries=False, redirect=False,
                timeout=urllib3.Timeout(connect=self._connect, total=call.deadline))
            status, body, outcome = response.status, response.data, "answered"
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise BackendUnavailable("not reached") from error
        except urllib3.exceptions.HTTPError as error:
            outcome = "unknown"
            raise OutcomeUnknown("no whole answer") from error
        else:
            return status, body
        finally:
            self._log.record(CallRecord("csc", call.endpoint, status, int((time.monotonic() - begun) * 1000), outcome,
                                        call.told, loggable(body, call.secrets)))
