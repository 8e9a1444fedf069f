"""Why an uploaded PDF, though it opens, may look otherwise to somebody else; for :mod:`certs.intake`."""
