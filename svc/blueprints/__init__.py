"""Thin Flask blueprints: parse, call one service function, answer."""
