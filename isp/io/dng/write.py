"""Raw frames go out as DNG: uncompressed 16-bit strips that other software opens, the same frame always the same bytes.

The directory is tifffile's. It makes no EXIF directory and no linear raw image of one sample, so the two tags that say
so are filled in here; pixels go from the frame to the file without a copy in between.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from isp.errors import InputError, UsageError
from isp.io.atomic import atomic_write, check_writable
from isp.io.dng.ifd import EXIF_IFD
from isp.io.dng.write_tags import LONG, RATIONAL, SHORT, Tag, exif_tags, main_tags
from isp.io.source import shown
from isp.values import RawFrame

_STRIP_BYTES = 1 << 22
_ONE = {SHORT: "=H", LONG: "=I"}
"""In this machine's byte order, as tifffile writes."""
_MOST_BYTES = 4_000_000_000
"""Offsets of 32 bits end a little above."""
_PHOTOMETRIC, _LINEAR_RAW = 262, 34892


def write_dng(
    frame: RawFrame,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    software: str | None = None,
    description: str = "",
) -> Path:
    """Write a raw frame as a DNG 1.4 file; `read_raw` gives it back, and other raw developers open it.

    Parameters
    ----------
    frame : RawFrame
        uint16 [DN]. What its `info` says is written as `docs/files.md` lists it; `origin` and `warnings` are not.
    path : where; ends in ``.dng``
    overwrite : True if a file at `path` may be replaced
    software : who made the file; None is ``mobile-isp`` and its version
    description : one line for ImageDescription

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError
        The suffix is not ``.dng``.
    InputError
        The frame holds what a DNG cannot: 32-bit data, a fractional white level, a CFA that no raw file has, a
        linearization table beyond 16 bits, more than three colour calibrations.
    OutputError
        The file cannot be written; what was there is untouched.

    Examples
    --------
    >>> write_dng(frame, "frame.dng")  # doctest: +SKIP
    """
    if Path(os.fspath(path)).suffix.lower() != ".dng":
        raise UsageError(f"{shown(path)}: raw frames are written as DNG; known suffix: .dng")
    if frame.data.dtype != np.uint16:
        raise InputError(
            f"{shown(path)}: raw data of dtype {frame.data.dtype} cannot be written as DNG; allowed: uint16"
        )
    if frame.data.nbytes > _MOST_BYTES:
        raise InputError(f"{shown(path)}: a frame of {frame.data.nbytes / 1e9:.1f} GB; a DNG holds up to 4 GB")
    if software is None:
        from isp import __version__

        software = f"mobile-isp {__version__}"
    try:
        main, exif = main_tags(frame, software, description), exif_tags(frame.info)
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}") from error
    target = check_writable(path, overwrite)
    with atomic_write(target, overwrite) as file:
        _write(file, frame, main, exif)
    return target


def _write(file: BinaryIO, frame: RawFrame, main: list[Tag], exif: list[Tag]) -> None:
    import tifffile

    rows = max(1, _STRIP_BYTES // frame.data[:1].nbytes)
    # a tag that points to a directory is refused by its number and taken by its name
    pointer = ("ExifTag", LONG, 1, 0, True)
    with tifffile.TiffWriter(file) as tiff:
        start, size = tiff.write(
            None,
            shape=frame.shape,
            dtype=np.uint16,
            photometric="cfa",
            metadata=None,
            software=False,
            extratags=[*((*tag, True) for tag in main), pointer],
            rowsperstrip=rows,
            returnoffset=True,
        )
    file.seek(start)
    for y in range(0, len(frame.data), rows):
        # a crop of a larger array is made contiguous a strip at a time
        file.write(np.ascontiguousarray(frame.data[y : y + rows]).data)
    file.write(_directory(exif, start + size))
    _set(file, EXIF_IFD, LONG, start + size)
    if frame.cfa.family == "mono":
        _set(file, _PHOTOMETRIC, SHORT, _LINEAR_RAW)


def _directory(tags: list[Tag], start: int) -> bytes:
    """An IFD that will stand at byte `start`."""
    values_at = start + 2 + 12 * len(tags) + 4
    table, values = struct.pack("=H", len(tags)), b""
    for code, kind, count, value in tags:
        if kind == RATIONAL:
            data = struct.pack(f"={2 * count}I", *value)
        else:
            data = value if isinstance(value, bytes) else struct.pack(_ONE[kind], value)
        if len(data) > 4:
            values, data = values + data, struct.pack("=I", values_at + len(values))
        table += struct.pack("=HHI", code, kind, count) + data.ljust(4, b"\0")
    return table + bytes(4) + values


def _set(file: BinaryIO, code: int, kind: int, value: int) -> None:
    """Let the tag `code` of the first directory, of a SHORT or LONG, be `value`."""
    file.seek(4)
    (first,) = struct.unpack("=I", file.read(4))
    file.seek(first)
    (count,) = struct.unpack("=H", file.read(2))
    table = file.read(12 * count)
    place = next(i for i in range(count) if struct.unpack_from("=H", table, 12 * i)[0] == code)
    file.seek(first + 2 + 12 * place + 8)
    file.write(struct.pack(_ONE[kind], value))
