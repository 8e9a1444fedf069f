"""Errors as people meet them: a page in their language, or one JSON shape for programs; never a stack trace."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.view import event_titles
from svc.errors import AppError, Conflict, InvalidInput, StaleTask
from svc.kinds import InvalidDecreeData
from svc.limits import seconds_to_wait
from svc.logs import request_id
from svc.services.signing import ProofPending, SigningUnfinished, Unknown

log = structlog.get_logger("paraf.errors")

_OWN_PAGES = frozenset({400, 401, 403, 404, 409, 413, 429, 500})
_CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
          413: "too_large", 415: "unsupported_media_type", 429: "too_many_attempts"}
_TOO_MANY, _NO_ADDRESS = 429, 404
_LAST_RESORT = """<!doctype html><html lang="id"><meta charset="utf-8"><title>Paraf</title>
<h1>Ada yang rusak di pihak kami</h1><p>Permintaan Anda tidak selesai. Coba sekali lagi; bila tetap gagal,
laporkan kode ini kepada administrator: <code>%s</code></p></html>"""


def install(app: Flask) -> None:
    """Answer every error; the most special handler wins."""
    app.register_error_handler(AppError, _on_app_error)
    app.register_error_handler(CSRFError, _on_csrf_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_fault)


def wants_json() -> bool:
    """Whether a program asks."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def translate(error: AppError) -> str:
    """The error's words in the reader's language."""
    text = _(error.text)
    return str(text % error.params if error.params else text)


def translated_fields(error: InvalidInput) -> dict[str, str]:
    """The messages of the fields in the reader's language."""
    if isinstance(error, InvalidDecreeData):  # each of its messages has parameters of its own
        return {f"data.{one.path}": one.said(_) for one in reversed(error.errors)}
    return {path: str(_(message) % error.params if error.params else _(message))
            for path, message in error.fields.items()}


def _on_app_error(error: AppError) -> Response:
    if error.is_fault:
        log.error("refused", error=error.code, exc_info=error)
    elif error.status >= 500:  # a part that is down, or that said no: foreseen, so without a trace
        log.warning("refused", error=error.code, causes=error.causes, endpoint=request.endpoint or "-")
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    message = translate(error)
    if wants_json():
        return _as_json(error.status, error.code, message, fields)
    context: dict[str, Any] = {"message": message, "fields": fields}
    if isinstance(error, StaleTask):
        context |= _what_changed(error)
    elif isinstance(error, Conflict) and (request.endpoint or "").startswith("batches.") and request.view_args:
        context |= _back_to_batch(str(request.view_args.get("batch_id", "")))
    elif error.code in {"excerpts_exist", "copy_exists"} and request.view_args:
        context |= {
            "headline": _("Tidak ada yang dibuat"),
            "meaning": _("Yang sudah ada tertulis pada halaman keputusan induknya, di bawah “Petikan dan salinan”."),
            "reload_url": url_for("decrees.show", decree_id=request.view_args.get("decree_id", "-"))}
    if isinstance(error, ProofPending | SigningUnfinished | Unknown) and "task_id" in (request.view_args or {}):
        context["act_url"] = url_for("signing.sheet", task_id=(request.view_args or {})["task_id"])
    return _as_page(error.status, error.code, context)


def _on_csrf_error(_error: CSRFError) -> Response:
    message = _("Halaman ini terlalu lama terbuka atau berasal dari sesi lain. Tidak ada yang berubah.")
    if wants_json():
        return _as_json(400, "form_expired", message, {})
    return _as_page(400, "form_expired", {"message": message})


def _on_http_error(error: HTTPException) -> Response | WerkzeugResponse:
    status = error.code or 500
    if error.response is not None:  # a view answered by abort(response)
        return error.get_response()
    code = _CODES.get(status, "http_error")
    text = _("Alamat ini tidak ada.") if status == _NO_ADDRESS else _("Permintaan tidak dapat diproses.")
    answer = (_as_json(status, code, text, {}) if wants_json()
              else _as_page(status, code, {"retry_after": seconds_to_wait() if status == _TOO_MANY else 0}))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer


def _on_fault(error: Exception) -> Response:
    log.error("fault", exc_info=error, endpoint=request.endpoint or "-")
    # Then the page must do without person, menu and their language.
    g.is_database_gone = isinstance(error, SQLAlchemyError)
    if wants_json():
        return _as_json(500, "fault", _("Ada yang rusak di pihak kami."), {"request_id": request_id()})
    return _as_page(500, "fault", {})


def _as_json(status: int, code: str, message: str, fields: dict[str, str]) -> Response:
    response = jsonify(code=code, message=message, fields=fields)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="paraf"'
    return response


def _as_page(status: int, code: str, context: dict[str, Any]) -> Response:
    name = f"errors/{status}.html" if status in _OWN_PAGES else "errors/refused.html"
    values = {"code": code, "request_id": request_id() if status >= 500 else "", **context}
    try:
        body = render_template(name, **values)
    except (SQLAlchemyError, TemplateError, BuildError):
        log.exception("error_page_failed")
        body = _LAST_RESORT % request_id()
    response = Response(body, status, mimetype="text/html")
    if request.headers.get("HX-Request") == "true":
        # Put the page's main part in place of the present one instead of into the small target.
        response.headers.update({"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"})
    return response


def _what_changed(error: StaleTask) -> dict[str, Any]:
    titles = event_titles()
    return {
        "changes": [{"what": titles.get(one.type, one.type), "who": one.actor_name, "at": one.at}
                    for one in error.changes],
        "reload_url": url_for("decrees.show", decree_id=error.decree_id) if error.decree_id else "",
        "kept": _kept(),
    }


def _back_to_batch(batch_id: str) -> dict[str, Any]:
    return {"reload_url": url_for("batches.show", batch_id=batch_id) if batch_id else "", "kept": _kept()}


def _kept() -> dict[str, str]:
    reason = request.form.get("reason", "").strip()
    return {_("Alasan"): reason} if reason else {}
