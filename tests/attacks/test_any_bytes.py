"""Whatever is done to a signed file's bytes: it is never explained and passed, and nothing raises."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from certs.signers.bsre_result import accept
from certs.signers.port import ResultRefused
from certs.structure import compare_revisions, examine
from certs.validation import validate_pdf
from tests.attacks import bombs
from tests.attacks.craft import Sample, gap, update

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def checked(pdf: bytes) -> bool:
    """Whether the file is explained; our own reader must not break on it."""
    result = examine(pdf)
    assert "reader_failed" not in result.codes
    for one in result.signatures:
        changes = compare_revisions(pdf, one.covered_end)
        assert "reader_failed" not in {change.code for change in changes}
    return result.explained


@given(data=st.data())
@FEW
def test_a_changed_byte_is_never_explained_and_passed(sample: Sample, data: st.DataObject) -> None:
    pdf = data.draw(st.sampled_from([sample.certified, sample.plain]))
    start, end = gap(pdf)
    at = data.draw(st.one_of(st.integers(0, start), st.integers(end - 40, len(pdf) - 1)))
    changed = pdf[:at] + bytes([pdf[at] ^ data.draw(st.integers(1, 255))]) + pdf[at + 1 :]
    if checked(changed):
        assert not validate_pdf(changed, sample.world.trust(), sample.world.later).passed


@given(data=st.data())
@FEW
def test_nothing_hides_in_the_padding(sample: Sample, data: st.DataObject) -> None:
    pdf = sample.certified
    start, end = gap(pdf)
    used = len(pdf[start : end - 1].rstrip(b"0"))
    at = data.draw(st.integers(start + used + 2, end - 2))
    byte = data.draw(st.sampled_from(list(b"123456789abcdefABCDEF <>/%\n")))
    assert not checked(pdf[:at] + bytes([byte]) + pdf[at + 1 :])


@given(data=st.data())
@FEW
def test_cuts_and_insertions_never_raise(sample: Sample, data: st.DataObject) -> None:
    pdf = sample.open
    at = data.draw(st.integers(0, len(pdf)))
    kind = data.draw(st.sampled_from(["cut", "drop", "insert", "double", "swap"]))
    junk = data.draw(
        st.one_of(
            st.binary(min_size=1, max_size=30),
            st.sampled_from(
                [
                    b"endobj",
                    b"stream\n",
                    b"%%EOF",
                    b"startxref\n0\n%%EOF",
                    b"<<",
                    b">>",
                    b"(",
                    b")",
                    b"xref\n",
                    b"trailer",
                ]
            ),
        )
    )
    size = data.draw(st.integers(1, 2000))
    changed = {
        "cut": pdf[:at],
        "drop": pdf[:at] + pdf[at + size :],
        "insert": pdf[:at] + junk + pdf[at:],
        "double": pdf[: at + size] + pdf[at:],
        "swap": pdf[:at] + junk + pdf[at + len(junk) :],
    }[kind]
    if changed != pdf and checked(changed):
        assert not validate_pdf(changed, sample.world.trust(), sample.world.later).passed


@given(junk=st.binary(max_size=300), head=st.sampled_from([b"", b"%PDF-1.7\n", b"%PDF-1.7\nxref\n0 1\n"]))
@example(junk=b"", head=b"")
@FEW
def test_junk_never_raises(junk: bytes, head: bytes) -> None:
    tail = b"startxref\n9\n%%EOF\n"
    for pdf in (head + junk, head + junk + tail):
        assert not checked(pdf)


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """The best of several runs, in seconds of this process."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "name", ["40,000 revisions", "Size of 2^31", "xref stream: Size of 2^31", "xref stream: inflates"]
)
def test_bombs_are_refused_at_once(sample: Sample, name: str) -> None:
    pdf = next(one.pdf for one in bombs.attacks(sample) if one.name == name)
    assert seconds(lambda: examine(pdf)) < 0.05


@pytest.mark.parametrize(
    "name", ["40,000 revisions", "Prev of itself", "nested arrays", "xref stream: Size of 2^31",
             "xref stream: Index of 2^31"]
)  # fmt: skip
def test_bombs_that_a_signing_service_sends_back_meet_no_real_parser(sample: Sample, name: str) -> None:
    pdf = next(one.pdf for one in bombs.attacks(sample) if one.name == name)
    with pytest.raises(ResultRefused) as refused:
        accept(sample.certified, pdf)
    assert refused.value.backend_code == "UNREADABLE"


def test_an_honest_decree_takes_little_time(sample: Sample) -> None:
    """Milliseconds on an idle machine; the bound leaves room for a busy one."""
    assert seconds(lambda: examine(sample.certified)) < 0.02


def test_time_grows_with_size_and_not_with_its_square(sample: Sample) -> None:
    def took(count: int) -> float:
        pdf = update(sample.page, dict.fromkeys(range(60, 60 + count), b"<</A[1 2 3]/B(text)>>"))
        return seconds(lambda: examine(pdf), 3)

    assert took(6000) < 10 * took(1500)
