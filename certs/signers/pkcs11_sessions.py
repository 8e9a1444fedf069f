"""Sessions on PKCS#11 tokens (OASIS PKCS#11 v2.40): who is logged in, for how long, and what a failure means.

Logging in is an affair of the whole token and of the whole process, not of one session: while somebody is logged
in, every session of this process on that token is. Therefore:

* each signer has a token (slot, partition, card) of his own: whoever knows a token's PIN can use all its keys;
* acts on one token stand in line, and each logs in with the PIN that was typed and logs out at its end, whatever
  happened; acts on different tokens run side by side;
* the pool keeps sessions that are open and logged out; no PIN outlives its act.

``python-pkcs11`` logs in only while it opens a session, and forgets that session when the PIN is wrong: the module
would keep it open for ever. So login and logout go through the module's own function list here.

A module that was loaded before a fork is of no use in the child: it is initialised anew there at first use. That
works as long as no thread is inside the module while the process forks, so servers fork before they sign.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import pkcs11
from pkcs11 import TokenFlag
from pkcs11 import exceptions as module_errors

from certs.signers.port import ActivationRefused, BackendError, BackendRefused, BackendUnavailable, SignerNotReady

_CKU_USER = 1
_LOGIN, _LOGOUT = 18, 19  # places in CK_FUNCTION_LIST
_ALREADY_IN, _NOT_IN = 0x100, 0x101
_WRONG_PIN = (module_errors.PinIncorrect, module_errors.PinInvalid, module_errors.PinLenRange)
_UNUSABLE_PIN = (module_errors.PinLocked, module_errors.PinExpired, module_errors.UserPinNotInitialized)


class _NotRunning(module_errors.PKCS11Error):
    """CKR_CRYPTOKI_NOT_INITIALIZED: somebody else has stopped the module."""


_STALE = (module_errors.SessionClosed, module_errors.SessionHandleInvalid, module_errors.DeviceRemoved,
          module_errors.TokenNotPresent, _NotRunning)
_CODES: dict[int, type[module_errors.PKCS11Error]] = {
    0x30: module_errors.DeviceError, 0x32: module_errors.DeviceRemoved,
    0xA0: module_errors.PinIncorrect, 0xA1: module_errors.PinInvalid, 0xA2: module_errors.PinLenRange,
    0xA3: module_errors.PinExpired, 0xA4: module_errors.PinLocked,
    0xB0: module_errors.SessionClosed, 0xB3: module_errors.SessionHandleInvalid,
    0xE0: module_errors.TokenNotPresent, 0xE1: module_errors.TokenNotRecognised,
    0x100: module_errors.UserAlreadyLoggedIn, 0x102: module_errors.UserPinNotInitialized, 0x190: _NotRunning,
}
# The module or the token looked at the request itself and will say the same again.
_REFUSALS = (
    module_errors.MechanismInvalid, module_errors.MechanismParamInvalid, module_errors.KeySizeRange,
    module_errors.KeyTypeInconsistent, module_errors.DomainParamsInvalid, module_errors.FunctionNotSupported,
    module_errors.TemplateIncomplete, module_errors.TemplateInconsistent, module_errors.TokenWriteProtected,
    module_errors.MultipleObjectsReturned, module_errors.MultipleTokensReturned,
    module_errors.AttributeTypeInvalid, module_errors.AttributeValueInvalid, module_errors.AttributeReadOnly)

_Place: TypeAlias = tuple[str, str]  # a token's label and serial number as they are asked for


@dataclass(frozen=True)
class Pkcs11Config:
    """The module (path of its library), and the token by its label and, where labels repeat, its serial number.

    ``wait`` is how many seconds an act stands in line for the token. ``pool_size`` is how many sessions this process
    has open with the module at most.
    """

    module: str
    token: str
    wait: float = 30.0
    serial: str = ""
    pool_size: int = 16


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", ctypes.c_ubyte * 2), ("functions", ctypes.c_void_p * 68))


class _Authentication:
    """C_Login and C_Logout of a module that is loaded already."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        found = ctypes.POINTER(_FunctionList)()
        if library.C_GetFunctionList(ctypes.byref(found)) != 0:
            raise OSError("no function list")
        functions = found.contents.functions
        ulong = ctypes.c_ulong
        self._library = library  # keeps it loaded
        self._login = ctypes.CFUNCTYPE(ulong, ulong, ulong, ctypes.c_char_p, ulong)(functions[_LOGIN])
        self._logout = ctypes.CFUNCTYPE(ulong, ulong)(functions[_LOGOUT])

    def log_in(self, session: Any, pin: bytes) -> None:
        """:raises PKCS11Error: not logged in"""
        code = self._login(session.handle, _CKU_USER, pin, len(pin))
        if code == _ALREADY_IN:  # a login that was left over would let any PIN pass
            self._logout(session.handle)
            code = self._login(session.handle, _CKU_USER, pin, len(pin))
        if code:
            raise _CODES.get(code, module_errors.PKCS11Error)(f"C_Login: {code:#x}")

    def log_out(self, session: Any) -> bool:
        """Whether the token is surely logged out."""
        return self._logout(session.handle) in {0, _NOT_IN}


class _Module:
    """A loaded module: its pool of sessions, and which tokens are in use."""

    def __init__(self, library: Any, authentication: _Authentication) -> None:
        self._library = library
        self._authentication = authentication
        self._changed = threading.Condition()
        self._busy: set[_Place] = set()
        self._idle: OrderedDict[_Place, Any] = OrderedDict()

    @contextmanager
    def session(self, config: Pkcs11Config, pin: bytes, *, is_writing: bool) -> Iterator[Any]:
        place = (config.token, config.serial)
        kept = self._claim(place, config)
        to_keep = None
        try:
            session = self._logged_in(config, pin, kept, is_writing=is_writing)
            is_sound = False
            try:
                yield session
                is_sound = True
            finally:
                if self._authentication.log_out(session) and is_sound and not is_writing:
                    to_keep = session
                else:
                    _close(session)
        finally:
            with self._changed:
                self._busy.discard(place)
                if to_keep is not None:
                    self._idle[place] = to_keep
                self._changed.notify_all()

    def _claim(self, place: _Place, config: Pkcs11Config) -> Any:
        """Be the only one on a token; the session that waits there, or None.

        :raises BackendUnavailable: others are at it for too long
        """
        with self._changed:
            if not self._changed.wait_for(
                    lambda: place not in self._busy and len(self._busy) < config.pool_size, config.wait):
                raise BackendUnavailable("the token is busy with other signatures", "busy")
            self._busy.add(place)
            kept = self._idle.pop(place, None)
            while self._idle and len(self._busy) + len(self._idle) > config.pool_size:
                _close(self._idle.popitem(last=False)[1])
            return kept

    def _logged_in(self, config: Pkcs11Config, pin: bytes, kept: Any, *, is_writing: bool) -> Any:
        if kept is not None and not is_writing:
            try:
                return self._log_in(kept, pin)
            except _STALE:  # it died while it waited, so no PIN was looked at
                kept = None
        if kept is not None:
            _close(kept)
        return self._log_in(self._opened(config, is_writing=is_writing), pin)

    def _log_in(self, session: Any, pin: bytes) -> Any:
        try:
            self._authentication.log_in(session, pin)
        except _WRONG_PIN as error:
            left = attempts_left(session.token.slot.get_token().flags)
            _close(session)
            raise ActivationRefused("the PIN is wrong", "pin", type(error).__name__, left) from error
        except module_errors.PKCS11Error:
            _close(session)
            raise
        return session

    def _opened(self, config: Pkcs11Config, *, is_writing: bool) -> Any:
        try:
            return self._find(config).open(rw=is_writing)
        except module_errors.MultipleTokensReturned:
            raise
        except module_errors.PKCS11Error:  # a token that came since, or a connection that is lost
            if not self._begin_anew():
                raise
        return self._find(config).open(rw=is_writing)

    def _find(self, config: Pkcs11Config) -> Any:
        found: list[Any] = []
        for slot in self._library.get_slots(token_present=True):
            with suppress(module_errors.PKCS11Error):  # a neighbour's broken card is not our affair
                token = slot.get_token()
                serial = token.serial.decode("utf-8", "replace")
                if token.label == config.token and config.serial in {"", serial}:
                    found.append(token)
        if not found:
            raise module_errors.NoSuchToken("no such token")
        if len(found) > 1:
            raise module_errors.MultipleTokensReturned("several tokens have this label: give the serial number")
        return found[0]

    def _begin_anew(self) -> bool:
        """Start the module again, unless somebody else is using it: whether it was."""
        with self._changed:
            if len(self._busy) > 1:
                return False
            self._idle.clear()
            _initialise(self._library)
            return True


class _Modules:
    """The modules of this process."""

    def __init__(self) -> None:
        self._begin(is_child=False)
        os.register_at_fork(after_in_child=lambda: self._begin(is_child=True))

    def _begin(self, *, is_child: bool) -> None:
        self._lock = threading.Lock()  # the old one may have been held by a thread that is not in the child
        self._modules: dict[str, _Module] = {}
        self._is_child = is_child

    def load(self, path: str) -> _Module:
        """:raises BackendUnavailable: no such library, or it does not start"""
        with self._lock:
            if path not in self._modules:
                try:
                    library = pkcs11.lib(path)
                    if self._is_child:
                        _initialise(library)
                    self._modules[path] = _Module(library, _Authentication(path))
                except (RuntimeError, OSError, AttributeError) as error:
                    raise BackendUnavailable("the PKCS#11 module cannot be loaded", "module") from error
            return self._modules[path]


_MODULES = _Modules()


@contextmanager
def token_session(config: Pkcs11Config, pin: str, *, is_writing: bool = False) -> Iterator[Any]:
    """A session on the token, logged in, and alone on that token in this process. Logged out at the end.

    :raises ActivationRefused: the PIN is wrong
    :raises SignerNotReady: it is locked, expired or not set
    :raises BackendUnavailable: no module, no token, or too long a queue
    :raises BackendRefused: the token can or will not do it
    """
    try:
        encoded = pin.encode()
    except UnicodeEncodeError as error:
        raise ActivationRefused("no PIN has such characters", "pin") from error
    if not encoded:
        raise ActivationRefused("a PIN is needed", "pin")
    module = _MODULES.load(config.module)
    with in_the_ports_words(), module.session(config, encoded, is_writing=is_writing) as session:
        yield session


@contextmanager
def in_the_ports_words() -> Iterator[None]:
    """What the module says within, as an error of the port: those of :func:`token_session`."""
    try:
        yield
    except module_errors.PKCS11Error as error:
        raise _meaning(error) from error


def attempts_left(flags: TokenFlag) -> int | None:
    """How often a wrong PIN may still be typed, as far as a token's flags tell."""
    if TokenFlag.USER_PIN_LOCKED in flags:
        return 0
    return 1 if TokenFlag.USER_PIN_FINAL_TRY in flags else None


def _meaning(error: module_errors.PKCS11Error) -> BackendError:
    """In the port's words. No signature leaves the token but by an answer, so nothing here is unknown."""
    name = type(error).__name__
    if isinstance(error, _WRONG_PIN):  # of a key that wants it for every signature
        return ActivationRefused("the PIN is wrong", "pin", name)
    if isinstance(error, _UNUSABLE_PIN):
        return SignerNotReady("the token's PIN is locked, expired or not set", name, name)
    if isinstance(error, module_errors.NoSuchKey):
        return SignerNotReady("the token has no such key", name, name)
    if isinstance(error, _REFUSALS):
        return BackendRefused("the token refuses", name)
    return BackendUnavailable("the token is not there or fails", name)


def _initialise(library: Any) -> None:
    """Start a module (again): what was open in it is gone."""
    with suppress(module_errors.PKCS11Error):  # not even started, in a child
        library.finalize()
    library.initialize()


def _close(session: Any) -> None:
    with suppress(module_errors.PKCS11Error):  # gone already
        session.close()
