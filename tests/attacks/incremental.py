"""Incremental saving: something is appended, with or without what an update should have."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attacks.craft import Attack, Sample, attack, facts, freeing, overlay, rewritten, update

ANY_LAYOUT = (
    "revision_without_xref", "bytes_after_end", "missing_eof", "xref_malformed", "garbage_between_revisions",
    "unsigned_update",
)  # fmt: skip


def attacks(sample: Sample) -> Iterator[Attack]:
    for kind, pdf in sample.victims.items():
        content = _new_content(pdf)
        yield attack(f"{kind}: complete", update(pdf, content), pdf, "page_content_changed")
        yield attack(f"{kind}: no trailer", update(pdf, content, trailer=False), pdf, *ANY_LAYOUT)
        yield attack(f"{kind}: no xref", update(pdf, content, xref=False), pdf, *ANY_LAYOUT)
        neither = update(pdf, content, xref=False, trailer=False, startxref=-1)
        yield attack(f"{kind}: body and eof only", neither, pdf, *ANY_LAYOUT)
        yield attack(f"{kind}: body only", neither.removesuffix(b"%%EOF\n"), pdf, *ANY_LAYOUT)
        yield attack(f"{kind}: no eof", update(pdf, content, eof=False), pdf, "missing_eof")
        yield attack(f"{kind}: no startxref", update(pdf, content, startxref=-1), pdf, *ANY_LAYOUT)
        old = update(pdf, content, startxref=facts(pdf).startxref)
        yield attack(f"{kind}: startxref of the old section", old, pdf, "revision_without_xref")
        bent = update(pdf, content, startxref=0)
        yield attack(f"{kind}: startxref 0", bent, pdf, "xref_malformed", *ANY_LAYOUT)
        rubbish = update(pdf, content, between=b"%stray comment\nstray words\n")
        yield attack(f"{kind}: rubbish before the update", rubbish, pdf, "garbage_between_revisions")
        # A cross-reference section whose entries are the comment's, not the update's.
        yield attack(f"{kind}: in comments", pdf + b"%" + _one_line(update(b"%" + pdf, content)), pdf, *ANY_LAYOUT)
        for name, tail in (("line", b"\n"), ("comment", b"%stray"), ("zeros", bytes(5000)), ("eof", b"%%EOF\n")):
            yield attack(f"{kind}: tail of {name}", pdf + tail, pdf, "revision_without_xref", "bytes_after_end")
        yield attack(f"{kind}: empty update", update(pdf, {}), pdf, "unsigned_update")
        catalogue = int(facts(pdf).root.split()[0])
        yield attack(f"{kind}: catalogue freed", freeing(pdf, catalogue), pdf, "parser_refuses")


def _new_content(pdf: bytes) -> dict[int, bytes]:
    def change(document: object) -> None:
        document.pages[0].Contents = document.make_stream(overlay("Diangkat"))  # type: ignore[attr-defined]

    return rewritten(pdf, change)


def _one_line(pdf: bytes) -> bytes:
    return pdf[-300:].replace(b"\n", b"\r")
