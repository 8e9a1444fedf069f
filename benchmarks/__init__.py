"""Measurements of the running service; each prints JSON. Not part of what is installed."""
