"""Both sides show a certificate of one private authority, by TLS 1.3 and nothing older."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: our certificate with its chain, its key, and the authority that the other side must come from."""

    certificate: str
    key: str
    authority: str


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """:raises OSError: a file is missing, or not what it should be"""
    context = _with_files(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
    context.num_tickets = 0  # one question a connection: nothing is resumed
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Checks the server's name too. :raises OSError: a file is missing, or not what it should be"""
    return _with_files(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files)


def _with_files(context: ssl.SSLContext, files: TlsFiles) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.authority)
    return context
