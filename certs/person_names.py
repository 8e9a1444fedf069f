"""Whether a certificate's name and the name that an agency keeps are those of the same person.

Agencies and BSrE write the same person differently: with and without academic, noble or religious titles, in capitals,
with initials, and cut at the 64 characters that X.520 gives a common name. Nothing beyond that is forgiven.
"""

from __future__ import annotations

import re
import unicodedata

_BEFORE = frozenset(["dr", "drs", "dra", "ir", "prof", "h", "hj", "kh", "hr", "drg", "drh", "apt", "ns", "tgh"])
_AFTER = frozenset([
    "sh", "se", "st", "sp", "sip", "sap", "sos", "ssos", "spd", "spdi", "skom", "si", "ssi", "skm", "spt", "spi",
    "sag", "shi", "stp", "sstp", "skep", "sfarm", "ssn", "ss", "shum", "spsi", "sikom", "strkeb", "strkep",
    "sked", "mh", "mm", "mt", "msi", "msc", "mkom", "mpd", "mpdi", "map", "mip", "mkes", "mkn", "mag", "mhum",
    "mkm", "mba", "mpa", "mpp", "mp", "ma", "msn", "mpsi", "mikom", "mps", "mph", "mse", "msos", "phd", "lc",
    "llm", "ak", "ca", "cpa", "amd", "amdkom", "amdkeb", "apt", "dr", "bsc", "ba",
])
_LONGEST_COMMON_NAME = 64  # X.520, ub-common-name
_DEGREE = re.compile(r"(?:\w{1,5}\.){2,}|(?:\w{1,5}\.)+\w{1,5}\.?")


def is_same_person(certified: str, known: str) -> bool:
    """Whether ``certified``, the common name of a certificate, names whom the agency knows as ``known``.

    Titles, case, accents, punctuation and spaces do not count, an initial stands for a word that begins with it, and
    a common name that is full may end early. A name without a single word is nobody's.
    """
    one, other = _words(certified), _words(known)
    if not one or not other:
        return False
    if "".join(one) == "".join(other):
        return True
    if len(certified.strip()) >= _LONGEST_COMMON_NAME and "".join(other).startswith("".join(one)):
        return True
    pairs = list(zip(one, other, strict=False))
    return (len(one) == len(other) and all(_is_same_word(*pair) for pair in pairs)
            and any(first == second and len(first) > 1 for first, second in pairs))


def _is_same_word(one: str, other: str) -> bool:
    return one == other or (1 in {len(one), len(other)} and one[0] == other[0])


def _words(name: str) -> list[str]:
    """The name's words without titles, in lower case."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char)).casefold()
    parts = [words for words in (_bare(part) for part in plain.split(",")) if words]
    return parts[0] if parts else []


def _bare(part: str) -> list[str]:
    written = part.split()
    while len(written) > 1 and _is_degree(written[-1]):
        written.pop()
    if len(written) == 1 and _is_degree(written[0]) and "." in written[0]:
        return []
    words = re.findall(r"[^\W_]+", re.sub(r"['’`ʼ]", "", " ".join(written)))
    while words and words[0] in _BEFORE:
        words = words[1:]
    return words


def _is_degree(word: str) -> bool:
    return word.replace(".", "") in _AFTER or ("." in word and _DEGREE.fullmatch(word) is not None)
