"""Whether a certificate that was made elsewhere names the person who is to sign with it."""

from __future__ import annotations

from typing import ClassVar

from cryptography import x509
from sqlalchemy import select

from certs.person_names import is_same_person
from svc.deps import Deps
from svc.errors import InvalidInput, NotFound
from svc.models import Person
from svc.services.certificate_words import common_name

FIELD = "other_name"


class NamesAnother(InvalidInput):
    """The certificate names somebody else, and nobody has said that this is the person."""

    code = "certificate_names_another"
    message: ClassVar[str] = "Sertifikat ini atas nama %(found)s, sedangkan orangnya %(wanted)s."

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(params={"found": found, "wanted": wanted}, fields={
            FIELD: "Sertifikat ini atas nama %(found)s, sedangkan orangnya %(wanted)s. Nyatakan bahwa keduanya orang "
                   "yang sama, atau pilih sertifikat lain."})


def other_name(deps: Deps, person_id: str, certificate: x509.Certificate) -> str:
    """The certificate's name where it is not the person's, else empty. :raises NotFound: no such person"""
    found, wanted = _names(deps, person_id, certificate)
    return "" if is_same_person(found, wanted) else found


def ensure_names(deps: Deps, person_id: str, certificate: x509.Certificate, *, is_confirmed: bool) -> dict[str, str]:
    """What the audit event adds about the name: nothing where it is the person's.

    :raises NamesAnother: it is not, and nobody confirmed that it is the same person all the same
    """
    found, wanted = _names(deps, person_id, certificate)
    if is_same_person(found, wanted):
        return {}
    if not is_confirmed:
        raise NamesAnother(found, wanted)
    return {"certificate_name": found, "confirmed_as": wanted}


def _names(deps: Deps, person_id: str, certificate: x509.Certificate) -> tuple[str, str]:
    with deps.db.read_session() as session:
        wanted = session.scalar(select(Person.name).where(Person.public_id == person_id))
    if wanted is None:
        raise NotFound
    return common_name(certificate.subject) or "–", wanted
