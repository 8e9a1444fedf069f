"""Batches: many decrees of one kind that are drafted from a sheet and go their route together."""

from svc.blueprints.batches import acts, drafting, pages, results, sheets, signing
from svc.blueprints.batches.root import bp

__all__ = ["acts", "bp", "drafting", "pages", "results", "sheets", "signing"]
