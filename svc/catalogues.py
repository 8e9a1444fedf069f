"""The texts in the languages that people choose, for whoever speaks outside of a web request."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from babel.support import NullTranslations, Translations

_FOLDER: Final = Path(__file__).parent / "translations"


@cache
def catalogue_of(locale: str) -> NullTranslations:
    """The catalogue of a language; where there is none, texts stay as they are written, in Indonesian."""
    return Translations.load(str(_FOLDER), [locale])


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name
    """Marks a text that is translated where it is shown."""
    return text
