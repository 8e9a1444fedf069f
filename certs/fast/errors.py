"""What the fast path refuses."""

from __future__ import annotations

from certs.errors import SigningError


class NotOurShape(SigningError):
    """The document or the request is none that the fast path knows: take the ordinary path. Nothing was signed."""

    code = "not_our_shape"


class CheckFailed(SigningError):
    """A finished file is not what it must be; never keep or show it. ``str`` says in which respect."""

    code = "check_failed"


class ModelUnfit(SigningError):
    """A file did not pass full validation, or not in the way that makes it a model."""

    code = "model_unfit"


class ModelOutdated(SigningError):
    """The moment of the check is outside the time for which the model was judged: make a new model."""

    code = "model_outdated"
