"""Why a command was refused. Services map each code to an answer in the user's words."""

from __future__ import annotations

from typing import ClassVar


class WorkflowError(Exception):
    """Base; ``code`` is stable."""

    code: ClassVar[str] = "workflow_error"


class StaleTask(WorkflowError):
    """The command was made on an older version than the present one."""

    code = "stale_task"


class NotYourTask(WorkflowError):
    """The actor holds no position that the open task waits for, or is not the drafter."""

    code = "not_your_task"


class SelfApproval(WorkflowError):
    """Segregation of duties: the drafter may not initial or sign his own draft."""

    code = "self_approval"


class SameSigner(WorkflowError):
    """Segregation of duties: each signature on a document is another person's, for another position."""

    code = "same_signer"


class AlreadySigned(WorkflowError):
    """A signature stands on the document, and nothing may change it or take it back any more."""

    code = "already_signed"


class NotAllowedNow(WorkflowError):
    """The decree's status does not allow this command."""

    code = "not_allowed_now"


class ReasonRequired(WorkflowError):
    """Returning, rejecting, withdrawing, discarding and reassigning need a reason."""

    code = "reason_required"


class UnknownAssignee(WorkflowError):
    """A step's position does not exist in the organisation."""

    code = "unknown_assignee"


class CapacityForbidden(WorkflowError):
    """The kind of document may not be signed in this capacity (Plt., Plh.)."""

    code = "capacity_forbidden"


class DocumentChanged(WorkflowError):
    """The document to be signed is not the frozen one."""

    code = "document_changed"


class InvalidDefinition(WorkflowError):
    """A route definition that makes no sense; the text says what and where."""

    code = "invalid_definition"
