"""Everything a fit has computed, kept so that a kill costs the evaluation in work and no more.

A fit is a function of its inputs and seed: run again, it asks for the same evaluations in the same order. Those that
the journal holds are answered from it, bit for bit, so a fit that goes on after a kill ends where an unbroken one does.

The file is one line of text (`MAGIC` and the version) and records, only ever appended to::

    length, CRC32 of the length, CRC32 of the text: 3 x uint32, little endian      JSON text of that length

each on the disk before the next evaluation begins. What is cut off at the end was being written when the machine
stopped. A record that does not fit its checksums and has others behind it is damage, and refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isp.errors import OutputError, ProfileError
from isp.fingerprint import canonical

MAGIC = b"mobile-isp fit journal "
VERSION = 1
_HEAD = struct.Struct("<III")


class Journal:
    """An open journal, or one in memory only.

    Attributes
    ----------
    torn : bytes cut off its end
    answered : evaluations answered from it so far
    """

    def __init__(self, path: Path | None = None, descriptor: int = -1) -> None:
        self.path, self._descriptor = path, descriptor
        self.torn = self.answered = 0
        self._records: list[dict[str, Any]] = []
        if path is not None:
            self._read()

    @property
    def held(self) -> int:
        """Evaluations in it that have not been asked for."""
        return len(self._records) - self.answered

    def begin(self, identity: Mapping[str, Any]) -> None:
        """State what the fit is; a journal of another one is refused.

        Raises
        ------
        ProfileError
            It belongs to a fit with other inputs, parameters, seed or versions; the first that differs is named.
        """
        given = json.loads(canonical(identity))
        before = self._next()
        if before is None:
            self._append({"fit": given})
            return
        if "fit" not in before:
            raise ProfileError(f"{self.path}: record 1 does not say which fit this is; start anew with --overwrite")
        for key in sorted({*given, *before["fit"]}):
            if given.get(key) != before["fit"].get(key):
                raise ProfileError(f"{self.path}: belongs to another fit: {key} differs; start anew with --overwrite")

    def once(self, kind: str, where: Any, compute: Callable[[], Any]) -> Any:
        """What `compute` gives at `where`: from the journal if it is there, else computed and kept.

        Parameters
        ----------
        kind, where : what is computed, as JSON; the same in every run of the fit
        compute : gives finite numbers and lists of them
        """
        asked = json.loads(canonical([kind, where]))
        record = self._next()
        if record is not None:
            if record.get("asked") != asked:
                raise ProfileError(f"{self.path}: record {self.answered} is not what this fit asks for next; start "
                                   "anew with --overwrite")
            return record["found"]
        found = compute()
        self._append({"asked": asked, "found": found})
        return found

    def _next(self) -> dict[str, Any] | None:
        if self.answered >= len(self._records):
            return None
        self.answered += 1
        return self._records[self.answered - 1]

    def _append(self, record: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        data = _packed(record)
        try:
            done = 0
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _read(self) -> None:
        with open(self._descriptor, "rb", closefd=False) as file:
            data = file.read()
        line, newline, _ = data.partition(b"\n")
        if not newline:
            if line and not (MAGIC + b"%d" % VERSION).startswith(line):
                raise ProfileError(f"{self.path}: not a journal of a fit")
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, MAGIC + b"%d\n" % VERSION)
            return
        self._check_line(line)
        at = len(line) + 1
        while at < len(data):
            end = self._record(data, at)
            if end is None:
                self.torn = len(data) - at
                os.ftruncate(self._descriptor, at)
                return
            at = end

    def _check_line(self, line: bytes) -> None:
        number = line[len(MAGIC) :]
        if not line.startswith(MAGIC) or not number.isdigit():
            raise ProfileError(f"{self.path}: not a journal of a fit")
        if int(number) > VERSION:
            raise ProfileError(f"{self.path}: written by a newer program (journal version {int(number)}; this one "
                               f"knows {VERSION})")

    def _record(self, data: bytes, at: int) -> int | None:
        """Read the record at `at`; where the next one begins, or None if it was being written at the end."""
        begin = at + _HEAD.size
        if begin > len(data):
            return None
        length, sum_length, sum_text = _HEAD.unpack(data[at:begin])
        text = data[begin : begin + length]
        sound = zlib.crc32(struct.pack("<I", length)) == sum_length
        if sound and len(text) < length:
            return None
        if not sound or zlib.crc32(text) != sum_text:
            if sound and begin + length == len(data):
                return None
            raise ProfileError(f"{self.path}: record {len(self._records) + 1} is damaged: it does not fit its "
                               "checksum; start anew with --overwrite")
        self._records.append(json.loads(text))
        return int(begin + length)


def _packed(record: Mapping[str, Any]) -> bytes:
    text = canonical(record).encode()
    return _HEAD.pack(len(text), zlib.crc32(struct.pack("<I", len(text))), zlib.crc32(text)) + text


@contextmanager
def open_journal(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[Journal]:
    """The journal at `path`, for this process alone.

    Parameters
    ----------
    resume : go on with one that is there
    overwrite : begin anew

    Raises
    ------
    ProfileError
        It is damaged, something else, or of a newer program. (An empty one is begun anew: nothing had been kept.)
    OutputError
        It cannot be written, another fit is writing it, it is there without leave, or not there to go on with.
    """
    there = path.exists()
    if there and not (resume or overwrite):
        raise OutputError(f"{path}: a fit was begun here; give --resume to go on with it, or --overwrite to begin anew")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(f"{path}: another fit is writing it; wait for it, or choose another output") from None
        if overwrite and not resume:
            os.ftruncate(descriptor, 0)
        yield Journal(path, descriptor)
    finally:
        os.close(descriptor)
