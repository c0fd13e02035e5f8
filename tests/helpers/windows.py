"""Windows, as far as qmac can tell: names of Unix are missing, open files stay where they are.

``python -m helpers.windows ARGUMENTS`` runs the command line so. Only modules of qmac are deceived:
Python and the libraries go on with the real system.
"""

import builtins
import errno
import os
import signal
import struct
import sys
import types
from pathlib import Path

UNIX_MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"}
WINDOWS_OS = """
F_OK O_APPEND O_CREAT O_EXCL O_RDONLY O_RDWR O_TRUNC O_WRONLY P_NOWAIT P_WAIT R_OK SEEK_CUR
SEEK_END SEEK_SET W_OK X_OK _exit abc abort access altsep chdir chmod close closerange cpu_count
curdir defpath device_encoding devnull dup dup2 environ error execl execv execve extsep fdopen
fsdecode fsencode fspath fstat fsync ftruncate get_exec_path get_inheritable get_terminal_size
getcwd getcwdb getenv getlogin getpid getppid isatty kill linesep link listdir lseek lstat makedirs
mkdir name open pardir path pathsep pipe popen putenv read readlink remove removedirs rename
renames replace rmdir scandir sep set_inheritable spawnl spawnv stat stat_result strerror symlink
system terminal_size times truncate umask unlink unsetenv urandom utime waitpid walk write PathLike
DirEntry
""".split()  # noqa: SIM905
"""What ``os`` has on Windows, in Python 3.11."""
UNIX_SIGNALS = (
    "SIGHUP",
    "SIGALRM",
    "SIGKILL",
    "SIGSTOP",
    "SIGCONT",
    "SIGPIPE",
    "setitimer",
    "ITIMER_REAL",
    "alarm",
    "pthread_kill",
    "pthread_sigmask",
    "sigwait",
)
F_OFD_SETLK = 37
"""Locks of a part of a file that belong to a descriptor, as those of Windows do."""


def _is_open(path):
    """Whether this process has a file open."""
    try:
        wanted = Path(path).lstat()
    except OSError:
        return False
    for file in Path("/proc/self/fd").iterdir():
        try:
            status = os.fstat(int(file.name))
        except OSError:
            continue
        if os.path.samestat(status, wanted):
            return True
    return False


def _refuse_open(path, descriptors):
    if not any(descriptors) and _is_open(path):
        raise PermissionError(errno.EACCES, "it is open in a process", str(path))


def _unlink(path, *, dir_fd=None):
    _refuse_open(path, [dir_fd])
    os.unlink(path, dir_fd=dir_fd)


def _replace(source, target, *, src_dir_fd=None, dst_dir_fd=None):
    for path in (source, target):
        _refuse_open(path, [src_dir_fd, dst_dir_fd])
    if Path(target).is_dir():
        raise PermissionError(errno.EACCES, "a directory is not replaced", str(target))
    os.replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def _open(path, flags, mode=0o777, *, dir_fd=None):
    if Path(path).is_dir():
        raise PermissionError(errno.EACCES, "a directory is not opened", str(path))
    assert flags & WINDOWS.O_BINARY, "a file would be opened as text"
    return os.open(path, flags & ~WINDOWS.O_BINARY, mode, dir_fd=dir_fd)


def _lock_descriptor(descriptor, *, blocking=True):
    """Lock the first byte as filelock does on Windows; closing the descriptor frees it."""
    import fcntl

    assert not blocking
    for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK):  # the second for a file opened to read
        try:
            fcntl.fcntl(descriptor, F_OFD_SETLK, struct.pack("hhqqi4x", kind, 0, 0, 1, 0))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
        else:
            return True
    raise AssertionError


def _build_os():
    module = types.ModuleType("os")
    for name in WINDOWS_OS:
        if hasattr(os, name):
            setattr(module, name, getattr(os, name))
    module.O_BINARY = 0x40000000
    module.unlink = module.remove = _unlink
    module.replace = module.rename = _replace
    module.open = _open
    module.supports_dir_fd = module.supports_fd = set()
    module.supports_follow_symlinks = {os.stat}
    return module


def _build_signal():
    module = types.ModuleType("signal")
    for name in dir(signal):
        if name not in UNIX_SIGNALS:
            setattr(module, name, getattr(signal, name))
    return module


WINDOWS = _build_os()
INSTEAD = {
    "os": WINDOWS,
    "signal": _build_signal(),
    "filelock": types.SimpleNamespace(lock_descriptor=_lock_descriptor),
}


def pretend():
    """From here on, what qmac imports is that of Windows; call it before qmac is imported."""
    import_ = builtins.__import__

    def import_as_windows(name, globals=None, locals=None, fromlist=(), level=0):
        module = (globals or {}).get("__name__", "")
        if module.partition(".")[0] == "qmac" and not level:
            if name in UNIX_MODULES:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in INSTEAD:
                return INSTEAD[name]
        return import_(name, globals, locals, fromlist, level)

    builtins.__import__ = import_as_windows
    open_ = Path.open

    def open_path(self, *arguments, **options):
        if self.parts[:2] in {("/", "proc"), ("/", "sys")}:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", str(self))
        return open_(self, *arguments, **options)

    Path.open = open_path


if __name__ == "__main__":
    assert "qmac" not in sys.modules
    pretend()
    from qmac.cli.main import main

    main()
