"""A person at a browser, as far as a running web server can tell: pages, forms with their hidden fields, cookies."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener
from uuid import uuid4

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
_GIVEN = re.compile(r'<input\b(?=[^>]*(?:type="hidden"|\schecked\b))[^>]*>')
_SELECT = re.compile(r'<select\b[^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected')
_SECONDS = 60.0


@dataclass(frozen=True)
class WebPage:
    """What came back in the end, after all redirections."""

    path: str
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()

    def form(self, action: str) -> dict[str, str]:
        """What the form that posts to this action would send as it stands, but for what a person types.

        :raises LookupError: the page offers no such form
        """
        for attributes, body in _FORM.findall(self.text):
            if f'action="{action}"' not in attributes or 'method="post"' not in attributes:
                continue
            fields = {_attribute(one, "name"): _attribute(one, "value") for one in _GIVEN.findall(body)}
            for name, options in _SELECT.findall(body):
                found = _CHOSEN.search(options)
                fields[name] = html.unescape(found[1]) if found else ""
            return fields
        raise LookupError(f"{self.path} has no form for {action}")


class WebPerson:
    """Errors of the service come as :class:`urllib.error.HTTPError`, as urllib raises them.

    :param url: where the server listens
    :param public_url: what people type, when a proxy with TLS would stand before the server: its headers are sent
    """

    def __init__(self, url: str, public_url: str = "", seconds: float = _SECONDS) -> None:
        self._url, self._seconds = url, seconds
        policy = DefaultCookiePolicy(secure_protocols=("http", "https"))  # the way to a proxy is TLS, beyond it is not
        self._opener = build_opener(HTTPCookieProcessor(CookieJar(policy)))
        self._headers: dict[str, str] = {}
        if public_url:
            parts = urlsplit(public_url)
            self._headers = {"X-Forwarded-Proto": parts.scheme, "X-Forwarded-Host": parts.netloc,
                             "X-Forwarded-For": "192.0.2.1", "Referer": f"{public_url}/"}
        self._token = ""

    def log_in(self, username: str, password: str) -> WebPage:
        """The page that comes after it."""
        self.get("/login")
        return self.post("/login", username=username, password=password)

    def get(self, path: str) -> WebPage:
        return self._open(Request(urljoin(self._url, path), headers=self._headers))

    def post(self, path: str, **fields: str) -> WebPage:
        """Send a form as the page before it would have."""
        return self.send(path, fields)

    def send(self, path: str, fields: Mapping[str, str]) -> WebPage:
        """The same for fields whose names are no names of Python."""
        body = urlencode({**fields, "csrf_token": self._token}).encode()
        return self._open(Request(urljoin(self._url, path), body, self._headers))

    def upload(self, path: str, name: str, data: bytes) -> WebPage:
        """Send one file in the field ``file``."""
        border, body = uuid4().hex, io.BytesIO()
        for head, value in (('name="csrf_token"', self._token.encode()),
                            (f'name="file"; filename="{name}"\r\nContent-Type: application/octet-stream', data)):
            body.write(f"--{border}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n")
        body.write(f"--{border}--\r\n".encode())
        headers = {**self._headers, "Content-Type": f"multipart/form-data; boundary={border}"}
        return self._open(Request(urljoin(self._url, path), body.getvalue(), headers))

    def _open(self, request: Request) -> WebPage:
        answer: HTTPResponse
        with self._opener.open(request, timeout=self._seconds) as answer:
            page = WebPage(urlsplit(answer.url).path, answer.read())
            if answer.headers.get_content_type() == "text/html" and (found := _TOKEN.search(page.text)):
                self._token = found[1]
        return page


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""
