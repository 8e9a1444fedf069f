"""Whether the answer of a time-stamp authority is one to the request that was sent (RFC 3161 2.4.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asn1crypto import tsp

from certs.errors import TimestampUnavailable
from certs.tsa import TimeStampResponse

GRANTED = frozenset({"granted", "granted_with_mods"})


def check_answer(request_der: bytes, response_der: bytes, now: datetime, tolerance: timedelta) -> datetime:
    """The time (UTC) in the token. Its signature is not judged here: that is done with the trust store.

    :param tolerance: how far the authority's clock may be from ``now``: a stamp of another time proves another
        time, and a signature with it would be judged at that
    :raises TimestampUnavailable: a refusal, unreadable, for other data, with another nonce, or of another time
    """
    try:
        request = tsp.TimeStampReq.load(request_der, strict=True)
        response = TimeStampResponse.load(response_der, strict=True)
        status = response["status"]["status"].native
        if status not in GRANTED:
            raise _refusal(response, status)
        info: tsp.TSTInfo = response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
        is_answer = (info["message_imprint"].native == request["message_imprint"].native
                     and info["nonce"].native == request["nonce"].native)
        moment: datetime = info["gen_time"].native
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise TimestampUnavailable("the answer is unreadable") from error
    if not is_answer:
        raise TimestampUnavailable("the answer is for another request")
    if abs(moment.astimezone(UTC) - now) > tolerance:
        raise TimestampUnavailable(f"its clock says {moment:%Y-%m-%dT%H:%M:%SZ}")
    return moment.astimezone(UTC)


def _refusal(response: TimeStampResponse, status: str) -> TimestampUnavailable:
    failures = response["status"]["fail_info"].native or ()
    return TimestampUnavailable(": ".join((status, *sorted(str(one) for one in failures))))
