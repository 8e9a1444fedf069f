"""What the checks of content, pictures and fonts say to :mod:`certs.intake`."""


class NotByTheBookError(Exception):
    """What is wrong, for logs."""
