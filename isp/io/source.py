"""Opening an untrusted file: what it is, how large, whether it stays the same, and its fingerprint."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from isp.errors import InputError
from isp.io.limits import Limits

CHUNK = 1 << 20
"""Bytes hashed at a time: large enough to release the interpreter lock for long, small against any frame."""

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"\x93NUMPY", "NumPy array"),
    (b"v/1\x01", "OpenEXR"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)
_BRANDS = {b"heic": "HEIF", b"heix": "HEIF", b"mif1": "HEIF", b"avif": "AVIF"}
_BRANDS |= {b"mp42": "MP4", b"isom": "MP4", b"qt  ": "MOV"}


def shown(path: str | os.PathLike[str]) -> str:
    """A path for messages: on one line whatever bytes its name holds."""
    text = os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else repr(text)


class Source:
    """An open regular file whose bytes are being read once for hashing and once for decoding.

    `file` is unbuffered; `size` [bytes]; `name` is for messages. Hashing runs beside decoding in its own thread.
    """

    def __init__(self, path: Path, file: BinaryIO, before: os.stat_result) -> None:
        self.path = path
        self.name = shown(path)
        self.file = file
        self.size = before.st_size
        self._before = before
        self._digest = ""
        self._hashed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hash, daemon=True)

    def _hash(self) -> None:
        digest = hashlib.sha256()
        offset = 0
        # a failing disk fails the decoder, too, which says so; here the count of bytes shows it
        with suppress(OSError):
            # pread leaves the file position to the decoder
            while not self._stop.is_set() and (chunk := os.pread(self.file.fileno(), CHUNK, offset)):
                digest.update(chunk)
                offset += len(chunk)
        self._hashed = offset
        self._digest = digest.hexdigest()

    def start_hash(self) -> None:
        """Begin hashing in the background."""
        self._thread.start()

    def sha256(self) -> str:
        """SHA-256 of the bytes read [hex]; InputError if the file changed meanwhile."""
        self._thread.join()
        after = os.fstat(self.file.fileno())
        same = (after.st_size, after.st_mtime_ns) == (self._before.st_size, self._before.st_mtime_ns)
        if not same or self._hashed != self.size:
            raise InputError(f"{self.name}: changed while it was being read; try again when its writer has finished")
        return self._digest

    def close(self) -> None:
        """Stop hashing and close."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.file.close()

    def read_at(self, offset: int, count: int, what: str) -> bytes:
        """`count` bytes from `offset`; InputError saying "truncated" if the file ends earlier."""
        self.need(offset, count, what)
        data = os.pread(self.file.fileno(), count, offset)
        while len(data) < count:  # one pread returns at most 2^31 - 4096 bytes, and may be interrupted
            more = os.pread(self.file.fileno(), count - len(data), offset + len(data))
            if not more:
                raise InputError(f"{self.name}: truncated: {what} ends early")
            data += more
        return data

    def need(self, offset: int, count: int, what: str) -> None:
        """Raise `InputError` if the file does not hold `count` bytes from `offset`."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise InputError(
                f"{self.name}: truncated: {what} needs bytes {offset}..{offset + count}, the file has {self.size}"
            )


@contextmanager
def open_source(path: str | os.PathLike[str], limits: Limits) -> Iterator[Source]:
    """Open a regular file for reading without ever blocking.

    Raises
    ------
    InputError
        Missing, unreadable, empty, or not a regular file (directory, pipe, device, socket).
    LimitError
        Larger than `limits.file_megabytes`.
    """
    name = shown(path)
    try:
        # before opening, which alone may do something to a device
        _check_regular(os.stat(path), name)
        # O_NONBLOCK: opening a pipe without a writer returns at once; it changes nothing for regular files
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except PermissionError:
        raise InputError(f"{name}: permission denied") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: cannot be opened: {reason}") from None
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        _check_regular(before, name)
        if before.st_size == 0:
            raise InputError(f"{name}: not a RAW file: the file is empty")
        limits.check("file_megabytes", before.st_size, f"{name}: file size [MB]", 1e6)
        source = Source(Path(path), file, before)
        try:
            yield source
        finally:
            source.close()


def _check_regular(status: os.stat_result, name: str) -> None:
    for test, kind in _KINDS:
        if test(status.st_mode):
            raise InputError(f"{name}: is {kind}, not a regular file")


def found(head: bytes) -> str:
    """What the first bytes of a file look like, in words; empty if they might be a raw file."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in _BRANDS:
        return _BRANDS[head[8:12]]
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else "RIFF"
    if not head.strip(b"\0"):
        return "zero bytes"
    try:
        # the last character may be cut in two
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return ""
    return "text" if all(c.isprintable() or c in "\r\n\t\f" for c in text) else ""
