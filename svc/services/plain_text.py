"""Text from forms as it may be kept: no control characters, which databases refuse and papers cannot show."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # some scripts are misspelt without them


def clean_line(text: str, limit: int) -> str:
    """One line in Unicode form C, without doubled blanks and what controls or turns text; at most ``limit`` characters.
    """
    return " ".join(_printable(text).split())[:limit].rstrip()


def clean_text(text: str, limit: int) -> str:
    """The same, with its line breaks kept."""
    lines = (" ".join(line.split()) for line in _printable(text).split("\n"))
    return "\n".join(lines).strip()[:limit].rstrip()


def _printable(text: str) -> str:
    unified = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    return "".join(char for char in unified
                   if char in "\n" + _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
