"""Versions of a decree: what was submitted once stays as it was, and what follows gets the next number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from svc.models import Decree, DecreeVersion, Task


def current_version(session: Session, decree: Decree) -> DecreeVersion:
    """The version that the decree stands at."""
    return session.scalars(select(DecreeVersion).where(
        DecreeVersion.decree_id == decree.id, DecreeVersion.version_no == decree.version_no)).one()


def open_version(session: Session, decree: Decree, author_id: int, now: datetime) -> DecreeVersion:
    """The version to write to: the current one, or its copy under the next number when it was submitted before."""
    version = current_version(session, decree)
    was_submitted = session.scalar(select(exists().where(
        Task.decree_id == decree.id, Task.version_no == decree.version_no)))
    if not was_submitted:
        return version
    decree.version_no += 1
    following = DecreeVersion(
        decree_id=decree.id, version_no=decree.version_no, data=version.data, content_sha256=version.content_sha256,
        pdf_sha256=version.pdf_sha256, created_by_id=author_id, created_at=now, updated_at=now)
    session.add(following)
    session.flush()
    return following
