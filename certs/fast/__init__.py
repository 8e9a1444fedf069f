"""The fast path of mass issuance: what pyHanko would make, put together from parts that were made once.

:class:`BatchSigner` signs, :func:`make_model` validates one file in full, :func:`check` judges every other as strictly.
Documents and requests that it does not know are refused by :class:`NotOurShape`: they take the ordinary path.
"""

from __future__ import annotations

from certs.fast.check import check, make_model
from certs.fast.errors import CheckFailed, ModelOutdated, ModelUnfit, NotOurShape
from certs.fast.model import Model
from certs.fast.signer import BatchSigner, Prepared
from certs.fast.store import gather_store

__all__ = [
    "BatchSigner",
    "CheckFailed",
    "Model",
    "ModelOutdated",
    "ModelUnfit",
    "NotOurShape",
    "Prepared",
    "check",
    "gather_store",
    "make_model",
]
