"""A seccomp filter: what no parser needs is refused by the kernel (Linux ``seccomp(2)``, classic BPF).

A list of what is forbidden and not of what is allowed, since the C library and the interpreter change what they call
with every version; Landlock, limits and the network namespace stand behind it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000
_PR_SET_SECCOMP, _FILTER = 22, 2

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# New calls have one number everywhere.
_COMMON = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_open": 434, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "memfd_secret": 447,
    "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466}
_CLONE3 = 435
_OLD: dict[str, dict[str, int]] = {
    "x86_64": {
        # reaching others
        "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
        "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "mq_open": 240,
        # programs and processes
        "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322,
        "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "setsid": 112,
        "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "sched_setaffinity": 203,
        "sched_setattr": 314, "ioprio_set": 251, "migrate_pages": 256, "move_pages": 279,
        # files: what Landlock does not judge
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94, "fchownat": 260,
        "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280,
        "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
        "fremovexattr": 199, "memfd_create": 319, "open_by_handle_at": 304, "inotify_init": 253,
        "inotify_init1": 294, "fanotify_init": 300, "quotactl": 179,
        # the kernel itself
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
        "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
        "personality": 135, "syslog": 103, "reboot": 169, "swapon": 167},
    "aarch64": {
        "socket": 198, "bind": 200, "listen": 201, "accept": 202, "connect": 203, "accept4": 242,
        "shmget": 194, "shmat": 196, "semget": 190, "msgget": 186, "mq_open": 180,
        "clone": 220, "execve": 221, "execveat": 281,
        "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "setsid": 157,
        "setpriority": 140, "sched_setparam": 118, "sched_setscheduler": 119, "sched_setaffinity": 122,
        "sched_setattr": 274, "ioprio_set": 30, "migrate_pages": 238, "move_pages": 239,
        "fchmod": 52, "fchmodat": 53, "fchownat": 54, "fchown": 55, "utimensat": 88,
        "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
        "memfd_create": 279, "open_by_handle_at": 265, "inotify_init1": 26, "fanotify_init": 262, "quotactl": 60,
        "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268,
        "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
        "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
        "personality": 92, "syslog": 116, "reboot": 142, "swapon": 224},
}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_syscalls() -> bool:
    """Refuse them for this process from now on (EPERM). False: the kernel or the machine is not known to do so.

    ``no_new_privs`` must be set before. Cannot be undone.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    code = _program(machine)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(machine: str) -> bytes:
    refuse = _REFUSE | errno.EPERM
    steps = [
        _step(_LOAD_WORD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD_WORD, _NUMBER)]
    if machine == "x86_64":
        steps += [_step(_JUMP_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for number in (*_OLD[machine].values(), *_COMMON.values()):
        steps += [_step(_JUMP_EQUAL, number, 0, 1), _step(_RETURN, refuse)]
    # The C library falls back to clone(), which is refused above.
    steps += [_step(_JUMP_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _REFUSE | errno.ENOSYS)]
    # Limits of oneself may be read; those of another process may not be touched.
    steps += [
        _step(_JUMP_EQUAL, _PRLIMIT[machine], 0, 3), _step(_LOAD_WORD, _FIRST_ARGUMENT),
        _step(_JUMP_EQUAL, 0, 1, 0), _step(_RETURN, refuse), _step(_RETURN, _ALLOW)]
    return b"".join(steps)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


