"""Runs a program with the system calls that a unit allows, as systemd would."""

import ctypes
import os
import re
import signal
import subprocess

ALLOW = 0x7FFF0000
EPERM = 0x00050001  # SCMP_ACT_ERRNO(1)
PR_SET_PDEATHSIG = 1


def members(name):
    """The system calls of a set such as @system-service."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = {line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")}
    return set().union(*(members(word) if word.startswith("@") else {word} for word in words))


def allowed(unit):
    """What the lines SystemCallFilter= of a unit come to."""
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        words = line.removeprefix("~").split()
        some = set().union(*(members(word) if word.startswith("@") else {word} for word in words))
        calls = calls - some if line.startswith("~") else calls | some
    return calls


def start(command, unit, **options):
    """A process under that filter, which ends with this one."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(EPERM)))
    for call in allowed(unit):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # others are of other machines
            assert seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, ctypes.c_uint(0)) == 0, call
    libc = ctypes.CDLL(None)

    def confine():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if seccomp.seccomp_load(context) != 0:
            os._exit(126)

    try:
        return subprocess.Popen(command, preexec_fn=confine, **options)
    finally:
        seccomp.seccomp_release(context)
