"""Typst, HTML and mail templates; data, importable so that a wheel carries them."""
