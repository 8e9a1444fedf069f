"""Routing rules without any I/O: what may happen next to a decree."""
