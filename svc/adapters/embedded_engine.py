"""The engine that needs nothing: batch workers look into the database by themselves."""

from __future__ import annotations


class EmbeddedEngine:
    """Polling finds all work; there is nobody to nudge."""

    name = "embedded"
    is_swept = False

    def nudge(self, batch_id: str, work: str) -> None:
        """Nothing: the next look is never far."""

    def waiting(self) -> int:
        return 0
