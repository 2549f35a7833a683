"""Pictures and taps go out: PNG, TIFF, JPEG and AVIF, upright, with what their colours mean and no camera metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isp.errors import InputError, OutputError, UsageError
from isp.io.atomic import atomic_write, check_writable
from isp.io.icc import icc_profile
from isp.io.source import shown
from isp.io.write_codec import HDR, avif, jpeg, png
from isp.io.write_resize import Resize, resized
from isp.values import Mosaic, Picture, RawFrame, oriented

FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".jpg": "jpeg", ".jpeg": "jpeg", ".avif": "avif"}
"""Format by suffix."""
DEPTHS = {"png": (8, 16), "tiff": (8, 16, 32), "jpeg": (8,), "avif": (8, 10, 12)}
"""Bits per channel of each format; 32 is float."""
CHROMA = ("auto", 420, 444)
"""How JPEG and AVIF store colour; auto is 444 from quality 90 on."""

_LONGEST = {"jpeg": 65_500, "avif": 65_535}
"""The longest sides that libjpeg and AV1 take [px]."""
_STRIP_BYTES = 1 << 22
"""Quantised at a time, so that a float picture needs no second float copy."""


def output_format(path: str | os.PathLike[str], format: str | None = None) -> str:
    """The format to write at `path`: `format` if given, else by suffix.

    Raises
    ------
    UsageError
        Unknown format or suffix; the known ones are listed.
    """
    if format is not None:
        known = {**{v: v for v in FORMATS.values()}, **{k[1:]: v for k, v in FORMATS.items()}}
        if format.lower() not in known:
            raise UsageError(f"unknown output format {format!r}; formats: {', '.join(sorted(known))}")
        return known[format.lower()]
    suffix = Path(os.fspath(path)).suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"{shown(path)}: cannot tell the output format from {suffix!r}; known: {', '.join(FORMATS)}")
    return FORMATS[suffix]


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    bits: int | None = None,
    quality: int = 92,
    chroma: str | int = "auto",
    resize: Resize | Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a picture, upright, with its space and transfer: as ICC profile, in AVIF as CICP, in PNG of HDR as both.

    Parameters
    ----------
    picture : pixels outside 0..1 are clipped unless the file holds floats
    path : where; its suffix names the format unless `format` does
    format : ``png``, ``tiff``, ``jpeg`` or ``avif``
    bits : per channel: 8 or 16, 32 for float TIFF, 8, 10 or 12 for AVIF; None is the picture's own depth, at most what
        the format holds (a float picture becomes 8 bits in PNG and JPEG, 10 in AVIF, and no less than 10 if its
        transfer is PQ or HLG)
    quality : of JPEG and AVIF, 1..100
    chroma : of JPEG and AVIF: 420, 444, or ``auto``, which keeps colour at full resolution from quality 90 on
    resize : another size, ``{"long_side": 2048}`` (or ``width``, ``height``, ``scale``); filtered in linear light
    overwrite : True if a file at `path` may be replaced

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    UsageError
        A format, depth, quality, chroma or size that does not exist; PQ or HLG in 8 bits.
    OutputError
        The file cannot be written; what was there is untouched.
    """
    kind = output_format(path, format)
    depth = output_depth(kind, picture.transfer, bits, picture.bits)
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise UsageError(f"quality {quality} must be a whole number in 1..100")
    if chroma not in CHROMA:
        raise UsageError(f"chroma {chroma!r} is not known; allowed: {', '.join(map(str, CHROMA))}")
    if resize is not None and not isinstance(resize, Resize):
        resize = Resize.of(resize)
    target = check_writable(path, overwrite)
    pixels = oriented(picture.pixels, picture.orientation)
    size = pixels.shape[:2] if resize is None else resize.size(pixels.shape[:2])
    if max(size) > _LONGEST.get(kind, max(size)):
        raise OutputError(f"{shown(path)}: {kind} sides end at {_LONGEST[kind]} px, the picture is {size[::-1]}")
    if size != pixels.shape[:2]:
        pixels = resized(pixels, size, picture.transfer)
    # encoders want rows one after the other; a turned picture is copied here, once
    own = pixels.dtype.itemsize * 8
    pixels = np.ascontiguousarray(pixels) if own == depth else quantized(pixels, depth)
    profile = icc_profile(picture.space, picture.transfer)
    if kind == "tiff":
        with atomic_write(target, overwrite) as file:
            _write_tiff(file, pixels, profile, None)
        return target
    if kind == "png":
        parts = png(pixels, profile, picture.space, picture.transfer)
    elif kind == "jpeg":
        parts = jpeg(pixels, profile, quality, chroma)
    else:
        parts = avif(pixels, depth, picture.space, picture.transfer, quality, chroma)
    with atomic_write(target, overwrite) as file:
        for part in parts:
            file.write(part)
    return target


def write_value(value: Picture | Mosaic | RawFrame, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Write a tapped value as TIFF, exactly: float32 (codes and digital numbers keep their integer type).

    Pixels stay as the sensor has them; the TIFF's Orientation tag says how to turn them. ImageDescription holds, as
    JSON, what the numbers mean.

    Raises
    ------
    UsageError
        The suffix is not ``.tif`` or ``.tiff``.
    OutputError
        The file cannot be written; what was there is untouched.
    """
    if Path(os.fspath(path)).suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"{shown(path)}: taps are written as TIFF; known suffixes: .tif, .tiff")
    if isinstance(value, Picture):
        pixels, profile, turn = value.pixels, icc_profile(value.space, value.transfer), value.orientation
        meaning: dict[str, Any] = {"space": value.space, "transfer": value.transfer, "referred": value.referred}
    elif isinstance(value, Mosaic):
        pixels, profile, turn = value.data, None, value.info.orientation
        meaning = {"domain": "mosaic", "cfa": str(value.cfa), "black": 0, "white": 1}
    elif isinstance(value, RawFrame):
        pixels, profile, turn = value.data, None, value.info.orientation
        meaning = {"domain": "raw", "cfa": str(value.cfa), "black": value.black.tolist(), "white": value.white}
    else:
        raise InputError(f"{type(value).__name__} cannot be written; Picture, Mosaic or RawFrame can")
    target = check_writable(path, overwrite)
    with atomic_write(target, overwrite) as file:
        _write_tiff(file, np.ascontiguousarray(pixels), profile, json.dumps(meaning), turn)
    return target


def quantized(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """`pixels` (H, W, 3) as codes of `bits` 8 to 16 (rounded, clipped to 0..1) or, for 32, as float32 values."""
    if bits == 32:
        scale = np.float32(np.iinfo(pixels.dtype).max)
        return np.ascontiguousarray(pixels.astype(np.float32) / scale)
    top = np.float32(2**bits - 1)
    scale = top if pixels.dtype.kind == "f" else top / np.float32(np.iinfo(pixels.dtype).max)
    out = np.empty(pixels.shape, np.uint8 if bits == 8 else np.uint16)
    rows = max(1, _STRIP_BYTES // max(1, pixels[:1].size * 4))
    for y in range(0, len(out), rows):
        strip = np.multiply(pixels[y : y + rows], scale, dtype=np.float32)
        out[y : y + rows] = np.rint(np.clip(strip, 0, top, out=strip), out=strip)
    return out


def output_depth(kind: str, transfer: str, bits: int | None, own: int = 32) -> int:
    """Bits per channel to write: `bits`, or what suits a picture of `own` bits.

    Raises
    ------
    UsageError
        The format does not hold them, or they are too few for PQ and HLG (ITU-R BT.2100 has 10 and 12).
    """
    allowed = DEPTHS[kind]
    enough = [n for n in allowed if n >= 10] if transfer in HDR else list(allowed)
    if not enough:
        raise UsageError(f"{kind} has 8 bits per channel, too few for {transfer}; allowed: avif, png or tiff")
    if bits is None:
        return own if own in enough else enough[0] if kind != "avif" or own == 8 else 10
    if bits not in allowed:
        raise UsageError(f"{kind} with {bits} bits; {kind} holds {', '.join(map(str, allowed))} bits per channel")
    if bits not in enough:
        raise UsageError(f"{bits} bits are too few for {transfer}; allowed in {kind}: {', '.join(map(str, enough))}")
    return bits


def _write_tiff(
    file: BinaryIO, pixels: NDArray[Any], profile: bytes | None, description: str | None, turn: int = 1
) -> None:
    import tifffile

    # 32-bit offsets end at 4 GB
    with tifffile.TiffWriter(file, bigtiff=pixels.nbytes > 3_900_000_000) as tiff:
        offset, _ = tiff.write(
            None,
            shape=pixels.shape,
            dtype=pixels.dtype,
            photometric="rgb" if pixels.ndim == 3 else "minisblack",
            iccprofile=profile,
            description=description,
            metadata=None,
            software=False,
            extratags=[(274, 3, 1, turn, True)],
            rowsperstrip=max(1, _STRIP_BYTES // pixels[:1].nbytes),
            returnoffset=True,
        )
    # tifffile leaves the space, we fill it: it would use numpy's tofile, which misses a full disk at the last bytes
    file.seek(offset)
    file.write(pixels.data)
