"""v2's verification as typed values; ``timestampInfomation`` and ``signatureAlgoritm`` are spelt as in the API."""

from __future__ import annotations

from certs.signers.bsre_model import (
    JsonObject,
    V2Certificate,
    V2Signature,
    V2Timestamp,
    V2Verification,
    flag_of,
    number_of,
    object_of,
    objects_of,
    text_of,
)


def read_verification(read: JsonObject) -> V2Verification:
    """What is missing is empty; nothing is raised."""
    return V2Verification(
        conclusion=text_of(read, "conclusion"), description=text_of(read, "description"),
        count=number_of(read, "signatureCount"),
        signatures=tuple(_signature(one) for one in objects_of(read, "signatureInformations")))


def _signature(one: JsonObject) -> V2Signature:
    stamp = object_of(one, "timestampInfomation") or object_of(one, "timestampInformation")
    return V2Signature(
        identifier=text_of(one, "id"), format=text_of(one, "signatureFormat"), signer=text_of(one, "signerName"),
        at=text_of(one, "signatureDate"), field_name=text_of(one, "fieldName"), reason=text_of(one, "reason"),
        location=text_of(one, "location"), level_code=text_of(one, "certLevelCode"),
        signature_algorithm=text_of(one, "signatureAlgorithm"), digest_algorithm=text_of(one, "digestAlgorithm"),
        timestamp=_timestamp(stamp) if stamp else None,
        certificates=tuple(_certificate(each) for each in objects_of(one, "certificateDetails")),
        integrity=flag_of(one, "integrityValid"), trusted=flag_of(one, "certificateTrusted"),
        is_last=flag_of(one, "lastSignature"))


def _timestamp(one: JsonObject) -> V2Timestamp:
    return V2Timestamp(text_of(one, "id"), text_of(one, "signerName"), text_of(one, "timestampDate"))


def _certificate(one: JsonObject) -> V2Certificate:
    usages = one.get("keyUsages")
    return V2Certificate(
        identifier=text_of(one, "id"), common_name=text_of(one, "commonName"), issuer=text_of(one, "issuerName"),
        serial=text_of(one, "serialNumber"), not_before=text_of(one, "notBeforeDate"),
        not_after=text_of(one, "notAfterDate"),
        algorithm=text_of(one, "signatureAlgoritm") or text_of(one, "signatureAlgorithm"),
        usages=tuple(str(each) for each in usages) if isinstance(usages, list) else ())
