"""What a matrix run has finished, kept so that neither a kill nor a full disk costs more than the cells in work.

A text file of one record a line, only ever appended to::

    {"sha256":"<of the record's text>","record":{...}}

The first record says what the file is; each other is a cell. A last line without its end was being written when the
machine stopped, and is cut off. Anything else that does not fit its checksum is damage, and refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isp.errors import InputError, OutputError
from isp.fingerprint import canonical

VERSION = 1
KIND = "mobile-isp matrix"
_HEAD, _MIDDLE, _TAIL = b'{"sha256":"', b'","record":', b"}\n"
_DIGITS = 64


def line_of(record: dict[str, Any]) -> bytes:
    """The line of a record."""
    text = canonical(record).encode()
    return _HEAD + hashlib.sha256(text).hexdigest().encode() + _MIDDLE + text + _TAIL


class Journal:
    """An open journal; made by `open_journal`.

    Attributes
    ----------
    records : list of dict
        Cells found in it, the oldest first.
    torn : int
        Bytes that were cut off its end.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor
        self.records: list[dict[str, Any]] = []
        self.torn = 0
        data = _whole(descriptor)
        end = data.rfind(b"\n") + 1
        lines = data[:end].splitlines(keepends=True)
        found = [self._read(number, line) for number, line in enumerate(lines, 1)]
        if found:
            self._check_head(found[0])
            self.records = found[1:]
        if end < len(data):
            self.torn = len(data) - end
            os.ftruncate(descriptor, end)
        if not found:
            self.append({"kind": KIND, "version": VERSION})

    def append(self, record: dict[str, Any]) -> None:
        """Add a record; it is on the disk when this returns.

        Raises
        ------
        OutputError
            The disk is full or gone.
        """
        line = line_of(record)
        try:
            done = 0
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _read(self, number: int, line: bytes) -> dict[str, Any]:
        start = len(_HEAD) + _DIGITS + len(_MIDDLE)
        text = line[start : -len(_TAIL)]
        if line != _HEAD + hashlib.sha256(text).hexdigest().encode() + _MIDDLE + text + _TAIL:
            raise InputError(
                f"{self.path}: record {number} is damaged: it does not fit its checksum; start anew with --overwrite"
            )
        record: dict[str, Any] = json.loads(text)
        return record

    def _check_head(self, head: dict[str, Any]) -> None:
        if head.get("kind") != KIND:
            raise InputError(f"{self.path}: not a journal of a matrix run")
        if head.get("version", 0) > VERSION:
            raise InputError(
                f"{self.path}: written by a newer program (version {head['version']}; this one knows {VERSION})"
            )


@contextmanager
def open_journal(path: Path, *, anew: bool = False) -> Iterator[Journal]:
    """The journal at `path`, made if it is missing, emptied if `anew`, for this process alone.

    Raises
    ------
    InputError
        It is damaged, something else, or of a newer program.
    OutputError
        It cannot be written, or another run is writing it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(f"{path}: another run is writing it; wait for it, or choose another folder") from None
        if anew:
            os.ftruncate(descriptor, 0)
        yield Journal(path, descriptor)
    finally:
        os.close(descriptor)


def _whole(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    parts, done = [], 0
    while done < size:
        part = os.pread(descriptor, size - done, done)
        if not part:
            break
        parts.append(part)
        done += len(part)
    return b"".join(parts)
