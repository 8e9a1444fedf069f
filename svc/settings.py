"""Settings: frozen, typed, read once from the environment (prefix ``PARAF_``) or a ``.env`` file.

Unknown names are refused, since a misspelt setting that is silently ignored is how a server ends up
insecure; in production, insecure values are refused too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from certs.algorithms import AlgorithmEnds, parse_ends

PREFIX = "PARAF_"
_MIN_SECRET = 32
_BROKERS = frozenset({"redis", "rediss", "amqp", "amqps"})


class SettingsError(Exception):
    """The settings cannot be used; the text names each fault. Raised at start-up only."""


class Settings(BaseSettings):
    """All that an operator can set. Field descriptions are the documentation (``docs/operations.md``)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    env: Literal["development", "production"] = Field(
        "development", description="production refuses insecure values and hides the demo accounts.")
    var_dir: Path = Field(Path("var"), description="Folder for the embedded database, files and keys.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in var_dir.")
    base_url: str = Field("http://127.0.0.1:8000", description="Public address; stands in every QR code.")
    bind: str = Field("127.0.0.1:8000", description="Address and port the web server listens on.")
    web_workers: int = Field(2, ge=1, le=64, description="Web server processes.")
    web_threads: int = Field(8, ge=1, le=128, description="Threads per web server process.")
    batch_workers: int = Field(
        0, ge=0, le=256, description="Processes of paraf run that work through batches; 0: one for each core.")
    engine: Literal["embedded", "celery"] = Field(
        "embedded", description="How batch workers find work: in the database alone, or nudged by a broker, on any "
        "number of hosts (celery; needs the packages of paraf[scale]).")
    broker_url: SecretStr = Field(
        SecretStr(""), description="Broker of the engine celery: redis://, rediss://, amqp:// or amqps://.")
    batch_parallelism: int = Field(
        8, ge=1, le=256, description="With the engine celery: how many workers may be at one batch at a time.")
    alive_file: str = Field(
        "", description="File that a worker touches as long as its loop turns, for whoever watches it; empty: none.")
    trusted_proxies: int = Field(0, ge=0, le=5, description="Reverse proxies whose forwarding headers count.")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs sessions and forms, ≥ 32 characters; development: made in var_dir.")
    server_key: SecretStr = Field(
        SecretStr(""), description="32 bytes, base64: wraps keys at rest; development: made in var_dir.")

    zone: str = Field("Asia/Makassar", description="Time zone of the province (dates, working hours).")
    province: str = Field("Nusa Mandala", description="Name of the province as printed.")
    signature_level: Literal["B-B", "B-T", "B-LT", "B-LTA"] = Field(
        "B-LTA", description="PAdES level that signed decrees are brought to and kept at.")
    renewal_margin_days: int = Field(
        90, ge=1, le=1000, description="Days before its certificate or algorithm ends that an archive time stamp is "
        "renewed.")
    algorithm_ends: str = Field(
        "", description="First days (UTC) on which algorithms are no longer trusted, comma-separated, such as "
        "sha256=2035-12-31,rsa2048=2030-12-31 (keys of so many bits and less); name=never takes a built-in one away.")
    max_upload_mb: int = Field(20, ge=1, le=200, description="Largest PDF taken, in MB of 1,048,576 bytes.")
    cage_workers: int = Field(2, ge=1, le=64, description="Files of strangers parsed at once, per web process.")
    cage_queue: int = Field(
        16, ge=0, le=256, description="Files that may wait for that; with those parsed never over half of web_threads.")
    cage_seconds: int = Field(10, ge=1, le=120, description="Longest that one file may take.")
    cage_memory_mb: int = Field(
        768, ge=256, le=16384, description="Most memory that one file may take, in MB of 1,048,576 bytes.")
    passphrase_attempts: int = Field(5, ge=3, le=10, description="Wrong passphrases before a lock.")
    login_attempts: int = Field(8, ge=3, le=20, description="Wrong passwords before a pause.")
    require_totp: bool = Field(
        False, description="Officials and signers must set up one-time codes (TOTP), which logging in then asks for; "
        "a passkey does not stand in for them, since it is touched at signing only.")
    session_hours: int = Field(10, ge=1, le=72, description="Length of a session.")

    csc_url: str = Field("", description="CSC v2 remote signing service (what stands before /csc/v2); empty: none.")
    csc_token: SecretStr = Field(SecretStr(""), description="Its bearer token for this application,")
    csc_client_id: str = Field("", description="or the id of its OAuth client")
    csc_client_secret: SecretStr = Field(SecretStr(""), description="and the client's secret.")
    bsre_url: str = Field("", description="BSrE e-Sign Client Service; empty: none.")
    bsre_version: int = Field(2, ge=1, le=2, description="Version of its API.")
    bsre_username: str = Field("", description="User that it gave this application.")
    bsre_password: SecretStr = Field(SecretStr(""), description="Its password.")
    bsre_seconds: int = Field(120, ge=10, le=600, description="Longest wait for an answer of it.")
    bsre_totp_name: Literal["totp", "otp"] = Field(
        "totp", description="What version 2 calls a one-time code: its manual has both names.")
    bsre_corner_sizes: bool = Field(
        True, description="Whether version 1 takes width and height for the upper right corner of what it draws.")
    bsre_page: Literal["box", "first", "last"] = Field(
        "box", description="Page that version 1 draws on: that of the signature box by its number (`page`), or the "
        "first or last by that word (`halaman`).")
    bsre_max_files: int = Field(25, ge=1, le=25, description="Most files that version 2 is sent in one call.")
    bsre_appearance: Literal["invisible", "image", "qr", "tag"] = Field(
        "invisible", description="What it draws over our signature block, which shows all that is needed: nothing, the "
        "picture, a QR code with the verification address, or either of them at a mark in the text.")
    bsre_image: str = Field("", description="The picture, a PNG or JPEG file; a mark without one is given the QR code.")
    bsre_tag: str = Field("#", min_length=1, max_length=40, description="The mark, which the page must show.")
    bsre_width: float = Field(0, ge=0, le=600, description="Width of it in points; 0: that of the signature box.")
    bsre_height: float = Field(0, ge=0, le=600, description="Height of it; 0: that of the signature box.")
    backend_ca_file: str = Field("", description="CA certificates (PEM) for signing services; empty: the system's.")
    pkcs11_module: str = Field("", description="PKCS#11 library of the security module; empty: none.")

    signing_host: str = Field(
        "unix:", description="Where keys of batches are: unix: (socket in var_dir/run), tls://host:port, inline.")
    signing_host_listen: str = Field(
        "", description="host:port where this machine's signing host takes other machines too, by mutual TLS.")
    signing_host_cert: str = Field("", description="For TLS with a signing host: own certificate with chain (PEM),")
    signing_host_key: str = Field("", description="its private key (PEM),")
    signing_host_ca: str = Field("", description="and the private authority that both sides come from (PEM).")

    tsa_urls: str = Field(
        "", description="Time-stamp authorities (RFC 3161), comma-separated, tried in order; empty: built-in.")
    tsa_timeout_seconds: float = Field(5.0, gt=0, le=60, description="How long each of them may take.")
    tsa_user: str = Field("", description="Login at them (HTTP Basic), if they want one; the same for all.")
    tsa_password: SecretStr = Field(SecretStr(""), description="Password of that login.")

    revocation_hosts: str = Field(
        "", description="Hosts in private networks that revocation data may be fetched from, comma-separated.")

    store: Literal["local", "s3"] = Field("local", description="Where files live.")
    s3_endpoint: str = Field("", description="host:port of MinIO or another S3 server.")
    s3_bucket: str = Field("paraf", description="Bucket (made with versioning and object lock if missing).")
    s3_access_key: SecretStr = Field(SecretStr(""), description="S3 access key.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="S3 secret key.")
    s3_secure: bool = Field(True, description="TLS to the S3 server.")
    s3_retention_days: int = Field(
        3650, ge=0, description="Object-lock retention of signed files in days; 0: none.")

    mail: Literal["folder", "smtp"] = Field("folder", description="folder writes .eml files to var_dir.")
    smtp_host: str = Field("", description="Mail server.")
    smtp_port: int = Field(25, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["none", "starttls", "tls"] = Field("none", description="Transport security.")
    smtp_user: str = Field("", description="Mail server user.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Mail server password.")
    mail_from: str = Field("paraf@localhost", description="Sender of notices.")

    rate_limit_storage: str = Field("memory://", description="memory:// or redis://… for many processes.")
    rate_limits: bool = Field(True, description="Off only in tests.")
    failpoint: str = Field("", description="name:count:action; for rehearsing crashes, refused in production.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")
    log_format: Literal["console", "json"] = Field("console", description="Log format.")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``from_env`` hands the environment over itself, so that tests can hand over another."""
        return init_settings, dotenv_settings

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError) as error:  # OSError: a folder of zones, such as "Asia"
            raise ValueError("is no time zone of the tz database") from error
        return value

    @field_validator("algorithm_ends")
    @classmethod
    def _algorithm_ends_are_dates(cls, value: str) -> str:
        parse_ends(value)
        return value

    @field_validator("tsa_urls")
    @classmethod
    def _tsa_urls_are_addresses(cls, value: str) -> str:
        for url in filter(None, (part.strip() for part in value.split(","))):
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError(f"{url!r} is no http:// or https:// address")
            if parts.username is not None:
                raise ValueError("a login belongs in tsa_user and tsa_password")
        return value

    @field_validator("signing_host")
    @classmethod
    def _signing_host_is_a_place(cls, value: str) -> str:
        if value in {"unix:", "inline"}:
            return value
        scheme, separator, place = value.partition("://")
        if scheme != "tls" or not separator or not _is_host_and_port(place):
            raise ValueError("must be unix:, inline or tls://host:port")
        return value

    @field_validator("broker_url")
    @classmethod
    def _broker_is_known(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and urlsplit(value.get_secret_value()).scheme not in _BROKERS:
            raise ValueError("must begin with redis://, rediss://, amqp:// or amqps://")
        return value

    @field_validator("signing_host_listen")
    @classmethod
    def _signing_host_listens_at_a_place(cls, value: str) -> str:
        if value and not _is_host_and_port(value):
            raise ValueError("must be host:port")
        return value

    @field_validator("base_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        if not urlsplit(value).hostname:
            raise ValueError("must name a host")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_insecure_production(self) -> Self:
        keys = (self.s3_access_key.get_secret_value(), self.s3_secret_key.get_secret_value())
        if self.store == "s3" and not (self.s3_endpoint and all(keys)):
            raise ValueError("store=s3 needs s3_endpoint, s3_access_key and s3_secret_key")
        if self.csc_url and bool(self.csc_token.get_secret_value()) == bool(
                self.csc_client_id and self.csc_client_secret.get_secret_value()):
            raise ValueError("csc_url needs either csc_token, or csc_client_id and csc_client_secret")
        if self.bsre_url and not (self.bsre_username and self.bsre_password.get_secret_value()):
            raise ValueError("bsre_url needs bsre_username and bsre_password")
        if self.bsre_appearance == "image" and not self.bsre_image:
            raise ValueError("bsre_appearance=image needs bsre_image")
        if self.bsre_page != "box" and self.bsre_version != 1:
            raise ValueError("bsre_page=first and bsre_page=last need bsre_version=1: version 2 knows pages by number")
        if (self.signing_host_listen or self.signing_host.startswith("tls:")) and not all(
                (self.signing_host_cert, self.signing_host_key, self.signing_host_ca)):
            raise ValueError("TLS with a signing host needs signing_host_cert, signing_host_key and signing_host_ca")
        if self.engine == "celery" and not self.broker_url.get_secret_value():
            raise ValueError("engine=celery needs broker_url")
        if self.mail == "smtp" and not self.smtp_host:
            raise ValueError("mail=smtp needs smtp_host")
        if self.env == "production":
            faults = self._production_faults()
            if faults:
                raise ValueError("not fit for production: " + "; ".join(faults))
        return self

    def _production_faults(self) -> list[str]:
        faults = []
        if len(self.secret_key.get_secret_value()) < _MIN_SECRET:
            faults.append("secret_key must have at least 32 characters")
        if not self.server_key.get_secret_value():
            faults.append("server_key must be set")
        if self.tsa_user and any(url.startswith("http://") for url in self.tsa_addresses):
            faults.append("tsa_urls must be https where tsa_user is sent")
        if not self.base_url.startswith("https://"):
            faults.append("base_url must be https")
        if self.failpoint:
            faults.append("failpoint must be empty")
        if not self.rate_limits:
            faults.append("rate_limits must stay on")
        if any(url.startswith("http://") for url in (self.csc_url, self.bsre_url)):
            faults.append("csc_url and bsre_url must be https (put TLS in front of the service)")
        if self.web_workers > 1 and self.rate_limit_storage == "memory://":
            faults.append("rate_limit_storage must be shared (redis://) with more than one web worker")
        return faults

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def ends(self) -> AlgorithmEnds:
        """When algorithms end: the built-in dates, and what was set in their place."""
        return parse_ends(self.algorithm_ends)

    @property
    def tzinfo(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.var_dir.resolve() / 'paraf.db'}"

    @property
    def tsa_addresses(self) -> tuple[str, ...]:
        """The external time-stamp authorities in their order; none: the built-in one."""
        return tuple(part.strip() for part in self.tsa_urls.split(",") if part.strip())

    @property
    def signing_host_socket(self) -> Path:
        """Where the signing host of this machine listens."""
        return self.var_dir / "run" / "signing-host.sock"

    @property
    def revocation_allowed_hosts(self) -> frozenset[str]:
        return frozenset(part.strip().lower() for part in self.revocation_hosts.split(",") if part.strip())

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1024 * 1024

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """Read the settings. :raises SettingsError: unknown, missing or unfit values, each named."""
        given = os.environ if environ is None else environ
        known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        unknown = sorted(key for key in given if key.startswith(PREFIX) and key not in known)
        if unknown:
            raise SettingsError(f"unknown settings: {', '.join(unknown)}")
        values = {key[len(PREFIX):].lower(): value for key, value in given.items() if key in known}
        try:
            file = env_file if env_file and env_file.is_file() else None
            return cls(_env_file=file, **values)  # type: ignore[call-arg,arg-type]
        except ValidationError as error:
            raise SettingsError("; ".join(map(_describe_fault, error.errors()))) from error


def _is_host_and_port(place: str) -> bool:
    try:
        parts = urlsplit(f"//{place}")
        return bool(parts.hostname) and parts.port is not None and parts.netloc == place
    except ValueError:
        return False


def _describe_fault(item: ErrorDetails) -> str:
    name = "_".join(str(part) for part in item["loc"]).upper()
    return f"{PREFIX}{name}: {item['msg']}" if name else item["msg"]
