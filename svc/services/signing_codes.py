"""One-time codes that a remote signing service sends to the signer for one act."""

from __future__ import annotations

from certs.errors import SigningError
from certs.signers.port import SignerNotReady
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, CredentialUnusable, SigningFailed
from svc.models import Credential
from svc.ports import CAN_BE_UNKNOWN, BackendNotConfigured
from svc.services import signing_steps as steps
from svc.services.batches import signing as batch_signing
from svc.services.flow import load_flow, lock_by_task
from svc.services.key_use import NO_KEY, current_credential
from svc.services.remote_calls import CallRecorder
from svc.services.signing_keys import NOT_OFFERED, key_elsewhere, not_ready


class CodeNotSent(SigningFailed):
    code, status = "code_not_sent", 503
    message = "Penyelenggara sertifikat tidak mengirim kode sekali pakai. Coba lagi beberapa saat lagi."


def request_code(deps: Deps, actor: Actor, task_id: str) -> None:
    """Have the actor's service send him a code for one signature; nothing is claimed or signed by it.

    :raises NotFound: :raises NotYourTask: :raises Conflict: not his to sign now, or his key knows no such codes
    :raises CredentialUnusable: no certificate, or its service is not set up or does not have it
    :raises CodeNotSent: the service did not answer, or refused
    """
    with deps.db.read_session() as session:
        decree = lock_by_task(session, task_id)
        steps.ensure_may_sign(session, deps, actor, decree, load_flow(session, deps, decree))
        credential = current_credential(session, actor.person_id)
    _send(deps, credential, 1)


def request_code_for_list(deps: Deps, actor: Actor, batch_id: str) -> None:
    """The same for a frozen list: one code for all of its documents. Errors as for :func:`request_code`."""
    shown = batch_signing.prepare(deps, actor, batch_id)
    with deps.db.read_session() as session:
        credential = current_credential(session, actor.person_id)
    _send(deps, credential, shown.count)


def _send(deps: Deps, credential: Credential | None, signatures: int) -> None:
    if credential is None:
        raise CredentialUnusable(NO_KEY)
    is_offered = deps.backends.is_offered(credential.backend)
    if credential.backend not in CAN_BE_UNKNOWN or (is_offered and not deps.backends.takes_code(credential.backend)):
        raise Conflict("Sertifikat Anda tidak memakai kode sekali pakai.")
    if credential.status != "active":
        raise CredentialUnusable("Sertifikat Anda terkunci. Hubungi administrator.")
    try:
        deps.backends.request_code(key_elsewhere(deps, credential), signatures, CallRecorder(deps))
    except SignerNotReady as error:
        raise not_ready(error) from error
    except BackendNotConfigured as error:
        raise CredentialUnusable(NOT_OFFERED) from error
    except SigningError as error:
        raise CodeNotSent from error
