"""Which signatures leave room for another one."""

from __future__ import annotations

from collections.abc import Iterable

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from certs.anatomy.findings import Refused
from certs.anatomy.locks import is_locked


def _reference(method: str, **parameters: object) -> Dictionary:
    return Dictionary(TransformMethod=Name("/" + method), TransformParams=Dictionary(
        {f"/{key}": value for key, value in parameters.items()}))


def _document(references: Iterable[Dictionary], lock: Dictionary | None, *, certifies: bool = False) -> pikepdf.Pdf:
    document = pikepdf.new()
    value = document.make_indirect(Dictionary(Type=Name.Sig, Reference=Array(references)))
    field = Dictionary(FT=Name.Sig, V=value)
    if lock is not None:
        field.Lock = lock
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))
    if certifies:
        document.Root.Perms = Dictionary(DocMDP=value)
    return document


ALL = {"Action": Name.All}


@pytest.mark.parametrize(("references", "lock", "expected"), [
    ([], None, False), ([_reference("DocMDP", P=1)], None, True), ([_reference("DocMDP", P=2)], None, False),
    ([_reference("DocMDP", P=3)], None, False), ([_reference("DocMDP")], None, False),
    ([_reference("DocMDP", P=3), _reference("DocMDP", P=1)], None, True), ([_reference("DocMDP", P=0)], None, True),
    ([_reference("DocMDP", P=4)], None, True), ([_reference("DocMDP", P=Name.Two)], None, True),
    ([_reference("FieldMDP", **ALL)], Dictionary(**ALL), False), ([], Dictionary(**ALL), True),
    ([_reference("FieldMDP", **ALL)], Dictionary(**ALL, P=1), True),
    ([_reference("FieldMDP", **ALL)], Dictionary(**ALL, P=9), True)], ids=range(13))
def test_the_strictest_word_counts(references: list[Dictionary], lock: Dictionary | None, expected: bool) -> None:
    assert is_locked(_document(references, lock)) is expected
    assert is_locked(_document(references, lock, certifies=True)) is expected


def _put_below(document: pikepdf.Pdf, *, again: bool = False) -> pikepdf.Pdf:
    """The form's fields below another one, which has itself below itself too if ``again``."""
    group = document.make_indirect(Dictionary(T=pikepdf.String("Grup"), Kids=document.Root.AcroForm.Fields))
    if again:
        group.Kids.append(group)
    document.Root.AcroForm.Fields = Array([group])
    return document


@pytest.mark.parametrize(("references", "lock", "expected"), [
    ([_reference("DocMDP", P=1)], None, True), ([_reference("DocMDP", P=2)], None, False),
    ([], Dictionary(**ALL), True), ([_reference("FieldMDP", **ALL)], Dictionary(**ALL), False)], ids=range(4))
def test_a_field_below_another_counts_as_well(references: list[Dictionary], lock: Dictionary | None,
                                              expected: bool) -> None:
    assert is_locked(_put_below(_document(references, lock))) is expected


def test_a_form_that_goes_round_in_a_circle_is_refused() -> None:
    with pytest.raises(Refused):
        is_locked(_put_below(_document([], None), again=True))
