"""What keeps a worker in: privileges, namespaces, Landlock, limits. Linux only; each says whether it is in force.

:func:`enclose_process` is for the zygote, once and for all its children; :func:`enclose_child` for a child, before
it sees a hostile byte.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import certs
import svc
from svc.cage.port import CageFacts
from svc.cage.syscalls import forbid_syscalls

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_NEW_IPC, _NEW_USER, _NEW_NET = 0x08000000, 0x10000000, 0x40000000
_CAPABILITY_VERSION = 0x20080522
# Landlock: numbers that are the same on all machines.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version: how many rights it knows
_NICENESS = 10
_MAX_FILES = 24
_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts", "/etc/fonts")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def enclose_process() -> CageFacts:
    """Put the calling process behind every bar that this kernel offers. It must have one thread only."""
    libc = _libc()
    with contextlib.suppress(OSError):  # the first to go when memory runs out, rather than the database
        Path("/proc/self/oom_score_adj").write_text("900", "ascii")
    own_network = libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC) == 0
    if not own_network:  # root in a container often may do this without a user namespace
        own_network = libc.unshare(_NEW_NET | _NEW_IPC) == 0
    no_new_privileges = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    no_capabilities = _drop_capabilities(libc)
    landlock = _forbid_files(libc, readable_folders())
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return CageFacts(is_apart=True, no_new_privileges=no_new_privileges, no_capabilities=no_capabilities,
                     own_network=own_network, landlock=landlock)


def enclose_child(parent: int, memory_mb: int, seconds: int) -> tuple[bool, bool]:
    """Limits and the filter of system calls; whether (limits, filter) are in force.

    :param parent: the zygote; when it dies, this process does
    """
    # Only after the namespaces are changed, for that clears the wish.
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    os.nice(_NICENESS)
    return _limit(memory_mb * 1024 * 1024, seconds), forbid_syscalls()


def readable_folders() -> tuple[Path, ...]:
    """The interpreter's library, the installed packages, our own code, fonts; nothing that belongs to anybody."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [f"{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/lib-dynload"]
    folders += [str(Path(str(certs.__file__)).parent), str(Path(str(svc.__file__)).parent / "cage"), *_FONTS]
    return tuple(dict.fromkeys(Path(one) for one in folders if Path(one).is_dir()))


def _drop_capabilities(libc: ctypes.CDLL) -> bool:
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    return bool(libc.capset(header, bytes(24)) == 0)


def _forbid_files(libc: ctypes.CDLL, readable: Iterable[Path]) -> int:
    """Nothing may be opened any more, but these folders for reading; no TCP. The version of Landlock, 0: none."""
    version = int(libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))
    if version < 1:
        return 0
    handled = (1 << _FILE_RIGHTS.get(version, max(_FILE_RIGHTS.values()))) - 1
    fields = [handled]
    if version >= 4:
        fields.append(0b11)  # bind, connect
    if version >= 6:
        fields.append(0b11)  # abstract Unix sockets and signals to processes outside
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    if ruleset < 0:
        return 0
    try:
        for folder in readable:
            _allow_reading(libc, ruleset, folder)
        return version if libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, folder: Path) -> None:
    place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, place)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)  # one that is not taken stays forbidden
    finally:
        os.close(place)


def _limit(memory: int, seconds: int) -> bool:
    limits = {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: seconds, resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _MAX_FILES, resource.RLIMIT_CORE: 0, resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_MEMLOCK: 0, resource.RLIMIT_MSGQUEUE: 0}
    try:
        for which, most in limits.items():
            resource.setrlimit(which, (most, most))
    except (OSError, ValueError):
        return False
    return True
