"""A file is either what it was or complete: written beside its place, synced, then renamed.

A reader never sees a half-written file, and a full disk or a killed process leaves the old one untouched.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from isp.errors import OutputError
from isp.io.source import shown

_PART = re.compile(rb"\.(.+)\.(\d+)-([0-9a-f]{12})\.part", re.DOTALL)
_LONGEST_NAME = 255
"""Bytes in a file name on every file system in use."""


def check_writable(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Check, before any work is done, that a file can be written at `path`.

    Parameters
    ----------
    path : where the file is to be
    overwrite : True if it may replace a file

    Raises
    ------
    OutputError
        The folder is missing, not a folder or read-only; the path is a directory or device; or the file exists and
        `overwrite` is False.
    """
    try:
        return _check(Path(os.fspath(path)), shown(path), overwrite)
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written: {error.strerror or error}") from error


def _check(target: Path, name: str, overwrite: bool) -> Path:
    if "\0" in os.fspath(target) or not target.name:
        raise OutputError(f"{name}: is not a file name")
    if len(os.fsencode(target.name)) > _LONGEST_NAME:
        raise OutputError(f"{name}: the name is longer than {_LONGEST_NAME} bytes")
    folder = target.parent
    if not folder.exists():
        raise OutputError(f"{name}: folder {shown(folder)} does not exist")
    if not folder.is_dir():
        raise OutputError(f"{name}: {shown(folder)} is not a folder")
    if target.is_dir():
        raise OutputError(f"{name}: is a directory")
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(target).st_mode):
            # renaming over a device would replace the device
            raise OutputError(f"{name}: is not a regular file")
    if os.path.lexists(target) and not overwrite:
        raise OutputError(f"{name}: exists; give --overwrite to replace it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{name}: folder {shown(folder)} is read-only")
    return target


@contextmanager
def atomic_write(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[BinaryIO]:
    """Write a file that appears at `path` complete, or not at all.

    Use as ``with atomic_write(path, overwrite) as file: file.write(data)``. On any exception in the block the
    temporary file is removed and what was at `path` is untouched; errors of the operating system become `OutputError`.

    Parameters
    ----------
    path : where the file is to be
    overwrite : True if it may replace a file

    Yields
    ------
    file : binary, writable and seekable

    Raises
    ------
    OutputError
        See `check_writable`; also when the disk is full or writing fails.
    """
    target = check_writable(path, overwrite)
    name = shown(path)
    sweep(target.parent)
    part = _part_name(target)
    done = False
    # a signal may end the process right behind the opening
    try:
        descriptor = _opened(part, name)
        # opened by its name, which tifffile asks for
        with open(part, "w+b", opener=lambda *_: descriptor) as file:
            with suppress(OSError):  # a file system without locks; the process id still tells
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fchmod(descriptor, 0o666 & ~_umask())
            os.fsync(descriptor)
            _put(part, target, overwrite)
            done = True
        _sync_folder(target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{name}: cannot be written: {reason}; {_state(done, overwrite)}") from error
    finally:
        if not done:
            with suppress(OSError):
                os.unlink(part)


def _opened(part: str, name: str) -> int:
    try:
        return os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputError(f"{name}: cannot be written: {error.strerror}") from error


def sweep(folder: Path) -> int:
    """Remove the temporary files that dead processes left in `folder`; how many there were."""
    removed = 0
    try:
        entries = os.listdir(os.fsencode(folder))
    except OSError:
        return 0
    for entry in entries:
        match = _PART.fullmatch(entry)
        if match is None or _alive(int(match[2])):
            continue
        path = os.path.join(os.fsencode(folder), entry)
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                # a writer in another container or on another machine holds its lock: its process id says nothing here
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
                removed += 1
            finally:
                os.close(descriptor)
    return removed


def _part_name(target: Path) -> str:
    ending = f".{os.getpid()}-{secrets.token_hex(6)}.part".encode()
    stem = os.fsencode(target.name)[: _LONGEST_NAME - 1 - len(ending)]
    return os.path.join(target.parent, os.fsdecode(b"." + stem + ending))


def _put(part: str, target: Path, overwrite: bool) -> None:
    if overwrite:
        os.replace(part, target)
        return
    try:
        # unlike a rename, a link fails if somebody else made the file meanwhile
        os.link(part, target)
    except FileExistsError:
        raise OSError(errno.EEXIST, "somebody else wrote the file meanwhile") from None
    except OSError:
        if os.path.lexists(target):
            raise
        os.replace(part, target)  # a file system without links
    else:
        os.unlink(part)


def _state(done: bool, overwrite: bool) -> str:
    if done:
        return "the file is in place but may not survive a power failure"
    return "the file that was there is untouched" if overwrite else "nothing was written"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems cannot sync a folder, and do not need to
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    # os.umask can only be read by setting it, which other threads would notice
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
