"""Implementations of the ports; built in ``svc.deps`` only."""
