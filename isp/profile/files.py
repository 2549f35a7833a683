"""The files a profile may name: inside its own folder, of known size and hash, plain numbers only."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from isp.errors import LimitError, ProfileError, UsageError
from isp.io.cube import Cube, parse_cube
from isp.parameters import FileRef
from isp.profile.text import one_line, quoted

if TYPE_CHECKING:
    from isp.lenses.prescription import Prescription

MAX_FILE_BYTES: Final = 64_000_000
"""Largest file a profile may name [bytes]."""
MAX_VALUES: Final = 1_000_000
"""Most numbers in one array."""
MAX_AXES: Final = 4
_HEADER_BYTES: Final = 10_000
LENSES: Final = ".yaml"
_SUFFIXES: Final = (".npy", ".cube", LENSES)


def locate(ref: FileRef, folder: Path | None) -> Path:
    """The real path of `ref` inside `folder`; opens nothing.

    Raises
    ------
    ProfileError
        The name is absolute, a URL, leads out of the folder (also through a symbolic link), or is not there.
    """
    name = ref.file
    rule = "a file is named relative to the profile's own folder and inside it"
    if "://" in name:
        raise ProfileError(f"file {quoted(name)} is a URL; {rule}")
    if not name or not name.isprintable() or "\\" in name or re.match(r"[A-Za-z]:", name):
        raise ProfileError(f"file {quoted(name)} is not a plain file name; {rule}, parts joined by '/'")
    if name.startswith(("/", "~")):
        raise ProfileError(f"file {quoted(name)} is an absolute path; {rule}")
    if ".." in PurePosixPath(name).parts:
        raise ProfileError(f"file {quoted(name)} leads out of the profile's folder; {rule}")
    if folder is None:
        raise ProfileError(f"file {quoted(name)} cannot be found: this profile is not in a folder")
    base = Path(os.path.realpath(folder))
    real = Path(os.path.realpath(base / name))
    if not real.is_relative_to(base):
        raise ProfileError(f"file {quoted(name)} is a link out of the profile's folder; {rule}")
    if not real.is_file():
        raise ProfileError(f"file {quoted(name)} is not a file in the profile's folder {one_line(folder)}")
    return real


def load_file(
    ref: FileRef, folder: Path | None, *, anywhere: bool = False
) -> NDArray[np.float64] | Cube | Prescription:
    """What the file that `ref` names holds: an array (``.npy``), a look-up table (``.cube``) or a lens (``.yaml``).

    Parameters
    ----------
    ref : FileRef
        With a `sha256`, the bytes must have it.
    folder : Path or None
        The profile's own folder.
    anywhere : bool
        Take `ref.file` as a path from the working directory: for files the user named on the command line.

    Returns
    -------
    array of float64, any shape of up to 4 axes, finite; Cube; or Prescription

    Raises
    ------
    ProfileError
        Refused name, wrong hash, not such an array or table, a wrong lens file, or no lens of that name in it.
    LimitError
        Larger than `MAX_FILE_BYTES` or more than `MAX_VALUES` numbers.
    """
    path = Path(ref.file) if anywhere else locate(ref, folder)
    suffix = PurePosixPath(ref.file).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ProfileError(f"file {quoted(ref.file)} cannot be read; allowed: {', '.join(_SUFFIXES)}")
    data = read_bounded(path, MAX_FILE_BYTES, "file")
    found = hashlib.sha256(data).hexdigest()
    if ref.sha256 and found != ref.sha256.lower():
        raise ProfileError(f"file {quoted(ref.file)} has SHA-256 {found}, but the profile says {quoted(ref.sha256)}")
    if suffix == LENSES:
        return _lens(ref, data)
    return parse_cube(data, one_line(ref.file)) if suffix == ".cube" else parse_npy(data, ref.file)


def _lens(ref: FileRef, data: bytes) -> Prescription:
    from isp.lenses.lens_files import chosen
    from isp.lenses.reader import parse_lenses

    try:
        return chosen(parse_lenses(data, one_line(ref.file)), ref.name or None, one_line(ref.file))
    except UsageError as error:
        raise ProfileError(str(error)) from None


def parse_npy(data: bytes, name: str, most: int = MAX_VALUES, dtype: type[Any] = np.float64) -> NDArray[Any]:
    """The array in the bytes of a ``.npy`` file (format 1.0 or 2.0), of at most `most` numbers, as `dtype`.

    Never unpickles. Errors as `load_file`.
    """
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ProfileError(f"file {quoted(name)} has .npy format {version[0]}.{version[1]}; allowed: 1.0 and 2.0")
        shape, fortran, stored = read(stream, max_header_size=_HEADER_BYTES)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, LookupError, ArithmeticError) as error:
        raise ProfileError(f"file {quoted(name)} is not a .npy array: {one_line(error, 120)}") from None
    if stored.kind not in "iuf" or stored.itemsize not in (1, 2, 4, 8) or stored == np.float16:
        kind = one_line(stored, 60)
        raise ProfileError(f"file {quoted(name)} holds {kind}; allowed: 8 to 64-bit integers, float32 and float64")
    if len(shape) > MAX_AXES or any(n <= 0 for n in shape):
        raise ProfileError(
            f"file {quoted(name)} has shape {one_line(shape, 80)}; allowed: up to {MAX_AXES} axes, none of them empty"
        )
    count = 1
    for n in shape:
        count *= int(n)
    if count > most:
        raise LimitError(f"file {quoted(name)} declares {count} numbers; at most {most} are allowed")
    start = stream.tell()
    if len(data) - start != count * stored.itemsize:
        raise ProfileError(
            f"file {quoted(name)} is truncated or has bytes left over: its header asks for "
            f"{count * stored.itemsize} bytes, {len(data) - start} are there"
        )
    flat: NDArray[Any] = np.frombuffer(data, stored, count, start)
    if stored.kind == "f" and not np.isfinite(flat).all():
        raise ProfileError(f"file {quoted(name)} holds values that are not finite; write finite numbers")
    return flat.reshape(shape, order="F" if fortran else "C").astype(dtype)


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; never blocks on a pipe or device.

    Raises
    ------
    ProfileError
        Missing, unreadable or not a regular file.
    LimitError
        Larger than `limit`.
    """
    shown = one_line(path)
    try:
        # before opening, which alone may do something to a device
        _check_regular(os.stat(path), shown, what)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ProfileError(f"{shown}: {what} cannot be read: {reason}") from None
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        _check_regular(status, shown, what)
        if status.st_size > limit:
            raise LimitError(f"{shown}: {what} has {status.st_size} bytes; at most {limit} are allowed")
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise LimitError(f"{shown}: {what} has more than {limit} bytes, the most allowed")
    return data


def _check_regular(status: os.stat_result, shown: str, what: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise ProfileError(f"{shown}: {what} cannot be read: it is {kind}")
