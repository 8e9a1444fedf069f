"""Batches: many decrees of one kind, initialled, numbered and signed together."""
