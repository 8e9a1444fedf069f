"""Under which name a browser keeps a file."""

from __future__ import annotations

import unicodedata
from typing import Literal
from urllib.parse import quote

from flask import Response


def name_file(response: Response, how: Literal["inline", "attachment"], name: str) -> None:
    """Set Content-Disposition (RFC 6266): a plain name for old readers, and where it differs the true one.

    ``name`` may hold any text: what is no printable character is left out, and a header can carry ASCII only.
    """
    shown = "".join(char for char in name if char.isprintable())
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    if plain == shown:
        response.headers.set("Content-Disposition", how, filename=shown)
    else:
        true_name = {"filename*": f"UTF-8''{quote(shown.encode('utf-8', 'ignore'), safe='')}"}
        response.headers.set("Content-Disposition", how, filename=plain, **true_name)
