"""Security headers of every answer: a small policy of our own, strict because no page needs more."""

from __future__ import annotations

from flask import Flask, Response, request

_CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))
_ALWAYS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses carry verification codes and one-time links: they stay on this site.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = "max-age=31536000; includeSubDomains"


def install(app: Flask, *, is_production: bool) -> None:
    """Add the headers to every answer, errors included."""

    @app.after_request
    def _add_headers(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        if is_production:
            response.headers.setdefault("Strict-Transport-Security", _HSTS)
        if request.endpoint != "home.static" and "Cache-Control" not in response.headers:
            # Pages show personal data; a shared computer must not keep them.
            response.headers["Cache-Control"] = "no-store"
        return response
