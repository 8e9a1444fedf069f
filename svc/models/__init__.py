"""Typed tables by subject. Import from here; services alone may."""

from svc.models.authorisation import AuthorisedDocument, Passkey, RemoteCall, SigningAuthorisation
from svc.models.base import Base
from svc.models.batches import Batch, BatchReceipt, BatchRow
from svc.models.decrees import Decree, DecreeVersion, Register, RegisterEntry, StoredFile
from svc.models.facts import CycleFact, DayFact
from svc.models.flow import Paraf, RouteVersion, Task
from svc.models.ops import (
    ApiToken,
    AuditCheckpoint,
    AuditEvent,
    AuditStream,
    JobRun,
    Notice,
    OutboxMessage,
)
from svc.models.people import Holding, Person, Position, Unit
from svc.models.preservation import ArchivedDocument, Preservation, RevocationData, TrustAnchor
from svc.models.signers import DecreeSigner
from svc.models.signing import Credential, PassphraseTry, Signature, SigningAttempt

__all__ = [
    "ApiToken", "ArchivedDocument", "AuditCheckpoint", "AuditEvent", "AuditStream", "AuthorisedDocument", "Base",
    "Batch", "BatchReceipt", "BatchRow", "Credential", "CycleFact", "DayFact", "Decree", "DecreeSigner",
    "DecreeVersion", "Holding",
    "JobRun", "Notice", "OutboxMessage", "Paraf", "Passkey", "PassphraseTry", "Person", "Position", "Preservation",
    "Register", "RegisterEntry", "RemoteCall", "RevocationData", "RouteVersion", "Signature", "SigningAttempt",
    "SigningAuthorisation", "StoredFile", "Task", "TrustAnchor", "Unit",
]
