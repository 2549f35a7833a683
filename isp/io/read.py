"""The front door: a path becomes a `RawFrame`, or one clear line about why not."""

from __future__ import annotations

import os
from pathlib import Path

from isp.errors import InputError
from isp.io.dump import RawDump, read_dump
from isp.io.limits import DEFAULT_LIMITS, Limits
from isp.io.source import Source, found, open_source
from isp.values import RawFrame

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PANASONIC = b"IIU\0"
_HEAD = 512
_DUMPS = (".raw", ".bin")
_HINT = "a headerless dump needs --raw width=...,height=...,cfa=...,bits=..."


def read_raw(
    path: str | os.PathLike[str],
    *,
    dump: RawDump | None = None,
    limits: Limits = DEFAULT_LIMITS,
    in_process: bool = False,
) -> RawFrame:
    """Read a raw file: DNG, a camera's own format, or a headerless dump.

    Parameters
    ----------
    path : the file
    dump : what a headerless dump holds (see `RawDump`, `parse_dump`); None for files that describe themselves
    limits : what the file may ask for
    in_process : decode in this process what LibRaw must decode; faster, for files that are trusted

    Returns
    -------
    RawFrame
        uint16 (or uint32) [DN] of the active area, with all the file says; `info.warnings` lists what was skipped.

    Raises
    ------
    InputError
        Missing, not a regular file, not a raw file, truncated, damaged, contradictory or not supported.
    LimitError
        Larger than `limits` allow.

    Examples
    --------
    >>> frame = read_raw("IMG_0001.dng")  # doctest: +SKIP
    >>> frame = read_raw("chart.raw", dump=parse_dump("width=1920,height=1080,cfa=RGGB,bits=10"))  # doctest: +SKIP
    """
    with open_source(Path(os.fspath(path)), limits) as source:
        try:
            return _read(source, dump, limits, in_process)
        except InputError as error:
            # the values check themselves without knowing which file they come from
            if source.name in str(error):
                raise
            raise InputError(f"{source.name}: {error}") from error
        except OSError as error:
            raise InputError(f"{source.name}: cannot be read: {error.strerror or error}") from error


def _read(source: Source, dump: RawDump | None, limits: Limits, in_process: bool) -> RawFrame:
    if dump is not None:
        return read_dump(source, dump, limits)
    head = os.pread(source.file.fileno(), _HEAD, 0)
    kind = found(head)
    if kind:
        hint = ""
        if kind == "zero bytes" or source.path.suffix.lower() in _DUMPS:
            hint = f"; {_HINT}"
        raise InputError(f"{source.name}: not a RAW file: found {kind}{hint}")
    if head.startswith(_TIFF):
        return _read_tiff(source, limits, in_process)
    return _read_other(source, head, limits, in_process)


def _read_tiff(source: Source, limits: Limits, in_process: bool) -> RawFrame:
    from isp.io.dng import is_dng, read_dng
    from isp.io.dng.ifd import open_ifds

    with open_ifds(source, limits) as ifds:
        if not ifds:
            raise InputError(f"{source.name}: not a RAW file: found TIFF without images")
        if is_dng(ifds):
            return read_dng(ifds, source, limits, in_process)
        # a camera format names its maker; a plain picture does not
        if not ifds[0].text(271):
            raise InputError(f"{source.name}: not a RAW file: found TIFF")
    from isp.io.camera_raw import read_camera_raw

    return read_camera_raw(source, limits, in_process)


def _read_other(source: Source, head: bytes, limits: Limits, in_process: bool) -> RawFrame:
    from isp.io.camera_raw import read_camera_raw

    # LibRaw takes a headerless dump of a size it knows for some camera's, with a pattern and matrix it makes up
    if source.path.suffix.lower() in _DUMPS and not head.startswith(_PANASONIC):
        raise InputError(f"{source.name}: not a RAW file that describes itself; {_HINT}")
    return read_camera_raw(source, limits, in_process)
