"""Paraf: decrees drafted, routed, signed, issued and proved."""
