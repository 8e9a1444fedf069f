"""Decrees that are all different, and the signer of a fictional province."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.ca import SignerSubject, build_crl, create_development_pki, generate_signer_key, issue_signer_certificate
from certs.pades import LocalSigner
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from svc.kinds import KindCatalogue
from svc.rendering import Letterhead, RenderRequest, SignatureBlock

PASSPHRASE = "tolok-ukur"  # of the key that exists as long as the run
_ORGANISATION = "Pemerintah Provinsi Nusa Mandala"
_SUBJECT = SignerSubject("Surya Contoh", _ORGANISATION, unit="BKD", title="Kepala BKD", nip="190001011925012001")
_OFFICE = Letterhead(_ORGANISATION, "Badan Kepegawaian Daerah", "Jalan Persatuan 1", "(0999) 123456",
                     "bkd@nusamandala.example", "bkd.nusamandala.example", "Tanjung Mandala")
_SIGNER = SignatureBlock(("a.n. GUBERNUR NUSA MANDALA", "KEPALA BADAN KEPEGAWAIAN DAERAH,"), "Dr. Surya Contoh",
                         "Pembina, IV/a", "190001011925012001")
_SYLLABLES = ("ra", "di", "an", "su", "ma", "wi", "ka", "lo", "ni", "be", "tu", "ha", "gus", "ren", "dar")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_RANKS = ("II/c", "II/d", "III/a", "III/b", "III/c", "III/d", "IV/a")


def make_request(kinds: KindCatalogue, number: int) -> RenderRequest:
    """The letter of one person: name, identity number, rank, dates, number of the letter and address are his own."""
    chance = random.Random(number)  # noqa: S311
    kind = kinds.get("kgb")
    example = dict(kind.example)
    start, years = date(2024, 1, 1) + timedelta(days=chance.randrange(700)), chance.randrange(4, 20, 2)
    data = {
        **example,
        "pegawai": {
            **example["pegawai"], "nama": _name(chance), "golongan": chance.choice(_RANKS),
            "nip": f"190001011{chance.randrange(950, 999)}{chance.randrange(1, 9)}{number % 100_000:05d}"},
        "dasar": {**example["dasar"], "nomor": f"800.1.11.13/{number}/BKD/2024", "tanggal": start.isoformat(),
                  "masa_kerja_tahun": years, "gaji_pokok": chance.randrange(24_000, 60_000) * 100},
        "kenaikan": {**example["kenaikan"], "gaji_pokok": chance.randrange(24_000, 60_000) * 100,
                     "masa_kerja_tahun": years + 2},
    }
    token = "".join(chance.choices(_LETTERS, k=22))
    return RenderRequest("kgb", data, _OFFICE, _SIGNER, f"800.1.11.13/{number}/BKD/2026", date(2026, 2, 2), "",
                         f"https://paraf.nusamandala.example/v/{token}", "final")


def _name(chance: random.Random) -> str:
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))).title() for _ in range(chance.randint(2, 3))]
    return " ".join(words) + ", S.E."


@dataclass(frozen=True)
class Office:
    """A development PKI with one signer, at one moment."""

    now: datetime
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    tsa: TimeStampAuthority
    trust: TrustStore

    @property
    def signer(self) -> LocalSigner:
        return LocalSigner(self.certificate, self.key, self.chain)


def make_office(folder: Path) -> None:
    """Write keys and certificates for the workers of a run."""
    now = datetime.now(UTC).replace(microsecond=0)
    pki = create_development_pki(_ORGANISATION, now - timedelta(days=1))
    key = generate_signer_key()
    own = issue_signer_certificate(pki.issuing, _SUBJECT, key.public_key(), now - timedelta(hours=1))
    lists = [build_crl(authority, (), now, now + timedelta(days=1)) for authority in (pki.issuing, pki.root)]
    for name, one in (("own", own), ("issuing", pki.issuing.certificate), ("root", pki.root.certificate),
                      ("tsa", pki.tsa.certificate)):
        (folder / f"{name}.pem").write_bytes(one.public_bytes(serialization.Encoding.PEM))
    for name, private in (("own", key), ("tsa", pki.tsa.key)):
        (folder / f"{name}.key").write_bytes(private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSPHRASE.encode())))
    for number, der in enumerate(lists):
        (folder / f"{number}.crl").write_bytes(der)


def read_office(folder: Path) -> Office:
    """What :func:`make_office` wrote."""
    own, issuing, root, tsa = (x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
                               for name in ("own", "issuing", "root", "tsa"))
    key, tsa_key = (_load_key(folder / f"{name}.key") for name in ("own", "tsa"))
    lists = tuple(path.read_bytes() for path in sorted(folder.glob("*.crl")))
    return Office(datetime.now(UTC).replace(microsecond=0), key, own, (issuing, root),
                  TimeStampAuthority(tsa, tsa_key, (root,)),
                  TrustStore((root,), (issuing,), (), lists))


def _load_key(path: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), PASSPHRASE.encode())
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the benchmark's keys are RSA's")
    return key
