"""Trusted lists (ETSI TS 119 612) as a scheme operator makes and signs them, in miniature."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

QC = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
STAMPS = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"
GRANTED = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
WITHDRAWN = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"
WEB = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForWebSiteAuthentication"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Service:
    certificate: x509.Certificate
    kind: str = QC
    status: str = GRANTED
    since: str = "2020-01-01T00:00:00Z"
    use: str = ""


def make_list(services: Sequence[Service], issued: datetime, due: datetime, sequence: int = 7) -> bytes:
    """Not signed yet."""
    entries = "".join(_entry(one) for one in services)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="daftar" TSLTag="http://uri.etsi.org/19612/TSLTag">
<SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier><TSLSequenceNumber>{sequence}</TSLSequenceNumber>
<TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
<SchemeOperatorName><Name xml:lang="en">Scheme Operator of Contoh</Name></SchemeOperatorName>
<SchemeTerritory>XC</SchemeTerritory><ListIssueDateTime>{issued:{_TIME}}</ListIssueDateTime>
<NextUpdate><dateTime>{due:{_TIME}}</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation>
<TSPName><Name xml:lang="en">Penyelenggara Contoh</Name></TSPName></TSPInformation>
<TSPServices>{entries}</TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>
""".encode()


def sign_list(xml: bytes, key: rsa.RSAPrivateKey, operator: x509.Certificate) -> bytes:
    """XAdES, enveloped, as lists are signed."""
    from lxml import etree
    from signxml.xades.xades import XAdESSigner

    signed = XAdESSigner().sign(
        etree.fromstring(xml), key=key, cert=[operator.public_bytes(Encoding.PEM).decode()])
    return etree.tostring(signed)


def _entry(service: Service) -> str:
    der = base64.b64encode(service.certificate.public_bytes(Encoding.DER)).decode()
    use = f"""<ServiceInformationExtensions><Extension Critical="true"><AdditionalServiceInformation>
<URI xml:lang="en">{service.use}</URI></AdditionalServiceInformation></Extension></ServiceInformationExtensions>"""
    return f"""<TSPService><ServiceInformation><ServiceTypeIdentifier>{service.kind}</ServiceTypeIdentifier>
<ServiceName><Name xml:lang="en">Layanan Contoh</Name></ServiceName>
<ServiceDigitalIdentity><DigitalId><X509Certificate>{der}</X509Certificate></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>{service.status}</ServiceStatus><StatusStartingTime>{service.since}</StatusStartingTime>
{use if service.use else ""}</ServiceInformation></TSPService>"""
