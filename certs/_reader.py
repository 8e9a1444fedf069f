"""pyHanko's reader, which takes a reference to an object that is not there for null, in every revision."""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader


class ForgivingReader(PdfFileReader):
    """Where pyHanko compares revisions, it ends in an error at such a reference (ISO 32000-2, 7.3.10: null), though
    the file was read without a word before anything was added to it.

    That an object comes to stand there later is told by ``certs.structure.compare_revisions``.
    """

    def get_historical_resolver(self, revision: int) -> HistoricalResolver:
        """As pyHanko's, but for such references."""
        known: dict[int, HistoricalResolver] = self._historical_resolver_cache
        if revision not in known:
            known[revision] = _Resolver(self, revision)
        return known[revision]


class _Resolver(HistoricalResolver):
    def get_object(self, ref: generic.Reference, as_metadata_stream: bool = False) -> Any:
        if ref not in self.cache and not self._is_there(ref):
            nothing = generic.NullObject()
            nothing.container_ref = ref
            return nothing
        return super().get_object(ref, as_metadata_stream)

    def _collect_indirect_references(
        self, obj: Any, seen: set[generic.Reference], since_revision: int | None = None
    ) -> None:
        if since_revision is None or not isinstance(obj, generic.IndirectObject) or self._is_there(obj.reference):
            super()._collect_indirect_references(obj, seen, since_revision)  # type: ignore[no-untyped-call]

    def _is_there(self, ref: generic.Reference) -> bool:
        return self.reader.xrefs.get_historical_ref(ref, self.revision) is not None
