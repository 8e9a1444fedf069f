"""Reading and storing a decree's files through the object store, with errors in the user's terms."""

from __future__ import annotations

import hashlib

from svc.deps import Deps
from svc.errors import IntegrityViolation, StorageUnavailable
from svc.ports import ObjectMissing, StoreUnavailable


def read_file(deps: Deps, object_key: str, sha256: str) -> bytes:
    """Read an object and check it against its recorded hash.

    :raises StorageUnavailable: the store does not answer. :raises IntegrityViolation: missing or changed.
    """
    try:
        data = deps.store.get(object_key)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectMissing as error:
        raise IntegrityViolation from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityViolation
    return data
