"""What the checks of content, pictures and fonts say to :mod:`certs.intake`."""

from __future__ import annotations

from typing import ClassVar

from certs import errors


class NotByTheBookError(Exception):
    """What is wrong, for logs; ``refusal`` is what the uploader is told."""

    refusal: ClassVar[type[errors.UploadRefused]] = errors.UploadAmbiguous


class TooMuchError(NotByTheBookError):
    """More than can be looked at in reasonable time."""

    refusal = errors.UploadTooComplex


class DamagedPictureError(NotByTheBookError):
    """A picture of which readers show as much as each can make of it."""

    refusal = errors.UploadPictureDamaged


class UncheckedPictureError(NotByTheBookError):
    """A picture of a kind that is not decoded here."""

    refusal = errors.UploadPictureUnchecked
