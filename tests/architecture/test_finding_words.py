"""Whatever is found in a file has words for the public: no code that a parser can give is left without."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from certs import structure, unreadable
from svc.services.finding_words import OTHER, WORDS, in_words, with_words

_ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+|polyglot|encrypted")
# Strings of that shape in the same modules which are no codes: names in ASN.1, of functions, of a code's beginning.
_NO_CODES = {"encap_content_info", "gen_time", "response_status", "serial_number", "tbs_cert_list", "tbs_certificate",
             "this_update", "compare_revisions", "fields_too", "is_readable"}


def test_every_code_has_words() -> None:
    found = {node.value for path in (*(_ROOT / "certs" / "anatomy").glob("*.py"), _ROOT / "certs" / "structure.py")
             for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)}
    known = found - _NO_CODES
    assert len(known) > 70, "the codes are written in another way now; this test must follow"
    assert known - WORDS.keys() == set()
    assert set(unreadable.EXPLANATIONS) - WORDS.keys() == set()
    assert set(WORDS) - known - set(unreadable.EXPLANATIONS) == set(), "words for what is never found"


def test_every_code_that_keeps_a_file_from_being_read_has_words() -> None:
    text = (_ROOT / "certs" / "structure.py").read_text(encoding="utf-8")
    (precheck,) = [node for node in ast.parse(text).body
                   if isinstance(node, ast.FunctionDef) and node.name == "precheck"]
    given = {node.value for node in ast.walk(precheck)
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value)}
    assert given | structure.TOO_MUCH == set(unreadable.REFUSED)


def test_what_reads_the_same_is_told_once_and_the_unknown_too() -> None:
    told = in_words(["byterange_odd", "byterange_missing", "not_known_yet", "byterange_odd"])
    assert [one.codes for one in told] == [("byterange_odd", "byterange_missing"), ("not_known_yet",)]
    assert told[1].text == OTHER


def test_codes_in_an_explanation_give_way_to_words() -> None:
    told = with_words("Bytes are not covered (bytes_after_end, byterange_odd, byterange_missing). The rest (8) is.",
                      str.upper)
    assert told == (f"Bytes are not covered ({WORDS['bytes_after_end'].upper()}; {WORDS['byterange_odd'].upper()}). "
                    "The rest (8) is.")
